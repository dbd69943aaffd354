/**
 * Carries out what `decide` said: forwards, falls back, or refuses; then reports how it ended. Match, decision and dispatch
 * happen in one turn of the event loop, so that a flip falls between requests and never into one.
 */
import type { Asked } from './core/caller.ts';
import { decide, type Facts, type Forwarding } from './core/decide.ts';
import type { Fields } from './core/field.ts';
import type { Matched } from './core/match.ts';
import type { Side } from './core/side.ts';
import type { Route, Table } from './core/table.ts';
import { codes, type GatewayError } from './error.ts';
import type { Exchange, Observer } from './exchange.ts';
import { Late } from './failure.ts';
import type { Body, Forwarder } from './forward.ts';
import type { Generations } from './generation.ts';
import { Moment } from './moment.ts';
import { outgoing, questionTo, type Manner as Going } from './outgoing.ts';
import { overrideOf } from './override.ts';
import { sendProblem, type Refusal } from './problem.ts';
import type { Shadow } from './shadow/shadow.ts';
import type { Shadows } from './shadow/shadows.ts';
import type { Fleet, Server } from './upstream.ts';

export interface Context {
  readonly generations: Generations;
  readonly forwarders: Readonly<Record<Table['forwarder'], Forwarder>>;
  readonly observer: Observer;
  /** Who else is asked. */
  readonly shadows: Shadows;
  /** `http://` and the listen address: what descriptions say where the file names no `publicUrl`. */
  readonly publicUrl: () => string;
  /** How long a caller may neither send nor read where it has to, in milliseconds. */
  readonly idleMs: number;
}

/** How a pipeline (REST, SOAP) differs in what it asks and tells; REST's refusals are problems. */
export interface Manner extends Going {
  readonly refuse?: (exchange: Exchange, refusal: Refusal, because: string) => void;
  /** What of a SOAP message may be decided by. */
  readonly element?: Asked['element'];
}

/** Decides on a request whose route is known, and obeys. */
export function proceed(
  exchange: Exchange,
  context: Context,
  matched: Matched | null,
  rest: { body: Body } & Manner,
): void {
  const generation = context.generations.current;
  exchange.generation = generation;
  const route = matched?.route ?? null;
  exchange.route = route?.id ?? 'default';
  const { fleet } = context.generations;
  const moment = new Moment(fleet);
  const decision = decide(generation.table, route, askedOf(exchange, matched, rest.element), moment);
  exchange.decision = decision;
  if (rest.body.kind === 'stream') exchange.incoming = rest.body.source;
  if (decision.kind === 'refuse') {
    if (moment.withheld) context.observer.metrics.withheld(exchange.route, decision.because);
    const { code, reason: detail, retryAfterSeconds, because } = decision;
    return (rest.refuse ?? refuse)(exchange, { code, detail, retryAfterSeconds }, because);
  }
  // It had one to spare a moment ago, in this turn.
  if (decision.because === 'breaker-open') borrow(exchange, context, decision);
  send({ exchange, context, matched, deadline: null, sent: false, ...rest }, decision);
}

/** Has legacy answer in new's place, within its budget. Returns false where it has none to spare, or a breaker that is open. */
export function borrow(
  { route }: Exchange,
  { generations, observer }: Context,
  { upstream, because }: { readonly upstream: string; readonly because: string },
): boolean {
  const reserve = generations.fleet.get(upstream);
  const lent = reserve !== undefined && !reserve.breaker.refusing && reserve.lend();
  if (lent) observer.metrics.fallback(route, because);
  else observer.metrics.withheld(route, because);
  return lent;
}

/** What `decide` may know of the request. */
export function askedOf(exchange: Exchange, matched: Matched | null, element: Asked['element'] = NO_ELEMENT): Asked {
  return new Asking(exchange, matched, element);
}

const NO_ELEMENT = (): null => null;

/** What few routes ask for is found out when one does. */
class Asking implements Asked {
  readonly draw: number = Math.random();
  readonly element: Asked['element'];
  readonly #exchange: Exchange;
  readonly #matched: Matched | null;

  constructor(exchange: Exchange, matched: Matched | null, element: Asked['element']) {
    this.element = element;
    this.#exchange = exchange;
    this.#matched = matched;
  }

  get fields(): Fields {
    return this.#exchange.req.rawHeaders;
  }

  get params(): ReadonlyMap<string, string> {
    return this.#matched?.params ?? NO_PARAMS;
  }

  get address(): string {
    return this.#exchange.address;
  }

  get override(): Side | null {
    return overrideOf(this.fields, this.#exchange.generation.table.overrideSecret);
  }
}

const NO_PARAMS: ReadonlyMap<string, string> = new Map();

/** What `decide` may know of the moment. */
export const factsOf = (fleet: Fleet): Facts => new Moment(fleet);

interface Job extends Manner {
  readonly exchange: Exchange;
  readonly context: Context;
  readonly matched: Matched | null;
  readonly body: Body;
  /** When the answer has to be whole, on the clock of `performance.now()`, as those say who were asked before; null: any time. */
  readonly deadline: number | null;
  /** Whether those may have got a byte of it. */
  readonly sent: boolean;
}

function send(job: Job, decision: Forwarding): void {
  const { exchange, context } = job;
  const server = context.generations.fleet.get(decision.upstream);
  if (server === undefined || server.full) return unready(job, decision, server);
  const { side, because } = decision;
  const deadline = deadlineOf(job, server);
  if (deadline !== null && deadline <= performance.now())
    return tell(job, decision, { error: new Late(decision.upstream), sent: job.sent, retryAfterSeconds: null });
  const question = outgoing(job, context.observer, side);
  if (question === null) return;
  const shadow = shadowOf(job, decision, server);
  context.forwarders[exchange.generation.table.forwarder].forward(
    {
      req: exchange.req,
      res: exchange.res,
      server,
      // One by one: spread, they would cost more than all else that is decided here.
      method: question.method,
      path: question.path,
      headers: question.headers,
      body: question.body,
      rewrite: question.rewrite,
      own: () => exchange.own(side, because),
      idleMs: context.idleMs,
      publicUrl: server.home === null ? null : publicUrlOf(exchange, context),
      safe: isSafe(exchange, job.matched?.route ?? null),
      deadline,
      tee: shadow,
      marks: exchange.marks,
    },
    (result) => {
      shadow?.end(result);
      switch (result.kind) {
        case 'answered': {
          const code = result.complete ? question.code() : 'GW_UPSTREAM_BROKEN';
          return exchange.end({ side, because, status: result.status, code });
        }
        case 'abandoned':
          return exchange.end({ side, because: 'abandoned', status: 499, code: null });
        case 'failed':
          return fail({ ...job, deadline, sent: job.sent || result.sent }, decision, result.error);
        default:
          return result satisfies never;
      }
    },
  );
}

/** The other side's part in it, where the decision has one. */
function shadowOf(job: Job, decision: Forwarding, server: Server): Shadow | null {
  const { exchange, context, matched, body, crossing } = job;
  const { also, side: answered } = decision;
  if (also === null || matched === null) return null;
  const { generation, requestId } = exchange;
  const { route } = matched;
  return context.shadows.begin({
    table: generation.table,
    route,
    also,
    answered,
    origin: server.upstream.urls[0] ?? '',
    requestId,
    body,
    question: () => questionTo(job, also.side),
    view: crossing === undefined ? null : (half, side) => crossing.over.view(half, side),
  });
}

/** Answers for an upstream that is not there, or has all that it may have. */
function unready(job: Job, { upstream, because }: Forwarding, server: Server | undefined): void {
  const say = job.refuse ?? refuse;
  if (server === undefined) {
    const detail = `Upstream ${upstream} is not in the routing table.`;
    return say(job.exchange, { code: 'GW_NO_UPSTREAM', detail, retryAfterSeconds: null }, because);
  }
  const detail = `Upstream ${upstream} has as many requests waiting as it may have.`;
  say(job.exchange, { code: 'GW_OVERLOADED', detail, retryAfterSeconds: 1 }, 'overloaded');
}

/** The earlier of what this upstream's total allows, and what those allowed who were asked before. */
function deadlineOf({ exchange, deadline }: Job, { upstream }: Server): number | null {
  const { totalMs } = upstream.timeout;
  if (totalMs === null) return deadline;
  return Math.min(exchange.started + totalMs, deadline ?? Infinity);
}

/** Whether it changes nothing: as its route says, or as its method does. */
function isSafe({ method }: Exchange, route: Route | null): boolean {
  if (route !== null) return route.effect === 'read';
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

function fail(job: Job, decision: Forwarding, error: GatewayError): void {
  const { exchange, context, body, deadline, sent } = job;
  const { fallback } = decision;
  const status = codes[error.code].status;
  // A stream has been read by the first attempt and cannot be sent again; and without time left nobody is asked. A timer may be a
  // moment earlier than the clock.
  const mayFall = fallback !== null && body.kind !== 'stream' && codes[error.code].retry;
  if (!mayFall || error instanceof Late || (deadline !== null && deadline <= performance.now()))
    return tell(job, decision, { error, sent, retryAfterSeconds: status === 503 ? 1 : null });
  if (!borrow(exchange, context, fallback)) return tell(job, decision, { error, sent, retryAfterSeconds: 1 });
  const { side, upstream, because } = fallback;
  send(job, { kind: 'forward', side, upstream, because, fallback: null, also: null });
}

interface Failing {
  readonly error: GatewayError;
  readonly sent: boolean;
  readonly retryAfterSeconds: number | null;
}

/** What is known of a request of which a byte may, or may not, have been sent. */
export const known = (sent: boolean): string => (sent ? 'It may have been carried out.' : 'Nothing was sent.');

/** Tells the caller what went wrong, and what is known of its request. */
function tell(job: Job, { because }: Forwarding, { error, sent, retryAfterSeconds }: Failing): void {
  (job.refuse ?? refuse)(
    job.exchange,
    {
      code: error.code,
      detail: `${error.message} ${known(sent)}`,
      retryAfterSeconds,
      carriedOut: sent ? 'maybe' : 'no',
      cause: error.cause,
    },
    because,
  );
}

/** Answers a REST caller with a problem, and reports it. */
export function refuse(exchange: Exchange, refusal: Refusal, because: string): void {
  sendProblem(exchange.res, refusal, exchange.own('none', because));
  exchange.end({ side: 'none', because, status: codes[refusal.code].status, code: refusal.code });
}

/** An answer without a body that needs neither side. */
export function answerItself(exchange: Exchange, status: 204, because: string): void {
  exchange.res.writeHead(status, [...exchange.own('none', because)]);
  exchange.res.end();
  exchange.end({ side: 'none', because, status, code: null });
}

/**
 * A mistake of ours: the caller is told, once, and the log says what it was.
 * @param say how callers of the pipeline are told; default a problem
 */
export function broken(
  exchange: Exchange,
  error: unknown,
  { observer }: Context,
  say: NonNullable<Manner['refuse']> = refuse,
): void {
  observer.log.error({ err: error, requestId: exchange.requestId }, 'a request could not be handled');
  if (exchange.ended) return;
  // Half an answer must look cut.
  if (exchange.res.headersSent) exchange.res.destroy();
  say(
    exchange,
    { code: 'GW_INTERNAL', detail: 'The facade could not handle this request.', retryAfterSeconds: null },
    'internal',
  );
}

/** What a caller calls the facade: an origin, perhaps with a path. */
export function publicUrlOf({ generation, came }: Exchange, { publicUrl }: Pick<Context, 'publicUrl'>): string {
  return generation.table.publicUrl ?? (came.host === null ? publicUrl() : `${came.scheme}://${came.host}`);
}
