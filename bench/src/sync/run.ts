/**
 * `bench sync`: cdc through the log into the read model beside Postgres' own logical replication, on one server, in one run, by turns.
 * Two figures each: how long after a commit its row is visible at 200 tx/s, and how fast a backlog of 100,000 single-row transactions
 * is worked off. Both are watched in the same way, by a client that asks the target for the next row.
 */
import type pg from 'pg';
import type { Bench, Gate } from '../bench.ts';
import { median, quantile, spread, table } from '../statistics.ts';
import { connect, openPlace, until, type Follower, type Place } from './place.ts';

const RATE = 200; // transactions a second
const BACKLOG = 100_000;
const DRAIN_LIMIT_MS = 180_000;
// Gates: the median within this many times native's; the drain at least the lesser of these two.
const MEDIAN_TIMES = 3;
const DRAIN_ROWS = 25_000;
const DRAIN_SHARE = 0.25;

/** Milliseconds until the row is visible: `p50` and `p99` since its commit was sent, `after` the median since it was acknowledged. */
interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly after: number;
  readonly rowsPerSecond: number;
}

export const sync: Bench = async ({ rounds, seconds, say }) => {
  const place = await openPlace();
  try {
    const results: Record<Follower['name'], Round[]> = { native: [], ours: [] };
    const next = { id: await lastReading(place.source) };
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? place.followers : place.followers.toReversed();
      const latencies = new Map<Follower, Latencies>();
      for (const follower of order) {
        await follower.start();
        await caughtUp(follower, next.id);
        latencies.set(follower, await latency(place, follower, next, seconds * RATE));
        await follower.stop();
      }
      const first = next.id;
      await backlog(place.sourceUrl, next);
      for (const follower of order) {
        // The other one's turn was written meanwhile too: all of it is in the backlog of both.
        const rowsPerSecond = await drain(follower, first, next.id);
        const own = latencies.get(follower) ?? { sent: [], acknowledged: [] };
        results[follower.name].push({
          p50: quantile(own.sent, 0.5),
          p99: quantile(own.sent, 0.99),
          after: quantile(own.acknowledged, 0.5),
          rowsPerSecond,
        });
        await follower.stop();
      }
      say(
        `round ${round + 1} of ${rounds}: ${JSON.stringify({ native: results.native.at(-1), ours: results.ours.at(-1) })}`,
      );
    }
    report(results, say);
    return { figures: results, gates: gatesOf(results) };
  } finally {
    await place.close();
  }
};

async function lastReading(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: string }>('SELECT max(reading_id) AS id FROM container_readings');
  return Number(rows[0]?.id ?? 0);
}

const INSERT = `INSERT INTO container_readings (reading_id, container_id, read_at, temperature, humidity, power)
  VALUES ($1::bigint, 1 + $1::bigint % 100, now(), -18.25, 55.5, true)`;

async function caughtUp({ target, relation }: Follower, id: number): Promise<void> {
  if (id === 0) return;
  // The seed's rows came before native replication began: only a row written since says that it follows.
  await until(async () => {
    const { rows } = await target.query<{ id: string | null }>(`SELECT max(reading_id) AS id FROM ${relation}`);
    return rows[0]?.id === null || Number(rows[0]?.id) >= id;
  }, DRAIN_LIMIT_MS);
}

/** Milliseconds from the moments at which a commit was sent, and was acknowledged, to the row's being visible. */
interface Latencies {
  readonly sent: readonly number[];
  readonly acknowledged: readonly number[];
}

async function latency(place: Place, follower: Follower, next: { id: number }, count: number): Promise<Latencies> {
  const writer = await connect(place.sourceUrl);
  const first = next.id + 1;
  const sentAt: number[] = [];
  const acknowledgedAt: number[] = [];
  let wake = (): void => undefined;
  const write = async (): Promise<void> => {
    const began = performance.now();
    for (let sent = 0; sent < count; sent += 1) {
      const due = began + (sent * 1_000) / RATE;
      const early = due - performance.now();
      if (early > 0) await new Promise((done) => setTimeout(done, early));
      sentAt.push(performance.now());
      wake();
      await writer.query({ name: 'insert', text: INSERT, values: [first + sent] });
      acknowledgedAt.push(performance.now());
    }
  };
  const visible: number[] = [];
  const watch = async (): Promise<void> => {
    const text = `SELECT 1 FROM ${follower.relation} WHERE reading_id = $1`;
    const deadline = performance.now() + (count * 1_000) / RATE + DRAIN_LIMIT_MS;
    while (visible.length < count) {
      // Nothing to look for: leave the cores to those who work.
      if (visible.length === sentAt.length) await new Promise<void>((done) => (wake = done));
      const { rowCount } = await follower.target.query({ name: 'visible', text, values: [first + visible.length] });
      if (rowCount === 1) visible.push(performance.now());
      else if (performance.now() > deadline)
        throw new Error(`${follower.name} did not show row ${first + visible.length}`);
    }
  };
  await Promise.all([write(), watch()]);
  await writer.end();
  next.id += count;
  // A row seen before its writer was told counts as at once.
  const since = (moments: readonly number[]): number[] =>
    visible.map((at, index) => Math.max(0, at - (moments[index] ?? at)));
  return { sent: since(sentAt), acknowledged: since(acknowledgedAt) };
}

/** 100,000 transactions of one row, while nobody follows. Only this writer does not wait for the disk. */
async function backlog(url: string, next: { id: number }): Promise<void> {
  const writer = await connect(url);
  await writer.query('SET synchronous_commit = off');
  await writer.query(`DO $$ BEGIN FOR i IN ${next.id + 1}..${next.id + BACKLOG} LOOP
    INSERT INTO container_readings (reading_id, container_id, read_at, temperature, humidity, power) VALUES (i, 1 + i % 100, now(), -18.25, 55.5, true);
    COMMIT; END LOOP; END $$`);
  await writer.end();
  next.id += BACKLOG;
}

/** Rows a second between the first sight of progress and the last row. */
async function drain(follower: Follower, first: number, last: number): Promise<number> {
  const reached = async (): Promise<number> => {
    const { rows } = await follower.target.query<{ id: string | null }>(
      `SELECT max(reading_id) AS id FROM ${follower.relation}`,
    );
    return Number(rows[0]?.id ?? 0);
  };
  const starting = follower.start();
  let begun: { at: number; id: number } | null = null;
  const deadline = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const id = await reached();
    const at = performance.now();
    if (begun === null && id > first) begun = { at, id };
    if (id >= last && begun !== null) {
      await starting;
      return ((last - begun.id) * 1_000) / (at - begun.at);
    }
    if (at > deadline) throw new Error(`${follower.name} stands at ${id} of ${last}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

function report(results: Readonly<Record<Follower['name'], readonly Round[]>>, say: (line: string) => void): void {
  const row = (name: Follower['name']): string[] => [
    name === 'native' ? 'logical replication of Postgres' : 'cdc, log, read model',
    spread(
      results[name].map((round) => round.p50),
      2,
    ),
    spread(
      results[name].map((round) => round.p99),
      2,
    ),
    spread(
      results[name].map((round) => round.after),
      2,
    ),
    spread(
      results[name].map((round) => round.rowsPerSecond),
      0,
    ),
  ];
  say(
    table([
      ['median (range) over rounds', 'commit → visible p50 ms', 'p99 ms', 'acknowledged → visible p50', 'drain rows/s'],
      row('native'),
      row('ours'),
    ]),
  );
}

function gatesOf({ native, ours }: Readonly<Record<Follower['name'], readonly Round[]>>): readonly Gate[] {
  const times = median(ours.map((round, index) => round.p50 / (native[index]?.p50 ?? Number.NaN)));
  const rows = median(ours.map((round) => round.rowsPerSecond));
  const asked = Math.min(DRAIN_ROWS, median(native.map((round) => round.rowsPerSecond)) * DRAIN_SHARE);
  return [
    {
      name: `median latency at most ${MEDIAN_TIMES} × native's (median of the rounds' ratios)`,
      value: `${times.toFixed(2)} ×`,
      met: times <= MEDIAN_TIMES,
    },
    {
      name: `drain at least ${asked.toFixed(0)} rows/s (${DRAIN_ROWS}, or a quarter of native's)`,
      value: rows.toFixed(0),
      met: rows >= asked,
    },
  ];
}
