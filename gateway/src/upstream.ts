/**
 * The services behind the facade: each a breaker, a budget, and a member for each of its URLs. Upstreams that a new generation of
 * `routing.yaml` leaves alone keep all of it; those that it drops finish what they have in hand.
 */
import { Breaker } from './breaker.ts';
import { choose } from './core/balance.ts';
import { fullBudget, hasToken, refilled, taken, type Budget } from './core/budget.ts';
import { homeOf, type Home } from './core/home.ts';
import type { Table, Upstream } from './core/table.ts';
import { GatewayError } from './error.ts';
import { checkHealth, type Checks } from './health.ts';
import { Member, type MemberState } from './member.ts';

// Requests that wait for one of the upstream's connections. Beyond it a queue only turns slowness into timeouts.
const MAX_WAITING = 1_024;

/** A URL was taken out, or is back. */
export interface Turn {
  readonly upstream: string;
  readonly url: string;
  readonly state: MemberState;
  /** How many of the upstream's URLs are in now; with none, all are tried. */
  readonly left: number;
}

export type OnTurn = (turn: Turn) => void;

export class Server {
  readonly upstream: Upstream;
  readonly breaker: Breaker;
  /** One for each URL, in the file's order. */
  readonly members: readonly Member[];
  /** What of its answers is rewritten; null: nothing. */
  readonly home: Home | null;
  readonly #first: Member;
  readonly #checks: readonly Checks[];
  readonly #onTurn: OnTurn;
  readonly #most: number;
  #budget: Budget;
  #outstanding = 0;
  /** Requests since it began, those of others included. */
  #taken = 0;
  #turn = 0;
  #lent = 0;
  #moved = 0;
  #repeated = 0;
  #retired = false;

  constructor(upstream: Upstream, onTurn: OnTurn) {
    this.upstream = upstream;
    this.#onTurn = onTurn;
    this.breaker = new Breaker(upstream);
    this.home = homeOf(upstream);
    this.members = upstream.urls.map((url) => new Member(upstream, url));
    const [first] = this.members;
    if (first === undefined) throw new GatewayError('GW_BAD_CONFIG', `upstream ${upstream.name} has no URL`);
    this.#first = first;
    this.#most = upstream.connections * this.members.length + MAX_WAITING;
    this.#budget = fullBudget(upstream.spare, performance.now());
    const { health } = upstream;
    this.#checks =
      health === null
        ? []
        : this.members.map((member) =>
            checkHealth(upstream, member.url, health, (ok) => this.#watched(member, () => member.checked(ok, health))),
          );
  }

  /** Requests handed to this service that have not ended. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get full(): boolean {
    return this.#outstanding >= this.#most;
  }

  /** Requests that went on to another URL, because a connection could not be opened. */
  get moved(): number {
    return this.#moved;
  }

  /** Requests that were sent once more, on a fresh connection. */
  get repeated(): number {
    return this.#repeated;
  }

  /** The URL for a request. */
  pick(): Member {
    if (this.members.length === 1) return this.#first;
    this.#turn += 1;
    return choose(this.members, this.#turn, NONE) ?? this.#first;
  }

  /** Another URL, for a request that has been to those `tried`; null when there is none. */
  other(tried: readonly Member[]): Member | null {
    return choose(this.members, this.#turn, tried);
  }

  /** A request will be sent here, now or once its body has been read: the connections stay until `release`. */
  hold(): void {
    this.#outstanding += 1;
    this.#taken += 1;
  }

  /** It has ended. */
  release(): void {
    this.#outstanding -= 1;
    if (this.#retired && this.#outstanding === 0) this.#end();
  }

  /** A connection to `member` could not be opened, or ended before an answer. */
  broke(member: Member): void {
    const last = !this.members.some((other) => other !== member && !other.out);
    this.#watched(member, () => member.broke(last));
  }

  /** `member` has answered: whatever its connections did before, it is in. */
  answered(member: Member): void {
    if (member.answered() && !member.out) this.#tell(member);
  }

  /** A request goes on: to another URL, or on a fresh connection. */
  again(where: 'elsewhere' | 'fresh'): void {
    if (where === 'elsewhere') this.#moved += 1;
    else this.#repeated += 1;
  }

  /** Whether it may be given one more read that another cannot answer. */
  get spares(): boolean {
    this.#refill();
    return hasToken(this.#budget);
  }

  /** Takes such a read on. Returns false, and takes nothing, when there is no budget for it. */
  lend(): boolean {
    this.#refill();
    if (!hasToken(this.#budget)) return false;
    this.#budget = taken(this.#budget);
    this.#lent += 1;
    return true;
  }

  #refill(): void {
    this.#budget = refilled(this.#budget, this.upstream.spare, performance.now(), this.#taken - this.#lent);
  }

  #watched(member: Member, change: () => void): void {
    const before = member.state;
    change();
    if (member.state !== before) this.#tell(member);
  }

  #tell({ url, state }: Member): void {
    const left = this.members.filter(({ out }) => !out).length;
    this.#onTurn({ upstream: this.upstream.name, url, state, left });
  }

  /** No new request will come: closes the connections once those under way have ended. */
  retire(): void {
    this.#retired = true;
    this.#stop();
    if (this.#outstanding === 0) this.#end();
  }

  #stop(): void {
    for (const checks of this.#checks) checks.stop();
  }

  #end(): void {
    this.breaker.close();
    for (const member of this.members) member.close();
  }

  /** Ends everything now. */
  destroy(): void {
    this.#stop();
    this.breaker.close();
    for (const member of this.members) member.destroy();
  }
}

const NONE: readonly Member[] = [];

/** The servers of the table in force, by name. */
export class Fleet {
  #servers: ReadonlyMap<string, Server> = new Map();
  /** Told when a URL is taken out, or is back. */
  onTurn: OnTurn = () => undefined;

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
      next.set(
        name,
        known !== undefined && same(known.upstream, upstream)
          ? known
          : new Server(upstream, (turn) => this.onTurn(turn)),
      );
    }
    const dropped = [...this.#servers.values()].filter((server) => next.get(server.upstream.name) !== server);
    this.#servers = next;
    for (const server of dropped) server.retire();
  }

  /** Ends everything now. */
  destroy(): void {
    for (const server of this.#servers.values()) server.destroy();
  }
}

const same = (a: Upstream, b: Upstream): boolean => JSON.stringify(a) === JSON.stringify(b);
