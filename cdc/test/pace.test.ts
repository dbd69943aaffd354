import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { backoff } from '@banyan/cdc/core/backoff';
import { HEARTBEAT_MS, watermarking } from '@banyan/cdc/core/pace';
import { progressLine, secondsLeft } from '@banyan/cdc/core/progress';

const at = (value: number): Lsn => toLsn(BigInt(value));
const idle = { reached: at(100), published: at(100), wanted: at(0), ageMs: 0 };

describe('when a watermark is written that no batch carries', () => {
  test.each([
    ['nothing moved', {}, 'rest', 'nothing-new'],
    ['a position that nobody asked for', { reached: at(150) }, 'rest', 'young'],
    ['one that somebody holds, reached', { reached: at(150), wanted: at(120) }, 'publish', 'fence'],
    ['one that somebody holds, not reached', { reached: at(110), wanted: at(120) }, 'rest', 'fence-not-reached'],
    ['one that was published already', { reached: at(150), wanted: at(90) }, 'rest', 'young'],
    ['an old watermark', { reached: at(150), ageMs: HEARTBEAT_MS }, 'publish', 'heartbeat'],
    ['an old watermark, nothing moved', { ageMs: HEARTBEAT_MS }, 'rest', 'nothing-new'],
  ] as const)('%s', (_name, change, kind, because) => {
    expect(watermarking({ ...idle, ...change })).toEqual({ kind, because });
  });

  test('each write moves the WAL, and still they do not follow themselves', () => {
    // The log lives on the source's own server: a watermark is 200 bytes of WAL, and brings a keepalive.
    let pace = { ...idle };
    let written = 0;
    for (let step = 0; step < 10_000; step += 1) {
      pace = { ...pace, reached: at(Number(pace.reached) + 200), ageMs: pace.ageMs + 1 };
      if (step % 1_000 === 0) pace = { ...pace, wanted: pace.reached };
      if (watermarking(pace).kind === 'rest') continue;
      written += 1;
      pace = { ...pace, published: pace.reached, ageMs: 0 };
    }
    // One for each fence; the heartbeat is slower than they are.
    expect(written).toBe(10);
  });
});

test('waits grow to five seconds, differ, and never vanish', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
      const ms = backoff(failures, chance);
      expect(ms).toBeGreaterThanOrEqual(25);
      expect(ms).toBeLessThanOrEqual(5_000);
    }),
  );
  expect(backoff(1, 1)).toBe(50);
  expect(backoff(4, 1)).toBe(400);
  expect(backoff(100, 0)).toBe(2_500);
});

describe('the progress line', () => {
  const progress = { tablesDone: 3, tables: 9, rows: 1_200_000, estimatedRows: 4_000_000, elapsedMs: 14_000 };

  test('says rows, rate and time left', () => {
    expect(progressLine(progress)).toBe(
      'snapshot: 3 of 9 tables, 1,200,000 rows of about 4,000,000, 85,714 rows/s, about 33 s left',
    );
  });

  test('does not guess without statistics, and does not promise less than there is', () => {
    expect(progressLine({ ...progress, estimatedRows: null })).toContain('time left unknown');
    expect(secondsLeft({ ...progress, estimatedRows: 5 })).toBe(0);
    expect(secondsLeft({ ...progress, rows: 0 })).toBeNull();
  });
});
