import { parseLsn, toLsn } from '@banyan/backbone/core/lsn';
import { describe, expect, test } from 'vitest';
import { freshnessOf, isFresh, readQuestion } from '@banyan/new-order-ms/core/freshness';

const applied = (lsn: string, timestamp = 0) => ({
  watermark: { source: 'legacy', epoch: '7.1.1', lsn: parseLsn(lsn) ?? toLsn(0n) },
  offset: 0n,
  timestamp,
});

describe('the answer of /freshness', () => {
  test('names what was applied, and how old that is', () => {
    expect(freshnessOf([applied('0/1A2B3C8', 1_000)], 1_012)).toEqual({
      model: 'orders',
      applied: [{ source: 'legacy', epoch: '7.1.1', lsn: '0/1A2B3C8' }],
      lagMs: 12,
    });
  });

  test('is infinitely old before the first watermark, and never from the future', () => {
    expect(freshnessOf([], 1_700_000_000_000)).toEqual({ model: 'orders', applied: [], lagMs: 1_700_000_000_000 });
    expect(freshnessOf([applied('0/1', 2_000)], 1_990).lagMs).toBe(0);
  });
});

describe('a question', () => {
  test.each([
    [null, null, [], 0],
    ['orders=legacy.7.1.1.0/1A2B3C8', '50ms', ['0/1A2B3C8'], 50],
    ['orders=legacy.7.1.1.0/A,voyages=legacy.7.1.1.0/B', '2s', ['0/A'], 2_000],
    ['voyages=legacy.7.1.1.0/B', '10s', [], 5_000],
  ])('atLeast %j, wait %j', (atLeast, wait, lsns, waitMs) => {
    const fences = lsns.map((lsn) => ({ source: 'legacy', epoch: '7.1.1', lsn: parseLsn(lsn) }));
    expect(readQuestion(atLeast, wait)).toEqual({ kind: 'question', fences, waitMs });
  });

  test.each([
    ['orders', null],
    ['orders=legacy.7.1.1.0/1A2B3C8,', null],
    ['', null],
    ['pending', null],
    ['orders=legacy.7.1.1.0/1A2B3C8', '50'],
    ['orders=legacy.7.1.1.0/1A2B3C8', '-1ms'],
    ['orders=legacy.7.1.1.0/1A2B3C8', ''],
    ['orders=legacy.7.1.1.0/1A2B3C8', '1h'],
  ])('atLeast %j with wait %j is refused', (atLeast, wait) => expect(readQuestion(atLeast, wait).kind).toBe('refused'));
});

describe('a caller is answered', () => {
  const fence = (lsn: string, epoch = '7.1.1', source = 'legacy') => ({
    source,
    epoch,
    lsn: parseLsn(lsn) ?? toLsn(0n),
  });
  test.each([
    ['without a fence', [], true],
    ['at its fence', [fence('0/20')], true],
    ['below its fence', [fence('0/21')], false],
    ['though one of its fences is not reached', [fence('0/10'), fence('1/0')], false],
    ['with a fence of an epoch that is past', [fence('9/0', '7.1.0')], true],
    ['with a fence of a source that is not followed', [fence('0/1', '7.1.1', 'voyages')], false],
  ])('%s', (_name, fences, expected) => expect(isFresh([applied('0/20')], fences)).toBe(expected));
});
