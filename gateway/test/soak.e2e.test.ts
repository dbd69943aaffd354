import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { run, type Running } from '../../test/support/processes.ts';
import { ask, observed, until } from './front.ts';
import { between, dice, pause, pick, type Roll } from './soak/dice.ts';
import { FAULTS } from './soak/asked.ts';
import { inspect, type Holdings } from './soak/inspect.ts';
import { Ledger } from './soak/ledger.ts';
import { round, session, type World } from './soak/sessions.ts';
import { startSide, type Side } from './soak/side.ts';
import { tableOf, type Ends } from './soak/table.ts';

/*
 * The soak: callers of every kind at a facade whose upstreams die, stand still, reset, break off and talk nonsense, while its
 * routing file changes every few seconds. Every request is answered rightly or fails clearly, a write arrives at most once, and
 * when it is over the facade is as it was before.
 */

const PROVE = process.env['BANYAN_PROVE'] === 'true';
const SECONDS = Number(process.env['BANYAN_SOAK_SECONDS'] ?? (PROVE ? 600 : 18));
const SEED = Number(process.env['BANYAN_SEED'] ?? Date.now() % 1_000_000);
/** When the first measure is taken that the last is held against: minute 2 of 10. */
const FIRST = 0.2;
/** How often each fault happens at least, in ten minutes; fewer in less. */
const EACH = Math.max(1, Math.floor((50 * SECONDS) / 600));
const CALLERS = 16;
const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Scene {
  readonly facade: Running;
  readonly port: number;
  readonly adminUrl: string;
  readonly inspector: string;
  readonly file: string;
  readonly sides: Sides;
  readonly ledger: Ledger;
  /** The next version of the file. */
  version(): number;
}

type Sides = readonly [legacy: Side, orders: Side, more: Side];

const endsOf = ([legacy, ...orders]: Sides): Ends => ({ legacy: legacy.url, orders: orders.map(({ url }) => url) });

async function open(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-soak-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sides = [
    await startSide('legacy', folder),
    await startSide('orders', folder),
    await startSide('orders', folder, 2),
  ] as const;
  for (const side of sides) onTestFinished(() => side.stop());
  const file = join(folder, 'routing.yaml');
  const addresses = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  let version = 1;
  await writeFile(file, tableOf(endsOf(sides), version));
  const facade = run(process.execPath, ['--inspect=127.0.0.1:0', program, 'start', '--routing', file, ...addresses]);
  onTestFinished(async () => void (await facade.stop('SIGKILL')));
  const after = async (start: string): Promise<string> =>
    (await facade.line(new RegExp(`^${start} `))).slice(start.length + 1);
  const port = Number(new URL(await after('ready')).port);
  const adminUrl = await after('admin');
  const inspector = (await facade.line(/^Debugger listening on /)).slice('Debugger listening on '.length);
  return { facade, port, adminUrl, inspector, file, sides, ledger: new Ledger(), version: () => (version += 1) };
}

type Rest = Holdings & { readonly descriptors: number };

// Pools close what has been idle for some seconds, and a tunnel of which one side has gone waits for the other for thirty.
const REST_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** What it holds once nothing is under way, no connection is open, and no more timers run than `base` had; or after a minute. */
async function atRest({ adminUrl, inspector }: Scene, base: Rest | null): Promise<Rest> {
  const { outstanding, metric } = observed(adminUrl);
  for (const name of ['legacy', 'orders']) await until(async () => (await outstanding(name)) === 0);
  const deadline = performance.now() + REST_LIMIT_MS;
  for (;;) {
    const held = { ...(await inspect(inspector)), descriptors: (await metric('process_open_fds')) ?? NaN };
    const count = (of: Holdings | null, name: string): number => of?.resources[name] ?? 0;
    const quiet =
      count(held, 'TCPSocketWrap') === 0 && (base === null || count(held, 'Timeout') <= count(base, 'Timeout'));
    if (quiet || performance.now() > deadline) return held;
    await pause(LOOK_EVERY_MS);
  }
}

const told = (held: Rest): string => {
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { rss, heapUsed, external, resources, alive, descriptors } = held;
  return `${Math.round(performance.now() / 1_000)} s: RSS ${mb(rss)}, heap ${mb(heapUsed)}, external ${mb(external)}, descriptors ${descriptors}, active ${JSON.stringify(resources)}, alive ${JSON.stringify(alive)}`;
};

const status = async ({ adminUrl }: Scene): Promise<{ generation: number; lastRejection: unknown }> =>
  JSON.parse((await ask(`${adminUrl}/api/status`)).body.toString()) as { generation: number; lastRejection: unknown };

/** Changes the file, now and then to one that is none, and waits until the facade has taken it, or has not. */
async function reloads(scene: Scene, span: Span): Promise<void> {
  while (!span.over()) {
    const version = scene.version();
    const bad = version % 3 === 0;
    const text = tableOf(endsOf(scene.sides), version);
    const before = (await status(scene)).generation;
    await writeFile(`${scene.file}.next`, bad ? text.replace('stage: held', 'stage: hold') : text);
    await rename(`${scene.file}.next`, scene.file);
    await until(async () => {
      const now = await status(scene);
      return bad ? now.lastRejection !== null : now.generation > before && now.lastRejection === null;
    });
    scene.ledger.fault(bad ? 'bad-file' : 'reload');
    await span.pause(2_500);
  }
}

/** Kills one upstream or stops it in its tracks, by turns. */
async function disasters({ sides, ledger }: Scene, roll: Roll, span: Span): Promise<void> {
  for (let turn = 0; !span.over(); turn += 1) {
    const side = pick(roll, sides);
    if (turn % 2 === 0) await side.kill(between(roll, 0, 500));
    else await side.freeze(between(roll, 300, 1_700));
    ledger.fault(turn % 2 === 0 ? 'kill' : 'freeze');
    await span.pause(between(roll, 2_000, 4_000));
  }
}

/** A stretch of time at whose end everything stops. */
class Span {
  readonly #to: number;

  constructor(ms: number) {
    this.#to = performance.now() + ms;
  }

  over(): boolean {
    return performance.now() >= this.#to;
  }

  /** So long, or until the end. */
  pause(ms: number): Promise<void> {
    return pause(Math.max(0, Math.min(ms, this.#to - performance.now())));
  }
}

/** Load and faults for so long; resolves when the last caller has been answered. */
async function storm(scene: Scene, seed: number, seconds: number): Promise<void> {
  const span = new Span(seconds * 1_000);
  const callers = Array.from({ length: CALLERS }, async (_, index) => {
    const roll = dice(seed * 101 + index);
    let count = 0;
    const name = (): string => `${seed}-${index}-${(count += 1)}`;
    const world: World = { ...scene, roll, name };
    while (!span.over()) {
      await session(world);
      await pause(between(roll, 0, 40));
    }
  });
  const lives = scene.facade.exited.then((code) => {
    throw new Error(`the facade ended with ${code}:\n${scene.facade.output().slice(-4_000)}`);
  });
  await Promise.race([
    Promise.all([...callers, reloads(scene, span), disasters(scene, dice(seed * 101 + 99), span)]),
    lives,
  ]);
}

/** Adds what the facade's log says of the requests named. */
const withLog =
  (facade: Running) =>
  (text: string): string => {
    const ids = [...text.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => `"requestId":"${id}"`);
    const lines = facade.output().split('\n');
    return [text, ...lines.filter((line) => ids.some((id) => line.includes(id)))].join('\n  log ');
  };

/** Faults that have not happened often enough. */
async function missing({ sides, ledger }: Scene): Promise<readonly string[]> {
  const journals = await Promise.all(sides.map((side) => side.journal()));
  const count = (fault: string): number =>
    journals.reduce((sum, { faults }) => sum + (faults.get(fault) ?? 0), ledger.faults.get(fault) ?? 0);
  return [...FAULTS, ...OTHERS].filter((fault) => count(fault) < EACH);
}

/** What the log tells as an error on purpose: a file that is refused, a dry run whose answer went wrong. */
const MEANT = ['routing file rejected', 'dry runs of this route are stopped'];

/** Whatever the log says that it must not. */
const complaints = ({ facade }: Scene): readonly string[] =>
  facade
    .output()
    .split('\n')
    .filter(
      (line) => /"level":[56]0|uncaught|unhandled|^\(node:/i.test(line) && !MEANT.some((text) => line.includes(text)),
    );

test(
  `callers are answered rightly or clearly not, whatever becomes of the upstreams (BANYAN_SEED=${SEED}, ${SECONDS} s)`,
  { timeout: (SECONDS * 2 + 240) * 1_000 },
  async () => {
    const scene = await open();
    const { ledger, facade, adminUrl, sides } = scene;
    const { metric } = observed(adminUrl);
    process.stdout.write(`soak: BANYAN_SEED=${SEED}, ${SECONDS} s\n`);
    const calm: World = { ...scene, roll: dice(SEED), name: named('calm') };
    expect(await round(calm)).toEqual([]);
    const base = await atRest(scene, null);
    process.stdout.write(`base   ${told(base)}\n`);

    await storm(scene, SEED, SECONDS * FIRST);
    const first = await atRest(scene, base);
    process.stdout.write(`first  ${told(first)}\n`);
    const parts = PROVE ? 4 : 1;
    for (let part = 1; part <= parts; part += 1) {
      await storm(scene, SEED + part, (SECONDS * (1 - FIRST)) / parts);
      if (part < parts) process.stdout.write(`part ${part} ${told(await atRest(scene, base))}\n`);
    }

    // A machine that is busy with something else gets less done: a little more, but not for ever.
    for (let more = 1; more <= MOST_MORE && (await missing(scene)).length > 0; more += 1)
      await storm(scene, SEED + parts + more, SECONDS / 4);
    expect(await missing(scene)).toEqual([]);

    // Upstreams are up again and nothing fails: breakers close, and every route is answered.
    await until(async () => (await round(calm)).length === 0, 30_000);
    expect(await round(calm)).toEqual([]);
    for (const who of ['legacy', 'orders']) expect(await metric(`banyan_breaker_state{upstream="${who}"}`)).toBe(0);
    ledger.take(await Promise.all(sides.map((side) => side.journal())));
    const end = await atRest(scene, base);
    process.stdout.write(`end    ${told(end)}\n${ledger.text()}\n`);

    expect(ledger.wrong.map(withLog(facade)), `BANYAN_SEED=${SEED}`).toEqual([]);
    expect(complaints(scene)).toEqual([]);
    // Most were answered, or the rest would mean nothing.
    expect(ledger.count('right') / ledger.requests).toBeGreaterThan(0.5);
    expect(ledger.shadows).toBeGreaterThan(EACH);
    for (const name of ['TCPSocketWrap', 'TCPServerWrap', 'PipeWrap', 'Timeout'])
      expect([name, (end.resources[name] ?? 0) <= (base.resources[name] ?? 0)]).toEqual([name, true]);
    expect(end.descriptors).toBeLessThanOrEqual(base.descriptors + DESCRIPTORS_SLACK);
    for (const name of ['Socket', 'IncomingMessage', 'ServerResponse', 'Timeout'] as const)
      expect([name, end.alive[name] <= base.alive[name] + SLACK]).toEqual([name, true]);
    expect(end.heapUsed - first.heapUsed).toBeLessThan(HEAP_SLACK_BYTES);
    // In seconds the engine is still settling; in minutes it has.
    expect(end.rss / first.rss).toBeLessThan(PROVE ? 1.1 : 1.5);
    expect(await facade.stop()).toBe(0);
  },
);

const OTHERS =
  'kill freeze reload ws-cut ws-left pipelined slow-reading slow-sending leaving upload upload-early soap-broken rubbish'.split(
    ' ',
  );
const MOST_MORE = 4;
// The routing file is looked at now and then, the one that counts them is a connection, and the thread that compares has an event loop of
// its own, of some six; it may have begun after the base. A leak is one a request, of thousands.
const DESCRIPTORS_SLACK = 16;
// A pool's client may remember its last connection, and there are three URLs with forty each; a leak is one a request.
const SLACK = 120;
// What the engine compiles and caches in the first minutes; a leak of a kilobyte a request is more.
const HEAP_SLACK_BYTES = 6 * 2 ** 20;

function named(start: string): () => string {
  let count = 0;
  return () => `${start}-${(count += 1)}`;
}
