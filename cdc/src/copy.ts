/**
 * Reads the rows of one table under a snapshot that was taken elsewhere, chunk by chunk. The table is locked (against being
 * altered, nothing else) for one chunk at a time, so that an ALTER TABLE, and everybody who queues up behind it, waits no
 * longer than that. What an ALTER TABLE rewrites vanishes from older snapshots; so each chunk looks whether the table is still
 * the one that it was.
 */
import type { Table } from './catalogue.ts';
import { chunkQuery, type ChunkPlan } from './core/chunk.ts';
import { quoteTable } from './core/name.ts';
import { shapeOf } from './core/relation.ts';
import type { Cells } from './core/pgoutput.ts';
import type { Sql } from './wire.ts';

/** `changed`: it was altered or rewritten meanwhile; rows that were handed over so far are right, others are missing. */
export type Outcome = 'complete' | 'changed' | 'stopped';

export interface CopyOptions {
  /** In a transaction under the snapshot. */
  readonly sql: Sql;
  readonly table: Table;
  /** Rows of a chunk. */
  readonly rows: number;
  /** The table as the catalogue has it now; null when it is gone. */
  readonly now: () => Promise<Table | null>;
  /** A promise means: no more, until it has settled. */
  readonly onRow: (cells: Cells) => Promise<void> | null;
  readonly stopped: () => boolean;
}

/** @throws CdcError when the connection is lost */
export async function copyTable(options: CopyOptions): Promise<Outcome> {
  const { sql, table, rows, now, stopped } = options;
  const plan = planOf(table, rows);
  const places = plan.key.map(({ name }) => plan.columns.indexOf(name));
  let after: readonly string[] | null = null;
  for (;;) {
    if (stopped()) return 'stopped';
    await sql.rows('SAVEPOINT chunk');
    const same = await locked(sql, table, now);
    const chunk: Chunk | null = same ? await readChunk(options, plan, after) : null;
    // Gives the lock back.
    await sql.rows('ROLLBACK TO SAVEPOINT chunk');
    await sql.rows('RELEASE SAVEPOINT chunk');
    if (chunk === null) return 'changed';
    if (places.length === 0 || chunk.count < rows) return 'complete';
    after = keyAt(chunk.last, places);
  }
}

function keyAt(cells: Cells, places: readonly number[]): readonly string[] {
  return places.map((at) => cells[at] ?? ''); // A key holds no NULL.
}

/** Whether the two are one table, unaltered and not rewritten. */
export function sameTable(a: Table, b: Table | null): boolean {
  if (b === null || a.file !== b.file || shapeOf(a.shape) !== shapeOf(b.shape)) return false;
  return a.schema === b.schema && a.table === b.table && a.primaryKey.join('\n') === b.primaryKey.join('\n');
}

async function locked(sql: Sql, table: Table, now: () => Promise<Table | null>): Promise<boolean> {
  try {
    await sql.rows(`LOCK TABLE ${table.partitioned ? '' : 'ONLY '}${quoteTable(table)} IN ACCESS SHARE MODE`);
  } catch (error) {
    if (!sameTable(table, await now())) return false; // Renamed or dropped: nothing to lock under that name.
    throw error;
  }
  return sameTable(table, await now());
}

interface Chunk {
  readonly last: Cells;
  readonly count: number;
}

async function readChunk(
  { sql, onRow }: CopyOptions,
  plan: ChunkPlan,
  after: readonly string[] | null,
): Promise<Chunk> {
  let count = 0;
  let last: Cells = [];
  const { text, values } = chunkQuery(plan, after);
  await sql.each(text, values, (cells) => {
    count += 1;
    last = cells;
    return onRow(cells);
  });
  return { last, count };
}

/** How a table is read. A table without a key that can be compared is read in one go. */
function planOf({ schema, table, columns, chunkKey, partitioned }: Table, rows: number): ChunkPlan {
  return { schema, table, columns: columns.map(({ name }) => name), key: chunkKey, rows, only: !partitioned };
}
