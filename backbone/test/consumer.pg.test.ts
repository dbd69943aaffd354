import { describe, expect, test, vi } from 'vitest';
import pg from 'pg';
import { BackboneError } from '@banyan/backbone/errors';
import type { Batch, Consumer, Entry } from '@banyan/backbone/transport';
import { gather, groupOffsets, LIMIT_MS, makeWorld, newTopic, record, records, topic } from './support/world.ts';

const world = makeWorld();

function offsetsOf(entries: readonly Entry[], partition: number): readonly bigint[] {
  return entries.filter((entry) => entry.partition === partition).map(({ offset }) => offset);
}

/** 0, 1, 2, … */
function count(length: number): readonly bigint[] {
  return Array.from({ length }, (_, index) => BigInt(index));
}

async function end(consumer: Consumer): Promise<unknown> {
  return consumer.done.then(
    () => null,
    (error: unknown) => error,
  );
}

describe('a consumer', () => {
  test('gets what was there before it, and then what comes, in order', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 5000, 'old'));
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    for (let round = 0; round < 20; round += 1) await producer.send([record(name, 'k', `new${round}`)]);
    await got.count(5020);
    expect(got.values()).toEqual([
      ...Array.from({ length: 5000 }, (_, index) => `old${index}`),
      ...Array.from({ length: 20 }, (_, index) => `new${index}`),
    ]);
    expect(offsetsOf(got.entries, 0)).toEqual(count(5020));
    await got.consumer.close();
  });

  test('gets 100,000 records of one topic, each once, in order within each partition', async () => {
    const name = await newTopic(world, 3);
    const producer = await world.log.producer(world.name('p'), [name]);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    for (let sent = 0; sent < 100_000; sent += 5000) {
      await producer.send(Array.from({ length: 5000 }, (_, index) => record(name, `${sent + index}`, 'v')));
    }
    await got.count(100_000);
    const ends = await world.log.ends([name]);
    for (const partition of [0, 1, 2]) {
      expect(offsetsOf(got.entries, partition)).toEqual(count(Number(ends.get(`${name}-${partition}`))));
    }
    expect(new Set(got.entries.map(({ key }) => key)).size).toBe(100_000);
    expect(Math.max(...got.batches.map((batch) => batch.length))).toBeLessThanOrEqual(2000);
    await got.consumer.close();
  });

  test('gets one record after the other as it was sent, whether a notification could carry it or not', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    const sizes = [10, 7_000, 7_500, 7_700, 7_990, 8_000, 9_000, 10, 100_000, 10];
    const texts = sizes.flatMap((size) => ['x'.repeat(size), 'ü'.repeat(size / 2), '😀"\n\\'.repeat(size / 7)]);
    for (const [index, value] of texts.entries()) {
      const headers = index % 2 === 0 ? [] : [{ key: 'ü', value: '😀' }];
      await producer.send([{ topic: name, key: index % 3 === 0 ? null : `k${index}`, value, headers }]);
    }
    await got.count(texts.length);
    expect(got.values()).toEqual(texts);
    expect(got.entries.map(({ headers }) => headers.length)).toEqual(texts.map((_text, index) => index % 2));
    expect(got.entries.map(({ key }) => key)).toEqual(texts.map((_t, index) => (index % 3 === 0 ? null : `k${index}`)));
    await got.consumer.close();
  });

  test('sees a carried record exactly as a reader of the table does', async () => {
    const name = await newTopic(world, 2);
    const marks = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name, marks]);
    const got = await gather(world.log, { topics: [name, marks], group: world.name('g') });
    const at = { source: 'legacy', epoch: '1.1.1', lsn: '0/1' };
    for (const key of ['a', 'b', 'c', 'd']) {
      const batch = [{ topic: name, key, value: 'é', headers: [{ key: 'h', value: '' }] }, record(name, key, null)];
      await producer.send(batch, { watermark: { topic: marks, at } });
      await got.count(got.entries.length);
    }
    await got.count(12);
    const stored: Entry[] = [];
    for (const each of [name, marks]) for await (const entry of world.log.replay({ topic: each })) stored.push(entry);
    const order = (a: Entry, b: Entry): number =>
      a.topic.localeCompare(b.topic) || a.partition - b.partition || Number(a.offset - b.offset);
    expect([...got.entries].sort(order)).toEqual(stored.sort(order));
    await got.consumer.close();
  });

  test('gets what had queued up meanwhile in one batch, up to its limits', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const onBatch = vi.fn(() => gate);
    const got = await gather(world.log, { topics: [name], group: world.name('g'), maxRecords: 10, onBatch });
    await producer.send([record(name, 'k', 'first')]);
    await expect.poll(() => onBatch.mock.calls.length, { timeout: LIMIT_MS }).toBe(1);
    for (let index = 0; index < 25; index += 1) await producer.send([record(name, 'k', `${index}`)]);
    open();
    await got.count(26);
    const sizes = got.batches.map((batch) => batch.length);
    expect(sizes[0]).toBe(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    expect(sizes.length).toBeLessThan(26);
    await got.consumer.close();
  });

  test('keeps to its bytes, and gets a larger record all the same, alone', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const small = 'x'.repeat(1000);
    const values = [small, small, small, 'x'.repeat(50_000), small, small];
    await producer.send(values.map((value) => record(name, null, value)));
    const got = await gather(world.log, { topics: [name], group: world.name('g'), maxBytes: 2500 });
    await got.count(values.length);
    expect(got.values()).toEqual(values);
    expect(got.batches.find((batch) => batch.some(({ value }) => value?.length === 50_000))).toHaveLength(1);
    for (const batch of got.batches) {
      const bytes = batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      expect(bytes <= 2500 || batch.length === 1).toBe(true);
    }
    await got.consumer.close();
  });

  test('begins at the end with `latest`, and whoever follows it in the group misses nothing from then on', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 3, 'old'));
    const group = world.name('g');
    const first = await gather(world.log, { topics: [name], group, start: 'latest' });
    await first.consumer.close();
    await producer.send(records(name, 3, 'new'));
    const second = await gather(world.log, { topics: [name], group, start: 'latest' });
    await second.count(3);
    expect(second.values()).toEqual(['new0', 'new1', 'new2']);
    await second.consumer.close();
  });

  test('goes on from its group’s offsets, which another group does not touch', async () => {
    const name = await newTopic(world, 2);
    const producer = await world.log.producer(world.name('p'), [name]);
    const [group, other] = [world.name('g'), world.name('g')];
    await producer.send(records(name, 100, 'a'));
    const first = await gather(world.log, { topics: [name], group });
    await first.count(100);
    await first.consumer.close();
    expect(await groupOffsets(world, group)).toEqual(await world.log.ends([name]));
    await producer.send(records(name, 100, 'b'));
    const second = await gather(world.log, { topics: [name], group });
    const whole = await gather(world.log, { topics: [name], group: other });
    await second.count(100);
    await whole.count(200);
    expect(new Set(second.values())).toEqual(new Set(Array.from({ length: 100 }, (_, index) => `b${index}`)));
    await Promise.all([second.consumer.close(), whole.consumer.close()]);
  });

  test('with offsets of its own begins there, partition by partition, and is asked at each assignment', async () => {
    const name = await newTopic(world, 2);
    const producer = await world.log.producer(world.name('p'), [name]);
    const ends = await producer.send(records(name, 100));
    const resume = vi.fn(() => Promise.resolve(new Map([[`${name}-0`, 7n]])));
    const got = await gather(world.log, { topics: [name], group: world.name('g'), resume });
    const total = 100 - 7;
    await got.count(total);
    expect(offsetsOf(got.entries, 0)).toEqual(count(Number(ends.get(`${name}-0`))).slice(7));
    expect(offsetsOf(got.entries, 1)).toEqual(count(Number(ends.get(`${name}-1`))));
    expect(resume.mock.calls).toEqual([[[`${name}-0`, `${name}-1`]]]);
    await got.consumer.close();
  });

  test('of a topic that is not there is refused', async () => {
    await expect(gather(world.log, { topics: ['nowhere'] })).rejects.toThrow(/no topic nowhere/);
    await expect(gather(world.log, { topics: [] })).rejects.toThrow(/names no topic/);
    await expect(gather(world.log, { topics: ['nowhere'], group: '' })).rejects.toThrow(/group's name/);
  });

  test('finishes the batch in hand when it is closed', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const group = world.name('g');
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const onBatch = vi.fn(() => gate);
    const got = await gather(world.log, { topics: [name], group, onBatch });
    await producer.send(records(name, 3));
    await expect.poll(() => onBatch.mock.calls.length, { timeout: LIMIT_MS }).toBe(1);
    const closed = got.consumer.close();
    open();
    await closed;
    await got.consumer.done;
    expect(got.values()).toEqual(['0', '1', '2']);
    expect(await groupOffsets(world, group)).toEqual(new Map([[`${name}-0`, 3n]]));
  });
});

describe('a handler that fails', () => {
  test('gets its records again until it has done them, and nothing is skipped', async () => {
    const name = await newTopic(world, 2);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 10));
    const seen: Batch[] = [];
    const onError = vi.fn(() => 'retry' as const);
    const onBatch = (batch: Batch): Promise<void> => {
      seen.push(batch);
      return seen.length < 4 ? Promise.reject(new Error(`no ${seen.length}`)) : Promise.resolve();
    };
    const group = world.name('g');
    const got = await gather(world.log, { topics: [name], group, onBatch, onError });
    await got.count(10);
    await producer.send([record(name, 'k', 'next')]);
    await got.count(11);
    expect(onError.mock.calls.map(([error, failures]: unknown[]) => [String(error), failures])).toEqual([
      ['Error: no 1', 1],
      ['Error: no 2', 2],
      ['Error: no 3', 3],
    ]);
    for (const batch of seen.slice(1, 4)) expect(batch.entries.slice(0, 10)).toEqual(seen[0]!.entries);
    expect(new Set(got.values()).size).toBe(11);
    await got.consumer.close();
    expect(await groupOffsets(world, group)).toEqual(await world.log.ends([name]));
  });

  test('can stop the consumer, whose offset stays where it was', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 3));
    const group = world.name('g');
    const broken = new Error('broken');
    const onBatch = (): Promise<void> => Promise.reject(broken);
    const got = await gather(world.log, { topics: [name], group, onBatch, onError: () => 'stop' });
    expect(await end(got.consumer)).toBe(broken);
    await got.consumer.close();
    expect(await groupOffsets(world, group)).toEqual(new Map([[`${name}-0`, 0n]]));
    const next = await gather(world.log, { topics: [name], group });
    await next.count(3);
    await next.consumer.close();
  });

  test('does not keep `close` waiting for its next attempt', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 1));
    const onBatch = vi.fn(() => Promise.reject(new Error('no')));
    const got = await gather(world.log, { topics: [name], group: world.name('g'), onBatch });
    await expect.poll(() => onBatch.mock.calls.length, { timeout: LIMIT_MS }).toBeGreaterThan(2);
    await got.consumer.close();
    expect(await end(got.consumer)).toBeNull();
  });
});

describe('nothing is skipped', () => {
  test('when of two producers one commits late', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send([record(name, 'k', 'before')]);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    await got.count(1);
    // A producer in slow motion: its offsets are taken, its records are in, its commit is to come.
    const slow = new pg.Client({ connectionString: world.url });
    await slow.connect();
    const [head] = await world.sql<{ tp: number }>(
      'select h.tp from banyan_log.head h join banyan_log.topic t on t.id = h.topic where t.name = $1',
      [name],
    );
    await slow.query('begin');
    await slow.query(
      `with taken as (update banyan_log.head set next = next + 2 where tp = ${head!.tp} returning next - 2 as base)
       insert into banyan_log.record (off, ts, tp, bytes, key, value)
       select base + i, 0, ${head!.tp}, 5, 'k', 'late' || i from taken, generate_series(0, 1) i`,
    );
    // Another one sends meanwhile; it has to wait for its turn, for its offsets come after.
    const sent = producer.send([record(name, 'k', 'meanwhile')]);
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                     and query like '%no key update%'`;
    await expect.poll(async () => (await world.sql(waiting)).length, { timeout: LIMIT_MS }).toBe(1);
    expect(got.values()).toEqual(['before']);
    await slow.query('commit');
    await slow.end();
    expect(await sent).toEqual(new Map([[`${name}-0`, 4n]]));
    await got.count(4);
    expect(got.values()).toEqual(['before', 'late0', 'late1', 'meanwhile']);
    await got.consumer.close();
  });

  test('when one that had taken offsets rolls back', async () => {
    const name = await newTopic(world);
    const producer = await world.log.producer(world.name('p'), [name]);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    const [head] = await world.sql<{ tp: number }>(
      'select h.tp from banyan_log.head h join banyan_log.topic t on t.id = h.topic where t.name = $1',
      [name],
    );
    await world.sql('begin');
    await world.sql(`update banyan_log.head set next = next + 5 where tp = ${head!.tp}`);
    const sent = producer.send(records(name, 2));
    await world.sql('rollback');
    await sent;
    await got.count(2);
    expect(offsetsOf(got.entries, 0)).toEqual([0n, 1n]);
    await got.consumer.close();
  });

  test('with several producers at once, of small batches and large ones, to several consumers', async () => {
    const names = [await newTopic(world, 2), await newTopic(world, 1)];
    const readers = [
      await gather(world.log, { topics: names, group: world.name('g') }),
      await gather(await world.open(), { topics: names, group: world.name('g'), maxRecords: 50 }),
    ];
    const logs = [await world.open(), await world.open(), await world.open()];
    const senders = logs.map(async (log, sender) => {
      const producer = await log.producer(world.name('p'), names);
      for (let round = 0; round < 60; round += 1) {
        const size = round % 10 === 0 ? 500 : 1 + (round % 3);
        await producer.send(names.flatMap((name) => records(name, size, `${sender}-${round}-`)));
      }
    });
    await Promise.all(senders);
    const ends = await world.log.ends(names);
    const total = Number([...ends.values()].reduce((sum, own) => sum + own, 0n));
    for (const reader of readers) {
      await reader.count(total);
      for (const [partition, own] of ends) {
        const offsets = reader.entries.filter((e) => `${e.topic}-${e.partition}` === partition).map((e) => e.offset);
        expect(offsets).toEqual(count(Number(own)));
      }
      await reader.consumer.close();
    }
  });

  test('when the connection that listens is cut, again and again, and troubles are told', async () => {
    const name = await newTopic(world);
    const troubles: unknown[] = [];
    const log = await world.open({ applicationName: 'cut', onTrouble: (error) => troubles.push(error) });
    const producer = await world.log.producer(world.name('p'), [name]);
    const got = await gather(log, { topics: [name], group: world.name('g') });
    for (let round = 0; round < 5; round += 1) {
      await world.cut('cut log listener');
      await producer.send([record(name, 'k', `${round}`)]);
      await got.count(round + 1);
      // The next round cuts the connection that has replaced this one.
      await expect.poll(() => world.sessions('cut log listener'), { timeout: LIMIT_MS }).toBe(1);
    }
    expect(got.values()).toEqual(['0', '1', '2', '3', '4']);
    expect(troubles.length).toBeGreaterThanOrEqual(1);
    expect(troubles.every((error) => error instanceof BackboneError && error.code === 'BACKBONE_UNREACHABLE')).toBe(
      true,
    );
    await got.consumer.close();
  });

  test('when nobody notifies at all: it looks once a second', async () => {
    const name = await newTopic(world);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    await world.sql(
      `with taken as (
         update banyan_log.head h set next = next + 1 from banyan_log.topic t
         where t.id = h.topic and t.name = $1 returning h.tp, next - 1 as off)
       insert into banyan_log.record (off, ts, tp, bytes, value) select off, 0, tp, 6, 'silent' from taken`,
      [name],
    );
    await got.count(1);
    expect(got.values()).toEqual(['silent']);
    await got.consumer.close();
  });

  test('when its own session is cut in the middle of a batch: what was not moved comes again, in order', async () => {
    const name = await newTopic(world);
    const log = await world.open({ applicationName: 'session' });
    const producer = await world.log.producer(world.name('p'), [name]);
    let cuts = 0;
    const onBatch = async (): Promise<void> => {
      if (cuts > 3) return;
      cuts += 1;
      await world.cut('session log consumer');
    };
    const group = world.name('g');
    const told: unknown[] = [];
    const onError = (error: unknown): 'retry' => {
      told.push(error);
      return 'retry';
    };
    const got = await gather(log, { topics: [name], group, onBatch, onError, maxRecords: 100 });
    await producer.send(records(name, 1000));
    await expect
      .poll(async () => (await groupOffsets(world, group)).get(`${name}-0`), { timeout: LIMIT_MS })
      .toBe(1000n);
    const offsets = offsetsOf(got.entries, 0);
    expect(new Set(offsets).size).toBe(1000);
    // Fewer than the cuts, when one hits a session that is already ending.
    expect(told.length).toBeGreaterThanOrEqual(1);
    expect(told.every((error) => error instanceof BackboneError && error.code === 'BACKBONE_UNREACHABLE')).toBe(true);
    // Going back is allowed, leaping forward is not.
    let highest = -1n;
    for (const offset of offsets) {
      expect(offset).toBeLessThanOrEqual(highest + 1n);
      if (offset > highest) highest = offset;
    }
    await got.consumer.close();
  });
});

describe('a group', () => {
  test('shares its partitions: every record goes to one member', async () => {
    const name = await newTopic(world, 6);
    const group = world.name('g');
    const logs = [await world.open(), await world.open(), await world.open()];
    const members = await Promise.all(logs.map((log) => gather(log, { topics: [name], group })));
    const producer = await world.log.producer(world.name('p'), [name]);
    const have = (): number => members.reduce((sum, member) => sum + member.entries.length, 0);
    let [sent, rounds] = [0, 0];
    /** Sends so many records. @returns of how many partitions each member got some */
    const shares = async (count: number): Promise<readonly number[]> => {
      const before = members.map(({ entries }) => entries.length);
      await producer.send(records(name, count, `${(rounds += 1)}-`));
      sent += count;
      await vi.waitUntil(() => have() >= sent, { timeout: LIMIT_MS, interval: 5 });
      return members.map(
        ({ entries }, index) => new Set(entries.slice(before[index]).map(({ partition }) => partition)).size,
      );
    };
    // They share evenly a second or two after the last one has come; until then, too, each record goes to one of them.
    await expect.poll(() => shares(60), { timeout: LIMIT_MS, interval: 100 }).toEqual([2, 2, 2]);
    expect(await shares(600)).toEqual([2, 2, 2]);
    const seen = members.flatMap(({ entries }) => entries.map(({ partition, offset }) => `${partition}:${offset}`));
    expect(seen.length).toBe(sent);
    expect(new Set(seen).size).toBe(sent);
    await Promise.all(members.map((member) => member.consumer.close()));
  });

  test('of more members than partitions: one works, and when it goes another takes over where it was', async () => {
    const name = await newTopic(world);
    const group = world.name('g');
    const members = [
      await gather(await world.open(), { topics: [name], group }),
      await gather(await world.open(), { topics: [name], group }),
    ];
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 10, 'a'));
    const have = (): number => members.reduce((sum, member) => sum + member.entries.length, 0);
    await expect.poll(have, { timeout: LIMIT_MS }).toBe(10);
    const worker = members.find(({ entries }) => entries.length > 0)!;
    const other = members.find((member) => member !== worker)!;
    expect(other.entries).toHaveLength(0);
    await worker.consumer.close();
    await producer.send(records(name, 10, 'b'));
    await other.count(10);
    expect(other.values()).toEqual(Array.from({ length: 10 }, (_, index) => `b${index}`));
    await other.consumer.close();
  });

  test('never has two members in one partition at once, while members come and go', async () => {
    const name = await newTopic(world, 4);
    const group = world.name('g');
    const busy = new Map<number, object>();
    let clashes = 0;
    const onBatch = async ({ entries }: Batch): Promise<void> => {
      const own = {};
      const partitions = new Set(entries.map(({ partition }) => partition));
      for (const partition of partitions) {
        if (busy.has(partition)) clashes += 1;
        busy.set(partition, own);
      }
      await world.sql('select 1'); // A while, in which a second one could come.
      for (const partition of partitions) if (busy.get(partition) === own) busy.delete(partition);
    };
    const producer = await world.log.producer(world.name('p'), [name]);
    const offsets = new Map<number, bigint[]>();
    const members = new Set<Awaited<ReturnType<typeof gather>>>();
    let sending = true;
    const sender = (async (): Promise<void> => {
      for (let round = 0; sending; round += 1) await producer.send(records(name, 20, `${round}-`));
    })();
    const logs = [await world.open(), await world.open(), await world.open()];
    for (let round = 0; round < 6; round += 1) {
      const got = await gather(logs[round % 3]!, { topics: [name], group, onBatch, maxRecords: 50 });
      members.add(got);
      await got.count(1);
      if (round % 2 === 1) await [...members][round - 1]!.consumer.close();
    }
    sending = false;
    await sender;
    const ends = await world.log.ends([name]);
    await expect.poll(() => groupOffsets(world, group), { timeout: LIMIT_MS }).toEqual(ends);
    for (const member of members) await member.consumer.close();
    for (const { partition, offset } of [...members].flatMap(({ entries }) => entries)) {
      offsets.set(partition, [...(offsets.get(partition) ?? []), offset]);
    }
    expect(clashes).toBe(0);
    for (const [partition, own] of offsets) {
      const sorted = [...own].sort((a, b) => Number(a - b));
      expect(sorted).toEqual(count(Number(ends.get(`${name}-${partition}`))));
    }
  });

  test('works on the partitions, too, by which an empty topic grew under it', async () => {
    const name = await newTopic(world, 1);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    await world.log.createTopics([topic(name, 3)]);
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 30));
    await got.count(30);
    expect(new Set(got.entries.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
    await got.consumer.close();
  });

  test('whose members read different topics leaves none of them out', async () => {
    const names = [await newTopic(world), await newTopic(world)];
    const group = world.name('g');
    const one = await gather(await world.open(), { topics: [names[0]!], group });
    const two = await gather(await world.open(), { topics: [names[1]!], group });
    const producer = await world.log.producer(world.name('p'), names);
    await producer.send(names.flatMap((name) => records(name, 5)));
    await Promise.all([one.count(5), two.count(5)]);
    expect([one, two].map(({ entries }) => new Set(entries.map((entry) => entry.topic)))).toEqual(
      names.map((name) => new Set([name])),
    );
    await Promise.all([one.consumer.close(), two.consumer.close()]);
  });
});

describe('a consumer whose place is not in the log', () => {
  test('is told when the log ends before it, and stops', async () => {
    const name = world.name('topic');
    await world.log.createTopics([topic(name)]);
    const resume = (): Promise<Map<string, bigint>> => Promise.resolve(new Map([[`${name}-0`, 5n]]));
    const starting = gather(world.log, { topics: [name], group: world.name('g'), resume });
    await expect(starting).rejects.toThrow(/is 5, but the log ends at 0: it is not the log that was read before/);
    await expect(starting).rejects.toMatchObject({ code: 'BACKBONE_OFFSET_AHEAD' });
  });
});
