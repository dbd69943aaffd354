/**
 * `bench sync`: cdc through the log into the read model beside Postgres' own logical replication, on one server, in one run, by turns.
 * Two figures each: how long after a commit its row is visible at 200 tx/s, and how fast a backlog of 100,000 single-row transactions
 * is worked off.
 */
import type pg from 'pg';
import type { Bench, Gate } from '../bench.ts';
import { median, spread, table } from '../statistics.ts';
import { backlog, drain, DRAIN_LIMIT_MS, reached } from './drain.ts';
import { latency, type Last, type Latency } from './latency.ts';
import { openPlace, until, type Follower } from './place.ts';

// 2,000 transactions, as both sides are after their first ten seconds of a life of weeks: after two seconds cdc still ran mostly
// interpreted, and was a seventh slower.
const WARM_SECONDS = 10;
// Gates: the median within this many times native's; the drain at least the lesser of these two.
const MEDIAN_TIMES = 3;
const DRAIN_ROWS = 25_000;
const DRAIN_SHARE = 0.25;

interface Round extends Latency {
  readonly rowsPerSecond: number;
}

type Results = Readonly<Record<Follower['name'], readonly Round[]>>;

export const sync: Bench = async ({ rounds, seconds, say }) => {
  const place = await openPlace();
  try {
    const results: Record<Follower['name'], Round[]> = { native: [], ours: [] };
    const last: Last = { id: await lastReading(place.source) };
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? place.followers : place.followers.toReversed();
      const latencies = new Map<Follower, Latency>();
      for (const follower of order) {
        await follower.start();
        await caughtUp(follower, last.id);
        latencies.set(follower, await latency(place, follower, last, { warmSeconds: WARM_SECONDS, seconds }));
        await follower.stop();
      }
      const first = last.id;
      await backlog(place.sourceUrl, last);
      for (const follower of order) {
        // What was written in the other one's turn is in the backlog too: a few thousand rows.
        const rowsPerSecond = await drain(follower, first, last.id);
        const own = latencies.get(follower);
        if (own !== undefined) results[follower.name].push({ ...own, rowsPerSecond });
        await follower.stop();
      }
      say(
        `round ${round + 1} of ${rounds}: ${shortly('native', results.native.at(-1))}; ${shortly('ours', results.ours.at(-1))}`,
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

/** Resolves when it shows what was written, or nothing at all: the seed came before native replication began. */
async function caughtUp(follower: Follower, id: number): Promise<void> {
  await until(async () => {
    const at = await reached(follower);
    return at === 0 || at >= id;
  }, DRAIN_LIMIT_MS);
}

function shortly(name: string, round: Round | undefined): string {
  if (round === undefined) return `${name}: nothing`;
  return `${name} ${round.tight.p50.toFixed(2)} ms (watched with pauses ${round.paced.p50.toFixed(2)}), ${round.rowsPerSecond.toFixed(0)} rows/s`;
}

function report(results: Results, say: (line: string) => void): void {
  const row = (name: Follower['name']): string[] => {
    const of = (pick: (round: Round) => number, digits: number): string => spread(results[name].map(pick), digits);
    return [
      name === 'native' ? 'logical replication of Postgres' : 'cdc, log, read model',
      of(({ tight }) => tight.p50, 2),
      of(({ tight }) => tight.p99, 2),
      of(({ tight }) => tight.after, 2),
      of(({ paced }) => paced.p50, 2),
      of(({ paced }) => paced.p99, 2),
      of(({ rowsPerSecond }) => rowsPerSecond, 0),
    ];
  };
  const head = [
    'median (range) over rounds',
    'commit → visible p50 ms',
    'p99 ms',
    'acknowledged → visible p50',
    'with pauses p50',
    'p99',
    'drain rows/s',
  ];
  say(table([head, row('native'), row('ours')]));
  const times = (pick: (round: Round) => number): string => ratio(results, pick).toFixed(2);
  say(
    `ours over native's p50, median of the rounds' ratios: ${times(({ tight }) => tight.p50)} ×; watched with pauses ${times(({ paced }) => paced.p50)} ×`,
  );
}

function ratio({ native, ours }: Results, pick: (round: Round) => number): number {
  return median(
    ours.map((round, index) => {
      const other = native[index];
      return other === undefined ? Number.NaN : pick(round) / pick(other);
    }),
  );
}

function gatesOf(results: Results): readonly Gate[] {
  const times = ratio(results, ({ tight }) => tight.p50);
  const rows = median(results.ours.map((round) => round.rowsPerSecond));
  const asked = Math.min(DRAIN_ROWS, median(results.native.map((round) => round.rowsPerSecond)) * DRAIN_SHARE);
  return [
    {
      name: `median latency, watched without pauses, at most ${MEDIAN_TIMES} × native's (median of the rounds' ratios)`,
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
