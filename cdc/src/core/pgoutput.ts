/**
 * Reads the messages of Postgres' output plugin `pgoutput`, protocol 1 (transactions arrive whole, in commit order, and only
 * once they are committed). Columns come as strings cut out of the chunk's own text, without a copy where V8 can help it.
 *
 * Pure: bytes in, values out. Nothing is kept from one message to the next.
 */
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Bytes } from './bytes.ts';
import { microseconds } from './walsender.ts';

/** A column's value as Postgres' text. null is NULL; undefined is a TOASTed value that was left alone, and not sent. */
export type Cell = string | null | undefined;

/** A row's values in the order of the relation's columns. */
export type Cells = readonly Cell[];

/** `d` the primary key, `n` nothing, `f` the full row, `i` an index. */
export type Identity = 'd' | 'n' | 'f' | 'i';

export interface Begin {
  readonly kind: 'begin';
  /** Of the commit record; known before the first change comes. */
  readonly commit: Lsn;
  /** When it was committed, microseconds since 1970. */
  readonly atUs: number;
  readonly xid: number;
}

export interface Commit {
  readonly kind: 'commit';
  /** Of the commit record. */
  readonly commit: Lsn;
  /** Just behind it: once this is confirmed, the transaction is not sent again. */
  readonly end: Lsn;
}

/** The transaction came to this server by replication from another. */
export interface Origin {
  readonly kind: 'origin';
  readonly name: string;
  readonly commit: Lsn;
}

export interface RelationColumn {
  readonly name: string;
  readonly type: number;
  /** -1: none. */
  readonly modifier: number;
  /** Whether it belongs to the replica identity (with FULL: every column does). */
  readonly identity: boolean;
}

/** What the columns of the following changes are; sent before a table's first change and after each change of its shape. */
export interface RelationMessage {
  readonly kind: 'relation';
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly identity: Identity;
  readonly columns: readonly RelationColumn[];
}

/** Name of a type that is not built in; the catalogue knows the rest. */
export interface TypeMessage {
  readonly kind: 'type';
  readonly oid: number;
}

export interface Insert {
  readonly kind: 'insert';
  readonly oid: number;
  readonly after: Cells;
}

export interface Update {
  readonly kind: 'update';
  readonly oid: number;
  readonly old: OldRow | null;
  readonly after: Cells;
}

export interface Delete {
  readonly kind: 'delete';
  readonly oid: number;
  readonly old: OldRow;
}

export interface OldRow {
  /** `key`: only the columns of the replica identity are there, the others are null. `row`: all are. */
  readonly holds: 'key' | 'row';
  readonly cells: Cells;
}

export interface Truncate {
  readonly kind: 'truncate';
  readonly oids: readonly number[];
}

/** Something written by `pg_logical_emit_message`. */
export interface LogicalMessage {
  readonly kind: 'message';
  readonly transactional: boolean;
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Uint8Array;
}

export type Message =
  Begin | Commit | Origin | RelationMessage | TypeMessage | Insert | Update | Delete | Truncate | LogicalMessage;

/** Not a message of pgoutput, protocol 1. */
export class PgoutputError extends Error {
  override name = 'PgoutputError';
}

/**
 * Reads one message.
 *
 * @param start offset of the message's type byte
 * @param end offset behind the message
 * @throws PgoutputError when it is none; RangeError when it is cut short
 */
export function readMessage(bytes: Bytes, start: number, end: number): Message {
  const { view } = bytes;
  const at = start + 1;
  switch (bytes.array[start]) {
    case 0x49: // I
      return { kind: 'insert', oid: view.getUint32(at), after: readTuple(bytes, at + 5, end).cells };
    case 0x55: // U
      return readUpdate(bytes, at, end);
    case 0x44: // D
      return { kind: 'delete', oid: view.getUint32(at), old: readOld(bytes, at + 4, end).row };
    case 0x42: // B
      return {
        kind: 'begin',
        commit: toLsn(view.getBigUint64(at)),
        atUs: microseconds(view, at + 8),
        xid: view.getUint32(at + 16),
      };
    case 0x43: // C
      return { kind: 'commit', commit: toLsn(view.getBigUint64(at + 1)), end: toLsn(view.getBigUint64(at + 9)) };
    case 0x52: // R
      return readRelation(bytes, at);
    case 0x59: // Y
      return { kind: 'type', oid: view.getUint32(at) };
    case 0x54: // T
      return readTruncate(view, at);
    case 0x4d: // M
      return readLogicalMessage(bytes, at);
    case 0x4f: // O
      return { kind: 'origin', commit: toLsn(view.getBigUint64(at)), name: readName(bytes, at + 8).text };
    default:
      throw new PgoutputError(
        `message type ${JSON.stringify(String.fromCharCode(bytes.array[start] ?? 0))} is unknown`,
      );
  }
}

function readUpdate(bytes: Bytes, at: number, end: number): Update {
  const oid = bytes.view.getUint32(at);
  if (bytes.array[at + 4] === 0x4e)
    return { kind: 'update', oid, old: null, after: readTuple(bytes, at + 5, end).cells };
  const old = readOld(bytes, at + 4, end);
  return { kind: 'update', oid, old: old.row, after: readTuple(bytes, old.next + 1, end).cells };
}

function readOld(bytes: Bytes, at: number, end: number): { readonly row: OldRow; readonly next: number } {
  const holds = bytes.array[at] === 0x4f ? 'row' : 'key'; // O or K
  const { cells, next } = readTuple(bytes, at + 1, end);
  return { row: { holds, cells }, next };
}

// A byte above 0x7f. Lengths are in the way, so a hit means "look closer", and no hit means that Latin-1 is the truth.
const BEYOND_ASCII = /[\x80-\xff]/;

function readTuple(bytes: Bytes, start: number, end: number): { readonly cells: Cell[]; readonly next: number } {
  const { array, view, text } = bytes;
  const count = view.getUint16(start);
  const cells: Cell[] = [];
  const ascii = !BEYOND_ASCII.test(text.substring(start, end));
  let at = start + 2;
  for (let index = 0; index < count; index += 1) {
    const kind = array[at];
    at += 1;
    if (kind === 0x74) {
      const from = at + 4;
      const to = from + view.getUint32(at);
      const cell = text.substring(from, to);
      cells.push(ascii || !BEYOND_ASCII.test(cell) ? cell : bytes.utf8(from, to));
      at = to;
    } else if (kind === 0x6e) cells.push(null);
    else if (kind === 0x75) cells.push(undefined);
    else throw new PgoutputError(`a column of kind ${JSON.stringify(String.fromCharCode(kind ?? 0))} is unknown`);
  }
  if (at > end) throw new PgoutputError('a row runs past the end of its message');
  return { cells, next: at };
}

function readRelation(bytes: Bytes, start: number): RelationMessage {
  const { view, array } = bytes;
  const oid = view.getUint32(start);
  const schema = readName(bytes, start + 4);
  const table = readName(bytes, schema.next);
  const identity = String.fromCharCode(array[table.next] ?? 0);
  if (!isIdentity(identity)) throw new PgoutputError(`replica identity ${JSON.stringify(identity)} is unknown`);
  const count = view.getUint16(table.next + 1);
  const columns: RelationColumn[] = [];
  let at = table.next + 3;
  for (let index = 0; index < count; index += 1) {
    const flagged = (array[at] ?? 0) & 1;
    const name = readName(bytes, at + 1);
    columns.push({
      name: name.text,
      type: view.getUint32(name.next),
      modifier: view.getInt32(name.next + 4),
      identity: flagged === 1,
    });
    at = name.next + 8;
  }
  // The empty name stands for pg_catalog.
  return { kind: 'relation', oid, schema: schema.text || 'pg_catalog', table: table.text, identity, columns };
}

function isIdentity(text: string): text is Identity {
  return text === 'd' || text === 'n' || text === 'f' || text === 'i';
}

function readTruncate(view: DataView, at: number): Truncate {
  const oids: number[] = [];
  for (let index = 0; index < view.getUint32(at); index += 1) oids.push(view.getUint32(at + 5 + index * 4));
  return { kind: 'truncate', oids };
}

function readLogicalMessage(bytes: Bytes, at: number): LogicalMessage {
  const prefix = readName(bytes, at + 9);
  const length = bytes.view.getUint32(prefix.next);
  return {
    kind: 'message',
    transactional: ((bytes.array[at] ?? 0) & 1) === 1,
    lsn: toLsn(bytes.view.getBigUint64(at + 1)),
    prefix: prefix.text,
    // Copied: a message may be kept, the chunk may not. (A Buffer's own `slice` would not copy.)
    content: new Uint8Array(bytes.array.subarray(prefix.next + 4, prefix.next + 4 + length)),
  };
}

function readName(bytes: Bytes, start: number): { readonly text: string; readonly next: number } {
  const end = bytes.zero(start);
  if (end === -1) throw new PgoutputError('a name has no end');
  return { text: bytes.utf8(start, end), next: end + 1 };
}
