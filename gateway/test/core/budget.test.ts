import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fullBudget, hasToken, refilled, taken, type Budget, type Spare } from '@banyan/gateway/core/budget';

/** What is granted when as much is asked for as there is, at times in milliseconds, of an upstream with `perMs` requests of its own. */
function granted(spare: Spare, times: readonly number[], perMs: number): number {
  let budget: Budget = fullBudget(spare, 0);
  let count = 0;
  for (const now of times) {
    budget = refilled(budget, spare, now, Math.floor(now * perMs));
    while (hasToken(budget)) {
      budget = taken(budget);
      count += 1;
    }
  }
  return count;
}

const every = (stepMs: number, untilMs: number): number[] =>
  Array.from({ length: untilMs / stepMs + 1 }, (_, index) => index * stepMs);

describe('a budget', () => {
  test('holds what one second brings, and brings that in a second', () => {
    expect(granted({ perSecond: 100, share: 0 }, [0], 0)).toBe(100);
    expect(granted({ perSecond: 100, share: 0 }, every(10, 3_000), 0)).toBe(400);
    expect(granted({ perSecond: 100, share: 0 }, [0, 3_600_000], 0)).toBe(200);
  });

  test('grows with the share of what the upstream has to do itself', () => {
    // 1,000 a second of its own, half of it to spare: 500 a second once the first second has been measured.
    const ten = granted({ perSecond: 100, share: 0.5 }, every(10, 10_000), 1);
    expect(ten).toBeGreaterThanOrEqual(100 + 500 * 8);
    // The step in which it is measured counts by the new rate.
    expect(ten).toBeLessThanOrEqual(100 + 100 + 500 * 9 + 5);
  });

  test('forgets a rate of long ago', () => {
    const spare = { perSecond: 10, share: 1 };
    let budget = fullBudget(spare, 0);
    budget = refilled(budget, spare, 1_000, 5_000);
    expect(budget.rate).toBe(5);
    budget = refilled(budget, spare, 3_600_000, 5_001);
    expect(budget.tokens).toBe(10);
  });

  test("never grants more than a second's worth at once and the larger of both rates after that", () => {
    const steps = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 3_000 }), own: fc.nat(5_000), ask: fc.nat(3_000) }),
    );
    const spares = fc.record({
      perSecond: fc.integer({ min: 1, max: 500 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    expect(() =>
      fc.assert(
        fc.property(spares, steps, (spare, all) => {
          let [now, own, count, most] = [0, 0, 0, spare.perSecond];
          let budget = fullBudget(spare, now);
          for (const { wait, own: more, ask } of all) {
            now += wait;
            own += more;
            budget = refilled(budget, spare, now, own);
            const perMs = Math.max(spare.perSecond / 1_000, spare.share * budget.rate);
            most += perMs * wait;
            if (budget.tokens > perMs * 1_000 + 1e-6) return false;
            for (let index = 0; index < ask && hasToken(budget); index += 1) {
              budget = taken(budget);
              count += 1;
            }
            if (budget.tokens < 0 || count > most + 1e-6) return false;
          }
          return true;
        }),
      ),
    ).not.toThrow();
  });
});
