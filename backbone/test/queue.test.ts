import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, Bell } from '@banyan/backbone/log/bell';
import { Queue, type Queued } from '@banyan/backbone/log/queue';

function item(offset: number, partition: number = 0, bytes: number = 1): Queued {
  const entry = { topic: 't', partition, offset: BigInt(offset), timestamp: 0, key: null, value: null, headers: [] };
  return { entry, bytes };
}

function offsets(items: readonly Queued[] | undefined): readonly number[] {
  return (items ?? []).map(({ entry }) => Number(entry.offset));
}

describe('a queue', () => {
  test('gives batches within both limits, and one record that is too large alone', () => {
    const queue = new Queue({ records: 3, bytes: 10 });
    for (const [offset, bytes] of [4, 4, 4, 50, 1, 1, 1, 1].entries()) queue.push(item(offset, 0, bytes));
    const batches = Array.from({ length: 5 }, () => offsets(queue.take()?.items));
    expect(batches).toEqual([[0, 1], [2], [3], [4, 5, 6], [7]]);
    expect(queue.take()).toBeNull();
    expect(queue.room()).toEqual({ records: 3, bytes: 10 });
  });

  test('says where to go on, for each partition in the batch', () => {
    const queue = new Queue({ records: 10, bytes: 100 });
    for (const each of [item(7, 0), item(8, 0), item(3, 1), item(9, 0)]) queue.push(each);
    expect(queue.take()?.batch.next).toEqual(
      new Map([
        ['t-0', 10n],
        ['t-1', 4n],
      ]),
    );
  });

  test('forgets a partition, and keeps the order of the others', () => {
    const queue = new Queue({ records: 10, bytes: 100 });
    for (const each of [item(0, 0), item(0, 1), item(1, 0), item(1, 1)]) queue.push(each);
    queue.drop((name) => name === 't-0');
    expect(queue.take()?.items.map(({ entry }) => entry.partition)).toEqual([1, 1]);
  });

  test('loses and doubles nothing, and its room is right, whatever is pushed, taken and put back', () => {
    const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.constant('back' as const), fc.nat(5)));
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new Queue({ records: 4, bytes: 9 });
        const got: number[] = [];
        let pushed = 0;
        let waiting = 0;
        for (const step of list) {
          if (typeof step === 'number') {
            queue.push(item(pushed, 0, step));
            pushed += 1;
            waiting += step;
            continue;
          }
          const taken = queue.take();
          if (taken === null) continue;
          if (step === 'back') queue.putBack(taken);
          else {
            got.push(...offsets(taken.items));
            waiting -= taken.items.reduce((sum, { bytes }) => sum + bytes, 0);
          }
        }
        expect(queue.room()).toEqual({ records: 4 - (pushed - got.length), bytes: 9 - waiting });
        for (let taken = queue.take(); taken !== null; taken = queue.take()) got.push(...offsets(taken.items));
        expect(got).toEqual([...Array(pushed).keys()]);
      }),
    );
  });
});

describe('a bell', () => {
  test('wakes who waits, and keeps a ring for who comes later, once', async () => {
    const bell = new Bell();
    const waiting = bell.wait(60_000);
    bell.ring();
    await waiting;
    bell.ring();
    bell.ring();
    await bell.wait(60_000);
    // Nothing is left: this one waits for its time.
    await bell.wait(1);
    expect(backoffMs(1)).toBe(50);
  });

  test('waits twice as long after each failure, up to five seconds', () => {
    expect([1, 2, 3, 7, 8, 1000].map(backoffMs)).toEqual([50, 100, 200, 3200, 5000, 5000]);
  });
});
