/**
 * Two servers that a test scripts, a routing table that leads to them, and the terminal that a command speaks to.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Terminal } from '@banyan/gateway/command/command';
import { parseHttp } from '@banyan/gateway/core/corpus';
import type { Entry } from '@banyan/gateway/core/ledger';
import { compile, match } from '@banyan/gateway/core/match';
import { routeOf, tableOf, upstreamOf } from '../tables.ts';
import { readMatch, readPath } from '@banyan/gateway/core/pattern';
import type { Route, Successor, Upstream } from '@banyan/gateway/core/table';
import type { Item } from '@banyan/gateway/parity/corpus';
import type { RunOptions } from '@banyan/gateway/parity/run';

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** One scripted side, with the request lines that reached it. */
export interface Scripted {
  readonly url: string;
  readonly seen: string[];
  close(): Promise<void>;
}

export async function listen(handler: Handler): Promise<Scripted> {
  const seen: string[] = [];
  const server: Server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    handler(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Answers with JSON text. */
export function json(res: ServerResponse, text: string, status = 200): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

export function upstream(name: string, url: string, timeout: Partial<Upstream['timeout']> = {}): Upstream {
  const { timeout: usual } = upstreamOf(name);
  return upstreamOf(name, { urls: [url], timeout: { ...usual, bodyMs: 5_000, ...timeout }, connections: 16 });
}

export function route(id: string, pattern: string, more: Partial<Route> = {}): Route {
  const read = readMatch(pattern);
  if (read.kind === 'bad') throw new Error(read.because);
  return routeOf({ id, match: read.value, gone: '', ...more });
}

export function pathOf(text: string): Successor['path'] {
  const read = readPath(text);
  if (read.kind === 'bad') throw new Error(read.because);
  return read.value;
}

interface World {
  readonly control: string;
  readonly candidate: string;
  readonly routes: readonly Route[];
  readonly corpus: string;
  readonly differences?: readonly Entry[];
  readonly timeout?: Partial<Upstream['timeout']>;
}

/** The options of a run of the `.http` text `corpus`. */
export function world({ control, candidate, routes, corpus, differences = [], timeout }: World): RunOptions {
  const upstreams = [upstream('legacy', control, timeout), upstream('orders', candidate, timeout)];
  const table = tableOf(routes, { upstreams: new Map(upstreams.map((one) => [one.name, one])), differences });
  const matcher = compile(routes);
  return {
    table,
    match: (method, path) => match(matcher, method, path),
    corpus: items(corpus),
    today: '2026-11-24',
    repeat: 2,
    concurrency: 4,
  };
}

export function items(corpus: string): readonly Item[] {
  const { requests, problems } = parseHttp(corpus);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return requests.map((request) => ({ file: 'test.http', request }));
}

/** A terminal that keeps what it was told. */
export function listener(
  env: Readonly<Record<string, string>> = {},
): Terminal & { readonly said: string[]; readonly complained: string[] } {
  const said: string[] = [];
  const complained: string[] = [];
  return {
    said,
    complained,
    env,
    interactive: false,
    out: (line) => said.push(line),
    err: (line) => complained.push(line),
  };
}
