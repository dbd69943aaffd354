/**
 * The read model's server crashes while its commits are on their way to the disk: what it forgets is read from the log again,
 * and the service, which stays up, never says that it has what the server has lost.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../test/support/processes.ts';
import { recordsIn, shownIn, Source } from './source.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const eventually = { timeout: 60_000, interval: 25 };
const ROUNDS = 4;

let folder: string;
let log: EmbeddedPostgres;
let orders: EmbeddedPostgres;

// Synchronous commits wait for the disk here, as in production; the writer of the WAL is slow, so that a crash takes more away.
const startOrders = (port: number): Promise<EmbeddedPostgres> =>
  startPostgres({ dataDir: join(folder, 'orders'), port, password: 'test', flags: ['wal_writer_delay=2s'] });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-crash-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  log = await startPostgres({ dataDir: join(folder, 'log'), port: 0, password: 'test', flags: ['fsync=off'] });
  orders = await startOrders(0);
});
afterAll(async () => {
  await Promise.all([log.stop('immediate'), orders.stop('immediate')]);
  await rm(folder, { recursive: true, force: true });
});

test('after each crash of the server the rows are exact, every record counted once, and nothing was promised too early', async () => {
  const from = await Source.open(log.url);
  const env = { ORDERS_PORT: '0', DATABASE_URL_ORDERS: orders.url, DATABASE_URL_BACKBONE: log.url, KAFKA_BROKERS: '' };
  const service = run(process.execPath, [MAIN], { env });
  try {
    const url = (await service.line(/^ready http/)).replace('ready ', '');
    let writing = true;
    const writer = (async () => {
      while (writing) await from.work(20);
    })();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await recordsIn(orders.url);
      await expect.poll(() => recordsIn(orders.url), eventually).toBeGreaterThan(before + 500);
      await orders.stop('immediate');
      // The server is gone, and with it what it had not written: the service no longer vouches for anything.
      await expect.poll(async () => (await fetch(`${url}/freshness`)).status, eventually).toBe(503);
      orders = await startOrders(orders.port);
    }
    writing = false;
    await writer;
    await expect.poll(() => recordsIn(orders.url), eventually).toBe(from.sent);
    expect(await shownIn(orders.url)).toEqual(from.expected());
    const fence = encodeURIComponent(from.fence);
    expect((await fetch(`${url}/freshness?atLeast=${fence}&wait=5s`)).status).toBe(200);
  } finally {
    await service.stop('SIGKILL');
    await from.close();
  }
});
