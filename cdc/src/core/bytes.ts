/**
 * A run of bytes from the server, with the two views of it that decoding needs: numbers at any offset, and its Latin-1 text, one
 * character a byte. Columns are cut out of that text by offset, so that a chunk of the socket is decoded once and not once a
 * column. Nothing here is copied: a `Bytes` is good for as long as the array beneath is left alone.
 */

/** How bytes become text; the core has no decoder of its own. */
export interface Decoders {
  /** One character for each byte of `bytes[start, end)`. */
  readonly latin1: (bytes: Uint8Array, start: number, end: number) => string;
  /** UTF-8; what is not well-formed becomes U+FFFD. */
  readonly utf8: (bytes: Uint8Array, start: number, end: number) => string;
}

const TWO_32 = 4_294_967_296;

export class Bytes {
  readonly array: Uint8Array;
  readonly view: DataView;
  readonly #decoders: Decoders;
  #text: string | null = null;

  constructor(array: Uint8Array, decoders: Decoders) {
    this.array = array;
    this.view = new DataView(array.buffer, array.byteOffset, array.byteLength);
    this.#decoders = decoders;
  }

  /** All of it as Latin-1; decoded at the first use. */
  get text(): string {
    this.#text ??= this.#decoders.latin1(this.array, 0, this.array.length);
    return this.#text;
  }

  /** `[start, end)` as UTF-8. */
  utf8(start: number, end: number): string {
    return this.#decoders.utf8(this.array, start, end);
  }

  /** The offset of the first zero byte at or after `start`; -1 when there is none. */
  zero(start: number): number {
    return this.array.indexOf(0, start);
  }
}

/**
 * An unsigned 64-bit integer as decimal text. WAL positions stay below 2^53 for the first nine petabytes, and a bigint for
 * each change would cost more than the rest of its decoding.
 */
export function decimal64(view: DataView, at: number): string {
  const high = view.getUint32(at);
  return high < 0x20_0000 ? String(high * TWO_32 + view.getUint32(at + 4)) : String(view.getBigUint64(at));
}
