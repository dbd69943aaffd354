import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLsn, later, parseLsn, reachable, toLsn } from '@banyan/backbone/core/lsn';

const lsn = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(toLsn);
const SEGMENT = 16n * 1024n * 1024n;

describe('the text of an LSN', () => {
  test.each([
    ['0/0', 0n],
    ['0/1A2B3C8', 0x1a2b3c8n],
    ['16/B374D848', 0x16_b374d848n],
    ['16/b374d848', 0x16_b374d848n],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
    ['00000000/00000001', 1n],
    ['1/0', 0x1_0000_0000n],
  ])('%s is read', (text, expected) => {
    expect(parseLsn(text)).toBe(expected);
  });

  test.each([
    '',
    '/',
    '0/',
    '/0',
    '0',
    '0/1 ',
    ' 0/1',
    '0/1\n',
    '0/123456789',
    '123456789/0',
    '0/G',
    '-1/0',
    '0/1/2',
    '0x1/0',
  ])('%j is none', (text) => {
    expect(parseLsn(text)).toBeNull();
  });

  test('every position comes back from its text, which has no leading zeros', () => {
    fc.assert(
      fc.property(lsn, (position) => {
        const text = formatLsn(position);
        expect(parseLsn(text)).toBe(position);
        expect(text).toMatch(/^(0|[1-9A-F][0-9A-F]*)\/(0|[1-9A-F][0-9A-F]*)$/);
      }),
    );
  });
});

describe('the order of LSNs', () => {
  test('is that of 64-bit integers, where text and floating point would get it wrong', () => {
    const positions = ['0/9', '0/10', '0/FFFFFFFF', '1/0', '9/0', '10/0', 'FFFFFFFF/FFFFFFFE', 'FFFFFFFF/FFFFFFFF'];
    const parsed = positions.map((text) => parseLsn(text)!);
    expect([...parsed].sort((a, b) => (a < b ? -1 : 1))).toEqual(parsed);
    // The neighbours at the top are one and the same double.
    expect(Number(parsed.at(-1))).toBe(Number(parsed.at(-2)));
    expect(later(parsed.at(-2)!, parsed.at(-1)!)).toBe(parsed.at(-1));
  });

  test('`later` is one of the two and not before the other', () => {
    fc.assert(
      fc.property(lsn, lsn, (a, b) => {
        const result = later(a, b);
        expect([a, b]).toContain(result);
        expect(result >= a && result >= b).toBe(true);
        expect(later(b, a)).toBe(result);
      }),
    );
  });
});

test.each([-1n, 0x1_0000_0000_0000_0000n])('%s does not fit into 64 bits', (value) => {
  expect(() => toLsn(value)).toThrow(RangeError);
});

describe('a position that a commit can reach', () => {
  test.each([
    ['behind a short page header', 0x16_0000_2018n, 0x16_0000_2000n],
    ['behind a long page header, at the start of a segment', 0x16_0100_0028n, 0x16_0100_0000n],
    ['24 bytes into a segment, where no record begins', 0x16_0100_0018n, 0x16_0100_0000n],
    ['40 bytes into a page within a segment', 0x16_0000_2028n, 0x16_0000_2028n],
    ['on a page', 0x16_0000_2000n, 0x16_0000_2000n],
    ['one record further', 0x16_0000_2020n, 0x16_0000_2020n],
    ['at the very beginning', 0n, 0n],
  ])('%s', (_name, insert, expected) => {
    expect(reachable(toLsn(insert), SEGMENT)).toBe(expected);
  });

  test.each([1n, 16n, 64n, 1024n])('with segments of %s MiB, it is never later, and on the same page', (megabytes) => {
    const segment = megabytes * 1024n * 1024n;
    const near = fc.tuple(fc.bigInt({ min: 0n, max: 1n << 40n }), fc.constantFrom(0n, 8n, 24n, 32n, 40n, 48n, 8184n));
    fc.assert(
      fc.property(near, ([page, offset]) => {
        const insert = toLsn(page * 8192n + offset);
        const result = reachable(insert, segment);
        expect(result <= insert && insert - result <= 40n).toBe(true);
        expect(result / 8192n).toBe(insert / 8192n);
        expect(reachable(result, segment)).toBe(result);
      }),
    );
  });

  test('a long header is only one where a segment begins', () => {
    const oneMegabyteIn = toLsn(0x16_0010_0028n);
    expect(reachable(oneMegabyteIn, SEGMENT)).toBe(oneMegabyteIn);
    expect(reachable(oneMegabyteIn, 1024n * 1024n)).toBe(0x16_0010_0000n);
  });
});
