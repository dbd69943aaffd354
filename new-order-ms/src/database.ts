/**
 * Connections to the read model's database: a pool for reads, and sessions for those who write a copy. Every statement has a
 * limit in time; times are printed in UTC and ISO; no message carries a password.
 */
import { parseLsn, toLsn } from '@banyan/backbone/core/lsn';
import pg from 'pg';
import type { Applied } from './core/applied.ts';
import { codeOf, OrdersError, wordsOf } from './errors.ts';

// A read takes a millisecond; after two seconds the caller (the facade allows 5 s) is better served with an error.
const READ_LIMIT_MS = 2_000;
// Of a server on the same network; beyond it the address is wrong or the server is gone.
const CONNECT_LIMIT_MS = 5_000;
// More statements side by side than a small server has cores; further requests wait for a connection.
const POOL_SIZE = 10;
// The largest batch (a record of 64 MiB) at the 10 MB/s of a poor disk; a batch takes milliseconds.
const WRITE_LIMIT_MS = 30_000;
// Past the server's own limit: it fires only where server or network went away without a word.
const ANSWER_MARGIN_MS = 5_000;
const KEEPALIVE_IDLE_MS = 10_000;

const SETTINGS = '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c extra_float_digits=1';

const text = { getTypeParser: () => (value: string) => value };

/** Opens the pool for reads; nothing is connected yet. Every value comes as the text that Postgres prints. */
export function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: READ_LIMIT_MS,
    query_timeout: READ_LIMIT_MS + ANSWER_MARGIN_MS,
    options: `${SETTINGS} -c default_transaction_read_only=on -c jit=off`,
    application_name: 'orders-query',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    types: text,
  });
  // A connection that breaks while nobody uses it is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

export interface SessionOptions {
  readonly applicationName: string;
  /**
   * False: COMMIT does not wait for the disk. Right for whoever finds its checkpoint in the same transaction: what a crash of
   * the server takes away, rows and checkpoint together, is read from the backbone again.
   */
  readonly durable: boolean;
  /** Statements are sent without waiting for the answers of those before. */
  readonly pipeline?: boolean;
  readonly onNotification?: (channel: string) => void;
}

/** One connection. Once lost it stays lost, and every query on it fails. */
export interface Session {
  readonly client: pg.Client;
  /** Resolves, with the reason, when the connection has broken or was closed. */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}

/** @throws OrdersError ORD_DATABASE saying what to do (password, database, address), ORD_LOST (starting, full: may pass) */
export async function openSession(url: string, options: SessionOptions): Promise<Session> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: WRITE_LIMIT_MS,
    query_timeout: WRITE_LIMIT_MS + ANSWER_MARGIN_MS,
    idle_in_transaction_session_timeout: WRITE_LIMIT_MS,
    options: `${SETTINGS} -c jit=off -c synchronous_commit=${options.durable ? 'on' : 'off'}`,
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    pipeline: options.pipeline ?? false,
    types: text,
  });
  const lost = new Promise<Error>((resolve) => {
    client.on('error', resolve);
    client.on('end', () => resolve(new Error('the connection was closed')));
  });
  const { onNotification } = options;
  if (onNotification !== undefined) client.on('notification', ({ channel }) => onNotification(channel));
  try {
    await client.connect();
  } catch (error) {
    throw connectProblem(url, error);
  }
  return { client, lost, close: () => client.end() };
}

/** Opens a session, uses it, and closes it whatever happened. */
export async function withSession<T>(
  url: string,
  options: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(url, options);
  try {
    return await use(session);
  } finally {
    await session.close().catch(() => undefined); // A broken connection is closed already.
  }
}

/** Runs `work` in a transaction; commits what it did, or takes all of it back when it throws. Not for pipelined sessions. */
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

const RETRYABLE = /^(57P0[1-5]|53...|08...)$/; // shutting down, starting up, out of connections

function connectProblem(url: string, error: unknown): OrdersError {
  const where = withoutPassword(url);
  const code = codeOf(error) ?? '';
  const words = wordsOf(error);
  const say = (message: string): OrdersError => new OrdersError('ORD_DATABASE', message, { cause: error });
  if (code === '28P01' || code === '28000')
    return say(`Postgres refuses the login of ${where} (${words}): correct user and password in DATABASE_URL_ORDERS.`);
  if (code === '3D000') return say(`There is no such database: ${where}. Create it, or correct DATABASE_URL_ORDERS.`);
  if (RETRYABLE.test(code))
    return new OrdersError('ORD_LOST', `Postgres at ${where} is not ready (${words}).`, { cause: error });
  return say(`Cannot reach Postgres at ${where} (${words}): start it, or correct DATABASE_URL_ORDERS.`);
}

/** Says what the database said in this service's words. An {@link OrdersError} passes unchanged. */
export function translate(error: unknown, what: string): OrdersError {
  if (error instanceof OrdersError) return error;
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : null;
  return new OrdersError(codeFor(code), `${what}: ${wordsOf(error)}`, { cause: error });
}

function codeFor(state: string | null): OrdersError['code'] {
  if (state === null) return 'ORD_LOST'; // Not the server's word: the socket's, or its silence.
  return BY_STATE.find(([pattern]) => pattern.test(state))?.[1] ?? 'ORD_FAILED';
}

const BY_STATE: readonly (readonly [RegExp, OrdersError['code']])[] = [
  [/^(OR001|3F000|42P01|42883)$/, 'ORD_MOVED'], // the fence of `statement.ts`; a copy that was dropped
  [/^(57014|55P03|40001|40P01|53...)$/, 'ORD_BUSY'], // timeouts, deadlock, resources
  [/^(57P0[1-5]|08...)$/, 'ORD_LOST'], // shutting down, starting up, the connection
  [/^(22...|23...)$/, 'ORD_BAD_RECORD'], // data that does not fit, however often it is tried
];

/** The URL as it may be shown: its password, wherever it stands, is replaced by `***`. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return '(an unreadable address)';
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  if (shown.searchParams.has('password')) shown.searchParams.set('password', '***');
  return shown.href;
}

/** A row of the table `applied`. */
export function appliedOf(row: Readonly<Record<string, string>>): Applied {
  const { source = '', epoch = '', lsn = '', record_offset: offset = '0', record_ms: timestamp = '0' } = row;
  const watermark = { source, epoch, lsn: parseLsn(lsn) ?? toLsn(0n) };
  return { watermark, offset: BigInt(offset), timestamp: Number(timestamp) };
}
