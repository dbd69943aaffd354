/**
 * The facade's metrics. Requests are counted in plain arrays, turned into Prometheus' text only at a scrape: a labelled
 * `observe` costs half a microsecond a request, an array slot a hundredth of that (docs/adr/0005). What is not on the request
 * path (process figures) comes from prom-client. Everything leaves here as families (`core/family.ts`), so that the figures of
 * several workers can be told as one.
 */
import { collectDefaultMetrics, Registry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import type { BreakerState } from './breaker.ts';
import { memberFamilies } from './census.ts';
import { labelsOf, textOf, type Family, type Sample } from './core/family.ts';
import type { Generations, Standing } from './generation.ts';
import type { Fleet } from './upstream.ts';

/** Upper bounds in seconds: from a cached answer to the longest timeout of the defaults. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
// Statuses of one series: a server cannot make more than these rows by inventing codes.
const MAX_STATUSES = 64;

export type ServedBy = 'legacy' | 'new' | 'none';

/** Of one route and side: how its requests ended, by reason and status, and how long they took. */
interface Row {
  readonly statuses: Map<string, Map<number, number>>;
  readonly buckets: Float64Array;
  sum: number;
  count: number;
}

/** Counts what is off the hot path, or rare. A new row costs a map entry: values of labels must come from a bounded set. */
export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #labels: readonly string[];
  readonly #rows = new Map<string, { readonly values: readonly string[]; count: number }>();

  constructor(name: string, help: string, labels: readonly string[]) {
    this.#name = name;
    this.#help = help;
    this.#labels = labels;
  }

  /** @param values of the labels, in their order */
  add(...values: readonly string[]): void {
    const key = values.join(' ');
    let row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, (row = { values, count: 0 }));
    row.count += 1;
  }

  family(): Family {
    const samples = [...this.#rows.values()].map(({ values, count }): Sample => {
      const labels = this.#labels.map((label, index) => [label, values[index] ?? ''] as const);
      return [this.#name, labelsOf(labels), count];
    });
    // Without labels there is one row, and it is there from the start.
    if (this.#labels.length === 0 && samples.length === 0) samples.push([this.#name, '', 0]);
    return { name: this.#name, help: this.#help, type: 'counter', across: 'sum', samples };
  }
}

export class Metrics {
  readonly #process = new Registry();
  readonly #labels: readonly (readonly [string, string])[];
  /** By route and side: found without making a key, for every request asks. */
  readonly #rows = new Map<string, Map<ServedBy, Row>>();
  readonly #fallbacks = new Counter('banyan_fallback_total', 'Reads that legacy answered because new could not.', [
    'route',
    'because',
  ]);
  readonly #withheld = new Counter(
    'banyan_fallback_withheld_total',
    'Reads that legacy was not asked for, because it had none to spare.',
    ['route', 'because'],
  );
  readonly #bridges = new Counter(
    'banyan_bridge_failures_total',
    'Answers of REST services that could not be told as the WSDL has it, by reason.',
    ['route', 'code'],
  );
  readonly #sources: (() => readonly Family[])[] = [];

  /** @param worker its name among several, which the process figures are then told under; null: it is the only one */
  constructor(worker: string | null = null) {
    this.#labels = worker === null ? [] : [['worker', worker]];
    collectDefaultMetrics({ register: this.#process });
  }

  /** One request that ended. Routes come from the file, so the rows are bounded. `seconds` is its whole duration. */
  request(route: string, side: ServedBy, because: string, ended: { status: number; seconds: number }): void {
    let sides = this.#rows.get(route);
    if (sides === undefined) this.#rows.set(route, (sides = new Map()));
    let row = sides.get(side);
    if (row === undefined)
      sides.set(side, (row = { statuses: new Map(), buckets: new Float64Array(BOUNDS.length), sum: 0, count: 0 }));
    let statuses = row.statuses.get(because);
    if (statuses === undefined) row.statuses.set(because, (statuses = new Map()));
    const known = statuses.get(ended.status);
    if (known !== undefined) statuses.set(ended.status, known + 1);
    else {
      const status = statuses.size < MAX_STATUSES ? ended.status : 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    row.sum += ended.seconds;
    row.count += 1;
    for (let index = 0; index < BOUNDS.length; index += 1) {
      if (ended.seconds <= (BOUNDS[index] ?? 0)) {
        row.buckets[index] = (row.buckets[index] ?? 0) + 1;
        break;
      }
    }
  }

  *#each(): Generator<{ readonly route: string; readonly side: ServedBy; readonly row: Row }> {
    for (const [route, sides] of this.#rows) for (const [side, row] of sides) yield { route, side, row };
  }

  fallback(route: string, because: string): void {
    this.#fallbacks.add(route, because);
  }

  /** A read that legacy was not asked for in new's place: it has no budget for it, or a breaker that is open. */
  withheld(route: string, because: string): void {
    this.#withheld.add(route, because);
  }

  /** An answer of a REST service that was no answer of the operation. */
  bridge(route: string, code: string): void {
    this.#bridges.add(route, code);
  }

  /** What others count is told with the rest; asked for at each scrape. */
  also(source: () => readonly Family[]): void {
    this.#sources.push(source);
  }

  /** Everything that is known, in Prometheus' text format 0.0.4. */
  async text(generations: Generations): Promise<string> {
    return textOf([...(await this.families(generations.fleet)), ...standingFamilies(generations)]);
  }

  /** What this process has counted, and how it and its upstreams are. */
  async families(fleet: Fleet): Promise<readonly Family[]> {
    return [
      this.#requests(),
      this.#histograms(),
      this.#fallbacks.family(),
      this.#withheld.family(),
      this.#bridges.family(),
      ...this.#sources.flatMap((source) => source()),
      ...fleetFamilies(fleet),
      ...memberFamilies(fleet),
      ...(await this.processFamilies()),
    ];
  }

  /** The figures of this process alone: memory, CPU, event loop. */
  async processFamilies(): Promise<readonly Family[]> {
    return (await this.#process.getMetricsAsJSON()).map((metric) => ownFamily(metric, this.#labels));
  }

  #requests(): Family {
    const samples: Sample[] = [];
    for (const { route, side, row } of this.#each()) {
      for (const [because, statuses] of row.statuses) {
        for (const [status, count] of statuses) {
          const labels = labelsOf([
            ['route', route],
            ['side', side],
            ['status', status],
            ['because', because],
          ]);
          samples.push(['banyan_requests_total', labels, count]);
        }
      }
    }
    const help = 'Requests that ended, by route, side, status and reason.';
    return { name: 'banyan_requests_total', help, type: 'counter', across: 'sum', samples };
  }

  #histograms(): Family {
    const name = 'banyan_request_duration_seconds';
    const samples = [...this.#each()].flatMap(({ route, side, row: { buckets, sum, count } }): Sample[] => {
      const labels = labelsOf([
        ['route', route],
        ['side', side],
      ]);
      let running = 0;
      const rows = BOUNDS.map((bound, index): Sample => {
        running += buckets[index] ?? 0;
        return [`${name}_bucket`, `${labels},le="${bound}"`, running];
      });
      return [
        ...rows,
        [`${name}_bucket`, `${labels},le="+Inf"`, count],
        [`${name}_sum`, labels, sum],
        [`${name}_count`, labels, count],
      ];
    });
    const help = 'From the request line to the end of the answer.';
    return { name, help, type: 'histogram', across: 'sum', samples };
  }
}

function ownFamily(
  metric: MetricObjectWithValues<MetricValue<string>>,
  own: readonly (readonly [string, string])[],
): Family {
  const { name, help, type, values } = metric;
  return {
    name,
    help,
    // prom-client's types are Prometheus' own words.
    type: String(type) as Family['type'],
    across: 'own',
    samples: values.map((sample): Sample => {
      const labels = Object.entries(sample.labels).map(([key, value]) => [key, value ?? ''] as const);
      return [sampleName(sample) ?? name, labelsOf([...labels, ...own]), sample.value];
    }),
  };
}

/** A histogram's rows have names of their own, which prom-client's types do not tell of. */
function sampleName(sample: object): string | null {
  return 'metricName' in sample && typeof sample.metricName === 'string' ? sample.metricName : null;
}

const BREAKER: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** How the upstreams of one process are. Of several processes the worst state of a breaker is told: each has its own. */
function fleetFamilies(fleet: Fleet): readonly Family[] {
  const servers = [...fleet.servers.values()];
  const named = (name: string): string => labelsOf([['upstream', name]]);
  return [
    {
      name: 'banyan_breaker_state',
      help: '0 closed, 1 half-open, 2 open; of several workers the worst.',
      type: 'gauge',
      across: 'max',
      samples: servers.map(({ upstream, breaker }): Sample => [
        'banyan_breaker_state',
        named(upstream.name),
        BREAKER[breaker.state],
      ]),
    },
    {
      name: 'banyan_upstream_outstanding',
      help: 'Requests handed to the upstream that have not ended.',
      type: 'gauge',
      across: 'sum',
      samples: servers.map(({ upstream, outstanding }): Sample => [
        'banyan_upstream_outstanding',
        named(upstream.name),
        outstanding,
      ]),
    },
  ];
}

/** Which file is in force. One process follows the file for all of them. */
export function standingFamilies({ current, rejected }: Standing): readonly Family[] {
  return [
    {
      name: 'banyan_config_generation',
      help: 'Files accepted since the process started.',
      type: 'gauge',
      across: 'max',
      samples: [['banyan_config_generation', '', current.number]],
    },
    {
      name: 'banyan_config_rejected_total',
      help: 'Files not accepted since the process started.',
      type: 'counter',
      across: 'max',
      samples: [['banyan_config_rejected_total', '', rejected]],
    },
  ];
}
