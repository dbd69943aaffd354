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
import { runNode, startNode, type Process } from '../process.ts';
import { median, spread, table } from '../statistics.ts';
import type { Bench, Figures } from '../bench.ts';

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
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const upstream = startNode([here('./upstream.js')], { core: LOAD_CORE });
  const started: Process[] = [upstream];
  try {
    const url = `http://127.0.0.1:${portOf(await upstream.line(/^ready /))}`;
    const proxies = [await startBanyan(url, folder), await startBare(url)];
    started.push(...proxies.map((proxy) => proxy.process));
    const samples = new Map<string, Sample[]>();
    for (const scenario of SCENARIOS) for (const proxy of proxies) await measure(proxy, scenario, 2); // Compiled and connected before it counts.
    for (let round = 0; round < rounds; round += 1) {
      for (const scenario of SCENARIOS) {
        for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed()) {
          const sample = await measure(proxy, scenario, seconds);
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

async function startBanyan(upstream: string, folder: string): Promise<Proxy> {
  const file = join(folder, 'routing.yaml');
  writeFileSync(
    file,
    `version: 1\nupstreams: { legacy: "${upstream}" }\ndefault: legacy\nroutes:\n  small: { match: ANY /1k, stage: legacy }\n  large: { match: GET /100k, stage: legacy }\n`,
  );
  const main = fileURLToPath(import.meta.resolve('@banyan/gateway/main'));
  const process = startNode([main, 'start', '--routing', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], {
    core: PROXY_CORE,
  });
  return { name: 'banyan', process, port: portOf(await process.line(/^ready /)) };
}

async function startBare(upstream: string): Promise<Proxy> {
  const process = startNode([here('./bare.js'), upstream], { core: PROXY_CORE });
  return { name: 'bare', process, port: portOf(await process.line(/^ready /)) };
}

async function measure(proxy: Proxy, scenario: (typeof SCENARIOS)[number], seconds: number): Promise<Sample> {
  const load: Load = {
    port: proxy.port,
    method: scenario.method,
    path: scenario.path,
    body: scenario.body,
    connections: CONNECTIONS,
    seconds,
  };
  const before = proxy.process.cpuUs();
  const loaded = JSON.parse(await runNode([here('../load.js'), JSON.stringify(load)], { core: LOAD_CORE })) as Loaded;
  const cpuUs = proxy.process.cpuUs() - before;
  return {
    requests: loaded.requests,
    failures: loaded.failures,
    perSecond: loaded.requests / loaded.seconds,
    p50: loaded.p50,
    p99: loaded.p99,
    cpuUs: cpuUs / loaded.requests,
    rssMiB: proxy.process.rssMiB(),
  };
}

function report(samples: ReadonlyMap<string, readonly Sample[]>, say: (line: string) => void): Figures {
  const rows = [
    ['scenario', 'proxy', 'CPU µs/request best', 'median (range)', 'req/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'failures'],
  ];
  const ratios: string[] = [];
  const best = (key: string): number => Math.min(...(samples.get(key) ?? []).map((sample) => sample.cpuUs));
  for (const { name } of SCENARIOS) {
    for (const proxy of ['banyan', 'bare'] as const) {
      const own = samples.get(`${name} ${proxy}`) ?? [];
      const of = (pick: (sample: Sample) => number): number[] => own.map(pick);
      rows.push([
        name,
        proxy,
        best(`${name} ${proxy}`).toFixed(1),
        spread(
          of((sample) => sample.cpuUs),
          1,
        ),
        median(of((sample) => sample.perSecond)).toFixed(0),
        median(of((sample) => sample.p50)).toFixed(2),
        median(of((sample) => sample.p99)).toFixed(2),
        Math.max(...of((sample) => sample.rssMiB)).toFixed(0),
        String(of((sample) => sample.failures).reduce((sum, count) => sum + count, 0)),
      ]);
    }
    ratios.push(
      `${name}: bare takes ${(best(`${name} bare`) / best(`${name} banyan`)).toFixed(2)} × banyan's CPU per request`,
    );
  }
  say(table(rows));
  for (const ratio of ratios) say(ratio);
  const against = best('GET 1 KB banyan') / best('GET 1 KB bare');
  const failures = [...samples.values()].flat().some((sample) => sample.failures > 0);
  return {
    figures: Object.fromEntries(samples),
    gates: [
      {
        name: `GET 1 KB: best CPU per request at most ${GATE} × bare's`,
        value: against.toFixed(2),
        met: against <= GATE,
      },
      { name: 'no request failed', value: String(!failures), met: !failures },
    ],
  };
}
