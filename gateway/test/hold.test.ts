import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Hold } from '@banyan/gateway/shadow/hold';

const MiB = 1024 * 1024;

test('no more than so many requests are held, however small', () => {
  const hold = new Hold();
  let entered = 0;
  while (hold.enter(0)) entered += 1;
  expect(entered).toBe(1_024);
  hold.leave(0);
  expect([hold.enter(0), hold.enter(0)]).toEqual([true, false]);
});

test('no more than so many bytes are held, however few requests', () => {
  const hold = new Hold();
  expect(hold.enter(60 * MiB)).toBe(true);
  expect([hold.grow(5 * MiB), hold.enter(4 * MiB), hold.grow(3 * MiB)]).toEqual([false, false, true]);
  hold.leave(63 * MiB);
  expect([hold.count, hold.bytes]).toEqual([0, 0]);
});

test('whatever comes and goes, the bounds hold, and what everybody gives back is what all have taken', () => {
  const step = fc.record({ body: fc.nat(8 * MiB), more: fc.array(fc.nat(8 * MiB), { maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, keep) => {
      const hold = new Hold();
      const taken: number[] = [];
      for (const { body, more } of steps) {
        if (!hold.enter(body)) continue;
        let bytes = body;
        for (const one of more) bytes += hold.grow(one) ? one : 0;
        taken.push(bytes);
        expect(hold.bytes).toBeLessThanOrEqual(64 * MiB);
        if (taken.length > keep) hold.leave(taken.shift() ?? 0);
      }
      for (const bytes of taken) hold.leave(bytes);
      expect([hold.count, hold.bytes]).toEqual([0, 0]);
    }),
  );
});
