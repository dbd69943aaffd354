/**
 * One request on its way through the facade: what was asked, what was decided, and how it ended. Everything that answers a
 * caller goes through here, so that each answer says who served it, and is counted and logged once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { account } from './account.ts';
import { discard } from './body.ts';
import type { Decision } from './core/decide.ts';
import { requestIdOf, see, traceOf, type Fields, type Seen } from './core/field.ts';
import { absolute, rename } from './core/host.ts';
import type { Ration } from './core/ration.ts';
import { cameOf, type Came } from './core/trust.ts';
import type { Code } from './error.ts';
import { codes } from './error.ts';
import { waits } from './expectation.ts';
import type { Generation } from './generation.ts';
import { Marks } from './marks.ts';
import type { Metrics, ServedBy } from './metrics.ts';
import { newRequestId, newTrace } from './trace.ts';

/** Where an exchange reports to. */
export interface Observer {
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Share of requests that are logged, 0 to 1; every 5xx is, and every answer that was cut, within `failures`. */
  readonly sample: number;
  /** How many lines a second failures may have besides. */
  readonly failures: Ration;
  /** Names in lower case of the request's fields that are logged; default none. */
  readonly logHeaders?: readonly string[];
  /** Whether the facade is closing down: callers are told to come back on another connection. */
  readonly closing: () => boolean;
}

export interface Outcome {
  readonly side: ServedBy;
  readonly because: string;
  readonly status: number;
  readonly code: Code | null;
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** As it came: path and query, never normalised. */
  readonly target: string;
  readonly path: string;
  readonly seen: Seen;
  /** Who asked, by which scheme and which host, as far as proxies in front are trusted to tell. */
  readonly came: Came;
  readonly requestId: string;
  readonly traceparent: string;
  /** The table it is decided by: the one in force when its operation and its body, where they matter, are in hand. */
  generation: Generation;
  /** The matched route's id, or `default`. */
  route = 'default';
  /** What was decided; null when it did not come to that. */
  decision: Decision | null = null;
  /** The request's body, where it streams. */
  incoming: Readable | null = null;
  readonly marks: Marks = new Marks();
  readonly #observer: Observer;
  readonly #started: number = performance.now();
  #ended = false;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    url: string,
    context: { generation: Generation; observer: Observer },
  ) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? 'GET';
    this.target = url.startsWith('/') || url === '*' ? url : originForm(req, url);
    const query = this.target.indexOf('?');
    this.path = query === -1 ? this.target : this.target.slice(0, query);
    this.seen = see(req.rawHeaders);
    const peer = req.socket.remoteAddress ?? 'unknown';
    this.came = cameOf(peer, this.seen, req.rawHeaders, context.generation.table.trust);
    this.requestId = requestIdOf(this.seen) ?? newRequestId();
    this.traceparent = traceOf(this.seen) ?? newTrace();
    this.generation = context.generation;
    this.#observer = context.observer;
  }

  /** The caller's IP address. */
  get address(): string {
    return this.came.address;
  }

  /** When it arrived, on the clock of `performance.now()`. */
  get started(): number {
    return this.#started;
  }

  /** Whether its end has been told. */
  get ended(): boolean {
    return this.#ended;
  }

  get #hasBody(): boolean {
    return this.seen.contentLength !== null || this.seen.chunked;
  }

  /** The fields that every answer carries; to be asked for when its head is written. */
  own(side: ServedBy, because: string): Fields {
    const fields = ['x-request-id', this.requestId];
    if (this.generation.table.expose) {
      fields.push('banyan-served-by', side, 'banyan-route', this.route, 'banyan-because', because);
    }
    if (this.#observer.closing() || (this.#hasBody && waits(this.req))) fields.push('connection', 'close');
    return fields;
  }

  /** Counts and logs the end, and lets go of what is left of the request; only the first call does. */
  end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#hasBody) discard(this.req);
    const { side, because, status, code } = outcome;
    const ended = performance.now();
    const { metrics, log, sample, failures, logHeaders } = this.#observer;
    metrics.request(this.route, side, because, { status, seconds: (ended - this.#started) / 1_000 });
    const failed = status >= 500 || code === 'GW_UPSTREAM_BROKEN';
    if (!(failed && failures.take(ended)) && sample < 1 && Math.random() >= sample) return;
    const line = account(this, outcome, logHeaders ?? [], ended);
    if (!failed) return log.info(line, 'answered');
    const untold = failures.refused();
    if (untold > 0) log.warn({ untold }, 'failures had no lines of their own: there were too many in a second');
    log.warn(line, 'answered');
  }

  /** The status of a refusal, for `end`. */
  static statusOf(code: Code): number {
    return codes[code].status;
  }
}

/** What goes on of a target in absolute form: its path and query, and its host as the only one. */
function originForm(req: IncomingMessage, url: string): string {
  const { authority, target } = absolute(url);
  // HTTP/1.0 knows no Host; the target's is one.
  if (req.httpVersion === '1.0' && req.headers.host === undefined) req.rawHeaders.push('Host', authority);
  else rename(req.rawHeaders, authority);
  return target;
}
