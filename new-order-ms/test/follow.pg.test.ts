import { openLog } from '@banyan/backbone/log';
import type { Backbone } from '@banyan/backbone/transport';
import { prepare } from '@banyan/new-order-ms/copies';
import { parseFences } from '@banyan/backbone/core/fence';
import { openPool } from '@banyan/new-order-ms/database';
import { Follower } from '@banyan/new-order-ms/follow';
import { createFreshness } from '@banyan/new-order-ms/freshness';
import { rebuild, type RebuildOptions } from '@banyan/new-order-ms/rebuild';
import pg from 'pg';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { at, record, rowOf } from './history.ts';
import { recordsIn, shownIn, Source, topicSpecs } from './source.ts';

let orders: Scratch;
let log: Scratch;
const open: (() => Promise<void>)[] = [];

beforeEach(async () => {
  [orders, log] = await Promise.all([scratch(), scratch()]);
  await prepare(orders.url);
});
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
  await Promise.all([orders.drop(), log.drop()]);
});

async function source(partitions = 2): Promise<Source> {
  const made = await Source.open(log.url, partitions);
  open.push(() => made.close());
  return made;
}

async function backbone(): Promise<Backbone> {
  const opened = await openLog({ url: log.url, retentionEveryMs: null });
  open.push(() => opened.close());
  return opened;
}

async function follower(): Promise<Follower> {
  const made = new Follower({ databaseUrl: orders.url, backbone: await backbone(), log: pino({ level: 'silent' }) });
  open.push(() => made.stop());
  made.start();
  return made;
}

const eventually = { timeout: 20_000, interval: 20 };

async function settled(from: Source): Promise<void> {
  await expect.poll(() => recordsIn(orders.url), eventually).toBe(from.sent);
  expect(await shownIn(orders.url)).toEqual(from.expected());
}

async function ask(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

describe('the projection', () => {
  test('waits for the topics, and then brings over what is in them', async () => {
    const following = await follower();
    await expect
      .poll(() => following.standing, eventually)
      .toMatchObject({ because: expect.stringContaining('no topic') as string });
    const from = await source();
    for (let batch = 0; batch < 20; batch += 1) await from.work(50);
    await settled(from);
    expect(following.standing).toEqual({ kind: 'following' });
    expect(following.progress?.applied).toMatchObject([{ watermark: { source: 'legacy' } }]);
  });

  test('of two read models on one log each gets everything', async () => {
    const from = await source();
    const other = await scratch();
    await prepare(other.url);
    const second = new Follower({ databaseUrl: other.url, backbone: await backbone(), log: pino({ level: 'silent' }) });
    open.push(async () => {
      await second.stop();
      await other.drop();
    });
    await follower();
    second.start();
    for (let batch = 0; batch < 10; batch += 1) await from.work(50);
    await settled(from);
    await expect.poll(() => recordsIn(other.url), eventually).toBe(from.sent);
    expect(await shownIn(other.url)).toEqual(from.expected());
  });

  test('begins where it was when it is started again, and counts every record once', async () => {
    const from = await source();
    const first = await follower();
    for (let batch = 0; batch < 10; batch += 1) await from.work(20);
    await first.stop();
    expect(first.progress).toBeNull();
    for (let batch = 0; batch < 10; batch += 1) await from.work(20);
    await follower();
    await settled(from);
  });

  test('of two processes one leads; when it goes the other takes over', async () => {
    const from = await source();
    const first = await follower();
    await expect.poll(() => first.standing.kind, eventually).toBe('following');
    const second = await follower();
    await expect.poll(() => second.standing.kind, eventually).toBe('standby');
    for (let batch = 0; batch < 10; batch += 1) await from.work(20);
    await first.stop();
    for (let batch = 0; batch < 10; batch += 1) await from.work(20);
    await expect.poll(() => second.standing.kind, eventually).toBe('following');
    await settled(from);
  });

  test.each([
    ['its own connection', 'orders-projection', () => orders],
    ['the connection to the log', '%log consumer', () => log],
  ])('goes on after %s was broken, with nothing lost and nothing twice', async (_name, application, where) => {
    const from = await source();
    const following = await follower();
    await expect.poll(() => following.standing.kind, eventually).toBe('following');
    for (let round = 0; round < 5; round += 1) {
      await from.work(200);
      await ask(
        where().url,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1',
        [application],
      );
      await from.work(200);
    }
    await settled(from);
  });

  test('stops at a record that it cannot take, skips nothing, and says why', async () => {
    const from = await source(1);
    const following = await follower();
    await from.order(1);
    await expect.poll(() => recordsIn(orders.url), eventually).toBe(1);
    const { city: _, ...renamed } = rowOf('ports', { port_id: 7, town: 'Oslo' });
    await from.send([record({ table: 'ports', op: 'c', key: { port_id: 7 }, after: renamed, at: at(90_000) })]);
    await from.order(2);
    await expect
      .poll(() => following.standing, eventually)
      .toEqual({
        kind: 'halted',
        because: expect.stringMatching(/legacy\.public\.ports-0 at offset 0: column ports\.city is missing/) as string,
      });
    expect(following.progress).toBeNull();
    expect(await ask(orders.url, 'SELECT order_id FROM read.orders')).toContainEqual({ order_id: '1' });
    const again = await follower();
    await expect.poll(() => again.standing.kind, eventually).toBe('halted');
    expect(await ask(orders.url, 'SELECT port_id FROM read.ports')).toEqual([]);
  });

  test('a log that is not the one it has read is refused', async () => {
    const from = await source();
    const first = await follower();
    await from.work(50);
    await settled(from);
    await first.stop();
    await ask(log.url, 'DROP SCHEMA banyan_log CASCADE');
    for (const close of open.splice(0).toReversed()) await close();
    await source();
    const again = await follower();
    await expect.poll(() => again.standing.kind, eventually).toBe('halted');
  });
});

describe('freshness', () => {
  test('wakes who waits in the moment in which the rows are there', async () => {
    const from = await source();
    const following = await follower();
    const pool = openPool(orders.url);
    open.push(() => pool.end());
    const freshness = createFreshness(pool, following, () => Date.now());
    await expect.poll(() => following.standing.kind, eventually).toBe('following');
    for (let round = 1; round <= 20; round += 1) {
      await from.order(round);
      const fences = parseFences(from.fence).map(({ at: fence }) => fence);
      const { fresh, body } = await freshness.read(fences, 5_000);
      expect([fresh, body.applied]).toEqual([true, [{ source: 'legacy', epoch: '7301.1.1', lsn: from.lsn }]]);
      const rows = await ask(orders.url, 'SELECT count(*)::int AS count FROM read.orders');
      expect(rows).toEqual([{ count: round }]);
    }
  });

  test('is told by a standby too, and a wait that is over is no answer', async () => {
    const from = await source();
    await follower();
    const standby = await follower();
    const pool = openPool(orders.url);
    open.push(() => pool.end());
    const freshness = createFreshness(pool, standby, () => Date.now());
    await from.order(1);
    const [fence] = parseFences(from.fence);
    const beyond = parseFences('orders=legacy.7301.1.1.FFFF/0').map(({ at: position }) => position);
    expect((await freshness.read(fence === undefined ? [] : [fence.at], 5_000)).fresh).toBe(true);
    expect((await freshness.read(beyond, 30)).fresh).toBe(false);
  });
});

describe('a rebuild', () => {
  const options = (from: Backbone, lines: string[], more: Partial<RebuildOptions> = {}): RebuildOptions => ({
    databaseUrl: orders.url,
    backbone: from,
    afresh: false,
    fromOldest: false,
    say: (line) => lines.push(line),
    ...more,
  });

  test('beside the live copy, under load: the new copy takes over, the service follows it, and the old one goes', async () => {
    const from = await source();
    await from.parents();
    const following = await follower();
    for (let batch = 0; batch < 20; batch += 1) await from.work(200);
    await ask(orders.url, `DELETE FROM read_1.ports`); // The damage for which one rebuilds.
    let writing = true;
    const writer = (async () => {
      while (writing) await from.work(20);
    })();
    const lines: string[] = [];
    await rebuild(options(await backbone(), lines));
    writing = false;
    await writer;
    await expect
      .poll(() => ask(orders.url, `SELECT number, state FROM read.copies`), eventually)
      .toEqual([{ number: 2, state: 'live' }]);
    await expect.poll(() => following.standing.kind, eventually).toBe('following');
    await from.work(20);
    await settled(from);
    expect(await ask(orders.url, `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read\\_%'`)).toEqual([
      { nspname: 'read_2' },
    ]);
    expect(lines.join('\n')).toMatch(
      /read_2: building[^]*read_2: [\d,]+ of [\d,]+ records[^]*read_2: live[^]*read_1: dropped/,
    );
  });

  test('without a service that follows, swaps all the same', async () => {
    const from = await source();
    for (let batch = 0; batch < 5; batch += 1) await from.work(100);
    await rebuild(options(await backbone(), []));
    expect(await ask(orders.url, 'SELECT number FROM read.copies')).toEqual([{ number: 2 }]);
    await settled(from);
  });

  test('is refused while another one runs', async () => {
    const from = await source();
    await from.work(10);
    const held = new pg.Client({ connectionString: orders.url });
    await held.connect();
    await held.query('SELECT pg_advisory_lock($1, -1)', [0x4f_52_44_53]);
    await expect(rebuild(options(await backbone(), []))).rejects.toMatchObject({ code: 'ORD_REBUILDING' });
    await held.end();
  });

  test('is refused when the log has dropped records, but for one who has snapshot anew', async () => {
    const writer = await openLog({ url: log.url, segmentRecords: 20, retentionEveryMs: 50 });
    await writer.createTopics(topicSpecs(1, 1));
    const from = new Source(
      writer,
      await writer.producer(
        'connector',
        topicSpecs().map(({ name }) => name),
      ),
    );
    for (let batch = 0; batch < 30; batch += 1) await from.work(20);
    await expect
      .poll(async () => (await writer.starts(['legacy.public.orders'])).get('legacy.public.orders-0'), eventually)
      .toBeGreaterThan(0n);
    await writer.close(); // Nothing is dropped from here on.
    const reader = await backbone();
    await expect(rebuild(options(reader, []))).rejects.toMatchObject({
      code: 'ORD_HISTORY_GONE',
      message: expect.stringContaining('legacy.public.orders-0') as string,
    });
    expect(await ask(orders.url, 'SELECT number FROM read.copies')).toEqual([{ number: 1 }]);
    await rebuild(options(reader, [], { fromOldest: true }));
    expect(await ask(orders.url, 'SELECT number FROM read.copies')).toEqual([{ number: 2 }]);
  });

  test('stops at a record that cannot be taken, and leaves the live copy as it is', async () => {
    const from = await source();
    await from.work(50);
    await from.send([
      record({ table: 'ports', op: 'c', key: { port_id: 7 }, after: { port_id: 'seven' }, at: at(90_000) }),
    ]);
    await expect(rebuild(options(await backbone(), []))).rejects.toMatchObject({ code: 'ORD_SCHEMA_CHANGED' });
    expect(await ask(orders.url, `SELECT state FROM read.copies ORDER BY number`)).toEqual([
      { state: 'live' },
      { state: 'building' },
    ]);
  });
});
