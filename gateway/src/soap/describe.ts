/**
 * Descriptions (WSDLs, schemas) as callers see them: fetched from the side that owns the service, with addresses that are the
 * facade's.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { fieldOf, without } from '../core/flat.ts';
import type { Exchange } from '../exchange.ts';
import { proceed, type Context } from '../obey.ts';
import type { Rewrite } from '../rewriting.ts';
import { codingOf } from './inflate.ts';
import { isBeside, isDescription, rewrite } from './rewrite.ts';

/** Whether a request asks for a WSDL or a schema. */
export function describes(exchange: Pick<Exchange, 'method' | 'target'>): boolean {
  return (exchange.method === 'GET' || exchange.method === 'HEAD') && isDescription(exchange.target);
}

/** The SOAP path whose description imports the schema or WSDL that is asked for by path; null when it is none. */
export function besideOf(
  exchange: Pick<Exchange, 'method' | 'target'>,
  services: ReadonlyMap<string, unknown>,
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
    if (status !== 200) return { status, fields, body };
    const contentType = fieldOf(fields, 'content-type');
    const publicBase = table.publicUrl ?? context.publicUrl();
    const upstreamOrigins = [...(table.upstreams.get(table.legacy)?.urls ?? [])];
    const bytes = unpacked(body, fieldOf(fields, 'content-encoding'));
    if (bytes === null) return { status, fields, body };
    const result = rewrite(bytes, contentType, { publicBase, servicePath, upstreamOrigins, target: exchange.target });
    if (result.kind === 'unchanged') return { status, fields, body };
    return {
      status,
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
