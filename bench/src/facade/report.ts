/** What the rounds of `bench facade` come to: tables, ratios against bare, gates (which decide) and aims (which are told). */
import type { Figures, Gate } from '../bench.ts';
import { median, spread, table } from '../statistics.ts';
import type { Matching } from './matching.ts';
import type { Sample, Samples } from './measure.ts';
import { FEW, MANY } from './workload.ts';

export interface Outcome {
  readonly samples: Samples;
  /** Null: not measured. */
  readonly matching: Matching | null;
  /** What was not measured, and why. */
  readonly leftOut: readonly string[];
  /** Of the peers, in their own words. */
  readonly versions: Readonly<Record<string, string>>;
}

interface Goal {
  readonly title: string;
  /** Bare's best CPU per request divided by Banyan's. */
  readonly gate: number;
  readonly aim: number;
}

const GOALS: ReadonlyMap<string, Goal> = new Map([
  ['get1k', { title: 'GET 1 KB', gate: 1.5, aim: 1.7 }],
  ['post2k', { title: 'POST 2 KB', gate: 1.9, aim: 2.3 }],
  ['get100k', { title: 'GET 100 KB', gate: 1.1, aim: 1.3 }],
  ['urls', { title: `5,000 URLs on ${MANY} routes`, gate: 1.9, aim: 2.3 }],
]);
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['match', `5,000 URLs on ${FEW} and on ${MANY} routes`],
  ['workers', 'GET 1 KB by one worker and by two, on both cores'],
  ['p99', 'GET 1 KB in an open loop, far from what either can do'],
]);
const TITLES: ReadonlyMap<string, string> = new Map([
  ...[...GOALS].map(([name, { title }]) => [name, title] as const),
  ...OTHERS,
]);

const MATCH_US = 1; // What one of many routes may cost more than one of few.
const WORKERS_RATIO = 1.15;
const P99_RATIO = 1.1;
/** The parts in which each request passes a proxy that has a core for itself. */
const LEVEL = [...GOALS.keys()];

export function report(outcome: Outcome, say: (line: string) => void): Figures {
  const { samples, matching } = outcome;
  for (const [name, title] of TITLES) {
    if (!samples.has(name)) continue;
    say('');
    say(title);
    say(tableOf(samples, name));
  }
  say('');
  const figures = { ...outcome, samples: samples.plain() };
  if (matching !== null) say(matchingLine(matching));
  for (const line of aims(samples)) say(line);
  return { figures, gates: gatesOf(outcome) };
}

const HEAD: readonly string[] = [
  'proxy',
  'CPU µs/request best',
  'median (range)',
  'bare/this best',
  'req/s',
  'this/bare',
  'p50 ms',
  'p99 ms (range)',
  'core busy',
  'core denied',
  'RSS MiB',
  'failed',
];

function tableOf(samples: Samples, name: string): string {
  return table([HEAD, ...samples.proxies(name).map((proxy) => rowOf(samples, name, proxy))]);
}

function rowOf(samples: Samples, name: string, proxy: string): readonly string[] {
  const all = (pick: (sample: Sample) => number, of = proxy): readonly number[] => samples.of(name, of, pick);
  const percent = (values: readonly number[]): string => `${(100 * median(values)).toFixed(0)} %`;
  const ratio = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(2));
  const perSecond = all((sample) => sample.perSecond);
  // By round, so that what slows the whole machine down for a while does not count.
  const bares = all((sample) => sample.perSecond, 'bare');
  const served = median(perSecond.map((value, round) => value / (bares[round] ?? Number.NaN)));
  return [
    proxy,
    samples.best(name, proxy).toFixed(1),
    spread(
      all((sample) => sample.cpuUs),
      1,
    ),
    ratio(samples.best(name, 'bare') / samples.best(name, proxy)),
    median(perSecond).toFixed(0),
    ratio(served),
    median(all((sample) => sample.p50)).toFixed(2),
    spread(
      all((sample) => sample.p99),
      2,
    ),
    percent(all((sample) => sample.busy)),
    percent(all((sample) => sample.waited)),
    Math.max(...all((sample) => sample.rssMiB)).toFixed(0),
    String(all((sample) => sample.failures).reduce((sum, count) => sum + count, 0)),
  ];
}

/** Microseconds that finding one of many routes costs more than one of few, by best rounds. */
function moreUs({ few, many }: Matching): number {
  return (Math.min(...many) - Math.min(...few)) / 1_000;
}

function matchingLine(matching: Matching): string {
  const us = (nanoseconds: readonly number[]): string =>
    spread(
      nanoseconds.map((value) => value / 1_000),
      3,
    );
  return `matching alone, µs: one of ${FEW} routes ${us(matching.few)}, one of ${MANY} ${us(matching.many)}`;
}

const gained = (samples: Samples, name: string): number => samples.best(name, 'bare') / samples.best(name, 'banyan');

/** What is aimed at, and how far it is; missing it fails nothing. */
function aims(samples: Samples): readonly string[] {
  const told = [...GOALS].flatMap(([name, { title, aim }]) => {
    if (!samples.has(name)) return [];
    const ratio = gained(samples, name);
    const lines = [
      `${mark(ratio >= aim)} ${title}: bare's best CPU per request at least ${aim} × banyan's: ${ratio.toFixed(2)} ×`,
    ];
    if (samples.proxies(name).includes('traefik')) {
      const [ours, theirs] = [samples.best(name, 'banyan'), samples.best(name, 'traefik')];
      lines.push(`${mark(ours < theirs)} ${title}: below Traefik's: ${ours.toFixed(1)} µs to ${theirs.toFixed(1)} µs`);
    }
    return lines;
  });
  return told;
}

const mark = (reached: boolean): string => (reached ? 'aim reached    ' : 'aim not reached');

function gatesOf({ samples, matching }: Outcome): readonly Gate[] {
  const gates: Gate[] = [];
  for (const [name, { title, gate }] of GOALS) {
    if (!samples.has(name)) continue;
    const ratio = gained(samples, name);
    const text = `${title}: bare's best CPU per request at least ${gate} × banyan's`;
    gates.push({ name: text, value: `${ratio.toFixed(2)} ×`, met: ratio >= gate });
  }
  if (samples.proxies('get1k').includes('caddy')) {
    const [ours, theirs] = [samples.best('get1k', 'banyan'), samples.best('get1k', 'caddy')];
    const value = `${ours.toFixed(1)} µs to ${theirs.toFixed(1)} µs`;
    gates.push({ name: "GET 1 KB: best CPU per request below Caddy's", value, met: ours < theirs });
  }
  if (matching !== null) {
    const more = moreUs(matching);
    const name = `matching one of ${MANY} routes at most ${MATCH_US} µs dearer than one of ${FEW}`;
    gates.push({ name, value: `${more.toFixed(3)} µs`, met: more <= MATCH_US });
  }
  if (samples.has('workers')) {
    const ratio = samples.best('workers', '2 workers') / samples.best('workers', '1 worker');
    const name = `best CPU per request of two workers at most ${WORKERS_RATIO} × that of one`;
    gates.push({ name, value: `${ratio.toFixed(2)} ×`, met: ratio <= WORKERS_RATIO });
  }
  return [...gates, ...calm(samples), ...failures(samples)];
}

function calm(samples: Samples): readonly Gate[] {
  if (!samples.has('p99')) return [];
  const p99 = (proxy: string): readonly number[] => samples.of('p99', proxy, (sample) => sample.p99);
  const [ours, theirs] = [median(p99('banyan')), median(p99('bare'))];
  const name = `open loop: median p99 of ${p99('banyan').length} rounds at most ${P99_RATIO} × bare's`;
  const value = `${ours.toFixed(2)} ms to ${theirs.toFixed(2)} ms`;
  return [{ name, value, met: ours <= P99_RATIO * theirs }];
}

function failures(samples: Samples): readonly Gate[] {
  const failed = [...LEVEL, ...OTHERS.keys()].flatMap((name) =>
    samples.proxies(name).flatMap((proxy) => {
      const count = samples.of(name, proxy, (sample) => sample.failures).reduce((sum, more) => sum + more, 0);
      return count === 0 ? [] : [`${count} of ${proxy} in ${name}`];
    }),
  );
  return [
    { name: 'no request failed', value: failed.length === 0 ? 'true' : failed.join(', '), met: failed.length === 0 },
  ];
}
