/**
 * `bench shadow`: what callers notice of 100 % of their reads being shadowed. One facade, whose file is changed between rounds: nobody
 * is asked a second time; a side that hangs is; one that answers is. Open loop at 30 % of what the facade can serve.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Figures } from '../bench.ts';
import { measure, type Sample } from '../facade/measure.ts';
import { here, LOAD_CORE, PROXY_CORE, type Proxy } from '../facade/place.ts';
import { startNode, type Process } from '../process.ts';
import { median, spread, table } from '../statistics.ts';

const SHARE = 0.3;
const WORKLOAD = { name: 'GET 1 KB', method: 'GET', paths: ['/1k'], customers: ['c-1'], body: 0 };
// The larger of the two: what callers may notice.
const GATE = { share: 0.05, ms: 1 };
const MODES = ['off', 'hangs', 'answers'] as const;
type Mode = (typeof MODES)[number];

// A file counts within a second of its change (docs/adr/0007); here it has the machine's other work to wait for.
const TURN_LIMIT_MS = 10_000;
const WARM_SECONDS = 2;

/** A facade, and who is behind it. */
interface Place {
  readonly proxy: Proxy;
  readonly admin: string;
  readonly file: string;
  readonly folder: string;
  readonly ports: { readonly legacy: number; readonly hangs: number; readonly answers: number };
}

export const shadow: Bench = async ({ rounds, seconds, say }) => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const started: Process[] = [];
  try {
    const place = await open(folder, (process) => started.push(process));
    let turns = 0;
    await turn(place, 'answers', (turns += 1));
    await load(place, WARM_SECONDS, null); // Compiled and connected before it counts.
    await turn(place, 'off', (turns += 1));
    const { perSecond } = await load(place, WARM_SECONDS, null);
    const rate = Math.round(perSecond * SHARE);
    say(`the facade serves ${perSecond.toFixed(0)} requests/s in a closed loop; rounds are at ${rate}/s`);
    const samples: Record<Mode, Sample[]> = { off: [], hangs: [], answers: [] };
    for (let round = 1; round <= rounds; round += 1) {
      for (const mode of round % 2 === 1 ? MODES : MODES.toReversed()) {
        await turn(place, mode, (turns += 1));
        samples[mode].push(await load(place, seconds, rate));
      }
      say(`round ${round} of ${rounds}`);
    }
    return report(samples, await counted(place), { rate, say });
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

async function open(folder: string, onStart: (process: Process) => void): Promise<Place> {
  const keep = (process: Process): Process => {
    onStart(process);
    return process;
  };
  const upstream = keep(startNode([here('./upstream.js')], { core: LOAD_CORE }));
  const candidate = keep(startNode([fileURLToPath(new URL('./candidate.js', import.meta.url))], { core: LOAD_CORE }));
  const [legacy = 0] = portsOf(await upstream.line(/^ready /));
  const [hangs = 0, answers = 0] = portsOf(await candidate.line(/^ready /));
  const ports = { legacy, hangs, answers };
  const file = join(folder, 'routing.yaml');
  writeFileSync(file, textOf(ports, 'off', 0));
  const main = fileURLToPath(import.meta.resolve('@banyan/gateway/main'));
  const args = [main, 'start', '--json', '--routing', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const process = keep(startNode(args, { core: PROXY_CORE }));
  const { ready, admin } = JSON.parse(await process.line(/^\{"ready"/)) as { ready: string; admin: string };
  const proxy = { name: 'banyan', process, port: Number(new URL(ready).port) };
  return { proxy, admin, file, folder, ports };
}

const portsOf = (line: string): number[] => line.split(' ').slice(1).map(Number);

/**
 * The routing file. `turns` changes what its candidates are, so that each round begins with connections and patience of its own, and
 * not with a pause that an earlier one has earned.
 */
function textOf(ports: Place['ports'], mode: Mode, turns: number): string {
  const candidate = (port: number): string =>
    `{ url: "http://127.0.0.1:${port}", connections: ${100 + turns}, timeout: { connect: 1s, headers: 5s, body: 30s } }`;
  return `version: 1
upstreams:
  legacy: "http://127.0.0.1:${ports.legacy}"
  hangs: ${candidate(ports.hangs)}
  answers: ${candidate(ports.answers)}
default: legacy
routes:
  small: { match: GET /1k, stage: ${mode === 'off' ? 'legacy' : 'shadow'}, new: ${mode === 'answers' ? 'answers' : 'hangs'} }
`;
}

/** Has the facade serve by another file; `turns` is new each time. */
async function turn(place: Place, mode: Mode, turns: number): Promise<void> {
  const before = await generation(place);
  writeFileSync(`${place.file}.next`, textOf(place.ports, mode, turns));
  renameSync(`${place.file}.next`, place.file);
  const limit = performance.now() + TURN_LIMIT_MS;
  while ((await generation(place)) === before) {
    if (performance.now() > limit) throw new Error(`the file for "${mode}" did not come into force`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function generation({ admin }: Place): Promise<number> {
  return ((await (await fetch(`${admin}/api/status`)).json()) as { generation: number }).generation;
}

function load({ proxy, folder }: Place, seconds: number, perSecond: number | null): Promise<Sample> {
  return measure({ proxy, workload: WORKLOAD, seconds, perSecond, folder });
}

/** What the facade says that it did: samples of its metrics, by their names and labels. */
async function counted({ admin }: Place): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const rows = text.split('\n').filter((line) => /^banyan_(?:shadow|parity)_/.test(line));
  return Object.fromEntries(
    rows.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

const WORDS: Readonly<Record<Mode, string>> = {
  off: 'nobody else is asked',
  hangs: 'a side that hangs is asked',
  answers: 'a side that answers is asked',
};

function report(
  samples: Readonly<Record<Mode, readonly Sample[]>>,
  counts: Readonly<Record<string, number>>,
  { rate, say }: { readonly rate: number; readonly say: (line: string) => void },
): Figures {
  const all = (mode: Mode, pick: (sample: Sample) => number): number[] => samples[mode].map(pick);
  const rows = MODES.map((mode) => [
    WORDS[mode],
    spread(
      all(mode, ({ p50 }) => p50),
      2,
    ),
    spread(
      all(mode, ({ p99 }) => p99),
      2,
    ),
    spread(
      all(mode, ({ cpuUs }) => cpuUs),
      0,
    ),
    `${(100 * median(all(mode, ({ waited }) => waited))).toFixed(0)} %`,
    Math.max(...all(mode, ({ rssMiB }) => rssMiB)).toFixed(0),
    String(all(mode, ({ failures }) => failures).reduce((sum, count) => sum + count, 0)),
  ]);
  say(table([['100 % of reads', 'p50 ms', 'p99 ms', 'CPU µs/request', 'core denied', 'RSS MiB', 'failures'], ...rows]));
  for (const [name, count] of Object.entries(counts)) say(`${name} ${count}`);
  const p99 = (mode: Mode): number => median(all(mode, (sample) => sample.p99));
  const allowed = Math.max(p99('off') * GATE.share, GATE.ms);
  const more = p99('hangs') - p99('off');
  const failures = MODES.flatMap((mode) => all(mode, (sample) => sample.failures)).some((count) => count > 0);
  return {
    figures: { rate, samples, counts },
    gates: [
      {
        name: `a side that hangs: median p99 at most ${allowed.toFixed(2)} ms (the larger of 5 % and 1 ms) above that with nobody asked`,
        value: `${more.toFixed(2)} ms`,
        met: more <= allowed,
      },
      { name: 'no request failed', value: String(!failures), met: !failures },
    ],
  };
}
