/**
 * The SQL of the read model, made from `tables.ts`. A **copy** is a schema of its own (`read_1`) with every table, its
 * checkpoints and its watermarks; the schema `read` holds views of the copy that is live, and is what everybody reads.
 *
 * A row carries the position of the change that it came from and is only ever replaced by a later one. A deleted row stays,
 * marked, so that a snapshot row which comes late does not revive it; a truncation removes rows for good and leaves a floor.
 */
import { missableBit, type Column, type Kind, type Table } from './tables.ts';

/** A column's type in the read model, and as what its values travel in an array parameter. */
const types: Readonly<Record<Kind, { readonly column: string; readonly parameter: string }>> = {
  integer: { column: 'bigint', parameter: 'int8' },
  decimal: { column: 'numeric', parameter: 'text' },
  boolean: { column: 'boolean', parameter: 'bool' },
  text: { column: 'text COLLATE "C"', parameter: 'text' },
  texts: { column: 'text[]', parameter: 'text' },
  json: { column: 'json', parameter: 'text' },
  timestamp: { column: 'timestamp', parameter: 'timestamp' },
  instant: { column: 'timestamptz', parameter: 'timestamptz' },
  date: { column: 'date', parameter: 'date' },
};

/** An element type that an array parameter may have. */
export type Element = 'int4' | 'int8' | 'text' | 'bool' | 'timestamp' | 'timestamptz' | 'date' | 'pg_lsn';

/** The array parameters of `upsert` and `fill`, in order: the columns, then `bookkeeping`. */
export function parametersOf(table: Table): readonly Element[] {
  const columns = table.columns.map(({ kind }) => types[kind].parameter as Element);
  return [...columns, ...bookkeeping.map(({ element }) => element)];
}

/** What a row carries besides its columns. `missing`: bits of the values that have not come yet. */
const bookkeeping: readonly { readonly name: string; readonly element: Element; readonly type: string }[] = [
  { name: 'at_incarnation', element: 'int4', type: 'integer NOT NULL' },
  { name: 'at_lsn', element: 'pg_lsn', type: 'pg_lsn NOT NULL' },
  { name: 'at_index', element: 'int4', type: 'integer NOT NULL' },
  { name: 'deleted', element: 'bool', type: 'boolean NOT NULL' },
  { name: 'missing', element: 'int4', type: 'integer NOT NULL' },
];

/** An identifier, safely quoted. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Everything that a copy consists of, empty.
 * @param copy the schema's name
 */
export function createCopy(copy: string, tables: readonly Table[]): readonly string[] {
  const schema = quote(copy);
  return [
    `CREATE SCHEMA ${schema}`,
    `CREATE TABLE ${schema}.checkpoints (partition text PRIMARY KEY, next bigint NOT NULL DEFAULT 0,
       incarnation integer NOT NULL DEFAULT 0, records bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50)`,
    `CREATE TABLE ${schema}.applied (source text PRIMARY KEY, epoch text NOT NULL, lsn pg_lsn NOT NULL,
       record_offset bigint NOT NULL, record_ms bigint NOT NULL) WITH (fillfactor = 50)`,
    `CREATE TABLE ${schema}.floors (name text PRIMARY KEY, at_incarnation integer NOT NULL DEFAULT 0,
       at_lsn pg_lsn NOT NULL DEFAULT '0/0', at_index integer NOT NULL DEFAULT 0)`,
    `CREATE TABLE ${schema}.snapshot (over boolean NOT NULL)`,
    `INSERT INTO ${schema}.snapshot VALUES (false)`,
    advanceFunction(schema),
    ...tables.flatMap((table) => createTable(schema, table)),
  ];
}

/**
 * The fence of every batch: moves the checkpoints from where the caller believes them to be, or raises OR001. Two writers of
 * one copy cannot both succeed, and a copy that was retired (its checkpoints are gone) takes nothing more.
 */
function advanceFunction(schema: string): string {
  return `CREATE FUNCTION ${schema}.advance(names text[], expected bigint[], following bigint[], incarnations integer[], counts bigint[])
    RETURNS void LANGUAGE plpgsql AS $$
    DECLARE moved integer;
    BEGIN
      UPDATE ${schema}.checkpoints c
      SET next = v.following, incarnation = greatest(c.incarnation, v.incarnation), records = c.records + v.count
      FROM unnest(names, expected, following, incarnations, counts) AS v(name, expected, following, incarnation, count)
      WHERE c.partition = v.name AND c.next = v.expected;
      GET DIAGNOSTICS moved = ROW_COUNT;
      IF moved <> cardinality(names) THEN
        RAISE EXCEPTION 'the checkpoint of this copy was moved by another process' USING ERRCODE = 'OR001';
      END IF;
    END $$`;
}

function createTable(schema: string, table: Table): readonly string[] {
  const name = `${schema}.${quote(table.name)}`;
  const columns = table.columns.map(({ name: column, kind }) => `${quote(column)} ${types[kind].column}`);
  const extra = bookkeeping.map(({ name: column, type }) => `${column} ${type}`);
  const key = keyOf(table).map(quote).join(', ');
  return [
    // Rows are updated where they stand as long as their page has room for one more version of them.
    `CREATE TABLE ${name} (${[...columns, ...extra].join(', ')}, PRIMARY KEY (${key})) WITH (fillfactor = 85)`,
    ...table.indexes.map((index) => `CREATE INDEX ON ${name} (${index}) WHERE NOT deleted`),
    ...(isMissable(table) ? [`CREATE INDEX ON ${name} (missing) WHERE missing <> 0`] : []),
    `INSERT INTO ${schema}.floors (name) VALUES (${literal(table.name)})`,
  ];
}

/** Makes `read.<table>` show the living rows of a copy. */
export function createView(copy: string, table: Table): string {
  const columns = table.columns.map(({ name }) => quote(name)).join(', ');
  return `CREATE OR REPLACE VIEW read.${quote(table.name)} AS
    SELECT ${columns} FROM ${quote(copy)}.${quote(table.name)} WHERE NOT deleted`;
}

const POSITION = '(%.at_incarnation, %.at_lsn, %.at_index)';

/** The position columns of the relation called `alias`, as a row to compare. */
function positionOf(alias: string): string {
  return POSITION.replaceAll('%', alias);
}

/**
 * Applies one round of changes: a row is written when none is there, or an earlier one. What a change did not carry stays.
 * The count of rows that it returns is of those written.
 *
 * @param condition on which anything is written at all
 */
export function upsert(copy: string, table: Table, condition = 'true'): string {
  const names = [...table.columns.map(({ name }) => quote(name)), ...bookkeeping.map(({ name }) => name)];
  const values = [...table.columns.map((column) => converted(column)), ...bookkeeping.map(({ name }) => `s.${name}`)];
  return `INSERT INTO ${quote(copy)}.${quote(table.name)} AS t (${names.join(', ')})
    SELECT ${values.join(', ')} FROM ${source(copy, table)} AND ${condition}
    ON CONFLICT (${keyOf(table).map(quote).join(', ')}) DO UPDATE SET ${assignments(table).join(', ')}
    WHERE ${positionOf('excluded')} > ${positionOf('t')}`;
}

/**
 * A whole batch in one statement, for batches that change one table once (at a steady trickle all of them): moves the
 * checkpoints, takes the watermark, and upserts. What `BEGIN`, three statements and `COMMIT` do, in one round trip: measured,
 * it shows a change 0.2 ms earlier. The parameters: those of {@link upsert}, then the five of `advance`, then the watermark's
 * source (null: none), epoch, LSN, offset and time.
 */
export function whole(copy: string, table: Table): string {
  const first = parametersOf(table).length + 1;
  const at = (offset: number, type: string): string => `$${first + offset}::${type}`;
  const moves = ['text[]', 'int8[]', 'int8[]', 'int4[]', 'int8[]'].map((type, index) => at(index, type));
  const mark = ['text', 'text', 'pg_lsn', 'int8', 'int8'].map((type, index) => at(moves.length + index, type));
  // The fence is a condition of its own, so that it is asked once, and before any row.
  return `WITH fence AS MATERIALIZED (SELECT ${quote(copy)}.advance(${moves.join(', ')})),
    mark AS (${takeWatermark(copy, `SELECT ${mark.join(', ')} WHERE ${mark[0]} IS NOT NULL`)})
    ${upsert(copy, table, 'EXISTS (SELECT FROM fence)')}`;
}

/** Stores the watermark that `rows` yields: source, epoch, LSN, offset and time of its record. */
export function takeWatermark(copy: string, rows: string): string {
  return `INSERT INTO ${quote(copy)}.applied AS a ${rows}
    ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch, lsn = excluded.lsn,
      record_offset = excluded.record_offset, record_ms = excluded.record_ms`;
}

function assignments(table: Table): readonly string[] {
  const columns = table.columns.slice(table.keys).map(({ name }, offset) => {
    const bit = missableBit(table, table.keys + offset);
    const column = quote(name);
    if (bit === 0) return `${column} = excluded.${column}`;
    return `${column} = CASE WHEN excluded.missing & ${bit} <> 0 AND NOT t.deleted THEN t.${column} ELSE excluded.${column} END`;
  });
  const extra = bookkeeping.map(({ name }) =>
    name === 'missing'
      ? 'missing = CASE WHEN t.deleted THEN excluded.missing ELSE excluded.missing & t.missing END'
      : `${name} = excluded.${name}`,
  );
  return [...columns, ...extra];
}

/**
 * Gives rows that still lack a value the one of an earlier change that came late. Only for tables where a value can be
 * missing, and only worth asking for while a row does lack one.
 */
export function fill(copy: string, table: Table): string {
  const columns = table.columns.flatMap((column, index) => {
    const bit = missableBit(table, index);
    if (bit === 0) return [];
    const name = quote(column.name);
    return [`${name} = CASE WHEN t.missing & ~s.missing & ${bit} <> 0 THEN ${converted(column)} ELSE t.${name} END`];
  });
  return `UPDATE ${quote(copy)}.${quote(table.name)} t SET ${columns.join(', ')}, missing = t.missing & s.missing
    FROM ${source(copy, table)}
      AND ${keyOf(table)
        .map((name) => `t.${quote(name)} = s.${quote(name)}`)
        .join(' AND ')}
      AND t.missing & ~s.missing <> 0 AND NOT t.deleted AND NOT s.deleted AND ${positionOf('s')} < ${positionOf('t')}`;
}

/** Whether a row of the table lacks a value. */
export function incomplete(copy: string, table: Table): string {
  return `SELECT EXISTS (SELECT FROM ${quote(copy)}.${quote(table.name)} WHERE missing <> 0) AS incomplete`;
}

/** The parameters as rows `s`, without those below the table's floor. */
function source(copy: string, table: Table): string {
  const parameters = parametersOf(table).map((element, index) => `$${index + 1}::${element}[]`);
  const names = [...table.columns.map(({ name }) => quote(name)), ...bookkeeping.map(({ name }) => name)];
  return `unnest(${parameters.join(', ')}) AS s(${names.join(', ')}), ${quote(copy)}.floors f
    WHERE f.name = ${literal(table.name)} AND ${positionOf('s')} >= ${positionOf('f')}`;
}

function converted({ name, kind }: Column): string {
  const { column, parameter } = types[kind];
  const type = column.split(' ')[0] ?? column;
  return type === parameter || parameter !== 'text' ? `s.${quote(name)}` : `s.${quote(name)}::${type}`;
}

/** Raises a table's floor to `$1, $2, $3` (incarnation, LSN, index), unless it is higher already. */
export function raiseFloor(copy: string, table: Table): string {
  return `UPDATE ${quote(copy)}.floors SET at_incarnation = $1, at_lsn = $2, at_index = $3
    WHERE name = ${literal(table.name)} AND ($1::integer, $2::pg_lsn, $3::integer) > (at_incarnation, at_lsn, at_index)`;
}

/** Removes what lies below the table's floor, for good. */
export function clearBelowFloor(copy: string, table: Table): string {
  return `DELETE FROM ${quote(copy)}.${quote(table.name)} t USING ${quote(copy)}.floors f
    WHERE f.name = ${literal(table.name)} AND ${positionOf('t')} < ${positionOf('f')}`;
}

/** Whether a value of the table can be missing. */
export function isMissable(table: Table): boolean {
  return table.columns.some((_, index) => missableBit(table, index) !== 0);
}

function keyOf(table: Table): readonly string[] {
  return table.columns.slice(0, table.keys).map(({ name }) => name);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
