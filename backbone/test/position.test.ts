import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn } from '@banyan/backbone/core/lsn';
import { comparePositions, formatPosition, parsePosition, type Position } from '@banyan/backbone/core/position';

const position: fc.Arbitrary<Position> = fc.record({
  incarnation: fc.integer({ min: 0, max: 999_999_999 }),
  lsn: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(toLsn),
  index: fc.integer({ min: 0, max: 999_999_999 }),
});

describe('the order of positions', () => {
  const at = (incarnation: number, lsn: bigint, index: number): Position => ({ incarnation, lsn: toLsn(lsn), index });

  test.each([
    ['a later incarnation beats any LSN', at(1, 0xffff_ffff_ffff_ffffn, 9), at(2, 0n, 0)],
    ['a later commit beats any index', at(1, 5n, 99), at(1, 6n, 0)],
    ['within a transaction the index decides', at(1, 5n, 9), at(1, 5n, 10)],
    ['LSNs beyond 2^53 are told apart', at(1, 0xffff_ffff_ffff_fffen, 0), at(1, 0xffff_ffff_ffff_ffffn, 0)],
  ])('%s', (_name, before, after) => {
    expect(comparePositions(before, after)).toBeLessThan(0);
    expect(comparePositions(after, before)).toBeGreaterThan(0);
  });

  test('is total: equal only to itself, antisymmetric, transitive', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        expect(comparePositions(a, a)).toBe(0);
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0);
        const sorted = [a, b, c].sort(comparePositions);
        expect(comparePositions(sorted[0]!, sorted[2]!)).toBeLessThanOrEqual(0);
        expect(comparePositions(a, b) === 0).toBe(formatPosition(a) === formatPosition(b));
      }),
    );
  });
});

test('every position comes back from its text', () => {
  fc.assert(
    fc.property(position, (value) => {
      expect(parsePosition(formatPosition(value))).toEqual(value);
    }),
  );
  expect(formatPosition({ incarnation: 1, lsn: toLsn(0x1a2b3c8n), index: 17 })).toBe('1:0/1A2B3C8:17');
});

test.each([
  '',
  '1',
  '1:0/1',
  '1:0/1:',
  ':0/1:0',
  '1:0/1:0:0',
  '-1:0/1:0',
  '1:0/1a:0',
  '1:0/1:1234567890',
  ' 1:0/1:0',
  '1:0/1:0\n',
])('%j is no position', (text) => {
  expect(parsePosition(text)).toBeNull();
});
