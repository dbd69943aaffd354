/**
 * Connections to the source. The only file that reaches into `pg`: it lets `pg` connect, authenticate and speak TLS; for a
 * stream it then takes the socket over, and for a large result it stops and starts the socket, neither of which `pg` offers.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { Address } from './address.ts';
import type { Decoders } from './core/bytes.ts';
import { Framer } from './core/frame.ts';
import { readReport, verdictOn } from './core/report.ts';
import { writeCopyDone } from './core/walsender.ts';
import { CdcError } from './errors.ts';

// A busy server forks and authenticates within a second or two; a wrong address should be told while one looks on.
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_IDLE_MS = 10_000; // A peer that vanished without a word is noticed within the system's probes after this.
// Catalogue queries take milliseconds; one that waits for this long waits for somebody's lock.
const STATEMENT_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** Values come as text; these settings say which. Names are looked up in the catalogue alone, whatever the role's search path. */
const SETTINGS =
  '-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex ' +
  '-c lc_monetary=C -c search_path=pg_catalog -c idle_in_transaction_session_timeout=0 -c synchronous_commit=local';

/** How the core reads text. */
export const decoders: Decoders = {
  latin1: (bytes, start, end) => asBuffer(bytes).latin1Slice(start, end),
  utf8: (bytes, start, end) => asBuffer(bytes).utf8Slice(start, end),
};

// `latin1Slice` and `utf8Slice` are what `toString` calls after some checks of its arguments.
interface Slicing {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

function asBuffer(bytes: Uint8Array): Slicing {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer as Buffer & Slicing;
}

/** A row as Postgres' text. */
export type Row = readonly (string | null)[];

/** A connection for SQL. */
export interface Sql {
  /** @throws CdcError */
  rows(text: string, values?: readonly string[]): Promise<readonly Row[]>;
  /**
   * Runs a query and hands over its rows as they arrive. Where `onRow` returns a promise, no more is read from the socket
   * until it has settled; what had been read already (a few dozen kilobytes) still comes.
   * @throws CdcError
   */
  each(text: string, values: readonly string[], onRow: (row: Row) => Promise<void> | null): Promise<void>;
  close(): Promise<void>;
}

export interface SqlLimits {
  /** Of one statement, milliseconds; 0: none. */
  readonly statementMs?: number;
  /** For a lock, milliseconds; 0: none. */
  readonly lockMs?: number;
}

/** @throws CdcError CDC_UNAUTHORISED, CDC_PRIVILEGES, CDC_SOURCE_LOST */
export async function connectSql(address: Address, purpose: string, limits: SqlLimits = {}): Promise<Sql> {
  const { statementMs = STATEMENT_TIMEOUT_MS, lockMs = 0 } = limits;
  const options = `${SETTINGS} -c statement_timeout=${statementMs} -c lock_timeout=${lockMs}`;
  const client = await connect(address, purpose, { options });
  // One at a time: `pg` has a queue of its own, and will do without one in its next version.
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = before.then(work).catch((error: unknown) => {
      throw translate(error, address, purpose);
    });
    before = result.catch(() => undefined);
    return result;
  };
  return {
    rows: (text, values = []) =>
      inTurn(async () => {
        const { rows } = await client.query<(string | null)[]>({ text, values: [...values], rowMode: 'array' });
        return rows;
      }),
    each: (text, values, onRow) => inTurn(() => each(client, { text, values, onRow })),
    close: () => end(client),
  };
}

interface Each {
  readonly text: string;
  readonly values: readonly string[];
  readonly onRow: (row: Row) => Promise<void> | null;
}

function each(client: pg.Client, { text, values, onRow }: Each): Promise<void> {
  const socket = socketOf(client);
  return new Promise((resolve, reject) => {
    let waiting: Promise<void> | null = null;
    let failed = false;
    const config: pg.QueryArrayConfig = { text, values: [...values], rowMode: 'array' };
    const query = new pg.Query<(string | null)[]>(config);
    const fail = (error: unknown): void => {
      failed = true;
      socket.resume();
      reject(error as Error);
    };
    query.on('row', (row) => {
      if (failed) return;
      // Rows of the chunk in hand come whether we want them or not: they queue up behind the promise.
      const before = waiting;
      const next = before === null ? onRow(row as Row) : before.then(() => onRow(row as Row) ?? undefined);
      if (next === null) return;
      socket.pause();
      waiting = next;
      next.then(() => {
        if (waiting !== next) return;
        waiting = null;
        socket.resume();
      }, fail);
    });
    query.on('error', fail);
    query.on('end', () => {
      if (!failed) (waiting ?? Promise.resolve()).then(resolve, reject);
    });
    client.query(query);
  });
}

const asText = { getTypeParser: () => (text: string) => text } as pg.CustomTypesConfig;

async function connect(address: Address, purpose: string, more: object): Promise<pg.Client> {
  const { host, port, user, password, database, ssl } = address;
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    ssl,
    options: SETTINGS,
    types: asText,
    ...(password === null ? {} : { password }),
    application_name: `banyan-cdc ${purpose}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    ...more,
  });
  // Failures are reported by the call that meets them; an idle connection that breaks is met at its next use.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw translate(error, address, purpose);
  }
  return client;
}

async function end(client: pg.Client): Promise<void> {
  const late = setTimeout(() => socketOf(client).destroy(), CLOSE_TIMEOUT_MS);
  await client.end().catch(() => undefined);
  clearTimeout(late);
}

interface Wired {
  readonly connection: { readonly stream: Duplex; query(text: string): void };
}

function wired(client: pg.Client): Wired['connection'] {
  const { connection } = client as pg.Client & Partial<Wired>;
  if (connection === undefined) throw new TypeError('this version of pg keeps its connection elsewhere');
  return connection;
}

function socketOf(client: pg.Client): Duplex {
  return wired(client).stream;
}

/** A connection in replication mode: commands first, then one stream. */
export interface Replication {
  /** Runs a command of the replication protocol, or SQL. @throws CdcError */
  command(text: string): Promise<readonly Readonly<Record<string, string | null>>[]>;
  /**
   * Starts streaming. From here on the connection is the stream's.
   * @throws CdcError
   */
  start(command: string): Promise<WalStream>;
  close(): Promise<void>;
}

/** The copy-both stream. The reader pulls: bytes that nobody asks for stay in the socket, and the server waits. */
export interface WalStream {
  readonly framer: Framer;
  /** The next chunk; null when the server has closed the stream. @throws CdcError CDC_SOURCE_LOST */
  chunk(): Promise<Uint8Array | null>;
  send(message: Uint8Array): void;
  /** What the ErrorResponse in hand says. */
  failure(): CdcError;
  /** Says goodbye, and closes the connection. */
  finish(): Promise<void>;
  /** Closes the connection at once; a `chunk` that waits then throws. */
  abort(): void;
}

const COPY_BOTH = 0x57; // 'W'
const ERROR = 0x45; // 'E'

/** @throws CdcError */
export async function connectReplication(address: Address): Promise<Replication> {
  const client = await connect(address, 'stream', { replication: 'database' });
  return {
    command: async (text) => {
      try {
        return (await client.query<Record<string, string | null>>(text)).rows;
      } catch (error) {
        throw translate(error, address, 'stream');
      }
    },
    start: (command) => startStream(client, address, command),
    close: () => end(client),
  };
}

async function startStream(client: pg.Client, address: Address, command: string): Promise<WalStream> {
  const socket = socketOf(client);
  const framer = new Framer(decoders);
  // Between two commands nothing is under way: what comes from here on is ours to read, from its first byte.
  socket.removeAllListeners('data');
  socket.pause();
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  const stream: WalStream = {
    framer,
    chunk: async () => {
      try {
        const { done, value } = await chunks.next();
        return done === true ? null : value;
      } catch (error) {
        throw translate(error, address, 'stream');
      }
    },
    send: (message) => void (socket.writable && socket.write(message)),
    failure: () => translate(readReport(framer.bytes, framer.start, framer.end), address, 'stream'),
    finish: async () => {
      stream.send(writeCopyDone());
      await end(client);
      socket.destroy();
    },
    abort: () => void socket.destroy(),
  };
  wired(client).query(command);
  await copyBoth(stream, address);
  return stream;
}

/** Waits for the server's word that the stream begins. */
async function copyBoth(stream: WalStream, address: Address): Promise<void> {
  const { framer } = stream;
  for (;;) {
    while (framer.next()) {
      if (framer.type === COPY_BOTH) return;
      if (framer.type !== ERROR) continue;
      const failure = stream.failure();
      stream.abort();
      throw failure;
    }
    const chunk = await stream.chunk();
    if (chunk === null) throw lost(address, 'stream', 'the server closed the connection');
    framer.push(chunk);
  }
}

/** The source's errors as ours: by code where there is one. Never holds a password: `address.label` has none. */
export function translate(error: unknown, address: Address, purpose: string): CdcError {
  if (error instanceof CdcError) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  const verdict = code === '' && message.startsWith('SASL') ? verdictOn('28P01') : verdictOn(code);
  const what = `${address.label} (${purpose}): ${message}`;
  if (verdict.because === 'slot-busy') return new CdcError('CDC_SLOT_IN_USE', what, { cause: error });
  if (verdict.kind === 'retry') return new CdcError('CDC_SOURCE_LOST', what, { cause: error });
  if (verdict.because === 'privileges')
    return new CdcError('CDC_PRIVILEGES', `${what}. The role needs REPLICATION, CONNECT, USAGE and SELECT`, {
      cause: error,
    });
  const remedy =
    verdict.because === 'no-database' ? 'check the name of the database' : 'check user and password under "database"';
  return new CdcError('CDC_UNAUTHORISED', `${what}; ${remedy}`, { cause: error });
}

function lost(address: Address, purpose: string, message: string): CdcError {
  return new CdcError('CDC_SOURCE_LOST', `${address.label} (${purpose}): ${message}`);
}

/** SQLSTATE or a code of the operating system; empty when there is none. */
function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  if (typeof code === 'string' && code !== '') return code;
  // Several addresses of one name were tried: `AggregateError` has the reasons.
  return error instanceof AggregateError ? codeOf(error.errors[0]) : '';
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return String(error.message) + detail;
}
