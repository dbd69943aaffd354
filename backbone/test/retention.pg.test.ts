import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { BackboneError } from '@banyan/backbone/errors';
import { all, gather, LIMIT_MS, makeWorld, record, records } from './support/world.ts';

const world = makeWorld({ segmentRecords: 100 });
const OLD_MS = 3_600_000;

/** A topic with `count` records, of which those below `old` seem to have been sent two hours ago. */
async function aged(count: number, old: number, retentionMs: number | null = OLD_MS): Promise<string> {
  const name = world.name('topic');
  await world.log.createTopics([{ name, partitions: 1, cleanup: 'delete', retentionMs }]);
  const producer = await world.log.producer(world.name('p'), [name]);
  await producer.send(records(name, count));
  await world.sql(
    `update banyan_log.record set ts = ts - ${2 * OLD_MS} where off < $2
     and tp = (select h.tp from banyan_log.head h join banyan_log.topic t on t.id = h.topic where t.name = $1)`,
    [name, old],
  );
  await producer.close();
  return name;
}

async function start(name: string): Promise<bigint | undefined> {
  return (await world.log.starts([name])).get(`${name}-0`);
}

/** The segments' numbers, of all tables that the log has for it. */
async function segments(name: string): Promise<readonly number[]> {
  const rows = await world.sql<{ segment: number }>(
    `select split_part(c.relname, '_', 3)::int as segment from pg_class c
     join banyan_log.head h on c.relname like 'r_' || h.tp || '_%' join banyan_log.topic t on t.id = h.topic
     where t.name = $1 and c.relkind = 'r' order by 1`,
    [name],
  );
  return rows.map(({ segment }) => segment);
}

/** A process whose rounds of retention come quickly, until `work` is done. */
async function retaining(work: () => Promise<void>, onTrouble?: (error: unknown) => void): Promise<void> {
  const log = await world.open({ retentionEveryMs: 20, ...(onTrouble !== undefined && { onTrouble }) });
  try {
    await work();
  } finally {
    await log.close();
  }
}

describe('segments', () => {
  test('are made ahead of the records, also for a batch that is larger than several of them', async () => {
    const name = world.name('topic');
    await world.log.createTopics([{ name, partitions: 1, cleanup: 'delete', retentionMs: null }]);
    const producer = await world.log.producer(world.name('p'), [name]);
    expect(await segments(name)).toEqual([0]);
    await producer.send(records(name, 60));
    await expect.poll(() => segments(name), { timeout: LIMIT_MS }).toEqual([0, 1]);
    await producer.send(records(name, 555));
    await expect.poll(() => segments(name), { timeout: LIMIT_MS }).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (let round = 0; round < 100; round += 1) await producer.send(records(name, 7));
    expect((await all(world.log, name)).map(({ offset }) => Number(offset))).toEqual([...Array(1315).keys()]);
  });

  test('are made once by several producers who come to the end together', async () => {
    const name = world.name('topic');
    await world.log.createTopics([{ name, partitions: 2, cleanup: 'delete', retentionMs: null }]);
    const logs = [await world.open(), await world.open(), await world.open()];
    await Promise.all(
      logs.map(async (log) => {
        const producer = await log.producer(world.name('p'), [name]);
        for (let round = 0; round < 30; round += 1) await producer.send(records(name, 33));
      }),
    );
    expect(await all(world.log, name)).toHaveLength(3 * 30 * 33);
  });
});

describe('retention', () => {
  test('drops the segments that are old, from the oldest, and no record that is younger', async () => {
    const name = await aged(450, 250);
    await retaining(async () => {
      // Segment 2 holds old records and young ones: it stays whole.
      await expect.poll(() => start(name), { timeout: LIMIT_MS }).toBe(200n);
      await expect.poll(async () => (await segments(name))[0], { timeout: LIMIT_MS }).toBe(2);
    });
    expect((await all(world.log, name)).map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: 250 }, (_, index) => 200 + index),
    );
  });

  test('never drops the segment that is written to, however old it is', async () => {
    const name = await aged(150, 150);
    await retaining(async () => {
      await expect.poll(() => start(name), { timeout: LIMIT_MS }).toBe(100n);
    });
    expect(await all(world.log, name)).toHaveLength(50);
  });

  test('drops nothing of a topic that keeps everything, or its last value by key', async () => {
    const keep = await aged(350, 350, null);
    const compact = await aged(350, 350);
    await world.sql("update banyan_log.topic set cleanup = 'compact' where name = $1", [compact]);
    const other = await aged(350, 350);
    await retaining(async () => {
      await expect.poll(() => start(other), { timeout: LIMIT_MS }).toBe(300n);
    });
    expect([await start(keep), await start(compact)]).toEqual([0n, 0n]);
  });

  test('goes on under producers and consumers, who notice nothing', async () => {
    const name = await aged(1000, 1000);
    const producer = await world.log.producer(world.name('p'), [name]);
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    await got.count(1000);
    const troubles: unknown[] = [];
    await retaining(
      async () => {
        for (let round = 0; round < 60; round += 1) await producer.send(records(name, 20, `${round}-`));
        await expect.poll(() => start(name), { timeout: LIMIT_MS }).toBe(1000n);
        await expect.poll(async () => (await segments(name))[0], { timeout: LIMIT_MS }).toBe(10);
      },
      (error) => troubles.push(error),
    );
    await got.count(2200);
    expect(got.entries.map(({ offset }) => Number(offset))).toEqual([...Array(2200).keys()]);
    expect(troubles).toEqual([]);
    await got.consumer.close();
  });

  test('finishes what a process that died in the middle has left', async () => {
    const name = await aged(450, 450);
    const [head] = await world.sql<{ tp: number }>(
      `update banyan_log.head h set start = 200 from banyan_log.topic t where t.id = h.topic and t.name = $1 returning h.tp`,
      [name],
    );
    // One segment below `start` is still attached; one is detached and not yet dropped.
    await world.sql(`alter table banyan_log.r_${head!.tp} detach partition banyan_log.r_${head!.tp}_1`);
    await retaining(async () => {
      await expect.poll(async () => (await segments(name))[0], { timeout: LIMIT_MS }).toBe(4);
    });
    expect(await all(world.log, name)).toHaveLength(50);
  });
});

test('a round of retention that is broken off while it waits for a reader is finished by the next', async () => {
  const name = await aged(250, 250);
  const reader = new pg.Client({ connectionString: world.url });
  await reader.connect();
  await reader.query('begin');
  await reader.query('select count(*) from banyan_log.record');
  const troubles: unknown[] = [];
  const detaching = `from pg_stat_activity where datname = current_database() and query like '%detach partition%concurrently'
                     and wait_event_type = 'Lock'`;
  await retaining(
    async () => {
      await expect.poll(async () => (await world.sql(`select 1 ${detaching}`)).length, { timeout: LIMIT_MS }).toBe(1);
      await world.sql(`select pg_cancel_backend(pid) ${detaching}`);
      await expect.poll(() => troubles.length, { timeout: LIMIT_MS }).toBeGreaterThan(0);
      const pending = await world.sql('select 1 from pg_inherits where inhdetachpending');
      expect(pending).toHaveLength(1);
      await reader.query('commit');
      await expect.poll(() => segments(name), { timeout: LIMIT_MS }).toEqual([2, 3]);
    },
    (error) => troubles.push(error),
  );
  await reader.end();
  expect(await all(world.log, name)).toHaveLength(50);
});

describe('who comes too late', () => {
  async function dropped(): Promise<string> {
    const name = await aged(450, 250);
    await retaining(async () => {
      await expect.poll(() => start(name), { timeout: LIMIT_MS }).toBe(200n);
    });
    return name;
  }

  test('a consumer that stands before the oldest record is told, and gets none of what follows', async () => {
    const name = await dropped();
    const resume = (): Promise<Map<string, bigint>> => Promise.resolve(new Map([[`${name}-0`, 50n]]));
    const starting = gather(world.log, { topics: [name], group: world.name('g'), resume });
    await expect(starting).rejects.toMatchObject({ code: 'BACKBONE_OFFSET_GONE' });
    await expect(starting).rejects.toThrow(/from offset 50 to 199 are not held any more \(retention\)/);
  });

  test('a consumer that falls behind while it runs is told by `onError`, and stops by default', async () => {
    const name = await aged(450, 450);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const got = await gather(world.log, {
      topics: [name],
      group: world.name('g'),
      maxRecords: 10,
      onBatch: () => gate,
    });
    await retaining(async () => {
      await expect.poll(() => start(name), { timeout: LIMIT_MS }).toBe(400n);
    });
    open();
    const error: unknown = await got.consumer.done.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(BackboneError);
    expect(error).toMatchObject({ code: 'BACKBONE_OFFSET_GONE' });
    const offsets = got.entries.map(({ offset }) => Number(offset));
    expect(offsets).toEqual([...Array(offsets.length).keys()]);
    expect(offsets.length).toBeLessThan(100);
  });

  test('with `retry`, it is asked where to resume, and goes on there', async () => {
    const name = await dropped();
    const producer = await world.log.producer(world.name('p'), [name]);
    let place = 200n;
    const told: unknown[] = [];
    const got = await gather(world.log, {
      topics: [name],
      group: world.name('g'),
      resume: () => Promise.resolve(new Map([[`${name}-0`, place]])),
      onError: (error) => {
        const isGone = error instanceof BackboneError && error.code === 'BACKBONE_OFFSET_GONE';
        if (isGone) place = 450n;
        told.push(isGone);
        return 'retry';
      },
    });
    await got.count(250);
    // Its place is lost: the log forgets everything below 450 while its session is cut.
    place = 300n;
    await world.sql(
      `update banyan_log.head h set start = 450 from banyan_log.topic t where t.id = h.topic and t.name = $1`,
      [name],
    );
    await world.cut('banyan log consumer');
    await expect.poll(() => told.length, { timeout: LIMIT_MS }).toBeGreaterThan(0);
    await producer.send([record(name, 'k', 'new')]);
    await got.count(251);
    expect(got.values().at(-1)).toBe('new');
    await got.consumer.close();
  });

  test('a replay from before the oldest record is told as well', async () => {
    const name = await dropped();
    const replaying = world.log.replay({ topic: name, from: 0n })[Symbol.asyncIterator]();
    await expect(replaying.next()).rejects.toMatchObject({ code: 'BACKBONE_OFFSET_GONE' });
    const keyed = world.log.replay({ topic: name, from: 0n, key: '300' })[Symbol.asyncIterator]();
    await expect(keyed.next()).rejects.toMatchObject({ code: 'BACKBONE_OFFSET_GONE' });
  });

  test('a consumer from the earliest begins at the oldest that is held', async () => {
    const name = await dropped();
    const got = await gather(world.log, { topics: [name], group: world.name('g') });
    await got.count(250);
    expect(got.entries[0]!.offset).toBe(200n);
    await got.consumer.close();
  });
});
