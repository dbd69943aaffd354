/**
 * Reads tables again while their changes stream: those that have changed their shape, came late, or were altered during the
 * first copy. One at a time; one that fails is tried again, and the stream does not notice. `core/window.ts` says why the
 * result is right.
 */
import { toLsn, parseLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import type { Address } from './address.ts';
import type { Table } from './catalogue.ts';
import { copyTable, sameTable } from './copy.ts';
import { backoff } from './core/backoff.ts';
import type { Ledger } from './core/ledger.ts';
import { plainName, quoteName } from './core/name.ts';
import type { Cells } from './core/pgoutput.ts';
import type { Relation } from './core/relation.ts';
import { RowWriter } from './core/row.ts';
import type { Event, Header, Now, Stream } from './core/source.ts';
import type { Watch } from './core/translate.ts';
import { Window } from './core/window.ts';
import { CdcError } from './errors.ts';
import { connectReplication, connectSql, type Sql } from './wire.ts';

// At a hundred bytes a key this is a hundred megabytes; a table of which more changes while it is read is read again.
const MAX_CHANGED_KEYS = 1_000_000;
const REACH_INTERVAL_MS = 20; // The stream is there in a moment, or it has a backlog of seconds.
const RETRY_LEAST_MS = 1_000; // An ALTER TABLE seldom comes alone.

export interface RereadOptions {
  readonly address: Address;
  /** Of the connector; the temporary one is named after it. */
  readonly slot: string;
  readonly incarnation: number;
  readonly stream: Stream;
  readonly headers: readonly Header[];
  readonly fetchRows: number;
  readonly ledger: Ledger;
  readonly now: () => Now;
  /** A table as the catalogue has it now; null when it is gone. */
  readonly look: (oid: number) => Promise<Table | null>;
  readonly relationOf: (table: Table) => Relation;
  readonly watch: (watch: Watch | null) => void;
  /** null when no transaction is open in the stream; else a promise of its end. */
  readonly between: () => Promise<void> | null;
  /** Takes an event; a promise means: no more, until it has settled. */
  readonly emit: (event: Event) => Promise<void> | null;
  /** Writes WAL, so that the stream comes to where it is. */
  readonly nudge: () => Promise<void>;
  /** Resolves when everything emitted so far is durable. */
  readonly settled: () => Promise<void>;
  /** A table's rows are all emitted and durable. */
  readonly onDone: (table: Table) => void;
  readonly log: Logger;
}

export class Rereads {
  readonly #options: RereadOptions;
  readonly #queue = new Set<number>();
  readonly #closers = new Set<() => Promise<void>>();
  #running: Promise<void> | null = null;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(options: RereadOptions) {
    this.#options = options;
  }

  /** Tables that wait for it, or are being read. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Reads the table again, in its turn. */
  add({ oid, schema, table }: Table, because: string): void {
    if (this.#closed || this.#queue.has(oid)) return;
    this.#options.log.info(`${plainName({ schema, table })} is to be read again: ${because}`);
    this.#queue.add(oid);
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await Promise.all([...this.#closers].map((close) => close().catch(() => undefined)));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    for (let failures = 0; !this.#closed;) {
      const [oid] = this.#queue;
      if (oid === undefined) return;
      try {
        const done = await this.#read(oid);
        if (done) failures = 0;
        else failures += 1;
        if (done) this.#queue.delete(oid);
      } catch (error) {
        failures += 1;
        if (!this.#closed) log.warn(`reading a table again failed, and is tried again: ${(error as Error).message}`);
      }
      if (failures > 0) await this.#rest(Math.max(RETRY_LEAST_MS, backoff(failures, Math.random())));
    }
  }

  /** @returns whether it is over with; false: the table was altered meanwhile */
  async #read(oid: number): Promise<boolean> {
    const { look, relationOf, watch, onDone, settled, log } = this.#options;
    const table = await look(oid);
    if (table === null) return true;
    const relation = relationOf(table);
    if (table.primaryKey.length === 0) {
      log.warn(`${plainName(table)} has no key: its rows cannot be told apart, and are not read again`);
      onDone(table);
      return true;
    }
    const window = new Window(MAX_CHANGED_KEYS);
    watch((changed, cells, commit) => {
      if (changed.oid !== oid) return;
      if (cells === 'all') window.truncate(commit);
      else window.change(changed.key(cells) ?? '', commit);
    });
    try {
      if (!(await this.#copy({ table, relation, window }))) return false;
      await settled();
      log.info(`${plainName(table)} was read again`);
      onDone(table);
      return true;
    } finally {
      watch(null);
    }
  }

  async #copy(reading: Reading): Promise<boolean> {
    const { table, window } = reading;
    const { address, fetchRows, look } = this.#options;
    const { sql, point, close } = await this.#moment();
    try {
      window.at(point);
      await this.#reach(point);
      const writer = await this.#writer(sql, point);
      const outcome = await copyTable({
        sql,
        table,
        rows: fetchRows,
        now: () => look(table.oid),
        onRow: (cells) => this.#row(reading, { cells, writer }),
        stopped: () => this.#closed || window.void,
      });
      if (window.overflown)
        throw new CdcError('CDC_STREAM', `more than ${MAX_CHANGED_KEYS} keys of ${address.database} changed meanwhile`);
      if (this.#closed) throw new CdcError('CDC_STREAM', 'stopped');
      return outcome !== 'changed' && (window.void || sameTable(table, await look(table.oid)));
    } finally {
      await close();
    }
  }

  /** Emits a row, between two transactions of the stream, unless the stream has brought something newer. */
  #row(
    reading: Reading,
    { cells, writer }: { readonly cells: Cells; readonly writer: RowWriter },
  ): Promise<void> | null {
    const { between, emit, now } = this.#options;
    const open = between();
    if (open !== null) return open.then(() => this.#row(reading, { cells, writer }) ?? undefined);
    const { relation, window } = reading;
    if (this.#closed || window.overflown || !window.admits(relation.key(cells) ?? '')) return null;
    return emit(writer.event(relation, cells, { marker: 'incremental', now: now() }));
  }

  /** A moment between two commits, and a transaction that sees the database as it was then. */
  async #moment(): Promise<{ readonly sql: Sql; readonly point: Lsn; readonly close: () => Promise<void> }> {
    const { address, slot, log } = this.#options;
    const replication = await connectReplication(address);
    const [release, closed] = this.#closing(() => replication.close());
    try {
      log.debug('taking a moment of the source (transactions that are open now have to end first)');
      const [row] = await replication.command(
        `CREATE_REPLICATION_SLOT ${quoteName(`${slot.slice(0, 40)}_reread_${process.pid}`)} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
      );
      const point = parseLsn(row?.['consistent_point'] ?? '');
      if (point === null) throw new CdcError('CDC_STREAM', 'the server made a slot without a position');
      const sql = await connectSql(address, 'reread', { statementMs: 0 });
      const [releaseSql, closedSql] = this.#closing(() => sql.close());
      try {
        await sql.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        await sql.rows(`SET TRANSACTION SNAPSHOT '${(row?.['snapshot_name'] ?? '').replaceAll("'", "''")}'`);
        await sql.rows('SELECT 1'); // From here on the transaction has the snapshot; the slot that lent it may go.
      } catch (error) {
        await closedSql();
        throw error;
      }
      return {
        sql,
        point,
        close: async () => {
          releaseSql();
          await closedSql();
        },
      };
    } finally {
      release();
      await closed();
    }
  }

  /** Remembers how to close something in a hurry. */
  #closing(close: () => Promise<void>): readonly [release: () => void, close: () => Promise<void>] {
    this.#closers.add(close);
    return [() => void this.#closers.delete(close), close];
  }

  /** Waits until the stream has brought everything before `point`: an older change must not follow a newer row. */
  async #reach(point: Lsn): Promise<void> {
    const { ledger, nudge } = this.#options;
    await nudge();
    while (ledger.received < point) {
      if (this.#closed) throw new CdcError('CDC_STREAM', 'stopped');
      await this.#rest(REACH_INTERVAL_MS);
    }
  }

  async #writer(sql: Sql, point: Lsn): Promise<RowWriter> {
    const { incarnation, stream, headers } = this.#options;
    const [row] = await sql.rows(
      `SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::int8,
              (pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296)::int8`,
    );
    return new RowWriter({
      ...stream,
      incarnation,
      headers,
      position: toLsn(point - 1n),
      lsn: String(point),
      atUs: Number(row?.[0]),
      xid: Number(row?.[1]),
    });
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}

interface Reading {
  readonly table: Table;
  readonly relation: Relation;
  readonly window: Window;
}
