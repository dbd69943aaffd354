/**
 * The lock that writers of `routing.yaml` take: a file beside it, made by whoever holds it. A lock that a dead process left is
 * broken after a while; whoever was only slow finds out before writing, since the lock no longer has its mark.
 */
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { GatewayError } from '../error.ts';

export type Lock =
  | {
      readonly kind: 'locked';
      /** Whether it is still ours: not broken as stale. */
      held(): Promise<boolean>;
      release(): Promise<void>;
    }
  /** The folder cannot be written, so the file cannot be replaced either. */
  | { readonly kind: 'unlockable' };

// An edit takes milliseconds; a lock this old belongs to a process that died.
const STALE_LOCK_MS = 10_000;
const LOCK_WAIT_MS = 5_000; // Half of an admin request's time.
const LOCK_RETRY_MS = 25;

const READ_ONLY = ['EROFS', 'EACCES', 'EPERM'];

/** The code of a system error; empty when `error` is none. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Whether a system error says that nothing can be written here. */
export const isReadOnly = (error: unknown): boolean => READ_ONLY.includes(codeOf(error));

/**
 * Waits for the lock of the file at `path`.
 * @throws GatewayError GW_FILE_CHANGED when it is not to be had within LOCK_WAIT_MS
 */
export async function lock(path: string): Promise<Lock> {
  const file = `${path}.lock`;
  const mark = `${process.pid} ${randomUUID()}`;
  for (const deadline = performance.now() + LOCK_WAIT_MS; ;) {
    const taken = await take(file, mark);
    if (taken === 'read-only') return { kind: 'unlockable' };
    if (taken === 'taken') return held(file, mark);
    if (await isStale(file)) await breakLock(file);
    else if (performance.now() > deadline)
      throw new GatewayError(
        'GW_FILE_CHANGED',
        `${file} is held by another writer: try again, or remove it when none runs`,
      );
    else await new Promise((done) => setTimeout(done, LOCK_RETRY_MS));
  }
}

function held(file: string, mark: string): Lock {
  const isOurs = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => '')) === mark;
  return {
    kind: 'locked',
    held: isOurs,
    release: async () => {
      if (await isOurs()) await rm(file, { force: true });
    },
  };
}

async function take(file: string, mark: string): Promise<'taken' | 'busy' | 'read-only'> {
  try {
    const handle = await open(file, 'wx', 0o644);
    try {
      await handle.writeFile(mark);
    } finally {
      await handle.close();
    }
    return 'taken';
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'busy';
    if (isReadOnly(error)) return 'read-only';
    throw error;
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(file)).mtimeMs > STALE_LOCK_MS;
  } catch {
    return false; // Released meanwhile.
  }
}

/** Of several that find a lock stale one breaks it; what another has just taken is put back. */
async function breakLock(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
    if (!(await isStale(aside))) await link(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error))) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}
