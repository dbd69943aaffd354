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
import { Intake } from './intake.ts';

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
  /** The connection that is being opened for it. */
  opening: Opening | null;
}

/** A connection on its way. */
interface Opening {
  /** Who is told when it does not come about; no longer one that waits, when that one has been served or has left. */
  asker: Waiting;
}

/** What waits for the end of the turn. */
interface Later {
  /** Null: it was cancelled. */
  call: Call | null;
  readonly fresh: boolean;
}

const NOTHING: readonly Later[] = [];

// Limits are looked at this often: a tenth late at most, and hardly ever while nothing is under way.
const LOOKS_PER_LIMIT = 10;
const SHORTEST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 250;

export class Pool implements Keeper {
  readonly #url: URL;
  readonly #options: PoolOptions;
  readonly #settings: ConnectionOptions;
  /** Of TLS, which remembers sessions. */
  readonly #secure: buildConnector.connector;
  readonly #all = new Set<Connection>();
  /** Used last, last. */
  readonly #idle: Connection[] = [];
  readonly #waiting = new Map<Call, Waiting>();
  #later: Later[] = [];
  /** What waited for the end of this turn, while it is placed. */
  #due: readonly Later[] = NOTHING;
  /** Became free in this turn, and are for calls that change something. */
  #resting: Connection[] = [];
  #opening = 0;
  #serving = false;
  #changed = false;
  #timer: NodeJS.Timeout | null = null;
  #state: 'open' | 'closing' | 'destroyed' = 'open';

  constructor(url: string, options: PoolOptions) {
    this.#url = new URL(url);
    this.#options = options;
    this.#settings = { ...options, authority: this.#url.host };
    this.#secure = buildConnector({ timeout: options.connectMs });
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
    if (call.safe && this.#later.length === 0 && this.#due.length === 0) return this.#place(call, fresh);
    if (this.#later.push({ call, fresh }) === 1) setImmediate(this.#catchUp);
  }

  readonly #catchUp = (): void => {
    const due = this.#later;
    this.#due = due;
    this.#later = [];
    for (const { call, fresh } of due) if (call !== null) this.#place(call, fresh);
    this.#due = NOTHING;
  };

  #place(call: Call, fresh: boolean): void {
    if (this.#state === 'destroyed') return call.failed(gone());
    if (!fresh && this.#waiting.size === 0) {
      const connection = this.#take();
      if (connection !== null) return connection.send(call);
    }
    const { connectMs, headMs } = this.#options;
    this.#waiting.set(call, { call, fresh, due: performance.now() + connectMs + headMs, opening: null });
    this.#timer ??= this.#looking();
    this.#serve();
  }

  /** Gives up a call that waits for a connection. @returns false: it has had one */
  cancel(call: Call): boolean {
    const its = (later: Later): boolean => later.call === call;
    const later = this.#later.find(its) ?? this.#due.find(its);
    if (later === undefined) return this.#waiting.delete(call);
    later.call = null;
    return true;
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

  /** Gives those that wait what there is, in their order. What happens on the way is looked at afterwards, by the same. */
  #serve(): void {
    this.#changed = true;
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#changed) {
        this.#changed = false;
        this.#pass();
      }
    } finally {
      this.#serving = false;
    }
  }

  #pass(): void {
    for (const waiting of this.#waiting.values()) {
      if (!waiting.fresh) {
        const connection = this.#take();
        if (connection !== null) {
          this.#waiting.delete(waiting.call);
          connection.send(waiting.call);
          continue;
        }
      }
      if (waiting.opening !== null) continue;
      if (this.#all.size + this.#opening >= this.#options.connections) {
        // A place for a new one.
        const idle = waiting.fresh ? this.#take() : null;
        if (idle === null) return;
        idle.destroy(gone());
      }
      this.#open(waiting);
    }
  }

  #open(asker: Waiting): void {
    const opening: Opening = { asker };
    asker.opening = opening;
    this.#opening += 1;
    const { hostname, host, protocol, port } = this.#url;
    // An address in brackets is none for a socket.
    const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    const intake = protocol === 'https:' ? null : new Intake();
    const connect =
      intake === null ? this.#secure : buildConnector({ timeout: this.#options.connectMs, onread: intake.onread });
    connect({ hostname: bare, host, protocol, port }, (error, socket) => {
      this.#opening -= 1;
      if (error !== null) this.#unopened(opening, error);
      else this.#opened(opening, socket, intake);
    });
  }

  #opened({ asker }: Opening, socket: Socket, intake: Intake | null): void {
    // A write is small and complete: the kernel need not wait for more of it.
    socket.setNoDelay(true);
    if (this.#state === 'destroyed') {
      socket.destroy();
      return this.#settle();
    }
    const connection = new Connection(socket, this, this.#settings);
    if (intake === null) socket.on('data', (chunk: Buffer) => connection.read(chunk));
    else intake.reader = connection;
    this.#all.add(connection);
    const [first] = this.#waiting.values();
    if (first === undefined) return this.idle(connection);
    // Who has waited longest has it; for whom it was opened there is the one that was opened for that one.
    if (first !== asker) {
      asker.opening = first.opening;
      if (first.opening !== null) first.opening.asker = asker;
    }
    this.#waiting.delete(first.call);
    connection.send(first.call);
    if (this.#waiting.size > 0) this.#serve();
  }

  #unopened({ asker: { call }, asker }: Opening, error: Error): void {
    const late = error instanceof errors.ConnectTimeoutError;
    // The same call may wait anew by now, for another one.
    const waits = this.#waiting.get(call) === asker && this.#waiting.delete(call);
    this.#serve();
    this.#settle();
    if (waits)
      call.failed(new WireError(late ? 'unopened-late' : 'unopened', 'no connection came about', { cause: error }));
  }

  /** A connection is free. */
  idle(connection: Connection): void {
    if (this.#waiting.size === 0) return this.#keep(connection);
    const [first] = this.#waiting.values();
    if (first === undefined) return;
    if (first.call.safe && !first.fresh) {
      this.#waiting.delete(first.call);
      return connection.send(first.call);
    }
    // Some servers close behind an answer without having said so: that is heard before a write goes out. What stands behind the
    // answer in the kernel is read in the next turn only.
    if (this.#resting.push(connection) === 1) setImmediate(this.#rest);
  }

  readonly #rest = (): void => void setImmediate(this.#rested);

  readonly #rested = (): void => {
    const rested = this.#resting;
    this.#resting = [];
    for (const connection of rested) if (connection.usable) this.#keep(connection);
    if (this.#waiting.size > 0) this.#serve();
  };

  #keep(connection: Connection): void {
    if (this.#state !== 'open' && this.#waiting.size === 0) return connection.destroy(gone());
    connection.rest();
    this.#idle.push(connection);
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
