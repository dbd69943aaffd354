/**
 * Request bodies on their way in. A small one is collected, because one buffer costs half of a stream; everything else streams,
 * watched so that a sender who stops sending does not hold a connection for ever. What is left of a body once its request has
 * been answered is read and dropped within limits, so that the answer arrives and the connection can be used again.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Seen } from './core/field.ts';
import { invite, waits } from './expectation.ts';
import type { Body } from './forward.ts';

// Measured break-even is higher, but this many bytes times a few thousand callers must fit into memory.
const COLLECT_BYTES = 64 * 1024;
/**
 * Silence of a caller in the middle of a body, and of one who does not read its answer, in milliseconds: as long as an
 * upstream's may last.
 */
export const CALLER_IDLE_MS = 30_000;
// A sender that does not listen while it sends needs as long as its body takes; one that does stops at once.
const LINGER_MS = 10_000;
// Some seconds of a fast sender. Closing a connection with bytes unread would destroy the answer on its way.
const LINGER_BYTES = 64 * 1024 * 1024;

export type Collected = Body | { readonly kind: 'slow' } | { readonly kind: 'gone' };

/** The caller left in the middle of its body. */
export class CallerGone extends Error {}

/** The caller fell silent in the middle of its body. */
export class CallerSlow extends Error {}

/**
 * Calls `done` once: at once for no body or a stream, else when the body is whole, too slow, or its sender has left.
 * @param idleMs for all of a small body; for each silence within a stream
 */
export function collect(req: IncomingMessage, seen: Seen, idleMs: number, done: (body: Collected) => void): void {
  const length = seen.contentLength === null ? 0 : Number(seen.contentLength);
  if (!seen.chunked && length === 0) return done({ kind: 'none' });
  // Who waits for leave to send gets it once the request has been decided on, and somebody reads.
  if (seen.chunked || length > COLLECT_BYTES || waits(req))
    return done({ kind: 'stream', source: new Upload(req, idleMs) });
  void new Gathering(req, idleMs, done);
}

/** A body that is being collected. Its time is for all of it, since it is small: a sender of a byte a second is refused as well. */
class Gathering {
  readonly #req: IncomingMessage;
  readonly #done: (body: Collected) => void;
  #first: Buffer | null = null;
  #rest: Buffer[] | null = null;
  readonly #timer: NodeJS.Timeout;
  #over = false;

  constructor(req: IncomingMessage, idleMs: number, done: (body: Collected) => void) {
    this.#req = req;
    this.#done = done;
    // Where node's parser hands the body over: listening for `data` and `end` costs as much as all other reading of a request.
    req.push = this.#push;
    req.once('close', this.#onClose);
    this.#timer = setTimeout(() => this.#giveUp(), idleMs);
  }

  readonly #push = (chunk: unknown): boolean => {
    if (chunk === null) this.#end();
    else if (this.#first === null) this.#first = chunk as Buffer;
    else (this.#rest ??= [this.#first]).push(chunk as Buffer);
    return true;
  };

  #end(): void {
    this.#handBack();
    this.#req.push(null);
    const bytes = this.#rest === null ? this.#first : Buffer.concat(this.#rest);
    this.#finish({ kind: 'whole', bytes: bytes ?? EMPTY });
  }

  /** Not by deleting it: that makes an object slow for the rest of its life. */
  #handBack(): void {
    // oxlint-disable-next-line typescript/unbound-method -- It becomes a method again.
    this.#req.push = Readable.prototype.push;
  }

  readonly #onClose = (): void => this.#finish({ kind: 'gone' });

  #giveUp(): void {
    this.#handBack(); // What still comes is for whoever drops it.
    this.#finish({ kind: 'slow' });
  }

  #finish(body: Collected): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#req.off('close', this.#onClose);
    this.#done(body);
  }
}

const EMPTY = Buffer.alloc(0);

/** Somebody who reads along. */
export interface Inspector {
  /** Hands over what has been read of the body already, in order. Whoever keeps it pays: buffers that grow old are dear to free. */
  first(): readonly Buffer[];
  /** Whether the last chunk is kept back until the end was seen. */
  readonly keeps: boolean;
  /** Sees each chunk behind `first` before it goes on. @returns what is wrong with it: the body is destroyed with it */
  see(chunk: Buffer): Error | null;
  /** Sees the end, before the last chunk goes on. */
  end(): Error | null;
}

/**
 * A body that streams. It stands between the caller's request and whoever sends it on, because a client that gives a request up
 * destroys its body, and an `IncomingMessage` takes the caller's connection with it: the caller would never hear the answer.
 */
export class Upload extends Readable {
  readonly #req: IncomingMessage;
  readonly #idleMs: number;
  readonly #inspector: Inspector | null;
  #timer: NodeJS.Timeout | null = null;
  /** The last chunk, while somebody reads along: a request is not complete before its end was seen. */
  #kept: Buffer | null = null;
  /** How much of it has come. */
  bytes = 0;

  constructor(req: IncomingMessage, idleMs: number, inspector: Inspector | null = null) {
    super();
    this.#req = req;
    this.#idleMs = idleMs;
    this.#inspector = inspector;
    // Destroyed after its reader has lost interest, it must not end the process.
    this.on('error', () => undefined);
  }

  override _read(): void {
    if (this.#timer === null) this.#begin();
    else this.#timer.refresh();
    if (!this.destroyed) this.#req.resume();
  }

  #begin(): void {
    // Its caller has left, or has been answered and the rest dropped, while nobody read here: what is missing must not look whole.
    if (this.#req.destroyed || this.#req.readableEnded) {
      this.destroy(new CallerGone('the body is there no more'));
      return;
    }
    this.#timer = setTimeout(this.#onSilence, this.#idleMs);
    for (const chunk of this.#inspector?.first() ?? []) this.#take(chunk);
    this.#req.on('data', this.#onData).once('end', this.#onEnd).once('close', this.#onClose);
    invite(this.#req);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#timer?.refresh();
    const wrong = this.#inspector === null ? null : this.#inspector.see(chunk);
    if (wrong !== null) return void this.destroy(wrong);
    if (!this.#take(chunk)) this.#req.pause();
  };

  /** @returns whether there is room for more */
  #take(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.#inspector?.keeps !== true) return this.push(chunk);
    const next = this.#kept;
    this.#kept = chunk;
    return next === null || this.push(next);
  }

  readonly #onEnd = (): void => {
    this.#release();
    const wrong = this.#inspector === null ? null : this.#inspector.end();
    if (wrong !== null) return void this.destroy(wrong);
    if (this.#kept !== null) this.push(this.#kept);
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#req.readableEnded) this.destroy(new CallerGone('the caller left in the middle of its body'));
  };

  readonly #onSilence = (): void => {
    // It is the reader who keeps it waiting; he has a time limit of his own.
    if (this.#req.isPaused()) this.#timer?.refresh();
    else this.destroy(new CallerSlow('the body stopped coming'));
  };

  #release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#release();
    callback(error);
  }
}

/** Reads and drops what is left of a body that nobody needs any more. A sender who goes on for too long is cut off. */
export function discard(req: IncomingMessage): void {
  if (req.readableEnded || req.destroyed) return;
  if (!req.complete) {
    let left = LINGER_BYTES;
    const timer = setTimeout(() => req.destroy(), LINGER_MS).unref();
    req.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) req.destroy();
    });
    req.once('close', () => clearTimeout(timer));
    // Cut off while it was dropped: nobody is left to be told.
    req.on('error', () => undefined);
  }
  req.resume();
}
