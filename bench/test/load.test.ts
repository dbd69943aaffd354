import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Load, Loaded } from '@banyan/bench/load';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const run = promisify(execFile);
let folder: string;
let server: Server | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-load-'));
});

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

async function load(listener: RequestListener, values: Partial<Load> = {}): Promise<Loaded> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const all: Load = {
    port,
    method: 'GET',
    paths: ['/a'],
    customers: ['c'],
    body: 0,
    connections: 4,
    seconds: 1,
    perSecond: null,
    ...values,
  };
  const file = join(folder, 'load.json');
  writeFileSync(file, JSON.stringify(all));
  const script = fileURLToPath(import.meta.resolve('@banyan/bench/load'));
  const { stdout } = await run(process.execPath, [script, file], { timeout: 20_000 });
  return JSON.parse(stdout) as Loaded;
}

describe.each([
  ['a closed loop', null],
  ['an open loop', 200],
])('%s', (_, perSecond) => {
  test('counts each answer once, and takes paths and customers in turns', async () => {
    const seen: string[] = [];
    const loaded = await load(
      (request, response) => {
        seen.push(`${request.url} ${String(request.headers['x-customer-id'])}`);
        response.end('hello');
      },
      { perSecond, paths: ['/a', '/b'], customers: ['1', '2', '3'] },
    );
    expect(loaded.failures).toBe(0);
    expect(loaded.requests).toBe(seen.length);
    expect(new Set(seen)).toEqual(new Set(['/a 1', '/b 2', '/a 3']));
    expect(loaded.p50).toBeGreaterThan(0);
    expect(loaded.p99).toBeGreaterThanOrEqual(loaded.p50);
  });

  test('sends whole bodies, and reads whole answers', async () => {
    const sizes = new Set<number>();
    const loaded = await load(
      (request: IncomingMessage, response) => {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => (bytes += chunk.length));
        request.on('end', () => {
          sizes.add(bytes);
          response.end('x'.repeat(300_000));
        });
      },
      { perSecond, method: 'POST', body: 100_000 },
    );
    expect(sizes).toEqual(new Set([100_000]));
    expect(loaded.failures).toBe(0);
  });

  test('counts answers other than 200, and lost connections, as failures', async () => {
    const refused = await load((_request, response) => response.writeHead(503, { 'content-length': 0 }).end(), {
      perSecond,
    });
    expect(refused.failures).toBe(refused.requests);
    const cut = await load((request) => request.socket.destroy(), { perSecond });
    expect(cut.failures).toBeGreaterThan(0);
    expect(cut.requests).toBe(0);
  });
});

test('an open loop counts the time for which a request waited for a connection', async () => {
  const loaded = await load((_request, response) => void setTimeout(() => response.end('late'), 50), {
    perSecond: 60,
    connections: 1,
  });
  // Three times as many as one connection can carry: the last ones waited for most of the rest.
  expect(loaded.p99).toBeGreaterThan(500);
});
