/**
 * The facade's metrics. Requests are counted in plain arrays, turned into Prometheus' text only at a scrape: a labelled
 * `observe` costs half a microsecond a request, an array slot a hundredth of that (docs/adr/0005). What is not on the request
 * path (process figures) comes from prom-client.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { BreakerState } from './breaker.ts';
import type { Generations } from './generation.ts';

/** Upper bounds in seconds: from a cached answer to the longest timeout of the defaults. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
// Statuses of one series: a server cannot make more than these rows by inventing codes.
const MAX_STATUSES = 64;

export type ServedBy = 'legacy' | 'new' | 'none';

interface Series {
  readonly route: string;
  readonly side: ServedBy;
  readonly because: string;
  readonly statuses: Map<number, number>;
}

interface Histogram {
  readonly route: string;
  readonly side: ServedBy;
  readonly buckets: Float64Array;
  sum: number;
  count: number;
}

export class Metrics {
  readonly #process = new Registry();
  readonly #series = new Map<string, Series>();
  readonly #durations = new Map<string, Histogram>();
  readonly #fallbacks = new Map<string, { route: string; because: string; count: number }>();

  constructor() {
    collectDefaultMetrics({ register: this.#process });
  }

  /** One request that ended. Routes come from the file, so the rows are bounded. `seconds` is its whole duration. */
  request(route: string, side: ServedBy, because: string, ended: { status: number; seconds: number }): void {
    const key = `${route} ${side} ${because}`;
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = { route, side, because, statuses: new Map() }));
    const { statuses } = series;
    const status = statuses.size < MAX_STATUSES || statuses.has(ended.status) ? ended.status : 0;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const pair = `${route} ${side}`;
    let histogram = this.#durations.get(pair);
    if (histogram === undefined) {
      this.#durations.set(
        pair,
        (histogram = { route, side, buckets: new Float64Array(BOUNDS.length), sum: 0, count: 0 }),
      );
    }
    histogram.sum += ended.seconds;
    histogram.count += 1;
    for (let index = 0; index < BOUNDS.length; index += 1) {
      if (ended.seconds <= (BOUNDS[index] ?? 0)) {
        histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
        break;
      }
    }
  }

  fallback(route: string, because: string): void {
    const key = `${route} ${because}`;
    const row = this.#fallbacks.get(key) ?? { route, because, count: 0 };
    row.count += 1;
    this.#fallbacks.set(key, row);
  }

  /** Prometheus' text format 0.0.4. */
  async text(generations: Generations): Promise<string> {
    const lines = [...this.#requests(), ...this.#histograms(), ...this.#fallbackRows(), ...states(generations)];
    return `${lines.join('\n')}\n${await this.#process.metrics()}`;
  }

  #requests(): string[] {
    const rows = [...this.#series.values()].flatMap(({ route, side, because, statuses }) =>
      [...statuses].map(
        ([status, count]) =>
          `banyan_requests_total{route="${route}",side="${side}",status="${status}",because="${because}"} ${count}`,
      ),
    );
    return [
      '# HELP banyan_requests_total Requests that ended, by route, side, status and reason.',
      '# TYPE banyan_requests_total counter',
      ...rows,
    ];
  }

  #histograms(): string[] {
    const rows = [...this.#durations.values()].flatMap(({ route, side, buckets, sum, count }) => {
      const labels = `route="${route}",side="${side}"`;
      let running = 0;
      const bucketRows = BOUNDS.map((bound, index) => {
        running += buckets[index] ?? 0;
        return `banyan_request_duration_seconds_bucket{${labels},le="${bound}"} ${running}`;
      });
      return [
        ...bucketRows,
        `banyan_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
        `banyan_request_duration_seconds_sum{${labels}} ${sum}`,
        `banyan_request_duration_seconds_count{${labels}} ${count}`,
      ];
    });
    return [
      '# HELP banyan_request_duration_seconds From the request line to the end of the answer.',
      '# TYPE banyan_request_duration_seconds histogram',
      ...rows,
    ];
  }

  #fallbackRows(): string[] {
    const rows = [...this.#fallbacks.values()].map(
      ({ route, because, count }) => `banyan_fallback_total{route="${route}",because="${because}"} ${count}`,
    );
    return [
      '# HELP banyan_fallback_total Reads that legacy answered because new could not.',
      '# TYPE banyan_fallback_total counter',
      ...rows,
    ];
  }
}

const BREAKER: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

function states(generations: Generations): string[] {
  const servers = [...generations.fleet.servers.values()];
  return [
    '# HELP banyan_breaker_state 0 closed, 1 half-open, 2 open.',
    '# TYPE banyan_breaker_state gauge',
    ...servers.map(
      (server) => `banyan_breaker_state{upstream="${server.upstream.name}"} ${BREAKER[server.breaker.state]}`,
    ),
    '# HELP banyan_upstream_outstanding Requests handed to the upstream that have not ended.',
    '# TYPE banyan_upstream_outstanding gauge',
    ...servers.map((server) => `banyan_upstream_outstanding{upstream="${server.upstream.name}"} ${server.outstanding}`),
    '# HELP banyan_config_generation Files accepted since the process started.',
    '# TYPE banyan_config_generation gauge',
    `banyan_config_generation ${generations.current.number}`,
    '# HELP banyan_config_rejected_total Files not accepted since the process started.',
    '# TYPE banyan_config_rejected_total counter',
    `banyan_config_rejected_total ${generations.rejected}`,
  ];
}
