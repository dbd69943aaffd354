/**
 * The servers behind the facade: one pool of connections and one breaker each. Upstreams that a new generation of
 * `routing.yaml` leaves alone keep their pool and their breaker; those that it drops finish what they have in hand.
 */
import { Pool, type Dispatcher } from 'undici';
import { Breaker } from './breaker.ts';
import { connection, connector } from './connector.ts';
import type { Table, Upstream } from './core/table.ts';

// Requests that wait for one of the upstream's connections. Beyond it a queue only turns slowness into timeouts.
const MAX_WAITING = 1_024;
// Undici gives up on a keep-alive connection before the usual 5 s of a node server, so that we do not send into a closing one.
const KEEP_ALIVE_MS = 4_000;

export class Server {
  readonly upstream: Upstream;
  readonly breaker: Breaker;
  readonly #pool: Pool;
  #outstanding = 0;
  #retired = false;

  constructor(upstream: Upstream) {
    this.upstream = upstream;
    this.breaker = new Breaker(upstream);
    this.#pool = new Pool(originOf(upstream), {
      connections: upstream.connections,
      pipelining: 1,
      factory: connection,
      connect: connector(upstream.timeout.connectMs),
      headersTimeout: upstream.timeout.headersMs,
      bodyTimeout: upstream.timeout.bodyMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The caller's own limit on headers is node's; answers may be as large as requests.
      maxHeaderSize: 64 * 1024,
    });
  }

  /** Requests handed to this server that have not ended. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get full(): boolean {
    return this.#outstanding >= this.upstream.connections + MAX_WAITING;
  }

  /** A request will be sent here, now or once its body has been read: the pool stays until `release`. */
  hold(): void {
    this.#outstanding += 1;
  }

  release(): void {
    this.#outstanding -= 1;
    if (this.#retired && this.#outstanding === 0) this.#end();
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler);
  }

  /** No new request will come: closes the connections once those under way have ended. */
  retire(): void {
    this.#retired = true;
    if (this.#outstanding === 0) this.#end();
  }

  #end(): void {
    this.breaker.close();
    this.#pool.close().catch(() => undefined);
  }

  /** Ends everything now. */
  async destroy(): Promise<void> {
    this.breaker.close();
    await this.#pool.destroy();
  }
}

const originOf = (upstream: Upstream): string => upstream.urls[0] ?? '';

/** The servers of the table in force, by name. */
export class Fleet {
  #servers: ReadonlyMap<string, Server> = new Map();

  get servers(): ReadonlyMap<string, Server> {
    return this.#servers;
  }

  /** @throws never for a table: `routing.ts` has checked that every upstream it names exists */
  get(name: string): Server | undefined {
    return this.#servers.get(name);
  }

  /** Takes over a new table's upstreams. What it no longer has is closed once its requests have ended. */
  adopt(table: Table): void {
    const next = new Map<string, Server>();
    for (const [name, upstream] of table.upstreams) {
      const known = this.#servers.get(name);
      next.set(name, known !== undefined && same(known.upstream, upstream) ? known : new Server(upstream));
    }
    const dropped = [...this.#servers.values()].filter((server) => next.get(server.upstream.name) !== server);
    this.#servers = next;
    for (const server of dropped) server.retire();
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.destroy()));
  }
}

const same = (a: Upstream, b: Upstream): boolean => JSON.stringify(a) === JSON.stringify(b);
