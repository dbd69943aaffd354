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

/** A proxy's turn under a workload. */
interface Contender {
  readonly name: string;
  readonly turn: Omit<Turn, 'seconds' | 'folder'>;
  /** Half as long as the others: programs that are compiled before they run settle at once. */
  readonly short?: boolean;
}

/** The programs that were started for a round, and what is asked in it. */
interface Start {
  readonly fresh: readonly Proxy[];
  readonly turns: readonly Contender[];
}

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
  const samples = new Samples();
  const leftOut: string[] = NAMES.filter((part) => !wanted(part)).map((part) => `${part}: not asked for`);
  const versions: Record<string, string> = {};
  const where = { place, options, samples };
  const closed = CLOSED.filter(([name]) => wanted(name));
  if (closed.length > 0) await closedLoops(where, closed, await peersOf(place, options, { leftOut, versions }));
  if (wanted('match')) await matchLoops(where);
  if (wanted('workers')) await competeAnew(where, () => workersOf(place));
  if (wanted('p99')) await calmLoops(where);
  for (const what of leftOut) options.say(`left out: ${what}`);
  return { samples, leftOut, versions };
}

interface Where {
  readonly place: Place;
  readonly options: BenchOptions;
  readonly samples: Samples;
}

const banyanAt = ({ place, options: { profile } }: Where): Promise<Proxy> =>
  place.banyan({ name: 'banyan', routes: MANY, workers: 1, core: PROXY_CORE, profile });

function closedLoops(where: Where, closed: typeof CLOSED, peers: readonly Proxy[]): Promise<void> {
  return competeAnew(where, async () => {
    const fresh = [await banyanAt(where), await where.place.bare()];
    const everybody = [...fresh, ...peers];
    await check(everybody);
    const turns = closed.flatMap(([name, workload]) =>
      everybody.map((proxy) => ({ name, turn: { proxy, workload, perSecond: null }, short: peers.includes(proxy) })),
    );
    return { fresh, turns };
  });
}

function matchLoops(where: Where): Promise<void> {
  return competeAnew(where, async () => {
    const settings = { workers: 1, core: PROXY_CORE, profile: null };
    const few = await where.place.banyan({ ...settings, name: `${FEW} routes`, routes: FEW });
    const many = await where.place.banyan({ ...settings, name: `${MANY} routes`, routes: MANY });
    const turn = (proxy: Proxy, workload: Workload): Contender => ({
      name: 'match',
      turn: { proxy, workload, perSecond: null },
    });
    return { fresh: [few, many], turns: [turn(few, distinct(FEW)), turn(many, distinct(MANY))] };
  });
}

/** One worker and two, both on whichever core is free: two workers are for two cores. */
async function workersOf(place: Place): Promise<Start> {
  const fresh: Proxy[] = [];
  for (const workers of [1, 2]) {
    const name = workers === 1 ? '1 worker' : `${workers} workers`;
    fresh.push(await place.banyan({ name, routes: MANY, workers, core: null, profile: null }));
  }
  return {
    fresh,
    turns: fresh.map((proxy) => ({ name: 'workers', turn: { proxy, workload: GET_1K, perSecond: null } })),
  };
}

async function calmLoops(where: Where): Promise<void> {
  const { place, options } = where;
  const proxies = [await banyanAt(where), await place.bare(), place.direct()];
  const turns = proxies.map((proxy) => ({
    name: 'p99',
    turn: { proxy, workload: GET_1K, perSecond: CALM_PER_SECOND },
  }));
  const rounds = options.rounds * CALM_ROUNDS_FACTOR;
  for (const { turn } of turns) await measure({ ...turn, seconds: WARM_SECONDS, folder: place.folder });
  for (let round = 0; round < rounds; round += 1) {
    await once(round % 2 === 0 ? turns : turns.toReversed(), where);
    options.say(`p99: round ${round + 1} of ${rounds}`);
  }
}

/**
 * Rounds of fresh programs, each in the opposite order of the one before: where a program and its heap come to lie in memory costs it
 * up to a fifth for as long as it lives, and one is as likely to be lucky as another.
 */
async function competeAnew(where: Where, start: () => Promise<Start>): Promise<void> {
  const { place, options } = where;
  for (let round = 0; round < options.rounds; round += 1) {
    const { fresh, turns } = await start();
    for (const { turn } of turns) await measure({ ...turn, seconds: WARM_SECONDS, folder: place.folder });
    await once(round % 2 === 0 ? turns : turns.toReversed(), where);
    await Promise.all(fresh.map(({ process }) => process.stop()));
    const parts = [...new Set(turns.map(({ name }) => name))];
    options.say(`${parts.join(', ')}: round ${round + 1} of ${options.rounds}`);
  }
}

async function once(turns: readonly Contender[], { place, options, samples }: Where): Promise<void> {
  for (const { name, turn, short = false } of turns) {
    const seconds = short ? Math.ceil(options.seconds / 2) : options.seconds;
    samples.add(name, turn.proxy.name, await measure({ ...turn, seconds, folder: place.folder }));
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
