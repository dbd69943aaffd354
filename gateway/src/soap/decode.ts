/**
 * Bytes to text, chunk by chunk, in one of the accepted charsets. Fatal: bytes that are not in the charset are never replaced,
 * so what is scanned is what was sent. A character that is cut in two waits for its other half; a BOM stays in the text.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Charset } from '../core/soap/charset.ts';

const NOTHING = Buffer.alloc(0);

export interface Decoded {
  readonly text: string;
  /** Whether all bytes were in the charset. */
  readonly sound: boolean;
}

export class Decoder {
  readonly #charset: Charset;
  #rest: Buffer = NOTHING;

  constructor(charset: Charset) {
    this.#charset = charset;
  }

  /** Decodes as far as it goes: up to the first byte that is not in the charset, after which the decoder is useless. */
  write(chunk: Buffer): Decoded {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = bytes.length - unfinished(this.#charset, bytes);
    // Copied: a view would keep the whole chunk alive.
    this.#rest = whole === bytes.length ? NOTHING : Buffer.from(bytes.subarray(whole));
    const text = decode(this.#charset, bytes.subarray(0, whole));
    return text === null ? { text: soundStart(this.#charset, bytes), sound: false } : { text, sound: true };
  }

  /** @returns false when the message ends within a character */
  end(): boolean {
    return this.#rest.length === 0;
  }
}

/** The text of `bytes` before the first that is not in the charset, found by halving. */
function soundStart(charset: Charset, bytes: Buffer): string {
  let sound = '';
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const start = bytes.subarray(0, middle);
    const text = decode(charset, start.subarray(0, middle - unfinished(charset, start)));
    if (text === null) high = middle - 1;
    else {
      sound = text;
      low = middle;
    }
  }
  return sound;
}

/** Decodes whole characters. Null: not in the charset. */
export function decode(charset: Charset, bytes: Buffer): string | null {
  switch (charset) {
    case 'utf-8':
      return isUtf8(bytes) ? bytes.toString('utf8') : null;
    case 'us-ascii':
      return isAscii(bytes) ? bytes.toString('latin1') : null;
    case 'iso-8859-1':
      return bytes.toString('latin1');
    case 'windows-1252':
      return bytes
        .toString('latin1')
        .replace(HIGH, (character) => WINDOWS_1252[character.charCodeAt(0) - 0x80] ?? character);
    case 'utf-16le':
      return wellFormed(bytes);
    case 'utf-16be':
      return bytes.length % 2 === 0 ? wellFormed(Buffer.from(bytes).swap16()) : null;
  }
}

function wellFormed(bytes: Buffer): string | null {
  const text = bytes.toString('utf16le');
  return bytes.length % 2 === 0 && text.isWellFormed() ? text : null;
}

// TextDecoder calls windows-1252 what it decodes for ISO-8859-1 too, and takes 5 µs to make; here a byte is its own code point
// but for these. The five bytes that the charset leaves open are the controls that they are in ISO-8859-1, as everywhere.
const HIGH = /[\x80-\x9f]/g;
const WINDOWS_1252 = Array.from('€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ');

/** How many bytes at the end belong to a character that is not all there. */
function unfinished(charset: Charset, bytes: Buffer): number {
  const { length } = bytes;
  switch (charset) {
    case 'utf-8': {
      for (let back = 1; back <= Math.min(3, length); back += 1) {
        const byte = bytes[length - back] ?? 0;
        if (byte < 0x80) return 0;
        // A lead byte says how long its character is.
        if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
      }
      return 0;
    }
    case 'utf-16le':
    case 'utf-16be': {
      const odd = length % 2;
      const high = bytes[length - odd - (charset === 'utf-16le' ? 1 : 2)] ?? 0;
      return high >= 0xd8 && high <= 0xdb ? odd + 2 : odd;
    }
    default:
      return 0;
  }
}
