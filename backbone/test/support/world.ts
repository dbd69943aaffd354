/** A log in a database of its own for one test file, with what its tests share. */
import pg from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { openLog, type LogOptions } from '@banyan/backbone/log';
import type {
  Backbone,
  Consumer,
  ConsumerOptions,
  Entry,
  Offsets,
  Outgoing,
  TopicSpec,
} from '@banyan/backbone/transport';
import { scratch, type Scratch } from '../../../test/support/scratch.ts';

/** How long anything may take before a test gives up on it: not how long it takes. */
export const LIMIT_MS = 20_000;

const SESSIONS = 'from pg_stat_activity where application_name = $1 and datname = current_database()';

export interface World {
  readonly url: string;
  readonly log: Backbone;
  /** Another process's view: its own connections. Closed at the end. */
  open(options?: Partial<LogOptions>): Promise<Backbone>;
  /** Plain SQL as superuser. */
  sql<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly R[]>;
  /** Ends the sessions of this database that have that name. */
  cut(applicationName: string): Promise<void>;
  /** How many sessions of this database have that name. */
  sessions(applicationName: string): Promise<number>;
  /** A name that no other test uses. */
  name(stem: string): string;
}

/** @param options of `world.log` */
export function makeWorld(options: Partial<LogOptions> = {}): World {
  let database: Scratch;
  let log: Backbone;
  let client: pg.Client;
  let names = 0;
  const open: Backbone[] = [];
  let last: Promise<unknown> = Promise.resolve();
  beforeAll(async () => {
    database = await scratch();
    client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined); // A test that ends sessions may end this one.
    await client.connect();
    log = await world.open(options);
  });
  afterAll(async () => {
    await Promise.all(open.map((each) => each.close()));
    await client.end();
    await database.drop();
  });
  const world: World = {
    get url() {
      return database.url;
    },
    get log() {
      return log;
    },
    async open(more = {}) {
      const opened = await openLog({ url: database.url, retentionEveryMs: null, ...options, ...more });
      open.push(opened);
      return opened;
    },
    async sql<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const turn = last.then(() => client.query<R>(text, [...values]));
      last = turn.catch(() => undefined);
      return (await turn).rows;
    },
    async cut(applicationName) {
      await world.sql(`select pg_terminate_backend(pid) ${SESSIONS}`, [applicationName]);
    },
    async sessions(applicationName) {
      return (await world.sql(`select 1 ${SESSIONS}`, [applicationName])).length;
    },
    name(stem) {
      names += 1;
      return `${stem}-${names}`;
    },
  };
  return world;
}

/** A topic that keeps everything. */
export function topic(name: string, partitions: number = 1): TopicSpec {
  return { name, partitions, cleanup: 'delete', retentionMs: null };
}

/** Makes a topic of a new name. */
export async function newTopic(world: World, partitions: number = 1): Promise<string> {
  const name = world.name('topic');
  await world.log.createTopics([topic(name, partitions)]);
  return name;
}

export function record(to: string, key: string | null, value: string | null): Outgoing {
  return { topic: to, key, value, headers: [] };
}

/** `count` records with the values `<stem>0`, `<stem>1`, … and the same as keys. */
export function records(to: string, count: number, stem: string = ''): readonly Outgoing[] {
  return Array.from({ length: count }, (_, index) => record(to, `${stem}${index}`, `${stem}${index}`));
}

export interface Gathering {
  readonly consumer: Consumer;
  readonly entries: Entry[];
  readonly batches: (readonly Entry[])[];
  values(): readonly (string | null)[];
  /** Resolves when as many have come. @throws what ended the consumer, if it ends before */
  count(expected: number): Promise<void>;
}

/** A consumer that keeps what it gets. */
export async function gather(
  log: Backbone,
  options: Pick<ConsumerOptions, 'topics'> & Partial<ConsumerOptions>,
): Promise<Gathering> {
  const entries: Entry[] = [];
  const batches: (readonly Entry[])[] = [];
  const consumer = await log.consume({
    group: 'gather',
    start: 'earliest',
    ...options,
    onBatch: async (batch) => {
      await options.onBatch?.(batch);
      batches.push(batch.entries);
      entries.push(...batch.entries);
    },
  });
  let ended: unknown = null;
  consumer.done.then(
    () => (ended = new Error('the consumer was closed')),
    (error: unknown) => (ended = error),
  );
  return {
    consumer,
    entries,
    batches,
    values: () => entries.map(({ value }) => value),
    count: async (expected) => {
      const come = (): number => (ended === null ? entries.length : Infinity);
      await expect.poll(come, { timeout: LIMIT_MS, interval: 5 }).toBeGreaterThanOrEqual(expected);
      if (entries.length < expected) throw ended;
    },
  };
}

/** Everything that a topic holds. */
export async function all(log: Backbone, name: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of log.replay({ topic: name })) entries.push(entry);
  return entries;
}

/** The offsets of a group, as they stand in the database. */
export async function groupOffsets(world: World, group: string): Promise<Offsets> {
  const rows = await world.sql<{ name: string; next: string }>(
    `select t.name || '-' || h.partition as name, g.next from banyan_log.group_offset g
     join banyan_log.head h using (tp) join banyan_log.topic t on t.id = h.topic where g.consumer_group = $1`,
    [group],
  );
  return new Map(rows.map(({ name, next }) => [name, BigInt(next)]));
}
