/**
 * Turns what zod found into problems that point into the file: one sentence each, with what was expected and, for a misspelt
 * key, the nearest right one.
 */
import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Path, Problem, Source } from './document.ts';

type Issue = z.core.$ZodIssue;

/** Takes a problem of the entry at `path`; the place is added. */
export type Report = (path: Path, message: string) => void;

/** All issues of a failed parse, in the order of the file. `keysAt` names the keys that a map at a path may have. */
export function problemsOf(
  issues: readonly Issue[],
  source: Source,
  keysAt: (path: Path) => readonly string[],
): Problem[] {
  return issues
    .flatMap((issue) => expand(issue, []))
    .flatMap(({ issue, path }) => describe(issue, path, source, keysAt));
}

/** An issue and where it stands in the file. */
export interface Located {
  readonly issue: Issue;
  readonly path: Path;
}

/** A union says only "invalid": what helps is what was wrong in the form that the writer was using. */
export function expand(issue: Issue, above: Path): Located[] {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return [{ issue, path }];
  const used = issue.errors.filter(
    (errors) => !errors.some((error) => error.code === 'invalid_type' && error.path.length === 0),
  );
  const best = used[0];
  if (best === undefined || used.length > 1) {
    const all = (used.length > 1 ? used : issue.errors).flatMap((errors) =>
      errors.slice(0, 1).map((error) => messageOf(error)),
    );
    return [{ issue: { ...issue, message: [...new Set(all)].join(', or ') }, path }];
  }
  return best.flatMap((error) => expand(error, path));
}

function describe(issue: Issue, path: Path, source: Source, keysAt: (path: Path) => readonly string[]): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...source.placeOfKey([...path, key]),
      message: `${nameOf([...path, key])}: unknown key${nearest(key, keysAt(path))}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    const inner = issue.issues[0];
    return [
      {
        ...source.placeOfKey(path),
        message: `${nameOf(path)}: ${inner === undefined ? 'not a name' : messageOf(inner)}`,
      },
    ];
  }
  const absent = issue.code === 'invalid_type' && issue.input === undefined && source.rangeOf(path) === null;
  const message = absent ? `missing: ${messageOf(issue)}` : `${messageOf(issue)}${found(issue, path, source)}`;
  const empty = path.length === 0 && absent ? 'the file is empty: expected version, upstreams and default' : message;
  return [{ ...source.placeOf(path), message: path.length === 0 ? empty : `${nameOf(path)}: ${message}` }];
}

function found(issue: Issue, path: Path, source: Source): string {
  const text = source.textOf(path);
  return text === null || issue.code === 'custom' ? '' : `, found ${text}`;
}

const WORDS: Readonly<Record<string, string>> = {
  record: 'a map',
  object: 'a map',
  array: 'a list',
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function messageOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.message.startsWith('expected') ? issue.message : `expected ${issue.values.map(String).join(' or ')}`;
    case 'too_big':
      return issue.message.startsWith('expected') ? issue.message : `expected at most ${issue.maximum}`;
    case 'too_small':
      return issue.message.startsWith('expected') ? issue.message : `expected at least ${issue.minimum}`;
    case 'invalid_format':
      return issue.message.startsWith('expected')
        ? issue.message
        : `expected text like ${issue.pattern ?? issue.format}`;
    default:
      return issue.message;
  }
}

/** `routes.order-get.stage`. */
export function nameOf(path: Path): string {
  return path.map(String).join('.');
}

/** `; did you mean "order-get"?` when one of `known` is near enough to be what was meant, else what there is. */
export function nearest(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const guess = closest(word, known);
  // A third of the letters wrong is still a slip; more is another word.
  if (distance(word, guess) <= Math.max(2, Math.floor(word.length / 3))) return `; did you mean "${guess}"?`;
  return known.length <= 12 ? `; expected one of ${known.join(', ')}` : '';
}
