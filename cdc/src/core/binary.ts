/** Bytes as JSON: base64 of what Postgres writes as hexadecimal, of integers of any size, of bits, of points. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const CODES = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
const EQUALS = 0x3d;
const SLICE_CHARACTERS = 8_192; // Arguments of one call of fromCharCode; a multiple of four.

/** Base64 with padding. */
export function base64(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let to = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out[to] = CODES[group >> 18] ?? 0;
    out[to + 1] = CODES[(group >> 12) & 63] ?? 0;
    out[to + 2] = at + 1 < bytes.length ? (CODES[(group >> 6) & 63] ?? 0) : EQUALS;
    out[to + 3] = at + 2 < bytes.length ? (CODES[group & 63] ?? 0) : EQUALS;
    to += 4;
  }
  let text = '';
  for (let at = 0; at < out.length; at += SLICE_CHARACTERS)
    text += String.fromCharCode(...out.subarray(at, at + SLICE_CHARACTERS));
  return text;
}

/** The bytes of `\xdeadbeef` (`bytea_output` hex: the connector sets it). */
export function hexBytes(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length - 2) >> 1);
  for (let index = 0, at = 2; index < bytes.length; index += 1, at += 2)
    bytes[index] = (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));
  return bytes;
}

function nibble(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** A two's complement integer, big-endian, in as few bytes as hold it: Java's `BigInteger.toByteArray`. */
export function integerBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0xffn);
    bytes.push(low);
    rest >>= 8n;
    if ((rest === 0n && low < 0x80) || (rest === -1n && low >= 0x80)) break;
  }
  return Uint8Array.from(bytes.toReversed());
}

/** A bit string, least significant byte first, in as many bytes as its digits fill: Debezium's `io.debezium.data.Bits`. */
export function bitBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(text.length / 8));
  for (let index = 0; index < text.length; index += 1) {
    const bit = text.length - 1 - index;
    if (text.charCodeAt(index) === 0x31) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return bytes;
}

/** Well-known binary of a point, little-endian. */
export function pointBytes(x: number, y: number): Uint8Array {
  const bytes = new Uint8Array(21);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1; // little-endian
  view.setUint32(1, 1, true); // a point
  view.setFloat64(5, x, true);
  view.setFloat64(13, y, true);
  return bytes;
}
