/**
 * One connection to the log's database: queries in the order in which they were asked, every one with a limit in time, errors
 * translated. A session that was lost stays lost; whoever holds it opens another and looks again at where it stands.
 */
import pg from 'pg';
import { BackboneError, type BackboneCode } from '../errors.ts';

// Long enough for a busy server's fork and authentication, short enough that a wrong address is told while one looks on.
const CONNECT_TIMEOUT_MS = 10_000;
// The largest batch (256 MiB) at the 10 MB/s of a poor disk; everything else takes milliseconds.
const STATEMENT_TIMEOUT_MS = 30_000;
// A statement of the log waits for others of its kind, each of milliseconds; ten seconds mean that somebody holds on.
const LOCK_TIMEOUT_MS = 10_000;
// Past the server's own limit: it fires only where server or network went away without a word.
const ANSWER_TIMEOUT_MARGIN_MS = 10_000;
const KEEPALIVE_IDLE_MS = 10_000;

/** A row as Postgres' text: the log reads its own columns and needs no parsing by type. */
export type Cells = readonly (string | null)[];

export interface Statement {
  readonly text: string;
  /** Prepared once per session under this name. Without it, the statement is planned anew at each call. */
  readonly name?: string;
  readonly values?: readonly (string | number | bigint | Buffer | null)[];
}

export interface Queries {
  /** @throws BackboneError BACKBONE_UNREACHABLE, BACKBONE_BUSY, BACKBONE_BAD_CONFIG (no right), BACKBONE_FAILED */
  query(statement: Statement): Promise<readonly Cells[]>;
}

export interface Session extends Queries {
  /** Runs `work` in a transaction, with nothing of anybody else in between. */
  transact<T>(work: (inside: Queries) => Promise<T>): Promise<T>;
  /** Whether the connection broke, or was closed. */
  readonly lost: boolean;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Records must be on disk when `query` resolves: true. What may be repeated (a group's offsets): false. */
  readonly durable: boolean;
  /** Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Called once, when the connection broke by itself. */
  readonly onLost?: (error: BackboneError) => void;
  readonly onNotification?: (payload: string) => void;
}

/**
 * @throws BackboneError BACKBONE_UNREACHABLE, BACKBONE_BAD_CONFIG (password, database, address)
 */
export async function connect(options: SessionOptions): Promise<Session> {
  const where = maskUrl(options.url);
  const timeout = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const client = new pg.Client({
    connectionString: checkUrl(options.url),
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: timeout + ANSWER_TIMEOUT_MARGIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    types: { getTypeParser: () => (text: string) => text },
  });
  const session = new PgSession(client, where);
  if (options.onNotification) {
    const notify = options.onNotification;
    client.on('notification', ({ payload }) => notify(payload ?? ''));
  }
  try {
    await client.connect();
    await client.query(
      `select set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
              set_config('synchronous_commit', $3, false), set_config('idle_in_transaction_session_timeout', $1, false),
              set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
              set_config('tcp_keepalives_count', '3', false), set_config('search_path', 'pg_catalog', false),
              -- Parallel workers would mix up the arms of a read, which come in order.
              set_config('max_parallel_workers_per_gather', '0', false),
              -- Windows of offsets come from the index, in its order: without statistics a bitmap and a sort looks cheaper.
              set_config('enable_bitmapscan', 'off', false), set_config('enable_seqscan', 'off', false)`,
      [`${timeout}ms`, `${Math.min(LOCK_TIMEOUT_MS, timeout)}ms`, options.durable ? 'on' : 'off'],
    );
  } catch (error) {
    session.abandon();
    throw translate(error, `cannot open a connection to the log at ${where}`);
  }
  session.onLost = options.onLost;
  return session;
}

class PgSession implements Session {
  lost = false;
  /** Not told of a connection that never came about: `connect` throws then. */
  onLost: ((error: BackboneError) => void) | undefined;
  readonly #client: pg.Client;
  readonly #where: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: pg.Client, where: string) {
    this.#client = client;
    this.#where = where;
    const gone = (error: unknown): void => {
      if (this.lost) return;
      this.lost = true;
      this.onLost?.(translate(error, `the connection to the log at ${where} broke`));
    };
    client.on('error', gone);
    client.on('end', () => gone(new Error('the server closed the connection')));
  }

  query(statement: Statement): Promise<readonly Cells[]> {
    return this.#turn(() => this.#run(statement));
  }

  transact<T>(work: (inside: Queries) => Promise<T>): Promise<T> {
    return this.#turn(async () => {
      await this.#run({ text: 'begin' });
      try {
        const result = await work({ query: (statement) => this.#run(statement) });
        await this.#run({ text: 'commit' });
        return result;
      } catch (error) {
        if (!this.lost) await this.#run({ text: 'rollback' });
        throw error;
      }
    });
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #run({ text, name, values }: Statement): Promise<readonly Cells[]> {
    if (this.lost)
      throw new BackboneError('BACKBONE_UNREACHABLE', `the connection to the log at ${this.#where} is gone`);
    try {
      const config = {
        text,
        values: [...(values ?? [])],
        rowMode: 'array' as const,
        ...(name !== undefined && { name }),
      };
      const result = await this.#client.query<(string | null)[]>(config);
      return result.rows;
    } catch (error) {
      const translated = translate(error, `the log at ${this.#where} did not do as asked`);
      // Whether the server still works on it is unknown: nothing more can be asked on this connection.
      if (translated.code === 'BACKBONE_UNREACHABLE') this.abandon();
      throw translated;
    }
  }

  /** Gives the connection up without waiting for the server. */
  abandon(): void {
    this.lost = true;
    // The stream is public in pg, and unknown to its types.
    const { connection } = this.#client as pg.Client & { connection?: { stream?: { destroy(): void } } };
    connection?.stream?.destroy();
  }

  async close(): Promise<void> {
    if (this.lost) return;
    this.lost = true;
    await this.#last;
    await this.#client.end();
  }
}

/** The SQLSTATEs that the log raises by itself: the producer meets both, and nobody else sees them. */
export const PARTITIONS_CHANGED = 'BN002';
export const SEGMENT_MISSING = 'BN003';

/** The SQLSTATE under `error`, or null where no server spoke. */
export function stateOf(error: unknown): string | null {
  const cause = error instanceof BackboneError ? error.cause : error;
  return cause instanceof pg.DatabaseError ? (cause.code ?? null) : null;
}

const BY_STATE: readonly (readonly [RegExp, BackboneCode])[] = [
  [/^(28...|3D000|42501)$/, 'BACKBONE_BAD_CONFIG'], // password, role, database, privilege
  [/^(08...|57P0[1-5])$/, 'BACKBONE_UNREACHABLE'], // connection exceptions, shutdown, starting up
  [/^(57014|55P03|40001|40P01|53...)$/, 'BACKBONE_BUSY'], // timeouts, deadlock, resources
];

/** Says what happened in this package's words. A {@link BackboneError} passes unchanged. */
export function translate(error: unknown, what: string): BackboneError {
  if (error instanceof BackboneError) return error;
  return new BackboneError(codeOf(error), `${what}: ${wordsOf(error)}`, { cause: error });
}

/** A host with several addresses that all refuse gives an error without words around those that have them. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): BackboneCode {
  const state = stateOf(error);
  // What did not come from the server came from the socket, or from its silence.
  if (state === null) return 'BACKBONE_UNREACHABLE';
  return BY_STATE.find(([pattern]) => pattern.test(state))?.[1] ?? 'BACKBONE_FAILED';
}

/** Only what the driver can read goes to it: its own error for a malformed address carries the whole text, password and all. */
function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed !== null && /^postgres(ql)?:$/.test(parsed.protocol)) return url;
  throw new BackboneError(
    'BACKBONE_BAD_CONFIG',
    'the address of the log is not a URL of the form postgres://user:password@host:port/database',
  );
}

/** The address without its password, for messages. */
export function maskUrl(url: string): string {
  if (!URL.canParse(url)) return '(unreadable address)';
  const { protocol, username, host, pathname } = new URL(url);
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`;
}
