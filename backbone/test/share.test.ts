import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allot, quota } from '@banyan/backbone/core/share';

describe('a member of a group', () => {
  test('has its even share, and all of them together have everything', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 50 }), (partitions, members) => {
        const quotas = Array.from({ length: members }, (_, rank) => quota(partitions, members, rank));
        expect(quotas.reduce((sum, own) => sum + own, 0)).toBe(partitions);
        expect(Math.max(...quotas) - Math.min(...quotas)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('a read', () => {
  test.each([
    ['gives everyone what it needs while there is room', [1, 5, 3], 100, [1, 5, 3]],
    ['gives what one leaves to the others', [1, 100, 100], 21, [1, 10, 10]],
    ['gives nothing to who needs nothing', [0, 5, 0], 10, [0, 5, 0]],
    ['gives each one at least', [9, 9, 9], 1, [1, 1, 1]],
    ['is empty for nobody', [], 10, []],
  ])('%s', (_name, needs, room, expected) => {
    expect(allot(needs, room)).toEqual(expected);
  });

  test('stays within its room, save for the one record that each may have, and wastes none of it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { maxLength: 30 }), fc.integer({ min: 1, max: 2000 }), (needs, room) => {
        const shares = allot(needs, room);
        const waiting = needs.filter((need) => need > 0).length;
        const sum = shares.reduce((total, share) => total + share, 0);
        expect(sum).toBeLessThanOrEqual(Math.max(room, waiting));
        for (const [index, need] of needs.entries()) {
          expect(shares[index]).toBeLessThanOrEqual(need);
          expect(shares[index]! > 0).toBe(need > 0);
        }
        const wanted = needs.reduce((total, need) => total + need, 0);
        expect(sum).toBeGreaterThanOrEqual(Math.min(wanted, room));
      }),
    );
  });
});
