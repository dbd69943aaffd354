/** What is streamed, and what is confirmed, against a real server. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import pg from 'pg';
import { parseLsn } from '@banyan/backbone/core/lsn';
import type { Event } from '@banyan/cdc/core/source';
import { readCheckpoint } from '@banyan/cdc/core/checkpoint';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { MemorySink } from './support/memory.ts';
import { query, seen, startConnector, type Started } from './support/connector.ts';
import { until } from './support/until.ts';

let database: Scratch;
let running: Started[] = [];

beforeEach(async () => {
  database = await scratch();
  await query(database.url, 'CREATE TABLE things (id int PRIMARY KEY, name text, size numeric(9,2))');
});

afterEach(async () => {
  for (const each of running) await each.stop().catch(() => undefined);
  running = [];
  await database.drop();
});

async function start(options: Parameters<typeof startConnector>[1] = {}): Promise<Started> {
  const started = startConnector(database.url, options);
  running.push(started);
  await until('streaming', () => started.connector.phase === 'streaming');
  return started;
}

function ids(events: readonly Event[]): unknown[] {
  return events.filter(({ value }) => value !== null).map((event) => (seen(event).key as { id: unknown } | null)?.id);
}

function opsOf(events: readonly Event[]): unknown[] {
  return events.map((event) => (seen(event).value as { op: string } | null)?.op ?? 'tombstone');
}

async function slotPosition(): Promise<bigint> {
  const [row] = await query(
    database.url,
    'SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = $1',
    [database.name],
  );
  return parseLsn(String(row?.['at'])) ?? 0n;
}

describe('the first copy and the stream', () => {
  test('meet without a gap and without an overlap, while rows are written', async () => {
    await query(database.url, `INSERT INTO things SELECT i, 'before' FROM generate_series(1, 2000) i`);
    const writer = new pg.Client({ connectionString: database.url });
    await writer.connect();
    let last = 2000;
    let writing = true;
    const work = (async () => {
      while (writing) await writer.query('INSERT INTO things VALUES ($1, $2)', [(last += 1), 'during']);
    })();
    const started = await start({ settings: { 'snapshot.fetch.size': 100 } });
    await until('some streamed rows', () => started.sink.events.some(({ value }) => value?.includes('"op":"c"')));
    writing = false;
    await work;
    await writer.end();
    await until('the last row', () => ids(started.sink.events).includes(last));
    const all = ids(started.sink.events).toSorted((a, b) => Number(a) - Number(b));
    expect(all).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  });

  test('a second start goes on where the first ended, and copies nothing again', async () => {
    await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
    const first = await start();
    await query(database.url, `INSERT INTO things VALUES (2, 'b')`);
    await until('the row', () => ids(first.sink.events).includes(2));
    await first.stop();
    await query(database.url, `INSERT INTO things VALUES (3, 'c')`);
    const second = await start({ sink: first.sink });
    await until('the row', () => ids(second.sink.events).includes(3));
    expect(ids(second.sink.events)).toEqual([1, 2, 3]);
    expect(opsOf(second.sink.events)).toEqual(['r', 'c', 'c']);
    expect(readCheckpoint(second.sink.checkpoint ?? '')).toMatchObject({ incarnation: 1, snapshot: 'done' });
  });

  test('a copy that was interrupted is begun anew, as the next incarnation', async () => {
    await query(database.url, `INSERT INTO things SELECT i, 'row' FROM generate_series(1, 20000) i`);
    const sink = new MemorySink();
    let batches = 0;
    sink.before = async (batch) => {
      if (batch.length > 0) batches += 1;
      if (batches === 2) throw new TypeError('the sink broke');
    };
    const first = startConnector(database.url, { sink });
    await expect(first.done).rejects.toThrow('the sink broke');
    expect(readCheckpoint(sink.checkpoint ?? '')).toMatchObject({ incarnation: 1, snapshot: 'running' });
    sink.before = async () => undefined;
    sink.events.length = 0;
    const second = await start({ sink });
    expect(ids(second.sink.events)).toHaveLength(20000);
    expect(readCheckpoint(sink.checkpoint ?? '')).toMatchObject({ incarnation: 2, snapshot: 'done' });
    expect(sink.events[0]?.headers.at(-1)?.value).toMatch(/^2:/);
    expect(sink.places.find(({ swept }) => swept !== null)?.swept).toEqual({
      incarnation: 2,
      tables: ['public.things'],
    });
  });

  test('rows come in every shape of table: composite keys, no key, no columns, inherited, a key of text in any order', async () => {
    await query(
      database.url,
      `CREATE TABLE pairs (b text COLLATE "C", a int, PRIMARY KEY (a, b)); INSERT INTO pairs SELECT chr(97 + i % 7), i FROM generate_series(1, 50) i;
       CREATE TABLE keyless (v text); ALTER TABLE keyless REPLICA IDENTITY FULL; INSERT INTO keyless SELECT 'x' FROM generate_series(1, 7);
       CREATE TABLE bare (); ALTER TABLE bare REPLICA IDENTITY FULL; INSERT INTO bare DEFAULT VALUES;
       CREATE TABLE heir (more int, PRIMARY KEY (id)) INHERITS (things); INSERT INTO heir VALUES (1, 'h', 1.5, 2);
       CREATE TABLE words (w text PRIMARY KEY); INSERT INTO words SELECT md5(i::text) FROM generate_series(1, 40) i; INSERT INTO words VALUES (''), ('ä'), ('''"\\');`,
    );
    const { sink } = await start({ settings: { 'snapshot.fetch.size': 3 } });
    const counts = new Map<string, number>();
    for (const { topic } of sink.events) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      'shop.public.pairs': 50,
      'shop.public.keyless': 7,
      'shop.public.bare': 1,
      'shop.public.heir': 1,
      'shop.public.words': 43,
    });
  });

  test('a stored generated column is there in both, and alike', async () => {
    await query(
      database.url,
      'ALTER TABLE things ADD COLUMN twice numeric GENERATED ALWAYS AS (size * 2) STORED; INSERT INTO things VALUES (1, NULL, 2)',
    );
    const { sink } = await start();
    await query(database.url, 'INSERT INTO things VALUES (2, NULL, 2)');
    await until('the row', () => ids(sink.events).includes(2));
    expect(sink.events.map((event) => (seen(event).value as { after: { twice: unknown } }).after.twice)).toEqual([
      '4.00',
      '4.00',
    ]);
  });
});

describe('the acknowledgement comes last', () => {
  test('two commits back to back are both delivered, though the first was confirmed alone', async () => {
    const sink = new MemorySink();
    const first = await start({ sink });
    let release: () => void = () => undefined;
    let failing = false;
    sink.before = async (batch) => {
      if (batch.length === 0) return;
      if (failing) throw new TypeError('killed');
      failing = true;
      await new Promise<void>((resolve) => (release = resolve));
    };
    await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
    await until('the first batch on its way', () => failing);
    await query(database.url, `INSERT INTO things VALUES (2, 'b')`);
    await until('the second commit received', async () => {
      return (await first.connector.tally.text()).includes('banyan_cdc_queued_events 1');
    });
    release();
    await expect(first.done).rejects.toThrow('killed');
    running = [];
    expect(ids(sink.events)).toEqual([1]);
    sink.before = async () => undefined;
    await start({ sink });
    await until('the second row', () => ids(sink.events).length > 1);
    expect(ids(sink.events)).toEqual([1, 2]);
  });

  test('the slot never passes the checkpoint, and follows it on an idle database', async () => {
    const { sink } = await start();
    await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
    await until('the row', () => ids(sink.events).includes(1));
    const other = await scratch();
    await query(other.url, 'CREATE TABLE elsewhere AS SELECT generate_series(1, 1000)');
    const [row] = await query(database.url, 'SELECT pg_current_wal_flush_lsn()::text AS at');
    const end = parseLsn(String(row?.['at'])) ?? 0n;
    await until('the slot to follow the WAL of another database', async () => {
      const confirmed = await slotPosition();
      expect(confirmed).toBeLessThanOrEqual(readCheckpoint(sink.checkpoint ?? '')?.lsn ?? 0n);
      return confirmed >= end;
    });
    await other.drop();
  });

  test('what the sink did not take is not confirmed, however long it takes', async () => {
    const { sink } = await start();
    await until('a first confirmation', async () => (await slotPosition()) > 0n);
    const before = await slotPosition();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    sink.before = () => held;
    await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
    const [row] = await query(database.url, 'SELECT pg_current_wal_flush_lsn()::text AS at');
    await until('the commit received', async () =>
      (await running[0]!.connector.tally.text()).includes('lag_seconds 0.'),
    );
    expect(await slotPosition()).toBeLessThan(parseLsn(String(row?.['at'])) ?? 0n);
    expect(await slotPosition()).toBeGreaterThanOrEqual(before);
    release();
    await until('the row', () => ids(sink.events).includes(1));
  });

  test('a stop finishes what is complete, and confirms it', async () => {
    const started = await start();
    await query(database.url, `INSERT INTO things SELECT i, 'x' FROM generate_series(1, 3000) i`);
    await until('the first of it', () => started.sink.events.length > 0);
    await started.stop();
    expect(await slotPosition()).toBe(readCheckpoint(started.sink.checkpoint ?? '')?.lsn);
    const count = started.sink.events.length;
    const again = await start({ sink: started.sink });
    await until('all of it', () => new Set(ids(again.sink.events)).size === 3000);
    expect([3000, 3000 + count]).toContain(again.sink.events.length);
  });
});

describe('large things', () => {
  test('a transaction of 100,000 rows leaves in pieces, and the checkpoint waits for its commit', async () => {
    const { sink } = await start();
    const meanwhile = new Set<string>();
    sink.before = async (batch) => {
      if (batch.length > 0) meanwhile.add(sink.checkpoint ?? '');
    };
    await query(database.url, `INSERT INTO things SELECT i, 'row ' || i FROM generate_series(1, 100000) i`);
    await until('all rows', () => sink.events.length >= 100_000);
    const commit = parseLsn(sink.events[0]?.headers[0]?.value.split(':')[1] ?? '') ?? 0n;
    await until('the checkpoint', () => (readCheckpoint(sink.checkpoint ?? '')?.lsn ?? 0n) > commit);
    const early = [...meanwhile].map((text) => readCheckpoint(text)?.lsn ?? 0n);
    expect(early.every((lsn) => lsn <= commit)).toBe(true);
    expect(sink.places.length).toBeGreaterThan(40);
    expect(new Set(ids(sink.events)).size).toBe(100_000);
    expect(sink.events.map(({ headers }) => headers[0]?.value.split(':')[2]).slice(0, 3)).toEqual(['0', '1', '2']);
  });

  test('killed within it, it is sent again with the same positions', async () => {
    const sink = new MemorySink();
    const first = await start({ sink });
    sink.before = async () => {
      if (sink.events.length > 20_000) throw new TypeError('killed');
    };
    await query(database.url, `INSERT INTO things SELECT i, 'row ' || i FROM generate_series(1, 30000) i`);
    await expect(first.done).rejects.toThrow('killed');
    running = [];
    const positions = sink.events.map(({ headers }) => headers[0]?.value);
    sink.before = async () => undefined;
    sink.events.length = 0;
    await start({ sink });
    await until('all rows', () => sink.events.length >= 30_000);
    expect(sink.events.slice(0, positions.length).map(({ headers }) => headers[0]?.value)).toEqual(positions);
  });

  test('a row of 10 MB arrives whole, streamed and copied', async () => {
    await query(database.url, `INSERT INTO things VALUES (1, repeat('Größe "✓" ', 800000))`);
    const { sink } = await start();
    await query(database.url, `INSERT INTO things VALUES (2, repeat('Größe "✓" ', 800000))`);
    await until('both', () => sink.events.length === 2);
    const names = sink.events.map((event) => (seen(event).value as { after: { name: string } }).after.name);
    expect(names.map((name) => name === 'Größe "✓" '.repeat(800_000))).toEqual([true, true]);
  });
});

describe('back-pressure', () => {
  test('a sink that stands still stops the stream, not the server’s patience', async () => {
    const { sink, connector } = await start();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    sink.before = () => held;
    await query(database.url, `INSERT INTO things SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i`);
    const queued = async (): Promise<number> => Number(/queued_events (\d+)/.exec(await connector.tally.text())?.[1]);
    await until('the queue to be full', async () => (await queued()) >= 5_000);
    // One chunk of the socket may still have come: a few hundred rows.
    expect(await queued()).toBeLessThan(7_000);
    release();
    await until('all rows', () => sink.events.length === 60_000);
    expect(connector.phase).toBe('streaming');
  });
});

describe('in mid-stream', () => {
  test('a column is added, a table renamed and dropped: every event fits the table as it was then', async () => {
    const { sink } = await start();
    await query(database.url, `INSERT INTO things VALUES (1, 'a', 1)`);
    await query(
      database.url,
      `ALTER TABLE things ADD COLUMN colour text; INSERT INTO things VALUES (2, 'b', 2, 'red')`,
    );
    await query(database.url, `ALTER TABLE things RENAME TO objects; INSERT INTO objects VALUES (3, 'c', 3, 'blue')`);
    await query(database.url, `DROP TABLE objects`);
    await until('all three', () => new Set(ids(sink.events)).size === 3);
    const unique = new Map(sink.events.map((event) => [String(ids([event])[0]), event]));
    expect(
      [...unique.values()].map((event) => [event.topic, Object.keys((seen(event).value as { after: object }).after)]),
    ).toEqual([
      ['shop.public.things', ['id', 'name', 'size']],
      ['shop.public.things', ['id', 'name', 'size', 'colour']],
      ['shop.public.objects', ['id', 'name', 'size', 'colour']],
    ]);
  });

  test('an enum made a moment ago is known', async () => {
    const { sink } = await start();
    await query(
      database.url,
      `CREATE TYPE mood AS ENUM ('sad', 'glad'); ALTER TABLE things ADD COLUMN moods mood[]; INSERT INTO things(id, moods) VALUES (1, '{sad,NULL}')`,
    );
    await until('the row', () => ids(sink.events).includes(1));
    const row = sink.events.findLast(({ value }) => value?.includes('"op":"c"'));
    expect((seen(row!).value as { after: { moods: unknown } }).after.moods).toEqual(['sad', null]);
  });
});
