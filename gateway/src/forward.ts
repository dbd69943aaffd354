/**
 * The direct forwarder: one request on one connection of one server, the answer straight into the caller's response.
 * Bodies stream both ways with back-pressure; nothing is parsed, decoded or kept. A small request body is collected first,
 * because sending it as one buffer costs half of streaming it (docs/adr/0005).
 *
 * Promises: a write of which a byte may have left is never sent again; what is sent again, and when, `core/retry.ts` says. To the
 * fallback a request goes only when no byte of the answer has come, it is a read, and its body can be sent again. A caller who leaves
 * frees the server at once, and so does one who does not read on for too long. What goes wrong before the answer's head becomes a
 * GatewayError; what goes wrong later cuts the caller's connection, so that a cut answer looks cut.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { CallerGone, CallerSlow } from './body.ts';
import { homeward, trailing, type Fields } from './core/field.ts';
import type { Head } from './core/wire/head.ts';
import { fieldOf } from './core/flat.ts';
import { rehome, withHost } from './core/home.ts';
import { next, type Failed } from './core/retry.ts';
import { codes, type GatewayError } from './error.ts';
import { failureOf, howFailed, isCrowded, Late } from './failure.ts';
import type { Member } from './member.ts';
import type { Outcome, Settle } from './breaker.ts';
import type { Tee } from './shadow/tee.ts';
import type { Marks } from './marks.ts';
import { Held, MAX_HELD_BYTES, type Rewrite } from './rewriting.ts';
import { afterHeads, inform, type Sink } from './sink.ts';
import type { Server } from './upstream.ts';
import { WireError, type Call, type Link } from './wire/call.ts';

/** What of the body is in hand: all of it, or a stream of what came and is still to come. */
export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly source: Readable };

export interface Forward {
  readonly req: IncomingMessage;
  /** Where the answer goes. */
  readonly res: Sink;
  readonly server: Server;
  readonly method: string;
  /** Path and query as they go out. */
  readonly path: string;
  readonly headers: Fields;
  readonly body: Body;
  /** Asked for when the answer's head is written: added to its fields. */
  readonly own: () => Fields;
  /** Replaces the answer by another, which needs the whole of it (WSDLs, bridges); null: it streams through. */
  readonly rewrite: Rewrite | null;
  /** How long the caller may not read on, in milliseconds. */
  readonly idleMs: number;
  /** What stands in the place of the upstream's own addresses, where it is to be rewritten; null: it is not. */
  readonly publicUrl: string | null;
  /** Whether the request changes nothing: a read. */
  readonly safe: boolean;
  /** When the answer has to be whole, on the clock of `performance.now()`; null: it may take its time. */
  readonly deadline: number | null;
  /** Is shown the answer as it comes; null: nobody is. */
  readonly tee: Tee | null;
  /** What the log may want to know. */
  readonly marks: Marks;
}

/**
 * How it ended; `status` is what the caller got. `head` is when the answer's head came, on the clock of `performance.now()`; null
 * when none came.
 */
export type Result =
  | { readonly kind: 'answered'; readonly status: number; readonly head: number; readonly complete: boolean }
  /** `sent`: whether a byte of the request may have left, so that it may have been carried out. */
  | { readonly kind: 'failed'; readonly error: GatewayError; readonly sent: boolean }
  /** The caller left. */
  | { readonly kind: 'abandoned' };

/** A way to an upstream and back. What is decided is not its business, and neither is how an answer is told of. */
export interface Forwarder {
  /** Never throws; `done` is called exactly once. */
  forward(request: Forward, done: (result: Result) => void): void;
}

/** On our own connections, into the caller's response. */
export const direct: Forwarder = { forward };

/** Sends the request and pipes the answer. Never throws; `done` is called exactly once. */
export function forward(request: Forward, done: (result: Result) => void): void {
  const { server } = request;
  const settle = server.breaker.begin();
  server.hold();
  new Handler(request, settle, done).start();
}

const NONE: readonly Member[] = [];

/** One request's way there and back; `forward` makes one for each. */
class Handler implements Call {
  readonly #request: Forward;
  readonly #settle: Settle;
  readonly #done: (result: Result) => void;
  readonly #socket: Socket;
  #link: Link | null = null;
  #total: NodeJS.Timeout | undefined;
  #member: Member;
  /** Members whose connections could not be opened. */
  #tried: readonly Member[] = NONE;
  #reused = false;
  /** Whether a byte of this attempt may have left, one of any attempt, and all of this one. */
  #sent = false;
  #everSent = false;
  #wholeSent = false;
  #began = false;
  #renewed = false;
  #stalled = false;
  #ended = false;
  #status = 0;
  #held: Held | null = null;
  #wrote = false;
  #interim = 0;
  /** What the answer's body is to have; NaN when it is not told. */
  #length = NaN;
  /** All of it, when it came in one piece. */
  #whole: Buffer | null = null;

  constructor(request: Forward, settle: Settle, done: (result: Result) => void) {
    this.#request = request;
    this.#settle = settle;
    this.#done = done;
    this.#member = request.server.pick();
    // Not the response's: of several pipelined requests only the first hears of the end by its response.
    this.#socket = request.req.socket;
    this.#socket.once('close', this.#onClose);
    if (this.#socket.closed) queueMicrotask(this.#onClose);
  }

  get method(): string {
    return this.#request.method;
  }

  get path(): string {
    return this.#request.path;
  }

  get fields(): Fields {
    const { host } = this.#member;
    return host === null ? this.#request.headers : withHost(this.#request.headers, host);
  }

  get body(): Body {
    return this.#request.body;
  }

  get safe(): boolean {
    return this.#request.safe;
  }

  start(): void {
    const { deadline } = this.#request;
    if (deadline !== null) this.#total = setTimeout(() => this.#runOut(), Math.max(0, deadline - performance.now()));
    this.#member.begin();
    this.#member.dispatch(this, false);
  }

  #runOut(): void {
    this.#giveUp(new Late(this.#request.server.upstream.name));
  }

  /** The caller's connection has closed; before the answer was whole, the caller has left. */
  readonly #onClose = (): void => {
    if (!this.#ended) this.#giveUp(new CallerGone('the caller has left'));
  };

  #giveUp(error: Error): void {
    if (this.#link !== null) return this.#link.abort(error);
    this.#member.cancel(this);
    const gone = error instanceof CallerGone;
    this.#end(
      'abandoned',
      gone
        ? { kind: 'abandoned' }
        : { kind: 'failed', error: failureOf(error, this.#name, false), sent: this.#everSent },
    );
  }

  get #name(): string {
    return this.#request.server.upstream.name;
  }

  begun(link: Link): void {
    this.#link = link;
    this.#reused = link.reused;
    this.#request.marks.reached(this.#member.url);
  }

  sent(whole: boolean): void {
    this.#sent = this.#everSent = true;
    this.#wholeSent ||= whole;
  }

  started(): void {
    this.#began = true;
  }

  head({ status, reason, fields }: Head): void {
    if (status < 200) return this.#inform(status, reason, fields);
    this.#status = status;
    this.#request.marks.head = performance.now();
    const { res, own, rewrite } = this.#request;
    this.#request.tee?.head(status, fields);
    if (rewrite !== null) {
      this.#held = new Held(fields);
      return;
    }
    this.#length = Number(fieldOf(fields, 'content-length') ?? NaN);
    res.writeHead(status, reason, homeward(this.#rehomed(fields), own(), this.#canTrail()));
    afterHeads(this);
  }

  #rehomed(fields: Fields): Fields {
    const { server, publicUrl } = this.#request;
    return server.home === null || publicUrl === null ? fields : rehome(fields, server.home, publicUrl);
  }

  /** Whether trailers can follow: node has them to be announced on chunks alone. */
  #canTrail(): boolean {
    return this.#request.req.httpVersionMinor > 0 && this.#request.method !== 'HEAD' && mayHaveBody(this.#status);
  }

  /** An answer before the answer. A caller of HTTP/1.0 would take it for the answer; one who asked for leave to send has it. */
  #inform(status: number, reason: string, fields: Fields): void {
    this.#interim += 1;
    const { res, req } = this.#request;
    // A server that only ever says that it is about to answer.
    if (this.#interim > MAX_INTERIM_IN_ALL)
      return this.#link?.abort(new WireError('garbled', `more than ${MAX_INTERIM_IN_ALL} interim answers came`));
    // To an answer that becomes another one, hints of the first say nothing.
    if (this.#request.rewrite !== null) return;
    if (status !== 100 && this.#interim <= MAX_INTERIM && req.httpVersionMinor > 0)
      inform(res, status, reason, homeward(fields, []));
  }

  /** The head has been written, and what came with it: a body that is still to come must not hold it back. */
  flushHead(): void {
    if (!this.#wrote && !this.#ended) this.#request.res.flushHeaders();
  }

  data(chunk: Buffer): boolean {
    if (this.#held !== null) {
      if (!this.#held.push(chunk))
        this.#link?.abort(new WireError('garbled', `an answer that is rewritten has at most ${MAX_HELD_BYTES} bytes`));
      this.#request.tee?.data(chunk);
      return true;
    }
    this.#wrote = true;
    const { res, tee, marks } = this.#request;
    marks.bytesOut += chunk.length;
    if (tee !== null) tee.data(chunk);
    // All of the body in one piece: its end comes in this turn, and one write does for both.
    if (chunk.length === this.#length) {
      this.#whole = chunk;
      return true;
    }
    if (res.write(chunk)) return true;
    if (this.#stalled) return false;
    this.#stalled = true;
    // Node's server cuts a connection off that has been idle for as long; bytes that leave are no idleness.
    this.#socket.setTimeout(this.#request.idleMs);
    res.once('drain', this.#onDrain);
    return false;
  }

  readonly #onDrain = (): void => {
    this.#stalled = false;
    this.#socket.setTimeout(0);
    // The connection may carry another call by then.
    if (!this.#ended) this.#link?.resume();
  };

  done(trailers: Fields | null): void {
    const { res, rewrite, own, marks } = this.#request;
    let status = this.#status;
    if (this.#held !== null && rewrite !== null) {
      const rewritten = rewrite(status, this.#held.fields, this.#held.whole());
      status = rewritten.status;
      marks.bytesOut += rewritten.body.length;
      res.writeHead(status, STATUS_CODES[status] ?? '', homeward(rewritten.fields, rewritten.own ?? own()));
      finish(res, rewritten.body);
    } else {
      if (trailers !== null) res.addTrailers(trailing(trailers));
      if (this.#whole === null) res.end();
      else finish(res, this.#whole);
    }
    this.#end(this.#status >= 500 ? 'failure' : 'success', {
      kind: 'answered',
      status,
      head: marks.head,
      complete: true,
    });
  }

  failed(given: Error): void {
    if (this.#ended) return;
    const error = given.cause instanceof CallerGone || given.cause instanceof CallerSlow ? given.cause : given;
    const { res, server } = this.#request;
    if (error instanceof CallerGone || this.#socket.destroyed) return this.#end('abandoned', { kind: 'abandoned' });
    const how = howFailed(error);
    if (how !== 'other') server.broke(this.#member);
    if (this.#again(how)) return;
    const failure = failureOf(error, this.#name, this.#sent);
    const outcome = isCrowded(error) || this.#isCallers(failure) ? 'abandoned' : 'failure';
    if (!res.headersSent) return this.#end(outcome, { kind: 'failed', error: failure, sent: this.#everSent });
    // What came of it is told; a body that ends early must look cut: no final chunk, no complete length.
    if (!this.#wrote) res.flushHeaders();
    res.destroy();
    this.#end(outcome, { kind: 'answered', status: this.#status, head: this.#request.marks.head, complete: false });
  }

  /** Whether a failure says nothing about the server: what cannot be sent, and a caller who took all the time there was. */
  #isCallers(failure: GatewayError): boolean {
    if (codes[failure.code].status < 500) return true;
    return failure instanceof Late && (!this.#wholeSent || this.#stalled);
  }

  /** Sends it again where that is right. Returns whether it does. */
  #again(how: Failed['how']): boolean {
    const { server, safe, body } = this.#request;
    // A stream that had a connection has been read.
    if (body.kind === 'stream' && this.#link !== null) return false;
    const what = next({
      how,
      sent: this.#sent,
      began: this.#began,
      reused: this.#reused,
      repeatable: safe && body.kind !== 'stream',
      renewed: this.#renewed,
    });
    if (what === 'give-up') return false;
    if (what === 'elsewhere') {
      this.#tried = [...this.#tried, this.#member];
      const other = server.other(this.#tried);
      if (other === null) return false;
      this.#member.end();
      this.#member = other;
      other.begin();
    }
    server.again(what);
    this.#renewed ||= what === 'fresh';
    this.#link = null;
    this.#sent = this.#wholeSent = false;
    this.#member.dispatch(this, this.#renewed);
    return true;
  }

  #end(outcome: Outcome, result: Result): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#total);
    this.#socket.off('close', this.#onClose);
    this.#settle(outcome);
    if (this.#began) this.#request.server.answered(this.#member);
    this.#member.end();
    this.#request.server.release();
    this.#done(result);
  }
}

// Beyond it a copy costs more than another piece.
const TEXT_BYTES = 16 * 1024;
// A page's hints come in one or two; an upstream that goes on must not fill the memory of a caller's connection.
const MAX_INTERIM = 16;
// Each gives the answer as much time again: servers that show progress (102) every second do so for a quarter of an hour at most.
const MAX_INTERIM_IN_ALL = 1_000;

/** Writes the whole of an answer's body. Node puts a text behind its head into one piece, and bytes into another. */
function finish(res: Sink, body: Buffer): void {
  if (body.length <= TEXT_BYTES) res.end(body.toString('latin1'), 'latin1');
  else res.end(body);
}

const mayHaveBody = (status: number): boolean => status !== 204 && status !== 304;
