/**
 * The SOAP pipeline of the facade: which operation a message calls, and with it which route; descriptions (WSDLs, schemas) with
 * addresses that point to the facade; faults in the version of the request. What is decided then, and how it is forwarded, is
 * the same as for REST (`obey.ts`).
 */
import type { Readable } from 'node:stream';
import { CALLER_IDLE_MS, CallerGone, CallerSlow, Upload } from './body.ts';
import type { Asked } from './core/caller.ts';
import type { Fields } from './core/field.ts';
import { decoded, formatMatch } from './core/pattern.ts';
import type { Bridge } from './core/soap/bridge.ts';
import type { Codec } from './core/soap/codec.ts';
import { pluck } from './core/soap/pluck.ts';
import type { FaultCode, Version } from './core/soap/refusal.ts';
import { clark } from './core/soap/scope.ts';
import { bareService, type Operation, type Service as Known } from './core/soap/service.ts';
import type { Route, Table, Wsdl } from './core/table.ts';
import { codes, GatewayError } from './error.ts';
import type { Exchange } from './exchange.ts';
import type { RestRequest } from './explain.ts';
import type { Body } from './forward.ts';
import { broken, proceed, type Context, type Manner } from './obey.ts';
import type { Refusal } from './problem.ts';
import type { Problem } from './routing/document.ts';
import { nearest } from './routing/problem.ts';
import { Crossing } from './soap/bridge.ts';
import { describe, describes } from './soap/describe.ts';
import type { Documents } from './soap/document.ts';
import { faultFor, faultOf, type FaultAnswer } from './soap/fault.ts';
import { identify, type Identified, type IdentifiedOperation, type IdentifyOptions } from './soap/identify.ts';
import { intake } from './soap/intake.ts';
import { gather, passing, SoapRefused, wholeOf } from './soap/passage.ts';
import { BadBridges, bridgesOf, type Proven } from './soap/prove.ts';
import { loadService, operationsNamed } from './soap/wsdl.ts';

/** One SOAP path of the table. */
export interface Service {
  readonly wsdl: Wsdl;
  readonly known: Known;
  readonly routes: ReadonlyMap<Operation, Route>;
  /** Of the operations whose route's successor is asked in REST. */
  readonly bridges: ReadonlyMap<Operation, Bridge<Codec>>;
  /** Whether a route tells callers apart by what stands in messages. */
  readonly keep: boolean;
  /** What describes it, for the day when its owner cannot; null: the table names no file. */
  readonly documents: Documents | null;
}

const NO_BRIDGES: Proven = { bridges: new Map(), problems: [] };

/**
 * Loads every WSDL that the table names, finds the operation of each SOAP route, and proves the bridges.
 * @throws GatewayError GW_BAD_WSDL: a file that cannot be used, or a route whose operation it does not have
 * @throws BadBridges GW_BAD_CONFIG: bridges that do not fit
 */
export async function servicesOf(table: Table): Promise<ReadonlyMap<string, Service>> {
  const services = new Map<string, Service>();
  const problems: Problem[] = [];
  for (const wsdl of table.wsdls.values()) {
    const own = table.routes.filter(({ match }) => match.kind === 'soap' && match.path === wsdl.path);
    const loaded = wsdl.file === null ? null : await loadService(wsdl.path, wsdl.file);
    const known = loaded ?? bareService(own.flatMap(elementOf));
    const routes = routesOf(wsdl, known, own);
    const proven = loaded === null ? NO_BRIDGES : bridgesOf(loaded, routes);
    problems.push(...proven.problems);
    const keep = own.some(({ sticky }) => sticky.some(({ kind }) => kind === 'soap'));
    services.set(wsdl.path, { wsdl, known, routes, bridges: proven.bridges, keep, documents: loaded });
  }
  if (problems.length > 0) throw new BadBridges(problems.toSorted((a, b) => a.line - b.line || a.column - b.column));
  return services;
}

function elementOf({ match }: Route): { namespace: string; local: string }[] {
  return match.kind === 'soap' ? [{ namespace: match.namespace ?? '', local: match.name }] : [];
}

function routesOf(wsdl: Wsdl, known: Known, own: readonly Route[]): ReadonlyMap<Operation, Route> {
  const routes = new Map<Operation, Route>();
  for (const route of own) {
    const operations = operationsOf(route, known);
    if (operations.length === 0) {
      const names = known.operations.map(({ name }) => name);
      const name = route.match.kind === 'soap' ? route.match.name : '';
      throw new GatewayError(
        'GW_BAD_WSDL',
        `route "${route.id}" (line ${route.line}): ${formatMatch(route.match)} is not in ${wsdl.file ?? 'the service'}${nearest(name, names)}`,
      );
    }
    for (const operation of operations) {
      checkSticky(route, operation);
      const other = routes.get(operation);
      if (other !== undefined)
        throw new GatewayError(
          'GW_BAD_WSDL',
          `route "${route.id}" (line ${route.line}): ${formatMatch(route.match)} matches the same requests as route "${other.id}" (line ${other.line})`,
        );
      routes.set(operation, route);
    }
  }
  for (const { operations } of known.shared) {
    if (new Set(operations.map((operation) => routes.get(operation))).size > 1) {
      const names = operations.map(({ name }) => name).join(' and ');
      throw new GatewayError(
        'GW_BAD_WSDL',
        `${wsdl.path}: the operations ${names} share one input element, so a message does not say which it calls: they must have one route, or none`,
      );
    }
  }
  return routes;
}

/** @throws GatewayError GW_BAD_WSDL: a key begins with another element than the operation's messages do */
function checkSticky({ id, line, sticky }: Route, { name, input }: Operation): void {
  for (const key of sticky) {
    if (key.kind !== 'soap' || key.path[0] === input?.local) continue;
    const begin = input === null ? 'its messages are empty' : `its messages begin with ${input.local}`;
    throw new GatewayError(
      'GW_BAD_WSDL',
      `route "${id}" (line ${line}): sticky soap:/${key.path.join('/')} is not in a message of the operation ${name}: ${begin}`,
    );
  }
}

function operationsOf({ match }: Route, known: Known): readonly Operation[] {
  if (match.kind !== 'soap') return [];
  return match.namespace === null
    ? operationsNamed(known, match.name)
    : (known.byInput.get(clark(match.namespace, match.name)) ?? []);
}

/** The SOAP service at a path. Percent-encoding says nothing: what stands behind would undo it, unshielded. */
export function serviceAt(path: string, services: ReadonlyMap<string, Service>): Service | null {
  return services.get(path.includes('%') ? path.split('/').map(decoded).join('/') : path) ?? null;
}

/** Answers a request on a SOAP path. */
export function serveSoap(exchange: Exchange, service: Service, context: Context): void {
  if (describes(exchange)) return describe(exchange, service, context);
  if (exchange.method !== 'POST') {
    // Not a SOAP message: a page, a probe. It goes where it always went.
    const body =
      exchange.seen.contentLength === null && !exchange.seen.chunked
        ? ({ kind: 'none' } as const)
        : ({ kind: 'stream', source: new Upload(exchange.req, context.idleMs) } as const);
    return proceed(exchange, context, null, { body });
  }
  const settle = (found: Identified): void => {
    try {
      route(exchange, { service, found }, context);
    } catch (error) {
      failed(error);
    }
  };
  const failed = (error: unknown): void => broken(exchange, error, context, manner('1.1').refuse);
  intake(exchange, { known: service.known, asking: askingOf(service, context) }, { settle, failed });
}

const askingOf = ({ wsdl, keep, bridges }: Service, { idleMs }: Context): IdentifyOptions => ({
  check: wsdl.check,
  actionMismatch: wsdl.actionMismatch,
  timeoutMs: idleMs,
  keep: keep || bridges.size > 0,
});

interface Read {
  readonly service: Service;
  readonly found: Identified;
}

function route(exchange: Exchange, { service, found }: Read, context: Context): void {
  switch (found.kind) {
    case 'departed':
      return exchange.end({ side: 'none', because: 'abandoned', status: 499, code: null });
    case 'refused':
      return turnAway(exchange, faultFor(found), found.because);
    case 'unclassified':
      if (service.wsdl.unclassified === 'refuse')
        return turnAway(exchange, faultFor(found.refused), found.refused.because);
      return proceed(exchange, context, null, {
        body: passing(found, exchange.req, context.idleMs),
        ...manner(found.refused.version),
      });
    case 'operation':
      return call(exchange, { service, found, gathered: found.complete ? wholeOf(found.held) : null }, context);
    default:
      return found satisfies never;
  }
}

interface Call {
  readonly service: Service;
  readonly found: IdentifiedOperation;
  /** What has been read for whoever is to decode it; null: it has not come to that. */
  readonly gathered: Body | null;
}

/** The table may have changed while the message was read: the one in force decides. */
function call(exchange: Exchange, { service, found, gathered }: Call, context: Context): void {
  const current = serviceAt(exchange.path, context.generations.current.services);
  const operation = current === null ? undefined : service === current ? found.operations[0] : twin(current, found);
  const own = current === null ? undefined : routeOf(current, operation);
  const bridge = operation === undefined || own === undefined ? undefined : current?.bridges.get(operation);
  const matched = own === undefined ? null : { route: own, params: NO_PARAMS };
  const told = { element: elementsOf(found), ...manner(found.version) };
  if (bridge === undefined)
    return proceed(exchange, context, matched, {
      body: gathered ?? passing(found, exchange.req, context.idleMs),
      ...told,
    });
  if (gathered === null && found.complete)
    return call(exchange, { service, found, gathered: wholeOf(found.held) }, context);
  if (gathered === null) {
    gather(found, new Upload(exchange.req, context.idleMs))
      .then((body) => call(exchange, { service, found, gathered: body }, context))
      .catch((error: unknown) => unread(exchange, error, { told, context }));
    return;
  }
  const bytes = gathered.kind === 'whole' ? gathered.bytes : null;
  const crossing = new Crossing(bridge, {
    bytes,
    text: charactersOf(found),
    headers: exchange.req.rawHeaders,
    version: found.version,
  });
  const refuse = (asking: Exchange): void => {
    const crossed = crossing.cross();
    if (crossed.kind === 'refused') turnAway(asking, crossed.fault, crossed.refusal.because);
  };
  proceed(exchange, context, matched, { body: gathered, crossing: { over: crossing, refuse }, ...told });
}

function unread(exchange: Exchange, error: unknown, { told, context }: { told: Manner; context: Context }): void {
  if (error instanceof SoapRefused) return turnAway(exchange, faultFor(error.refused), error.refused.because);
  const cause = error instanceof Error ? error.cause : null;
  if (cause instanceof CallerSlow) {
    const detail = 'The message did not arrive in time.';
    return told.refuse?.(exchange, { code: 'GW_BODY_TIMEOUT', detail, retryAfterSeconds: null }, 'slow');
  }
  if (cause instanceof CallerGone) return exchange.end({ side: 'none', because: 'abandoned', status: 499, code: null });
  broken(exchange, error, context);
}

/** What of a message a caller may be told apart by. */
function elementsOf({ text }: { readonly text: string | null }): Asked['element'] {
  return (path) => (text === null ? null : pluck(text, path));
}

/** What need not be decoded again. What was compressed is: its limit is another one then. */
const charactersOf = ({ text, immediate }: IdentifiedOperation): string | null => (immediate ? text : null);

const NO_PARAMS: ReadonlyMap<string, string> = new Map();

const routeOf = (service: Service, operation: Operation | undefined): Route | undefined =>
  operation === undefined ? undefined : service.routes.get(operation);

/** The operation of another generation's service that takes the same element. */
const twin = ({ known }: Service, { namespace, name }: { namespace: string; name: string }): Operation | undefined =>
  known.byInput.get(clark(namespace, name))?.[0];

/** Refusals of the facade as faults of the request's version. */
function manner(version: Version): Manner & Required<Pick<Manner, 'refuse'>> {
  return {
    refuse: (exchange, refusal, because) => {
      const { cause } = refusal;
      if (cause instanceof SoapRefused) return turnAway(exchange, faultFor(cause.refused), cause.refused.because);
      turnAway(
        exchange,
        faultOf(version, { code: faultCodeOf(refusal), reason: refusal.detail, gw: refusal.code }),
        because,
        refusal,
      );
    },
  };
}

const faultCodeOf = ({ code }: Refusal): FaultCode => (codes[code].status < 500 ? 'Client' : 'Server');

function turnAway(exchange: Exchange, fault: FaultAnswer, because: string, refusal: Refusal | null = null): void {
  const { res, req } = exchange;
  if (!res.headersSent && !res.destroyed) {
    const fields = [
      'content-type',
      fault.contentType,
      'content-length',
      String(fault.body.length),
      'cache-control',
      'no-store',
    ];
    if (refusal !== null && refusal.retryAfterSeconds !== null)
      fields.push('retry-after', String(refusal.retryAfterSeconds));
    if (fault.status === 408) fields.push('connection', 'close');
    res.writeHead(fault.status, [...fields, ...exchange.own('none', because)]);
    res.end(req.method === 'HEAD' ? undefined : fault.body);
  }
  exchange.end({ side: 'none', because, status: fault.status, code: refusal?.code ?? null });
}

/**
 * Which operation a message calls, for `banyan explain`.
 * @throws GatewayError GW_BAD_REQUEST when the facade would refuse it, with the reason
 */
export async function operationOf(
  service: Service,
  headers: Fields,
  body: Readable,
): Promise<{ key: string; route: Route | null; rest: RestRequest | null; element: Asked['element'] }> {
  const { check, actionMismatch } = service.wsdl;
  const found = await identify({ method: 'POST', rawHeaders: headers, body }, service.known, {
    check,
    actionMismatch,
    timeoutMs: CALLER_IDLE_MS,
    keep: service.keep,
  });
  if (found.kind === 'departed') throw new GatewayError('GW_BAD_REQUEST', 'the message could not be read to its end');
  if (found.kind === 'refused')
    throw new GatewayError(
      'GW_BAD_REQUEST',
      `the facade would refuse this message: ${found.reason} (${found.because})`,
    );
  if (found.kind === 'unclassified')
    throw new GatewayError(
      'GW_BAD_REQUEST',
      `no operation can be told: ${found.refused.reason} (${found.refused.because})`,
    );
  const [operation] = found.operations;
  const route = routeOf(service, operation) ?? null;
  const bridge = operation === undefined ? undefined : service.bridges.get(operation);
  const rest = bridge === undefined ? null : await crossed(bridge, found, { headers, body });
  body.destroy();
  return { key: clark(found.namespace, found.name), route, rest, element: elementsOf(found) };
}

/** @throws GatewayError GW_BAD_REQUEST: the bridge would refuse the message */
async function crossed(
  bridge: Bridge<Codec>,
  found: IdentifiedOperation,
  { headers, body }: { headers: Fields; body: Readable },
): Promise<RestRequest> {
  const gathered = found.complete ? wholeOf(found.held) : await gather(found, body);
  const bytes = gathered.kind === 'whole' ? gathered.bytes : null;
  const asked = new Crossing(bridge, { bytes, text: charactersOf(found), headers, version: found.version }).cross();
  if (asked.kind === 'request') {
    const sent = asked.body.kind === 'whole' ? asked.body.bytes.toString() : null;
    return { method: asked.method, path: asked.path, body: sent };
  }
  const { reason, because } = asked.refusal;
  throw new GatewayError('GW_BAD_REQUEST', `the bridge would refuse this message: ${reason} (${because})`);
}
