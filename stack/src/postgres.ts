/**
 * The embedded Postgres: one server on one data directory, driven through the packaged binaries (docs/adr). It has a process
 * group of its own, so that a Ctrl-C in the terminal reaches it through `stop` alone, after everything that uses it; the
 * guard stops it when this process is killed, and the next start clears away what even that missed.
 */
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { accountForPostgres, assertReachable, type Account } from './account.ts';
import { loadBinaries, type Binaries } from './binaries.ts';
import { claim, clearAway, prepare } from './cluster.ts';
import { StackError } from './errors.ts';
import { guard } from './guard.ts';
import { assertFree, freePort } from './ports.ts';
import { settles, signal } from './processes.ts';

export interface PostgresOptions {
  /** Created (with the folders above it) and initialised when absent. */
  readonly dataDir: string;
  /** On 127.0.0.1. 0 picks a free one. */
  readonly port: number;
  /** Of the superuser `postgres`; given to a new data directory, and must fit an old one. */
  readonly password: string;
  /** Server settings as `name=value`, beyond (and over) those that are always set. */
  readonly flags?: readonly string[];
  /** Called with each line of the server's log. */
  readonly onLog?: (line: string) => void;
  /** Aborted: the start is given up, at whatever step it is, and what it has started is stopped. Of no effect later. */
  readonly cancel?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** URL of the database `postgres` as its superuser; holds the password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The server's exit code; null when a signal killed it. */
  readonly exited: Promise<number | null>;
  /** Resolves when the server has ended. `fast` (the default) rolls open transactions back, `immediate` leaves recovery to the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

const START_LIMIT_MS = 60_000; // Crash recovery replays up to max_wal_size (1 GB); a slow disk takes half of this.
const ATTEMPTS = 8; // Times RETRY_MS: after a kill -9 the old backends need up to about a second to notice.
const RETRY_MS = 250;
const FAST_STOP_MS = 2_500; // Of the 10 s that the whole stack has: a consumer that does not confirm holds a fast stop up.
const IMMEDIATE_STOP_MS = 1_000; // Then the kernel does it: the next start recovers either way.
const LAST_LINES = 15; // Enough to hold Postgres' FATAL with its DETAIL and HINT.
const CONNECT_LIMIT_MS = 10_000; // On loopback; a server that is up answers in milliseconds.

const ALWAYS = [
  'wal_level=logical',
  'max_wal_senders=20', // One each for a connector and its snapshot workers, with room for tools.
  'max_replication_slots=20',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=', // No socket file: nothing but the port says where it is.
  'lc_messages=C', // The log is read by this program.
  'timezone=UTC',
  'log_timezone=UTC',
  'logging_collector=off',
  'log_destination=stderr',
  'log_checkpoints=off', // Two lines every five minutes that ask nothing of anybody.
];

/**
 * Starts a server and waits until it answers. Rejects with the signal's reason when `cancel` is aborted before.
 * @throws StackError STACK_PORT_TAKEN, STACK_NO_BINARIES, STACK_PERMISSION, STACK_DATA_DIR_VERSION, STACK_DATA_DIR_FOREIGN,
 *   STACK_DATA_DIR_IN_USE, STACK_PASSWORD, STACK_POSTGRES_FAILED; nothing is left running then
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { cancel } = options;
  const binaries = await loadBinaries();
  const account = await accountForPostgres();
  await assertReachable(binaries.postgres, account);
  await clearAway(options.dataDir);
  if (options.port !== 0) await assertFree(options.port, 'the embedded Postgres');
  cancel?.throwIfAborted();
  const sync = options.flags?.includes('fsync=off') !== true; // A server that does not sync needs no files that are.
  await prepare({ dataDir: options.dataDir, password: options.password, binaries, account, sync, cancel });
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port === 0 ? await freePort() : options.port;
    cancel?.throwIfAborted();
    const server = launch(options, { port, binaries, account });
    const interrupt = (): void => void server.stop('immediate');
    cancel?.addEventListener('abort', interrupt);
    if (server.pid !== 0) await claim(options.dataDir, server.pid);
    const started = await server.ready;
    cancel?.removeEventListener('abort', interrupt);
    if (started.kind === 'ready') return settle(server, options, port);
    await server.stop('immediate');
    cancel?.throwIfAborted();
    if (attempt === ATTEMPTS || !started.passing)
      throw new StackError(
        'STACK_POSTGRES_FAILED',
        `Postgres did not start on ${options.dataDir} (${started.because}). Its last lines:\n${started.lines.join('\n')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** How one attempt to start ended. `passing`: the next attempt may succeed without anyone's help. */
type Started =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly because: string; readonly passing: boolean; readonly lines: readonly string[] };

interface Server {
  readonly pid: number;
  readonly ready: Promise<Started>;
  readonly exited: Promise<number | null>;
  stop(mode: 'fast' | 'immediate'): Promise<void>;
}

interface Launch {
  readonly port: number;
  readonly binaries: Binaries;
  readonly account: Account | null;
}

// What somebody else's leaving cures: backends of a killed server, a port that was snatched between choosing and binding.
const PASSING =
  /pre-existing shared memory block|lock file ".*" already exists|could not bind|could not create any TCP\/IP/;

function launch({ dataDir, flags = [], onLog }: PostgresOptions, { port, binaries, account }: Launch): Server {
  const settings = [...ALWAYS, ...flags].flatMap((setting) => ['-c', setting]);
  const child = spawn(binaries.postgres, ['-D', dataDir, '-p', String(port), ...settings], {
    ...account,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', PGDATA: '', TZ: 'UTC' },
  });
  const exited = exitOf(child);
  const pid = child.pid ?? 0;
  if (pid !== 0) guard().watch(pid, 'SIGINT');
  void exited.then(() => guard().forget(pid));
  return { pid, exited, ready: readiness(child, exited, onLog), stop: (mode) => halt(pid, exited, mode) };
}

function readiness(
  child: ChildProcessByStdio<null, null, Readable>,
  exited: Promise<number | null>,
  onLog?: (line: string) => void,
): Promise<Started> {
  const lines: string[] = [];
  const failed = (because: string): Started => {
    return { kind: 'failed', because, passing: PASSING.test(lines.join('\n')), lines };
  };
  return new Promise((resolve) => {
    const finish = (started: Started): void => {
      clearTimeout(timer);
      resolve(started);
    };
    const timer = setTimeout(() => finish(failed(`not ready within ${START_LIMIT_MS / 1000} s`)), START_LIMIT_MS);
    const reader = createInterface({ input: child.stderr });
    reader.on('line', (line) => {
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
      onLog?.(line);
      if (line.includes('database system is ready to accept connections')) finish({ kind: 'ready' });
    });
    const drained = new Promise<void>((done) => reader.on('close', done));
    void Promise.all([exited, drained]).then(([code]) => finish(failed(`exit code ${code ?? 'none: killed'}`)));
    child.on('error', (error) => finish(failed(error.message)));
  });
}

/** Checks the password, which an old data directory has its own mind about, and hands the server out. */
async function settle(server: Server, options: PostgresOptions, port: number): Promise<EmbeddedPostgres> {
  const url = `postgres://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`;
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_LIMIT_MS });
    await client.connect();
    await client.end();
  } catch (cause) {
    await server.stop('fast');
    throw refusal(options.dataDir, cause);
  }
  return { url, port, pid: server.pid, exited: server.exited, stop: (mode = 'fast') => server.stop(mode) };
}

function refusal(dataDir: string, cause: unknown): StackError {
  if ((cause as { code?: unknown }).code === '28P01')
    return new StackError(
      'STACK_PASSWORD',
      `The Postgres of ${dataDir} refuses the password of its superuser "postgres". Restore the password file that belongs to this data directory, or move the directory away to begin with an empty one.`,
      { cause },
    );
  return new StackError(
    'STACK_POSTGRES_FAILED',
    `Postgres started on ${dataDir} but takes no connection: ${(cause as Error).message}`,
    { cause },
  );
}

async function halt(pid: number, exited: Promise<number | null>, mode: 'fast' | 'immediate'): Promise<void> {
  if (pid === 0) return;
  if (mode === 'fast') {
    signal(pid, 'SIGINT');
    if (await settles(exited, FAST_STOP_MS)) return;
  }
  signal(pid, 'SIGQUIT');
  if (await settles(exited, IMMEDIATE_STOP_MS)) return;
  signal(-pid, 'SIGKILL');
  await exited;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => {
      if (child.pid === undefined) resolve(null);
    });
  });
}
