import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dateJson,
  intervalIsoJson,
  intervalJson,
  timeJson,
  timestampJson,
  zonedTimeJson,
  zonedTimestampJson,
} from '@banyan/cdc/core/temporal';

const any = fc.record({
  date: fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  }),
  micros: fc.integer({ min: 0, max: 999 }),
});

/** As Postgres writes it: no zeros at the end of the fraction. */
function postgresText(date: Date, micros: number): string {
  const iso = date.toISOString();
  const fraction = `${iso.slice(20, 23)}${String(micros).padStart(3, '0')}`.replace(/0+$/, '');
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction === '' ? '' : `.${fraction}`}`;
}

describe('over the whole calendar', () => {
  test('a timestamp is its microseconds, exactly', () => {
    fc.assert(
      fc.property(any, ({ date, micros }) => {
        const expected = BigInt(date.getTime()) * 1000n + BigInt(micros);
        expect(timestampJson(-1)(postgresText(date, micros))).toBe(String(expected));
      }),
    );
  });

  test('a timestamp of three digits is its milliseconds', () => {
    fc.assert(
      fc.property(any, ({ date }) => {
        expect(timestampJson(3)(postgresText(date, 0))).toBe(String(date.getTime()));
      }),
    );
  });

  test('a timestamp with zone is ISO 8601', () => {
    fc.assert(
      fc.property(any, ({ date, micros }) => {
        const iso = date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
        expect(zonedTimestampJson(-1)(`${postgresText(date, micros)}+00`)).toBe(JSON.stringify(iso));
      }),
    );
  });

  test('a date is its days', () => {
    fc.assert(
      fc.property(any, ({ date }) => {
        const days = Math.floor(date.getTime() / 86_400_000);
        expect(dateJson(date.toISOString().slice(0, 10))).toBe(String(days));
      }),
    );
  });
});

type Case = readonly [text: string, expected: string, write: (text: string) => string];

test.each<Case>([
  ['0044-03-15 BC', '-735160', dateJson],
  ['294276-12-31', '106762939', dateJson],
  ['1582-10-10', '-141432', dateJson], // Gregorian before there was one, as Postgres counts
  ['infinity', '2147483647', dateJson],
  ['294276-12-31 23:59:59.999999', '9224318015999999999', timestampJson(-1)],
  ['4713-11-24 00:00:00 BC', '-210835180800000000', timestampJson(-1)],
  ['infinity', '9223372036825200000', timestampJson(6)],
  ['0044-03-15 10:00:00+00 BC', '"-0043-03-15T10:00:00.000000Z"', zonedTimestampJson(-1)],
  ['12024-01-02 03:04:05.6+00', '"+12024-01-02T03:04:05.600000Z"', zonedTimestampJson(-1)],
  ['2024-01-02 03:04:05.6+00', '"2024-01-02T03:04:05.600Z"', zonedTimestampJson(3)],
  ['2024-01-02 03:04:05+00', '"2024-01-02T03:04:05Z"', zonedTimestampJson(0)],
  ['-infinity', '"-infinity"', zonedTimestampJson(-1)],
  ['24:00:00', '86400000000', timeJson(-1)],
  ['12:34:56.789', '45296789', timeJson(3)],
  ['00:30:00+02', '"22:30:00Z"', zonedTimeJson],
  ['23:30:00.5-03:30', '"03:00:00.5Z"', zonedTimeJson],
  ['1 year 2 mons 3 days 04:05:06.789', '37091106789000', intervalJson],
  ['-1 days +02:03:00', '-79020000000', intervalJson],
  ['-00:00:00.000001', '-1', intervalJson],
  ['178000000 years', '5617252800000000000000', intervalJson],
  ['1 year 2 mons 3 days 04:05:06.789', '"P1Y2M3DT4H5M6.789S"', intervalIsoJson],
  ['-00:00:00.5', '"P0Y0M0DT0H0M-0.5S"', intervalIsoJson],
])('%s is %s', (text, expected, write) => {
  expect(write(text)).toBe(expected);
});

test('what is no time is refused', () => {
  expect(() => dateJson('gestern')).toThrow('no date');
  expect(() => timestampJson(-1)('2024-01-01 ab:cd:ef')).toThrow('time of day');
});
