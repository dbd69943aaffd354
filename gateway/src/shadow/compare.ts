/**
 * What becomes of two answers to one request. They are compared off the caller's path: one pair at a time, each in a turn of the
 * event loop of its own, as many as may wait.
 */
import type { Answer } from '../core/answer.ts';
import { headerOf } from '../core/answer.ts';
import { compare, type Asked, type Comparison } from '../core/compare.ts';
import { rulesFor } from '../core/excuse.ts';
import { worst, type Verdict } from '../core/verdict.ts';
import { Counter, type Metrics } from '../metrics.ts';
import { readBody } from '../parity/body.ts';
import type { Half, Pair } from './question.ts';

/** Takes pairs. Never throws, never waits; what it cannot take is skipped and counted. */
export interface Comparer {
  compare(pair: Pair): void;
  /** Nothing is compared any more. */
  close(): void;
}

// docs/parity.md: what one live comparison may take.
const BUDGET_MS = 50;
const MAX_BODY_BYTES = 10 * 1024 * 1024;
// Pairs that wait: at the time that an ordinary one takes, less than a second's worth.
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/** Why a pair was not compared: `busy`: too many waited. */
type Skip = Extract<Comparison, { kind: 'skipped' }>['because'] | 'busy';

/** Compares with the table's declared differences, and counts what comes of it. */
export class Verdicts implements Comparer {
  readonly #verdicts = new Counter('banyan_parity_total', 'Pairs of answers, by what their comparison came to.', [
    'route',
    'verdict',
  ]);
  readonly #skips = new Counter(
    'banyan_parity_skipped_total',
    'Pairs of answers that were not compared, by the reason.',
    ['route', 'reason'],
  );
  readonly #waiting: Pair[] = [];
  #bytes = 0;
  #busy = false;
  #closed = false;

  constructor(metrics: Metrics) {
    metrics.also(() => [this.#verdicts.family(), this.#skips.family()]);
  }

  compare(pair: Pair): void {
    if (this.#closed) return;
    const bytes = bytesOf(pair);
    if (this.#waiting.length >= MAX_WAITING || this.#bytes + bytes > MAX_WAITING_BYTES) return this.#skip(pair, 'busy');
    this.#waiting.push(pair);
    this.#bytes += bytes;
    this.#next();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#bytes = 0;
  }

  #next(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    this.#busy = true;
    setImmediate(() => {
      const pair = this.#waiting.shift();
      if (pair === undefined) {
        this.#busy = false;
        return;
      }
      this.#bytes -= bytesOf(pair);
      void this.#judge(pair).finally(() => {
        this.#busy = false;
        this.#next();
      });
    });
  }

  async #judge(pair: Pair): Promise<void> {
    const { route } = pair;
    const comparison = await comparisonOf(pair, new Date().toISOString().slice(0, 10)).catch(
      (error: unknown): Comparison => ({ kind: 'skipped', because: 'budget', detail: String(error) }),
    );
    if (this.#closed) return;
    if (comparison.kind === 'skipped') return this.#skip(pair, comparison.because);
    this.#count(route.id, worst(comparison.findings));
  }

  #skip({ route }: Pair, because: Skip): void {
    this.#skips.add(route.id, because);
    this.#count(route.id, 'skipped');
  }

  #count(route: string, verdict: Verdict): void {
    this.#verdicts.add(route, verdict);
  }
}

const sizeOf = (half: Half): number => (half.kind === 'answered' ? half.body.length : 0);
const bytesOf = ({ control, candidate }: Pair): number => sizeOf(control) + sizeOf(candidate);

/**
 * Compares legacy's answer with new's, whichever of them the caller had: a difference is declared from the one to the other.
 * @param today `2027-06-30`, in UTC
 */
export async function comparisonOf(pair: Pair, today: string): Promise<Comparison> {
  const { control, candidate, origins, answered, route, table } = pair;
  if (tookLonger(control, candidate)) return { kind: 'skipped', because: 'budget', detail: '' };
  const first = await askedOf(control, origins.control);
  const second = await askedOf(candidate, origins.candidate);
  const [legacy, successor] = answered === 'legacy' ? [first, second] : [second, first];
  const end = performance.now() + BUDGET_MS;
  return compare(legacy, successor, {
    rules: rulesFor(table.differences, route.id, today),
    headers: [],
    spent: () => performance.now() > end,
  });
}

/** That one takes longer than it may is an error of its, unless the other one did as well. */
function tookLonger(control: Half, candidate: Half): boolean {
  return candidate.kind === 'late' && control.kind === 'answered' && control.wholeMs > candidate.limitMs;
}

async function askedOf(half: Half, origin: string): Promise<Asked> {
  switch (half.kind) {
    case 'failed':
      return { kind: 'failed', because: half.because };
    case 'late':
      return { kind: 'failed', because: `${origin}: no whole answer within ${half.limitMs} ms` };
    case 'large':
    case 'answered': {
      const headers: [string, string][] = [];
      for (let index = 0; index < half.fields.length; index += 2)
        headers.push([half.fields[index] ?? '', half.fields[index + 1] ?? '']);
      const bare: Answer = { status: half.status, headers, body: { kind: 'large' }, origin };
      if (half.kind === 'large') return { kind: 'answered', answer: bare };
      const body = await readBody(half.body, (name) => headerOf(bare, name), MAX_BODY_BYTES);
      return { kind: 'answered', answer: { ...bare, body } };
    }
    default:
      return half satisfies never;
  }
}
