/**
 * Whether a table's rows have to be read again because the table has changed its shape. Postgres fills a new column of old
 * rows without a word in the WAL: a reader that only streams would never know their values.
 */
import type { RelationColumn } from './pgoutput.ts';

export interface ShapeFacts {
  readonly shape: readonly RelationColumn[];
  /** The columns' numbers, in the same order: a column keeps its number for life, whatever it is called. */
  readonly numbers: readonly number[];
  /** The file that holds the rows; another one after a rewrite. 0: it has none of its own (a partitioned table). */
  readonly file: number;
  /** Columns that old rows may have a value in, though it was never written to them. */
  readonly filled: readonly string[];
}

export type Drift =
  | { readonly kind: 'same' }
  /** Its new shape is to be remembered, and nothing else. */
  | { readonly kind: 'note'; readonly because: 'columns-dropped' | 'columns-empty' }
  | { readonly kind: 'read'; readonly because: 'columns-filled' | 'columns-changed' | 'rewritten' };

/** What became of a table between two looks at it. */
export function driftOf(before: ShapeFacts, after: ShapeFacts): Drift {
  const old = new Map(before.shape.map((column, index) => [before.numbers[index], column]));
  const fresh = after.shape.filter((_column, index) => !old.has(after.numbers[index]));
  const changed = after.shape.some(({ name, type, modifier }, index) => {
    const known = old.get(after.numbers[index]);
    return known !== undefined && (known.name !== name || known.type !== type || known.modifier !== modifier);
  });
  if (changed) return { kind: 'read', because: 'columns-changed' };
  if (fresh.length === 0)
    return before.shape.length === after.shape.length ? { kind: 'same' } : { kind: 'note', because: 'columns-dropped' };
  if (fresh.some(({ name }) => after.filled.includes(name))) return { kind: 'read', because: 'columns-filled' };
  // A default that was filled in by rewriting the rows, and dropped since, has left no other trace.
  if (before.file !== after.file || after.file === 0) return { kind: 'read', because: 'rewritten' };
  return { kind: 'note', because: 'columns-empty' };
}
