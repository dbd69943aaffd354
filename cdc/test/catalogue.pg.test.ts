/** The catalogue as the connector reads it. */
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAddress } from '@banyan/cdc/address';
import { readPublication, readTable, readTables, readTypes } from '@banyan/cdc/catalogue';
import { connectSql, type Sql } from '@banyan/cdc/wire';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { query } from './support/connector.ts';
import { until } from './support/until.ts';

const NOW = { viaRoot: false, generated: true };

let database: Scratch;
let sql: Sql;

beforeEach(async () => {
  database = await scratch();
  sql = await connectSql(readAddress({ url: database.url }), 'test', { statementMs: 5_000 });
});

afterEach(async () => {
  await sql.close();
  await database.drop();
});

test('is read while somebody waits to alter a table that we hold: each would wait for the other otherwise', async () => {
  await query(
    database.url,
    `CREATE TABLE things (id int PRIMARY KEY, name text DEFAULT 'x'); CREATE PUBLICATION banyan FOR TABLE things`,
  );
  const [oid] = await sql.rows(`SELECT 'public.things'::regclass::oid`);
  const holder = new pg.Client({ connectionString: database.url });
  const alterer = new pg.Client({ connectionString: database.url });
  await Promise.all([holder.connect(), alterer.connect()]);
  try {
    await holder.query('BEGIN; LOCK TABLE things IN ACCESS SHARE MODE');
    const altering = alterer.query('TRUNCATE things');
    await until('the alterer to wait', async () => {
      return (
        (await query(database.url, `SELECT FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass`)).length >
        0
      );
    });
    expect(await readTable(sql, Number(oid?.[0]), NOW)).toMatchObject({ table: 'things', primaryKey: ['id'] });
    expect((await readTables(sql, NOW)).map(({ table }) => table)).toEqual(['things']);
    expect((await readPublication(sql, 'banyan'))?.tables.size).toBe(1);
    await holder.query('COMMIT');
    await altering;
  } finally {
    await holder.end();
    await alterer.end();
  }
});

test('knows keys in their own order, identities, arrays, domains and enums', async () => {
  await query(
    database.url,
    `CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN cents AS numeric(9,2);
     CREATE TABLE pairs (a int, b text, moods mood[], price cents, PRIMARY KEY (b, a) INCLUDE (moods));
     CREATE UNIQUE INDEX by_a ON pairs (a); ALTER TABLE pairs REPLICA IDENTITY USING INDEX by_a;
     CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);
     CREATE UNLOGGED TABLE gone (id int PRIMARY KEY)`,
  );
  const tables = await readTables(sql, NOW);
  expect(
    tables.map(({ table, identity, primaryKey, servingKey }) => [table, identity, primaryKey, servingKey]),
  ).toEqual([
    ['late', 'd', ['id'], false],
    ['pairs', 'i', ['b', 'a'], true],
  ]);
  const types = await readTypes(sql);
  const [, , moods, price] = tables[1]?.shape ?? [];
  expect(types.get(types.get(moods?.type ?? 0)?.element ?? 0)).toMatchObject({ name: 'mood', kind: 'enum' });
  expect(types.get(price?.type ?? 0)).toMatchObject({ kind: 'domain', base: 1700, baseModifier: ((9 << 16) | 2) + 4 });
  expect(tables[1]?.chunkKey).toEqual([
    { name: 'b', type: 'text' },
    { name: 'a', type: 'integer' },
  ]);
});

test('counts the partitions of a published table as published', async () => {
  await query(
    database.url,
    `CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
     CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
     CREATE PUBLICATION banyan FOR TABLE parts`,
  );
  const leaves = await readTables(sql, NOW);
  const roots = await readTables(sql, { ...NOW, viaRoot: true });
  expect([leaves, roots].map((tables) => tables.map(({ table }) => table))).toEqual([['part_1'], ['parts']]);
  const published = (await readPublication(sql, 'banyan'))?.tables;
  expect([...leaves, ...roots].every(({ oid }) => published?.has(oid))).toBe(true);
});
