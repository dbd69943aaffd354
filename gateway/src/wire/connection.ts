/**
 * One connection to an upstream: writes one request at a time, and tells the call of its answer as it comes. What cannot be trusted any
 * more (bytes that nobody asked for, half a request, half an answer) is closed, never used again.
 *
 *     busy ──answer whole, request whole, both sides keep it──▶ idle ──send──▶ busy
 *       └──anything else──▶ closed
 */
import type { Socket } from 'node:net';
import { Answers, type Listener } from '../core/wire/answer.ts';
import type { Head } from '../core/wire/head.ts';
import type { Fields } from '../core/field.ts';
import { writeRequest, type Sending } from '../core/wire/request.ts';
import { WireError, type Call, type Link } from './call.ts';
import { Outgoing } from './outgoing.ts';

/** What a connection tells whoever keeps it. */
export interface Keeper {
  idle(connection: Connection): void;
  closed(connection: Connection): void;
}

export interface ConnectionOptions {
  /** For a request without `Host`. */
  readonly authority: string;
  /** From the request's last byte to the answer's head, in milliseconds; also without a byte of a streamed request being taken. */
  readonly headMs: number;
  /** Silence within an answer, in milliseconds. */
  readonly bodyMs: number;
  /** How long it is kept without a call where the server does not say, in milliseconds. */
  readonly idleMs: number;
  /** Bytes of an answer's head, and of its trailers. */
  readonly mostHead: number;
}

// A server that says for how long it keeps a connection closes it a moment later, by its own clock.
const SERVER_MARGIN_MS = 2_000;
// A connection that nobody has used for as long is not worth its place.
const MOST_IDLE_MS = 600_000;
// In one write with its head: copying costs less than a second buffer does.
const JOINED_BYTES = 8 * 1024;

/** Bytes of a socket are buffers. */
const text = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.isBuffer(bytes) ? bytes.toString('latin1', start, end) : Buffer.from(bytes).toString('latin1', start, end);

type Wait = 'nothing' | 'head' | 'body' | 'idle';

export class Connection implements Listener, Link {
  readonly #socket: Socket;
  readonly #keeper: Keeper;
  readonly #options: ConnectionOptions;
  readonly #answers: Answers;
  #call: Call | null = null;
  #outgoing: Outgoing | null = null;
  #carried = 0;
  /** Whether it was kept before it had carried anything. */
  #rested = false;
  /** Whether the answer's head has come. */
  #headed = false;
  #paused = false;
  #error: Error | null = null;
  #closed = false;
  /** What it waits for, and until when, on the clock of `performance.now()`. */
  #wait: Wait = 'nothing';
  #due = Infinity;

  constructor(socket: Socket, keeper: Keeper, options: ConnectionOptions) {
    this.#socket = socket;
    this.#keeper = keeper;
    this.#options = options;
    this.#answers = new Answers(this, { text, mostHead: options.mostHead });
    socket.on('end', this.#onEnd);
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('close', this.#onClose);
    socket.on('drain', () => this.#outgoing?.drained());
  }

  /** Whether a call may be sent on it; asked of idle ones. */
  get usable(): boolean {
    return !this.#closed && this.#call === null && this.#socket.writable && !this.#socket.readableEnded;
  }

  get reused(): boolean {
    return this.#carried > 1 || this.#rested;
  }

  /** It is kept for a call that is to come. */
  rest(): void {
    if (this.#carried > 0) return;
    this.#rested = true;
    this.#until('idle', this.#options.idleMs);
  }

  /** Sends a call. What goes wrong is told to the call. */
  send(call: Call): void {
    const { method, path, fields, body } = call;
    const sending: Sending =
      body.kind === 'whole' ? { kind: 'length', bytes: body.bytes.length } : body.kind === 'stream' ? STREAM : NONE;
    const written = writeRequest({ method, path, fields, authority: this.#options.authority, sending });
    this.#call = call;
    this.#headed = false;
    this.#carried += 1;
    call.begun(this);
    if (written.kind === 'bad') return this.abort(new WireError('unsendable', written.because));
    this.#answers.begin(method);
    if (body.kind === 'stream') {
      this.#until('nothing', Infinity);
      this.#outgoing = new Outgoing(this.#socket, body.source, written, {
        sent: () => this.#call?.sent(false),
        taking: (taken) => this.#taking(taken),
        whole: () => this.#sentWhole(),
        failed: (error) => this.abort(error),
      });
      return;
    }
    if (body.kind === 'none') this.#socket.write(written.text, 'latin1');
    else if (body.bytes.length <= JOINED_BYTES)
      this.#socket.write(written.text + body.bytes.toString('latin1'), 'latin1');
    else {
      this.#socket.cork();
      this.#socket.write(written.text, 'latin1');
      this.#socket.write(body.bytes);
      this.#socket.uncork();
    }
    call.sent(true);
    this.#until('head', this.#options.headMs);
  }

  /** While the caller sends, its time is watched elsewhere; while the server takes nothing, here. */
  #taking(taken: boolean): void {
    if (!this.#headed) this.#until(taken ? 'nothing' : 'head', this.#options.headMs);
  }

  #sentWhole(): void {
    this.#outgoing = null;
    this.#call?.sent(true);
    this.#taking(false);
  }

  abort(error: Error): void {
    this.#error = error;
    this.#close();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#wait === 'nothing' && this.#call !== null) this.#until('body', this.#options.bodyMs);
    this.#socket.resume();
  }

  /** Closes it, whatever it does. */
  destroy(error: Error): void {
    this.abort(error);
  }

  /** Whether it has waited for too long; asked every now and then. */
  check(now: number): void {
    if (now < this.#due) return;
    if (this.#wait === 'head') this.abort(new WireError('late-head', 'no answer came in time'));
    else if (this.#wait === 'body') this.abort(new WireError('late-body', 'the answer stopped coming'));
    else this.#close();
  }

  #until(wait: Wait, ms: number): void {
    this.#wait = wait;
    this.#due = wait === 'nothing' ? Infinity : performance.now() + ms;
  }

  /** Takes what has come, to keep. */
  read(chunk: Buffer): void {
    const call = this.#call;
    if (call === null) return this.#close(); // Nobody asked.
    if (!this.#answers.began) call.started();
    if (this.#wait === 'body') this.#due = performance.now() + this.#options.bodyMs;
    this.#answers.take(chunk);
  }

  head(head: Head): void {
    if (head.status >= 200) {
      this.#headed = true;
      this.#until('body', this.#options.bodyMs);
    } else if (this.#wait === 'head') this.#until('head', this.#options.headMs);
    try {
      this.#call?.head(head);
    } catch (error) {
      this.#threw(error);
    }
  }

  data(bytes: Uint8Array): void {
    const call = this.#call;
    if (call === null) return;
    try {
      if (call.data(bytes as Buffer) || this.#paused || this.#call !== call) return;
    } catch (error) {
      return this.#threw(error);
    }
    this.#paused = true;
    // The caller takes its time, which somebody else watches.
    this.#until('nothing', Infinity);
    this.#socket.pause();
  }

  /** What a call throws is its own failure. */
  #threw(error: unknown): void {
    this.abort(asError(error));
  }

  end(trailers: Fields | null, kept: boolean, idleSeconds: number | null): void {
    const call = this.#call;
    if (call === null) return;
    this.#call = null;
    const idleMs =
      idleSeconds === null
        ? this.#options.idleMs
        : Math.min(Math.max(0, idleSeconds * 1_000 - SERVER_MARGIN_MS), MOST_IDLE_MS);
    // An answer before the request was whole: what of it is missing would be taken for the next.
    const sent = this.#outgoing === null && this.#socket.writableLength === 0;
    const keeps = kept && idleMs > 0 && sent && this.#socket.writable;
    if (keeps) {
      this.#until('idle', idleMs);
      if (this.#paused) {
        this.#paused = false;
        this.#socket.resume();
      }
      this.#keeper.idle(this);
    } else this.#close();
    try {
      call.done(trailers);
    } catch (error) {
      // The connection may carry another call by now, which has no part in it.
      call.failed(asError(error));
    }
  }

  bad(because: string): void {
    this.abort(new WireError('garbled', because));
  }

  readonly #onEnd = (): void => {
    if (this.#answers.finish()) return;
    this.#error ??= new WireError('closed', 'the connection was closed');
    this.#close();
  };

  readonly #onClose = (): void => this.#close();

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#until('nothing', Infinity);
    this.#answers.stop();
    this.#outgoing?.stop();
    this.#outgoing = null;
    this.#socket.destroy();
    this.#keeper.closed(this);
    const call = this.#call;
    this.#call = null;
    call?.failed(errorOf(this.#error));
  }
}

const NONE: Sending = { kind: 'none' };
const STREAM: Sending = { kind: 'stream' };

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** What the socket says, in our words. */
function errorOf(error: Error | null): Error {
  if (error === null) return new WireError('closed', 'the connection was closed');
  const code = 'code' in error ? error.code : null;
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNABORTED')
    return new WireError('closed', 'the connection was reset', { cause: error });
  return error;
}
