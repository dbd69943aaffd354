/**
 * What goes to either side: the request as it came but for what a route sets, or for new, where a route is bridged, the request of
 * its REST service. The answer to that is told in the form in which was asked.
 */
import { onward } from './core/field.ts';
import type { Matched } from './core/match.ts';
import { expand } from './core/pattern.ts';
import type { Side } from './core/side.ts';
import type { Route } from './core/table.ts';
import type { Code } from './error.ts';
import type { Exchange, Observer } from './exchange.ts';
import type { Body, Forward } from './forward.ts';
import type { Rewrite } from './rewriting.ts';
import type { Question } from './shadow/question.ts';
import type { Crossed, Crossing } from './soap/bridge.ts';

/** New, asked in another form. */
export interface Bridging {
  readonly over: Crossing;
  /** Tells the caller why new cannot be asked. */
  readonly refuse: (exchange: Exchange) => void;
}

type CrossedRequest = Extract<Crossed, { kind: 'request' }>;

/** How a pipeline differs in what it asks. */
export interface Manner {
  readonly rewrite?: Rewrite;
  /** The method that goes out; default the caller's. */
  readonly method?: string;
  /** Names of fields, in lower case, that do not go out. */
  readonly drop?: ReadonlySet<string>;
  /** How new is asked, where it is asked in another form than legacy. */
  readonly crossing?: Bridging;
}

/** A request on its way. */
export interface Going extends Manner {
  readonly exchange: Exchange;
  readonly matched: Matched | null;
  readonly body: Body;
}

/** What goes out, and what becomes of the answer. */
export interface Outgoing extends Pick<Forward, 'method' | 'path' | 'headers' | 'body' | 'rewrite'> {
  /** Why its answer, when that was rewritten, could not be told as it should be; null: it could. */
  readonly code: () => Code | null;
}

const NO_CODE = (): null => null;

/** What goes to a side, and what becomes of its answer; null: it cannot be asked this, and the caller has been told. */
export function outgoing(job: Going, observer: Observer, side: Side): Outgoing | null {
  const { exchange, crossing } = job;
  if (side === 'legacy' || crossing === undefined) {
    const { matched, method = exchange.method, drop, body, rewrite = null } = job;
    const path = targetOf(exchange, matched, side);
    const headers = headersOf(exchange, matched?.route ?? null, side, drop);
    return { method, path, headers, body, rewrite, code: NO_CODE };
  }
  const crossed = crossing.over.cross();
  if (crossed.kind === 'refused') {
    crossing.refuse(exchange);
    return null;
  }
  let code: Code | null = null;
  const { method, path, headers } = questionOf(job, crossed);
  return {
    method,
    path,
    headers,
    body: crossed.body,
    rewrite: (status, fields, body) => {
      const returned = crossing.over.back(status, fields, body);
      code = returned.code;
      if (code !== null) {
        const { requestId, route } = exchange;
        observer.metrics.bridge(route, code);
        const { because } = returned;
        observer.log.warn({ requestId, route, code, because, upstreamStatus: status }, 'a bridged answer was not told');
      }
      return returned;
    },
    code: () => code,
  };
}

function questionOf(
  { exchange, matched }: Going,
  { method, path, drop, set }: CrossedRequest,
): Pick<Question, 'method' | 'path' | 'headers'> {
  const headers = headersOf(exchange, matched?.route ?? null, 'new', drop);
  for (const part of set) headers.push(part);
  return { method, path, headers };
}

/** What a side is asked that does not answer the caller; null: it cannot be asked this. */
export function questionTo(job: Going, side: Side): Question | null {
  const { crossing, body } = job;
  if (side === 'legacy' || crossing === undefined)
    return { ...asItCame(job, side), body: body.kind === 'whole' ? body.bytes : null };
  const crossed = crossing.over.cross();
  if (crossed.kind === 'refused') return null;
  return { ...questionOf(job, crossed), body: crossed.body.kind === 'whole' ? crossed.body.bytes : null };
}

function asItCame(
  { exchange, matched, method, drop }: Going,
  side: Side,
): Pick<Question, 'method' | 'path' | 'headers'> {
  return {
    method: method ?? exchange.method,
    path: targetOf(exchange, matched, side),
    headers: headersOf(exchange, matched?.route ?? null, side, drop),
  };
}

/** The path that goes out: as it came, unless the route's successor has one of its own. */
export function targetOf(exchange: Pick<Exchange, 'target' | 'path'>, matched: Matched | null, side: Side): string {
  const path = side === 'new' ? (matched?.route.successor?.path ?? null) : null;
  if (matched === null || path === null) return exchange.target;
  return expand(path, matched.params) + exchange.target.slice(exchange.path.length);
}

const NO_FIELDS: NonNullable<Route['successor']>['headers'] = [];
const NO_NAMES: ReadonlySet<string> = new Set();

/** The fields that go out. */
export function headersOf(
  exchange: Exchange,
  route: Route | null,
  side: Side,
  drop: ReadonlySet<string> = NO_NAMES,
): string[] {
  return onward(exchange.req.rawHeaders, exchange.seen, {
    came: exchange.came,
    requestId: exchange.requestId,
    traceparent: exchange.traceparent,
    set: side === 'new' ? (route?.successor?.headers ?? NO_FIELDS) : NO_FIELDS,
    drop,
  });
}
