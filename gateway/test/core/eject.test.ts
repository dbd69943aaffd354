import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { broke, CALM, FIRST_OUT_MS, IN_A_ROW, isOut, LONGEST_OUT_MS, type Ejection } from '@banyan/gateway/core/eject';

const rowOf = (count: number, now: number, from: Ejection = CALM): Ejection => {
  let state = from;
  for (let index = 0; index < count; index += 1) state = broke(state, now, false);
  return state;
};

describe('a URL', () => {
  test('is taken out by connections that fail one after the other, and comes back by itself', () => {
    expect(isOut(rowOf(IN_A_ROW - 1, 10), 10)).toBe(false);
    const out = rowOf(IN_A_ROW, 10);
    expect(isOut(out, 10)).toBe(true);
    expect(isOut(out, 10 + FIRST_OUT_MS - 1)).toBe(true);
    expect(isOut(out, 10 + FIRST_OUT_MS)).toBe(false);
  });

  test('stays out for twice as long each time, up to a limit', () => {
    let now = 0;
    let state = rowOf(IN_A_ROW, now);
    const times: number[] = [state.until - now];
    for (let round = 0; round < 8; round += 1) {
      now = state.until;
      state = broke(state, now, false);
      times.push(state.until - now);
    }
    expect(times).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30].map((seconds) => seconds * 1_000));
  });

  test('is not kept out longer by what was under way when it was taken out', () => {
    const out = rowOf(IN_A_ROW, 0);
    expect(rowOf(50, FIRST_OUT_MS / 2, out)).toEqual(out);
  });

  test('is never taken out when it is the last one, and at its next failure when it no longer is', () => {
    let state = CALM;
    for (let count = 0; count < 100; count += 1) {
      state = broke(state, count, true);
      expect(isOut(state, count)).toBe(false);
    }
    expect(isOut(broke(state, 200, false), 200)).toBe(true);
  });

  test('is never out for longer than the limit, and never without a failure', () => {
    const step = fc.record({ wait: fc.nat(40_000), last: fc.boolean(), answered: fc.boolean() });
    expect(() =>
      fc.assert(
        fc.property(fc.array(step), (steps) => {
          let now = 0;
          let state = CALM;
          for (const { wait, last, answered } of steps) {
            now += wait;
            const was = isOut(state, now);
            state = answered ? CALM : broke(state, now, last);
            if (state.until - now > LONGEST_OUT_MS) return false;
            if (isOut(state, now) && !was && (last || answered)) return false;
          }
          return true;
        }),
      ),
    ).not.toThrow();
  });
});
