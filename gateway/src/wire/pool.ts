/**
 * The connections to one URL: so many at most, opened as they are needed, the one used last first. Calls that find none wait in
 * their order; each that waits has a connection on its way, unless there are as many as there may be.
 *
 * Promises: every call that is taken ends, by its answer or an error, or is cancelled; what is cancelled while it waits is never sent.
 */
import type { Socket } from 'node:net';
import { buildConnector, errors } from 'undici';
import { WireError, type Call } from './call.ts';
import { Connection, type ConnectionOptions, type Keeper } from './connection.ts';

export interface PoolOptions extends Omit<ConnectionOptions, 'authority'> {
  /** Most connections at once. */
  readonly connections: number;
  /** For a connection and its TLS, in milliseconds. */
  readonly connectMs: number;
}

interface Waiting {
  readonly call: Call;
  /** Whether it wants a connection that has carried nothing. */
  readonly fresh: boolean;
  /** Until when it may wait, on the clock of `performance.now()`. */
  readonly due: number;
  /** Whether a connection is being opened for it. */
  opening: boolean;
}

// Limits are looked at this often: a tenth late at most, and hardly ever while nothing is under way.
const LOOKS_PER_LIMIT = 10;
const SHORTEST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 250;

export class Pool implements Keeper {
  readonly #url: URL;
  readonly #options: PoolOptions;
  readonly #settings: ConnectionOptions;
  readonly #connect: buildConnector.connector;
  readonly #all = new Set<Connection>();
  /** Used last, last. */
  readonly #idle: Connection[] = [];
  readonly #waiting = new Map<Call, Waiting>();
  /** What waits for the end of the turn. */
  #later: { readonly call: Call; readonly fresh: boolean }[] = [];
  #opening = 0;
  #timer: NodeJS.Timeout | null = null;
  #state: 'open' | 'closing' | 'destroyed' = 'open';

  constructor(url: string, options: PoolOptions) {
    this.#url = new URL(url);
    this.#options = options;
    this.#settings = { ...options, authority: this.#url.host };
    this.#connect = buildConnector({ timeout: options.connectMs });
  }

  /**
   * Sends a call as soon as there is a connection for it; in this turn, where one is idle and the call changes nothing. What changes
   * something waits for the end of the turn: a connection that its server has closed may not have been heard of yet, and a write that
   * crosses with that cannot be sent again.
   * @param fresh on a connection that has carried nothing yet
   */
  dispatch(call: Call, fresh: boolean = false): void {
    if (this.#state !== 'open') return call.failed(gone());
    // What comes behind it does not overtake it.
    if (call.safe && this.#later.length === 0) return this.#place(call, fresh);
    if (this.#later.push({ call, fresh }) === 1) setImmediate(this.#catchUp);
  }

  readonly #catchUp = (): void => {
    const due = this.#later;
    this.#later = [];
    for (const { call, fresh } of due) this.#place(call, fresh);
  };

  #place(call: Call, fresh: boolean): void {
    if (this.#state === 'destroyed') return call.failed(gone());
    if (!fresh && this.#waiting.size === 0) {
      const connection = this.#take();
      if (connection !== null) return connection.send(call);
    }
    const { connectMs, headMs } = this.#options;
    this.#waiting.set(call, { call, fresh, due: performance.now() + connectMs + headMs, opening: false });
    this.#timer ??= this.#looking();
    this.#serve();
  }

  /** Gives up a call that waits for a connection. @returns false: it has had one */
  cancel(call: Call): boolean {
    const at = this.#later.findIndex((later) => later.call === call);
    if (at !== -1) this.#later.splice(at, 1);
    return at !== -1 || this.#waiting.delete(call);
  }

  /** Takes no more calls, and closes each connection when it is done. */
  close(): void {
    this.#state = 'closing';
    for (const connection of this.#idle.splice(0)) connection.destroy(gone());
    this.#settle();
  }

  /** Ends everything now. */
  destroy(): void {
    this.#state = 'destroyed';
    for (const connection of this.#all) connection.destroy(gone());
    const waiting = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const call of waiting) call.failed(gone());
    this.#settle();
  }

  #take(): Connection | null {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.usable) return connection;
      connection.destroy(gone());
    }
  }

  /** Gives those that wait what there is, in their order. */
  #serve(): void {
    for (const waiting of this.#waiting.values()) {
      if (!waiting.fresh) {
        const connection = this.#take();
        if (connection !== null) {
          this.#waiting.delete(waiting.call);
          connection.send(waiting.call);
          continue;
        }
      }
      if (waiting.opening) continue;
      if (this.#all.size + this.#opening >= this.#options.connections) {
        // A place for a new one.
        const idle = waiting.fresh ? this.#take() : null;
        if (idle === null) return;
        idle.destroy(gone());
        continue; // Told of that, this has been called, and has opened one.
      }
      this.#open(waiting);
    }
  }

  #open(waiting: Waiting): void {
    waiting.opening = true;
    this.#opening += 1;
    const { hostname, host, protocol, port } = this.#url;
    // An address in brackets is none for a socket.
    const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    this.#connect({ hostname: bare, host, protocol, port }, (error, socket) => {
      this.#opening -= 1;
      if (error !== null) this.#unopened(waiting, error);
      else this.#opened(waiting, socket);
    });
  }

  #opened(waiting: Waiting, socket: Socket): void {
    // A write is small and complete: the kernel need not wait for more of it.
    socket.setNoDelay(true);
    if (this.#state === 'destroyed') {
      socket.destroy();
      return this.#settle();
    }
    const connection = new Connection(socket, this, this.#settings);
    this.#all.add(connection);
    // The one it was opened for may have been served, or have left; then it is whose turn it is.
    const { call } = waiting;
    if (waiting.fresh && this.#waiting.delete(call)) return connection.send(call);
    this.idle(connection);
  }

  #unopened({ call }: Waiting, error: Error): void {
    const late = error instanceof errors.ConnectTimeoutError;
    const waits = this.#waiting.delete(call);
    this.#serve();
    this.#settle();
    if (waits)
      call.failed(new WireError(late ? 'unopened-late' : 'unopened', 'no connection came about', { cause: error }));
  }

  /** A connection is free. */
  idle(connection: Connection): void {
    if (this.#state !== 'open' && this.#waiting.size === 0) return connection.destroy(gone());
    for (const { call, fresh } of this.#waiting.values()) {
      if (fresh) break;
      this.#waiting.delete(call);
      return connection.send(call);
    }
    this.#idle.push(connection);
    if (this.#waiting.size > 0) this.#serve();
  }

  closed(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (this.#waiting.size > 0) this.#serve();
    this.#settle();
  }

  #settle(): void {
    if (this.#all.size + this.#opening + this.#waiting.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One timer for all: a request that is answered in time costs none. */
  #looking(): NodeJS.Timeout {
    const { headMs, bodyMs, idleMs } = this.#options;
    const every = Math.ceil(Math.min(headMs, bodyMs, idleMs) / LOOKS_PER_LIMIT);
    const look = (): void => {
      const now = performance.now();
      for (const connection of this.#all) connection.check(now);
      for (const { call, due } of this.#waiting.values())
        if (now >= due && this.#waiting.delete(call)) call.failed(new WireError('busy', 'no connection became free'));
      this.#settle();
    };
    return setInterval(look, Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, every))).unref();
  }
}

const gone = (): WireError => new WireError('closed', 'the connection was closed here');
