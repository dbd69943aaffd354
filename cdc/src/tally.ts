/** Counts and gauges: kept as plain numbers where events pass by, turned into Prometheus' text when somebody asks. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Progress } from './core/progress.ts';
import type { OpCounts } from './core/relation.ts';

/** What is read at each scrape. */
export interface Readings {
  readonly lagSeconds: number;
  /** null while not connected. */
  readonly lagBytes: number | null;
  readonly queued: number;
  /** 1 while changes are streamed. */
  readonly streaming: boolean;
  readonly retainedBytes: number | null;
  readonly safeBytes: number | null;
  /** Tables that are being read again, or wait for it. */
  readonly rereading: number;
}

export class Tally {
  readonly #counts = new Map<string, OpCounts>();
  readonly #registry = new Registry();
  readonly #restarts: Counter;
  #progress: Progress | null = null;

  constructor(readings: () => Readings) {
    const registers = [this.#registry];
    const counts = this.#counts;
    new Counter({
      name: 'banyan_cdc_events_total',
      help: 'Change events made, by table and operation',
      labelNames: ['table', 'op'],
      registers,
      collect() {
        this.reset();
        for (const [table, byOp] of counts)
          for (const [op, count] of Object.entries(byOp)) if (count > 0) this.inc({ table, op }, count);
      },
    });
    new Gauge({
      name: 'banyan_cdc_snapshot_rows',
      help: 'Rows read by snapshots since the start, by table',
      labelNames: ['table'],
      registers,
      collect() {
        this.reset();
        for (const [table, { r }] of counts) this.set({ table }, r);
      },
    });
    gauge(
      registers,
      'lag_seconds',
      'Age of the oldest commit received that is not durable in the sink',
      () => readings().lagSeconds,
    );
    gauge(registers, 'lag_bytes', "WAL between the server's end and what is confirmed", () => readings().lagBytes);
    gauge(registers, 'queued_events', 'Events between the stream and the sink', () => readings().queued);
    gauge(registers, 'streaming', '1 while changes are streamed', () => (readings().streaming ? 1 : 0));
    gauge(registers, 'slot_retained_bytes', 'WAL that the slot holds back', () => readings().retainedBytes);
    gauge(registers, 'slot_safe_bytes', 'WAL until the server may give the slot up', () => readings().safeBytes);
    gauge(
      registers,
      'snapshot_tables_done',
      'Tables of the snapshot read to their end',
      () => this.#progress?.tablesDone ?? null,
    );
    gauge(registers, 'snapshot_tables', 'Tables of the snapshot', () => this.#progress?.tables ?? null);
    gauge(
      registers,
      'snapshot_estimated_rows',
      "Rows of the snapshot, by the planner's statistics",
      () => this.#progress?.estimatedRows ?? null,
    );
    gauge(registers, 'rereads_pending', 'Tables that are being read again, or wait for it', () => readings().rereading);
    this.#restarts = new Counter({
      name: 'banyan_cdc_reconnects_total',
      help: 'Sessions that ended by a failure, by code',
      labelNames: ['code'],
      registers,
    });
  }

  /** The counts of a table, to be raised by whoever makes its events. The same object each time. */
  countsOf(table: string): OpCounts {
    const known = this.#counts.get(table);
    if (known !== undefined) return known;
    const made = { c: 0, u: 0, d: 0, r: 0, t: 0 };
    this.#counts.set(table, made);
    return made;
  }

  progress(progress: Progress): void {
    this.#progress = progress;
  }

  failed(code: string): void {
    this.#restarts.inc({ code });
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The content type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

function gauge(registers: Registry[], name: string, help: string, read: () => number | null): void {
  new Gauge({
    name: `banyan_cdc_${name}`,
    help,
    registers,
    collect() {
      const value = read();
      if (value === null) this.reset();
      else this.set(value);
    },
  });
}
