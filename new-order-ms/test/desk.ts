/** A read model on the shared Postgres for tests: prepared, with a session and an applier, and asked in plain SQL. */
import type { Offsets } from '@banyan/backbone/transport';
import { Applier } from '@banyan/new-order-ms/apply';
import { prepare, type Copy } from '@banyan/new-order-ms/copies';
import { partitionName, type Delivery } from '@banyan/new-order-ms/core/project';
import { openSession, type Session } from '@banyan/new-order-ms/database';
import pg from 'pg';
import { scratch, type Scratch } from '../../test/support/scratch.ts';

export interface Desk {
  readonly url: string;
  readonly copy: Copy;
  readonly session: Session;
  readonly applier: Applier;
  /** Rows, every value as Postgres prints it, lists of rows in the order of all their columns. */
  rows(query: string, values?: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]>;
  /** Applies records as one batch, numbered on from what was applied before. */
  apply(records: readonly Delivery[]): ReturnType<Applier['apply']>;
  drop(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const database = await scratch();
  const copy = await prepare(database.url);
  const session = await openSession(database.url, { applicationName: 'test', durable: false, pipeline: true });
  const applier = new Applier(session, copy, new Map());
  await applier.load();
  const asking = new pg.Client({
    connectionString: database.url,
    options: '-c TimeZone=UTC',
    types: { getTypeParser: () => (value: string) => value },
  });
  await asking.connect();
  const numbered = numbering();
  return {
    url: database.url,
    copy,
    session,
    applier,
    rows: async (query, values = []) =>
      (await asking.query<(string | null)[]>({ text: query, values: [...values], rowMode: 'array' })).rows,
    apply: async (records) => {
      const entries = numbered(records);
      await applier.resume([...new Set(entries.map(({ topic, partition }) => partitionName(topic, partition)))]);
      return applier.apply({ entries, next: nextOf(entries) });
    },
    drop: () => close(database, session, asking),
  };
}

/** Gives each record the next offset of its partition. */
export function numbering(): (records: readonly Delivery[]) => readonly Delivery[] {
  const next = new Map<string, bigint>();
  return (records) =>
    records.map((delivery) => {
      const name = partitionName(delivery.topic, delivery.partition);
      const offset = next.get(name) ?? 0n;
      next.set(name, offset + 1n);
      return { ...delivery, offset };
    });
}

export function nextOf(entries: readonly Delivery[]): Offsets {
  return new Map(entries.map(({ topic, partition, offset }) => [partitionName(topic, partition), offset + 1n]));
}

async function close(database: Scratch, session: Session, asking: pg.Client): Promise<void> {
  await session.close();
  await asking.end();
  await database.drop();
}
