/**
 * Cuts the server's messages out of the chunks of a socket: one byte of type, four of length, body. However the bytes were cut
 * on their way, the same messages come out. A message that lies in one chunk is not copied; one that spans several is put
 * together once, when its last byte is there (so that a row of 10 MB costs one copy, not one for each chunk).
 */
import { Bytes, type Decoders } from './bytes.ts';

const HEADER_BYTES = 5;
const MAX_MESSAGE_BYTES = 0x4000_0000; // 1 GiB: Postgres cannot allocate, so cannot send, a longer one

/** The stream is not the protocol: nothing after this can be trusted. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/**
 * `push` a chunk, then call `next` until it answers false; only then push again. After `next` answered true, the fields
 * describe one message, until the next call.
 */
export class Framer {
  /** The message's type: a character code. */
  type = 0;
  /** The message's body is `bytes[start, end)`. */
  start = 0;
  end = 0;
  bytes: Bytes;

  readonly #decoders: Decoders;
  /** What is cut next: the rest of the newest chunk. */
  #chunk: Bytes;
  #at = 0;
  /** The beginning of a message whose end has not come yet. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Its whole size; null while even its header is incomplete. */
  #size: number | null = null;
  #joined: Bytes | null = null;

  constructor(decoders: Decoders) {
    this.#decoders = decoders;
    this.#chunk = new Bytes(new Uint8Array(0), decoders);
    this.bytes = this.#chunk;
  }

  /** @param chunk must not change while its messages, or texts cut from them, are in use */
  push(chunk: Uint8Array): void {
    const missing = this.#partBytes === 0 ? 0 : this.#missing(chunk);
    this.#chunk = new Bytes(chunk, this.#decoders);
    this.#at = missing;
  }

  /**
   * Moves on to the next message.
   * @returns false when the rest is incomplete: push more
   * @throws FrameError when a length makes no sense
   */
  next(): boolean {
    if (this.#joined !== null) {
      const joined = this.#joined;
      this.#joined = null;
      this.#show(joined, 0, joined.array.length);
      return true;
    }
    const { array, view } = this.#chunk;
    const left = array.length - this.#at;
    if (left >= HEADER_BYTES) {
      const size = checked(view.getUint32(this.#at + 1)) + 1;
      if (left >= size) {
        this.#show(this.#chunk, this.#at, this.#at + size);
        this.#at += size;
        return true;
      }
    }
    if (left > 0) {
      this.#parts.push(array.subarray(this.#at));
      this.#partBytes += left;
      this.#at = array.length;
    }
    return false;
  }

  #show(bytes: Bytes, start: number, end: number): void {
    this.bytes = bytes;
    this.type = bytes.array[start] ?? 0;
    this.start = start + HEADER_BYTES;
    this.end = end;
  }

  /** Takes from `chunk` what completes the message begun before. @returns the number of bytes taken */
  #missing(chunk: Uint8Array): number {
    this.#size ??= this.#sizeOfPart(chunk);
    const size = this.#size;
    const taken = size === null ? chunk.length : Math.min(size - this.#partBytes, chunk.length);
    this.#parts.push(chunk.subarray(0, taken));
    this.#partBytes += taken;
    if (size === this.#partBytes) this.#join(size);
    return taken;
  }

  #sizeOfPart(chunk: Uint8Array): number | null {
    if (this.#partBytes + chunk.length < HEADER_BYTES) return null;
    const header = new Uint8Array(HEADER_BYTES);
    let at = 0;
    for (const part of [...this.#parts, chunk]) {
      for (let index = 0; index < part.length && at < HEADER_BYTES; index += 1, at += 1) header[at] = part[index] ?? 0;
      if (at === HEADER_BYTES) break;
    }
    return checked(new DataView(header.buffer).getUint32(1)) + 1;
  }

  #join(size: number): void {
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#partBytes = 0;
    this.#size = null;
    this.#joined = new Bytes(whole, this.#decoders);
  }
}

function checked(length: number): number {
  if (length >= 4 && length <= MAX_MESSAGE_BYTES) return length;
  throw new FrameError(`a message of ${length} bytes: what the server sends is not the Postgres protocol`);
}
