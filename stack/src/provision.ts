/**
 * Roles and databases on the embedded Postgres. Each service owns one database and can connect to no other; cdc reads the
 * monolith's tables and may decode its WAL, and can write nothing. Every step may be repeated: it runs at each start.
 */
import pg from 'pg';
import { StackError } from './errors.ts';
import type { Login, Secrets } from './secrets.ts';

/** A service's role and database, which have the same name. */
export type Owner = Exclude<Login, 'postgres' | 'cdc'>;

const CONNECT_LIMIT_MS = 10_000; // On loopback; a server that is up answers in milliseconds.
const STATEMENT_LIMIT_MS = 30_000; // CREATE DATABASE copies 8 MB, which a busy disk may take seconds for.

/**
 * @param serverUrl the superuser's, of any database
 * @param owners the services that keep their data here
 * @throws StackError STACK_DATABASE
 */
export async function provision(serverUrl: string, secrets: Secrets, owners: readonly Owner[]): Promise<void> {
  await attempt('make roles and databases', async () => {
    await withClient(serverUrl, async (client) => {
      // A statement that fails is written to the server's log, and these hold passwords.
      await client.query(`SET log_min_error_statement = 'panic'`);
      for (const owner of owners) await makeOwner(client, owner, secrets[owner]);
      if (owners.includes('legacy')) await makeRole(client, 'cdc', secrets.cdc, 'REPLICATION');
      for (const database of ['postgres', 'template1']) await closeDatabase(client, database);
    });
    if (owners.includes('legacy')) await withClient(urlOf(serverUrl, 'postgres', secrets, 'legacy'), letCdcRead);
  });
}

/**
 * Publishes the tables of the monolith's schema `public` for cdc, which does not own them and so cannot. A table without a
 * replica identity is left out: once published, the monolith's own updates of it would fail. (cdc, told to follow it, refuses to start and says what to run.)
 * @param url the superuser's, of the monolith's database
 * @throws StackError STACK_DATABASE
 */
export async function publish(url: string, publication: string): Promise<void> {
  await attempt(`publish the monolith's tables`, () =>
    withClient(url, async (client) => {
      const name = client.escapeIdentifier(publication);
      const { rows: known } = await client.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [publication]);
      // As cdc would make it: without the option, generated columns are missing from the stream.
      if (known.length === 0)
        await client.query(`CREATE PUBLICATION ${name} WITH (publish_generated_columns = stored)`);
      const { rows } = await client.query<TableRow>(TABLES, [publication]);
      const fresh = rows.filter((row) => row.identified && !row.published);
      if (fresh.length > 0) {
        // ONLY: a table that inherits from another is listed, or not, in its own right.
        const tables = fresh.map(
          (row) =>
            `${row.partitioned ? '' : 'ONLY '}${client.escapeIdentifier(row.schema)}.${client.escapeIdentifier(row.table)}`,
        );
        await client.query(`ALTER PUBLICATION ${name} ADD TABLE ${tables.join(', ')}`);
      }
    }),
  );
}

/** The URL of `database` for `login`, on the server of `serverUrl`. Holds the password. */
export function urlOf(serverUrl: string, login: Login, secrets: Secrets, database: string): string {
  const url = new URL(serverUrl);
  url.username = login;
  url.password = encodeURIComponent(secrets[login]);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/**
 * Makes sure that a server given by URL answers to that login.
 * @param variable where the URL comes from
 * @throws StackError STACK_DATABASE, without the URL's password
 */
export async function assertAnswers(url: string, variable: string): Promise<void> {
  try {
    await withClient(url, (client) => client.query('SELECT 1'));
  } catch (cause) {
    const { hostname, port, pathname, username } = new URL(url);
    const where = `database "${pathname.slice(1)}" on ${hostname}:${port || '5432'} as user "${username}"`;
    const { code, message } = cause as { code?: string; message: string };
    const advice =
      code === '28P01' || code === '28000'
        ? `The server refuses this login: correct user and password in ${variable}.`
        : `Start the server, or correct ${variable}, or unset it to use the embedded Postgres.`;
    throw new StackError('STACK_DATABASE', `${variable}: cannot connect to ${where}: ${message || code}. ${advice}`, {
      cause,
    });
  }
}

interface TableRow {
  readonly schema: string;
  readonly table: string;
  /** Whether an update or delete can name its old row: by a primary key, an index chosen for it, or the whole row. */
  readonly identified: boolean;
  readonly published: boolean;
  readonly partitioned: boolean;
}

const TABLES = `
  SELECT n.nspname AS schema, c.relname AS table, c.relkind = 'p' AS partitioned,
         CASE c.relreplident
           WHEN 'f' THEN true
           WHEN 'd' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
           WHEN 'i' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
           ELSE false
         END AS identified,
         EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                  WHERE r.prrelid = c.oid AND p.pubname = $1) AS published
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
   ORDER BY 1, 2`;

async function makeOwner(client: pg.Client, owner: Owner, password: string): Promise<void> {
  await makeRole(client, owner, password, 'NOREPLICATION');
  const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [owner]);
  const name = client.escapeIdentifier(owner);
  if (rows.length === 0) await client.query(`CREATE DATABASE ${name} OWNER ${name}`);
  await closeDatabase(client, owner);
}

/** Leaves a database to its owner: Postgres lets everybody connect to a new one. */
async function closeDatabase(client: pg.Client, database: string): Promise<void> {
  await client.query(`REVOKE ALL ON DATABASE ${client.escapeIdentifier(database)} FROM PUBLIC`);
}

type Replication = 'REPLICATION' | 'NOREPLICATION';

async function makeRole(client: pg.Client, role: Login, password: string, replication: Replication): Promise<void> {
  const { rows } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rows.length === 0 ? 'CREATE' : 'ALTER';
  // The password is set each time, so that a restored secrets.json is what counts.
  await client.query(
    `${verb} ROLE ${client.escapeIdentifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE ${replication}
      PASSWORD ${client.escapeLiteral(password)}`,
  );
}

/** In the monolith's database: the tables that are there, and those that the monolith will make. */
async function letCdcRead(client: pg.Client): Promise<void> {
  await client.query('GRANT CONNECT ON DATABASE legacy TO cdc');
  await client.query('GRANT USAGE ON SCHEMA public TO cdc');
  await client.query('ALTER DEFAULT PRIVILEGES FOR ROLE legacy IN SCHEMA public GRANT SELECT ON TABLES TO cdc');
  await client.query('GRANT SELECT ON ALL TABLES IN SCHEMA public TO cdc');
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    application_name: 'banyan-stack',
  });
  client.on('error', () => undefined); // A connection that breaks fails the query in hand, which is where it is reported.
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined); // It may never have been connected.
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new StackError(
      'STACK_DATABASE',
      `Could not ${what} on the embedded Postgres: ${(cause as Error).message}. Its own lines above may say more.`,
      { cause },
    );
  }
}
