/**
 * Descriptions (WSDLs, schemas) as callers see them: fetched from the side that owns the service, with addresses that are the
 * facade's. Where the owner has none to give, the files that `routing.yaml` names stand in.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { Fields } from '../core/field.ts';
import { fieldOf, without } from '../core/flat.ts';
import type { Matched } from '../core/match.ts';
import type { Operation, Service as Known } from '../core/soap/service.ts';
import type { Route, Table, Wsdl } from '../core/table.ts';
import type { Exchange } from '../exchange.ts';
import { proceed, refuse, type Context } from '../obey.ts';
import type { Refusal } from '../problem.ts';
import type { Rewrite, Rewritten } from '../rewriting.ts';
import { documentAt, type Documents } from './document.ts';
import { codingOf } from './inflate.ts';
import { isBeside, isDescription, rewrite } from './rewrite.ts';

/** A service whose description may be asked for. */
export interface Described {
  readonly wsdl: Wsdl;
  readonly known: Known;
  readonly routes: ReadonlyMap<Operation, Route>;
  /** Null: the table names no file. */
  readonly documents: Documents | null;
}

/** Whether a request asks for a WSDL or a schema. */
export function describes(exchange: Pick<Exchange, 'method' | 'target'>): boolean {
  return (exchange.method === 'GET' || exchange.method === 'HEAD') && isDescription(exchange.target);
}

/**
 * The service whose description imports the schema or WSDL that is asked for by path: the one that it stands beside, else the
 * first, for imports lead anywhere at their owner. Null: it is no such request, or there is no service.
 */
export function besideOf<T extends Described>(
  exchange: Pick<Exchange, 'method' | 'target'>,
  services: ReadonlyMap<string, T>,
): T | null {
  if (services.size === 0 || (exchange.method !== 'GET' && exchange.method !== 'HEAD')) return null;
  if (!/^[^?#]*\.(?:xsd|wsdl)(?:[?#]|$)/i.test(exchange.target)) return null;
  let first: T | null = null;
  for (const [path, service] of services) {
    if (isBeside(exchange.target, path)) return service;
    first ??= service;
  }
  return first;
}

// HEAD is asked as GET: the length that it tells is the rewritten one's. What is compressed, partial or "not modified" cannot be rewritten.
const DROPPED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
]);

// The owner is gone, has become another that knows nothing of it, or is ill. Whoever asks for credentials is none of these.
const NONE_TO_GIVE: ReadonlySet<number> = new Set([404, 405, 410, 500, 501, 502, 503, 504]);

/** Fetches a description from the side that owns the service, and makes its addresses the facade's. */
export function describe(exchange: Exchange, service: Described, context: Context): void {
  const { table } = context.generations.current;
  const matched = ownerOf(service, table);
  const upstream = matched?.route.successor?.upstream ?? table.legacy;
  const place = {
    publicBase: baseOf(exchange, table, context),
    servicePath: service.wsdl.path,
    upstreamOrigins: [...new Set([upstream, table.legacy])].flatMap((name) => table.upstreams.get(name)?.urls ?? []),
    target: exchange.target,
  };
  const own = (): Rewritten | null => {
    const bytes = service.documents === null ? null : documentAt(service.documents, service.wsdl.path, exchange.target);
    if (bytes === null) return null;
    const told = tellable(exchange, { bytes, fields: ['content-type', 'text/xml'] }, rewrite(bytes, null, place));
    return { ...told, own: exchange.own('none', 'description') };
  };
  const rewriting: Rewrite = (status, fields, body) => {
    if (status !== 200) return (NONE_TO_GIVE.has(status) ? own() : null) ?? { status, fields, body };
    const bytes = unpacked(body, fieldOf(fields, 'content-encoding'));
    const result = bytes === null ? null : rewrite(bytes, fieldOf(fields, 'content-type'), place);
    if (bytes === null || result === null || result.kind === 'unchanged') return { status, fields, body };
    return tellable(exchange, { bytes, fields: without(fields, OF_THE_BYTES) }, result);
  };
  const standIn = (asking: Exchange, refusal: Refusal, because: string): void => {
    const told = own();
    if (told === null) return refuse(asking, refusal, because);
    asking.res.writeHead(told.status, [...told.fields, ...(told.own ?? [])]);
    asking.res.end(asking.method === 'HEAD' ? undefined : told.body);
    asking.end({ side: 'none', because: 'description', status: told.status, code: null });
  };
  const rest = { rewrite: rewriting, refuse: standIn, method: 'GET', drop: DROPPED };
  proceed(exchange, context, matched, { body: { kind: 'none' }, ...rest });
}

/**
 * The new side, once every operation of the service is there, at the same path and in SOAP; null: legacy owns it. A bridge's service has
 * no description to give.
 */
function ownerOf({ known, routes }: Described, table: Table): Matched | null {
  const [first] = known.operations;
  const route = first === undefined ? undefined : routes.get(first);
  const upstream = route?.successor?.upstream;
  if (route === undefined || upstream === undefined || upstream === table.legacy) return null;
  const moved = known.operations.every((operation) => {
    const own = routes.get(operation);
    const { successor = null, stage } = own ?? {};
    if (stage?.kind !== 'new' && stage?.kind !== 'retired') return false;
    return successor?.upstream === upstream && successor.path === null && successor.bridge === null;
  });
  if (!moved) return null;
  // A description is read, by anybody, and is nothing to compare.
  const read = { effect: 'read', sample: 0, owner: null, exclusive: false, when: null } as const;
  return { route: { ...route, ...read, id: 'default' }, params: new Map() };
}

/** What clients call the facade: as the file says, or proxies that are trusted; never as a Host does. */
function baseOf({ came }: Exchange, { publicUrl }: Table, context: Context): string {
  if (publicUrl !== null) return publicUrl;
  return came.told && came.host !== null ? `${came.scheme}://${came.host}` : context.publicUrl();
}

/** A document's answer: not sent again to who has it (RFC 9110, section 13.1.2). */
function tellable(
  exchange: Exchange,
  { bytes, fields }: { readonly bytes: Buffer; readonly fields: Fields },
  result: ReturnType<typeof rewrite>,
): Rewritten {
  const body = result.kind === 'unchanged' ? bytes : result.body;
  const etag = result.kind === 'unchanged' ? null : result.etag;
  if (etag === null) return { status: 200, fields: [...fields, 'content-length', String(body.length)], body };
  if (isKnown(fieldOf(exchange.req.rawHeaders, 'if-none-match'), etag))
    return { status: 304, fields: ['etag', etag], body: Buffer.alloc(0) };
  return { status: 200, fields: [...fields, 'content-length', String(body.length), 'etag', etag], body };
}

/** Whether `If-None-Match` names the tag; weakly, as it compares. */
function isKnown(field: string | null, etag: string): boolean {
  if (field === null) return false;
  const tags: readonly string[] = field.match(/"[^"]*"/g) ?? [];
  return field.trim() === '*' || tags.includes(etag);
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
// As much as is held of a description that comes as it is (`rewriting.ts`).
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
