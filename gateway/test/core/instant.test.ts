import { utcOf } from '@banyan/gateway/core/instant';
import fc from 'fast-check';
import { expect, test } from 'vitest';

// Times without a zone, as bridges write them, held against JavaScript's own calendar.

test('an instant in any zone is the same instant in UTC', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0002-01-01T00:00:00Z'), max: new Date('9998-12-31T00:00:00Z'), noInvalidDate: true }),
      fc.integer({ min: -14 * 60, max: 14 * 60 }),
      (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const minutes = Math.abs(offset);
        const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
        const utc = date.toISOString().slice(0, -1);
        const trimmed = utc.replace(/0+$/, '').replace(/\.$/, '');
        expect(utcOf(local + zone, 'instant')).toBe(trimmed);
        expect(utcOf(local + zone, 'minute')).toBe(`${date.toISOString().slice(0, 16)}:00`);
      },
    ),
  );
});

test.each([
  ['2026-03-01T08:30:00.123456789Z', '2026-03-01T08:30:00.123456789'],
  ['2026-03-01T08:30:00', '2026-03-01T08:30:00'],
  ['0001-01-01T00:00:00+01:00', null],
  ['2026-03-01', null],
  ['2026-02-30T00:00:00Z', null],
  ['soon', null],
])('%s is %s', (text, expected) => {
  expect(utcOf(text, 'instant')).toBe(expected);
});
