/**
 * Has a socket read into a buffer that all share, and copies what has come. By itself node takes 64 KiB from the system for each read and
 * gives nearly all of it back, which costs more than reading a small answer does; for large ones it makes no difference.
 */
import type { OnReadOpts } from 'node:net';

/** As much as the kernel hands over at once. */
const BYTES = 64 * 1024;
// Reading and telling of it are one step of the event loop: nobody else reads in between.
const shared = Buffer.allocUnsafeSlow(BYTES);

/** Is given what has come, as bytes to keep. */
export interface Reader {
  read(bytes: Buffer): void;
}

export class Intake {
  /** Null until there is one; nothing is read before. */
  reader: Reader | null = null;

  /** For `net.connect`. */
  readonly onread: OnReadOpts = {
    buffer: shared,
    callback: (length) => {
      this.reader?.read(Buffer.from(shared.subarray(0, length)));
      return true;
    },
  };
}
