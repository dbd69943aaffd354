/**
 * Reads a request's body chunk by chunk without taking the stream over: nothing is ever put back (an `unshift` into an
 * IncomingMessage that is about to end loses its end), and once released the stream can be read on by anybody.
 */
import type { Readable } from 'node:stream';
import { invite } from '../expectation.ts';

export type Read =
  | { readonly kind: 'chunk'; readonly chunk: Buffer }
  | { readonly kind: 'end' }
  /** The sender left, or the stream broke. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'slow' };

const EVENTS = ['readable', 'end', 'close'] as const;

export class Reader {
  readonly #stream: Readable;
  readonly #timer: NodeJS.Timeout | null;
  readonly #wake = (): void => this.#resume();
  #resume: () => void = () => undefined;
  #late = false;

  /** @param timeoutMs for everything that is read through this reader, in milliseconds; null: somebody else watches the time */
  constructor(stream: Readable, timeoutMs: number | null) {
    this.#stream = stream;
    this.#timer = timeoutMs === null ? null : setTimeout(() => this.#expire(), timeoutMs);
    for (const event of EVENTS) stream.on(event, this.#wake);
    // For good: an error is emitted after the stream shows it, perhaps when nobody else listens any more, and would end the
    // process. Whoever reads on hears of it as well.
    stream.on('error', this.#wake);
  }

  async next(): Promise<Read> {
    const stream = this.#stream;
    for (;;) {
      const chunk: unknown = stream.read();
      // A body without setEncoding() gives nothing but buffers.
      if (Buffer.isBuffer(chunk)) return { kind: 'chunk', chunk };
      if (stream.readableEnded) return { kind: 'end' };
      if (stream.destroyed || stream.errored !== null) return { kind: 'gone' };
      if (this.#late) return { kind: 'slow' };
      invite(stream);
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
  }

  /** Lets go of the stream. What has not been read stays in it. */
  release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const event of EVENTS) this.#stream.off(event, this.#wake);
  }

  #expire(): void {
    this.#late = true;
    this.#resume();
  }
}
