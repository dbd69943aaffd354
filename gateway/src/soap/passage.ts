/**
 * What becomes of a SOAP message that may go on: what was held of it, then what is still to come, each chunk looked at before it is
 * sent. What is found wrong in the middle stops the request that carries it.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Upload, type Inspector } from '../body.ts';
import { fieldOf } from '../core/flat.ts';
import { LIMITS } from '../core/soap/limits.ts';
import type { FaultCode, SoapCode, Version } from '../core/soap/refusal.ts';
import type { Body } from '../forward.ts';
import { Reader } from './reader.ts';

/** What a refusal tells the sender, in the SOAP version of its message (1.1 where that is not known). */
export interface Refused {
  readonly kind: 'refused';
  readonly version: Version;
  readonly status: number;
  readonly because: SoapCode;
  readonly faultcode: FaultCode;
  readonly reason: string;
}

export type Verdict = 'ok' | Refused;

/** A message that may go on. */
export interface Passage {
  /** What has been read, in order. With `complete`, the whole body. Emptied when it goes on: buffers that grow old are dear to free. */
  readonly held: Buffer[];
  readonly complete: boolean;
  /** To be asked for each chunk behind `held` before it is sent on; one at a time, in order. */
  readonly watch: (chunk: Buffer) => Verdict | Promise<Verdict>;
  /** Whether `watch` and `finish` answer at once. */
  readonly immediate: boolean;
  /** Whether nothing that may still come is refused, but for its size. */
  readonly settled: boolean;
  /** To be asked at the end of the body, before its last byte is sent on. */
  readonly finish: () => Verdict | Promise<Verdict>;
}

/** Thrown out of the middle of a body: the request that carries it must not be completed. */
export class SoapRefused extends Error {
  readonly refused: Refused;

  constructor(reason: Refused) {
    super(`${reason.because}: ${reason.reason}`);
    this.name = 'SoapRefused';
    this.refused = reason;
  }
}

/**
 * The body of a message that may go on: what was held, then what is still to come, each chunk watched. One chunk is always
 * kept back, so that a request with a Content-Length is not complete before the end was checked. Whoever stops reading leaves
 * `rest` as it is, so that its sender can still be answered.
 *
 * @throws SoapRefused when the rest turns out to be refused: whoever sends it destroys the request
 * @throws Error when the sender leaves before the end; its cause is what `rest` was destroyed with, if anything
 */
export async function* bodyOf(found: Passage, rest: Readable): AsyncGenerator<Buffer, void, undefined> {
  const waiting = [...found.held];
  let kept = found.complete ? undefined : waiting.pop();
  yield* waiting;
  if (found.complete) return;
  const reader = new Reader(rest, null);
  try {
    for (let next = await reader.next(); next.kind !== 'end'; next = await reader.next()) {
      if (next.kind !== 'chunk')
        throw new Error('the sender left before its message was whole', { cause: rest.errored });
      insist(await found.watch(next.chunk));
      if (kept !== undefined) yield kept;
      kept = next.chunk;
    }
  } finally {
    reader.release();
  }
  insist(await found.finish());
  if (kept !== undefined) yield kept;
}

function insist(verdict: Verdict): void {
  if (verdict !== 'ok') throw new SoapRefused(verdict);
}

/** The same, for a body that is looked at in the turn in which it comes. */
function inspectorOf(found: Passage, keeps: boolean): Inspector {
  const wrong = (verdict: Verdict | Promise<Verdict>): Error | null => {
    if (verdict instanceof Promise) throw new TypeError('a message that is judged later');
    return verdict === 'ok' ? null : new SoapRefused(verdict);
  };
  return {
    first: () => found.held.splice(0),
    keeps,
    see: (chunk) => wrong(found.watch(chunk)),
    end: () => wrong(found.finish()),
  };
}

/** What goes on of it, as a request's body. */
export function passing(found: Passage, req: IncomingMessage, idleMs: number): Body {
  if (found.complete) return wholeOf(found.held);
  if (found.immediate) {
    // A size that was announced has been found small enough.
    const keeps = !found.settled || fieldOf(req.rawHeaders, 'content-length') === null;
    return { kind: 'stream', source: new Upload(req, idleMs, inspectorOf(found, keeps)) };
  }
  const upload = new Upload(req, idleMs);
  return { kind: 'stream', source: streamOf(bodyOf(found, upload), upload) };
}

function streamOf(chunks: AsyncGenerator<Buffer>, upload: Readable): Readable {
  const source = Readable.from(chunks, { objectMode: false });
  // Destroyed after its reader has lost interest, it must not end the process.
  source.on('error', () => undefined);
  // A generator cannot be ended while it waits for the caller's next bytes: they are called off first.
  const destroy = source._destroy.bind(source);
  source._destroy = (error, callback) => {
    upload.destroy();
    destroy(error, callback);
  };
  return source;
}

/** What is held, in one piece. */
export function wholeOf(chunks: readonly Buffer[]): Body {
  const [first] = chunks;
  return { kind: 'whole', bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) };
}

/**
 * All of a message that may have to be decoded; of one that is too large for it, a stream, for legacy may take it.
 * @throws SoapRefused: it is refused
 * @throws Error: its sender has left, or has become silent
 */
export async function gather(found: Passage, upload: Readable): Promise<Body> {
  const chunks: Buffer[] = [];
  const source = bodyOf(found, upload);
  for (let bytes = 0; bytes <= LIMITS.bridgedBytes;) {
    const next = await source.next();
    if (next.done === true) return wholeOf(chunks);
    bytes += next.value.length;
    chunks.push(next.value);
  }
  return { kind: 'stream', source: streamOf(again(chunks, source), upload) };
}

async function* again(chunks: readonly Buffer[], source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
  yield* source;
}
