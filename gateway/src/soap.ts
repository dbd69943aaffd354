/**
 * The SOAP pipeline of the facade: which operation a message calls, and with it which route; descriptions (WSDLs, schemas) with
 * addresses that point to the facade; faults in the version of the request. What is decided then, and how it is forwarded, is
 * the same as for REST (`obey.ts`).
 */
import { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { CALLER_IDLE_MS, Upload } from './body.ts';
import type { Fields } from './core/field.ts';
import { fieldOf, without } from './core/flat.ts';
import { decoded, formatMatch } from './core/pattern.ts';
import type { FaultCode, Version } from './core/soap/refusal.ts';
import { clark } from './core/soap/scope.ts';
import { bareService, type Operation, type Service as Known } from './core/soap/service.ts';
import type { Route, Table, Wsdl } from './core/table.ts';
import { codes, GatewayError } from './error.ts';
import type { Exchange } from './exchange.ts';
import type { Body } from './forward.ts';
import { broken, proceed, type Context, type Manner, type Rewrite } from './obey.ts';
import type { Refusal } from './problem.ts';
import { nearest } from './routing/problem.ts';
import { faultFor, faultOf, type FaultAnswer } from './soap/fault.ts';
import { bodyOf, identify, SoapRefused, type Identified, type Passage } from './soap/identify.ts';
import { codingOf } from './soap/inflate.ts';
import { isBeside, isDescription, rewrite } from './soap/rewrite.ts';
import { loadService, operationsNamed } from './soap/wsdl.ts';

/** One SOAP path of the table. */
export interface Service {
  readonly wsdl: Wsdl;
  readonly known: Known;
  readonly routes: ReadonlyMap<Operation, Route>;
}

/**
 * Loads every WSDL that the table names and finds the operation of each SOAP route.
 * @throws GatewayError GW_BAD_WSDL: a file that cannot be used, or a route whose operation it does not have
 */
export async function servicesOf(table: Table): Promise<ReadonlyMap<string, Service>> {
  const services = new Map<string, Service>();
  for (const wsdl of table.wsdls.values()) {
    const own = table.routes.filter(({ match }) => match.kind === 'soap' && match.path === wsdl.path);
    const known = wsdl.file === null ? bareService(own.flatMap(elementOf)) : await loadService(wsdl.path, wsdl.file);
    services.set(wsdl.path, { wsdl, known, routes: routesOf(wsdl, known, own) });
  }
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
  if (describes(exchange)) return describe(exchange, service.wsdl.path, context);
  if (exchange.method !== 'POST') {
    // Not a SOAP message: a page, a probe. It goes where it always went.
    const body =
      exchange.seen.contentLength === null && !exchange.seen.chunked
        ? ({ kind: 'none' } as const)
        : ({ kind: 'stream', source: new Upload(exchange.req, context.idleMs) } as const);
    return proceed(exchange, context, null, { body });
  }
  const { check, actionMismatch } = service.wsdl;
  identify({ method: exchange.method, rawHeaders: exchange.req.rawHeaders, body: exchange.req }, service.known, {
    check,
    actionMismatch,
    timeoutMs: context.idleMs,
  })
    .then((found) => route(exchange, { service, found }, context))
    .catch((error: unknown) => broken(exchange, error, context, manner('1.1').refuse));
}

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
        body: passing(exchange, found, context),
        ...manner(found.refused.version),
      });
    case 'operation': {
      // The table may have changed while the message was read: the one in force decides.
      const current = serviceAt(exchange.path, context.generations.current.services);
      const own =
        current === null
          ? undefined
          : routeOf(current, service === current ? found.operations[0] : twin(current, found));
      const matched = own === undefined ? null : { route: own, params: NO_PARAMS };
      return proceed(exchange, context, matched, { body: passing(exchange, found, context), ...manner(found.version) });
    }
    default:
      return found satisfies never;
  }
}

const NO_PARAMS: ReadonlyMap<string, string> = new Map();

const routeOf = (service: Service, operation: Operation | undefined): Route | undefined =>
  operation === undefined ? undefined : service.routes.get(operation);

/** The operation of another generation's service that takes the same element. */
const twin = ({ known }: Service, { namespace, name }: { namespace: string; name: string }): Operation | undefined =>
  known.byInput.get(clark(namespace, name))?.[0];

function passing(exchange: Exchange, found: Passage, context: Context): Body {
  if (found.complete) return { kind: 'whole', bytes: Buffer.concat(found.held) };
  const upload = new Upload(exchange.req, context.idleMs);
  const source = Readable.from(bodyOf(found, upload), { objectMode: false });
  // Destroyed after its reader has lost interest, it must not end the process.
  source.on('error', () => undefined);
  // A generator cannot be ended while it waits for the caller's next bytes: they are called off first.
  const destroy = source._destroy.bind(source);
  source._destroy = (error, callback) => {
    upload.destroy();
    destroy(error, callback);
  };
  return { kind: 'stream', source };
}

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

/** Whether a request asks for a WSDL or a schema. */
function describes(exchange: Pick<Exchange, 'method' | 'target'>): boolean {
  return (exchange.method === 'GET' || exchange.method === 'HEAD') && isDescription(exchange.target);
}

/** The SOAP path whose description imports the schema or WSDL that is asked for by path; null when it is none. */
export function besideOf(
  exchange: Pick<Exchange, 'method' | 'target'>,
  services: ReadonlyMap<string, Service>,
): string | null {
  if ((exchange.method !== 'GET' && exchange.method !== 'HEAD') || !/\.(?:xsd|wsdl)(?:\?|$)/i.test(exchange.target))
    return null;
  for (const path of services.keys()) if (isBeside(exchange.target, path)) return path;
  return null;
}

/** Fetches a description from the side that owns the service, and makes its addresses the facade's. */
export function describe(exchange: Exchange, servicePath: string, context: Context): void {
  const { table } = context.generations.current;
  const rewriting: Rewrite = (status, fields, body) => {
    if (status !== 200) return { fields, body };
    const contentType = fieldOf(fields, 'content-type');
    const publicBase = table.publicUrl ?? context.publicUrl();
    const upstreamOrigins = [...(table.upstreams.get(table.legacy)?.urls ?? [])];
    const bytes = unpacked(body, fieldOf(fields, 'content-encoding'));
    if (bytes === null) return { fields, body };
    const result = rewrite(bytes, contentType, { publicBase, servicePath, upstreamOrigins, target: exchange.target });
    if (result.kind === 'unchanged') return { fields, body };
    return {
      fields: [...without(fields, OF_THE_BYTES), 'content-length', String(result.body.length), 'etag', result.etag],
      body: result.body,
    };
  };
  // HEAD is asked as GET: the length that it tells is the rewritten one's. What is compressed, partial or "not modified" cannot be rewritten.
  const drop = [
    'accept-encoding',
    'if-none-match',
    'if-modified-since',
    'if-match',
    'if-unmodified-since',
    'if-range',
    'range',
  ];
  proceed(exchange, context, null, { body: { kind: 'none' }, rewrite: rewriting, method: 'GET', drop });
}

// What a server says of the bytes that it sent, and no longer holds of others.
const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'etag',
  'last-modified',
  'accept-ranges',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
]);
// As much as is held of a description that comes as it is (`forward.ts`).
const MAX_UNPACKED_BYTES = 8 * 1024 * 1024;

/** A description as text, for a server that compresses unasked; null when it cannot be read. */
function unpacked(body: Buffer, encoding: string | null): Buffer | null {
  const options = { maxOutputLength: MAX_UNPACKED_BYTES };
  try {
    switch (codingOf(encoding)) {
      case null:
        return body;
      case 'gzip':
        return gunzipSync(body, options);
      case 'deflate':
        return inflateSync(body, options);
      case 'br':
        return brotliDecompressSync(body, options);
      case 'unknown':
        return null;
    }
  } catch {
    return null; // Not what it says: passed on as it is, for the caller to judge.
  }
}

/**
 * Which operation a message calls, for `banyan explain`.
 * @throws GatewayError GW_BAD_REQUEST when the facade would refuse it, with the reason
 */
export async function operationOf(
  service: Service,
  headers: Fields,
  body: Readable,
): Promise<{ key: string; route: Route | null }> {
  const { check, actionMismatch } = service.wsdl;
  const found = await identify({ method: 'POST', rawHeaders: headers, body }, service.known, {
    check,
    actionMismatch,
    timeoutMs: CALLER_IDLE_MS,
  });
  body.destroy();
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
  return { key: clark(found.namespace, found.name), route: routeOf(service, found.operations[0]) ?? null };
}
