/**
 * One second question under way. It ends within its time and its bytes whatever the other side does, and tells how, once; an
 * answer that goes on beyond them loses its connection.
 */
import { errors, type Dispatcher } from 'undici';
import type { Fields } from '../core/field.ts';
import { withHost } from '../core/home.ts';
import { reasonOf } from '../parity/send.ts';
import type { Half, Limits, Question } from './question.ts';

/** Why it ended here: nobody wants to know any more. */
class Cancelled extends Error {}

/** Where a question goes. */
export interface Address {
  /** `http://127.0.0.1:8082`. */
  readonly origin: string;
  /** The `Host` that it is told; null: the caller's. */
  readonly host: string | null;
}

export interface AskingOptions {
  readonly question: Question;
  readonly limits: Limits;
  readonly address: Address;
  /** Asked when a connection has been found and nothing written yet: false, and nothing is. */
  readonly mayWrite: () => boolean;
  /** Whether there is room for so many bytes more; false: it has been cancelled. */
  readonly keep: (bytes: number) => boolean;
  /** The answer's head has come. */
  readonly head?: (status: number, fields: Fields) => void;
  /** Null: it was cancelled, or might not be written. */
  readonly done: (half: Half | null) => void;
}

export class Asking implements Dispatcher.DispatchHandler {
  readonly startedAt: number = performance.now();
  readonly #options: AskingOptions;
  readonly #chunks: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;
  #abort: ((error: Error) => void) | null = null;
  #ended = false;
  #bytes = 0;
  #status = 0;
  readonly #fields: string[] = [];
  #headMs = 0;

  constructor(options: AskingOptions) {
    this.#options = options;
    const { ms } = options.limits;
    this.#timer = setTimeout(() => this.#end({ kind: 'late', limitMs: ms }), ms).unref();
  }

  /** Sends it; called once. */
  send(dispatcher: Dispatcher): void {
    const { method, path, headers, body } = this.#options.question;
    const { ms } = this.#options.limits;
    const { host } = this.#options.address;
    dispatcher.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path,
        headers: (host === null ? headers : withHost(headers, host)) as string[],
        body,
        // The whole has a limit of its own; these are undici's, which would otherwise be its defaults.
        headersTimeout: ms,
        bodyTimeout: ms,
      },
      this,
    );
  }

  /** Ends it now; its connection is closed. */
  cancel(): void {
    this.#end(null);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (!this.#ended && !this.#options.mayWrite()) this.#end(null);
    else if (this.#ended) abort(new Cancelled('it is over'));
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    if (status < 200 || this.#ended) return true;
    this.#status = status;
    this.#headMs = performance.now() - this.startedAt;
    for (const part of raw) this.#fields.push(part.toString('latin1'));
    this.#options.head?.(status, this.#fields);
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#ended) return true;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.limits.bytes)
      this.#end({ kind: 'large', status: this.#status, fields: this.#fields, headMs: this.#headMs });
    else if (this.#options.keep(chunk.length)) this.#chunks.push(chunk);
    return true;
  }

  onComplete(): void {
    // It is over for undici as well: there is nothing to call off, and the connection stays.
    this.#abort = null;
    this.#end({
      kind: 'answered',
      status: this.#status,
      fields: this.#fields,
      body: this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks),
      headMs: this.#headMs,
      wholeMs: performance.now() - this.startedAt,
    });
  }

  onError(error: Error): void {
    if (this.#ended) return;
    // undici holds a 304's length against it, which is that of the answer to a GET (RFC 9110, section 8.6).
    if (this.#status === 304 && error instanceof errors.ResponseContentLengthMismatchError) return this.onComplete();
    this.#abort = null;
    this.#end({ kind: 'failed', because: reasonOf(error, this.#options.address.origin) });
  }

  #end(half: Half | null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#abort?.(new Cancelled('it is over'));
    this.#options.done(half);
  }
}
