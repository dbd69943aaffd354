import fc from 'fast-check';
import { expect, test } from 'vitest';
import { margin } from '@banyan/gateway/core/margin';

test.each([
  [{ fires: 0, failures: 0 }, 0.5, 0],
  [{ fires: 10, failures: 0 }, 0.5, 9],
  [{ fires: 100, failures: 10 }, 0.5, 79],
  [{ fires: 100, failures: 50 }, 0.5, 0],
  [{ fires: 3, failures: 2 }, 1, Infinity],
  [{ fires: 3, failures: 3 }, 1, 0],
])('%o at a share of %d leaves %d', (counted, share, left) => {
  expect(margin(counted, share)).toBe(left);
});

test('so many failures never reach the share, whatever succeeds in between, and one more can', () => {
  fc.assert(
    fc.property(
      fc.nat(10_000).chain((fires) => fc.record({ fires: fc.constant(fires), failures: fc.nat(fires) })),
      fc.integer({ min: 1, max: 99 }),
      fc.nat(50),
      (counted, percent, successes) => {
        const share = percent / 100;
        const left = margin(counted, share);
        const after = (failed: number): number => (counted.failures + failed) / (counted.fires + failed + successes);
        // What has been reached already is no longer its business.
        if (counted.fires > 0 && counted.failures / counted.fires >= share) {
          expect(left).toBe(0);
          return;
        }
        if (left > 0) expect(after(left)).toBeLessThan(share + 1e-9);
        const one = left + 1;
        expect((counted.failures + one) / (counted.fires + one)).toBeGreaterThanOrEqual(share - 1e-9);
      },
    ),
  );
});
