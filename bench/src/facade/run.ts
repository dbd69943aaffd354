/**
 * `bench facade`: the facade with everything on beside bare @fastify/http-proxy, in one run, ABBA. One core has the proxy alone, the other
 * the load and the server behind. CPU per request is the figure that repeats; requests per second and latencies depend on the
 * neighbours.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Load, Loaded } from '../load.ts';
import { pins, runProgram, startNode, type Process } from '../process.ts';
import { median, spread, table } from '../statistics.ts';
import type { Bench, Figures } from '../bench.ts';
import { hasWrk, loadByWrk } from './wrk.ts';

const PROXY_CORE = 0;
const LOAD_CORE = 1;
const CONNECTIONS = 64;
// Best-of-rounds CPU per request against bare's for a GET of 1 KB.
const GATE = 1.05;

const SCENARIOS = [
  { name: 'GET 1 KB', method: 'GET', path: '/1k', body: 0 },
  { name: 'POST 2 KB', method: 'POST', path: '/1k', body: 2_048 },
  { name: 'GET 100 KB', method: 'GET', path: '/100k', body: 0 },
] as const;

interface Sample {
  readonly requests: number;
  readonly failures: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuUs: number;
  /** Of one core, 0 to 1: well below 1, something else than the proxy was the bottleneck. */
  readonly busy: number;
  readonly rssMiB: number;
}

interface Proxy {
  readonly name: 'banyan' | 'bare';
  readonly process: Process;
  readonly port: number;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const portOf = (line: string): number => Number(/(\d+)$/.exec(line)?.[1]);

export const facade: Bench = async ({ rounds, seconds, say }) => {
  say(`load by ${hasWrk ? 'wrk' : 'our own client'}, ${CONNECTIONS} connections; ${pins ? 'pinned' : 'not pinned'}`);
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const upstream = startNode([here('./upstream.js')], { core: LOAD_CORE });
  const started: Process[] = [upstream];
  try {
    const url = `http://127.0.0.1:${portOf(await upstream.line(/^ready /))}`;
    const proxies: Proxy[] = [];
    for (const start of [startBanyan, startBare]) {
      const proxy = await start(url, folder, (process) => started.push(process));
      proxies.push(proxy);
    }
    const samples = new Map<string, Sample[]>();
    for (const scenario of SCENARIOS)
      for (const proxy of proxies) await measure(proxy, scenario, { seconds: 2, folder }); // Compiled and connected before it counts.
    for (let round = 0; round < rounds; round += 1) {
      for (const scenario of SCENARIOS) {
        for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed()) {
          const sample = await measure(proxy, scenario, { seconds, folder });
          const key = `${scenario.name} ${proxy.name}`;
          samples.set(key, [...(samples.get(key) ?? []), sample]);
        }
      }
      say(`round ${round + 1} of ${rounds}`);
    }
    return report(samples, say);
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Told of a process as soon as it runs: what does not become ready has to be stopped too. */
type OnStart = (process: Process) => void;

async function startBanyan(upstream: string, folder: string, onStart: OnStart): Promise<Proxy> {
  const file = join(folder, 'routing.yaml');
  writeFileSync(
    file,
    `version: 1\nupstreams: { legacy: "${upstream}" }\ndefault: legacy\nroutes:\n  small: { match: ANY /1k, stage: legacy }\n  large: { match: GET /100k, stage: legacy }\n`,
  );
  const main = fileURLToPath(import.meta.resolve('@banyan/gateway/main'));
  const process = startNode([main, 'start', '--routing', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], {
    core: PROXY_CORE,
  });
  onStart(process);
  return { name: 'banyan', process, port: portOf(await process.line(/^ready /)) };
}

async function startBare(upstream: string, _folder: string, onStart: OnStart): Promise<Proxy> {
  const process = startNode([here('./bare.js'), upstream], { core: PROXY_CORE });
  onStart(process);
  return { name: 'bare', process, port: portOf(await process.line(/^ready /)) };
}

interface Measuring {
  readonly seconds: number;
  readonly folder: string;
}

async function measure(
  proxy: Proxy,
  scenario: (typeof SCENARIOS)[number],
  { seconds, folder }: Measuring,
): Promise<Sample> {
  const load: Load = {
    port: proxy.port,
    method: scenario.method,
    path: scenario.path,
    body: scenario.body,
    connections: CONNECTIONS,
    seconds,
  };
  const before = proxy.process.cpuUs();
  const loaded = hasWrk ? await loadByWrk(load, folder, LOAD_CORE) : await loadByNode(load);
  const cpuUs = proxy.process.cpuUs() - before;
  return {
    requests: loaded.requests,
    failures: loaded.failures,
    perSecond: loaded.requests / loaded.seconds,
    p50: loaded.p50,
    p99: loaded.p99,
    cpuUs: cpuUs / loaded.requests,
    busy: cpuUs / (loaded.seconds * 1e6),
    rssMiB: proxy.process.rssMiB(),
  };
}

const LOAD_END_MS = 20_000; // Beyond the load's own seconds.

async function loadByNode(load: Load): Promise<Loaded> {
  const args = [here('../load.js'), JSON.stringify(load)];
  return JSON.parse(await runProgram(process.execPath, args, LOAD_CORE, load.seconds * 1_000 + LOAD_END_MS)) as Loaded;
}

const HEAD = [
  'scenario',
  'proxy',
  'CPU µs/request best',
  'median (range)',
  'req/s',
  'p50 ms',
  'p99 ms',
  'core busy',
  'RSS MiB',
  'failures',
] as const;

/** Of each scenario, the rounds of both. */
type Samples = ReadonlyMap<string, readonly Sample[]>;

function of(samples: Samples, scenario: string, proxy: Proxy['name'], pick: (sample: Sample) => number): number[] {
  return (samples.get(`${scenario} ${proxy}`) ?? []).map(pick);
}

function bestCpu(samples: Samples, scenario: string, proxy: Proxy['name']): number {
  return Math.min(...of(samples, scenario, proxy, ({ cpuUs }) => cpuUs));
}

function rowOf(samples: Samples, scenario: string, proxy: Proxy['name']): readonly string[] {
  const all = (pick: (sample: Sample) => number): number[] => of(samples, scenario, proxy, pick);
  return [
    scenario,
    proxy,
    bestCpu(samples, scenario, proxy).toFixed(1),
    spread(
      all(({ cpuUs }) => cpuUs),
      1,
    ),
    median(all(({ perSecond }) => perSecond)).toFixed(0),
    median(all(({ p50 }) => p50)).toFixed(2),
    median(all(({ p99 }) => p99)).toFixed(2),
    `${(100 * median(all(({ busy }) => busy))).toFixed(0)} %`,
    Math.max(...all(({ rssMiB }) => rssMiB)).toFixed(0),
    String(all(({ failures }) => failures).reduce((sum, count) => sum + count, 0)),
  ];
}

function ratiosOf(samples: Samples, scenario: string): string {
  const middle = (proxy: Proxy['name'], pick: (sample: Sample) => number): number =>
    median(of(samples, scenario, proxy, pick));
  const bareOver = (pick: (sample: Sample) => number): string =>
    (middle('bare', pick) / middle('banyan', pick)).toFixed(2);
  const best = bestCpu(samples, scenario, 'bare') / bestCpu(samples, scenario, 'banyan');
  const served = middle('banyan', ({ perSecond }) => perSecond) / middle('bare', ({ perSecond }) => perSecond);
  return [
    `${scenario}: bare takes ${best.toFixed(2)} × banyan's CPU per request (best rounds), ${bareOver(({ cpuUs }) => cpuUs)} × (medians)`,
    `banyan serves ${served.toFixed(2)} × bare's requests a second`,
    `bare's p99 is ${bareOver(({ p99 }) => p99)} × banyan's`,
  ].join('; ');
}

function report(samples: Samples, say: (line: string) => void): Figures {
  const rows = SCENARIOS.flatMap(({ name }) => [rowOf(samples, name, 'banyan'), rowOf(samples, name, 'bare')]);
  say(table([HEAD, ...rows]));
  for (const { name } of SCENARIOS) say(ratiosOf(samples, name));
  const against = bestCpu(samples, 'GET 1 KB', 'banyan') / bestCpu(samples, 'GET 1 KB', 'bare');
  const failures = [...samples.values()].flat().some((sample) => sample.failures > 0);
  return {
    figures: Object.fromEntries(samples),
    gates: [
      {
        name: `GET 1 KB: best CPU per request at most ${GATE} × bare's`,
        value: `${against.toFixed(2)} ×`,
        met: against <= GATE,
      },
      { name: 'no request failed', value: String(!failures), met: !failures },
    ],
  };
}
