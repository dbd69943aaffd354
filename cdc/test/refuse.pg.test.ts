/** What the connector refuses, and what it does about a stream that has a gap. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCheckpoint, writeCheckpoint } from '@banyan/cdc/core/checkpoint';
import { CdcError } from '@banyan/cdc/errors';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { query, seen, startConnector, type Started } from './support/connector.ts';
import { until } from './support/until.ts';

let database: Scratch;
let running: Started[] = [];

beforeEach(async () => {
  database = await scratch();
  await query(database.url, 'CREATE TABLE things (id int PRIMARY KEY, name text)');
});

afterEach(async () => {
  for (const each of running) await each.stop().catch(() => undefined);
  running = [];
  await database.drop();
});

function launch(options: Parameters<typeof startConnector>[1] = {}): Started {
  const started = startConnector(database.url, options);
  running.push(started);
  return started;
}

async function start(options: Parameters<typeof startConnector>[1] = {}): Promise<Started> {
  const started = launch(options);
  await until('streaming', () => started.connector.phase === 'streaming');
  return started;
}

/** What it ends with. */
async function refusal(started: Started): Promise<CdcError> {
  const error = await started.done.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof CdcError) return error;
  throw new Error(`it was not refused: ${String(error)}`);
}

const slotOf = (name: string): string => `SELECT pg_drop_replication_slot('${name}')`;

/** Streams a little, then stops. */
async function history(): Promise<Started> {
  await query(database.url, `INSERT INTO things VALUES (1, 'kept'), (2, 'deleted in the gap')`);
  const started = await start();
  await query(database.url, `INSERT INTO things VALUES (3, 'streamed')`);
  await until('the row', () => started.sink.events.length === 3);
  await started.stop();
  return started;
}

describe('before going live', () => {
  test('a table without a replica identity is refused before it is published, with what to run', async () => {
    await query(
      database.url,
      'CREATE TABLE nokey (a int); CREATE TABLE nothing (a int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING',
    );
    const error = await refusal(launch());
    expect(error.code).toBe('CDC_NO_IDENTITY');
    expect(error.message).toContain('Run: ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL;');
    expect(error.message).toContain('Run: ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT;');
    expect(await query(database.url, 'SELECT 1 FROM pg_publication')).toEqual([]);
    // The application goes on as before.
    await query(database.url, 'INSERT INTO nokey VALUES (1); UPDATE nokey SET a = 2; DELETE FROM nokey');
  });

  test('one that came later is refused at the next start, and the application still writes to it', async () => {
    const { sink } = await history();
    await query(database.url, 'CREATE TABLE nokey (a int)');
    expect((await refusal(launch({ sink }))).code).toBe('CDC_NO_IDENTITY');
    await query(database.url, 'INSERT INTO nokey VALUES (1); UPDATE nokey SET a = 2');
  });

  test('globs that match nothing are refused', async () => {
    expect((await refusal(launch({ settings: { tables: ['public.thing'] } }))).code).toBe('CDC_NO_TABLES');
  });

  test('a wrong password, a database that is not there: told in words, without the password', async () => {
    const wrong = new URL(database.url);
    wrong.password = 'wrong-secret';
    const password = await refusal(launch({ settings: { database: wrong.href } }));
    expect(password.code).toBe('CDC_UNAUTHORISED');
    expect(password.message).toContain('check user and password');
    expect(password.message).not.toContain('wrong-secret');
    const nowhere = new URL(database.url);
    nowhere.pathname = '/nowhere';
    expect((await refusal(launch({ settings: { database: nowhere.href } }))).message).toContain(
      'check the name of the database',
    );
  });

  test('a role that may not publish is told what its owner has to run; with that run, it streams', async () => {
    const role = `reader_${database.name}`;
    await query(
      database.url,
      `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'pw'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
    );
    try {
      const url = new URL(database.url);
      url.username = role;
      url.password = 'pw';
      const error = await refusal(launch({ settings: { database: url.href } }));
      expect(error.code).toBe('CDC_PRIVILEGES');
      const statement = /CREATE PUBLICATION.*/.exec(error.message)?.[0] ?? '';
      await query(database.url, statement);
      const { sink } = await start({ settings: { database: url.href } });
      await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
      await until('the row', () => sink.events.length === 1);
      await running.at(-1)?.stop();
    } finally {
      await query(database.url, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('a role that may not read a table is told before anything is made', async () => {
    const role = `blind_${database.name}`;
    await query(database.url, `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'pw'`);
    try {
      const url = new URL(database.url);
      url.username = role;
      url.password = 'pw';
      const error = await refusal(launch({ settings: { database: url.href } }));
      expect(error.code).toBe('CDC_PRIVILEGES');
      expect(error.message).toContain(`GRANT SELECT ON "public"."things" TO "${role}";`);
      expect(
        await query(database.url, 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [database.name]),
      ).toEqual([]);
    } finally {
      await query(database.url, `DROP ROLE ${role}`);
    }
  });

  test('a role that may not replicate is told so', async () => {
    const role = `plain_${database.name}`;
    await query(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'pw'`);
    try {
      const url = new URL(database.url);
      url.username = role;
      url.password = 'pw';
      const error = await refusal(launch({ settings: { database: url.href } }));
      expect(error.code).toBe('CDC_PRIVILEGES');
      expect(error.message).toContain('REPLICATION');
    } finally {
      await query(database.url, `DROP ROLE ${role}`);
    }
  });

  test('a slot of another plugin is left alone', async () => {
    await query(database.url, `SELECT pg_create_logical_replication_slot('${database.name}', 'test_decoding')`).catch(
      () => undefined,
    );
    const [slot] = await query(database.url, 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [
      database.name,
    ]);
    if (slot === undefined) await query(database.url, `SELECT pg_create_physical_replication_slot('${database.name}')`);
    expect((await refusal(launch())).code).toBe('CDC_SLOT_FOREIGN');
    await query(database.url, slotOf(database.name));
  });
});

describe('a slot in use', () => {
  test('is waited for, and the one that reads it is not shut out of the sink', async () => {
    const first = await start();
    const { opened } = first.sink;
    const second = launch({ sink: first.sink });
    await until('the second to wait', () => second.connector.because.includes('is read by another connection'));
    expect(first.sink.opened).toBe(opened);
    await query(database.url, `INSERT INTO things VALUES (1, 'a')`);
    await until('the row', () => first.sink.events.length === 1);
    await first.stop();
    await until('the second to take over', () => second.connector.phase === 'streaming');
    await query(database.url, `INSERT INTO things VALUES (2, 'b')`);
    await until('the row', () => first.sink.events.length === 2);
  });
});

interface GapCase {
  readonly name: string;
  readonly because: string;
  /** Breaks the stream. */
  readonly breaks: (started: Started) => Promise<void>;
}

const gaps: readonly GapCase[] = [
  {
    name: 'a slot that was dropped',
    because: 'slot-missing',
    breaks: async () => {
      await query(database.url, slotOf(database.name));
    },
  },
  {
    name: 'a slot that was dropped and made again, ahead of the checkpoint',
    because: 'slot-ahead-of-checkpoint',
    breaks: async () => {
      await query(database.url, slotOf(database.name));
      await query(database.url, `DELETE FROM things WHERE id = 2`);
      await query(database.url, `SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`);
    },
  },
  {
    name: 'a slot that somebody else moved',
    because: 'slot-ahead-of-checkpoint',
    breaks: async () => {
      await query(database.url, `DELETE FROM things WHERE id = 2`);
      await query(database.url, `SELECT pg_replication_slot_advance('${database.name}', pg_current_wal_lsn())`);
    },
  },
  {
    name: 'a publication that was dropped',
    because: 'publication-missing',
    breaks: async () => {
      await query(database.url, 'DROP PUBLICATION banyan');
    },
  },
  {
    name: 'another cluster',
    because: 'another-cluster',
    breaks: async ({ sink }) => {
      const checkpoint = readCheckpoint(sink.checkpoint ?? '')!;
      sink.checkpoint = writeCheckpoint({ ...checkpoint, system: '1234567890' });
    },
  },
];

describe.each(gaps)('$name', ({ because, breaks }) => {
  test('stops the connector, which says so; nothing is skipped in silence', async () => {
    const before = await history();
    await breaks(before);
    const error = await refusal(launch({ sink: before.sink }));
    expect([error.code, error.message]).toEqual(['CDC_GAP', expect.stringContaining(because)]);
    expect(error.message).toContain('snapshot: when_needed');
    expect(before.sink.events).toHaveLength(3);
  });

  test('with when_needed is answered by reading everything anew, and by naming what must go', async () => {
    const { sink } = await history();
    await breaks(running[0]!);
    await query(database.url, `DELETE FROM things WHERE id = 2`);
    sink.events.length = 0;
    sink.places.length = 0;
    await start({ sink, settings: { snapshot: 'when_needed' } });
    expect(sink.events.map((event) => (seen(event).key as { id: number }).id)).toEqual([1, 3]);
    expect(sink.events.every(({ headers }) => headers.at(-1)?.value.startsWith('2:'))).toBe(true);
    const swept = sink.places.filter((place) => place.swept !== null);
    expect(swept.map((place) => [place.swept, place.watermark?.epoch.split('.')[2]])).toEqual([
      [{ incarnation: 2, tables: ['public.things'] }, '2'],
    ]);
  });
});

test('snapshot: never streams from now on, and copies nothing', async () => {
  await query(database.url, `INSERT INTO things VALUES (1, 'before')`);
  const { sink } = await start({ settings: { snapshot: 'never' } });
  await query(database.url, `INSERT INTO things VALUES (2, 'after')`);
  await until('the row', () => sink.events.length > 0);
  expect(sink.events.map((event) => (seen(event).key as { id: number }).id)).toEqual([2]);
});
