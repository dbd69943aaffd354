/**
 * `bench breaker`: what failures cost beside themselves. The facade is asked for answers that are all well, and for answers of which
 * each tenth is a failure, by turns. Beside it a small proxy that has opossum around each request, with its percentiles on (the
 * default, which sorts every latency of the window at each failure) and off.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Figures } from '../bench.ts';
import { measure, type Sample } from '../facade/measure.ts';
import { LOAD_CORE, PROXY_CORE, type Proxy } from '../facade/place.ts';
import { startNode, type Process } from '../process.ts';
import { median, spread, table } from '../statistics.ts';

const FAILING = 0.1;
// A tenth of the requests fail: that much less is served well. Everything beyond is the breaker's, the log's or the counters'.
const GATE = 1 - FAILING;
const WARM_SECONDS = 2;
const NAMES = ['banyan', 'opossum, percentiles on', 'opossum, percentiles off'] as const;
type Name = (typeof NAMES)[number];
const PATHS = ['/fine', '/some'] as const;
type Path = (typeof PATHS)[number];

/** Samples by proxy and path, one of each round. */
type Rounds = Readonly<Record<Name, Readonly<Record<Path, Sample[]>>>>;

export const breaker: Bench = async ({ rounds, seconds, say }) => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const started: Process[] = [];
  try {
    const proxies = await open(folder, (process) => started.push(process));
    const none = (): Record<Path, Sample[]> => ({ '/fine': [], '/some': [] });
    const samples: Rounds = { [NAMES[0]]: none(), [NAMES[1]]: none(), [NAMES[2]]: none() };
    for (const proxy of proxies.values())
      for (const path of PATHS) await load(proxy, path, { seconds: WARM_SECONDS, folder });
    for (let round = 1; round <= rounds; round += 1) {
      for (const [name, proxy] of proxies)
        for (const path of round % 2 === 1 ? PATHS : PATHS.toReversed())
          samples[name][path].push(await load(proxy, path, { seconds, folder }));
      say(`round ${round} of ${rounds}`);
    }
    return report(samples, say);
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const portOf = (line: string): number => Number(/(\d+)$/.exec(line)?.[1]);

/** @param onStart told of each process as soon as it runs: what does not become ready has to be stopped too */
async function open(folder: string, onStart: (process: Process) => void): Promise<ReadonlyMap<Name, Proxy>> {
  const start = async (name: string, args: readonly string[], core: number): Promise<Proxy> => {
    const process = startNode(args, { core });
    onStart(process);
    return { name, process, port: portOf(await process.line(/^ready /)) };
  };
  const { port } = await start('upstream', [here('./upstream.js')], LOAD_CORE);
  const url = `http://127.0.0.1:${port}`;
  const file = join(folder, 'routing.yaml');
  writeFileSync(file, `version: 1\nupstreams: { legacy: "${url}" }\ndefault: legacy\n`);
  const main = fileURLToPath(import.meta.resolve('@banyan/gateway/main'));
  const banyan = [main, 'start', '--routing', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  return new Map([
    [NAMES[0], await start(NAMES[0], banyan, PROXY_CORE)],
    [NAMES[1], await start(NAMES[1], [here('./naive.js'), url, 'on'], PROXY_CORE)],
    [NAMES[2], await start(NAMES[2], [here('./naive.js'), url, 'off'], PROXY_CORE)],
  ]);
}

function load(
  proxy: Proxy,
  path: Path,
  { seconds, folder }: { readonly seconds: number; readonly folder: string },
): Promise<Sample> {
  const workload = { method: 'GET', paths: [path], customers: ['c-1'], body: 0 };
  return measure({ proxy, workload, seconds, perSecond: null, folder });
}

/** Of each round, the throughput with failures over that without. */
function kept(samples: Rounds, name: Name): readonly number[] {
  return samples[name]['/some'].map(
    ({ perSecond }, round) => perSecond / (samples[name]['/fine'][round]?.perSecond ?? Number.NaN),
  );
}

function report(samples: Rounds, say: (line: string) => void): Figures {
  const rows = NAMES.flatMap((name) =>
    PATHS.map((path) => {
      const all = samples[name][path];
      const of = (pick: (sample: Sample) => number): number[] => all.map(pick);
      return [
        name,
        path === '/fine' ? '0 %' : '10 %',
        spread(
          of(({ perSecond }) => perSecond),
          0,
        ),
        Math.min(...of(({ cpuUs }) => cpuUs)).toFixed(1),
        median(of(({ p99 }) => p99)).toFixed(2),
        `${((100 * all.reduce((sum, { failures }) => sum + failures, 0)) / all.reduce((sum, { requests }) => sum + requests, 0)).toFixed(1)} %`,
        path === '/fine' ? '' : spread(kept(samples, name), 2),
      ];
    }),
  );
  say(
    table([['proxy', 'failing', 'answers/s (range)', 'CPU µs best', 'p99 ms', 'failed', 'of the throughput'], ...rows]),
  );
  const banyan = median(kept(samples, NAMES[0]));
  const best = (path: Path): number => Math.min(...samples[NAMES[0]][path].map(({ cpuUs }) => cpuUs));
  const cpu = best('/some') / best('/fine');
  const shares = samples[NAMES[0]]['/some'].map(({ failures, requests }) => failures / requests);
  const real = shares.every((share) => Math.abs(share - FAILING) < 0.01);
  return {
    figures: samples,
    gates: [
      {
        name: `with ${100 * FAILING} % failures the facade serves at least ${GATE} of what it serves without (median)`,
        value: banyan.toFixed(2),
        met: banyan >= GATE,
      },
      {
        name: 'CPU per answer, of the best rounds, grows by no more than a tenth of the answers takes',
        value: `${cpu.toFixed(2)} ×`,
        met: cpu <= 1 / GATE,
      },
      { name: 'a tenth failed, and the breaker kept nothing away', value: String(real), met: real },
    ],
  };
}
