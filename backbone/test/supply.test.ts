import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CarriedRow } from '@banyan/backbone/core/carry';
import { BackboneError } from '@banyan/backbone/errors';
import { layoutOf } from '@banyan/backbone/log/schema';
import { Supply } from '@banyan/backbone/log/supply';
import type { Cells, Session, Statement } from '@banyan/backbone/log/session';

const place = { tp: 1, topic: 't', partition: 0, name: 't-0' };
const row: CarriedRow = { key: 'k', value: 'v', headers: null };

/** A log of one partition that answers as the database does, when it is told to. */
class Log implements Session {
  readonly lost = false;
  next = 0n;
  start = 0n;
  /** Records handed out by reads. */
  read = 0;
  readonly #waiting: (() => void)[] = [];
  /** Whether an answer shows the log as it was at the question, or as it is when the answer arrives. */
  readonly #snapshot: 'early' | 'late';

  constructor(snapshot: 'early' | 'late' = 'late') {
    this.#snapshot = snapshot;
  }

  async query(statement: Statement): Promise<readonly Cells[]> {
    const early = this.#rows(statement);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const rows = this.#snapshot === 'early' ? early : this.#rows(statement);
    this.read += rows.filter((cells) => cells.length > 3 && cells[2] !== null).length;
    return rows;
  }

  #rows({ name, values = [] }: Statement): readonly Cells[] {
    if (name === 'extents') return [['1', String(this.start), String(this.next)]];
    const rows: Cells[] = [['1', String(this.next), null, String(this.start), null, null, null]];
    const [after, last] = [BigInt(values[1] as bigint), BigInt(values[2] as bigint)];
    for (let offset = after + 1n; offset <= last && offset < this.next; offset += 1n) {
      if (offset >= this.start) rows.push(['1', String(offset), '0', '2', 'k', 'v', null]);
    }
    return rows;
  }

  /** Lets everything that was asked up to now be answered. */
  async answer(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }

  transact(): never {
    throw new Error('a supply needs no transaction');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

type Action =
  | { readonly kind: 'append'; readonly count: number; readonly told: 'carried' | 'announced' | 'silent' | 'twice' }
  | { readonly kind: 'answer' | 'take' | 'look' | 'fail' };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    count: fc.integer({ min: 1, max: 6 }),
    told: fc.constantFrom('carried' as const, 'announced' as const, 'silent' as const, 'twice' as const),
  }),
  fc.record({ kind: fc.constantFrom('answer' as const, 'take' as const, 'look' as const, 'fail' as const) }),
);

describe('a supply', () => {
  test('brings every record once and in order, within its limits, whatever is lost, late or repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('early', 'late'), fc.array(action, { maxLength: 60 }), async (when, actions) => {
        const log = new Log(when);
        const supply = new Supply(layoutOf('l'), { records: 5, bytes: 1000 }, () => undefined);
        supply.restart(log);
        supply.begin([{ place, from: 0n, start: 0n, next: 0n }]);
        const got: bigint[] = [];
        let [largest, ahead] = [0, 0];
        for (const step of actions) {
          if (step.kind === 'append') append(log, supply, step);
          if (step.kind === 'look') look(supply);
          if (step.kind === 'answer') await log.answer();
          if (step.kind === 'take' || step.kind === 'fail') {
            const taken = supply.take();
            largest = Math.max(largest, taken?.items.length ?? 0);
            if (step.kind === 'fail' && taken !== null) supply.putBack(taken);
            else got.push(...(taken?.batch.entries ?? []).map(({ offset }) => offset));
          }
          ahead = Math.max(ahead, log.read - got.length);
        }
        expect(largest).toBeLessThanOrEqual(5);
        // However long the backlog: one batch in hand, and one to come.
        expect(ahead).toBeLessThanOrEqual(10);
        while (got.length < Number(log.next)) {
          look(supply);
          await log.answer();
          await log.answer();
          got.push(...(supply.take()?.batch.entries ?? []).map(({ offset }) => offset));
        }
        expect(supply.takeFault()).toBeNull();
        expect(got).toEqual(Array.from({ length: Number(log.next) }, (_, index) => BigInt(index)));
      }),
      { numRuns: 300 },
    );
  });

  test('says which records were dropped under it, and skips none of them in silence', async () => {
    const log = new Log();
    const supply = new Supply(layoutOf('l'), { records: 5, bytes: 1000 }, () => undefined);
    supply.restart(log);
    supply.begin([{ place, from: 0n, start: 0n, next: 0n }]);
    [log.next, log.start] = [10n, 4n];
    supply.hear({ at: 0, runs: [{ tp: 1, base: 0n, count: 10, rows: null }] });
    await log.answer();
    const fault = supply.takeFault();
    expect(fault).toBeInstanceOf(BackboneError);
    expect(fault).toMatchObject({ code: 'BACKBONE_OFFSET_GONE' });
    expect(String(fault)).toMatch(/from offset 0 to 3 are not held any more/);
    expect(supply.take()).toBeNull();
  });

  test('does not take what was read for a partition that it has let go', async () => {
    const log = new Log();
    log.next = 3n;
    const supply = new Supply(layoutOf('l'), { records: 5, bytes: 1000 }, () => undefined);
    supply.restart(log);
    supply.begin([{ place, from: 0n, start: 0n, next: 3n }]);
    supply.drop([place]);
    // Claimed again, further on, before the read of the first claim is answered.
    supply.begin([{ place, from: 2n, start: 0n, next: 3n }]);
    await log.answer();
    await log.answer();
    expect(supply.takeFault()).toBeNull();
    expect(supply.take()?.batch.entries.map(({ offset }) => offset)).toEqual([2n]);
  });
});

/** As the consumer's loop does it: in the background. */
function look(supply: Supply): void {
  supply.look().catch((error: unknown) => supply.fail(error));
}

function append(log: Log, supply: Supply, { count, told }: Extract<Action, { kind: 'append' }>): void {
  const base = log.next;
  log.next += BigInt(count);
  const rows = told === 'announced' ? null : Array.from({ length: count }, () => row);
  const carried = { at: 0, runs: [{ tp: 1, base, count, rows }] };
  if (told !== 'silent') supply.hear(carried);
  if (told === 'twice') supply.hear(carried);
}
