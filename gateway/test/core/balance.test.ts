import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { choose } from '@banyan/gateway/core/balance';

const member = (outstanding: number, out = false): { outstanding: number; out: boolean } => ({ outstanding, out });

describe('the URL for a request', () => {
  test('is the one with the fewest in hand', () => {
    const all = [member(3), member(1), member(2)];
    for (let turn = 0; turn < 6; turn += 1) expect(choose(all, turn, [])).toBe(all[1]);
  });

  test('takes its turn among several such', () => {
    const all = [member(1), member(1), member(5), member(1)];
    const chosen = [0, 1, 2, 3, 4].map((turn) => all.indexOf(choose(all, turn, []) ?? member(0)));
    expect(chosen).toEqual([0, 1, 3, 3, 0]);
  });

  test('is none that is out, as long as one is in', () => {
    const all = [member(0, true), member(90), member(0, true)];
    expect(choose(all, 0, [])).toBe(all[1]);
  });

  test('is one that is out when all are', () => {
    const all = [member(4, true), member(2, true)];
    expect(choose(all, 0, [])).toBe(all[1]);
  });

  test('is none that the request has been to, and then no other', () => {
    const [a, b] = [member(0), member(9, true)];
    expect(choose([a, b], 0, [a])).toBe(b);
    expect(choose([a, b], 0, [a, b])).toBeNull();
  });

  test('is always the best there is', () => {
    const one = fc.record({ outstanding: fc.nat(5), out: fc.boolean() });
    expect(() =>
      fc.assert(
        fc.property(fc.array(one, { maxLength: 8 }), fc.nat(1_000), fc.array(fc.nat(7)), (all, turn, been) => {
          const tried = all.filter((_, index) => been.includes(index));
          const left = all.filter((_, index) => !been.includes(index));
          const chosen = choose(all, turn, tried);
          if (chosen === null) return left.length === 0;
          const within = left.some(({ out }) => !out) ? left.filter(({ out }) => !out) : left;
          return (
            within.includes(chosen) && chosen.outstanding === Math.min(...within.map(({ outstanding }) => outstanding))
          );
        }),
      ),
    ).not.toThrow();
  });

  test('gives equal ones equal shares', () => {
    const all = [member(0), member(0), member(0)];
    const counts = [0, 0, 0];
    for (let turn = 0; turn < 300; turn += 1) counts[all.indexOf(choose(all, turn, []) ?? member(0))]! += 1;
    expect(counts).toEqual([100, 100, 100]);
  });
});
