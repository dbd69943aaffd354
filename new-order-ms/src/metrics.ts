/** What `/metrics` shows, in a registry of its own: several services in one process (tests) do not mix. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Effect } from './apply.ts';
import type { Progress } from './core/applied.ts';

export interface Metrics {
  readonly registry: Registry;
  /** After a batch was committed. */
  applied(effect: Effect, progress: Progress, seconds: number): void;
  /** @param route the pattern, not the path */
  answered(route: string, status: number, seconds: number): void;
}

/** What is asked for at each scrape. */
export interface Gauges {
  /** How old the oldest applied watermark is. */
  readonly lagSeconds: () => number;
  /** 1 while this process leads, 0 otherwise. */
  readonly following: () => number;
  /** 1 when a record could not be taken. */
  readonly halted: () => number;
  /** Tables with a row that lacks a value. */
  readonly incomplete: () => number;
}

// A batch of one row takes about a millisecond, one of two thousand rows thirty.
const BATCH_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];
const READ_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2];

export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const rows = new Counter({
    name: 'orders_applied_rows_total',
    help: 'Rows written to the read model',
    labelNames: ['table'],
    registers,
  });
  const records = new Counter({
    name: 'orders_applied_records_total',
    help: 'Records taken from the backbone',
    registers,
  });
  const batches = new Counter({ name: 'orders_batches_total', help: 'Batches committed', registers });
  const batchSeconds = new Histogram({
    name: 'orders_batch_seconds',
    help: 'Time from a batch to its commit',
    buckets: BATCH_SECONDS,
    registers,
  });
  const offset = new Gauge({
    name: 'orders_next_offset',
    help: 'Next offset to read',
    labelNames: ['partition'],
    registers,
  });
  const readSeconds = new Histogram({
    name: 'orders_request_seconds',
    help: 'Time to answer a request',
    labelNames: ['route', 'status'],
    buckets: READ_SECONDS,
    registers,
  });
  const asked = (name: string, help: string, value: () => number): void => {
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(value()) });
  };
  asked('orders_lag_seconds', 'Age of the oldest applied watermark', gauges.lagSeconds);
  asked('orders_following', 'Whether this process keeps the read model up to date', gauges.following);
  asked('orders_halted', 'Whether a record could not be taken, and the projection has stopped', gauges.halted);
  asked('orders_incomplete_tables', 'Tables with a row whose long value has not come', gauges.incomplete);
  return {
    registry,
    applied: (effect, progress, seconds) => {
      for (const [table, count] of effect.rows) rows.inc({ table }, count);
      records.inc(effect.records);
      batches.inc();
      batchSeconds.observe(seconds);
      for (const [partition, next] of progress.next) offset.set({ partition }, Number(next));
    },
    answered: (route, status, seconds) => readSeconds.observe({ route, status }, seconds),
  };
}
