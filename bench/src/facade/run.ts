/**
 * `bench facade`: the facade with everything on beside bare @fastify/http-proxy and the peers that are installed, in one run, ABBA. One
 * core has the proxy alone, the other the load and the servers behind. CPU per request is the figure that repeats; requests per
 * second and latencies depend on the neighbours.
 */
import type { Bench, BenchOptions, Figures } from '../bench.ts';
import { pins, runProgram } from '../process.ts';
import type { Matching } from './matching.ts';
import { CONNECTIONS, measure, Samples, type Turn } from './measure.ts';
import { PEERS, versionOf } from './peer.ts';
import { ask, here, Place, PROXY_CORE, type Proxy } from './place.ts';
import { report, type Outcome } from './report.ts';
import { distinct, FEW, GET_100K, GET_1K, MANY, NAMES, POST_2K, type Workload } from './workload.ts';
import { hasWrk } from './wrk.ts';

const WARM_SECONDS = 1; // Compiled and connected before it counts.
// A fifth of what bare can do on a slow machine: in an open loop callers must not wait for each other.
export const CALM_PER_SECOND = 2_000;
// Twice the rounds of the others: the tail of a few thousand latencies says little.
const CALM_ROUNDS_FACTOR = 2;
const MATCHING_LIMIT_MS = 60_000;

const CLOSED: readonly (readonly [name: string, workload: Workload])[] = [
  ['get1k', GET_1K],
  ['post2k', POST_2K],
  ['get100k', GET_100K],
  ['urls', distinct(MANY)],
];

/** Proxies that are compared with each other under workloads of their own. */
interface Contest {
  readonly rounds: number;
  readonly turns: readonly Contender[];
}

interface Contender {
  readonly name: string;
  readonly turn: Omit<Turn, 'seconds' | 'folder'>;
  /** Half as long as the others: programs that are compiled before they run settle at once. */
  readonly short?: boolean;
}

/** The programs of one round, and what they are asked. */
type Starting = () => Promise<{ readonly turns: readonly Contender[]; readonly stop: () => Promise<void> }>;

export const facade: Bench = async (options): Promise<Figures> => {
  const { say, only } = options;
  say(`load by ${hasWrk ? 'wrk' : 'our own client'}, ${CONNECTIONS} connections; ${pins ? 'pinned' : 'not pinned'}`);
  const wanted = (part: string): boolean => only === null || only.includes(part);
  const place = new Place();
  try {
    await place.open();
    const outcome = await contests(place, options, wanted);
    const matching = wanted('match') ? await matchingOf() : null;
    return report({ ...outcome, matching }, say);
  } finally {
    await place.close();
  }
};

async function contests(
  place: Place,
  options: BenchOptions,
  wanted: (part: string) => boolean,
): Promise<Omit<Outcome, 'matching'>> {
  const { profile, rounds, say } = options;
  const samples = new Samples();
  const leftOut: string[] = NAMES.filter((part) => !wanted(part)).map((part) => `${part}: not asked for`);
  const versions: Record<string, string> = {};
  const banyanOf = (): Promise<Proxy> =>
    place.banyan({ name: 'banyan', routes: MANY, workers: 1, core: PROXY_CORE, profile });
  const run = (contest: Contest): Promise<void> => compete(contest, samples, { place, options });

  const closed = CLOSED.filter(([name]) => wanted(name));
  const peers = closed.length === 0 ? [] : await peersOf(place, options, { leftOut, versions });
  if (closed.length > 0)
    await competeAnew(
      rounds,
      async () => {
        const both = [await banyanOf(), await place.bare()];
        const everybody = [...both, ...peers];
        await check(everybody);
        const turns = closed.flatMap(([name, workload]) =>
          everybody.map((proxy) => ({
            name,
            turn: { proxy, workload, perSecond: null },
            short: peers.includes(proxy),
          })),
        );
        return { turns, stop: async () => void (await Promise.all(both.map(({ process }) => process.stop()))) };
      },
      samples,
      { place, options },
    );

  const banyan = await banyanOf();
  const bare = await place.bare();
  if (wanted('match')) {
    const few = await place.banyan({ name: `${FEW} routes`, routes: FEW, workers: 1, core: PROXY_CORE, profile: null });
    const pair = [
      { proxy: few, workload: distinct(FEW), perSecond: null },
      { proxy: { ...banyan, name: `${MANY} routes` }, workload: distinct(MANY), perSecond: null },
    ];
    await run({ rounds, turns: pair.map((turn) => ({ name: 'match', turn })) });
    await few.process.stop();
  }
  if (wanted('workers')) {
    const pair = await workersOf(place);
    await run({
      rounds,
      turns: pair.map((proxy) => ({ name: 'workers', turn: { proxy, workload: GET_1K, perSecond: null } })),
    });
    for (const { process } of pair) await process.stop();
  }
  if (wanted('p99')) {
    const calm = [banyan, bare, place.direct()].map((proxy) => ({
      name: 'p99',
      turn: { proxy, workload: GET_1K, perSecond: CALM_PER_SECOND },
    }));
    await run({ rounds: rounds * CALM_ROUNDS_FACTOR, turns: calm });
  }
  for (const what of leftOut) say(`left out: ${what}`);
  return { samples, leftOut, versions };
}

/**
 * Rounds of fresh programs: where a program and its heap come to lie in memory costs it up to a fifth, for as long as it lives, and one
 * is as likely to be lucky as another.
 */
async function competeAnew(
  rounds: number,
  start: Starting,
  samples: Samples,
  where: { readonly place: Place; readonly options: BenchOptions },
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const { turns, stop } = await start();
    for (const { turn } of turns) await measure({ ...turn, seconds: WARM_SECONDS, folder: where.place.folder });
    await once(round % 2 === 0 ? turns : turns.toReversed(), samples, where);
    await stop();
    where.options.say(`${[...new Set(turns.map(({ name }) => name))].join(', ')}: round ${round + 1} of ${rounds}`);
  }
}

async function once(
  turns: readonly Contender[],
  samples: Samples,
  { place, options }: { readonly place: Place; readonly options: BenchOptions },
): Promise<void> {
  for (const { name, turn, short = false } of turns) {
    const seconds = short ? Math.ceil(options.seconds / 2) : options.seconds;
    samples.add(name, turn.proxy.name, await measure({ ...turn, seconds, folder: place.folder }));
  }
}

/** Every turn once a round, in the opposite order in every second round. */
async function compete(
  { rounds, turns }: Contest,
  samples: Samples,
  { place, options }: { readonly place: Place; readonly options: BenchOptions },
): Promise<void> {
  if (turns.length === 0) return;
  const { folder } = place;
  for (const { turn } of turns) await measure({ ...turn, seconds: WARM_SECONDS, folder });
  for (let round = 0; round < rounds; round += 1) {
    await once(round % 2 === 0 ? turns : turns.toReversed(), samples, { place, options });
    const parts = [...new Set(turns.map(({ name }) => name))];
    options.say(`${parts.join(', ')}: round ${round + 1} of ${rounds}`);
  }
}

/** Those that are asked for and installed, started. What is not there, or does not start, is named. */
async function peersOf(
  place: Place,
  { peers }: BenchOptions,
  told: { readonly leftOut: string[]; readonly versions: Record<string, string> },
): Promise<readonly Proxy[]> {
  const proxies: Proxy[] = [];
  for (const peer of PEERS) {
    const version = peers === null || peers.includes(peer.name) ? versionOf(peer) : undefined;
    if (version === undefined || version === null) {
      told.leftOut.push(`${peer.name}: ${version === null ? 'not installed' : 'not asked for'}`);
      continue;
    }
    told.versions[peer.name] = version;
    try {
      proxies.push(await place.peer(peer));
    } catch (error) {
      told.leftOut.push(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return proxies;
}

/** One worker and two, both on whichever core is free: two workers are for two cores. */
async function workersOf(place: Place): Promise<readonly Proxy[]> {
  const proxies: Proxy[] = [];
  for (const workers of [1, 2]) {
    const name = workers === 1 ? '1 worker' : `${workers} workers`;
    proxies.push(await place.banyan({ name, routes: MANY, workers, core: null, profile: null }));
  }
  return proxies;
}

/** @throws when a proxy does not answer as the server behind it does: its figures would mean nothing */
async function check(proxies: readonly Proxy[]): Promise<void> {
  const bytes = { '/1k': 1_024, '/100k': 102_400, [distinct(MANY).paths[7] ?? '']: 1_024 };
  for (const { name, port } of proxies) {
    for (const [path, expected] of Object.entries(bytes)) {
      const answer = await ask(port, path);
      if (answer?.status !== 200 || answer.bytes !== expected)
        throw new Error(`${name} answers GET ${path} with ${JSON.stringify(answer)}, not with ${expected} bytes`);
    }
  }
}

async function matchingOf(): Promise<Matching> {
  return JSON.parse(
    await runProgram(process.execPath, [here('./matching.js')], PROXY_CORE, MATCHING_LIMIT_MS),
  ) as Matching;
}
