import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { scratch } from '../../test/support/scratch.ts';

test('the shared server decodes the WAL and sorts by code point', async () => {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  const { rows } = await client.query<{ level: string; sorted: string[] }>(
    `SELECT current_setting('wal_level') AS level,
            (SELECT array_agg(x ORDER BY x) FROM unnest(ARRAY['b', 'A', 'a', 'é', 'B']) AS x) AS sorted`,
  );
  await client.end();
  expect(rows[0]).toEqual({ level: 'logical', sorted: ['A', 'B', 'a', 'b', 'é'] });
});

test('a scratch database goes away although a slot and a session are left in it', async () => {
  const database = await scratch();
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined); // The drop cuts this session off; that is the point.
  await client.connect();
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [`${database.name}_slot`]);
  await database.drop();

  const server = new pg.Client({ connectionString: inject('postgresUrl') });
  await server.connect();
  const { rows } = await server.query<{ databases: string; slots: string }>(
    `SELECT (SELECT count(*) FROM pg_database WHERE datname = $1) AS databases,
            (SELECT count(*) FROM pg_replication_slots WHERE database = $1) AS slots`,
    [database.name],
  );
  await server.end();
  expect(rows[0]).toEqual({ databases: '0', slots: '0' });
});
