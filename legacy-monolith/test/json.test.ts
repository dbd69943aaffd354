import { expect, test } from 'vitest';
import fc from 'fast-check';
import { plain, raw, write, type Writable } from '@banyan/legacy-monolith/core/json';
import { moneyText, readCents } from '@banyan/legacy-monolith/core/money';

test('writes what JSON.stringify writes, wherever there is nothing raw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(write(value as Writable)).toBe(JSON.stringify(value));
    }),
  );
});

test('leaves raw text as it is, digits and all', () => {
  expect(write({ a: raw('{"b": 12345678901234567890, "c": 1.0}'), d: undefined })).toBe(
    '{"a":{"b": 12345678901234567890, "c": 1.0}}',
  );
});

test.each([
  ['605.00', '605'],
  ['12.50', '12.5'],
  ['0.10', '0.1'],
  ['-0.10', '-0.1'],
  ['0.00', '0'],
  ['-0.00', '0'],
  ['9999999999.99', '9999999999.99'],
  ['2300.000', '2300'],
  ['100', '100'],
  ['NaN', 'null'],
])('%s is the number %s', (decimal, expected) => {
  expect(write(plain(decimal))).toBe(expected);
});

test('every amount of cents survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: -999_999_999_999, max: 999_999_999_999 }), (cents) => {
      expect(readCents(moneyText(cents))).toBe(cents);
      expect(Number(plain(moneyText(cents)).text)).toBe(cents / 100);
    }),
  );
});

test.each(['', '.', '1.', '.5', '1e3', '0x1', '1,5', ' 1', '12345678901', '1.234', '--1', 'NaN'])(
  '%j is no amount of money unless its digits say so',
  (text) => {
    expect(readCents(text)).toBe(text === '1.' ? 100 : null);
  },
);
