/**
 * A table's rows as JSON text, by a writer that is put together once for each shape of the table: the names of the columns
 * are written down with their quotes and commas, and each type's function is found beforehand. No object is made of a row.
 */
import { plainName, topicOf, type TableName } from './name.ts';
import type { Cell, Cells, OldRow, RelationColumn, RelationMessage } from './pgoutput.ts';
import { formatOf, textJson, type Format, type Modes, type Types } from './value.ts';

/** What the catalogue says of a column, beyond what the stream does. */
export interface ColumnFacts {
  readonly name: string;
  readonly notNull: boolean;
}

/** What the catalogue says of a table. */
export interface TableFacts extends TableName {
  readonly columns: readonly ColumnFacts[];
  /** In order of the index; empty when there is none. */
  readonly primaryKey: readonly string[];
}

/** Columns' defaults as SQL, by name. */
export type Defaults = ReadonlyMap<string, string>;

export interface RelationOptions {
  /** Of topics. */
  readonly prefix: string;
  readonly modes: Modes;
  /** Debezium's `converter.replace.null.with.default`. */
  readonly defaultsForNull: boolean;
  readonly defaults: Defaults;
}

/** How many events of each kind were made. */
export interface OpCounts {
  c: number;
  u: number;
  d: number;
  r: number;
  t: number;
}

export interface Relation extends TableName {
  readonly oid: number;
  readonly topic: string;
  /** `public.orders`. */
  readonly name: string;
  readonly columns: readonly string[];
  /** Whether it is one of the tables that were asked for; others may share the publication. */
  readonly wanted: boolean;
  /** A short hash of the columns' names and types: another one means that rows read before lack something. */
  readonly shape: string;
  /** `,"schema":"public","table":"orders"`. */
  readonly sourceJson: string;
  readonly counts: OpCounts;
  /** A row as a JSON object. */
  readonly row: (cells: Cells) => string;
  /** The row before a change, as far as the replica identity holds it. */
  readonly oldRow: (old: OldRow) => string;
  /** The key as a JSON object; null for a table that has none. */
  readonly key: (cells: Cells) => string | null;
  /** The key's values as they are in Postgres, in order of the primary key; empty for a table that has none. */
  readonly keyCells: (cells: Cells) => readonly Cell[];
}

/** @param facts null when the catalogue no longer has the table: its changes still come out of the WAL */
export function compileRelation(
  message: RelationMessage,
  facts: TableFacts | null,
  types: Types,
  { prefix, modes, defaultsForNull, defaults, wanted, counts }: RelationOptions & Pick<Relation, 'wanted' | 'counts'>,
): Relation {
  const columns = message.columns.map((column, index): Column => {
    const format = formatOf(column.type, column.modifier, types, modes);
    const known = facts?.columns.find(({ name }) => name === column.name);
    const standard = defaultOf(defaults.get(column.name) ?? '', format);
    const nullJson = defaultsForNull && standard !== null && known?.notNull === false ? standard : 'null';
    return {
      lead: `${index === 0 ? '{' : ','}${textJson(column.name)}:`,
      format,
      nullJson,
      missingJson: known?.notNull === true ? (standard ?? format.fallback) : nullJson,
      identity: column.identity,
    };
  });
  const key = keyIndexes(message, facts?.primaryKey ?? []);
  const keyLeads = key.map((at, index) => `${index === 0 ? '{' : ','}${textJson(message.columns[at]?.name ?? '')}:`);
  return {
    oid: message.oid,
    schema: message.schema,
    table: message.table,
    topic: topicOf(prefix, message),
    name: plainName(message),
    columns: message.columns.map(({ name }) => name),
    wanted,
    shape: shapeOf(message.columns),
    sourceJson: `,"schema":${textJson(message.schema)},"table":${textJson(message.table)}`,
    counts,
    row: (cells) => writeRow(columns, cells),
    oldRow: ({ holds, cells }) => (holds === 'row' ? writeRow(columns, cells) : writeIdentity(columns, cells)),
    key: (cells) => (key.length === 0 ? null : writeKey(columns, keyLeads, key, cells)),
    keyCells: (cells) => key.map((at) => cells[at]),
  };
}

/** `after` with what was not sent taken from the row before, where that is known. */
export function filledIn(after: Cells, old: OldRow | null): Cells {
  if (old === null || old.holds !== 'row' || !after.includes(undefined)) return after;
  return after.map((cell, index) => (cell === undefined ? old.cells[index] : cell));
}

/** Eight characters at most: FNV-1a of the columns in order. */
export function shapeOf(columns: readonly RelationColumn[]): string {
  const text = columns.map(({ name, type, modifier }) => `${name}\n${type}\n${modifier}\n`).join('');
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash.toString(36);
}

interface Column {
  readonly lead: string;
  readonly format: Format;
  readonly nullJson: string;
  /** Where the replica identity leaves the column out. */
  readonly missingJson: string;
  readonly identity: boolean;
}

function writeRow(columns: readonly Column[], cells: Cells): string {
  let json = '';
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    if (column === undefined) break;
    json += column.lead + cellJson(column, cells[index]);
  }
  return json === '' ? '{}' : `${json}}`;
}

function cellJson({ format, nullJson }: Column, cell: Cell): string {
  if (cell === null) return nullJson;
  return cell === undefined ? format.unavailable : format.write(cell);
}

function writeIdentity(columns: readonly Column[], cells: Cells): string {
  const json = columns.map((column, index) => {
    return column.lead + (column.identity ? cellJson(column, cells[index]) : column.missingJson);
  });
  return json.length === 0 ? '{}' : `${json.join('')}}`;
}

function writeKey(columns: readonly Column[], leads: readonly string[], key: readonly number[], cells: Cells): string {
  let json = '';
  for (let index = 0; index < key.length; index += 1) {
    const at = key[index] ?? 0;
    const column = columns[at];
    if (column !== undefined) json += (leads[index] ?? '') + cellJson(column, cells[at]);
  }
  return `${json}}`;
}

/**
 * Which columns make the key: the primary key. The catalogue is as of now and the stream as of then; where they disagree, the
 * stream's own flags are the primary key (replica identity DEFAULT), or nothing is known. A replica identity by an index that
 * leaves columns of the primary key out makes the key itself: a DELETE could not say what it deleted otherwise.
 */
function keyIndexes({ identity, columns }: RelationMessage, primaryKey: readonly string[]): readonly number[] {
  const flagged = columns.flatMap((column, index) => (column.identity ? [index] : []));
  const named = primaryKey.map((name) => columns.findIndex((column) => column.name === name));
  const agrees = named.length > 0 && !named.includes(-1);
  switch (identity) {
    case 'f':
    case 'n':
      return agrees ? named : [];
    case 'd':
      return agrees && named.length === flagged.length && named.every((at) => flagged.includes(at)) ? named : flagged;
    case 'i':
      return agrees && named.every((at) => flagged.includes(at)) ? named : flagged;
  }
}

/** JSON text of a default that is a constant; the type's own zero where it is an expression, as Debezium has it; null for none. */
function defaultOf(sql: string, format: Format): string | null {
  if (sql === '' || /^NULL(?:::|$)/.test(sql)) return null;
  const constant = constantOf(sql);
  return constant === null ? format.fallback : format.write(constant);
}

/** The text of `'pending'::order_status`, `0`, `false`, `'-1'::integer`; null for anything else. */
function constantOf(sql: string): string | null {
  const quotedText = /^'((?:[^']|'')*)'(?:::[\w\s".()[\],]+)?$/.exec(sql);
  if (quotedText?.[1] !== undefined) return quotedText[1].replaceAll("''", "'");
  if (sql === 'true' || sql === 'false') return sql === 'true' ? 't' : 'f';
  return /^-?\d+(?:\.\d+)?$/.test(sql) ? sql : null;
}
