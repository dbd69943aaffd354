/** What a reader of the events ends up with: rows by key, guarded by position, as a projection keeps them. */
import { comparePositions, parsePosition, type Position } from '@banyan/backbone/core/position';
import { parseExact } from './connector.ts';

export interface Delivered {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

interface Kept {
  readonly position: Position;
  /** null: deleted. */
  readonly row: unknown;
}

export class Fold {
  readonly #rows = new Map<string, Kept>();
  /** Of the last truncate. */
  #floor: Position | null = null;
  /** Events that were not new to it: delivered again. */
  repeated = 0;

  apply({ key, value, headers }: Delivered): void {
    if (value === null) return;
    const position = parsePosition(headers.find((header) => header.key === 'banyan.position')?.value ?? '');
    if (position === null) throw new Error('an event without a position');
    const { op, after } = parseExact(value) as { op: string; after: unknown };
    if (op === 't') {
      this.#floor = position;
      for (const [each, kept] of this.#rows)
        if (comparePositions(position, kept.position) > 0) this.#rows.set(each, { position, row: null });
      return;
    }
    if (key === null) return;
    if (this.#floor !== null && comparePositions(position, this.#floor) <= 0) {
      this.repeated += 1;
      return;
    }
    const known = this.#rows.get(key);
    if (known !== undefined && comparePositions(position, known.position) <= 0) this.repeated += 1;
    else this.#rows.set(key, { position, row: after });
  }

  /** A copy of this incarnation is complete: what an earlier one left is gone. */
  sweep(incarnation: number): void {
    for (const [key, { position }] of this.#rows) if (position.incarnation < incarnation) this.#rows.delete(key);
  }

  /** Rows that are there, in order of key. */
  rows(): readonly unknown[] {
    const there = [...this.#rows].filter(([, { row }]) => row !== null);
    return there.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { row }]) => row);
  }
}
