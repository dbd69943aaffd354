/** Answers that are replaced by others (descriptions, bridges), for which all of them has to be in hand. */
import type { Fields } from './core/field.ts';

/** What the caller gets in the place of an answer. */
export interface Rewritten {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
  /** The facade's own fields, where the answer is not that of the side that was asked. */
  readonly own?: Fields;
}

/** Never throws. */
export type Rewrite = (status: number, fields: Fields, body: Buffer) => Rewritten;

// A WSDL with its schemas inline is some hundred KiB, a page of a hundred orders fifty.
export const MAX_HELD_BYTES: number = 8 * 1024 * 1024;

/** An answer while it comes. */
export class Held {
  readonly fields: Fields;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  /** @returns whether it is still small enough to be held */
  push(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_HELD_BYTES) return false;
    this.#chunks.push(chunk);
    return true;
  }

  whole(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
  }
}
