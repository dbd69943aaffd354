/**
 * One request on a connection to an upstream, as the connection sees it, and what can go wrong with it. A call is told in this
 * order: begun, sent, started, head, data, then done or failed, once.
 */
import type { Fields } from '../core/field.ts';
import type { Head } from '../core/wire/head.ts';
import type { Body } from '../forward.ts';

export interface Call {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly fields: Fields;
  readonly body: Body;
  /** Whether it could be sent again: it changes nothing. */
  readonly safe: boolean;
  /** It has a connection, and is written to it in this turn; a body that streams, with its first bytes. */
  begun(link: Link): void;
  /** Bytes of it have been written. @param whole whether all of it has */
  sent(whole: boolean): void;
  /** The first byte of an answer has come. */
  started(): void;
  /** A status below 200: an interim answer, another follows. */
  head(head: Head): void;
  /** @returns false: no more is wanted before `Link.resume` (what has come already is still told of) */
  data(chunk: Buffer): boolean;
  done(trailers: Fields | null): void;
  failed(error: Error): void;
}

/** A call's hold on its connection. */
export interface Link {
  /** Whether the connection had carried a call before this one, or was kept for it: its server may have closed it meanwhile. */
  readonly reused: boolean;
  /** Gives the call up, and the connection with it; `failed` is told of the error. */
  abort(error: Error): void;
  resume(): void;
}

/**
 * What happened: `unopened` no connection came about, `unopened-late` not in time; `busy` none became free in time; `closed` it ended or was reset; `late-head`, `late-body` nothing came in time;
 * `garbled` what came is no answer; `unsendable` the request cannot be written as it stands.
 */
export type Trouble =
  'unopened' | 'unopened-late' | 'busy' | 'closed' | 'late-head' | 'late-body' | 'garbled' | 'unsendable';

export class WireError extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.trouble = trouble;
  }
}
