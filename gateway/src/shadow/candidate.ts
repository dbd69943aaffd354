/**
 * One upstream as a side that is asked a second time: a lane for reads and one for dry runs to each of its addresses, taken in
 * turn, those left out that are given a pause.
 */
import { Pool, type Dispatcher } from 'undici';
import { hostFor } from '../core/home.ts';
import type { Proof } from '../core/proof.ts';
import type { Upstream } from '../core/table.ts';
import { Asking, type Address } from './asking.ts';
import { connection } from './connection.ts';
import { DryRuns, type Proofs } from './dryrun.ts';
import { Lane, unasked, type Carry } from './lane.ts';

// To each address. A candidate as fast as legacy keeps up with some hundred reads a second on these; a slow one must not be
// given more to do than its callers' own share leaves it.
const CONNECTIONS = 8;
// As for callers: given up before the usual 5 s of a node server.
const KEEP_ALIVE_MS = 4_000;
const MAX_HEADERS_BYTES = 64 * 1024;

/** What the operator may ask of one lane. */
export interface LaneStatus {
  readonly upstream: string;
  readonly url: string;
  readonly for: 'reads' | 'dry runs';
  readonly state: 'open' | 'paused';
  readonly underWay: number;
  readonly waiting: number;
}

export interface CandidateOptions {
  /** Is told when a route's dry runs are proven, unproven or stopped. */
  readonly tell: (route: string, proof: Proof) => void;
  /** Whether a URL is left out for the moment, as callers have found. */
  readonly out: (url: string) => boolean;
}

export class Candidate {
  readonly upstream: Upstream;
  readonly #out: (url: string) => boolean;
  readonly #dispatchers: Dispatcher[] = [];
  readonly #reads: Lane[] = [];
  readonly #writes: Lane[] = [];
  readonly #dryRuns: DryRuns[] = [];
  readonly #stopped = new Map<string, string>();
  #turn = 0;

  constructor(upstream: Upstream, { tell, out }: CandidateOptions) {
    this.upstream = upstream;
    this.#out = out;
    const proofs: Proofs = { stopped: this.#stopped, tell };
    for (const url of upstream.urls) {
      const address = { origin: url, host: hostFor(upstream, url) };
      const options = {
        pipelining: 1,
        connect: { timeout: upstream.timeout.connectMs },
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: MAX_HEADERS_BYTES,
      };
      const pool = new Pool(url, { ...options, connections: CONNECTIONS, factory: connection });
      const client = connection(new URL(url), options);
      this.#dispatchers.push(pool, client);
      this.#reads.push(new Lane(CONNECTIONS, reading(pool, address)));
      const runs = new DryRuns(client, address, proofs);
      this.#dryRuns.push(runs);
      this.#writes.push(new Lane(1, runs.carry));
    }
  }

  /** The lane to offer an errand to; null: every address is given a pause. */
  lane(as: 'read' | 'dry-run'): Lane | null {
    const lanes = as === 'read' ? this.#reads : this.#writes;
    const { urls } = this.upstream;
    let open: Lane | null = null;
    for (let tried = 0; tried < lanes.length; tried += 1) {
      this.#turn = (this.#turn + 1) % lanes.length;
      const lane = lanes[this.#turn];
      if (lane === undefined || lane.paused) continue;
      // With all of them out, callers are sent to any as well.
      if (lanes.length === 1 || !this.#out(urls[this.#turn] ?? '')) return lane;
      open ??= lane;
    }
    return open;
  }

  /** Why a route gets no more dry runs; null while it may. */
  stopped(route: string): string | null {
    return this.#stopped.get(route) ?? null;
  }

  /** A new generation: what was stopped may be tried again, and what was proved has to be once more. */
  renew(): void {
    this.#stopped.clear();
    for (const runs of this.#dryRuns) runs.renew();
  }

  status(): readonly LaneStatus[] {
    const { name, urls } = this.upstream;
    const row = (lane: Lane, at: number, what: LaneStatus['for']): LaneStatus => ({
      upstream: name,
      url: urls[at] ?? '',
      for: what,
      state: lane.paused ? 'paused' : 'open',
      underWay: lane.underWay,
      waiting: lane.waiting,
    });
    return [
      ...this.#reads.map((lane, at) => row(lane, at, 'reads')),
      ...this.#writes.map((lane, at) => row(lane, at, 'dry runs')),
    ];
  }

  /** Ends everything now. */
  close(): void {
    for (const lane of [...this.#reads, ...this.#writes]) lane.close();
    for (const dispatcher of this.#dispatchers) dispatcher.destroy().catch(() => undefined);
  }
}

function reading(pool: Dispatcher, address: Address): Carry {
  return (errand, ended) => {
    const question = errand.question();
    if (question === null) return unasked(errand, ended);
    const asking = new Asking({
      question,
      limits: errand.limits,
      address,
      mayWrite: () => true,
      keep: (bytes) => errand.keep(bytes),
      done: (half) => {
        if (half === null) return ended('idle');
        ended(half.kind === 'failed' || half.kind === 'late' ? 'dead' : 'alive');
        errand.heard(half);
      },
    });
    asking.send(pool);
    return () => asking.cancel();
  };
}
