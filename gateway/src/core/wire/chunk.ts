/**
 * The chunked transfer coding undone, as bytes arrive (RFC 9112, section 7.1). Strict: lines end with CRLF, a size is hexadecimal
 * digits, and a chunk is exactly as long as it says.
 */
import type { Fields } from '../field.ts';
import { readFields, type Bad } from './head.ts';

const CR = 13;
const LF = 10;
// A size with its extensions, which nobody sends.
const MAX_LINE_CHARACTERS = 4 * 1024;
// Thirteen digits are 2^52: more than any answer has, and a whole number still.
const SIZE = /^([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Bytes as characters. */
export type TextOf = (bytes: Uint8Array, start: number, end: number) => string;

export interface ChunkOptions {
  readonly text: TextOf;
  /** Most characters of trailers. */
  readonly mostTrailers: number;
  readonly onData: (bytes: Uint8Array) => void;
}

export type Chunked =
  | { readonly kind: 'more' }
  /** `used`: how many of the bytes given last belong to the body. */
  | { readonly kind: 'end'; readonly used: number; readonly trailers: Fields }
  | Bad;

const MORE: Chunked = { kind: 'more' };
const NO_FIELDS: Fields = [];

const bad = (because: string): Bad => ({ kind: 'bad', because });

type Step = 'size' | 'data' | 'behind' | 'trailers';

export class Chunks {
  readonly #options: ChunkOptions;
  #step: Step = 'size';
  /** Of the chunk that is being read. */
  #left = 0;
  #line = '';
  #trailers = '';

  constructor(options: ChunkOptions) {
    this.#options = options;
  }

  /** Takes the next bytes. After `end` and `bad` there are none. */
  take(bytes: Uint8Array, from: number): Chunked {
    let at = from;
    while (at < bytes.length) {
      if (this.#step === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#options.onData(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
        at = end;
        if (this.#left === 0) this.#step = 'behind';
        continue;
      }
      const end = bytes.indexOf(LF, at);
      this.#line += this.#options.text(bytes, at, end === -1 ? bytes.length : end + 1);
      const most = this.#step === 'trailers' ? this.#options.mostTrailers : MAX_LINE_CHARACTERS;
      if (this.#line.length + this.#trailers.length > most) return bad('a line between the chunks is too long');
      if (end === -1) return MORE;
      at = end + 1;
      if (this.#line.length < 2 || this.#line.charCodeAt(this.#line.length - 2) !== CR)
        return bad('a line between the chunks ends with a bare line feed');
      const line = this.#line;
      this.#line = '';
      const done = this.#read(line, at);
      if (done !== MORE) return done;
    }
    return MORE;
  }

  #read(line: string, used: number): Chunked {
    if (this.#step === 'behind') {
      if (line !== '\r\n') return bad('a chunk is longer than it says');
      this.#step = 'size';
      return MORE;
    }
    if (this.#step === 'size') {
      const size = SIZE.exec(line.slice(0, -2));
      if (size === null) return bad('the size of a chunk is no number');
      this.#left = Number.parseInt(size[1] ?? '', 16);
      this.#step = this.#left === 0 ? 'trailers' : 'data';
      return MORE;
    }
    if (line !== '\r\n') {
      this.#trailers += line;
      return MORE;
    }
    if (this.#trailers === '') return { kind: 'end', used, trailers: NO_FIELDS };
    const fields = readFields(this.#trailers);
    return 'length' in fields ? { kind: 'end', used, trailers: fields } : fields;
  }
}
