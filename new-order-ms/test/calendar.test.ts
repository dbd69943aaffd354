import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dateOfDays, shown, timestampOfMicros, timestampOfText } from '@banyan/new-order-ms/core/calendar';

const MICROS_TO_2000 = 946_684_800_000_000n;

describe('times of the envelope', () => {
  test.each([
    ['2000-01-01T00:00:00Z', 0n],
    ['2000-01-01T00:00:00.000001Z', 1n],
    ['1999-12-31T23:59:59.999999Z', -1n],
    ['2024-02-29T07:04:56.789012Z', 762_505_496_789_012n],
    ['2024-02-29T12:34:56.789012+05:30', 762_505_496_789_012n],
    ['2024-02-29T07:04Z', 762_505_440_000_000n],
    ['infinity', 9_223_372_036_854_775_807n],
    ['-infinity', -9_223_372_036_854_775_808n],
  ])('%s is read to the microsecond', (text, expected) => {
    expect(BigInt(timestampOfText(text) ?? 0)).toBe(expected);
  });

  test.each([
    '2023-02-29T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-01-01 00:00:00Z',
    '2023-01-01T00:00:00',
    'soon',
    '',
  ])('%s is no time with a zone', (text) => expect(timestampOfText(text)).toBeNull());

  test('text and microseconds of the same moment agree, over the whole range of JavaScript dates', () => {
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true, min: new Date('-004000-01-01'), max: new Date('+200000-01-01') }),
        (date) => {
          const micros = BigInt(date.getTime()) * 1_000n;
          const near = Number.isSafeInteger(Number(micros)) ? Number(micros) : micros;
          for (const at of [timestampOfMicros(micros), timestampOfMicros(near), timestampOfText(date.toISOString())])
            expect(BigInt(at ?? 0)).toBe(micros - MICROS_TO_2000);
        },
      ),
    );
  });

  test.each([
    ['infinity as Debezium writes it', 9_223_372_036_825_200_000n, 9_223_372_036_854_775_807n],
    ['minus infinity as Debezium writes it', -9_223_372_036_832_400_000n, -9_223_372_036_854_775_808n],
    ['what Postgres cannot hold', 9_224_318_016_000_000_000n, null],
  ])('microseconds: %s', (_name, micros, expected) => expect(timestampOfMicros(micros)).toBe(expected));

  test.each([
    [0n, -10_957],
    [19_783n, 8_826],
    [2_147_483_647n, 2_147_483_647],
    [-2_147_483_648n, -2_147_483_648],
    [-2_147_472_692n, 2_147_483_647],
    [9_999_999_999n, null],
  ])('%s days since 1970 are Postgres %s', (days, expected) => {
    expect(dateOfDays(days)).toBe(expected);
    expect(dateOfDays(Number(days))).toBe(expected);
  });
});

describe('times of the contract', () => {
  test.each([
    ['2026-03-01 08:30:00', '2026-03-01T08:30:00.000Z'],
    ['2026-03-01 08:30:00.5', '2026-03-01T08:30:00.500Z'],
    ['2026-03-01 08:30:00.123999+00', '2026-03-01T08:30:00.123Z'],
    ['12026-03-01 08:30:00', '12026-03-01T08:30:00.000Z'],
    ['infinity', 'infinity'],
    ['0044-03-15 00:00:00 BC', '0044-03-15 00:00:00 BC'],
  ])('%s is shown as %s', (printed, expected) => expect(shown(printed)).toBe(expected));
});
