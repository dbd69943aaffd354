/** One proxy under one load: what it served, how fast, and what it used for it. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Load, Loaded } from '../load.ts';
import { runProgram } from '../process.ts';
import { here, LOAD_CORE, type Proxy } from './place.ts';
import type { Workload } from './workload.ts';
import { hasWrk, loadByWrk } from './wrk.ts';

export const CONNECTIONS = 64;

export interface Sample {
  readonly requests: number;
  readonly failures: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU per request, in microseconds. */
  readonly cpuUs: number;
  /** Of one core, 0 to 1: well below 1, something else than the proxy was the bottleneck. */
  readonly busy: number;
  /** For which share of the time the proxy (or a thread of it) was ready to run and others had its core: the disturbance. */
  readonly waited: number;
  readonly rssMiB: number;
  /** The machine's load average when it began. */
  readonly load: number;
}

export interface Turn {
  readonly proxy: Proxy;
  readonly workload: Workload;
  readonly seconds: number;
  /** Requests a second in an open loop; null: a closed loop. */
  readonly perSecond: number | null;
  /** For scripts. */
  readonly folder: string;
}

export async function measure({ proxy, workload, seconds, perSecond, folder }: Turn): Promise<Sample> {
  const load: Load = { ...workload, port: proxy.port, connections: CONNECTIONS, seconds, perSecond };
  const average = loadavg()[0] ?? 0;
  const cpuBefore = proxy.process.cpuUs();
  const waitedBefore = proxy.process.waitedUs();
  const loaded =
    hasWrk && perSecond === null ? await loadByWrk(load, folder, LOAD_CORE) : await loadByNode(load, folder);
  const cpuUs = proxy.process.cpuUs() - cpuBefore;
  return {
    requests: loaded.requests,
    failures: loaded.failures,
    perSecond: loaded.requests / loaded.seconds,
    p50: loaded.p50,
    p99: loaded.p99,
    cpuUs: cpuUs / loaded.requests,
    busy: cpuUs / (loaded.seconds * 1e6),
    waited: (proxy.process.waitedUs() - waitedBefore) / (loaded.seconds * 1e6),
    rssMiB: proxy.process.rssMiB(),
    load: average,
  };
}

const LOAD_END_MS = 20_000; // Beyond the load's own seconds.

async function loadByNode(load: Load, folder: string): Promise<Loaded> {
  const file = join(folder, 'load.json');
  writeFileSync(file, JSON.stringify(load));
  const said = await runProgram(
    process.execPath,
    [here('../load.js'), file],
    LOAD_CORE,
    load.seconds * 1_000 + LOAD_END_MS,
  );
  return JSON.parse(said) as Loaded;
}

/** Samples by workload and proxy, one of each round. */
export class Samples {
  readonly #samples = new Map<string, Map<string, Sample[]>>();

  add(workload: string, proxy: string, sample: Sample): void {
    let proxies = this.#samples.get(workload);
    if (proxies === undefined) this.#samples.set(workload, (proxies = new Map()));
    const known = proxies.get(proxy);
    if (known === undefined) proxies.set(proxy, [sample]);
    else known.push(sample);
  }

  has(workload: string): boolean {
    return this.#samples.has(workload);
  }

  /** In the order in which they were first measured. */
  proxies(workload: string): readonly string[] {
    return [...(this.#samples.get(workload)?.keys() ?? [])];
  }

  /** One value a round; none when the proxy was not measured. */
  of(workload: string, proxy: string, pick: (sample: Sample) => number): readonly number[] {
    return (this.#samples.get(workload)?.get(proxy) ?? []).map(pick);
  }

  /** CPU per request of the least disturbed round, in microseconds; NaN when the proxy was not measured. */
  best(workload: string, proxy: string): number {
    const all = this.of(workload, proxy, ({ cpuUs }) => cpuUs);
    return all.length === 0 ? Number.NaN : Math.min(...all);
  }

  /** For JSON. */
  plain(): Readonly<Record<string, Readonly<Record<string, readonly Sample[]>>>> {
    return Object.fromEntries([...this.#samples].map(([workload, proxies]) => [workload, Object.fromEntries(proxies)]));
  }
}
