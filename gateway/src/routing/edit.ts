/**
 * The one writer of `routing.yaml`, used by `banyan flip`, the admin API and later the controller. It changes the characters
 * of one value and no others, so comments and order stay; it takes a lock, and writes only over the content that it read.
 */
import { constants } from 'node:fs';
import { open, readFile, realpath, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { formatStage, parseStage, STAGES } from '../core/stage.ts';
import { GatewayError } from '../error.ts';
import { readRouting, type Environment } from '../routing.ts';
import { Source } from './document.ts';
import { nearest } from './problem.ts';

export type Edit =
  | {
      readonly kind: 'written';
      readonly from: string;
      readonly to: string;
      readonly hash: string;
      readonly warnings: readonly string[];
    }
  /** The route has that stage already: nothing was written. */
  | { readonly kind: 'same'; readonly stage: string; readonly hash: string }
  /** The file would not be valid, or there is no such route or stage: nothing was written. */
  | { readonly kind: 'refused'; readonly because: string }
  /** Somebody else wrote between our reading and our writing: nothing was written. */
  | { readonly kind: 'changed'; readonly because: string }
  /** The file cannot be written here (a ConfigMap): `patch` is what to apply instead, as a unified diff. */
  | { readonly kind: 'read-only'; readonly because: string; readonly patch: string };

export interface FlipOptions {
  readonly path: string;
  readonly route: string;
  /** As in the file: `new`, `canary 25%`. */
  readonly stage: string;
  readonly env: Environment;
  /** When given, the flip happens only over the content of this hash. */
  readonly over?: string;
}

/**
 * Moves one route to a stage.
 * @throws GatewayError GW_BAD_CONFIG when the file cannot be read, GW_FILE_CHANGED when its lock is not to be had in time
 */
export async function flip(options: FlipOptions): Promise<Edit> {
  const stage = parseStage(options.stage);
  if (stage === null) {
    return {
      kind: 'refused',
      because: `"${options.stage}" is no stage${nearest(options.stage.split(' ')[0] ?? '', STAGES)}`,
    };
  }
  const path = await realPath(options.path);
  const writable = await lock(path);
  try {
    return await edit({ ...options, path }, formatStage(stage), writable.kind === 'locked');
  } finally {
    if (writable.kind === 'locked') await writable.release();
  }
}

async function edit(options: FlipOptions, to: string, locked: boolean): Promise<Edit> {
  const text = await readFile(options.path, 'utf8');
  const today = new Date().toISOString().slice(0, 10);
  const before = readRouting(text, options.env, today);
  if (options.over !== undefined && before.hash !== options.over) return changed(options.path);
  if (before.kind === 'rejected')
    return { kind: 'refused', because: listed(`${options.path} is not valid as it stands`, before.problems) };
  const route = before.table.routes.find(({ id }) => id === options.route);
  if (route === undefined) {
    return {
      kind: 'refused',
      because: `no route is named "${options.route}"${nearest(
        options.route,
        before.table.routes.map(({ id }) => id),
      )}`,
    };
  }
  const from = formatStage(route.stage);
  if (from === to) return { kind: 'same', stage: to, hash: before.hash };
  const range = new Source(text, options.env).rangeOf(['routes', options.route, 'stage']);
  if (range === null)
    return {
      kind: 'refused',
      because: `routes.${options.route}.stage is not written out in ${options.path}: write it there first`,
    };
  const next = text.slice(0, range[0]) + to + text.slice(range[1]);
  const after = readRouting(next, options.env, today);
  if (after.kind === 'rejected')
    return {
      kind: 'refused',
      because: listed(`with "${options.route}" at "${to}" the file would not be valid`, after.problems),
    };
  const failure = locked ? await replace(options.path, text, next) : 'read-only';
  if (failure === 'changed') return changed(options.path);
  if (failure !== null)
    return {
      kind: 'read-only',
      because: `${options.path} cannot be written here`,
      patch: patchOf(text, next, range[0]),
    };
  return { kind: 'written', from, to, hash: after.hash, warnings: after.warnings.map(({ message }) => message) };
}

const changed = (path: string): Edit => ({
  kind: 'changed',
  because: `${path} was changed meanwhile: look at it, and try again`,
});

const listed = (head: string, problems: readonly { line: number; column: number; message: string }[]): string =>
  [head, ...problems.map(({ line, column, message }) => `  ${line}:${column} ${message}`)].join('\n');

async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new GatewayError(
      'GW_BAD_CONFIG',
      `cannot read ${path}: name a routing file with --routing FILE or ROUTING_FILE`,
      { cause: error },
    );
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
const READ_ONLY = ['EROFS', 'EACCES', 'EPERM'];

/** Writes beside the file and renames over it, so that a reader sees the old or the new content and nothing between. */
async function replace(path: string, expected: string, next: string): Promise<'changed' | 'read-only' | null> {
  const beside = join(dirname(path), `.routing-${randomUUID()}.tmp`);
  try {
    const { mode } = await stat(path);
    const handle = await open(beside, 'wx', mode & 0o777);
    try {
      await handle.writeFile(next);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if ((await readFile(path, 'utf8')) !== expected) return 'changed';
    await rename(beside, path).catch(async (error: unknown) => {
      // A single file mounted into a container cannot be renamed over; writing in place is what is left.
      if (codeOf(error) !== 'EBUSY') throw error;
      await writeFile(path, next);
    });
    return null;
  } catch (error) {
    if (READ_ONLY.includes(codeOf(error))) return 'read-only';
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

type Lock = { readonly kind: 'locked'; release(): Promise<void> } | { readonly kind: 'unlockable' };

// An edit takes milliseconds; a lock this old belongs to a process that died.
const STALE_LOCK_MS = 10_000;
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 25;

async function lock(path: string): Promise<Lock> {
  const file = `${path}.lock`;
  for (const deadline = Date.now() + LOCK_WAIT_MS; ;) {
    try {
      const handle: FileHandle = await open(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return { kind: 'locked', release: () => rm(file, { force: true }) };
    } catch (error) {
      if (READ_ONLY.includes(codeOf(error))) return { kind: 'unlockable' };
      if (codeOf(error) !== 'EEXIST') throw error;
      const age = await stat(file).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age > STALE_LOCK_MS) await rm(file, { force: true });
      else if (Date.now() > deadline)
        throw new GatewayError(
          'GW_FILE_CHANGED',
          `${file} is held by another writer: try again, or remove it when none runs`,
        );
      else await new Promise((done) => setTimeout(done, LOCK_RETRY_MS));
    }
  }
}

/** A unified diff of the one line that changes. */
function patchOf(before: string, after: string, offset: number): string {
  const line = before.slice(0, offset).split('\n').length;
  return [
    '--- a/routing.yaml',
    '+++ b/routing.yaml',
    `@@ -${line} +${line} @@`,
    `-${before.split('\n')[line - 1]}`,
    `+${after.split('\n')[line - 1]}`,
    '',
  ].join('\n');
}
