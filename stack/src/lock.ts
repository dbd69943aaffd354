/**
 * One stack at a time on a data folder. A stack that was killed leaves its lock and, for some seconds, its reaper (reaper.ts)
 * at work: the next start waits for that to end, so that it finds the ports free.
 */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from './errors.ts';
import { alive, startedAt, within } from './processes.ts';

/** What stands in the lock: two processes, each with when it began, which tells it from a later one with the same pid. */
interface Holder {
  readonly stack: Mark;
  readonly reaper: Mark;
}

interface Mark {
  readonly pid: number;
  readonly startedAt: string | null;
}

// Five processes, each with the reaper's grace of 4 s, and Postgres' last checkpoint.
const REAPER_LIMIT_MS = 30_000;
const ATTEMPTS = 3; // Two starts at the same instant: one of them loses once.

/**
 * Takes the folder, creating it when absent.
 * @param reaperPid of this stack's own reaper
 * @param wait called when an earlier stack's leavings have to be waited for
 * @returns what gives the folder back
 * @throws StackError STACK_DATA_DIR_IN_USE, STACK_PERMISSION
 */
export async function lock(dataDir: string, reaperPid: number, wait: () => void): Promise<() => Promise<void>> {
  const file = join(dataDir, 'stack.lock');
  const mine: Holder = { stack: await mark(process.pid), reaper: await mark(reaperPid) };
  try {
    // As root, Postgres runs under another account and has to pass through, whatever the umask says.
    if ((await mkdir(dataDir, { recursive: true })) !== undefined) await chmod(dataDir, 0o711);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (await create(file, mine)) return () => rm(file, { force: true });
      await makeWay(file, dataDir, wait);
    }
  } catch (cause) {
    if (cause instanceof StackError) throw cause;
    throw new StackError(
      'STACK_PERMISSION',
      `The folder ${dataDir} for data cannot be used: ${(cause as Error).message}. Start as the user that it belongs to, or set DATA_DIR to a folder of yours.`,
      { cause },
    );
  }
  throw new StackError(
    'STACK_DATA_DIR_IN_USE',
    `Another stack is starting on ${dataDir}. Stop it, or set DATA_DIR to another folder.`,
  );
}

async function create(file: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock whose stack is dead, once its reaper has finished. */
async function makeWay(file: string, dataDir: string, wait: () => void): Promise<void> {
  const holder = parse(await readFile(file, 'utf8').catch(() => ''));
  if (holder !== null) {
    if (await runs(holder.stack))
      throw new StackError(
        'STACK_DATA_DIR_IN_USE',
        `A stack runs on ${dataDir} already (process ${holder.stack.pid}). Stop it ("kill ${holder.stack.pid}"), or set DATA_DIR and the ports to others.`,
      );
    if (await runs(holder.reaper)) {
      wait();
      await within(REAPER_LIMIT_MS, async () => !(await runs(holder.reaper)));
    }
  }
  await rm(file, { force: true });
}

async function mark(pid: number): Promise<Mark> {
  return { pid, startedAt: await startedAt(pid) };
}

async function runs(mark: Mark): Promise<boolean> {
  return mark.pid !== process.pid && alive(mark.pid) && (await startedAt(mark.pid)) === mark.startedAt;
}

function parse(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('stack' in value) || !('reaper' in value)) return null;
    return isMark(value.stack) && isMark(value.reaper) ? { stack: value.stack, reaper: value.reaper } : null;
  } catch {
    return null; // Killed in the middle of writing it.
  }
}

function isMark(value: unknown): value is Mark {
  return typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number';
}
