/**
 * The first copy: every table as it stood at one moment, the slot's consistent point, so that it and the stream meet without a
 * gap and without an overlap. Several connections share that moment; each reads one table at a time, in order of its key.
 */
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import type { Address } from './address.ts';
import type { Table } from './catalogue.ts';
import { copyTable } from './copy.ts';
import { Markers, type Marked } from './core/marker.ts';
import { progressLine, type Progress } from './core/progress.ts';
import type { Cells } from './core/pgoutput.ts';
import type { Relation } from './core/relation.ts';
import { RowWriter } from './core/row.ts';
import type { Event, Header, Now, Stream } from './core/source.ts';
import { connectSql, type Sql } from './wire.ts';

const PROGRESS_INTERVAL_MS = 5_000; // A person who watches wants to see something move; a log should not fill up.

export interface SnapshotSource {
  readonly table: Table;
  readonly relation: Relation;
}

export interface SnapshotOptions {
  readonly address: Address;
  /** As exported by the slot's creation. */
  readonly name: string;
  readonly consistentPoint: Lsn;
  readonly incarnation: number;
  readonly stream: Stream;
  readonly headers: readonly Header[];
  readonly sources: readonly SnapshotSource[];
  readonly threads: number;
  readonly fetchRows: number;
  readonly now: () => Now;
  /** A table as the catalogue has it now; null when it is gone. */
  readonly look: (oid: number) => Promise<Table | null>;
  /** Takes an event; a promise means: no more, until it has settled. */
  readonly emit: (event: Event) => Promise<void> | null;
  readonly onProgress: (progress: Progress) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Reads every table and emits its rows.
 * @returns the tables that were altered meanwhile, and have to be read again
 * @throws CdcError when a connection is lost: the copy has to be begun anew
 */
export async function snapshot(options: SnapshotOptions): Promise<readonly Table[]> {
  const { log, sources, threads } = options;
  const copy = new Copy(options);
  const timer = setInterval(() => {
    options.onProgress(copy.progress());
    log.info(progressLine(copy.progress()));
  }, PROGRESS_INTERVAL_MS);
  try {
    const workers = Math.max(1, Math.min(threads, sources.length));
    const results = await Promise.allSettled(Array.from({ length: workers }, () => copy.work()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await copy.finish();
  } finally {
    clearInterval(timer);
    options.onProgress(copy.progress());
  }
  log.info(progressLine(copy.progress()));
  return copy.altered;
}

interface Part {
  readonly source: SnapshotSource;
  readonly place: number;
  readonly writer: RowWriter;
}

interface Pending {
  readonly relation: Relation;
  readonly cells: Cells;
}

class Copy {
  readonly altered: Table[] = [];
  readonly #options: SnapshotOptions;
  readonly #markers = new Markers<Pending>();
  readonly #startedAt = performance.now();
  #writer: RowWriter | null = null;
  #next = 0;
  #done = 0;
  #rows = 0;
  #failed = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  progress(): Progress {
    const { sources } = this.#options;
    const estimates = sources.map(({ table }) => table.estimatedRows);
    const known = estimates.filter((estimate) => estimate !== null);
    return {
      tablesDone: this.#done,
      tables: sources.length,
      rows: this.#rows,
      estimatedRows: known.length === estimates.length ? known.reduce((sum, estimate) => sum + estimate, 0) : null,
      elapsedMs: performance.now() - this.#startedAt,
    };
  }

  /** One connection's part: whatever table is next, until there is none. */
  async work(): Promise<void> {
    const { address, name, sources, signal } = this.#options;
    const sql = await connectSql(address, 'snapshot', { statementMs: 0 });
    const abort = (): void => void sql.close();
    signal.addEventListener('abort', abort);
    try {
      await sql.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // A name like 00000003-0000001B-1 as the server made it; SET takes no parameter.
      await sql.rows(`SET TRANSACTION SNAPSHOT '${name.replaceAll("'", "''")}'`);
      const writer = await this.#writerFor(sql);
      for (;;) {
        const place = this.#next;
        const source = sources[place];
        if (source === undefined || this.#failed || signal.aborted) break;
        this.#next += 1;
        await this.#table(sql, { source, place, writer });
        this.#done += 1;
      }
      await sql.rows('COMMIT');
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
      await sql.close();
    }
  }

  async finish(): Promise<void> {
    if (this.#writer !== null) await this.#emit(this.#writer, this.#markers.finish());
  }

  /** The same for all: they see the same moment. */
  async #writerFor(sql: Sql): Promise<RowWriter> {
    const { consistentPoint, incarnation, stream, headers } = this.#options;
    const [row] = await sql.rows(
      `SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::int8,
              (pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296)::int8`,
    );
    this.#writer ??= new RowWriter({
      ...stream,
      incarnation,
      // Just before the first commit that the stream can bring, which may begin exactly at the consistent point.
      position: toLsn(consistentPoint - 1n),
      lsn: String(consistentPoint),
      atUs: Number(row?.[0]),
      xid: Number(row?.[1]),
      headers,
    });
    return this.#writer;
  }

  async #table(sql: Sql, { source, place, writer }: Part): Promise<void> {
    const { fetchRows, signal, look } = this.#options;
    const { table, relation } = source;
    const outcome = await copyTable({
      sql,
      table,
      rows: fetchRows,
      now: () => look(table.oid),
      onRow: (cells) => {
        this.#rows += 1;
        return this.#emit(writer, this.#markers.next(place, { relation, cells }));
      },
      stopped: () => signal.aborted,
    });
    if (outcome === 'changed') this.altered.push(table);
    await this.#emit(writer, this.#markers.end(place));
  }

  #emit(writer: RowWriter, marked: readonly Marked<Pending>[]): Promise<void> | null {
    let full: Promise<void> | null = null;
    for (const { row, marker } of marked)
      full = this.#options.emit(writer.event(row.relation, row.cells, { marker, now: this.#options.now() }));
    return full;
  }
}
