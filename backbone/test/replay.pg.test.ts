import { describe, expect, test } from 'vitest';
import type { Entry, ReplayOptions } from '@banyan/backbone/transport';
import { LIMIT_MS, makeWorld, newTopic, record, records } from './support/world.ts';

const world = makeWorld();

async function replay(options: ReplayOptions): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of world.log.replay(options)) entries.push(entry);
  return entries;
}

describe('a replay', () => {
  test('gives all partitions, each in order, up to the end as it stood at the call', async () => {
    const topic = await newTopic(world, 3);
    const producer = await world.log.producer(world.name('p'), [topic]);
    await producer.send(records(topic, 9000));
    const seen: Entry[] = [];
    for await (const entry of world.log.replay({ topic })) {
      if (seen.length === 0) await producer.send(records(topic, 100, 'late'));
      seen.push(entry);
    }
    expect(seen).toHaveLength(9000);
    for (const partition of [0, 1, 2]) {
      const own = seen.filter((entry) => entry.partition === partition).map(({ offset }) => Number(offset));
      expect(own).toEqual([...own.keys()]);
    }
  });

  test('of one partition, from an offset, to before another', async () => {
    const topic = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [topic]);
    await producer.send(records(topic, 5000));
    const offsets = async (options: Omit<ReplayOptions, 'topic'>): Promise<readonly number[]> =>
      (await replay({ topic, partition: 0, ...options })).map(({ offset }) => Number(offset));
    expect(await offsets({ from: 4998n })).toEqual([4998, 4999]);
    expect(await offsets({ to: 2n })).toEqual([0, 1]);
    expect(await offsets({ from: 1999n, to: 2002n })).toEqual([1999, 2000, 2001]);
    expect(await offsets({ from: 7n, to: 7n })).toEqual([]);
    expect(await offsets({ from: 5000n })).toEqual([]);
    expect(await offsets({ to: 999_999n })).toHaveLength(5000);
    await expect(offsets({ partition: 1 })).rejects.toThrow(/has 1 partitions, and no 1/);
  });

  test('of one key gives its records alone, from every partition they could be in', async () => {
    const topic = await newTopic(world, 4);
    const producer = await world.log.producer(world.name('p'), [topic]);
    for (let round = 0; round < 3; round += 1) {
      await producer.send(Array.from({ length: 3000 }, (_, key) => record(topic, `k${key}`, `${round}`)));
    }
    const own = await replay({ topic, key: 'k1234' });
    expect(own.map(({ key, value }) => [key, value])).toEqual([0, 1, 2].map((round) => ['k1234', `${round}`]));
    expect(await replay({ topic, key: 'nobody' })).toEqual([]);
    expect(await replay({ topic, key: `'; drop table x; --` })).toEqual([]);
  });

  test('of more than fits into memory at once comes in pieces, and loses nothing at their seams', async () => {
    const topic = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [topic]);
    const large = 'x'.repeat(3_000_000);
    const sizes = Array.from({ length: 20 }, (_, index) => (index % 3 === 0 ? 10 : large.length));
    for (const size of sizes) await producer.send([record(topic, 'same', large.slice(0, size))]);
    expect((await replay({ topic })).map(({ value }) => value?.length)).toEqual(sizes);
    expect((await replay({ topic, key: 'same' })).map(({ value }) => value?.length)).toEqual(sizes);
  });

  test('that is left in the middle gives its session back', async () => {
    const topic = await newTopic(world);
    const log = await world.open({ applicationName: 'left' });
    const producer = await log.producer(world.name('p'), [topic]);
    await producer.send(records(topic, 10));
    for await (const _entry of log.replay({ topic })) break;
    await expect.poll(() => world.sessions('left log replay'), { timeout: LIMIT_MS }).toBe(0);
  });

  test('of a topic that is not there is refused', async () => {
    await expect(replay({ topic: 'nowhere' })).rejects.toMatchObject({ code: 'BACKBONE_NO_TOPIC' });
  });
});

test('starts and ends are known for every partition, also of an empty topic', async () => {
  const topic = await newTopic(world, 2);
  const zero = new Map([
    [`${topic}-0`, 0n],
    [`${topic}-1`, 0n],
  ]);
  expect(await world.log.starts([topic])).toEqual(zero);
  expect(await world.log.ends([topic])).toEqual(zero);
  await expect(world.log.ends(['nowhere'])).rejects.toMatchObject({ code: 'BACKBONE_NO_TOPIC' });
});
