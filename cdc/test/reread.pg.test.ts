/** Tables that are read again while their changes stream. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import pg from 'pg';
import { readCheckpoint } from '@banyan/cdc/core/checkpoint';
import type { Event } from '@banyan/cdc/core/source';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { parseExact, query, startConnector, type Started } from './support/connector.ts';
import { Fold } from './support/fold.ts';
import { MemorySink } from './support/memory.ts';
import { until } from './support/until.ts';

const ROWS = 3_000;

let database: Scratch;
let running: Started[] = [];

beforeEach(async () => {
  database = await scratch();
  await query(
    database.url,
    `CREATE TABLE things (id int PRIMARY KEY, name text); INSERT INTO things SELECT i, 'row ' || i FROM generate_series(1, ${ROWS}) i`,
  );
});

afterEach(async () => {
  for (const each of running) await each.stop().catch(() => undefined);
  running = [];
  await database.drop();
});

async function start(options: Parameters<typeof startConnector>[1] = {}): Promise<Started> {
  const started = startConnector(database.url, {
    ...options,
    settings: { 'snapshot.fetch.size': 200, ...options.settings },
  });
  running.push(started);
  await until('streaming', () => started.connector.phase === 'streaming');
  return started;
}

/** Of the tables, as the checkpoint remembers them. */
function shapes(sink: MemorySink): string {
  return JSON.stringify(readCheckpoint(sink.checkpoint ?? '')?.tables ?? null);
}

/** The last word on each key: by position, and by the order of the events alone. */
function endings(events: readonly Event[], topic: string = 'shop.public.things'): readonly (readonly unknown[])[] {
  const fold = new Fold();
  const last = new Map<string, unknown>();
  for (const event of events.filter((each) => each.topic === topic)) {
    fold.apply(event);
    if (event.value === null) continue;
    const { op, after } = parseExact(event.value) as { op: string; after: unknown };
    if (op === 't') last.clear();
    if (event.key === null) continue;
    if (op === 'd') last.delete(event.key);
    else last.set(event.key, after);
  }
  return [fold.rows(), [...last].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)];
}

async function truth(table: string = 'things'): Promise<readonly unknown[]> {
  const rows = await query(database.url, `SELECT * FROM ${table}`);
  const keyed = rows.map((row) => [`{"id":${String(row['id'])}}`, row] as const);
  return keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

async function agree(sink: MemorySink, table: string = 'things'): Promise<void> {
  await until('the events to say what the table holds', async () => {
    const expected = JSON.stringify(await truth(table));
    return endings(sink.events, `shop.public.${table}`).every((rows) => JSON.stringify(rows) === expected);
  });
}

async function pending(started: Started): Promise<number> {
  return Number(/rereads_pending (\d+)/.exec(await started.connector.tally.text())?.[1]);
}

function incremental(events: readonly Event[]): number {
  return events.filter(({ value }) => value?.includes('"snapshot":"incremental"')).length;
}

/** Changes rows all the time, until told to end. */
function writer(): { readonly end: () => Promise<number> } {
  let writing = true;
  const done = (async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    let turn = 0;
    for (; writing; turn += 1) {
      const id = ((turn * 7) % ROWS) + 1;
      await client.query('UPDATE things SET name = $1 WHERE id = $2', [`turn ${turn}`, id]);
      if (turn % 5 === 0) await client.query('DELETE FROM things WHERE id = $1', [((turn * 13) % ROWS) + 1]);
      if (turn % 5 === 2) await client.query('INSERT INTO things(id, name) VALUES ($1, $2)', [10_000 + turn, 'new']);
      if (turn % 17 === 0) await client.query('UPDATE things SET id = id + 100000 WHERE id = $1', [id]);
    }
    await client.end();
    return turn;
  })();
  return {
    end: () => {
      writing = false;
      return done;
    },
  };
}

describe('an altered table', () => {
  test('whose new column has a default is read again, though nobody writes to it', async () => {
    const { sink } = await start();
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text NOT NULL DEFAULT 'red'`);
    await agree(sink);
    expect(incremental(sink.events)).toBe(ROWS);
    await until(
      'the checkpoint to say so',
      () => Object.keys(readCheckpoint(sink.checkpoint ?? '')?.tables ?? {}).length === 1,
    );
  });

  test('is read right under writers, in either reading', async () => {
    const started = await start();
    const writing = writer();
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
    await until('the reading to begin', () => incremental(started.sink.events) > 0);
    await until('the reading to end', async () => (await pending(started)) === 0);
    expect(await writing.end()).toBeGreaterThan(10);
    await agree(started.sink);
  });

  test('is read right although a transaction was open across it', async () => {
    const started = await start();
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
    await other.query('BEGIN');
    await other.query(`UPDATE things SET name = 'made before' WHERE id = 5`);
    await until('the reading to be waited for', async () => (await pending(started)) === 1);
    await other.query(`UPDATE things SET name = 'made meanwhile' WHERE id = 6`);
    expect(incremental(started.sink.events)).toBe(0);
    await other.query('COMMIT');
    await other.end();
    await agree(started.sink);
  });

  test('whose rows were rewritten, renamed or retyped, is read again', async () => {
    const { sink } = await start();
    await query(database.url, `ALTER TABLE things ALTER COLUMN name TYPE varchar(40) USING upper(name)`);
    await agree(sink);
    await query(database.url, `ALTER TABLE things RENAME COLUMN name TO title`);
    await agree(sink);
    expect(incremental(sink.events)).toBe(2 * ROWS);
  });

  test('that lost a column, or gained an empty one, is not', async () => {
    const { sink } = await start();
    for (const change of [
      `ALTER TABLE things ADD COLUMN empty text; INSERT INTO things VALUES (0, 'x', NULL)`,
      `ALTER TABLE things DROP COLUMN name; INSERT INTO things VALUES (-1, NULL)`,
    ]) {
      const before = shapes(sink);
      await query(database.url, change);
      await until('the new shape to be remembered', () => shapes(sink) !== before);
    }
    expect(incremental(sink.events)).toBe(0);
  });

  test('that was altered while the connector was stopped is read at the next start', async () => {
    const first = await start();
    await first.stop();
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
    await start({ sink: first.sink });
    await agree(first.sink);
    expect(incremental(first.sink.events)).toBe(ROWS);
  });

  test('truncated while it is read ends empty', async () => {
    const sink = new MemorySink();
    const started = await start({ sink });
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    sink.before = async (batch) => {
      if (incremental(batch) > 0) await held;
    };
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
    await until(
      'rows on their way',
      async () => Number(/queued_events (\d+)/.exec(await started.connector.tally.text())?.[1]) > 0,
    );
    await query(database.url, 'TRUNCATE things');
    await query(database.url, `INSERT INTO things VALUES (1, 'only', 'blue')`);
    release();
    await until('the row', () => sink.events.some(({ value }) => value?.includes('"only"')));
    await until('the reading to end', async () => (await pending(started)) === 0);
    const only = [{ id: 1, name: 'only', colour: 'blue' }];
    expect(endings(sink.events)).toEqual([only, only]);
  });

  test('killed in the middle, the reading is done again', async () => {
    const sink = new MemorySink();
    const first = await start({ sink });
    sink.before = async () => {
      if (incremental(sink.events) > 500) throw new TypeError('killed');
    };
    await query(database.url, `ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
    await expect(first.done).rejects.toThrow('killed');
    running = [];
    sink.before = async () => undefined;
    await start({ sink });
    await agree(sink);
  });
});

describe('during the first copy', () => {
  test('an ALTER TABLE waits for one chunk at most, and the table is read again behind it', async () => {
    await query(
      database.url,
      `CREATE TABLE others (id int PRIMARY KEY, name text); INSERT INTO others SELECT i, 'other ' || i FROM generate_series(1, ${ROWS}) i`,
    );
    const sink = new MemorySink();
    let altered = false;
    sink.before = async (batch) => {
      if (altered || batch.length === 0) return;
      altered = true;
      // The copy is under way, and waits for this batch: it must not hold a lock that this has to wait for.
      await query(database.url, `SET lock_timeout = '5s'; ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'`);
      await query(database.url, `ALTER TABLE others ALTER COLUMN name TYPE varchar(50) USING upper(name)`);
    };
    await start({ sink, settings: { 'snapshot.max.threads': 1 } });
    await agree(sink);
    await agree(sink, 'others');
    expect(incremental(sink.events)).toBeGreaterThanOrEqual(ROWS);
  });
});

describe('another table', () => {
  test('that came while the connector was stopped is published, and read', async () => {
    const first = await start();
    await first.stop();
    await query(
      database.url,
      `CREATE TABLE late (id int PRIMARY KEY, name text); INSERT INTO late VALUES (1, 'a'), (2, 'b')`,
    );
    await start({ sink: first.sink });
    await query(database.url, `UPDATE late SET name = 'c' WHERE id = 2`);
    await agree(first.sink, 'late');
    expect(incremental(first.sink.events)).toBeGreaterThanOrEqual(1);
  });

  test('that was taken out of the publication is a gap', async () => {
    const first = await start();
    await first.stop();
    await query(database.url, `CREATE TABLE more (id int PRIMARY KEY); ALTER PUBLICATION banyan SET TABLE more`);
    const again = startConnector(database.url, { sink: first.sink });
    await expect(again.done).rejects.toThrow('public.things had been taken out of the publication');
  });
});
