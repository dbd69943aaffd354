/**
 * Has a socket read into a buffer of ours, and copies what has come of a small answer. By itself node takes 64 KiB from the system for each
 * read and gives nearly all of it back, which costs more than reading such an answer does. What fills the buffer is handed on in it,
 * and the next read has another.
 */
import type { OnReadOpts } from 'node:net';

/** As much as the kernel hands over at once. Of a buffer that only small answers fill, the system gives a page or two. */
const BYTES = 64 * 1024;
// Copying less costs less than another buffer.
const LARGE_BYTES = 16 * 1024;

/** Is given what has come, as bytes to keep. */
export interface Reader {
  read(bytes: Buffer): void;
}

export class Intake {
  /** Null until there is one; nothing is read before. */
  reader: Reader | null = null;
  #buffer = Buffer.allocUnsafeSlow(BYTES);

  /** For `net.connect`. */
  readonly onread: OnReadOpts = {
    // Asked for at first, and after each read.
    buffer: () => this.#buffer,
    callback: (length) => {
      const bytes = this.#buffer.subarray(0, length);
      if (length < LARGE_BYTES) this.reader?.read(Buffer.from(bytes));
      else {
        this.#buffer = Buffer.allocUnsafeSlow(BYTES);
        this.reader?.read(bytes);
      }
      return true;
    },
  };
}
