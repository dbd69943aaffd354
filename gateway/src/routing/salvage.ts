/**
 * What of a file of the wrong shape can still be checked. A misspelt key must not hide an unknown upstream three lines below, so
 * everything that is wrong is cut out, or stood in for where the shape needs something there, and the rest is looked at as usual.
 */
import type { z } from 'zod';
import type { Path } from './document.ts';
import { expand } from './problem.ts';
import { file } from './schema.ts';
import type { File } from './shape.ts';

/** Stands where a required value is wrong; harmless to every check that follows. */
const STAND_INS: readonly (readonly [path: RegExp, value: (path: Path) => unknown])[] = [
  [/^version$/, () => 1],
  [/^default(\.upstream)?$/, () => '-'],
  [/^routes\.[^.]+\.stage$/, () => 'legacy'],
  [/^routes\.[^.]+\.match$/, ([, id]) => `ANY /-/${encodeURIComponent(String(id))}`], // A path of its own: it collides with none.
  [/^upstreams\.[^.]+$/, () => 'http://127.0.0.1'],
  [/^upstreams\.[^.]+\.url$/, () => 'http://127.0.0.1'],
  [/^differences\.[^.]+\.at$/, () => '$'],
  [/^differences\.[^.]+\.allow$/, () => 'anything'],
  [/^differences\.[^.]+\.(why|owner)$/, () => '-'],
  [/^differences\.[^.]+\.until$/, () => '9999-12-31'],
  [/^differences\.[^.]+\.routes$/, () => ['-']],
];

// Each round cuts at least one thing; what is not whole after this many is left alone.
const MAX_ROUNDS = 8;

/** What could be saved. */
export interface Salvaged {
  readonly file: File;
  /** Whether a problem that was found in `file` comes of what was cut out or stands in, and not of what was written. */
  readonly made: (message: string) => boolean;
}

/**
 * @param value what was parsed; it is not changed
 * @returns the part of the file that has the right shape; null when nothing is left
 */
export function salvage(value: unknown, issues: readonly z.core.$ZodIssue[]): Salvaged | null {
  const copy: unknown = structuredClone(value);
  const stoodIn = new Set<string>();
  const gone = new Set<string>();
  let left = issues;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    for (const issue of left) for (const path of wrongOf(issue)) mend(copy, path, { stoodIn, gone, cut: round > 0 });
    const parsed = file.safeParse(copy);
    if (parsed.success) return { file: parsed.data, made: (message) => isMade(message, stoodIn, gone) };
    left = parsed.error.issues;
  }
  return null;
}

/** Other keys that are judged by the one that stands in. */
const JUDGED: readonly (readonly [key: RegExp, by: string])[] = [
  [/^(routes\.[^.]+)\.gone$/, 'stage'],
  [/^(routes\.[^.]+)\.new\.path$/, 'match'],
];

function isMade(message: string, stoodIn: ReadonlySet<string>, gone: ReadonlySet<string>): boolean {
  const at = message.split(': ', 1).join('');
  for (let path = at; path !== ''; path = path.slice(0, Math.max(path.lastIndexOf('.'), 0))) {
    if (stoodIn.has(path)) return true;
  }
  if (JUDGED.some(([key, by]) => stoodIn.has(`${key.exec(at)?.[1] ?? ''}.${by}`))) return true;
  const [, kind, name] = /: no (route|upstream) is named "([^"]*)"/.exec(message) ?? [];
  return kind !== undefined && (gone.has(`${kind}s`) || gone.has(`${kind}s.${name}`));
}

function wrongOf(issue: z.core.$ZodIssue): readonly Path[] {
  return expand(issue, []).flatMap(({ issue: inner, path }) =>
    inner.code === 'unrecognized_keys' ? inner.keys.map((key) => [...path, key]) : [path],
  );
}

function mend(root: unknown, path: Path, how: { stoodIn: Set<string>; gone: Set<string>; cut: boolean }): void {
  const key = path.at(-1);
  const parent = path.slice(0, -1).reduce<unknown>((at, step) => (isRecord(at) ? at[String(step)] : undefined), root);
  if (key === undefined || !isRecord(parent)) return;
  const name = path.map(String).join('.');
  const standIn = STAND_INS.find(([pattern]) => pattern.test(name));
  if (standIn !== undefined && !how.stoodIn.has(name)) {
    parent[String(key)] = standIn[1](path);
    how.stoodIn.add(name);
  } else if (Object.hasOwn(parent, String(key))) {
    delete parent[String(key)];
    how.gone.add(name);
  } else if (how.cut) {
    // It is needed and not there: the thing that needs it goes.
    mend(root, path.slice(0, -1), how);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
