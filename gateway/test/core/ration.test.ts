import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ration } from '@banyan/gateway/core/ration';

test('so many are taken in a second, the others are refused and counted, and the next second has as many', () => {
  const ration = new Ration(2);
  expect([0, 10, 20, 999].map((now) => ration.take(now))).toEqual([true, true, false, false]);
  expect([ration.refused(), ration.refused()]).toEqual([2, 0]);
  expect([1_000, 1_001, 1_002].map((now) => ration.take(now))).toEqual([true, true, false]);
  expect(ration.refused()).toBe(1);
});

test('whenever they come, no second that it counts has more, and each is either taken or told of as refused', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(700), { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (pauses, most) => {
      const ration = new Ration(most);
      let now = 0;
      const taken: number[] = [];
      for (const pause of pauses) if (ration.take((now += pause))) taken.push(now);
      expect(taken.length + ration.refused()).toBe(pauses.length);
      // A second that is counted begins with its first: within any one there is the rest of one and the start of another.
      for (const at of taken)
        expect(taken.filter((other) => other >= at && other < at + 1_000).length).toBeLessThanOrEqual(2 * most);
    }),
  );
});
