/**
 * One breaker per upstream, fed at outcome level: a streaming proxy knows only at the end of an answer, or at its failure, what
 * to count. opossum keeps the states, the window and the half-open probe; the cheap half of the work goes past `fire()`.
 */
import CircuitBreaker from 'opossum';
import { margin } from './core/margin.ts';
import type { Upstream } from './core/table.ts';

/** `abandoned`: the caller left, which says nothing about the upstream. */
export type Outcome = 'success' | 'failure' | 'abandoned';

/** Told once how the request that it was handed out for ended. */
export type Settle = (outcome: Outcome) => void;

export type BreakerState = 'closed' | 'half-open' | 'open';

// One for all: nobody reads it, and each would take a stack trace.
const FAILURE = new Error('failure');

// opossum sums its whole window up at each failure that it is told of, which costs as much as half a request. How many it need not be
// told of is known for as long as little of the window has gone by.
const SPARE_MS = 100;

export class Breaker {
  readonly #share: number;
  /** Failures that cannot open it, and until when that holds, on the clock of `performance.now()`. */
  #spare = 0;
  #spareUntil = 0;
  readonly #circuit: CircuitBreaker<[() => Promise<void>], void>;

  constructor(upstream: Upstream) {
    const { errors, resetMs, windowMs, volume } = upstream.breaker;
    this.#share = errors;
    this.#circuit = new CircuitBreaker((outcome: () => Promise<void>) => outcome(), {
      name: upstream.name,
      timeout: false,
      // opossum opens above its threshold, `routing.yaml` promises at it.
      errorThresholdPercentage: errors * 100 - 1e-6,
      resetTimeout: resetMs,
      rollingCountTimeout: windowMs,
      volumeThreshold: volume,
      // With percentiles on, each failure under load sorts every latency of the window: 11 ms a call.
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
  }

  get state(): BreakerState {
    if (this.#circuit.closed) return 'closed';
    return this.#circuit.halfOpen ? 'half-open' : 'open';
  }

  /** Whether a request would be refused now: open, or half-open with its one probe under way. */
  get refusing(): boolean {
    return !this.#circuit.closed && !this.#circuit.pendingClose;
  }

  /** Counts a request that is sent now. */
  begin(): Settle {
    return this.#circuit.closed ? this.#counted : this.#probe();
  }

  /** In the closed state a success costs one increment (what opossum does of its own `fire` event); only failures are fired. */
  readonly #counted: Settle = (outcome) => {
    if (outcome === 'success') this.#circuit.emit('fire', []);
    // One that began before the breaker opened says nothing new, and must not be taken for the probe.
    if (outcome === 'failure' && this.#circuit.closed) this.#failed();
  };

  #failed(): void {
    const now = performance.now();
    if (this.#spare > 0 && now < this.#spareUntil) {
      this.#spare -= 1;
      this.#circuit.emit('fire', []);
      this.#circuit.emit('failure', FAILURE, 0, []);
      return;
    }
    const { fires, failures } = this.#circuit.stats;
    this.#spare = margin({ fires: fires + 1, failures: failures + 1 }, this.#share);
    this.#spareUntil = now + SPARE_MS;
    // The rejection is made when opossum asks for it: it does not ask when it refuses, and a rejection that nobody takes ends the
    // process.
    this.#circuit.fire(() => Promise.reject(FAILURE)).catch(() => undefined);
  }

  /** Half-open: opossum must hear of the request before it ends, for it lets only one through. */
  #probe(): Settle {
    let settle: Settle = () => undefined;
    const outcome = new Promise<void>((resolve, reject) => {
      // A probe whose caller left has proved nothing: back to open, and another after the next pause.
      settle = (how) => (how === 'success' ? resolve() : reject(new Error(how)));
    });
    outcome.catch(() => undefined); // As above: opossum takes it only when it lets the request through.
    this.#circuit.fire(() => outcome).catch(() => undefined);
    return settle;
  }

  close(): void {
    this.#circuit.shutdown();
  }
}
