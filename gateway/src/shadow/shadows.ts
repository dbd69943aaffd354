/**
 * Who else is asked: takes the requests whose decision says so, and asks the other side without the caller's waiting for it.
 *
 * Promises: a caller's answer is neither delayed, changed nor failed, whatever the other side does. Connections and patience are
 * its own (`candidate.ts`); memory has one limit for all of the process (`hold.ts`); what does not fit is dropped and counted at
 * once. Writes go out only as dry runs that the other side has proved to honour (`dryrun.ts`).
 */
import type { Logger } from 'pino';
import type { Proof } from '../core/proof.ts';
import type { Table, Upstream } from '../core/table.ts';
import { Counter, type Metrics } from '../metrics.ts';
import { Candidate, type LaneStatus } from './candidate.ts';
import type { Comparer } from './compare.ts';
import { Hold } from './hold.ts';
import type { Drop, Pair } from './question.ts';
import { Shadow, type Beginning } from './shadow.ts';

export interface ShadowsOptions {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly comparer: Comparer;
  /** Whether a URL of an upstream is left out for the moment, as callers have found; another is asked then. */
  readonly out: (upstream: string, url: string) => boolean;
}

/** What `GET /api/status` says of second questions. */
export interface ShadowStatus {
  /** Requests that are kept for it, and the bytes that they hold. */
  readonly held: number;
  readonly bytes: number;
  readonly lanes: readonly LaneStatus[];
  /** What is known of each route whose writes are asked as dry runs; `because` is null where it is proven. */
  readonly dryRuns: readonly { readonly route: string; readonly state: string; readonly because: string | null }[];
}

export class Shadows {
  readonly #options: ShadowsOptions;
  readonly #hold = new Hold();
  readonly #asked = new Counter(
    'banyan_shadow_total',
    'Requests that the other side was asked as well, and both answers known.',
    ['route', 'as'],
  );
  readonly #drops = new Counter(
    'banyan_shadow_dropped_total',
    'Requests that were meant for the other side as well, and not asked or not heard to the end.',
    ['route', 'reason'],
  );
  readonly #turns = new Counter(
    'banyan_shadow_dry_run_total',
    'How often dry runs of a route were found to be honoured (proven), not to be (unproven), or were given up (stopped).',
    ['route', 'outcome'],
  );
  readonly #candidates = new Map<string, Candidate>();
  readonly #dryRuns = new Map<string, Exclude<Proof, { kind: 'unasked' }>>();
  #table: Table | null = null;
  #closed = false;

  constructor(options: ShadowsOptions) {
    this.#options = options;
    options.metrics.also(() => [this.#asked, this.#drops, this.#turns].map((counter) => counter.family()));
  }

  /** Never throws. Null when the request is not asked a second time; that has been counted then. */
  begin(begun: Beginning): Shadow | null {
    const { route, body, also, table } = begun;
    const drop = (reason: Drop): null => {
      this.#dropped(route.id, reason);
      return null;
    };
    if (this.#closed) return drop('closed');
    if (body.kind === 'stream') return drop('body-streamed');
    if (table !== this.#table) this.#adopt(table);
    const candidate = this.#candidate(table, also.upstream);
    if (candidate === null) return drop('closed');
    if (also.as === 'dry-run' && candidate.stopped(route.id) !== null) return drop('dry-run-stopped');
    if (candidate.lane(also.as) === null) return drop('breaker');
    if (!this.#hold.enter(body.kind === 'whole' ? body.bytes.length : 0)) return drop('queue-full');
    return new Shadow(begun, {
      hold: this.#hold,
      dropped: this.#dropped,
      compare: this.#compare,
      lane: () => candidate.lane(also.as),
    });
  }

  status(): ShadowStatus {
    return {
      held: this.#hold.count,
      bytes: this.#hold.bytes,
      lanes: [...this.#candidates.values()].flatMap((candidate) => candidate.status()),
      dryRuns: [...this.#dryRuns].map(([route, proof]) => ({
        route,
        state: proof.kind,
        because: proof.kind === 'proven' ? null : proof.because,
      })),
    };
  }

  /** Ends everything now: nobody waits for it. */
  close(): void {
    this.#closed = true;
    for (const candidate of this.#candidates.values()) candidate.close();
    this.#candidates.clear();
    this.#options.comparer.close();
  }

  readonly #dropped = (route: string, reason: Drop): void => this.#drops.add(route, reason);

  readonly #compare = (pair: Pair): void => {
    this.#asked.add(pair.route.id, pair.as);
    try {
      this.#options.comparer.compare(pair);
    } catch (error) {
      this.#options.log.error({ err: error, requestId: pair.requestId }, 'a pair of answers could not be compared');
    }
  };

  /** Upstreams that a new table leaves alone keep their connections and their patience; what was stopped may be tried again. */
  #adopt(table: Table): void {
    this.#table = table;
    this.#dryRuns.clear();
    for (const [name, candidate] of this.#candidates) {
      const upstream = table.upstreams.get(name);
      if (upstream !== undefined && same(upstream, candidate.upstream)) {
        candidate.renew();
        continue;
      }
      this.#candidates.delete(name);
      candidate.close();
    }
  }

  #candidate(table: Table, name: string): Candidate | null {
    const known = this.#candidates.get(name);
    const upstream = table.upstreams.get(name);
    if (known !== undefined || upstream === undefined) return known ?? null;
    const made = new Candidate(upstream, {
      out: (url) => this.#options.out(name, url),
      tell: (route, proof) => this.#learnt(name, route, proof),
    });
    this.#candidates.set(name, made);
    return made;
  }

  #learnt(upstream: string, route: string, proof: Proof): void {
    if (proof.kind === 'unasked') return;
    const { log } = this.#options;
    this.#dryRuns.set(route, proof);
    this.#turns.add(route, proof.kind);
    const fields = { route, upstream, ...(proof.kind === 'proven' ? {} : { because: proof.because }) };
    switch (proof.kind) {
      case 'proven':
        return log.info(fields, 'dry runs of this route are honoured, and sent');
      case 'unproven':
        return log.warn(fields, 'dry runs of this route are not sent: nothing shows that they would be honoured');
      case 'stopped':
        return log.error(fields, 'dry runs of this route are stopped until the routing file changes');
      default:
        return proof satisfies never;
    }
  }
}

const same = (a: Upstream, b: Upstream): boolean => JSON.stringify(a) === JSON.stringify(b);
