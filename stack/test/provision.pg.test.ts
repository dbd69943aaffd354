/** Roles and databases, on a server of their own: the names are fixed, and what is closed is closed for the whole server. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import { assertAnswers, provision, publish, urlOf } from '@banyan/stack/provision';
import type { Login, Secrets } from '@banyan/stack/secrets';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const secrets: Secrets = {
  postgres: 'p/w of the superuser',
  legacy: "l'egacy",
  orders: 'orders%',
  backbone: 'backbone',
  cdc: 'c"dc',
};
const databases = ['legacy', 'orders', 'backbone', 'postgres', 'template1'] as const;
let folder: string;
let server: EmbeddedPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-provision-'));
  await chmod(folder, 0o711);
  server = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    password: secrets.postgres,
    flags: ['fsync=off'],
  });
  await provision(server.url, secrets, ['legacy', 'orders', 'backbone']);
  await ask('legacy', 'legacy', 'CREATE TABLE orders (id int PRIMARY KEY, words text)');
  await ask('legacy', 'legacy', "INSERT INTO orders VALUES (1, 'one')");
});
afterAll(async () => {
  await server.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});

async function ask(login: Login, database: string, text: string): Promise<readonly unknown[]> {
  return query(urlOf(server.url, login, secrets, database), text);
}

async function query(url: string, text: string, more: pg.ClientConfig = {}): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url, ...more });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('who may connect where', () => {
  const allowed: Record<Exclude<Login, 'postgres'>, readonly string[]> = {
    legacy: ['legacy'],
    orders: ['orders'],
    backbone: ['backbone'],
    cdc: ['legacy'],
  };
  const cases = (Object.keys(allowed) as (keyof typeof allowed)[]).flatMap((login) =>
    databases.map((database) => ({ login, database, may: allowed[login].includes(database) })),
  );
  test.each(cases.filter(({ may }) => may))('$login to $database', async ({ login, database }) => {
    expect(await ask(login, database, 'SELECT current_user::text AS who')).toEqual([{ who: login }]);
  });
  test.each(cases.filter(({ may }) => !may))('$login not to $database', async ({ login, database }) => {
    await expect(ask(login, database, 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
  });
});

test('each service rules its own database', async () => {
  for (const owner of ['legacy', 'orders', 'backbone'] as const) {
    await ask(owner, owner, 'CREATE SCHEMA own; CREATE TABLE own.t (a int); INSERT INTO own.t VALUES (7)');
    expect(await ask(owner, owner, 'SELECT a FROM own.t')).toEqual([{ a: 7 }]);
    await ask(owner, owner, 'DROP SCHEMA own CASCADE');
  }
});

describe('cdc', () => {
  test('reads the tables that the monolith made after it was let in', async () => {
    expect(await ask('cdc', 'legacy', 'SELECT words FROM orders')).toEqual([{ words: 'one' }]);
  });

  test.each(["INSERT INTO orders VALUES (2, 'two')", 'DELETE FROM orders', 'CREATE TABLE mine (a int)'])(
    'may not: %s',
    async (text) => {
      await expect(ask('cdc', 'legacy', text)).rejects.toMatchObject({ code: '42501' });
    },
  );

  test('decodes the WAL of the one database', async () => {
    const more = { replication: 'database' } as pg.ClientConfig;
    const url = urlOf(server.url, 'cdc', secrets, 'legacy');
    expect(await query(url, 'CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput', more)).toHaveLength(1);
    await expect(query(urlOf(server.url, 'cdc', secrets, 'orders'), 'IDENTIFY_SYSTEM', more)).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('cannot take a physical copy of the server, which would hold every database', async () => {
    const more = { replication: 'true' } as pg.ClientConfig;
    const url = urlOf(server.url, 'cdc', secrets, 'legacy');
    await expect(query(url, 'IDENTIFY_SYSTEM', more)).rejects.toMatchObject({ code: '28000' });
  });
});

test('it may all be done again, and a changed password then counts', async () => {
  const changed = { ...secrets, orders: 'another' };
  await provision(server.url, changed, ['legacy', 'orders', 'backbone']);
  expect(await query(urlOf(server.url, 'orders', changed, 'orders'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await expect(ask('orders', 'orders', 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  await provision(server.url, secrets, ['legacy', 'orders', 'backbone']);
  expect(await ask('legacy', 'legacy', 'SELECT id FROM orders')).toEqual([{ id: 1 }]);
});

test('tables are published once each, and one without a replica identity is left out', async () => {
  const superuser = urlOf(server.url, 'postgres', secrets, 'legacy');
  const published = (): Promise<readonly unknown[]> =>
    ask(
      'legacy',
      'legacy',
      `SELECT tablename::text AS name FROM pg_publication_tables WHERE pubname = 'A "pub"' ORDER BY 1`,
    );
  await ask('legacy', 'legacy', 'CREATE TABLE bare (a int); CREATE TABLE whole (a int)');
  await ask('legacy', 'legacy', 'ALTER TABLE whole REPLICA IDENTITY FULL');
  await publish(superuser, 'A "pub"');
  await publish(superuser, 'A "pub"');
  expect(await published()).toEqual([{ name: 'orders' }, { name: 'whole' }]);
  await ask('legacy', 'legacy', 'INSERT INTO bare VALUES (1); UPDATE bare SET a = 2'); // Refused by Postgres if it were published.
  await ask('legacy', 'legacy', 'ALTER TABLE bare REPLICA IDENTITY FULL');
  await publish(superuser, 'A "pub"');
  expect(await published()).toEqual([{ name: 'bare' }, { name: 'orders' }, { name: 'whole' }]);
});

describe('a server given by URL', () => {
  test('that answers is accepted', async () => {
    await expect(assertAnswers(urlOf(server.url, 'legacy', secrets, 'legacy'), 'DATABASE_URL_LEGACY')).resolves.toBe(
      undefined,
    );
  });

  test.each([
    [
      'with a wrong password',
      (url: URL) => (url.password = 'hunter2'),
      'correct user and password in DATABASE_URL_LEGACY',
    ],
    ['without that database', (url: URL) => (url.pathname = '/absent'), '"absent" does not exist'],
    ['where nobody listens', (url: URL) => (url.port = '1'), 'Start the server, or correct DATABASE_URL_LEGACY'],
  ])('%s is refused in words, without the password', async (_name, spoil, words) => {
    const url = new URL(urlOf(server.url, 'legacy', secrets, 'legacy'));
    spoil(url);
    const error = await assertAnswers(url.href, 'DATABASE_URL_LEGACY').catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'STACK_DATABASE' });
    expect(String(error)).toContain(words);
    expect(String(error)).not.toMatch(/hunter2|l'egacy|l%27egacy/);
  });
});
