import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterFailure, allowed, CALM, type Patience } from '@banyan/gateway/core/patience';

const failing = (times: number, now = 0): Patience => {
  let patience = CALM;
  for (let round = 0; round < times; round += 1) patience = afterFailure(patience, now, now);
  return patience;
};

describe('somebody who does not answer', () => {
  test('is asked on for a few failures, then not at all for a second, then once', () => {
    expect(allowed(failing(4), 8, 0)).toBe(8);
    expect(allowed(failing(5), 8, 0)).toBe(0);
    expect(allowed(failing(5), 8, 999)).toBe(0);
    expect(allowed(failing(5), 8, 1_000)).toBe(1);
  });

  test('is given longer pauses, and none longer than half a minute', () => {
    let patience = failing(5);
    const pauses: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      patience = afterFailure(patience, patience.until, patience.until);
      pauses.push(patience.until - patience.pausedAt);
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('gives no longer a pause for failing many times at once', () => {
    const paused = failing(5, 100);
    expect(afterFailure(paused, 50, 101)).toEqual(paused);
  });

  test('is never asked in a pause, whatever the history, and always after the longest one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { maxLength: 50 }), fc.integer({ min: 2, max: 64 }), (gaps, most) => {
        let patience = CALM;
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          patience = afterFailure(patience, now, now);
          expect(patience.until <= now || allowed(patience, most, patience.until - 1) === 0).toBe(true);
          expect(patience.until - now).toBeLessThanOrEqual(30_000);
          expect(allowed(patience, most, now + 30_000)).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });
});
