/**
 * The order service as processes, on a log and a database of their own: killed, stopped, doubled, rebuilt, started wrongly.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { run, type Running } from '../../test/support/processes.ts';
import { recordsIn, shownIn, Source } from './source.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const COMMAND = fileURLToPath(new URL('../bin/orders.js', import.meta.url));
const eventually = { timeout: 30_000, interval: 25 };

let folder: string;
let postgres: EmbeddedPostgres;
let orders: { readonly url: string };
let log: { readonly url: string };
let from: Source;
const running: Running[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-orders-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const flags = ['fsync=off', 'max_connections=200'];
  postgres = await startPostgres({ dataDir: join(folder, 'postgres'), port: 0, password: 'test', flags });
});
afterAll(async () => {
  await postgres.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});

async function ask(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

/** An empty database. */
async function scratch(): Promise<{ readonly url: string }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await ask(postgres.url, `CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return { url: url.href };
}

beforeEach(async () => {
  [orders, log] = await Promise.all([scratch(), scratch()]);
  from = await Source.open(log.url);
  await from.parents();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop('SIGKILL');
  await from.close();
});

const environment = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  ORDERS_PORT: '0',
  ORDERS_LOG_LEVEL: 'warn',
  DATABASE_URL_ORDERS: orders.url,
  DATABASE_URL_BACKBONE: log.url,
  KAFKA_BROKERS: '',
  ...more,
});

function start(more: Readonly<Record<string, string>> = {}): Running {
  const started = run(process.execPath, ['--enable-source-maps', MAIN], { env: environment(more) });
  running.push(started);
  return started;
}

async function ready(service: Running): Promise<string> {
  return (await service.line(/^ready http/)).replace('ready ', '');
}

function command(...args: readonly string[]): Running {
  const started = run(process.execPath, [COMMAND, ...args], { env: environment() });
  running.push(started);
  return started;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function get(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function settled(): Promise<void> {
  await expect.poll(() => recordsIn(orders.url), eventually).toBe(from.sent);
  expect(await shownIn(orders.url)).toEqual(from.expected());
}

/** Writes until it is told to stop. */
function load(batch: number): { stop(): Promise<void> } {
  let writing = true;
  const writer = (async () => {
    while (writing) await from.work(batch);
  })();
  return {
    stop: async () => {
      writing = false;
      await writer;
    },
  };
}

describe('the service', () => {
  test('serves, says how fresh it is, waits for a fence, and ends when it is told to', async () => {
    const service = start();
    const url = await ready(service);
    await expect.poll(async () => (await get(`${url}/readyz`)).status, eventually).toBe(200);
    await from.order(4_711);
    const fence = encodeURIComponent(from.fence);
    expect(await get(`${url}/freshness?atLeast=${fence}&wait=5s`)).toMatchObject({
      status: 200,
      body: { model: 'orders', applied: [{ source: 'legacy', lsn: from.lsn }] },
    });
    expect(await get(`${url}/api/orders/4711`)).toMatchObject({
      status: 200,
      body: { orderId: '4711', customerId: 'C-000001' },
    });
    const beyond = encodeURIComponent('orders=legacy.7301.1.1.FFFF/0');
    expect((await get(`${url}/freshness?atLeast=${beyond}&wait=20ms`)).status).toBe(409);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^orders_applied_records_total [1-9]/m);
    expect(metrics).toMatch(/^orders_following 1$/m);
    expect(metrics).toMatch(/^orders_next_offset\{partition="legacy\.public\.orders-\d"\} 1$/m);
    expect(await service.stop('SIGTERM', 5_000)).toBe(0);
  });

  test('is not ready before the first snapshot has been applied', async () => {
    const empty = await scratch();
    const url = await ready(start({ DATABASE_URL_BACKBONE: empty.url }));
    expect(await get(`${url}/readyz`)).toMatchObject({
      status: 503,
      body: { because: expect.stringContaining('snapshot') as string },
    });
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/freshness`)).body).toMatchObject({ model: 'orders', applied: [] });
  });

  test('stops within its time under load, a batch in hand being finished', async () => {
    const service = start();
    await ready(service);
    const work = load(500);
    await expect.poll(() => recordsIn(orders.url), eventually).toBeGreaterThan(2_000);
    expect(await service.stop('SIGTERM', 5_000)).toBe(0);
    await work.stop();
    await ready(start());
    await settled();
  });

  test('killed five times under load: the rows are the same, and every record is counted once', async () => {
    const work = load(50);
    for (let round = 0; round < 5; round += 1) {
      const service = start();
      await ready(service);
      const before = await recordsIn(orders.url);
      await expect.poll(() => recordsIn(orders.url), eventually).toBeGreaterThan(before + 300 + 137 * round);
      await service.stop('SIGKILL');
    }
    await work.stop();
    await ready(start());
    await settled();
  });

  test('two at once do no harm, and one takes over from the other that is killed', async () => {
    const [first, second] = [start(), start()];
    const urls = [await ready(first), await ready(second)];
    const work = load(50);
    await expect.poll(() => recordsIn(orders.url), eventually).toBeGreaterThan(500);
    const leads = async (url: string): Promise<boolean> =>
      /^orders_following 1$/m.test(await (await fetch(`${url}/metrics`)).text());
    const leading = await Promise.all(urls.map(leads));
    expect(leading.filter(Boolean)).toHaveLength(1);
    await (leading[0] === true ? first : second).stop('SIGKILL');
    const before = await recordsIn(orders.url);
    await expect.poll(() => recordsIn(orders.url), eventually).toBeGreaterThan(before + 500);
    await work.stop();
    const left = leading[0] === true ? urls[1] : urls[0];
    const fence = encodeURIComponent(from.fence);
    expect((await get(`${left}/freshness?atLeast=${fence}&wait=5s`)).status).toBe(200);
    await settled();
  });
});

describe('npx orders', () => {
  test('rebuild: killed in the middle and run again, while reads never fail', async () => {
    const url = await ready(start());
    for (let batch = 0; batch < 40; batch += 1) await from.work(500);
    await settled();
    const work = load(20);
    const failures: unknown[] = [];
    let [reads, reading] = [0, true];
    const reader = (async () => {
      while (reading) {
        const answer = await get(`${url}/api/orders?size=5`);
        reads += 1;
        if (answer.status !== 200 || (answer.body['items'] as unknown[]).length !== 5) failures.push(answer);
      }
    })();
    const first = command('rebuild');
    await first.line(/^read_2: building/);
    await first.stop('SIGKILL');
    const second = command('rebuild');
    await second.line(/^read_2: going on/);
    expect(await second.exited).toBe(0);
    expect(second.output()).toMatch(/read_2: live, with [\d,]+ records\nread_1: dropped/);
    await work.stop();
    await settled();
    reading = false;
    await reader;
    expect(failures).toEqual([]);
    expect(reads).toBeGreaterThan(20);
  });

  test('status: names the copies', async () => {
    await ready(start());
    await from.work(10);
    await settled();
    const status = command('status', '--json');
    expect(await status.exited).toBe(0);
    expect(JSON.parse(status.output())).toMatchObject([
      { copy: 'read_1', state: 'live', behind: 0, applied: { legacy: from.lsn } },
    ]);
    const words = command('status');
    expect(await words.exited).toBe(0);
    expect(words.output()).toMatch(/^read_1: live, shape \d+, \d+ MiB, 0 records behind, applied legacy /);
  });

  test.each([[['rebuild', 'now']], [[]], [['drop']], [['rebuild', '--fast']]])('%j: used wrongly', async (args) => {
    const wrong = command(...args);
    expect(await wrong.exited).toBe(2);
  });
});

describe('started wrongly it says what to do, and ends with 2', () => {
  const withPassword = (url: string): string => {
    const wrong = new URL(url);
    wrong.password = 'not-the-password';
    return wrong.href;
  };
  const elsewhere = (url: string): string => {
    const other = new URL(url);
    other.port = '1';
    return other.href;
  };
  const absent = (url: string): string => {
    const other = new URL(url);
    other.pathname = '/nowhere';
    return other.href;
  };

  test.each([
    [
      'no settings at all',
      () => ({ DATABASE_URL_ORDERS: '', DATABASE_URL_BACKBONE: 'mysql://u:secret@h/d' }),
      /DATABASE_URL_ORDERS: [^]*DATABASE_URL_BACKBONE: /,
    ],
    ['a role that is not built', () => ({ ORDERS_ROLE: 'command' }), /ORDERS_ROLE=command is not supported yet/],
    ['a role that there is not', () => ({ ORDERS_ROLE: 'both' }), /ORDERS_ROLE: must be query, command or all/],
    ['Kafka', () => ({ KAFKA_BROKERS: '127.0.0.1:9092' }), /Kafka is not supported yet/],
    ['a port that is none', () => ({ ORDERS_PORT: 'http' }), /ORDERS_PORT/],
    [
      'a wrong password',
      () => ({ DATABASE_URL_ORDERS: withPassword(orders.url) }),
      /refuses the login of .*correct user and password in DATABASE_URL_ORDERS/,
    ],
    [
      'a server that is not there',
      () => ({ DATABASE_URL_ORDERS: elsewhere(orders.url) }),
      /Cannot reach Postgres at .*start it, or correct DATABASE_URL_ORDERS/,
    ],
    [
      'a database that is not there',
      () => ({ DATABASE_URL_ORDERS: absent(orders.url) }),
      /There is no such database: .*DATABASE_URL_ORDERS/,
    ],
    ['a wrong password of the log', () => ({ DATABASE_URL_BACKBONE: withPassword(log.url) }), /log at /],
    ['a log that is not there', () => ({ DATABASE_URL_BACKBONE: elsewhere(log.url) }), /log at /],
  ])('%s', async (_name, more, words) => {
    const service = start(more());
    expect(await service.exited).toBe(2);
    expect(service.output()).toMatch(words);
    expect(service.output()).not.toMatch(/not-the-password|secret|\n\s+at /);
  });

  test('a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const service = start({ ORDERS_PORT: String(port) });
    expect(await service.exited).toBe(2);
    expect(service.output()).toMatch(new RegExp(`Port ${port} of 127.0.0.1 is taken: .*ORDERS_PORT`));
    await new Promise((resolve) => server.close(resolve));
  });

  test('a read model of another shape', async () => {
    await ready(start());
    await ask(orders.url, 'UPDATE read.copies SET shape = 99');
    const service = start();
    expect(await service.exited).toBe(2);
    expect(service.output()).toContain('npx orders rebuild');
  });
});
