/** What came of everything in a soak: each request by kind and outcome, each fault by name, and whatever was wrong. */
import type { Asked } from './asked.ts';
import type { Got } from './connection.ts';
import { UNSENT, type Verdict } from './judge.ts';
import type { Journal } from './side.ts';

const MOST_TOLD = 10;

export class Ledger {
  readonly faults = new Map<string, number>();
  /** In words, each with its request; the first few. */
  readonly wrong: string[] = [];
  #requests = 0;
  #wrongs = 0;
  #shadows = 0;
  readonly #outcomes = new Map<string, Map<string, number>>();
  /** What the caller of each write was told; `right`, a code, `cut`, or `left`. */
  readonly #writes = new Map<string, string>();

  get requests(): number {
    return this.#requests;
  }

  /** Copies that arrived. */
  get shadows(): number {
    return this.#shadows;
  }

  fault(name: string, times = 1): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + times);
  }

  /** One request that ended; `left`: its caller did not wait for the answer. @param how.before what came before it on its connection */
  record(
    asked: Asked,
    verdict: Verdict | { readonly kind: 'left' },
    { got = null, before = [] }: { readonly got?: Got | null; readonly before?: readonly string[] } = {},
  ): void {
    this.#requests += 1;
    const outcome = verdict.kind === 'failed' ? verdict.code : verdict.kind;
    this.#count(asked.kind, outcome);
    if (asked.write) this.#writes.set(asked.id, outcome);
    if (verdict.kind !== 'wrong') return;
    this.complain(
      `${verdict.why}\n  request ${JSON.stringify({ ...asked, body: asked.body?.length })}\n  got ${shortly(got)}\n  behind ${JSON.stringify(before)}`,
    );
  }

  complain(what: string): void {
    this.#wrongs += 1;
    if (this.wrong.length < MOST_TOLD) this.wrong.push(what);
  }

  /** Requests of which this came. */
  count(outcome: string): number {
    return [...this.#outcomes.values()].reduce((sum, row) => sum + (row.get(outcome) ?? 0), 0);
  }

  /** Takes in what the upstreams have written down, and finds writes that arrived twice, or otherwise than their callers were told. */
  take(journals: readonly Journal[]): void {
    const arrived = new Map<string, number>();
    for (const { writes, faults, shadowed, shadows } of journals) {
      this.#shadows += shadows;
      for (const [id, times] of writes) if (id.startsWith('w')) arrived.set(id, (arrived.get(id) ?? 0) + times);
      for (const [name, times] of faults) this.fault(name, times);
      for (const id of shadowed) this.complain(`the write ${id} was copied, and not as a dry run`);
    }
    for (const [id, times] of arrived) if (times > 1) this.complain(`the write ${id} arrived ${times} times`);
    for (const [id, told] of this.#writes) {
      const times = arrived.get(id) ?? 0;
      if (told === 'right' && times === 0) this.complain(`the write ${id} was answered, and never arrived`);
      if (UNSENT.has(told) && times > 0) this.complain(`the write ${id} arrived, and its caller was told ${told}`);
    }
  }

  /** A table for people. */
  text(): string {
    const kinds = [...this.#outcomes]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([kind, row]) => `  ${kind}: ${list(row)}`);
    return [
      `requests ${this.#requests}`,
      ...kinds,
      `faults ${list(this.faults)}`,
      `shadows ${this.#shadows}`,
      `wrong ${this.#wrongs}`,
    ].join('\n');
  }

  #count(kind: string, outcome: string): void {
    const row = this.#outcomes.get(kind) ?? new Map<string, number>();
    this.#outcomes.set(kind, row.set(outcome, (row.get(outcome) ?? 0) + 1));
  }
}

const list = (row: ReadonlyMap<string, number>): string =>
  [...row]
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} ${times}`)
    .join(', ');

function shortly(got: Got | null): string {
  if (got === null || got.kind !== 'answer') return JSON.stringify(got);
  const { status, fields, body } = got;
  return JSON.stringify({ status, ...Object.fromEntries(fields), body: body.subarray(0, 200).toString('latin1') });
}
