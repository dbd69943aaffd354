/**
 * ReeferDesk's database: connecting with limits, transactions, and the schema of an empty database.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ReeferError, codeOf, wordsOf } from './errors.ts';

// A statement of ReeferDesk takes milliseconds; after ten seconds nobody waits for its answer any more.
const STATEMENT_LIMIT_MS = 10_000;
// Of a server on the same network; beyond it the address is wrong or the server is gone.
const CONNECT_LIMIT_MS = 5_000;
// As many statements as a small server runs side by side; more requests wait for a connection, up to CONNECT_LIMIT_MS.
const POOL_SIZE = 10;
// 'REEF' in ASCII: one schema or seed at a time in a database.
const ADVISORY_LOCK = 0x52_45_45_46;

/** Opens the pool; nothing is connected yet. */
export function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    // A transaction that its process forgot must not hold its locks.
    idle_in_transaction_session_timeout: STATEMENT_LIMIT_MS,
    application_name: 'reeferdesk',
  });
  // A connection that breaks while nobody uses it is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  // The same for one that is in use, but has no statement running.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Connects one client, for schema and seed: without a limit on statements, since a seed may take long.
 * @throws ReeferError RD_DATABASE saying what to do
 */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    application_name: 'reeferdesk',
  });
  client.on('error', () => undefined); // The statement in hand, or the next one, fails with it.
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw new ReeferError('RD_DATABASE', connectProblem(url, error), error);
  }
}

function connectProblem(url: string, error: unknown): string {
  const where = withoutPassword(url);
  switch (codeOf(error)) {
    case '28P01':
    case '28000':
      return `Postgres refuses the login of ${where} (${wordsOf(error)}): correct user and password in DATABASE_URL_LEGACY.`;
    case '3D000':
      return `There is no such database: ${where}. Create it, or correct DATABASE_URL_LEGACY.`;
    default:
      return `Cannot reach Postgres at ${where} (${wordsOf(error)}): start it, or correct DATABASE_URL_LEGACY.`;
  }
}

/** The URL as it may be shown: its password, wherever it stands, is replaced by `***`. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL_LEGACY';
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  if (shown.searchParams.has('password')) shown.searchParams.set('password', '***');
  return shown.href;
}

/** Runs `work` in a transaction; commits what it did, or takes all of it back when it throws. */
export async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // The connection may be what failed: then there is nothing left to take back, and the first error is the one to tell.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Within a transaction: waits until no other process makes a schema or seeds in this database. */
export async function lockSetup(client: pg.ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
}

/**
 * Creates ReeferDesk's tables unless they are there, in one transaction; two processes at once do it once.
 * @returns true when it created them
 */
export async function createSchema(client: pg.ClientBase): Promise<boolean> {
  return inTransaction(client, async () => {
    await lockSetup(client);
    const found = await client.query<{ there: boolean }>(`SELECT to_regclass('orders') IS NOT NULL AS there`);
    if (found.rows[0]?.there === true) return false;
    await client.query(await readFile(fileURLToPath(new URL('../sql/schema.sql', import.meta.url)), 'utf8'));
    return true;
  });
}
