/**
 * Applies plans to one copy of the read model. A batch is one transaction: its rows, the checkpoints and what watermarks it
 * satisfied; it is there whole or not at all, and the checkpoint is the fence that lets one writer alone move the copy.
 *
 * COMMIT does not wait for the disk (`synchronous_commit=off`). A crash of the server may take the last batches away, rows and
 * checkpoint together; they are then read from the backbone again. What must not outlive such a crash is our memory of how far
 * we have come: it lives in this object, which dies with its connection, and the next one starts from what the database has.
 */
import type { QueryResult } from 'pg';
import { formatLsn } from '@banyan/backbone/core/lsn';
import type { Position } from '@banyan/backbone/core/position';
import type { Batch } from '@banyan/backbone/transport';
import { advance, NOTHING, resumeAt, type Applied, type Progress } from './core/applied.ts';
import { partitionName, project, withSweeps, type Delivery, type Plan, type TableWork } from './core/project.ts';
import {
  clearBelowFloor,
  fill,
  incomplete,
  isMissable,
  quote,
  raiseFloor,
  takeWatermark,
  upsert,
  whole,
} from './core/statement.ts';
import { TABLES, WATERMARKS, type Table } from './core/tables.ts';
import type { Copy } from './copies.ts';
import { appliedOf, translate, type Session } from './database.ts';
import { arrayOf, encode } from './encode.ts';
import { OrdersError } from './errors.ts';

/** What one batch did. */
export interface Effect {
  readonly records: number;
  /** Rows written, by table. */
  readonly rows: ReadonlyMap<string, number>;
}

interface Statement {
  readonly text: string;
  readonly name?: string;
  readonly values?: readonly unknown[];
  readonly done?: (result: QueryResult<Record<string, string>>) => void;
}

const MARKS_PARTITION = partitionName(WATERMARKS, 0);

export class Applier {
  readonly copy: Copy;
  readonly #session: Session;
  readonly #partitions: ReadonlyMap<string, number>;
  #progress: Progress = NOTHING;
  #snapshotOver = false;
  /** Checkpoints as they stand in the database: of the watermarks, behind what we have read while some are pending. */
  readonly #stored = new Map<string, bigint>();
  readonly #incarnations = new Map<string, number>();
  /** Tables with a row that lacks a value. */
  readonly #incomplete = new Set<Table>();
  /** What was written once is not put together again for each batch. */
  readonly #texts = new Map<string, string>();

  /** @param partitions by topic: how many there are */
  constructor(session: Session, copy: Copy, partitions: ReadonlyMap<string, number>) {
    this.#session = session;
    this.copy = copy;
    this.#partitions = partitions;
  }

  /** How far the copy has come; as committed. */
  get progress(): Progress {
    return this.#progress;
  }

  /** Whether the source's first snapshot has been applied. */
  get snapshotOver(): boolean {
    return this.#snapshotOver;
  }

  /** How many tables have a row that still lacks a value (TOAST): a new snapshot of them brings it. */
  get incompleteTables(): number {
    return this.#incomplete.size;
  }

  /**
   * Reads where the copy stands.
   * @throws OrdersError ORD_LOST, ORD_MOVED when it is gone
   */
  async load(): Promise<void> {
    const schema = quote(this.copy.name);
    const checkpoints = await this.#select(`SELECT partition, next, incarnation FROM ${schema}.checkpoints`);
    const applied = await this.#select(`SELECT source, epoch, lsn, record_offset, record_ms FROM ${schema}.applied`);
    const snapshot = await this.#select(`SELECT over FROM ${schema}.snapshot`);
    for (const { partition = '', next, incarnation } of checkpoints) {
      this.#stored.set(partition, BigInt(next ?? '0'));
      this.#incarnations.set(partition, Number(incarnation));
    }
    this.#progress = { next: new Map(this.#stored), pending: [], applied: applied.map(appliedOf) };
    this.#snapshotOver = snapshot[0]?.['over'] === 't';
    for (const table of TABLES.filter(isMissable)) {
      const [row] = await this.#select(incomplete(this.copy.name, table));
      if (row?.['incomplete'] === 't') this.#incomplete.add(table);
    }
  }

  /**
   * Where to read on. A partition that is new gets its checkpoint here: every partition has an answer, so that the offsets
   * which the backbone keeps for the group never count; they may be ahead of ours after a crash of the database.
   *
   * @throws OrdersError ORD_MOVED when the copy has been retired
   */
  async resume(partitions: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const unknown = partitions.filter((name) => !this.#stored.has(name));
    if (unknown.length > 0) {
      const { rowCount } = await this.#query({
        // The row lock keeps a swap from retiring the copy in this very moment.
        text: `WITH copy AS (SELECT FROM read.copies WHERE number = $1 AND state <> 'retired' FOR SHARE)
          INSERT INTO ${quote(this.copy.name)}.checkpoints (partition) SELECT name FROM unnest($2::text[]) name, copy`,
        values: [this.copy.number, unknown],
      });
      if (rowCount !== unknown.length) throw new OrdersError('ORD_MOVED', `${this.copy.name} has been retired.`);
      for (const name of unknown) this.#stored.set(name, 0n);
    }
    return new Map(partitions.map((name) => [name, this.#progress.next.get(name) ?? this.#stored.get(name) ?? 0n]));
  }

  /**
   * Applies a batch. Records that were applied before are passed over, so a batch may come again.
   *
   * @throws OrdersError without `retry` when a record cannot be taken: nothing of the batch was applied then. ORD_MOVED when
   *   another process writes this copy, ORD_LOST when the connection broke (whether the batch was applied is unknown then),
   *   ORD_BUSY
   */
  async apply(batch: Batch): Promise<Effect> {
    const fresh = batch.entries.filter(({ topic, partition, offset }) => offset >= this.#next(topic, partition));
    const projected = project(fresh, { incarnations: this.#incarnations, partitions: this.#partitions });
    if (projected.kind === 'halt') throw new OrdersError(projected.code, projected.because);
    const { progress, sweeps } = advance(this.#progress, batch.next, projected.plan.marks);
    const plan = withSweeps(projected.plan, sweeps);
    const moves = this.#moves(progress, fresh);
    // The source writes no watermark before its snapshot is whole: the first that is applied says that we have all of it.
    const over = this.#snapshotOver || plan.snapshotOver || progress.applied.length > 0;
    const rows = new Map<string, number>();
    const stillIncomplete = new Map<Table, boolean>();
    const ends = over && !this.#snapshotOver;
    const single = ends ? null : this.#single(plan, moves, { progress, rows });
    if (single !== null) await this.#query(single).then((result) => single.done?.(result));
    else {
      const statements = [
        ...plan.tables.flatMap((work) => this.#tableStatements(work, rows, stillIncomplete)),
        ...this.#appliedStatements(progress.applied),
        ...(ends ? [this.#snapshotStatement()] : []),
      ];
      // A watermark that has to wait changes nothing yet.
      if (moves.length > 0 || statements.length > 0)
        await this.#transaction([this.#advance(moves, plan), ...statements]);
    }
    this.#remember(progress, plan, moves);
    this.#snapshotOver = over;
    for (const [table, still] of stillIncomplete) {
      if (still) this.#incomplete.add(table);
      else this.#incomplete.delete(table);
    }
    return { records: fresh.length, rows };
  }

  #next(topic: string, partition: number): bigint {
    return this.#progress.next.get(partitionName(topic, partition)) ?? 0n;
  }

  #remember(progress: Progress, plan: Plan, moves: readonly Move[]): void {
    this.#progress = progress;
    for (const { name, to } of moves) this.#stored.set(name, to);
    for (const [name, incarnation] of plan.incarnations) this.#incarnations.set(name, incarnation);
  }

  /** Which checkpoints move, from where to where. */
  #moves(progress: Progress, fresh: readonly Delivery[]): readonly Move[] {
    const counts = new Map<string, number>();
    for (const { topic, partition } of fresh) {
      const name = partitionName(topic, partition);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...progress.next].flatMap(([name, next]): readonly Move[] => {
      const from = this.#stored.get(name) ?? 0n;
      // Watermarks are read again after a crash, as long as they are pending: they are not counted.
      const [to, count] = name === MARKS_PARTITION ? [resumeAt(progress, next), 0] : [next, counts.get(name) ?? 0];
      return to === from ? [] : [{ name, from, to, count }];
    });
  }

  #advance(moves: readonly Move[], plan: Plan): Statement {
    return {
      name: 'advance',
      text: `SELECT ${quote(this.copy.name)}.advance($1::text[], $2::int8[], $3::int8[], $4::int4[], $5::int8[])`,
      values: movesOf(moves, plan),
    };
  }

  /** The batch as one statement (`whole`); null where it takes more. */
  #single(
    plan: Plan,
    moves: readonly Move[],
    { progress, rows }: { progress: Progress; rows: Map<string, number> },
  ): Statement | null {
    const [work, ...others] = plan.tables;
    const [round, ...more] = work?.rounds ?? [];
    const fresh = progress.applied.filter((one) => !this.#progress.applied.includes(one));
    if (work === undefined || round === undefined || others.length + more.length > 0 || work.floor !== null)
      return null;
    if (moves.length === 0 || fresh.length > 1 || this.#gaps(work)) return null;
    const mark = fresh[0] === undefined ? [null, null, null, null, null] : markOf(fresh[0]);
    return {
      ...this.#prepared('whole', work.table, whole),
      values: [...encode(work.table, round), ...movesOf(moves, plan), ...mark],
      done: ({ rowCount }) => void rows.set(work.table.name, rowCount ?? 0),
    };
  }

  /** Whether the table has, or gets, a row that lacks a value. */
  #gaps({ table, rounds }: TableWork): boolean {
    return this.#incomplete.has(table) || rounds.some((round) => round.some(({ missing }) => missing !== 0));
  }

  #tableStatements(
    work: TableWork,
    rows: Map<string, number>,
    stillIncomplete: Map<Table, boolean>,
  ): readonly Statement[] {
    const { table, floor, rounds } = work;
    const copy = this.copy.name;
    const statements: Statement[] = [];
    if (floor !== null) statements.push(raise(copy, table, floor), { text: clearBelowFloor(copy, table) });
    const gaps = this.#gaps(work);
    for (const round of rounds) {
      const values = encode(table, round);
      const done = ({ rowCount }: QueryResult): void => {
        rows.set(table.name, (rows.get(table.name) ?? 0) + (rowCount ?? 0));
      };
      statements.push({ ...this.#prepared('upsert', table, upsert), values, done });
      if (gaps) statements.push({ ...this.#prepared('fill', table, fill), values });
    }
    if (gaps)
      statements.push({
        text: incomplete(copy, table),
        done: (result) => stillIncomplete.set(table, result.rows[0]?.['incomplete'] === 't'),
      });
    return statements;
  }

  #prepared(
    kind: string,
    table: Table,
    write: (copy: string, table: Table) => string,
  ): { readonly name: string; readonly text: string } {
    const name = `${kind} ${table.name}`;
    const text = this.#texts.get(name) ?? write(this.copy.name, table);
    this.#texts.set(name, text);
    return { name, text };
  }

  #appliedStatements(applied: readonly Applied[]): readonly Statement[] {
    return applied
      .filter((one) => !this.#progress.applied.includes(one))
      .map((one) => ({
        name: 'applied',
        text: takeWatermark(this.copy.name, 'VALUES ($1::text, $2::text, $3::pg_lsn, $4::int8, $5::int8)'),
        values: markOf(one),
      }));
  }

  #snapshotStatement(): Statement {
    return { text: `UPDATE ${quote(this.copy.name)}.snapshot SET over = true` };
  }

  /** All of it in one write to the socket; the server works through it, and answers, without waiting for us in between. */
  async #transaction(statements: readonly Statement[]): Promise<void> {
    const all: readonly Statement[] = [{ text: 'BEGIN' }, ...statements, { text: 'COMMIT' }];
    const outcomes = await Promise.allSettled(all.map((statement) => this.#query(statement)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    for (const [index, outcome] of outcomes.entries())
      if (outcome.status === 'fulfilled') all[index]?.done?.(outcome.value);
  }

  async #query({ text, name, values }: Statement): Promise<QueryResult<Record<string, string>>> {
    try {
      return await this.#session.client.query<Record<string, string>>({
        text,
        values: [...(values ?? [])],
        ...(name !== undefined && { name }),
      });
    } catch (error) {
      throw translate(error, `cannot write ${this.copy.name}`);
    }
  }

  async #select(text: string): Promise<readonly Record<string, string>[]> {
    return (await this.#query({ text })).rows;
  }
}

interface Move {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly count: number;
}

/** The parameters of `advance`. */
function movesOf(moves: readonly Move[], plan: Plan): readonly unknown[] {
  return [
    arrayOf('text', moves, ({ name }) => name),
    arrayOf('int8', moves, ({ from }) => from),
    arrayOf('int8', moves, ({ to }) => to),
    arrayOf('int4', moves, ({ name }) => plan.incarnations.get(name) ?? 0),
    arrayOf('int8', moves, ({ count }) => count),
  ];
}

/** The parameters of `takeWatermark`. */
function markOf({ watermark, offset, timestamp }: Applied): readonly unknown[] {
  return [watermark.source, watermark.epoch, formatLsn(watermark.lsn), offset, timestamp];
}

function raise(copy: string, table: Table, { incarnation, lsn, index }: Position): Statement {
  return { text: raiseFloor(copy, table), values: [incarnation, formatLsn(lsn), index] };
}
