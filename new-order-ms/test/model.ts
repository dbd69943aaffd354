/**
 * The read model without Postgres: what the statements of `statement.ts` promise, in as few words as possible. The property
 * tests run on it, and the Postgres tests compare the statements with it.
 */
import { comparePositions, type Position } from '@banyan/backbone/core/position';
import { advance, NOTHING, type Progress } from '@banyan/new-order-ms/core/applied';
import type { Cell } from '@banyan/new-order-ms/core/cells';
import { readCells } from '@banyan/new-order-ms/core/cells';
import { partitionName, project, withSweeps, type Delivery, type Plan } from '@banyan/new-order-ms/core/project';
import { missableBit, type Table } from '@banyan/new-order-ms/core/tables';
import type { Row } from '@banyan/backbone/core/envelope';
import { table } from './history.ts';

interface Kept {
  readonly position: Position;
  readonly cells: readonly Cell[];
  readonly missing: number;
  readonly deleted: boolean;
}

export class Model {
  readonly #rows = new Map<Table, Map<string, Kept>>();
  readonly #floors = new Map<Table, Position>();
  readonly #incarnations = new Map<string, number>();
  #progress: Progress = NOTHING;

  take(batch: readonly Delivery[]): void {
    const projected = project(batch, { incarnations: this.#incarnations, partitions: new Map() });
    if (projected.kind === 'halt') throw new Error(projected.because);
    const next = new Map(batch.map(({ topic, partition, offset }) => [partitionName(topic, partition), offset + 1n]));
    const { progress, sweeps } = advance(this.#progress, next, projected.plan.marks);
    this.#progress = progress;
    this.apply(withSweeps(projected.plan, sweeps));
  }

  get progress(): Progress {
    return this.#progress;
  }

  apply(plan: Plan): void {
    for (const [name, incarnation] of plan.incarnations) this.#incarnations.set(name, incarnation);
    for (const { table: one, floor, rounds } of plan.tables) {
      const rows = this.#rows.get(one) ?? new Map<string, Kept>();
      this.#rows.set(one, rows);
      if (floor !== null && comparePositions(floor, this.#floors.get(one) ?? floor) >= 0) this.#floors.set(one, floor);
      const lowest = this.#floors.get(one);
      const lies = (position: Position): boolean => lowest !== undefined && comparePositions(position, lowest) < 0;
      for (const [key, row] of rows) if (lies(row.position)) rows.delete(key);
      for (const round of rounds)
        for (const change of round) {
          if (lies(change.position)) continue;
          const old = rows.get(change.key);
          rows.set(change.key, old === undefined ? change : merged(one, old, change));
        }
    }
  }

  /** The living rows: `<table> <key>` to cells. */
  living(): ReadonlyMap<string, readonly Cell[]> {
    return new Map(
      [...this.#rows].flatMap(([one, rows]) =>
        [...rows]
          .filter(([, { deleted }]) => !deleted)
          .map(([key, { cells }]) => [`${one.name} ${key}`, cells] as const),
      ),
    );
  }
}

function merged(one: Table, old: Kept, change: Kept): Kept {
  const later = comparePositions(change.position, old.position) > 0;
  if (!later) {
    if (old.deleted || change.deleted) return old;
    const cells = old.cells.map((cell, index) => {
      const bit = missableBit(one, index);
      return (old.missing & ~change.missing & bit) === 0 ? cell : (change.cells[index] ?? null);
    });
    return { ...old, cells, missing: old.missing & change.missing };
  }
  if (old.deleted) return change;
  const cells = change.cells.map((cell, index) =>
    (change.missing & missableBit(one, index)) === 0 ? cell : (old.cells[index] ?? null),
  );
  return { ...change, cells, missing: change.missing & old.missing };
}

/** The cells of rows as the envelope carries them. */
export function cellsOf(truth: ReadonlyMap<string, Row>): ReadonlyMap<string, readonly Cell[]> {
  return new Map(
    [...truth].map(([id, row]) => {
      const read = readCells(table(id.split(' ')[0] ?? ''), row);
      if (read.kind !== 'cells') throw new Error(`${id} does not fit`);
      return [id, read.cells];
    }),
  );
}
