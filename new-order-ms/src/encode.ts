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
  return parametersOf(table).map((element, index) => {
    const value = bookkeeping[index - table.columns.length] ?? ((change: Change): Cell => change.cells[index] ?? null);
    return arrayOf(element, changes, value);
  });
}

/** In the order of `parametersOf`. */
const bookkeeping: readonly ((change: Change) => Cell)[] = [
  ({ position }) => position.incarnation,
  ({ position }) => position.lsn,
  ({ position }) => position.index,
  ({ deleted }) => deleted,
  ({ missing }) => missing,
];

/**
 * A one-dimensional array in binary.
 *
 * @param value of an element, in the form of the type: a mistake of ours throws a TypeError
 */
export function arrayOf<T>(element: Element, from: readonly T[], value: (one: T) => Cell): Buffer {
  const { oid, bytes } = elements[element];
  const buffer = Buffer.allocUnsafe(bytes === 0 ? roomForTexts(from, value) : HEADER_BYTES + from.length * (4 + bytes));
  let at = HEADER_BYTES;
  let nulls = false;
  for (const one of from) {
    const cell = value(one);
    if (cell === null) {
      nulls = true;
      at = buffer.writeInt32BE(NULL_LENGTH, at);
    } else if (bytes === 0) {
      at = writeText(buffer, at, cell);
    } else {
      at = writeFixed(buffer, buffer.writeInt32BE(bytes, at), bytes, cell);
    }
  }
  buffer.writeInt32BE(1, 0); // dimensions
  buffer.writeInt32BE(nulls ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(from.length, 12);
  buffer.writeInt32BE(1, 16); // lower bound
  return buffer.subarray(0, at);
}

const HALF = 0x1_0000_0000;

/** @returns where the next element begins */
function writeFixed(buffer: Buffer, at: number, bytes: number, cell: Cell): number {
  if (typeof cell === 'boolean') return buffer.writeUInt8(cell ? 1 : 0, at);
  if (typeof cell === 'bigint') return buffer.writeBigInt64BE(BigInt.asIntN(64, cell), at);
  if (typeof cell !== 'number') throw new TypeError(`a ${typeof cell} cannot be sent as ${bytes} bytes`);
  if (bytes === 4) return buffer.writeInt32BE(cell, at);
  // Two halves: a detour over a bigint costs ten times as much.
  return buffer.writeUInt32BE(cell >>> 0, buffer.writeInt32BE(Math.floor(cell / HALF), at));
}

function writeText(buffer: Buffer, at: number, cell: Cell): number {
  if (typeof cell !== 'string') throw new TypeError(`a ${typeof cell} cannot be sent as text`);
  const length = buffer.write(cell, at + 4, 'utf8');
  return buffer.writeInt32BE(length, at) + length;
}

function roomForTexts<T>(from: readonly T[], value: (one: T) => Cell): number {
  let size = HEADER_BYTES;
  for (const one of from) {
    const cell = value(one);
    size += 4 + (typeof cell === 'string' ? roomFor(cell) : 0);
  }
  return size;
}

// Three bytes hold any UTF-16 code unit: for short texts that is cheaper than measuring each first.
const SHORT_CHARACTERS = 256;

function roomFor(text: string): number {
  return text.length <= SHORT_CHARACTERS ? text.length * 3 : Buffer.byteLength(text);
}
