/**
 * Changes as Postgres' binary arrays, one for each parameter of `upsert`. `pg` sends a Buffer as a binary parameter: half the
 * cost of array literals, on both sides of the wire.
 */
import type { Cell } from './core/cells.ts';
import type { Change } from './core/change.ts';
import { parametersOf, type Element } from './core/statement.ts';
import type { Table } from './core/tables.ts';

const HEADER_BYTES = 20;
const NULL_LENGTH = -1;

/** The element types' OIDs (pg_type.dat) and widths in bytes; 0: as long as it is. */
const elements: Readonly<Record<Element, { readonly oid: number; readonly bytes: number }>> = {
  bool: { oid: 16, bytes: 1 },
  int8: { oid: 20, bytes: 8 },
  int4: { oid: 23, bytes: 4 },
  text: { oid: 25, bytes: 0 },
  date: { oid: 1082, bytes: 4 },
  timestamp: { oid: 1114, bytes: 8 },
  timestamptz: { oid: 1184, bytes: 8 },
  pg_lsn: { oid: 3220, bytes: 8 },
};

/** The parameters of the statements of `table` for these changes. */
export function encode(table: Table, changes: readonly Change[]): readonly Buffer[] {
  const parameters = parametersOf(table);
  const columns = table.columns.map((_, index) => changes.map(({ cells }) => cells[index] ?? null));
  const extra: readonly (readonly Cell[])[] = [
    changes.map(({ position }) => BigInt(position.incarnation)),
    changes.map(({ position }) => position.lsn),
    changes.map(({ position }) => BigInt(position.index)),
    changes.map(({ deleted }) => deleted),
    changes.map(({ missing }) => BigInt(missing)),
  ];
  return [...columns, ...extra].map((values, index) => arrayOf(parameters[index] ?? 'text', values));
}

/**
 * A one-dimensional array in binary.
 * @throws TypeError when a value is not of the element's form: a mistake of ours
 */
export function arrayOf(element: Element, values: readonly Cell[]): Buffer {
  const { oid, bytes } = elements[element];
  return bytes === 0 ? textArray(oid, values) : fixedArray(oid, bytes, values);
}

function fixedArray(oid: number, bytes: number, values: readonly Cell[]): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + values.length * (4 + bytes));
  let at = HEADER_BYTES;
  let nulls = false;
  for (const value of values) {
    if (value === null) {
      nulls = true;
      at = buffer.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    at = buffer.writeInt32BE(bytes, at);
    if (typeof value === 'boolean') at = buffer.writeUInt8(value ? 1 : 0, at);
    else if (typeof value !== 'bigint') throw new TypeError(`a ${typeof value} cannot be sent as ${bytes} bytes`);
    else if (bytes === 4) at = buffer.writeInt32BE(Number(value), at);
    else at = buffer.writeBigInt64BE(BigInt.asIntN(64, value), at);
  }
  writeHeader(buffer, oid, values.length, nulls);
  return buffer.subarray(0, at);
}

function textArray(oid: number, values: readonly Cell[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += 4 + (typeof value === 'string' ? roomFor(value) : 0);
  const buffer = Buffer.allocUnsafe(size);
  let at = HEADER_BYTES;
  let nulls = false;
  for (const value of values) {
    if (value === null) {
      nulls = true;
      at = buffer.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    if (typeof value !== 'string') throw new TypeError(`a ${typeof value} cannot be sent as text`);
    const length = buffer.write(value, at + 4, 'utf8');
    buffer.writeInt32BE(length, at);
    at += 4 + length;
  }
  writeHeader(buffer, oid, values.length, nulls);
  return buffer.subarray(0, at);
}

// Three bytes hold any UTF-16 code unit: for short texts that is cheaper than measuring each first.
const SHORT_CHARACTERS = 256;

function roomFor(text: string): number {
  return text.length <= SHORT_CHARACTERS ? text.length * 3 : Buffer.byteLength(text);
}

function writeHeader(buffer: Buffer, oid: number, length: number, nulls: boolean): void {
  buffer.writeInt32BE(1, 0); // dimensions
  buffer.writeInt32BE(nulls ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16); // lower bound
}
