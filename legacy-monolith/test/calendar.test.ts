import { expect, test } from 'vitest';
import fc from 'fast-check';
import { dateText, midnight, readMinute, timestampText } from '@banyan/legacy-monolith/core/calendar';

test('counts days as the platform’s calendar does', () => {
  const dates = fc.date({ min: new Date('1685-01-01'), max: new Date('2200-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(dates, fc.nat(999), (date, micros) => {
      const total = date.getTime() * 1000 + micros;
      expect(`${timestampText(total).slice(0, 23)}Z`).toBe(date.toISOString());
      expect(timestampText(total).slice(23)).toBe(String(micros).padStart(3, '0'));
      expect(dateText(total)).toBe(date.toISOString().slice(0, 10));
      expect(midnight(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(
        Math.floor(date.getTime() / 86_400_000) * 86_400_000_000,
      );
    }),
  );
});

test.each([
  ['2026-03-01T08:30', '2026-03-01T08:30'],
  ['2024-02-29T00:00Z', '2024-02-29T00:00'],
  ['2026-03-01T08:30:59.123456', '2026-03-01T08:30'],
  ['2026-02-29T08:30', null],
  ['2026-04-31T08:30', null],
  ['2026-13-01T08:30', null],
  ['2026-00-01T08:30', null],
  ['2026-01-00T08:30', null],
  ['2026-01-01T24:00', null],
  ['2026-01-01T08:60', null],
  ['0000-01-01T08:30', null],
  ['2026-03-01T08:30+00:00', null],
  ['2026-03-01 08:30', null],
  ['2026-03-01', null],
])('%s is the minute %s', (text, expected) => {
  expect(readMinute(text)).toBe(expected);
});
