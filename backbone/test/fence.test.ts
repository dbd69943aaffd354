import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  covers,
  formatFences,
  parseFences,
  readWatermark,
  writeWatermark,
  type Fence,
  type Watermark,
} from '@banyan/backbone/core/fence';
import { toLsn } from '@banyan/backbone/core/lsn';

const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);
const watermark: fc.Arbitrary<Watermark> = fc.record({
  source: name,
  epoch: fc.stringMatching(/^[0-9.]{1,64}$/),
  lsn: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(toLsn),
});
const fence: fc.Arbitrary<Fence> = fc.record({ model: name, at: watermark });
const at = (source: string, epoch: string, lsn: bigint): Watermark => ({ source, epoch, lsn: toLsn(lsn) });

describe('the text of fences', () => {
  test('holds model, source, epoch (with its dots) and position', () => {
    expect(parseFences('orders=legacy.7301.1.1.0/1A2B3C8')).toEqual([
      { model: 'orders', at: at('legacy', '7301.1.1', 0x1a2b3c8n) },
    ]);
  });

  test('every list that fits a header comes back', () => {
    fc.assert(
      fc.property(fc.array(fence, { maxLength: 8 }), (fences) => {
        expect(parseFences(formatFences(fences))).toEqual(fences);
      }),
    );
  });

  test('spaces around the commas do no harm', () => {
    expect(parseFences(' a=s.1.0/1 , b=s.1.0/2 ').map(({ model }) => model)).toEqual(['a', 'b']);
  });

  test.each([
    ['nothing', ''],
    ['no model', '=legacy.1.0/1'],
    ['no epoch', 'orders=legacy.0/1'],
    ['no position', 'orders=legacy.1.1.1'],
    ['a position in lower case', 'orders=legacy.1.0/1a'],
    ['a position of more than 64 bits', 'orders=legacy.1.0/123456789'],
    ['a name that is markup', 'orders=<script>.1.0/1'],
    ['a line break', 'orders=legacy.1.0/1\nset-cookie: a=b'],
    ['a name that is too long', `${'o'.repeat(65)}=legacy.1.0/1`],
    ['a source that is too long', `orders=${'s'.repeat(65)}.1.0/1`],
    ['an epoch that is too long', `orders=legacy.${'1'.repeat(65)}.0/1`],
    ['a pending fence', 'orders=pending.1795511226052'],
  ])('forged: %s says nothing', (_name, text) => {
    expect(parseFences(text)).toEqual([]);
  });

  test('a forged one among good ones is left out alone', () => {
    expect(parseFences('a=s.1.0/1,junk,b=s.1.0/2').map(({ model }) => model)).toEqual(['a', 'b']);
  });

  test('text that is longer than any honest header says nothing, however good its beginning', () => {
    const one = 'a=s.1.0/1';
    const limit = 2048;
    const fits = [one, ...Array.from({ length: 300 }, () => 'x')].join(',').slice(0, limit);
    expect(parseFences(fits)).toHaveLength(1);
    expect(parseFences(`${fits.padEnd(limit, ',')},`)).toEqual([]);
  });

  test('reading never throws and never takes long, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 5000, unit: 'binary' }), (text) => {
        expect(Array.isArray(parseFences(text))).toBe(true);
      }),
    );
    expect(parseFences('='.repeat(2048))).toEqual([]);
    expect(parseFences(`${'a'.repeat(2000)}=`)).toEqual([]);
  });
});

describe('the JSON of a watermark', () => {
  test('comes back from what was written', () => {
    fc.assert(
      fc.property(watermark, (value) => {
        expect(readWatermark(writeWatermark(value))).toEqual(value);
      }),
    );
  });

  test.each([
    ['null', null],
    ['text', '0/1'],
    ['a list', []],
    ['a number for the position', { source: 's', epoch: '1', lsn: 1 }],
    ['no position', { source: 's', epoch: '1' }],
    ['a bad position', { source: 's', epoch: '1', lsn: '1' }],
    ['an empty source', { source: '', epoch: '1', lsn: '0/1' }],
    ['an empty epoch', { source: 's', epoch: '', lsn: '0/1' }],
  ])('%s is none', (_name, value) => {
    expect(readWatermark(value)).toBeNull();
  });

  test('what else is in it does no harm', () => {
    expect(readWatermark({ source: 's', epoch: '1', lsn: '0/1', ends: {}, more: true })).toEqual(at('s', '1', 1n));
  });
});

describe('whether a model may answer', () => {
  test.each([
    ['when it has applied exactly the fence', [at('legacy', '1', 5n)], at('legacy', '1', 5n), true],
    ['when it is further', [at('legacy', '1', 6n)], at('legacy', '1', 5n), true],
    ['not when it is behind', [at('legacy', '1', 4n)], at('legacy', '1', 5n), false],
    ['when the fence is of an epoch that was left', [at('legacy', '2', 0n)], at('legacy', '1', 5n), true],
    ['not when it follows no such source', [at('other', '1', 9n)], at('legacy', '1', 5n), false],
    ['not when it has applied nothing', [], at('legacy', '1', 0n), false],
    ['by the right one of several sources', [at('a', '1', 9n), at('b', '1', 1n)], at('b', '1', 5n), false],
    ['compared in 64 bits', [at('legacy', '1', (1n << 63n) + 1n)], at('legacy', '1', (1n << 63n) + 2n), false],
  ])('%s', (_name, applied, wanted, expected) => {
    expect(covers(applied, wanted)).toBe(expected);
  });
});
