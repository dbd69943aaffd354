/** Writes what a server sends: the inverse of the readers under test, by way of Node's Buffer. */
import { Bytes } from '@banyan/cdc/core/bytes';
import type { Cell, Identity, RelationColumn } from '@banyan/cdc/core/pgoutput';
import { decoders } from '@banyan/cdc/wire';

export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value | 0);
  return buffer;
}

export function int64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt.asUintN(64, value));
  return buffer;
}

export function letter(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function cstring(text: string): Buffer {
  return Buffer.concat([Buffer.from(text, 'utf8'), Buffer.alloc(1)]);
}

/** A message of the Postgres protocol: type, length, body. */
export function frame(type: string, body: Uint8Array): Buffer {
  return Buffer.concat([letter(type), int32(body.length + 4), body]);
}

export function tuple(cells: readonly Cell[]): Buffer {
  const columns = cells.map((cell) => {
    if (cell === null) return letter('n');
    if (cell === undefined) return letter('u');
    const text = Buffer.from(cell, 'utf8');
    return Buffer.concat([letter('t'), int32(text.length), text]);
  });
  return Buffer.concat([int16(cells.length), ...columns]);
}

export function begin(commit: bigint, postgresUs: bigint, xid: number): Buffer {
  return Buffer.concat([letter('B'), int64(commit), int64(postgresUs), int32(xid)]);
}

export function commit(at: bigint, end: bigint): Buffer {
  return Buffer.concat([letter('C'), Buffer.alloc(1), int64(at), int64(end), int64(0n)]);
}

export function insert(oid: number, cells: readonly Cell[]): Buffer {
  return Buffer.concat([letter('I'), int32(oid), letter('N'), tuple(cells)]);
}

export interface OldCells {
  readonly kind: 'K' | 'O';
  readonly cells: readonly Cell[];
}

export function update(oid: number, old: OldCells | null, cells: readonly Cell[]): Buffer {
  const before = old === null ? [] : [letter(old.kind), tuple(old.cells)];
  return Buffer.concat([letter('U'), int32(oid), ...before, letter('N'), tuple(cells)]);
}

export function remove(oid: number, old: OldCells): Buffer {
  return Buffer.concat([letter('D'), int32(oid), letter(old.kind), tuple(old.cells)]);
}

export function truncate(oids: readonly number[]): Buffer {
  return Buffer.concat([letter('T'), int32(oids.length), Buffer.alloc(1), ...oids.map(int32)]);
}

export interface RelationParts {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly identity: Identity;
  readonly columns: readonly RelationColumn[];
}

export function relation({ oid, schema, table, identity, columns }: RelationParts): Buffer {
  const written = columns.map((column) =>
    Buffer.concat([
      Buffer.from([column.identity ? 1 : 0]),
      cstring(column.name),
      int32(column.type),
      int32(column.modifier),
    ]),
  );
  const head = [letter('R'), int32(oid), cstring(schema), cstring(table), letter(identity), int16(columns.length)];
  return Buffer.concat([...head, ...written]);
}

export interface MessageParts {
  readonly transactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly content: Uint8Array;
}

export function logicalMessage({ transactional, lsn, prefix, content }: MessageParts): Buffer {
  const flags = Buffer.from([transactional ? 1 : 0]);
  return Buffer.concat([letter('M'), flags, int64(lsn), cstring(prefix), int32(content.length), content]);
}

/** The bytes as the readers take them. */
export function bytesOf(buffer: Uint8Array): Bytes {
  return new Bytes(buffer, decoders);
}
