/**
 * The way to one address of one upstream for second questions: connections of its own, few of them; a short queue in front; and
 * patience, so that an address that does not answer is hardly asked. Callers' connections and breakers know nothing of it.
 */
import { afterFailure, allowed, CALM, type Patience } from '../core/patience.ts';
import type { Drop, Errand } from './question.ts';

/** How one errand ended: `idle` says nothing about the address. */
export type Ended = 'alive' | 'dead' | 'idle';

/** Carries one errand out. `ended` is called once; the function that comes back calls it off, and then `ended` as `idle`. */
export type Carry = (errand: Errand, ended: (how: Ended) => void) => () => void;

/** Ends an errand that cannot be asked. */
export function unasked(errand: Errand, ended: (how: Ended) => void): () => void {
  ended('idle');
  errand.dropped('bridge');
  return () => undefined;
}

// What waits longer than its budget is dropped anyway; this many of the default budget of bytes stay far below MAX_HELD_BYTES.
const MAX_WAITING = 256;

interface Waiting {
  readonly errand: Errand;
  readonly since: number;
}

export class Lane {
  readonly #carry: Carry;
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  readonly #underWay = new Map<Errand, () => void>();
  #patience: Patience = CALM;
  #scheduled: NodeJS.Immediate | null = null;
  #closed = false;

  /** @param most errands under way at a time */
  constructor(most: number, carry: Carry) {
    this.#most = most;
    this.#carry = carry;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Whether an errand would be dropped now because the address has been failing. */
  get paused(): boolean {
    const now = performance.now();
    const places = allowed(this.#patience, this.#most, now);
    return places === 0 || (places < this.#most && this.#underWay.size + this.#waiting.length >= places);
  }

  /** Takes an errand, to be sent in a later turn of the event loop, or says why not. */
  offer(errand: Errand): Drop | null {
    if (this.#closed) return 'closed';
    if (this.paused) return 'breaker';
    if (this.#waiting.length >= MAX_WAITING) return 'queue-full';
    this.#waiting.push({ errand, since: performance.now() });
    this.#schedule();
    return null;
  }

  /** Lets go of an errand that nobody wants any more; nothing is said to it. */
  forget(errand: Errand): void {
    const at = this.#waiting.findIndex((one) => one.errand === errand);
    if (at !== -1) this.#waiting.splice(at, 1);
    this.#underWay.get(errand)?.();
  }

  /** Drops what waits and calls off what is under way. */
  close(): void {
    this.#closed = true;
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#dropAll('closed');
    for (const [errand, cancel] of this.#underWay) {
      cancel();
      errand.dropped('closed');
    }
  }

  /** Not in the turn in which a caller is served. */
  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = null;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#closed && this.#underWay.size < allowed(this.#patience, this.#most, performance.now())) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (performance.now() - next.since > next.errand.limits.ms) next.errand.dropped('budget');
      else this.#start(next.errand);
    }
  }

  #start(errand: Errand): void {
    const askedAt = performance.now();
    let over = false;
    const cancel = this.#carry(errand, (how) => {
      over = true;
      this.#underWay.delete(errand);
      if (how === 'alive') this.#patience = CALM;
      if (how === 'dead') this.#patience = afterFailure(this.#patience, askedAt, performance.now());
      // What waits would find nobody: its place is worth more than its hope.
      if (how === 'dead' && this.paused) this.#dropAll('breaker');
      if (this.#waiting.length > 0 && !this.#closed) this.#schedule();
    });
    if (!over) this.#underWay.set(errand, cancel);
  }

  #dropAll(reason: Drop): void {
    for (const { errand } of this.#waiting.splice(0)) errand.dropped(reason);
  }
}
