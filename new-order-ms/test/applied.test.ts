import { parseLsn, toLsn } from '@banyan/backbone/core/lsn';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advance, NOTHING, resumeAt, type Mark, type Progress } from '@banyan/new-order-ms/core/applied';
import { table } from './history.ts';

function markAt(offset: number, lsn: string, ends: Readonly<Record<string, number>>, more: Partial<Mark> = {}): Mark {
  return {
    watermark: { source: 'legacy', epoch: '1.1.1', lsn: parseLsn(lsn) ?? toLsn(0n) },
    ends: new Map(Object.entries(ends).map(([name, end]) => [name, BigInt(end)])),
    sweep: null,
    offset: BigInt(offset),
    timestamp: offset,
    ...more,
  };
}

const next = (offsets: Readonly<Record<string, number>>): Map<string, bigint> =>
  new Map(Object.entries(offsets).map(([name, offset]) => [name, BigInt(offset)]));

const lsnsOf = (progress: Progress): readonly number[] =>
  progress.applied.map(({ watermark }) => Number(watermark.lsn));

describe('a watermark', () => {
  test('is applied once our offsets have reached every one of its ends, and not before', () => {
    const waiting = advance(NOTHING, next({ a: 4 }), [markAt(0, '0/10', { a: 5, b: 2 })]).progress;
    expect(lsnsOf(waiting)).toEqual([]);
    const half = advance(waiting, next({ a: 5, b: 1 }), []).progress;
    expect(lsnsOf(half)).toEqual([]);
    const whole = advance(half, next({ b: 2 }), []).progress;
    expect(lsnsOf(whole)).toEqual([0x10]);
    expect(whole.pending).toEqual([]);
  });

  test('a partition that nothing was written to does not hold it up', () => {
    expect(lsnsOf(advance(NOTHING, next({}), [markAt(0, '0/10', { a: 0 })]).progress)).toEqual([0x10]);
  });

  test('the newest that is satisfied wins, and the older ones are done with', () => {
    const marks = [markAt(0, '0/10', { a: 1 }), markAt(1, '0/20', { a: 2 }), markAt(2, '0/30', { a: 9 })];
    const { progress } = advance(NOTHING, next({ a: 5 }), marks);
    expect(lsnsOf(progress)).toEqual([0x20]);
    expect(progress.pending.map(({ offset }) => offset)).toEqual([2n]);
  });

  test('read again after a restart it does not take the position back', () => {
    const { progress } = advance(NOTHING, next({ a: 5 }), [markAt(0, '0/10', {}), markAt(1, '0/20', {})]);
    expect(lsnsOf(advance(progress, next({}), [markAt(0, '0/10', {})]).progress)).toEqual([0x20]);
  });

  test('of a new epoch wins though its LSN is smaller: the stream was begun anew', () => {
    const { progress } = advance(NOTHING, next({}), [markAt(0, '5/0', {})]);
    const anew = markAt(1, '0/10', {}, { watermark: { source: 'legacy', epoch: '1.1.2', lsn: toLsn(16n) } });
    expect(advance(progress, next({}), [anew]).progress.applied).toMatchObject([
      { watermark: { epoch: '1.1.2', lsn: 16n } },
    ]);
  });

  test('sources do not mix', () => {
    const other = markAt(1, '0/5', {}, { watermark: { source: 'voyages', epoch: '9.1.1', lsn: toLsn(5n) } });
    expect(lsnsOf(advance(NOTHING, next({}), [markAt(0, '0/10', {}), other]).progress)).toEqual([0x10, 5]);
  });

  test('offsets never go back', () => {
    const { progress } = advance(NOTHING, next({ a: 5 }), []);
    expect(advance(progress, next({ a: 3 }), []).progress.next.get('a')).toBe(5n);
  });

  test('sweeps when it is applied, not when it is read', () => {
    const sweep = { incarnation: 2, tables: [table('orders')] };
    const waiting = advance(NOTHING, next({}), [markAt(0, '0/10', { a: 3 }, { sweep })]);
    expect(waiting.sweeps).toEqual([]);
    expect(advance(waiting.progress, next({ a: 3 }), []).sweeps).toEqual([sweep]);
  });

  test('a sweep is done however many watermarks came after it, and does not take the position back', () => {
    const sweep = { incarnation: 2, tables: [table('orders')] };
    let { progress } = advance(NOTHING, next({}), [markAt(0, '0/10', { a: 3 }, { sweep })]);
    for (let offset = 1; offset < 500; offset += 1)
      ({ progress } = advance(progress, next({}), [markAt(offset, '0/20', offset === 499 ? {} : { b: 1 })]));
    expect(lsnsOf(progress)).toEqual([0x20]);
    const late = advance(progress, next({ a: 3 }), []);
    expect(late.sweeps).toEqual([sweep]);
    expect(lsnsOf(late.progress)).toEqual([0x20]);
  });
});

describe('watermarks that wait', () => {
  test('stay few, however far the rows are behind, and the position still moves on the way', () => {
    const marks = Array.from({ length: 5_000 }, (_, index) => markAt(index, '0/10', { a: index + 1 }));
    let { progress } = advance(NOTHING, next({}), marks);
    expect(progress.pending.length).toBeLessThanOrEqual(64);
    const steps = new Set<bigint>();
    for (let offset = 0; offset <= 5_000; offset += 10) {
      ({ progress } = advance(progress, next({ a: offset }), []));
      for (const { offset: at } of progress.applied) steps.add(at);
    }
    expect(steps.size).toBeGreaterThan(20);
    expect(progress.applied[0]?.offset).toBe(4_999n);
  });

  test('are read again after a crash: the checkpoint stays at the first', () => {
    const { progress } = advance(NOTHING, next({}), [markAt(3, '0/10', { a: 1 }), markAt(4, '0/20', { a: 2 })]);
    expect(resumeAt(progress, 5n)).toBe(3n);
    const { progress: done } = advance(progress, next({ a: 2 }), []);
    expect(resumeAt(done, 5n)).toBe(5n);
  });

  test('whatever the batches, applied never runs ahead of the offsets, and reaches the last watermark', () => {
    const step = fc.record({ records: fc.nat(3), marks: fc.nat(2), read: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let [written, marks, read] = [0, 0, 0];
        let progress = NOTHING;
        let last: Mark | null = null;
        for (const { records, marks: more, read: taken } of steps) {
          written += records;
          const arriving: Mark[] = [];
          for (let index = 0; index < more; index += 1) {
            last = markAt(
              marks,
              '0/0',
              { a: written },
              { watermark: { source: 'legacy', epoch: '1', lsn: toLsn(BigInt(written)) } },
            );
            marks += 1;
            arriving.push(last);
          }
          read = Math.min(written, read + taken);
          ({ progress } = advance(progress, next({ a: read }), arriving));
          for (const lsn of lsnsOf(progress)) expect(lsn).toBeLessThanOrEqual(read);
        }
        ({ progress } = advance(progress, next({ a: written }), []));
        expect(lsnsOf(progress)).toEqual(last === null ? [] : [Number((last as Mark).watermark.lsn)]);
      }),
    );
  });
});
