/**
 * What becomes of two answers to one request. They are compared in a thread of its own, one pair at a time: a comparison may take
 * 50 ms, and callers must not wait that long for the facade's turn. As many pairs as may, wait.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Skip } from '../core/compare.ts';
import { rulesFor } from '../core/excuse.ts';
import type { Verdict } from '../core/verdict.ts';
import { Counter, type Metrics } from '../metrics.ts';
import type { Judged, Sent, Task } from './judge.ts';
import type { Half, Pair } from './question.ts';

/** Takes pairs. Never throws, never waits; what it cannot take is skipped and counted. */
export interface Comparer {
  compare(pair: Pair): void;
  /** Nothing is compared any more. */
  close(): void;
}

// Pairs that wait: at the time that an ordinary one takes, less than a second's worth.
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
// A comparison ends itself after 50 ms; a thread that has not answered by then, on however busy a machine, will not.
const STUCK_MS = 10_000;
// Two bodies of 10 MiB as trees; beyond it the thread ends, and the facade does not.
const HEAP_MIB = 512;

export class Verdicts implements Comparer {
  readonly #log: Logger;
  readonly #verdicts = new Counter('banyan_parity_total', 'Pairs of answers, by what their comparison came to.', [
    'route',
    'verdict',
  ]);
  readonly #skips = new Counter('banyan_parity_skipped_total', 'Pairs of answers that were not compared, by reason.', [
    'route',
    'reason',
  ]);
  readonly #waiting: Pair[] = [];
  #bytes = 0;
  #thread: Worker | null = null;
  #current: Pair | null = null;
  #watch: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(metrics: Metrics, log: Logger) {
    this.#log = log;
    metrics.also(() => [this.#verdicts.family(), this.#skips.family()]);
  }

  compare(pair: Pair): void {
    if (this.#closed) return;
    if (tookLonger(pair)) return this.#skip(pair, 'budget');
    const bytes = bytesOf(pair);
    if (this.#waiting.length >= MAX_WAITING || this.#bytes + bytes > MAX_WAITING_BYTES) return this.#skip(pair, 'busy');
    this.#waiting.push(pair);
    this.#bytes += bytes;
    this.#next();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#end();
  }

  #next(): void {
    if (this.#current !== null || this.#closed) return;
    const pair = this.#waiting.shift();
    if (pair === undefined) return;
    this.#bytes -= bytesOf(pair);
    this.#current = pair;
    this.#watch = setTimeout(() => this.#broke(new Error('the comparison did not end')), STUCK_MS).unref();
    try {
      this.#thread ??= this.#start();
      this.#thread.postMessage(taskOf(pair));
    } catch (error) {
      this.#broke(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Started when the first pair is there, and again after it has ended. */
  #start(): Worker {
    const thread = new Worker(new URL('./thread.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    thread.unref();
    thread.on('message', (judged: Judged) => {
      if (thread === this.#thread) this.#told(judged);
    });
    thread.on('error', (error: Error) => {
      if (thread === this.#thread) this.#broke(error);
    });
    return thread;
  }

  #told({ verdict, because }: Judged): void {
    const pair = this.#current;
    clearTimeout(this.#watch);
    this.#current = null;
    if (pair !== null && because !== null) this.#skip(pair, because);
    else if (pair !== null) this.#verdicts.add(pair.route.id, verdict);
    this.#next();
  }

  /** The thread is of no use any more: the next pair has a new one. */
  #broke(error: Error): void {
    const requestId = this.#current?.requestId ?? null;
    this.#log.warn({ err: error, requestId }, 'a pair of answers could not be compared');
    this.#end();
    this.#told({ verdict: 'skipped', because: 'budget' });
  }

  #end(): void {
    clearTimeout(this.#watch);
    const thread = this.#thread;
    this.#thread = null;
    thread?.terminate().catch(() => undefined);
  }

  /** @param because `busy`: too many waited */
  #skip({ route }: Pair, because: Skip | 'busy'): void {
    const verdict: Verdict = 'skipped';
    this.#skips.add(route.id, because);
    this.#verdicts.add(route.id, verdict);
  }
}

const sizeOf = (half: Half): number => (half.kind === 'answered' ? half.body.length : 0);
const bytesOf = ({ control, candidate }: Pair): number => sizeOf(control) + sizeOf(candidate);

/** That one side takes longer than it may is an error of its, unless the other one did as well. */
function tookLonger({ control, candidate }: Pair): boolean {
  return candidate.kind === 'late' && control.kind === 'answered' && control.wholeMs > candidate.limitMs;
}

function taskOf({ control, candidate, origins, answered, route, table, view }: Pair): Task {
  const other = answered === 'legacy' ? 'new' : 'legacy';
  const ours: Sent = { half: view?.(control, answered) ?? control, origin: origins.control };
  const theirs: Sent = { half: view?.(candidate, other) ?? candidate, origin: origins.candidate };
  const [legacy, successor] = answered === 'legacy' ? [ours, theirs] : [theirs, ours];
  const today = new Date().toISOString().slice(0, 10);
  return { legacy, successor, rules: rulesFor(table.differences, route.id, today) };
}
