/**
 * Undoes a Content-Encoding as the bytes arrive, on a copy: what is forwarded is what came. The output is bounded, and
 * whatever is not exactly one compressed body is refused: a server behind may not survive it (node-soap does not).
 */
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type BrotliDecompress,
  type Inflate,
} from 'node:zlib';
import { refuse, type Refusal } from '../core/soap/refusal.ts';

export type Coding = 'gzip' | 'deflate' | 'br';

/** @returns null for a body as it is, a coding, or `unknown` (several codings at once are, too) */
export function codingOf(header: string | null): Coding | null | 'unknown' {
  switch (header?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return null;
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    case 'br':
      return 'br';
    default:
      return 'unknown';
  }
}

export interface InflaterOptions {
  readonly coding: Coding;
  /** Most bytes of output. */
  readonly limitBytes: number;
  /** Called with the output, in order. */
  readonly onBytes: (bytes: Buffer) => void;
}

export class Inflater {
  readonly #options: InflaterOptions;
  #stream: Inflate | BrotliDecompress | null = null;
  #out = 0;
  #refusal: Refusal | null = null;
  #ended = false;
  #settle: () => void = () => undefined;

  constructor(options: InflaterOptions) {
    this.#options = options;
  }

  /** Takes the next bytes; resolves when all output that they give has been handed on. One call at a time. */
  async write(chunk: Buffer): Promise<Refusal | null> {
    if (this.#refusal !== null || chunk.length === 0) return this.#refusal;
    if (this.#ended) return this.#fail('there are bytes behind its end');
    const stream = (this.#stream ??= this.#open(chunk));
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      stream.write(chunk, () => resolve());
    });
    // zlib hands on what it has left in the turn after the callback.
    if (this.#refusal === null) await new Promise((resolve) => setImmediate(resolve));
    // It ends by itself when it is given more than it can use.
    return this.#ended && this.#refusal === null ? this.#fail('there are bytes behind its end') : this.#refusal;
  }

  /** The body is over; resolves when the output is. */
  async end(): Promise<Refusal | null> {
    if (this.#refusal !== null) return this.#refusal;
    const stream = this.#stream;
    if (stream === null) return this.#fail('it is empty');
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      stream.end();
    });
    return this.#refusal;
  }

  /** Frees the decompressor's memory; to be called when the message is not read to its end. */
  close(): void {
    this.#stream?.destroy();
  }

  #open(chunk: Buffer): Inflate | BrotliDecompress {
    const stream = decompressor(this.#options.coding, chunk);
    stream.on('data', (bytes: Buffer) => this.#take(bytes));
    stream.on('end', () => {
      this.#ended = true;
      this.#settle();
    });
    stream.on('error', (error) => {
      this.#fail(error.message);
      this.#settle();
    });
    stream.on('close', () => this.#settle());
    return stream;
  }

  #take(bytes: Buffer): void {
    if (this.#refusal !== null) return;
    this.#out += bytes.length;
    const { limitBytes, onBytes } = this.#options;
    if (this.#out <= limitBytes) return onBytes(bytes);
    this.#refusal = refuse('GW_SOAP_TOO_LARGE', `The body inflates to more than ${limitBytes} bytes`);
    this.close();
  }

  #fail(why: string): Refusal {
    const { coding } = this.#options;
    this.#refusal ??= refuse('GW_SOAP_COMPRESSION', `The body is not ${coding}, as its Content-Encoding says: ${why}`);
    this.close();
    return this.#refusal;
  }
}

function decompressor(coding: Coding, chunk: Buffer): Inflate | BrotliDecompress {
  switch (coding) {
    case 'gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      // The name means zlib's format, and some senders leave its header away; the first byte tells.
      return ((chunk[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
  }
}
