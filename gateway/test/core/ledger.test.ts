import { describe, expect, test } from 'vitest';
import { excuseOf, rulesFor } from '@banyan/gateway/core/excuse';
import type { Json } from '@banyan/gateway/core/json';
import { parseAllow, problemOfEntry, type Allow, type Entry } from '@banyan/gateway/core/ledger';
import { parseJson } from '@banyan/gateway/core/parse';
import { parseAt, type AtPath } from '@banyan/gateway/core/path';

function at(text: string): AtPath {
  const parsed = parseAt(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed;
}

function allow(text: string): Allow {
  const parsed = parseAllow(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed;
}

const entry = (allowed: string, more: Partial<Entry> = {}): Entry => ({
  id: 'it',
  routes: ['order-get'],
  at: at('$.x'),
  allow: allow(allowed),
  zone: null,
  why: 'because',
  owner: 'orders-team',
  until: '2027-06-30',
  ...more,
});

/** A side's value as JSON text; undefined where it has none. */
function value(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  const parsed = parseJson(text);
  if (parsed.kind !== 'parsed') throw new Error(text);
  return parsed.value;
}

function isExcused(one: Entry, control: string | undefined, candidate: string | undefined): boolean {
  const kind = control === undefined ? 'extra' : candidate === undefined ? 'missing' : 'changed';
  const difference = {
    path: { root: '$', steps: ['x'] },
    kind,
    control: value(control),
    candidate: value(candidate),
  } as const;
  return excuseOf({ entries: [one] }, difference) !== null;
}

describe('what each way to differ allows', () => {
  test.each([
    ['anything', '1', '"two"', true],
    ['anything', '1', undefined, true],
    ['same instant', '"2026-03-01T08:30"', '"2026-03-01T08:30:00.000Z"', true],
    ['same instant', '"2026-03-01T08:30"', '"2026-03-01T08:31:00.000Z"', false],
    ['same instant', '"2026-03-01T08:30"', '"2026-03-01T08:30:25.000Z"', false],
    ['same instant', '"2026-03-01T08:30Z"', '"2026-03-01T09:30+01:00"', true],
    ['same instant', '"2026-03-01T08:30:00-0330"', '"2026-03-01T12:00:00Z"', true],
    ['same instant', '"2026-03-01T08:30:00.1230000000000000000001Z"', '"2026-03-01T08:30:00.123Z"', false],
    ['same instant', '"2026-03-01T08:30:00.1200Z"', '"2026-03-01T08:30:00.12Z"', true],
    ['same instant', '"2026-03-01 08:30:00Z"', '"2026-03-01t08:30:00z"', true],
    ['same instant', '"2026-03-01"', '"2026-03-01T00:00:00Z"', true],
    ['same instant', '"2026-12-31T23:59:60Z"', '"2027-01-01T00:00:00Z"', true],
    ['same instant', '"2026-02-30T00:00Z"', '"2026-03-02T00:00Z"', false],
    ['same instant', '"0000-02-29T00:00Z"', '"0000-02-29T00:00:00Z"', true],
    ['same instant', '"2026-03-01T24:00Z"', '"2026-03-02T00:00Z"', false],
    ['same instant', '"soon"', '"later"', false],
    ['same instant', '1772353800', '"2026-03-01T08:30Z"', false],
    ['same instant', '"2026-03-01T08:30"', undefined, false],
    ['same instant to the minute', '"2026-03-01T08:30"', '"2026-03-01T08:30:59.999Z"', true],
    ['same instant to the minute', '"2026-03-01T08:30"', '"2026-03-01T08:31:00.000Z"', false],
    ['same instant to the minute', '"1969-12-31T23:59"', '"1969-12-31T23:59:59.999Z"', true],
    ['same instant to the second', '"2026-03-01T08:30:01.9Z"', '"2026-03-01T08:30:01Z"', true],
    ['same instant to the day', '"2026-03-01"', '"2026-03-01T23:59:59Z"', true],
    ['same number', '605', '"605.00"', true],
    ['same number', '"605.0"', '"605.00"', true],
    ['same number', '12.5', '"12.50"', true],
    ['same number', '9007199254740993', '"9007199254740992"', false],
    ['same number', '605', '"605.001"', false],
    ['same number', '0', '""', false],
    ['same number', '1', '"0x1"', false],
    ['same number', '1', '" 1"', false],
    ['same number', '1', 'true', false],
    ['same number', '0', 'null', false],
    ['number ± 0.1', '0.1', '0.2', true],
    ['number ± 0.1', '0.1', '0.20000000000000000001', false],
    ['number +- 0.1', '"0.3"', '"0.2"', true],
    ['number +/- 0.1', '0.3', '"0.2"', false],
    ['number ± 1', '9007199254740993', '9007199254740992', true],
    ['number ± 0', '1e-400', '0', false],
    ['number ± 1e-400', '1e-400', '0', true],
    ['number ± 1', '1e999999999', '1', false],
    ['number ± 1', '-0.5', '0.5', true],
    ['number ± 1', '1', 'null', false],
    ['case', '"BOOKED"', '"booked"', true],
    ['case', '"ΟΔΟΣ"', '"οδοσ"', true],
    ['case', '"STRASSE"', '"straße"', false],
    ['case', '"booked"', '"boked"', false],
    ['absent or null', 'null', undefined, true],
    ['absent or null', undefined, 'null', true],
    ['absent or null', 'null', '""', false],
    ['absent or null', '1', undefined, false],
    ['pattern ^V-\\d+$', '"V-1"', '"V-2"', true],
    ['pattern ^V-\\d+$', '"V-1"', '"W-2"', false],
    ['pattern ^V-\\d+$', '"X"', '"V-2"', false],
    ['pattern ^\\d+$', '1', '2', true],
    ['pattern ^V', '"V"', undefined, false],
    ['unordered', '1', '2', false],
    ['renamed to $.y', '1', '2', false],
  ])('%s: %s and %s: %s', (allowed, control, candidate, expected) => {
    expect(isExcused(entry(allowed), control, candidate)).toBe(expected);
  });

  test.each([
    ['+02:00', '"2026-07-01T10:00"', '"2026-07-01T08:00Z"', true],
    ['Europe/Berlin', '"2026-07-01T10:00"', '"2026-07-01T08:00Z"', true],
    ['Europe/Berlin', '"2026-01-01T10:00"', '"2026-01-01T09:00Z"', true],
    ['Europe/Berlin', '"2026-01-01T10:00"', '"2026-01-01T08:00Z"', false],
    ['Europe/Berlin', '"2026-01-01T10:00Z"', '"2026-01-01T10:00+00:00"', true],
    // The clocks were set back at 03:00 on 25 October 2026: 02:30 was shown twice.
    ['Europe/Berlin', '"2026-10-25T02:30"', '"2026-10-25T00:30Z"', true],
    ['Europe/Berlin', '"2026-10-25T02:30"', '"2026-10-25T01:30Z"', true],
    ['Europe/Berlin', '"2026-10-25T02:30"', '"2026-10-25T02:30Z"', false],
    // And set forward at 02:00 on 29 March 2026: 02:30 was left out.
    ['Europe/Berlin', '"2026-03-29T02:30"', '"2026-03-29T01:30Z"', true],
    ['Asia/Kathmandu', '"2026-01-01T05:45"', '"2026-01-01T00:00Z"', true],
    ['America/St_Johns', '"2026-01-01"', '"2026-01-01T03:30Z"', true],
  ])('a date without a zone is of the entry’s zone %s: %s is %s: %s', (zone, control, candidate, expected) => {
    expect(isExcused(entry('same instant', { zone }), control, candidate)).toBe(expected);
  });

  test('a status is excused in one direction only', () => {
    const one = entry('status 404 -> 200', { at: at('status') });
    const status = (control: number, candidate: number): string | null =>
      excuseOf({ entries: [one] }, { path: { root: 'status', steps: [] }, kind: 'changed', control, candidate });
    expect(status(404, 200)).toBe('it');
    expect(status(200, 404)).toBeNull();
  });

  test('only "anything" reaches below its place', () => {
    const below = { path: { root: '$', steps: ['x', 'y'] }, kind: 'changed', control: 'A', candidate: 'a' } as const;
    expect(excuseOf({ entries: [entry('anything')] }, below)).toBe('it');
    expect(excuseOf({ entries: [entry('case')] }, below)).toBeNull();
  });

  test('the first entry that excuses is named', () => {
    const entries = [
      entry('case', { id: 'no' }),
      entry('same number', { id: 'first' }),
      entry('anything', { id: 'second' }),
    ];
    const difference = { path: { root: '$', steps: ['x'] }, kind: 'type', control: 1, candidate: '1' } as const;
    expect(excuseOf({ entries }, difference)).toBe('first');
  });
});

describe('when and where an entry holds', () => {
  const one = entry('anything', { until: '2027-06-30' });

  test.each([
    ['on its last day', 'order-get', '2027-06-30', 1],
    ['not on the day after', 'order-get', '2027-07-01', 0],
    ['long before', 'order-get', '2026-01-01', 1],
    ['not on another route', 'orders-list', '2026-01-01', 0],
  ])('%s', (_name, route, today, count) => {
    expect(rulesFor([one], route, today).entries).toHaveLength(count);
  });
});

describe('reading "allow"', () => {
  test.each([
    ['anything', { kind: 'anything' }],
    [' same instant ', { kind: 'same instant', grain: 'instant' }],
    ['same instant to the minute', { kind: 'same instant', grain: 'minute' }],
    ['same number', { kind: 'same number' }],
    ['number ± 0.01', { kind: 'number', most: { digits: 1n, exponent: -2 } }],
    ['number ±5', { kind: 'number', most: { digits: 5n, exponent: 0 } }],
    ['unordered', { kind: 'unordered', by: [] }],
    ['unordered by orderId', { kind: 'unordered', by: [at('$.orderId')] }],
    ["unordered by voyage.id, ['odd name']", { kind: 'unordered', by: [at('$.voyage.id'), at("$['odd name']")] }],
    ['unordered by $.a[0]', { kind: 'unordered', by: [at('$.a[0]')] }],
    ['case', { kind: 'case' }],
    ['absent or null', { kind: 'absent or null' }],
    ['renamed to $.pickup.date', { kind: 'renamed', to: at('$.pickup.date') }],
    ['status 500 -> 409', { kind: 'status', from: 500, to: 409 }],
    ['status 500→409', { kind: 'status', from: 500, to: 409 }],
  ])('%s', (text, expected) => {
    expect(parseAllow(text)).toEqual(expected);
  });

  test.each([
    ['', '"" is no way to differ: expected "anything"'],
    ['any thing', 'is no way to differ'],
    ['same', 'expected "same instant"'],
    ['same instant to the year', 'expected "same instant"'],
    ['number', 'expected "number ± 0.01"'],
    ['number ± x', 'expected "number ± 0.01"'],
    ['number ± -1', 'expected "number ± 0.01"'],
    ['number 0.01', 'expected "number ± 0.01"'],
    ['unordered by', 'expected "unordered by <key>"'],
    ['unordered by $..id', 'a key is the path of one value'],
    ['unordered by items[*].id', 'a key is the path of one value'],
    ['unordered orderId', 'expected "unordered by <key>"'],
    ['renamed $.x', 'expected "renamed to <path>"'],
    ['renamed to x', 'expected a path that begins with $'],
    ['renamed to status', 'what is renamed stands in the body'],
    ['status 404', 'expected "status 404 -> 200"'],
    ['status 404 -> 999', 'expected "status 404 -> 200"'],
    ['status 404 -> 404', 'allows no difference'],
    ['pattern', 'an empty pattern'],
    ['pattern (a+)+$', 'could take exponential time'],
    ['pattern (a', '"(" without ")"'],
  ])('refuses %j: %s', (text, message) => {
    const parsed = parseAllow(text);
    expect('error' in parsed && parsed.error).toContain(message);
  });
});

describe('whether an entry makes sense', () => {
  test.each([
    ['$.x', 'same instant', 'Europe/Berlin', null],
    ['$.x', 'same instant', '+05:45', null],
    ['$.x', 'same instant', 'Europe/Berlint', '"Europe/Berlint" is not a time zone'],
    ['$.x', 'same instant', '+25:00', 'is not an offset'],
    ['$.x', 'case', 'UTC', '"zone" goes with "same instant" only'],
    ['status', 'status 404 -> 200', null, null],
    ['$.x', 'status 404 -> 200', null, '"status A -> B" goes with "at: status" only'],
    ['status', 'anything', null, 'a difference in status is allowed by "status A -> B" only'],
    ["headers['content-type']", 'anything', null, null],
    ["headers['content-type']", 'unordered', null, '"unordered" is for bodies'],
    ["cookies['sid']", 'absent or null', null, '"absent or null" is for bodies'],
    ['$.a.b', 'renamed to $.c.d', null, null],
    ['$.items[*].a', 'renamed to $.items[*].b.c', null, null],
    ['$..a', 'renamed to $..b', null, null],
    ['$', 'renamed to $.b', null, 'what is renamed stands in the body'],
    ['$.items[*].a', 'renamed to $.b', null, 'the new path has the same wildcards'],
    ['$..a', 'renamed to $.b[*]', null, 'the new path has the same wildcards'],
    ['$..a..b', 'renamed to $..c..d', null, 'at most one ".."'],
    ["$['a','b']", 'renamed to $.c', null, 'names one thing in each bracket'],
  ])('%s %s %s: %s', (place, allowed, zone, message) => {
    const problem = problemOfEntry({ id: 'it', at: at(place), allow: allow(allowed), zone });
    expect(problem ?? 'fine').toContain(message ?? 'fine');
  });

  test.each(['noise', 'stale'])('no entry is named %s, which is a verdict', (id) => {
    expect(problemOfEntry({ id, at: at('$.x'), allow: allow('anything'), zone: null })).toContain('is a verdict');
  });
});
