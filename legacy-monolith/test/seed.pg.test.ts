import { afterAll, beforeAll, expect, test } from 'vitest';
import type pg from 'pg';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { connect, createSchema } from '@banyan/legacy-monolith/database';
import { seed } from '@banyan/legacy-monolith/seed';

let first: Scratch;
let second: Scratch;
const clients: pg.Client[] = [];

async function client(database: Scratch): Promise<pg.Client> {
  const opened = await connect(database.url);
  clients.push(opened);
  return opened;
}

beforeAll(async () => {
  [first, second] = [await scratch(), await scratch()];
});

afterAll(async () => {
  for (const opened of clients) await opened.end();
  await first?.drop();
  await second?.drop();
});

const tables = [
  'ports',
  'customers',
  'addresses',
  'voyages',
  'containers',
  'container_readings',
  'orders',
  'order_items',
  'order_containers',
];

async function digest(sql: pg.Client, table: string): Promise<unknown> {
  const result = await sql.query<{ n: string; digest: string }>(
    `SELECT count(*) AS n, md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")) AS digest FROM ${table} AS t`,
  );
  return result.rows[0];
}

test('two processes that start at once make one schema and one seed', async () => {
  const [one, two] = [await client(first), await client(first)];
  const made = await Promise.all([createSchema(one), createSchema(two)]);
  expect(made.filter((created) => created)).toHaveLength(1);
  const outcomes = await Promise.all([one, two].map((sql) => seed(sql, { orders: 300, customers: 40 })));
  expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['kept', 'seeded']);
  const counts = await one.query<{ orders: number; customers: number }>(
    'SELECT (SELECT count(*)::int FROM orders) AS orders, (SELECT count(*)::int FROM customers) AS customers',
  );
  expect(counts.rows[0]).toEqual({ orders: 300, customers: 40 });
});

test('the same numbers give the same database, byte for byte', async () => {
  const [one, two] = [await client(first), await client(second)];
  await createSchema(two);
  await seed(two, { orders: 300, customers: 40 });
  for (const table of tables) {
    expect({ table, digest: await digest(two, table) }).toEqual({ table, digest: await digest(one, table) });
  }
});

test('sequences go on where the seed ended', async () => {
  const sql = await client(second);
  const next = await sql.query<{ key: string; last: number }>(
    `SELECT nextval('orders_order_key_seq') AS key, (SELECT max(order_key) FROM orders) AS last`,
  );
  expect(Number(next.rows[0]?.key)).toBe(Number(next.rows[0]?.last) + 1);
});

test('long terms are stored out of line, where Postgres leaves them out of a change', async () => {
  const sql = await client(second);
  const toast = await sql.query<{ chunks: string }>(
    `SELECT pg_relation_size(reltoastrelid) AS chunks FROM pg_class WHERE oid = 'orders'::regclass`,
  );
  expect(Number(toast.rows[0]?.chunks)).toBeGreaterThan(6 * 8_192);
});

test('numbers of special instructions keep every digit', async () => {
  const sql = await client(second);
  const found = await sql.query<{ text: string }>(
    `SELECT special_instructions::text AS text FROM orders WHERE special_instructions ? 'beyond' LIMIT 1`,
  );
  expect(found.rows[0]?.text).toContain('"beyond": 9007199254740993');
  expect(found.rows[0]?.text).toContain('"one": 1.0');
});
