/**
 * Flips under load: a facade in a process of its own, 300 requests a second, and each second a route that changes sides, by each
 * of the four ways in which a file is replaced, with half-written and invalid files in between. The upstreams keep their own logs.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { run, type Running } from './support/processes.ts';

const SECONDS = process.env['BANYAN_PROVE'] === 'true' ? 300 : process.env['CI'] === 'true' ? 30 : 8;
const REQUESTS_PER_SECOND = 300;
/** What `routing.yaml` promises. */
const EFFECT_LIMIT_MS = 1_000;
// Three, and four ways: each route is flipped in each way, and keeps still for three seconds, of which two are judged.
const ROUTES = ['alpha', 'beta', 'gamma'] as const;
const WAYS = ['in place', 'rename', 'symlink', 'banyan flip'] as const;
const BANYAN = fileURLToPath(new URL('../gateway/bin/banyan.js', import.meta.url));

type RouteName = (typeof ROUTES)[number];
type Side = 'legacy' | 'new';
type Stages = Record<RouteName, Side>;

/** What an upstream saw, on the clock of `performance.now()`. */
interface Arrival {
  readonly route: string;
  readonly side: Side;
  readonly at: number;
}

interface Flip {
  readonly route: RouteName;
  readonly to: Side;
  readonly way: (typeof WAYS)[number];
  readonly at: number;
  /** What names the file's content in the facade's log. */
  readonly hash: string;
}

interface Sent {
  readonly failure: string | null;
  readonly ms: number;
}

async function recording(side: Side, log: Arrival[]): Promise<{ server: Server; url: string }> {
  const server = createServer((req, res) => {
    log.push({ route: (req.url ?? '').split('/')[1] ?? '', side, at: performance.now() });
    req.resume().once('end', () => res.end(side));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const table = (urls: Record<Side, string>, stages: Stages): string =>
  [
    'version: 1',
    'upstreams:',
    `  legacy: ${urls.legacy}`,
    `  next: ${urls.new}`,
    'default: legacy',
    'routes:',
    ...ROUTES.flatMap((name) => [
      `  ${name}: # moved by the test`,
      `    match: ANY /${name}/*`,
      `    stage: ${stages[name]}`,
      '    new: next',
    ]),
    '',
  ].join('\n');

/** Sends open loop: what is due is sent, whether or not earlier requests have been answered. Resolves when all have. */
async function load(url: string, over: () => boolean): Promise<Sent[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const pending: Promise<Sent>[] = [];
  const started = performance.now();
  while (!over()) {
    const due = Math.floor(((performance.now() - started) / 1_000) * REQUESTS_PER_SECOND);
    while (pending.length < due) pending.push(one(url, pending.length, agent));
    await pause(5);
  }
  const all = await Promise.all(pending);
  agent.destroy();
  return all;
}

/** Reads, small writes that the facade collects, and chunked writes that it streams. */
function one(base: string, number: number, agent: Agent): Promise<Sent> {
  const kind = Math.floor(number / ROUTES.length) % 4;
  const started = performance.now();
  return new Promise((resolve) => {
    const end = (failure: string | null): void => resolve({ failure, ms: performance.now() - started });
    const outgoing = httpRequest(
      `${base}/${ROUTES[number % ROUTES.length]}/${number}`,
      { agent, method: kind < 2 ? 'GET' : 'POST', headers: kind === 2 ? { 'content-length': '5' } : {} },
      (res) => {
        let body = '';
        res.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        res.once('error', (error) => end(error.message));
        res.once('end', () => {
          const fine = res.statusCode === 200 && body === res.headers['banyan-served-by'];
          end(fine ? null : `${res.statusCode} ${String(res.headers['banyan-served-by'])}: ${body}`);
        });
      },
    );
    outgoing.once('error', (error) => end(error.message));
    if (kind === 3) outgoing.write('to be continued, ');
    outgoing.end(kind < 2 ? undefined : 'hello');
  });
}

/** The file, and the ways of replacing it. */
class File {
  readonly path: string;
  readonly #folder: string;
  #version = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'routing.yaml');
  }

  read(): string {
    return readFileSync(this.path, 'utf8');
  }

  /** Replaces the file; resolves with the moment of its change. */
  async replace(way: Flip['way'], text: string, { route, to }: Pick<Flip, 'route' | 'to'>): Promise<number> {
    this.#version += 1;
    const beside = join(this.#folder, `version-${this.#version}.yaml`);
    switch (way) {
      case 'in place':
        // As an editor without a temporary file does it: the beginning, and the rest a moment later.
        writeFileSync(this.path, text.slice(0, text.indexOf('  beta:')));
        await pause(60);
        writeFileSync(this.path, text);
        return performance.now();
      case 'rename':
        writeFileSync(beside, text);
        renameSync(beside, this.path);
        return performance.now();
      case 'symlink':
        writeFileSync(beside, text);
        symlinkSync(beside, `${beside}.link`);
        renameSync(`${beside}.link`, this.path);
        return performance.now();
      case 'banyan flip': {
        const child = run(process.execPath, [BANYAN, 'flip', route, to, '--routing', this.path]);
        if ((await child.exited) !== 0) throw new Error(child.output());
        // The command ends some time after its rename, which is when the clock begins.
        return statSync(this.path).ctimeMs - performance.timeOrigin;
      }
      default:
        return way satisfies never;
    }
  }

  /**
   * Puts a file there that must change nothing, and the right one back: a half-written one for less time than it is given, an
   * invalid one until the facade has refused it.
   */
  async disturb(number: number, refused: () => Promise<number>): Promise<void> {
    const text = this.read();
    const halves = [
      text.slice(0, text.indexOf('  beta:')), // Valid, and all but one route gone.
      text.slice(0, text.indexOf('gamma') + 3), // Cut in mid-line.
      '',
    ];
    const invalid = [
      text.replace('version: 1', 'version: one'),
      text.replace('match: ANY /alpha/*', 'match: ANY /beta/*'),
      text.replaceAll('new: next', 'new: nxet'),
    ];
    const half = number % 2 === 0;
    const before = await refused();
    writeFileSync(this.path, (half ? halves : invalid)[Math.floor(number / 2) % 3] ?? '');
    if (half) await pause(250);
    else await vi.waitUntil(async () => (await refused()) > before, { timeout: 10_000, interval: 20 });
    writeFileSync(this.path, text);
  }
}

interface Sides {
  readonly urls: Record<Side, string>;
  /** What both have seen so far. */
  readonly log: readonly Arrival[];
}

/** One flip each second; what is wrong stands there in between. */
async function flipping(file: File, { urls, log }: Sides, refused: () => Promise<number>): Promise<Flip[]> {
  const stages: Stages = { alpha: 'legacy', beta: 'legacy', gamma: 'legacy' };
  const flips: Flip[] = [];
  let disturbances = 0;
  const started = performance.now();
  for (let number = 0; number < SECONDS; number += 1) {
    await pause(Math.max(0, started + (number + 0.5) * 1_000 - performance.now()));
    const route = ROUTES[number % ROUTES.length] ?? 'alpha';
    const way = WAYS[number % WAYS.length] ?? 'rename';
    const to = stages[route] === 'legacy' ? 'new' : 'legacy';
    stages[route] = to;
    const at = await file.replace(way, table(urls, stages), { route, to });
    flips.push({ route, to, way, at, hash: createHash('sha256').update(file.read()).digest('hex').slice(0, 16) });
    // What comes on top of a change that has not been seen yet would put it off: one thing is judged at a time.
    const inForce = (): boolean => log.some((seen) => seen.route === route && seen.side === to && seen.at >= at);
    await vi.waitUntil(inForce, { timeout: 10_000, interval: 20 });
    // The command has needed a good part of the second already.
    if (way !== 'banyan flip') await file.disturb(disturbances++, refused);
  }
  await pause(1_500); // So that the last one is judged as well.
  return flips;
}

/** Requests that reached a side which had not been theirs for longer than the limit. */
function misplaced(log: readonly Arrival[], flips: readonly Flip[]): string[] {
  return log.flatMap(({ route, side, at }) => {
    const before = flips.filter((flip) => flip.route === route && flip.at <= at - EFFECT_LIMIT_MS);
    const settled = before.at(-1)?.to ?? 'legacy';
    const moving = flips.some((flip) => flip.route === route && flip.at > at - EFFECT_LIMIT_MS && flip.at <= at);
    // The in-place writer's time is taken behind its write, so a flip may take effect a moment before it.
    const early = flips.some((flip) => flip.route === route && flip.to === side && flip.at > at && flip.at < at + 50);
    return side === settled || moving || early ? [] : [`${route} at ${side} ${Math.round(at)}`];
  });
}

/** Milliseconds from each flip to its first request on the new side, and to its last on the old one. */
function effects(log: readonly Arrival[], flips: readonly Flip[]): { way: string; first: number; last: number }[] {
  return flips.map(({ route, to, way, at }) => {
    const until = flips.find((flip) => flip.route === route && flip.at > at)?.at ?? Infinity;
    const own = log.filter((arrival) => arrival.route === route && arrival.at >= at && arrival.at < until);
    const first = own.find(({ side }) => side === to)?.at ?? NaN;
    const last = own.findLast(({ side }) => side !== to)?.at ?? at;
    return { way, first: Math.round(first - at), last: Math.round(last - at) };
  });
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
};

async function numberOf(admin: string, name: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function facade(path: string): Promise<{ child: Running; url: string; admin: string }> {
  const at = '127.0.0.1:0';
  const child = run(process.execPath, [BANYAN, 'start', '--routing', path, '--listen', at, '--admin', at]);
  onTestFinished(async () => void (await child.stop('SIGKILL')));
  const url = (await child.line(/^ready http/)).replace('ready ', '');
  return { child, url, admin: (await child.line(/^admin http/)).replace('admin ', '') };
}

test(`flips under ${REQUESTS_PER_SECOND} req/s for ${SECONDS} s fail no request and are in force within a second`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-flips-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const log: Arrival[] = [];
  const urls = { legacy: (await recording('legacy', log)).url, new: (await recording('new', log)).url };
  const file = new File(folder);
  writeFileSync(file.path, table(urls, { alpha: 'legacy', beta: 'legacy', gamma: 'legacy' }));
  const { child, url, admin } = await facade(file.path);

  let over = false;
  const [sent, flips] = await Promise.all([
    load(url, () => over),
    flipping(file, { urls, log }, () => numberOf(admin, 'banyan_config_rejected_total')).finally(() => {
      over = true;
    }),
  ]);

  const seen = effects(log, flips);
  const ms = sent.map((request) => request.ms);
  process.stdout.write(
    [
      `${sent.length} requests, ${sent.filter(({ failure }) => failure !== null).length} failed; ` +
        `answered in p50 ${quantile(ms, 0.5).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms, max ${Math.max(...ms).toFixed(1)} ms`,
      `${flips.length} flips, to the first request on the new side: p50 ${quantile(
        seen.map(({ first }) => first),
        0.5,
      )} ms, ` +
        `max ${Math.max(...seen.map(({ first }) => first))} ms; last request on the old side at most ${Math.max(...seen.map(({ last }) => last))} ms after`,
      ...WAYS.map(
        (way) =>
          `  ${way}: ${seen
            .filter((effect) => effect.way === way)
            .map(({ first }) => first)
            .join(', ')} ms`,
      ),
    ].join('\n') + '\n',
  );
  expect(sent.filter(({ failure }) => failure !== null)).toEqual([]);
  expect(misplaced(log, flips)).toEqual([]);
  // Every flip was really seen, so that the two lines above had something to judge.
  expect(seen.filter(({ first }) => !(first < EFFECT_LIMIT_MS))).toEqual([]);
  expect(log).toHaveLength(sent.length);
  expect(await numberOf(admin, 'banyan_requests_total{')).toBe(sent.length);
  expect(await numberOf(admin, 'banyan_upstream_outstanding{')).toBe(0);
  expect(await numberOf(admin, 'banyan_config_rejected_total')).toBeGreaterThan(0);
  // Nothing that stood in between was believed, for however short a time.
  const believed = [...child.output().matchAll(/"hash":"([0-9a-f]+)".*"routing file accepted"/g)].map(
    ([, hash]) => hash,
  );
  expect(believed.length).toBeGreaterThan(0);
  expect(believed.filter((hash) => !flips.some((flip) => flip.hash === hash))).toEqual([]);
  expect(await child.stop()).toBe(0);
});
