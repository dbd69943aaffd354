/**
 * Which tables are meant: `schema.table` with `*` (any run of characters, also none) and `?` (one character). Everything else
 * stands for itself, case and all, as Postgres stores it. The first dot divides schema from table.
 */
import type { TableName } from './name.ts';

export interface Glob {
  readonly text: string;
  readonly matches: (name: TableName) => boolean;
}

/** @returns null when `text` has not the form `schema.table` */
export function parseGlob(text: string): Glob | null {
  const dot = text.indexOf('.');
  const schema = text.slice(0, dot);
  const table = text.slice(dot + 1);
  if (dot < 1 || table === '') return null;
  const inSchema = compile(schema);
  const inTable = compile(table);
  return { text, matches: (name) => inSchema(name.schema) && inTable(name.table) };
}

export interface Selection<T extends TableName> {
  /** In order of name. */
  readonly chosen: readonly T[];
  /** Globs that chose nothing: a misspelt name, most likely. */
  readonly idle: readonly string[];
}

/** Resolves the globs against the tables that there are. */
export function select<T extends TableName>(globs: readonly Glob[], tables: readonly T[]): Selection<T> {
  const chosen = tables.filter((name) => globs.some((glob) => glob.matches(name)));
  const idle = globs.filter((glob) => !tables.some((name) => glob.matches(name))).map((glob) => glob.text);
  return { chosen: chosen.toSorted(byName), idle };
}

function byName(a: TableName, b: TableName): number {
  return compare(a.schema, b.schema) || compare(a.table, b.table);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Matching by hand, in time linear for any pattern that people write: a regular expression of many `*` can backtrack for ever. */
function compile(pattern: string): (text: string) => boolean {
  return (text) => {
    let at = 0;
    let star = -1;
    let resume = 0;
    let index = 0;
    while (index < text.length) {
      if (pattern[at] === '*') {
        star = at;
        at += 1;
        resume = index;
      } else if (pattern[at] === '?' || pattern[at] === text[index]) {
        at += 1;
        index += 1;
      } else if (star >= 0) {
        at = star + 1;
        resume += 1;
        index = resume;
      } else return false;
    }
    while (pattern[at] === '*') at += 1;
    return at === pattern.length;
  };
}
