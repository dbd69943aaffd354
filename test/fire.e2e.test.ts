/**
 * Sync under fire: the real connector, log and order service follow ReeferDesk's database while clerks write to it, and lose nothing
 * and apply nothing twice, whatever is killed and whatever is written.
 *
 * Two producers of the log of which one commits late are tested at the log itself: backbone/test/consumer.pg.test.ts, "nothing is
 * skipped when of two producers one commits late".
 */
import { setTimeout as pause } from 'node:timers/promises';
import { POSITION_HEADER } from '@banyan/backbone/core/position';
import { openLog } from '@banyan/backbone/log';
import { TABLES, topicOf } from '@banyan/new-order-ms/core/tables';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { chanceOf, write } from './support/clerks.ts';
import { ask, openScene, withClient, type Scene, type Victim } from './support/scene.ts';

const KILLS = process.env['CI'] === 'true' ? 10 : 3; // Of each.
const PER_SECOND = 100;
/** Of what the clerks do, who is killed, and when. How the processes run beside each other no seed repeats. */
const SEED = Number(process.env['BANYAN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** At most so long until the next kill: longer than a start takes, so that both those who start and those who work are hit. */
const MOMENT_MS = 1_500;
const eventually = { timeout: 60_000, interval: 25 };

let scene: Scene;

beforeAll(async () => {
  process.stdout.write(`sync under fire: BANYAN_SEED=${SEED}\n`);
  scene = await openScene({ orders: 300, customers: 30 });
});
afterAll(() => scene.close());

/** Everything that was committed is in the read model, and nothing else. */
async function same(): Promise<void> {
  await scene.fresh();
  expect(await scene.differences()).toEqual([]);
}

afterEach(same);

/** How many records of each topic the log holds, and how many of them the read model has counted. */
async function counts(): Promise<{ held: Record<string, bigint>; counted: Record<string, bigint> }> {
  const log = await openLog({ url: scene.backbone, retentionEveryMs: null });
  const ends = await log.ends(TABLES.map(topicOf));
  await log.close();
  const rows = await ask(scene.orders, `SELECT partition, records::text FROM read.checkpoints`);
  const counted = new Map(rows.map(({ partition, records }) => [String(partition), BigInt(String(records))]));
  return {
    held: Object.fromEntries(ends),
    counted: Object.fromEntries([...ends.keys()].map((name) => [name, counted.get(name) ?? 0n])),
  };
}

interface Repeats {
  /** Transactions of which something stands in the log more than once: incarnation and LSN of the commit. */
  readonly transactions: ReadonlySet<string>;
  /** Places in the stream where it stands with another content than before. */
  readonly differing: readonly string[];
}

/**
 * What stands in the log more than once. It may: a connector that dies in the middle of a transaction sends that one again from
 * its beginning, and positions keep it from the rows. Neither the rows nor the counts would show if it sent more than that.
 */
async function repeats(topics: readonly string[]): Promise<Repeats> {
  const log = await openLog({ url: scene.backbone, retentionEveryMs: null });
  const seen = new Map<string, string>();
  const [transactions, differing] = [new Set<string>(), new Array<string>()];
  for (const topic of topics)
    for await (const { key, value, headers } of log.replay({ topic })) {
      const position = headers.find(({ key: name }) => name === POSITION_HEADER)?.value;
      if (position === undefined) throw new Error(`a record of ${topic} has no position: ${key}`);
      const place = `${topic} ${position} ${key}${value === null ? ' tombstone' : ''}`;
      const { op, before, after } = JSON.parse(value ?? '{}') as Record<string, unknown>;
      const content = JSON.stringify([op, before, after]);
      const earlier = seen.get(place);
      if (earlier !== undefined) transactions.add(position.slice(0, position.lastIndexOf(':')));
      if (earlier !== undefined && earlier !== content) differing.push(place);
      seen.set(place, content);
    }
  await log.close();
  if (seen.size === 0) throw new Error(`nothing in ${topics.join(', ')}: nothing could be there twice`);
  return { transactions, differing };
}

async function applied(): Promise<number> {
  const rows = await ask(scene.orders, 'SELECT sum(records)::text AS records FROM read.checkpoints').catch(() => []);
  return Number(rows[0]?.['records'] ?? 0);
}

/** Resolves when something more has been applied. */
async function progress(): Promise<void> {
  const before = await applied();
  await vi.waitUntil(async () => (await applied()) > before, eventually);
}

/** Each victim so many times, in no order. */
function schedule(chance: () => number): readonly Victim[] {
  const all = (['cdc', 'orders', 'postgres'] as const).flatMap((victim) => Array.from({ length: KILLS }, () => victim));
  return all
    .map((victim) => ({ victim, at: chance() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ victim }) => victim);
}

test('the comparison sees a row that is missing, one that is too many, and one value that differs', async () => {
  const change = (text: string): Promise<unknown> => ask(scene.orders, text);
  await change(`UPDATE read_1.ports SET deleted = true WHERE port_id = 1;
    UPDATE read_1.ports SET city = city || ' ' WHERE port_id = 2; INSERT INTO read_1.ports SELECT 999, 'XXXXX', city, country, at_incarnation, at_lsn,
      at_index, deleted, missing FROM read_1.ports WHERE port_id = 3`);
  const seen = await scene.differences();
  await change(`UPDATE read_1.ports SET deleted = false WHERE port_id = 1;
    UPDATE read_1.ports SET city = rtrim(city) WHERE port_id = 2; DELETE FROM read_1.ports WHERE port_id = 999`);
  expect(seen.map((line) => line.slice(0, line.indexOf(': [')))).toEqual([
    'ports: not in the read model',
    'ports: not in the read model',
    'ports: not in the monolith',
    'ports: not in the monolith',
  ]);
});

describe('under fire', () => {
  test(
    `connector, order service and Postgres killed ${KILLS} times each under ${PER_SECOND} transactions a second: the read model is the monolith's, row by row`,
    { timeout: 240_000 },
    async () => {
      const chance = chanceOf(SEED);
      const began = performance.now();
      const writing = write(scene.legacy, PER_SECOND, SEED);
      for (const [round, victim] of schedule(chance).entries()) {
        // Half of them only once something has come through again: otherwise those who start would be killed, and nobody else.
        if (round % 2 === 0) await progress();
        await pause(chance() * MOMENT_MS);
        await scene.kill(victim);
      }
      await writing.stop();
      const seconds = (performance.now() - began) / 1_000;
      await same();
      const { held, counted } = await counts();
      const records = Object.values(held).reduce((sum, count) => sum + count, 0n);
      process.stdout.write(
        `sync under fire: ${3 * KILLS} kills in ${seconds.toFixed(1)} s, ${writing.commits} transactions, ${writing.failures} failed, ${records} records; ended otherwise: ${scene.ends.length}\n`,
      );
      expect(counted).toEqual(held);
      const { transactions, differing } = await repeats(TABLES.map(topicOf));
      process.stdout.write(`sync under fire: ${transactions.size} transactions were begun twice in the log\n`);
      expect(differing).toEqual([]);
      // The checkpoint is written with the batch: a connector that dies, or loses its server, sends one transaction again.
      expect(transactions.size).toBeLessThanOrEqual(2 * KILLS + scene.ends.length);
      expect(writing.faults).toEqual([]);
      expect(writing.commits).toBeGreaterThan(10 * KILLS);
    },
  );
});

describe('what is written', () => {
  test('a transaction that is rolled back, whole or in part, leaves nothing', async () => {
    await withClient(scene.legacy, async (client) => {
      await client.query('BEGIN');
      await client.query(`UPDATE orders SET product_id = 'never'`);
      await client.query('DELETE FROM order_items');
      await client.query('ROLLBACK');
      await client.query('BEGIN');
      await client.query(`UPDATE orders SET product_id = 'kept' WHERE order_key = (SELECT min(order_key) FROM orders)`);
      await client.query('SAVEPOINT here');
      await client.query(`UPDATE orders SET product_id = 'never'`);
      await client.query('ROLLBACK TO here');
      await client.query('COMMIT');
    });
    await same();
    const text = `SELECT count(*) FILTER (WHERE product_id = 'kept')::int AS kept, count(*) FILTER (WHERE product_id = 'never')::int AS never FROM read.orders`;
    expect(await ask(scene.orders, text)).toEqual([{ kept: 1, never: 0 }]);
  });

  test('an order whose key changes is there once, with its lines', async () => {
    const key = `(SELECT min(order_key) FROM order_items)`;
    const [before] = await ask(scene.legacy, `SELECT order_id, order_key FROM orders WHERE order_key = ${key}`);
    await ask(scene.legacy, `UPDATE orders SET order_key = 2000000001 WHERE order_key = ${key}`);
    await same();
    const found = `SELECT o.order_key, count(i.*)::int > 0 AS lines FROM read.orders o LEFT JOIN read.order_items i USING (order_key)
      WHERE order_id = $1 GROUP BY 1`;
    expect(await ask(scene.orders, found, [before?.['order_id']])).toEqual([{ order_key: '2000000001', lines: true }]);
    // Two that change places pass through a third key, in one transaction.
    await ask(
      scene.legacy,
      `BEGIN; UPDATE orders SET order_key = 2000000003 WHERE order_key = 2000000001;
       UPDATE orders SET order_key = 2000000001 WHERE order_key = (SELECT min(order_key) FROM orders);
       UPDATE orders SET order_key = ${String(before?.['order_key'])} WHERE order_key = 2000000003; COMMIT`,
    );
  });

  test('a truncation empties the table, and what is written behind it, or was before in the same transaction, is told apart', async () => {
    const reading = `INSERT INTO container_readings (container_id, read_at, temperature, power) SELECT min(container_id), now(), 1.25, true FROM containers`;
    await ask(scene.legacy, `BEGIN; ${reading}; TRUNCATE container_readings; ${reading}; ${reading}; COMMIT`);
    await same();
    expect(await ask(scene.orders, 'SELECT count(*)::int FROM read.container_readings')).toEqual([{ count: 2 }]);
    await ask(scene.legacy, 'TRUNCATE orders CASCADE');
    await same();
    expect(await ask(scene.orders, 'SELECT count(*)::int FROM read.orders')).toEqual([{ count: 0 }]);
  });

  test('a column that is added, filled and dropped in mid-stream disturbs nobody, and comes with its rows', async () => {
    const writing = write(scene.legacy, PER_SECOND, SEED + 100);
    await expect.poll(() => writing.commits, eventually).toBeGreaterThan(30);
    await ask(scene.legacy, `ALTER TABLE customers ADD COLUMN tier text NOT NULL DEFAULT 'bronze'`);
    await ask(scene.legacy, `ALTER TABLE orders ADD COLUMN priority integer DEFAULT 3`);
    const commits = writing.commits;
    await expect.poll(() => writing.commits, eventually).toBeGreaterThan(commits + 30);
    // Nobody writes to customers: Postgres has filled the column without a word, and the connector reads the table again.
    const log = await openLog({ url: scene.backbone, retentionEveryMs: null });
    const told = async (): Promise<number> => {
      const keys = new Set<string | null>();
      for await (const { key, value } of log.replay({ topic: 'legacy.public.customers' }))
        if (value?.includes('"tier":"bronze"') === true) keys.add(key);
      return keys.size;
    };
    const [customers] = await ask(scene.legacy, 'SELECT count(*)::int FROM customers');
    await expect.poll(told, eventually).toBe(customers?.['count']);
    await log.close();
    await ask(scene.legacy, 'ALTER TABLE orders DROP COLUMN priority');
    await expect.poll(() => writing.commits, eventually).toBeGreaterThan(commits + 90);
    await writing.stop();
    expect(writing.faults).toEqual([]);
  });

  test('a row of 10 MB arrives whole, and stays so when another of its columns changes', async () => {
    const where = 'WHERE order_key = (SELECT min(order_key) FROM orders)';
    const digest = `SELECT length(terms) AS length, md5(terms) AS digest, product_id FROM`;
    // Digits that do not compress, so that all of them travel.
    const text = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 327680) i)`;
    await ask(scene.legacy, `UPDATE orders SET terms = ${text} ${where}`);
    await same();
    await ask(scene.legacy, `UPDATE orders SET product_id = 'large' ${where}`);
    await same();
    const [truth] = await ask(scene.legacy, `${digest} orders ${where}`);
    expect(truth).toMatchObject({ length: 10_485_760, product_id: 'large' });
    const [copy] = await ask(scene.orders, `${digest} read.orders WHERE product_id = 'large'`);
    expect(copy).toEqual(truth);
  });

  test('a transaction of 100,000 rows arrives whole, though both who carry it are killed in the middle', async () => {
    const count = async (): Promise<number> => {
      const [row] = await ask(scene.orders, 'SELECT count(*)::int FROM read.container_readings');
      return Number(row?.['count']);
    };
    const earlier = await repeats(['legacy.public.container_readings']);
    await ask(
      scene.legacy,
      `BEGIN; TRUNCATE container_readings; INSERT INTO container_readings (container_id, read_at, temperature, humidity, power)
       SELECT (SELECT min(container_id) FROM containers) + i % 50, TIMESTAMPTZ '2026-01-01 00:00Z' + i * interval '1 s', (i % 1000) / 100.0, 50, i % 2 = 0
       FROM generate_series(1, 100000) i; COMMIT`,
    );
    await expect.poll(count, eventually).toBeGreaterThan(2_000);
    await Promise.all([scene.kill('cdc'), scene.kill('orders')]);
    await same();
    expect(await count()).toBe(100_000);
    const { held, counted } = await counts();
    expect(counted).toEqual(held);
    const { transactions, differing } = await repeats(['legacy.public.container_readings']);
    expect(differing).toEqual([]);
    expect(transactions.size - earlier.transactions.size).toBeLessThanOrEqual(1);
  });
});
