/** What the source's catalogue says: its server, its tables and types, the slot and the publication. Reads; changes nothing. */
import { z } from 'zod';
import { parseLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { KeyColumn } from './core/chunk.ts';
import type { ShapeFacts } from './core/drift.ts';
import type { IdentityFacts } from './core/identity.ts';
import type { TableFacts } from './core/relation.ts';
import type { Slot } from './core/slot.ts';
import type { TypeInfo, Types } from './core/value.ts';
import { CdcError } from './errors.ts';
import type { Row, Sql } from './wire.ts';

/** A table that could be captured. */
export interface Table extends TableFacts, IdentityFacts, ShapeFacts {
  readonly oid: number;
  /** How it can be read in chunks; empty when it cannot. */
  readonly chunkKey: readonly KeyColumn[];
  /** The planner's idea of the number of rows; null before the first ANALYZE. */
  readonly estimatedRows: number | null;
  readonly partitioned: boolean;
  /** Whether our role may read its rows. */
  readonly readable: boolean;
}

export interface Server {
  /** 180004 for 18.4. */
  readonly version: number;
  readonly walLevel: string;
  readonly inRecovery: boolean;
  readonly segmentBytes: bigint;
}

export async function readServer(sql: Sql): Promise<Server> {
  const [row] = await sql.rows(
    `SELECT current_setting('server_version_num'), current_setting('wal_level'), pg_is_in_recovery(),
            (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size')`,
  );
  const [version, walLevel, recovery, segment] = row ?? [];
  return {
    version: Number(version),
    walLevel: walLevel ?? '',
    inRecovery: recovery === 't',
    segmentBytes: BigInt(segment ?? 0),
  };
}

const tableRow = z.object({
  oid: z.number(),
  schema: z.string(),
  table: z.string(),
  partitioned: z.boolean(),
  readable: z.boolean(),
  file: z.number(),
  identity: z.enum(['d', 'n', 'f', 'i']),
  estimate: z.number(),
  primary: z.array(z.string()),
  immediate: z.boolean(),
  identityIndex: z.array(z.string()),
  columns: z.array(
    z.object({
      name: z.string(),
      number: z.number(),
      type: z.number(),
      modifier: z.number(),
      sqlType: z.string(),
      notNull: z.boolean(),
      chunkable: z.boolean(),
      generated: z.boolean(),
      filled: z.boolean(),
    }),
  ),
});

// Nothing in here takes a lock on a table: whoever holds one back by an ALTER TABLE would hold us back, too, and, where we
// have a lock ourselves (copy.ts), wait for us at the same time.
// Keys are compared by operators of pg_catalog only: those of an extension's types may be out of the search path.
const TABLE_SQL = `
  SELECT json_build_object(
    'oid', c.oid::int8, 'schema', n.nspname, 'table', c.relname, 'partitioned', c.relkind = 'p',
    'file', c.relfilenode::int8,
    'readable', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
    'identity', c.relreplident, 'estimate', c.reltuples,
    'primary', coalesce(p.names, '[]'), 'immediate', coalesce(p.indimmediate, false),
    'identityIndex', coalesce(i.names, '[]'),
    'columns', coalesce((
      SELECT json_agg(json_build_object(
        'name', a.attname, 'number', a.attnum, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
        'sqlType', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
        'chunkable', t.typtype = 'e' OR t.typnamespace = 'pg_catalog'::regnamespace,
        'generated', a.attgenerated <> '', 'filled', a.atthasmissing OR d.oid IS NOT NULL) ORDER BY a.attnum)
      FROM pg_attribute a
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated IN ('', 's')
    ), '[]'))
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
    SELECT x.indimmediate, json_agg(a.attname ORDER BY k.place) AS names
    FROM pg_index x
    CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
    WHERE x.indrelid = c.oid AND x.indisprimary AND k.place <= x.indnkeyatts
    GROUP BY x.indexrelid, x.indimmediate
  ) p ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(a.attname ORDER BY k.place) AS names
    FROM pg_index x
    CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
    WHERE x.indrelid = c.oid AND x.indisreplident AND k.place <= x.indnkeyatts
  ) i ON true`;

export interface TableOptions {
  /** Partitioned tables as one, rather than partition by partition. */
  readonly viaRoot: boolean;
  /** Whether stored generated columns are in the stream; where they are not, a snapshot leaves them out, too. */
  readonly generated: boolean;
}

/** Every table that could be captured: ordinary, permanent, not the system's. In order of name. */
export async function readTables(sql: Sql, options: TableOptions): Promise<readonly Table[]> {
  const kind = options.viaRoot ? `c.relkind IN ('r', 'p') AND NOT c.relispartition` : `c.relkind = 'r'`;
  const rows = await sql.rows(
    `${TABLE_SQL} WHERE ${kind} AND c.relpersistence = 'p' AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'banyan_log') -- A log that captured itself would never come to an end.
     ORDER BY n.nspname, c.relname`,
  );
  return rows.map((row) => asTable(row, options.generated));
}

/** @returns null when there is no such table (any more) */
export async function readTable(sql: Sql, oid: number, options: TableOptions): Promise<Table | null> {
  const [row] = await sql.rows(`${TABLE_SQL} WHERE c.oid = $1::oid`, [String(oid)]);
  return row === undefined ? null : asTable(row, options.generated);
}

function asTable(row: Row, generated: boolean): Table {
  const found = tableRow.parse(JSON.parse(row[0] ?? 'null'));
  const columns = found.columns.filter((column) => generated || !column.generated);
  const identityNames = found.identity === 'i' ? found.identityIndex : found.immediate ? found.primary : [];
  const keys = found.primary.flatMap((name) => columns.filter((column) => column.name === name));
  return {
    oid: found.oid,
    schema: found.schema,
    table: found.table,
    identity: found.identity,
    primaryKey: found.primary,
    columns: columns.map(({ name, notNull }) => ({ name, notNull })),
    shape: columns.map(({ name, type, modifier }) => {
      return { name, type, modifier, identity: found.identity === 'f' || identityNames.includes(name) };
    }),
    numbers: columns.map(({ number }) => number),
    chunkKey: keys.every(({ chunkable }) => chunkable) ? keys.map(({ name, sqlType: type }) => ({ name, type })) : [],
    estimatedRows: found.estimate < 0 ? null : found.estimate,
    partitioned: found.partitioned,
    readable: found.readable,
    file: found.file,
    filled: columns.filter(({ filled }) => filled).map(({ name }) => name),
    identityIndex: found.identityIndex.length > 0,
    servingKey: found.primary.length > 0 && found.immediate,
  };
}

/**
 * The defaults of a table's columns, as SQL by name.
 * @param sql should have a short lock timeout: this waits for an ALTER TABLE that is under way
 */
export async function readDefaults(sql: Sql, oid: number): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.rows(
    `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid)
     FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE d.adrelid = $1::oid AND a.attgenerated = ''`,
    [String(oid)],
  );
  return new Map(rows.map(([name, text]) => [name ?? '', text ?? '']));
}

const KINDS: Readonly<Record<string, TypeInfo['kind']>> = {
  b: 'base',
  c: 'composite',
  d: 'domain',
  e: 'enum',
  p: 'pseudo',
  r: 'range',
  m: 'multirange',
};

export async function readTypes(sql: Sql): Promise<Types> {
  // An array is a type that another one names as its array; `typelem` alone is also set for points, names and vectors.
  const rows = await sql.rows(
    `SELECT t.oid, t.typname, t.typtype, coalesce(e.oid, 0), coalesce(e.typdelim, ','), t.typbasetype, t.typtypmod
     FROM pg_type t LEFT JOIN pg_type e ON e.typarray = t.oid`,
  );
  return new Map(
    rows.map(([oid, name, kind, element, delimiter, base, modifier]) => {
      const type: TypeInfo = {
        oid: Number(oid),
        name: name ?? '',
        kind: KINDS[kind ?? ''] ?? 'base',
        element: Number(element),
        delimiter: delimiter ?? ',',
        base: Number(base),
        baseModifier: Number(modifier),
      };
      return [type.oid, type];
    }),
  );
}

export interface SlotRow extends Slot {
  /** Bytes of WAL that the slot holds back. */
  readonly retainedBytes: number | null;
  /** How many more before the server may give the slot up; null: it never does. */
  readonly safeBytes: number | null;
}

/** @returns null when there is no slot of that name */
export async function readSlot(sql: Sql, name: string): Promise<SlotRow | null> {
  const [row] = await sql.rows(
    `SELECT slot_type, plugin, database, active_pid, confirmed_flush_lsn, wal_status,
            to_jsonb(s)->>'invalidation_reason', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), safe_wal_size
     FROM pg_replication_slots s WHERE slot_name = $1::name`,
    [name],
  );
  if (row === undefined) return null;
  const [kind, plugin = null, database = null, pid = null, confirmed = null, status, reason = null] = row;
  return {
    kind: kind === 'logical' ? 'logical' : 'physical',
    plugin,
    database,
    activePid: pid === null ? null : Number(pid),
    confirmed: confirmed === null ? null : parseLsn(confirmed),
    invalidated: reason ?? (status === 'lost' ? 'wal_removed' : null),
    retainedBytes: count(row[7]),
    safeBytes: count(row[8]),
  };
}

function count(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

export interface Publication {
  /** FOR ALL TABLES, or for whole schemas: its list of tables is not ours to keep. */
  readonly wide: boolean;
  /** Of insert, update, delete, truncate. */
  readonly leavesOut: readonly string[];
  readonly viaRoot: boolean;
  readonly generated: boolean;
  /** `oid` of each table in it. */
  readonly tables: ReadonlySet<number>;
}

/** @returns null when there is no publication of that name */
export async function readPublication(sql: Sql, name: string): Promise<Publication | null> {
  const [row] = await sql.rows(
    `SELECT puballtables OR EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = p.oid), pubinsert, pubupdate,
            pubdelete, pubtruncate, pubviaroot, coalesce(to_jsonb(p)->>'pubgencols', 'n')
     FROM pg_publication p WHERE pubname = $1::name`,
    [name],
  );
  if (row === undefined) return null;
  const tables = await sql.rows(
    `SELECT c.oid FROM pg_class c, pg_publication p
     WHERE p.pubname = $1::name AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND (
       p.puballtables
       OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace)
       OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid IN (
            SELECT c.oid UNION ALL SELECT relid FROM pg_partition_ancestors(c.oid))))`,
    [name],
  );
  const kinds = ['insert', 'update', 'delete', 'truncate'];
  return {
    wide: row[0] === 't',
    leavesOut: kinds.filter((_kind, index) => row[index + 1] !== 't'),
    viaRoot: row[5] === 't',
    generated: row[6] === 's',
    tables: new Set(tables.map(([oid]) => Number(oid))),
  };
}

/** What `IDENTIFY_SYSTEM` says. */
export interface System {
  readonly system: string;
  readonly timeline: number;
  readonly walEnd: Lsn;
}

/** @throws CdcError CDC_STREAM when the answer is none */
export function asSystem(row: Readonly<Record<string, string | null>> | undefined): System {
  const walEnd = parseLsn(row?.['xlogpos'] ?? '');
  const system = row?.['systemid'] ?? null;
  if (walEnd === null || system === null) throw new CdcError('CDC_STREAM', 'the server did not identify itself');
  return { system, timeline: Number(row?.['timeline']), walEnd };
}
