/**
 * The oracle of the conformance suite: the same request by node's own client, straight to a scripted upstream and through a
 * facade in front of it. What the caller gets and what the upstream receives must be the same, but for the fields named here.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { front, sha256, until, upstream, type Front, type Handler, type Seen, type Upstream } from './front.ts';

export const FORWARDERS = ['direct', 'http-proxy'] as const;
export type Kind = (typeof FORWARDERS)[number];

export const routing = (url: string, kind: Kind, more = ''): string =>
  `version: 1\nupstreams:\n  legacy: ${url}\ndefault: legacy\nforwarder: ${kind}\n${more}`;

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  /** Flat. */
  readonly headers?: readonly string[];
  readonly body?: Buffer;
  /** Sends the body without a length. */
  readonly chunked?: boolean;
}

type Pair = readonly [name: string, value: string];

/** All that a caller is told. */
export interface Told {
  readonly interim: readonly { readonly status: number; readonly fields: readonly Pair[] }[];
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Pair[];
  readonly trailers: readonly Pair[];
  readonly bytes: number;
  readonly sha256: string;
  readonly whole: boolean;
}

/** Asks by node's client, on a connection of its own. */
export async function talk(url: string, asking: Asking = {}): Promise<Told> {
  const { method = 'GET', path = '/a', headers = [], body, chunked = false } = asking;
  const framing =
    body === undefined ? [] : chunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(body.length)];
  const { host, hostname, port } = new URL(url);
  const outgoing = request({
    hostname,
    port,
    method,
    path,
    headers: ['Host', host, ...headers, ...framing] as never,
    setHost: false,
    agent: false,
    maxHeaderSize: 256 * 1024,
  });
  const interim: { status: number; fields: readonly Pair[] }[] = [];
  outgoing.on('information', ({ statusCode, rawHeaders }) =>
    interim.push({ status: statusCode, fields: pairs(rawHeaders) }),
  );
  const arrival = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  outgoing.end(body);
  const [incoming] = await arrival;
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  await new Promise((resolve) => incoming.once('close', resolve));
  const bytes = Buffer.concat(chunks);
  return {
    interim,
    status: incoming.statusCode ?? 0,
    reason: incoming.statusMessage ?? '',
    fields: pairs(incoming.rawHeaders),
    trailers: pairs(incoming.rawTrailers),
    bytes: bytes.length,
    sha256: sha256(bytes),
    whole: incoming.complete,
  };
}

export function pairs(flat: readonly string[]): Pair[] {
  return flat.flatMap((part, index): Pair[] => (index % 2 === 0 ? [[part, flat[index + 1] ?? '']] : []));
}

// Of the connection that they come on; and what changes by the second.
const OF_A_CONNECTION = ['connection', 'keep-alive', 'date'];
const ADDED_HOME = ['x-request-id', 'banyan-served-by', 'banyan-route', 'banyan-because'];
const OF_A_REQUEST = ['host', 'connection', 'keep-alive', 'te', 'expect'];
const FRAMING = ['content-length', 'transfer-encoding'];
const ADDED_ONWARD = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
  'x-request-id',
  'traceparent',
];

const without = (fields: readonly Pair[], names: readonly string[]): Pair[] =>
  fields.filter(([name]) => !names.includes(name.toLowerCase()));

/** What http-proxy leaves of the difference between two answers (docs/forwarders.md); each is asserted in its own test. */
function inLowerCase(fields: readonly Pair[]): Pair[] {
  const names = [...new Set(fields.map(([name]) => name.toLowerCase()))];
  return names.flatMap((name) =>
    fields.filter(([other]) => other.toLowerCase() === name).map(([, value]): Pair => [name, value]),
  );
}

/** An answer without what the way that it came by may change. */
export function comparable(told: Told, kind: Kind): Told {
  const fields = without(told.fields, [...OF_A_CONNECTION, ...ADDED_HOME]);
  if (kind === 'direct') return { ...told, fields };
  return { ...told, interim: [], trailers: [], fields: inLowerCase(without(fields, ['trailer'])) };
}

/** A request, as an upstream saw it, without what the facade may change. */
export function received({ method, url, rawHeaders, headers, bytes, sha256: hash, state }: Seen): object {
  const fields = without(pairs(rawHeaders), [...OF_A_REQUEST, ...ADDED_ONWARD, ...FRAMING]);
  // Where the framing stands among the fields says nothing, and an empty body may be framed or not there.
  const framing = bytes === 0 ? 'none' : (headers['content-length'] ?? headers['transfer-encoding']);
  return { method, url, fields, framing, bytes, hash, state };
}

/** Runs one case: straight, then through a facade, and compares both ends. */
export async function conforms(
  kind: Kind,
  handler: Handler,
  asking: Asking = {},
): Promise<{ readonly told: Told; readonly straight: Told; readonly legacy: Upstream; readonly gate: Front }> {
  const legacy = await upstream(handler, { maxHeaderSize: 256 * 1024 });
  legacy.server.maxHeadersCount = 0;
  const gate = await front(routing(legacy.url, kind));
  const straight = await talk(legacy.url, asking);
  const told = await talk(gate.url, asking);
  expect(comparable(told, kind)).toEqual(comparable(straight, kind));
  const [first, second] = legacy.seen;
  if (first === undefined || second === undefined) throw new Error('the upstream has not been asked twice');
  expect(received(second)).toEqual(received(first));
  // Counted once, and nobody holds it any more.
  await until(async () => (await gate.ended()) > 0 && (await gate.outstanding()) === 0);
  expect(await gate.ended()).toBe(1);
  return { told, straight, legacy, gate };
}
