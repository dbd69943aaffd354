/**
 * Postgres' binary form of one-dimensional arrays. `pg` sends a Buffer as a binary parameter; as literals the same arrays cost
 * twice as much on both sides (100,000 against 50,000 rows a second).
 */

const INT4_OID = 23;
const INT8_OID = 20;
const TEXT_OID = 25;
const HEADER_BYTES = 20;

function header(oid: number, length: number, hasNull: boolean, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  buffer.writeInt32BE(1, 0); // dimensions
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16); // lower bound
  return buffer;
}

/** For a parameter cast to `int4[]`. */
export function int4Array(values: readonly number[]): Buffer {
  const buffer = header(INT4_OID, values.length, false, values.length * 8);
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(4, at);
    buffer.writeInt32BE(value, at + 4);
    at += 8;
  }
  return buffer;
}

/** For a parameter cast to `int8[]`. */
export function int8Array(values: readonly bigint[]): Buffer {
  const buffer = header(INT8_OID, values.length, false, values.length * 12);
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(8, at);
    buffer.writeBigInt64BE(value, at + 4);
    at += 12;
  }
  return buffer;
}

/**
 * For a parameter cast to `text[]`.
 *
 * @param bytes length of each value in UTF-8, by index; what stands at a null does not matter
 */
export function textArray(values: readonly (string | null)[], bytes: readonly number[]): Buffer {
  let total = 0;
  let hasNull = false;
  for (const [index, value] of values.entries()) {
    total += 4;
    if (value === null) hasNull = true;
    else total += bytes[index] ?? 0;
  }
  const buffer = header(TEXT_OID, values.length, hasNull, total);
  let at = HEADER_BYTES;
  for (const [index, value] of values.entries()) {
    const length = value === null ? -1 : (bytes[index] ?? 0);
    at = buffer.writeInt32BE(length, at);
    if (value !== null) at += buffer.write(value, at, length, 'utf8');
  }
  return buffer;
}
