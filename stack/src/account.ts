/**
 * Under which account of the operating system Postgres runs. It refuses to run as root, so root starts it as `postgres`
 * (created when absent); anyone else starts it as themselves.
 */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from './errors.ts';

/** Numeric ids, as `spawn` takes them. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);
const NAME = 'postgres';
const TOOL_TIMEOUT_MS = 10_000; // `useradd` waits for the lock of /etc/passwd, which another start may hold.
const ALREADY_EXISTS = 9; // useradd(8), groupadd(8): somebody was quicker.

/**
 * The account to spawn Postgres with; null when this process's own will do.
 * @throws StackError STACK_PERMISSION when root has no account `postgres` and cannot create it
 */
export async function accountForPostgres(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const present = await lookUp();
  if (present !== null) return present;
  try {
    await create('groupadd', ['--system', NAME]);
    await create('useradd', ['--system', '--gid', NAME, '--no-create-home', '--shell', '/usr/sbin/nologin', NAME]);
  } catch (cause) {
    throw new StackError(
      'STACK_PERMISSION',
      `Postgres refuses to run as root, and the account "${NAME}" to run it as could not be created. Create it ("useradd --system ${NAME}"), or start as another user than root.`,
      { cause },
    );
  }
  const created = await lookUp();
  if (created === null)
    throw new StackError(
      'STACK_PERMISSION',
      `The account "${NAME}" was created but cannot be looked up with "id". Start as another user than root.`,
    );
  return created;
}

/**
 * Makes sure that `account` can reach `path` through all the folders above it.
 * @throws StackError STACK_PERMISSION naming the folder that bars the way, and the command that opens it
 */
export async function assertReachable(path: string, account: Account | null): Promise<void> {
  if (account === null) return;
  for (const folder of ancestors(resolve(path))) {
    if (await isClosed(folder, account))
      throw new StackError(
        'STACK_PERMISSION',
        `As root, Postgres runs under the account "${NAME}", which cannot reach ${path}: ${folder} is closed to it. Open it ("chmod o+x ${folder}"), or use a folder elsewhere, or start as another user than root.`,
      );
  }
}

async function isClosed(folder: string, account: Account): Promise<boolean> {
  const { uid, gid, mode } = await stat(folder);
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  return (mode & bit) === 0;
}

function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...ancestors(above), above];
}

async function lookUp(): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, NAME], { timeout: TOOL_TIMEOUT_MS })).stdout)),
    );
    return uid === undefined || gid === undefined || !Number.isInteger(uid + gid) ? null : { uid, gid };
  } catch {
    return null; // `id` exits with 1 when there is no such account.
  }
}

async function create(tool: string, flags: readonly string[]): Promise<void> {
  try {
    await run(tool, flags, { timeout: TOOL_TIMEOUT_MS });
  } catch (error) {
    if ((error as { code?: unknown }).code !== ALREADY_EXISTS) throw error;
  }
}
