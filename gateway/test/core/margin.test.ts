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
        const shareOf = (failures: number, fires: number): number => (fires === 0 ? 0 : failures / fires);
        const reached = shareOf(counted.failures, counted.fires) >= share;
        const one = left + 1;
        expect([reached && left > 0, left > 0 && after(left) >= share + 1e-9]).toEqual([false, false]);
        expect(reached || (counted.failures + one) / (counted.fires + one) >= share - 1e-9).toBe(true);
      },
    ),
  );
});
