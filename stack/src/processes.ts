/**
 * Questions to the operating system about processes that are not our children: does it live, when did it begin, where does it
 * work. On Linux `/proc` answers; elsewhere `ps` does. (Images that are slim have no `ps`; macOS has no `/proc`.)
 */
import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const PS_TIMEOUT_MS = 5_000; // `ps` answers in milliseconds; a machine where it does not is out of order.
const POLL_MS = 20; // Short beside a process's own shutdown, long beside the check.

/** Whether `pid` runs. A zombie (dead, and not yet collected by its parent) does not. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: it lives, under another account.
  }
  try {
    return stateOf(readFileSync(`/proc/${pid}/stat`, 'utf8')) !== 'Z';
  } catch {
    return true; // No `/proc`: the signal above has the last word.
  }
}

/** When `pid` began, as text to be compared with `===` only. Null when it does not run, or cannot be asked. */
export async function startedAt(pid: number): Promise<string | null> {
  if (!alive(pid)) return null;
  try {
    return fieldsOf(await readFile(`/proc/${pid}/stat`, 'utf8'))[19] ?? null; // `starttime`, the 22nd field of proc(5).
  } catch {
    return ps(pid, 'lstart=');
  }
}

/** What runs as `pid`: nothing, a Postgres server that works in `dataDir` (it changes to it when it starts), or another process. */
export async function servantOf(dataDir: string, pid: number): Promise<'none' | 'postgres' | 'other'> {
  if (!alive(pid)) return 'none';
  const home = await realpath(dataDir);
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === home ? 'postgres' : 'other';
  } catch {
    const command = (await ps(pid, 'command=')) ?? '';
    return command.includes(dataDir) || command.includes(home) ? 'postgres' : 'other';
  }
}

/** Resolves to whether `condition` came true within `limitMs`. */
export async function within(limitMs: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() >= end) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Resolves to whether `promise` settled within `limitMs`; it must not reject. */
export function settles(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Sends `signal` to `pid`, or to its whole group where `pid` is negative. Returns false when there is nobody (of ours) to receive it. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

// The command in parentheses may itself hold spaces and parentheses: count from the last one.
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function stateOf(stat: string): string | undefined {
  return fieldsOf(stat)[0];
}

function ps(pid: number, column: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', column, '-p', String(pid)], { timeout: PS_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null && stdout.trim() !== '' ? stdout.trim() : null);
    });
  });
}
