/**
 * The one writer of `routing.yaml`, used by `banyan flip`, the admin API and later the controller. It changes the characters
 * of one value and no others, so comments and order stay; it takes a lock, and writes only over the content that it read.
 */
import { open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { formatStage, parseStage, STAGES } from '../core/stage.ts';
import type { Table } from '../core/table.ts';
import { GatewayError } from '../error.ts';
import { decodeText, readBytes, readRouting, type Environment } from '../routing.ts';
import { Source } from './document.ts';
import { codeOf, isReadOnly, lock, type Lock } from './lock.ts';
import { patchOf } from './patch.ts';
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
  const own = await lock(path);
  try {
    return await edit({ ...options, path }, formatStage(stage), own);
  } finally {
    if (own.kind === 'locked') await own.release();
  }
}

async function edit(options: FlipOptions, to: string, own: Lock): Promise<Edit> {
  const text = decodeText(await readBytes(options.path));
  if (text === null) return { kind: 'refused', because: `${options.path} is not UTF-8 throughout: write it anew` };
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
  const next = put(text, range, to);
  const after = readRouting(next, options.env, today);
  if (after.kind === 'rejected')
    return {
      kind: 'refused',
      because: listed(`with "${options.route}" at "${to}" the file would not be valid`, after.problems),
    };
  const along = others(before.table, after.table, options.route);
  if (along.length > 0)
    return {
      kind: 'refused',
      because: `${along.join(' and ')} would move too, by an alias: write each stage out first`,
    };
  const failure = own.kind === 'locked' ? await replace(options.path, { expected: text, next, own }) : 'read-only';
  if (failure === 'changed') return changed(options.path);
  if (failure !== null)
    return {
      kind: 'read-only',
      because: `${options.path} cannot be written here`,
      patch: patchOf(basename(options.path), text, next),
    };
  return { kind: 'written', from, to, hash: after.hash, warnings: after.warnings.map(({ message }) => message) };
}

/** The text with another value in a range; quotes, and the lines that a block ends with, stay. */
function put(text: string, [start, end]: readonly [number, number], value: string): string {
  const old = text.slice(start, end);
  const quote = /^(['"]).*\1$/s.exec(old)?.[1] ?? '';
  const rest = /\s*$/.exec(old)?.[0] ?? '';
  return text.slice(0, start) + quote + value + quote + rest + text.slice(end);
}

/** Other routes whose stage is not what it was. */
function others(before: Table, after: Table, id: string): string[] {
  const stages = new Map(before.routes.map((route) => [route.id, formatStage(route.stage)]));
  return after.routes
    .filter((route) => route.id !== id && stages.get(route.id) !== formatStage(route.stage))
    .map((route) => route.id);
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

/** Writes beside the file and renames over it, so that a reader sees the old or the new content and nothing between. */
async function replace(
  path: string,
  { expected, next, own }: { expected: string; next: string; own: Extract<Lock, { kind: 'locked' }> },
): Promise<'changed' | 'read-only' | null> {
  const beside = join(dirname(path), `.routing-${randomUUID()}.tmp`);
  try {
    await writeLike(path, beside, next);
    if ((await readFile(path, 'utf8')) !== expected || !(await own.held())) return 'changed';
    await rename(beside, path).catch(async (error: unknown) => {
      // A single file mounted into a container cannot be renamed over; writing in place is what is left.
      if (codeOf(error) !== 'EBUSY') throw error;
      await writeFile(path, next);
    });
    return null;
  } catch (error) {
    if (isReadOnly(error)) return 'read-only';
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

/** A new file with the mode and, where that may be given, the owner of another: those who could read it still can. */
async function writeLike(path: string, beside: string, content: string): Promise<void> {
  const { mode, uid, gid } = await stat(path);
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.chown(uid, gid).catch(() => undefined);
    await handle.chmod(mode & 0o777); // Not at the opening: there the umask takes bits away.
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
