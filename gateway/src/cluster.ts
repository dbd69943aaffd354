/**
 * Serves the callers by several worker processes (docs/adr/0015). The primary holds the port, hands connections out, reads the
 * routing file to the workers, and sees to it that there are as many as were asked for (`core/roster.ts` decides, this obeys).
 *
 * Promises: a worker that dies takes nothing along but the requests in its hands; a renewal takes nothing along; sums of counts
 * do not fall because a worker has gone.
 */
import cluster from 'node:cluster';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { cannotListen, urlOf, type Address } from './address.ts';
import { CALLER_IDLE_MS } from './body.ts';
import type { Facts } from './core/decide.ts';
import { merge, type Family } from './core/family.ts';
import { next, open, turn, type Happening, type Roster, type Step, type Turn } from './core/roster.ts';
import { together } from './core/vitals.ts';
import type { Engine, Vitals, WorkerStatus } from './engine.ts';
import { GatewayError } from './error.ts';
import { generationOf, Standing, type Accepted, type Generation } from './generation.ts';
import { Queue } from './hand.ts';
import type { Report } from './ipc.ts';
import { Counter, Metrics, standingFamilies } from './metrics.ts';
import { Staff } from './staff.ts';

export interface ClusterOptions {
  readonly loaded: Accepted;
  readonly file: string;
  readonly log: Logger;
  /** How many workers. */
  readonly size: number;
  readonly sample: number;
  readonly logHeaders: readonly string[];
  readonly idleMs: number | null;
  /** How long the end of all of them may take, in milliseconds. */
  readonly deadlineMs: number;
}

// A program of a few megabytes, and a file of thousands of routes, on a machine that is busy with something else.
const START_MS = 30_000;
// Prometheus gives a scrape ten seconds; a worker that does not answer within this is busy for a second on end.
const REPORT_MS = 1_000;
// A file is in force within a second (routing.yaml's promise); an answer to PATCH waits somewhat longer before it says otherwise.
const ADOPT_MS = 5_000;
// A renewal leaves connections open on which nothing is asked, so that nobody's next request meets a closing one.
const RENEW_PATIENCE_MS = 10_000;
// Longer than the longest timeouts of the defaults. What is not over then (WebSockets) is cut off.
const RENEW_DEADLINE_MS = 60_000;
// What a worker may take over its deadline: closing pools, its last word.
const KILL_AFTER_MS = 1_000;
const PROGRAM: string = fileURLToPath(new URL('./worker.js', import.meta.url));

export class Cluster implements Engine {
  readonly standing: Standing;
  readonly #options: ClusterOptions;
  readonly #metrics = new Metrics('primary');
  readonly #crashes = new Counter('banyan_worker_crashes_total', 'Workers that ended and were not asked to.', []);
  readonly #silences = new Counter(
    'banyan_worker_silent_total',
    'Times that a worker did not say its figures in time.',
    [],
  );
  readonly #server: Server;
  readonly #staff = new Map<number, Staff>();
  /** Workers that are to be started in a moment. */
  readonly #pending = new Map<number, NodeJS.Timeout>();
  readonly #queue = new Queue();
  #text: string;
  #roster: Roster;
  #first: readonly Step[];
  /** What those had counted who are gone. */
  #gone: readonly Family[] = [];
  #connections = 0;
  #hushed = false;
  #reporting: Promise<readonly (readonly [Staff, Report | null])[]> | null = null;
  #began: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #emptied: () => void = () => undefined;

  /** @throws GatewayError GW_BAD_WSDL */
  static async open(options: ClusterOptions): Promise<Cluster> {
    return new Cluster(options, await generationOf(1, options.loaded, Date.now()));
  }

  private constructor(options: ClusterOptions, first: Generation) {
    this.#options = options;
    this.#text = options.loaded.text;
    this.standing = new Standing(first);
    const { roster, steps } = open(options.size);
    this.#roster = roster;
    this.#first = steps;
    // Paused: not a byte may be read here. No delay, half-open: as node's own HTTP server has its connections.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      this.#hand(socket);
    });
  }

  async listen(address: Address): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(cannotListen(address, '--listen', error)));
      this.#server.listen(address.port, address.host, resolve);
    });
    cluster.setupPrimary({ exec: PROGRAM, args: [], execArgv: nodeFlags(process.execArgv) });
    const began = new Promise<void>((resolve, reject) => (this.#began = { resolve, reject }));
    this.#obey(this.#first);
    try {
      await began;
    } catch (error) {
      this.#server.close();
      for (const socket of this.#queue.takeAll()) socket.destroy();
      await this.#end(0);
      throw error;
    }
  }

  url(): string {
    return urlOf(this.#server);
  }

  async adopt(loaded: Accepted): Promise<Generation> {
    const generation = await generationOf(this.standing.current.number + 1, loaded, Date.now());
    this.standing.replace(generation);
    // Who comes up from now on begins with it.
    this.#text = loaded.text;
    await Promise.all(
      [...this.#staff.values()]
        .filter(({ begun }) => begun)
        .map(async (staff) => {
          const problem = await staff.adopt(loaded.text, generation.number, ADOPT_MS);
          // One that is gone meanwhile serves nobody; another comes up by the new file.
          if (problem !== null && [...this.#staff.values()].includes(staff))
            this.#options.log.error(
              { worker: staff.place, generation: generation.number, problem },
              'a worker serves by an older file',
            );
        }),
    );
    return generation;
  }

  async facts(): Promise<Facts> {
    const { upstreams } = await this.vitals();
    const open = new Set(upstreams.filter(({ breaker }) => breaker === 'open').map(({ name }) => name));
    return { open: (upstream) => open.has(upstream), spare: () => true };
  }

  async vitals(): Promise<Vitals> {
    const reports = await this.#reports();
    return {
      upstreams: together(reports.flatMap(([, report]) => (report === null ? [] : [report.vitals.upstreams]))),
      shadows: null,
    };
  }

  async workers(): Promise<readonly WorkerStatus[]> {
    const reports = await this.#reports();
    return reports.map(([staff, report]) => ({
      worker: String(staff.place),
      pid: staff.pid,
      phase: staff.phase,
      connections: staff.handed.count - staff.closed,
      generation: report?.generation ?? null,
      ...report?.vitals,
    }));
  }

  async families(): Promise<readonly Family[]> {
    const own = await this.#metrics.processFamilies();
    const reports = await this.#reports();
    const told = reports.map(([staff, report]) => {
      // Gone meanwhile, perhaps after it has answered: what it had counted is told with that of the others who are.
      if (![...this.#staff.values()].includes(staff)) return [];
      if (report !== null) return report.families;
      // One that is not up yet was not asked.
      if (staff.phase !== 'starting') this.#silences.add();
      return staff.counted();
    });
    const up: Family = {
      name: 'banyan_workers',
      help: 'Workers that serve.',
      type: 'gauge',
      across: 'sum',
      samples: [['banyan_workers', '', this.#roster.members.filter(({ phase }) => phase === 'serving').length]],
    };
    const counts = [up, this.#crashes.family(), this.#silences.family()];
    return merge([...told, this.#gone, standingFamilies(this.standing), counts, own]);
  }

  renew(): boolean {
    const free = this.#roster.begun && !this.#roster.stopping && this.#roster.renewing === null;
    if (free) this.#happens({ kind: 'renew' });
    return free;
  }

  hush(): void {
    this.#hushed = true;
    for (const staff of this.#staff.values()) staff.say({ kind: 'hush' });
  }

  async drain(): Promise<void> {
    this.#server.close();
    for (const socket of this.#queue.takeAll()) socket.destroy();
    await this.#end(this.#options.deadlineMs);
  }

  /** Ends every worker, those that do not by force. */
  async #end(deadlineMs: number): Promise<void> {
    const empty = new Promise<void>((resolve) => (this.#emptied = resolve));
    const late = setTimeout(
      () => {
        for (const staff of this.#staff.values()) staff.kill();
      },
      deadlineMs === 0 ? 0 : deadlineMs + KILL_AFTER_MS,
    );
    this.#happens({ kind: 'stop' });
    await empty;
    clearTimeout(late);
  }

  #hand(socket: Socket): void {
    const serving = [...this.#staff].filter(([, staff]) => staff.phase === 'serving');
    const found = next(serving.map(([id, { handed, closed }]) => ({ id, handed: handed.count, closed })));
    const staff = found === null ? undefined : this.#staff.get(found.id);
    if (staff === undefined) return this.#queue.add(socket);
    this.#connections += 1;
    staff.hand(this.#connections, socket);
  }

  #happens(happening: Happening): void {
    const { roster, steps }: Turn = turn(this.#roster, happening);
    this.#roster = roster;
    for (const { id, phase } of roster.members) {
      const staff = this.#staff.get(id);
      if (staff !== undefined) staff.phase = phase;
    }
    this.#obey(steps);
  }

  #obey(steps: readonly Step[]): void {
    for (const step of steps) this.#take(step);
    if (this.#roster.members.some(({ phase }) => phase === 'serving'))
      for (const socket of this.#queue.takeAll()) this.#hand(socket);
  }

  #take(step: Step): void {
    const { log } = this.#options;
    switch (step.kind) {
      case 'start': {
        const { id, place, afterMs } = step;
        if (afterMs === 0) return this.#start(id, place);
        log.warn({ worker: place, afterMs }, 'a worker is started after a pause');
        this.#pending.set(
          id,
          setTimeout(() => this.#start(id, place), afterMs),
        );
        return;
      }
      case 'drain':
        return this.#release(step.id);
      case 'begun':
        return this.#began?.resolve();
      case 'give-up':
        return this.#began?.reject(this.#whyNot(step.place));
      case 'renewed':
        return step.because === 'done'
          ? log.info('every worker has been replaced')
          : log.error({ because: step.because }, 'workers were not all replaced; the others serve on');
      case 'empty':
        return this.#emptied();
      default:
        return step satisfies never;
    }
  }

  #start(id: number, place: number): void {
    this.#pending.delete(id);
    const { log } = this.#options;
    const late = setTimeout(() => {
      staff.failure = `it was not up within ${START_MS} ms`;
      staff.kill();
    }, START_MS);
    const staff: Staff = new Staff(cluster.fork(), place, {
      here: () => this.#begin(staff),
      up: () => {
        clearTimeout(late);
        this.#happens({ kind: 'up', id });
        if (this.#hushed) staff.say({ kind: 'hush' });
        log.info({ worker: place, pid: staff.pid }, 'worker up');
      },
      gone: (how) => {
        clearTimeout(late);
        this.#lose(id, staff, how);
      },
    });
    this.#staff.set(id, staff);
  }

  #begin(staff: Staff): void {
    const { file, sample, logHeaders, idleMs } = this.#options;
    staff.begun = true;
    staff.say({
      kind: 'begin',
      orders: {
        worker: String(staff.place),
        file,
        text: this.#text,
        number: this.standing.current.number,
        publicUrl: this.url(),
        sample,
        logHeaders,
        idleMs: idleMs ?? CALLER_IDLE_MS,
      },
    });
  }

  #release(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      clearTimeout(pending);
      this.#pending.delete(id);
      return queueMicrotask(() => this.#happens({ kind: 'gone', id, lastedMs: 0 }));
    }
    const { stopping } = this.#roster;
    const deadlineMs = stopping ? this.#options.deadlineMs : RENEW_DEADLINE_MS;
    const staff = this.#staff.get(id);
    staff?.say({ kind: 'drain', patienceMs: stopping ? 0 : RENEW_PATIENCE_MS, deadlineMs });
    // Everything ends in one go at a stop, and is seen to there.
    if (!stopping) setTimeout(() => staff?.kill(), deadlineMs + KILL_AFTER_MS).unref();
  }

  #lose(id: number, staff: Staff, how: string): void {
    const { place, pid, failure } = staff;
    const asked = staff.phase === 'leaving';
    this.#staff.delete(id);
    this.#gone = merge([this.#gone, staff.counted()]);
    const lastedMs = Math.round(performance.now() - staff.startedAt);
    if (!asked) {
      this.#crashes.add();
      this.#options.log.error({ worker: place, pid, how, lastedMs, failure }, 'a worker ended');
      this.#lastWords.set(place, failure ?? how);
    } else this.#options.log.info({ worker: place, pid, how }, 'worker ended');
    this.#happens({ kind: 'gone', id, lastedMs });
    // Untouched: they go to another.
    for (const socket of staff.handed.takeBack()) {
      if (this.#server.listening) this.#hand(socket);
      else socket.destroy();
    }
  }

  readonly #lastWords = new Map<number, string>();

  #whyNot(place: number): GatewayError {
    const why = this.#lastWords.get(place) ?? 'for no reason that it gave';
    return new GatewayError('GW_NO_WORKER', `worker ${place} of ${this.#roster.size} could not come up: ${why}`);
  }

  /** What each worker says of itself, null of one that does not in time. Several who ask at once get one answer. */
  #reports(): Promise<readonly (readonly [Staff, Report | null])[]> {
    this.#reporting ??= Promise.all(
      [...this.#staff.values()].map(async (staff) => {
        const report = staff.phase === 'starting' ? null : await staff.report(REPORT_MS);
        return [staff, report] as const;
      }),
    ).finally(() => (this.#reporting = null));
    return this.#reporting;
  }
}

const SEMI_SPACE = '--max-semi-space-size';

/** A worker's flags are the primary's, and as much room for short-lived objects as `bin/banyan.js` asks for. */
function nodeFlags(own: readonly string[]): string[] {
  return own.some((flag) => flag.startsWith(SEMI_SPACE)) ? [...own] : [...own, `${SEMI_SPACE}=32`];
}
