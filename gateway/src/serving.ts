/**
 * What one process needs to serve callers: the table in force, the servers behind it, the facade, its counts; and how it ends
 * without cutting anybody off. Where its connections come from is not its business: a port of its own, or a primary.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { CALLER_IDLE_MS } from './body.ts';
import { Ration } from './core/ration.ts';
import type { Observer } from './exchange.ts';
import type { Vitals } from './engine.ts';
import { buildFacade } from './facade.ts';
import { Generations, type Accepted } from './generation.ts';
import { Metrics } from './metrics.ts';
import { Verdicts } from './shadow/compare.ts';
import { Shadows } from './shadow/shadows.ts';

export interface ServingOptions {
  readonly loaded: Accepted;
  /** What the generation is called; default 1. */
  readonly number?: number;
  readonly log: Logger;
  /** Share of requests in the access log, 0 to 1. */
  readonly sample: number;
  /** Names in lower case of the request's fields that the access log shows. */
  readonly logHeaders: readonly string[];
  readonly idleMs: number | null;
  /** `http://` and the address that callers see. */
  readonly publicUrl: () => string;
  /** Its name among several; null: it is the only one. */
  readonly worker: string | null;
}

// Connections that were busy at the beginning of a drain are closed when they fall idle.
const REAP_MS = 50;
// Enough to see what fails and how; in a storm all lines say the same, and cost as much as the requests.
const FAILURES_PER_SECOND = 100;

export class Serving {
  readonly generations: Generations;
  readonly metrics: Metrics;
  readonly facade: FastifyInstance;
  readonly #shadows: Shadows;
  /** Every connection, upgraded ones too: node forgets those. */
  readonly #sockets = new Set<Socket>();
  #hushed = false;

  /** @throws GatewayError GW_BAD_WSDL */
  static async open(options: ServingOptions): Promise<Serving> {
    const generations = await Generations.open(options.loaded, Date.now(), options.number ?? 1);
    return new Serving(generations, options);
  }

  private constructor(generations: Generations, options: ServingOptions) {
    this.generations = generations;
    this.metrics = new Metrics(options.worker);
    const { log, sample, logHeaders } = options;
    const failures = new Ration(FAILURES_PER_SECOND);
    const observer: Observer = {
      metrics: this.metrics,
      log,
      sample,
      failures,
      logHeaders,
      closing: () => this.#hushed,
    };
    generations.fleet.onTurn = (turn) => log.warn(turn, 'a URL was taken out, or is back');
    this.#shadows = new Shadows({
      metrics: this.metrics,
      log,
      comparer: new Verdicts(this.metrics, log),
      out: (name, url) => isOut(generations, name, url),
    });
    this.facade = buildFacade({
      generations,
      observer,
      shadows: this.#shadows,
      publicUrl: options.publicUrl,
      idleMs: options.idleMs ?? CALLER_IDLE_MS,
    });
    this.facade.server.on('connection', (socket: Socket) => this.expect(socket));
  }

  /** A connection that is to be served in a moment: a drain waits for it already. */
  expect(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  vitals(): Vitals {
    return {
      upstreams: [...this.generations.fleet.servers.values()].map(({ upstream, breaker, outstanding, members }) => ({
        name: upstream.name,
        urls: upstream.urls,
        breaker: breaker.state,
        outstanding,
        members: members.map(({ url, state, outstanding: own }) => ({ url, state, outstanding: own })),
      })),
      shadows: this.#shadows.status(),
    };
  }

  /** From now on answers close their connections. */
  hush(): void {
    this.#hushed = true;
  }

  /**
   * Lets what is in hand end, and closes. Resolves when nothing is left, at the deadline at the latest: what is not over then is
   * cut off. Connections on which nothing is asked are left alone for `patienceMs`: whoever has one may be about to ask, and
   * learns by the answer to close it.
   */
  async drain({ patienceMs, deadlineMs }: { patienceMs: number; deadlineMs: number }): Promise<void> {
    this.hush();
    // Nobody waits for a second answer.
    this.#shadows.close();
    // New connections are refused from now on, where this process has a port of its own. Node closes idle ones with the port.
    const closed = this.facade.server.listening ? this.facade.close() : null;
    const begun = performance.now();
    await new Promise<void>((done) => {
      const look = (): void => {
        const past = performance.now() - begun;
        if (past >= patienceMs) this.#reap();
        if (this.#sockets.size > 0 && past < deadlineMs) return;
        clearInterval(looking);
        done();
      };
      // Not at once: what has been asked on a connection that was just opened is yet to be read.
      const looking = setInterval(look, REAP_MS);
    });
    for (const socket of this.#sockets) socket.destroy();
    this.generations.fleet.destroy();
    await Promise.allSettled([closed ?? this.facade.close()]);
  }

  #reap(): void {
    this.facade.server.closeIdleConnections();
    // Opened in advance and never used: idle as well, though not to node.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Ends everything now. */
  async destroy(): Promise<void> {
    this.#shadows.close();
    for (const socket of this.#sockets) socket.destroy();
    this.generations.fleet.destroy();
    await Promise.allSettled([this.facade.close()]);
  }
}

/** Whether a URL is left out for the moment, as its health or its callers' connections say. */
function isOut({ fleet }: Generations, name: string, url: string): boolean {
  return fleet.get(name)?.members.some((member) => member.url === url && member.out) ?? false;
}
