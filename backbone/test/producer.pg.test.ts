import { describe, expect, test } from 'vitest';
import { BackboneError } from '@banyan/backbone/errors';
import type { Entry, Outgoing } from '@banyan/backbone/transport';
import { all, LIMIT_MS, makeWorld, newTopic, record, records, topic } from './support/world.ts';

const world = makeWorld();
const at = { source: 'legacy', epoch: '7301.1.1', lsn: '0/1A2B3C8' };

function codeOf(error: unknown): string {
  return error instanceof BackboneError ? error.code : String(error);
}

/** The code of what `work` throws. */
async function refused(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'nothing', codeOf);
}

describe('a batch', () => {
  test('stands in the log in its own order, and the answer is where it ends', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    expect(await producer.send(records(name, 3, 'a'))).toEqual(new Map([[`${name}-0`, 3n]]));
    expect(await producer.send(records(name, 2, 'b'))).toEqual(new Map([[`${name}-0`, 5n]]));
    const entries = await all(world.log, name);
    expect(entries.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect(entries.map(({ value }) => value)).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
  });

  test('keeps each key in one partition, and each partition in order', async () => {
    const name = await newTopic(world, 5);
    const producer = await world.log.producer(world.name('p'), [name]);
    for (let round = 0; round < 5; round += 1) {
      await producer.send(Array.from({ length: 40 }, (_, key) => record(name, `k${key}`, `${round}`)));
    }
    const entries = await all(world.log, name);
    expect(entries).toHaveLength(200);
    const byKey = groupByKey(entries);
    for (const own of byKey.values()) {
      expect(own.map(({ value }) => value)).toEqual(['0', '1', '2', '3', '4']);
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
    }
    expect(new Set(entries.map(({ partition }) => partition)).size).toBe(5);
  });

  test('without keys is spread over the partitions', async () => {
    const name = await newTopic(world, 4);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(Array.from({ length: 8 }, () => record(name, null, 'x')));
    expect([...(await world.log.ends([name])).values()]).toEqual([2n, 2n, 2n, 2n]);
  });

  test('sent without waiting goes in after the one before it', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await Promise.all(Array.from({ length: 50 }, (_, index) => producer.send([record(name, 'k', `${index}`)])));
    expect((await all(world.log, name)).map(({ value }) => value)).toEqual(
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
  });

  test('has a time that the log gave it', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const [row] = await world.sql<{ ms: string }>('select (extract(epoch from clock_timestamp()) * 1000)::int8 as ms');
    await producer.send([record(name, 'k', 'v')]);
    const [entry] = await all(world.log, name);
    expect(entry!.timestamp).toBeGreaterThanOrEqual(Number(row!.ms));
    expect(entry!.timestamp).toBeLessThan(Number(row!.ms) + 60_000);
  });
});

function groupByKey(entries: readonly Entry[]): Map<string | null, Entry[]> {
  const groups = new Map<string | null, Entry[]>();
  for (const entry of entries) groups.set(entry.key, [...(groups.get(entry.key) ?? []), entry]);
  return groups;
}

describe('a record', () => {
  const odd: readonly (readonly [string, string | null, string | null])[] = [
    ['null for both', null, null],
    ['a tombstone', '{"id":1}', null],
    ['empty text, which is not null', '', ''],
    ['characters of every length in UTF-8', 'kü€😀', 'ü€😀'.repeat(100)],
    ['what looks like an array or like SQL', '{NULL,"a"}', `'; drop table x; -- \\ "`],
    ['line breaks, tabs and controls', '\n', '\r\n\t\u0001\u007f'],
    ['the word NULL', 'NULL', 'null'],
  ];

  test.each(odd)('comes back as it was: %s', async (_name, key, value) => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const headers = [
      { key: 'banyan.position', value: '1:0/1:0' },
      { key: '', value: '😀"\\' },
      { key: 'banyan.position', value: 'again' },
    ];
    await producer.send([{ topic: name, key, value, headers }, record(name, key, value)]);
    const entries = await all(world.log, name);
    expect(entries[0]).toMatchObject({ key, value, headers });
    expect(entries[1]).toMatchObject({ key, value, headers: [] });
  });

  test('of 10 MB comes back whole, between its small neighbours', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const value = Array.from({ length: 1_000_000 }, (_, index) => String(index).padStart(10, 'é')).join('');
    expect(Buffer.byteLength(value)).toBeGreaterThan(10_000_000);
    await producer.send([record(name, 'a', 'small'), record(name, 'b', value), record(name, 'c', 'small')]);
    const entries = await all(world.log, name);
    expect(entries.map((entry) => entry.value === value)).toEqual([false, true, false]);
  });

  test.each([
    ['0x00 in the value', (to: string): Outgoing => record(to, 'k', 'a\0b'), /value.*0x00/],
    ['0x00 in the key', (to: string): Outgoing => record(to, 'a\0', 'v'), /key.*0x00/],
    ['half a surrogate pair', (to: string): Outgoing => record(to, 'k', '\ud800'), /surrogate/],
  ])('with %s is refused in words, and nothing of its batch is written', async (_name, bad, words) => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const sent = producer.send([record(name, 'k', 'good'), bad(name)], { checkpoint: 'moved' });
    await expect(sent).rejects.toThrow(words);
    expect(await refused(sent)).toBe('BACKBONE_BAD_TEXT');
    // The producer goes on.
    await producer.send([record(name, 'k', 'next')]);
    expect((await all(world.log, name)).map(({ value }) => value)).toEqual(['next']);
  });

  test('above 64 MiB is refused in words', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const sent = producer.send([record(name, 'k', 'x'.repeat(64 * 1024 * 1024 + 1))]);
    await expect(sent).rejects.toThrow(/above the limit of 64 MiB: split it/);
    expect(await refused(sent)).toBe('BACKBONE_TOO_LARGE');
  });

  test('of a topic that is not there is refused, and the producer goes on', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const sent = producer.send([record(name, 'k', 'good'), record('nowhere', 'k', 'v')]);
    await expect(sent).rejects.toThrow(/no topic nowhere: create it first/);
    expect(await refused(sent)).toBe('BACKBONE_NO_TOPIC');
    expect(await refused(world.log.producer(world.name('p'), ['nowhere']))).toBe('BACKBONE_NO_TOPIC');
    await producer.send([record(name, 'k', 'next')]);
    expect((await all(world.log, name)).map(({ value }) => value)).toEqual(['next']);
  });
});

describe('a checkpoint', () => {
  test('moves with its batch, and the next producer of that id is told', async () => {
    const name = await newTopic(world);
    const id = world.name('p');
    const first = await world.log.producer(id, [name]);
    expect(first.checkpoint).toBeNull();
    await first.send(records(name, 2), { checkpoint: 'one' });
    await first.send(records(name, 2));
    expect((await world.log.producer(id, [name])).checkpoint).toBe('one');
  });

  test('moves alone with an empty batch', async () => {
    const id = world.name('p');
    const producer = await world.log.producer(id, []);
    expect(await producer.send([], { checkpoint: 'alone' })).toEqual(new Map());
    expect((await world.log.producer(id, [])).checkpoint).toBe('alone');
  });

  test('above 8 KiB is refused', async () => {
    const producer = await world.log.producer(world.name('p'), []);
    expect(await refused(producer.send([], { checkpoint: 'x'.repeat(8193) }))).toBe('BACKBONE_TOO_LARGE');
    await producer.send([], { checkpoint: 'x'.repeat(8192) });
  });

  test('stands or falls with its batch and its watermark', async () => {
    const [name, marks] = [await newTopic(world, 2), await newTopic(world)];
    const id = world.name('p');
    const producer = await world.log.producer(id, [name, marks]);
    await producer.send(records(name, 10), { checkpoint: 'before' });
    const [head] = await world.sql<{ tp: number }>(
      'select tp from banyan_log.head h join banyan_log.topic t on t.id = h.topic where t.name = $1',
      [marks],
    );
    // The last thing that the statement does fails: the watermark's record.
    await world.sql(`alter table banyan_log.r_${head!.tp} add constraint broken check (value is null)`);
    const sent = producer.send(records(name, 10), { checkpoint: 'after', watermark: { topic: marks, at } });
    expect(await refused(sent)).toBe('BACKBONE_FAILED');
    expect(await all(world.log, name)).toHaveLength(10);
    await world.sql(`alter table banyan_log.r_${head!.tp} drop constraint broken`);
    expect((await world.log.producer(id, [])).checkpoint).toBe('before');
  });
});

describe('a watermark', () => {
  test('names the ends of every partition that the producer was opened for, as they stand behind the batch', async () => {
    const [one, two, marks] = [await newTopic(world, 2), await newTopic(world), await newTopic(world)];
    const producer = await world.log.producer(world.name('p'), [one, two, marks]);
    const ends = await producer.send(records(one, 10), { watermark: { topic: marks, at } });
    const [entry] = await all(world.log, marks);
    expect(entry).toMatchObject({ key: 'legacy', headers: [] });
    expect(JSON.parse(entry!.value!)).toEqual({
      ...at,
      ends: {
        [`${one}-0`]: String(ends.get(`${one}-0`)),
        [`${one}-1`]: String(ends.get(`${one}-1`)),
        [`${two}-0`]: '0',
      },
    });
    expect(ends.get(`${marks}-0`)).toBe(1n);
  });

  test('names a topic from the batch on that first went there', async () => {
    const [one, late, marks] = [await newTopic(world), await newTopic(world), await newTopic(world)];
    const producer = await world.log.producer(world.name('p'), [one]);
    // Sent without waiting: the second must know what the first has only just looked up.
    await Promise.all([
      producer.send(records(late, 2), { watermark: { topic: marks, at } }),
      producer.send(records(one, 1), { watermark: { topic: marks, at } }),
      producer.send([], { watermark: { topic: marks, at } }),
    ]);
    const ends = (await all(world.log, marks)).map(({ value }) => (JSON.parse(value!) as { ends: object }).ends);
    expect(ends).toEqual([
      { [`${one}-0`]: '0', [`${late}-0`]: '2' },
      { [`${one}-0`]: '1', [`${late}-0`]: '2' },
      { [`${one}-0`]: '1', [`${late}-0`]: '2' },
    ]);
  });

  test('says what a new incarnation swept, and can be sent alone', async () => {
    const marks = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [marks]);
    const swept = { incarnation: 2, tables: ['public.orders', 'public."odd"'] };
    await producer.send([], { watermark: { topic: marks, at, swept } });
    const [entry] = await all(world.log, marks);
    expect(JSON.parse(entry!.value!)).toEqual({ ...at, ends: {}, swept });
  });
});

describe('two producers', () => {
  test('of one id: the second fences the first, which writes nothing more', async () => {
    const name = await newTopic(world);
    const id = world.name('p');
    const first = await world.log.producer(id, [name]);
    await first.send([record(name, 'k', 'first')], { checkpoint: '1' });
    const second = await (await world.open()).producer(id, [name]);
    expect(second.checkpoint).toBe('1');
    const sent = first.send([record(name, 'k', 'stale')], { checkpoint: 'stale' });
    await expect(sent).rejects.toThrow(/opened a second time.*nothing was written/);
    expect(await refused(sent)).toBe('BACKBONE_FENCED');
    expect(await refused(first.send([], { checkpoint: 'stale' }))).toBe('BACKBONE_FENCED');
    await second.send([record(name, 'k', 'second')], { checkpoint: '2' });
    expect((await all(world.log, name)).map(({ value }) => value)).toEqual(['first', 'second']);
    expect((await world.log.producer(id, [])).checkpoint).toBe('2');
  });

  test('a fenced one cannot move the checkpoint either, nor write a watermark', async () => {
    const marks = await newTopic(world);
    const id = world.name('p');
    const fenced = [await world.log.producer(id, [marks]), await world.log.producer(id, [marks])];
    await world.log.producer(id, [marks]);
    expect(await refused(fenced[0]!.send([], { checkpoint: 'stale' }))).toBe('BACKBONE_FENCED');
    expect(await refused(fenced[1]!.send([], { watermark: { topic: marks, at } }))).toBe('BACKBONE_FENCED');
    expect(await all(world.log, marks)).toEqual([]);
  });

  test('opening waits for the batch that is being committed, and its checkpoint counts', async () => {
    const name = await newTopic(world);
    const id = world.name('p');
    const first = await world.log.producer(id, [name]);
    const large = first.send(records(name, 20_000), { checkpoint: 'large' });
    const second = await world.log.producer(id, [name]);
    const outcome = await refused(large);
    // Either it was first, and stands with its checkpoint, or it was fenced, and nothing of it stands.
    const written = (await all(world.log, name)).length;
    expect([second.checkpoint, written, outcome]).toEqual(
      outcome === 'nothing' ? ['large', 20_000, 'nothing'] : [null, 0, 'BACKBONE_FENCED'],
    );
  });

  test('over the same topics in opposite orders never wait for each other in a circle', async () => {
    const names = [await newTopic(world, 3), await newTopic(world, 3), await newTopic(world, 3)];
    const logs = [await world.open(), await world.open(), await world.open()];
    const senders = logs.map(async (log, sender) => {
      const producer = await log.producer(world.name('p'), names);
      for (let round = 0; round < 40; round += 1) {
        const order = (sender + round) % 2 === 0 ? names : [...names].reverse();
        await producer.send(order.flatMap((name) => records(name, 6, `${sender}-${round}-`)));
      }
    });
    await Promise.all(senders);
    for (const name of names) {
      const entries = await all(world.log, name);
      expect(new Set(entries.map(({ value }) => value)).size).toBe(3 * 40 * 6);
      const byPlace = new Map<number, bigint[]>();
      for (const { partition, offset } of entries) byPlace.set(partition, [...(byPlace.get(partition) ?? []), offset]);
      // Without a gap, and in order.
      for (const own of byPlace.values()) expect(own).toEqual(own.map((_offset, index) => BigInt(index)));
    }
  });
});

test('a producer whose connection broke is finished, and the next of its id is told how far it came', async () => {
  const log = await world.open({ applicationName: 'broken' });
  const name = await newTopic(world);
  const id = world.name('p');
  const producer = await log.producer(id, [name]);
  await producer.send([record(name, 'k', '1')], { checkpoint: '1' });
  await world.cut('broken log producer');
  const sent = producer.send([record(name, 'k', '2')], { checkpoint: '2' });
  expect(await refused(sent)).toBe('BACKBONE_UNREACHABLE');
  expect(await refused(producer.send([record(name, 'k', '3')]))).toBe('BACKBONE_UNREACHABLE');
  await producer.close();
  const next = await log.producer(id, [name]);
  expect(next.checkpoint).toBe('1');
  await next.send([record(name, 'k', '2')], { checkpoint: '2' });
  expect((await all(world.log, name)).map(({ value }) => value)).toEqual(['1', '2']);
});

describe('a topic', () => {
  test('is made once, however many ask at once', async () => {
    const name = world.name('topic');
    const logs = await Promise.all([world.open(), world.open(), world.open(), world.open()]);
    await Promise.all(logs.flatMap((log) => [log.createTopics([topic(name, 3)]), log.createTopics([topic(name, 3)])]));
    expect([...(await world.log.ends([name])).keys()]).toEqual([`${name}-0`, `${name}-1`, `${name}-2`]);
  });

  test('of the longest name possible works, and one longer is refused', async () => {
    const name = 'x'.repeat(249);
    await world.log.createTopics([topic(name)]);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send([record(name, 'k', 'v')]);
    expect(await all(world.log, name)).toHaveLength(1);
    expect(await refused(world.log.createTopics([topic(`${name}x`)]))).toBe('BACKBONE_BAD_NAME');
  });

  test('grows while it is empty, also under a producer that has it already', async () => {
    const name = await newTopic(world, 1);
    const producer = await world.log.producer(world.name('p'), [name]);
    await world.log.createTopics([topic(name, 4)]);
    await producer.send(records(name, 100));
    expect(new Set((await all(world.log, name)).map(({ partition }) => partition)).size).toBe(4);
  });

  test('that holds records does not grow, and none shrinks', async () => {
    const name = await newTopic(world, 2);
    const producer = await world.log.producer(world.name('p'), [name]);
    const grown = world.log.createTopics([topic(name, 1)]);
    await expect(grown).rejects.toThrow(/partitions never shrink/);
    await producer.send(records(name, 1));
    expect(await refused(world.log.createTopics([topic(name, 3)]))).toBe('BACKBONE_PARTITIONS');
    expect((await world.log.ends([name])).size).toBe(2);
  });

  test('takes the retention that was asked for last', async () => {
    const name = await newTopic(world);
    await world.log.createTopics([{ ...topic(name), retentionMs: 5000 }]);
    const rows = await world.sql('select retention_ms, cleanup from banyan_log.topic where name = $1', [name]);
    expect(rows).toEqual([{ retention_ms: '5000', cleanup: 'delete' }]);
  });
});

test('a producer that was closed refuses, and lets its session go', async () => {
  const log = await world.open({ applicationName: 'closing' });
  const name = await newTopic(world);
  const producer = await log.producer(world.name('p'), [name]);
  const last = producer.send([record(name, 'k', 'last')]);
  await producer.close();
  await last;
  expect(await refused(producer.send([]))).toBe('BACKBONE_CLOSED');
  await log.close();
  expect(await refused(log.producer('p', []))).toBe('BACKBONE_CLOSED');
  const left = async (): Promise<number> =>
    (await world.sessions('closing log producer')) + (await world.sessions('closing log common'));
  await expect.poll(left, { timeout: LIMIT_MS }).toBe(0);
});
