/**
 * How long after a commit its row is visible in the target, at a steady rate of single-row transactions: from the moment at which the
 * INSERT is sent to the first answer of the target that shows the row. Whoever watches takes part in what is watched, so it is done twice:
 * without a pause between two questions, which takes most of a core away from those who carry the row, and with a short one.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type pg from 'pg';
import { quantile } from '../statistics.ts';
import { connect, until, type Follower, type Place } from './place.ts';
import { clock, type Watched, type Watching } from './watcher.ts';

export const RATE = 200; // transactions a second
// A question takes a tenth of a millisecond: a third of a core, and an error of at most this much, on both sides alike.
const PAUSE_MS = 0.2;
const VISIBLE_LIMIT_MS = 60_000;

const INSERT = `INSERT INTO container_readings (reading_id, container_id, read_at, temperature, humidity, power)
  VALUES ($1::bigint, 1 + $1::bigint % 100, now(), -18.25, 55.5, true)`;

/** Milliseconds until a row is visible. */
export interface Seen {
  /** Since the INSERT was sent. */
  readonly p50: number;
  readonly p99: number;
  /** The median since it was acknowledged. A row seen before its writer was told counts as at once. */
  readonly after: number;
}

export interface Latency {
  readonly tight: Seen;
  readonly paced: Seen;
}

/** The greatest `reading_id` that was written; moved on by every load. */
export interface Last {
  id: number;
}

/** Both, after a load of `warmSeconds` that does not count: programs are compiled, and statements planned, while they run. */
export async function latency(
  place: Place,
  follower: Follower,
  last: Last,
  { warmSeconds, seconds }: { readonly warmSeconds: number; readonly seconds: number },
): Promise<Latency> {
  const writer = await connect(place.sourceUrl);
  try {
    await write(writer, last, warmSeconds * RATE, null);
    await until(async () => (await shows(follower, last.id)) === 1, VISIBLE_LIMIT_MS);
    const tight = await watched({ writer, follower, last, count: seconds * RATE, pauseMs: 0 });
    const paced = await watched({ writer, follower, last, count: seconds * RATE, pauseMs: PAUSE_MS });
    return { tight, paced };
  } finally {
    await writer.end();
  }
}

/** Told of each INSERT when it is sent, and when it is acknowledged. */
interface Hooks {
  readonly onSend: () => void;
  readonly onAcknowledge: () => void;
}

async function write(writer: pg.Client, last: Last, count: number, hooks: Hooks | null): Promise<void> {
  const began = clock();
  for (let sent = 0; sent < count; sent += 1) {
    const early = began + (sent * 1_000) / RATE - clock();
    if (early > 0) await new Promise((done) => setTimeout(done, early));
    hooks?.onSend();
    await writer.query({ name: 'insert', text: INSERT, values: [last.id + 1] });
    hooks?.onAcknowledge();
    last.id += 1;
  }
}

async function shows({ target, relation }: Follower, id: number): Promise<number | null> {
  return (await target.query(`SELECT 1 FROM ${relation} WHERE reading_id = $1`, [id])).rowCount;
}

interface Watch {
  readonly writer: pg.Client;
  readonly follower: Follower;
  readonly last: Last;
  readonly count: number;
  readonly pauseMs: number;
}

async function watched({ writer, follower, last, count, pauseMs }: Watch): Promise<Seen> {
  const counter = new SharedArrayBuffer(4);
  const counted = new Int32Array(counter);
  const { url, relation } = follower;
  const workerData: Watching = {
    url,
    relation,
    first: last.id + 1,
    count,
    pauseMs,
    sent: counter,
    limitMs: VISIBLE_LIMIT_MS,
  };
  const watcher = new Worker(new URL('./watcher.js', import.meta.url), { workerData });
  const [sent, acknowledged]: [number[], number[]] = [[], []];
  try {
    await once(watcher, 'message'); // Ready. An error of the thread rejects it, here and below.
    const seen = once(watcher, 'message') as Promise<[Watched]>;
    const writing = write(writer, last, count, {
      onSend: () => {
        sent.push(clock());
        Atomics.add(counted, 0, 1);
        Atomics.notify(counted, 0);
      },
      onAcknowledge: () => void acknowledged.push(clock()),
    });
    const [[message]] = await Promise.all([seen, writing]);
    const visible = message.kind === 'seen' ? message.visible : [];
    const since = (moments: readonly number[]): number[] =>
      visible.map((at, index) => Math.max(0, at - (moments[index] ?? at)));
    return {
      p50: quantile(since(sent), 0.5),
      p99: quantile(since(sent), 0.99),
      after: quantile(since(acknowledged), 0.5),
    };
  } finally {
    await watcher.terminate();
  }
}
