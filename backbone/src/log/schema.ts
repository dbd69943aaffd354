/**
 * The log's own tables: made, and brought up to date, by whoever opens it first. `openLog` refuses a log that a newer program
 * has laid out; it cannot know what its rows mean.
 *
 *   topic         what was asked for by `createTopics`
 *   head          one row per partition: the next offset, taken by the same statement that inserts; the oldest one held
 *   producer      one row per producer id: its epoch, and where it stands in its own source
 *   group_offset  one row per group and partition: the next offset to read
 *   record        the records: by partition (`r_<tp>`), and within it by ranges of offsets (`r_<tp>_<n>`, the segments)
 *
 * `tp` is the number of a partition of a topic throughout: four bytes in each record in place of a name.
 */
import pg from 'pg';
import { BackboneError } from '../errors.ts';
import type { Queries, Session } from './session.ts';

/** Raised with each migration. */
export const SCHEMA_VERSION: number = 1;

/** Names of the log's tables, quoted, by what they hold. One per schema: several logs can share a database. */
export interface Layout {
  /** The bare name of the schema: also the channel of its notifications. */
  readonly name: string;
  readonly schema: string;
  readonly topic: string;
  readonly head: string;
  readonly producer: string;
  readonly groupOffset: string;
  readonly record: string;
  /** Raises a SQLSTATE of the log's own out of an expression. */
  readonly refuse: string;
}

/** @param name of the schema, unquoted */
export function layoutOf(name: string): Layout {
  const schema = pg.escapeIdentifier(name);
  return {
    name,
    schema,
    topic: `${schema}.topic`,
    head: `${schema}.head`,
    producer: `${schema}.producer`,
    groupOffset: `${schema}.group_offset`,
    record: `${schema}.record`,
    refuse: `${schema}.refuse`,
  };
}

/** The records of one partition. */
export function partitionTable(layout: Layout, tp: number): string {
  return `${layout.schema}.r_${tp}`;
}

/** The records of one segment of a partition. */
export function segmentTable(layout: Layout, tp: number, segment: bigint): string {
  return `${layout.schema}.r_${tp}_${segment}`;
}

/**
 * Takes the log's lock for DDL, until the transaction ends. Everything that makes, attaches or drops tables goes through it,
 * one at a time in the whole cluster.
 */
export async function lockLayout(queries: Queries, layout: Layout): Promise<void> {
  await queries.query({ text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))', values: [layoutLock(layout)] });
}

/** What the DDL lock is the hash of. */
export function layoutLock(layout: Layout): string {
  return JSON.stringify(['banyan', layout.name, 'layout']);
}

/**
 * Makes or migrates the log's tables. Needs no right to create anything where they are up to date.
 *
 * @throws BackboneError BACKBONE_NEWER_SCHEMA, BACKBONE_BAD_CONFIG (no right to create)
 */
export async function prepareLayout(session: Session, layout: Layout): Promise<void> {
  if ((await currentVersion(session, layout)) === SCHEMA_VERSION) return;
  await session.transact(async (inside) => {
    await lockLayout(inside, layout);
    const from = await currentVersion(inside, layout); // Another may have done it while we waited.
    for (const migrate of migrations.slice(from)) {
      for (const text of migrate(layout)) await inside.query({ text });
    }
    await inside.query({
      text: `update ${layout.schema}.meta set schema_version = $1 where schema_version < $1`,
      values: [SCHEMA_VERSION],
    });
  });
}

/** 0 where there is no log yet. */
async function currentVersion(queries: Queries, layout: Layout): Promise<number> {
  // Not by `to_regclass`: it remembers that there was none, also when another has made it since.
  const found = await queries.query({
    text: `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'meta'`,
    values: [layout.name],
  });
  if (found.length === 0) return 0;
  const [row] = await queries.query({ text: `select schema_version from ${layout.schema}.meta` });
  const version = Number(row?.[0] ?? 0);
  if (version <= SCHEMA_VERSION) return version;
  throw new BackboneError(
    'BACKBONE_NEWER_SCHEMA',
    `the log in schema ${layout.schema} has layout ${version}, and this program knows ${SCHEMA_VERSION}: ` +
      'run a newer version of this service, or give it a database of its own',
  );
}

/** `migrations[n]` goes from version n to n + 1. */
const migrations: readonly ((layout: Layout) => readonly string[])[] = [first];

function first(layout: Layout): readonly string[] {
  const { schema, topic, head, producer, groupOffset, record, refuse } = layout;
  return [
    `create schema if not exists ${schema}`,
    `create table ${schema}.meta (schema_version int4 not null)`,
    `create unique index on ${schema}.meta ((true))`,
    `insert into ${schema}.meta values (0)`,
    `create table ${topic} (
       id int4 generated always as identity primary key,
       name text collate "C" not null unique,
       partitions int4 not null,
       cleanup text not null,
       retention_ms int8,
       segment_records int8 not null
     )`,
    // A page with room for the new version of a row at each send: no index entry is touched (HOT), and pruning keeps up.
    `create table ${head} (
       tp int4 generated always as identity primary key,
       topic int4 not null references ${topic},
       partition int4 not null,
       -- How many partitions the topic had when this one was last counted: a producer that believes otherwise is refused.
       partitions int4 not null,
       next int8 not null default 0,
       start int8 not null default 0,
       -- Offsets below this have a segment to go to.
       ready int8 not null default 0,
       unique (topic, partition)
     ) with (fillfactor = 10)`,
    `create table ${producer} (
       id text collate "C" primary key,
       epoch int8 not null,
       checkpoint text
     ) with (fillfactor = 10)`,
    `create table ${groupOffset} (
       consumer_group text collate "C" not null,
       tp int4 not null,
       next int8 not null,
       primary key (consumer_group, tp)
     ) with (fillfactor = 10)`,
    `create table ${record} (
       off int8 not null,
       ts int8 not null,
       tp int4 not null,
       bytes int4 not null,
       key text collate "C",
       value text collate "C",
       headers text collate "C"
     ) partition by list (tp)`,
    `create function ${refuse}(state text, message text) returns bool language plpgsql as
       $$ begin raise exception using errcode = state, message = message; end $$`,
  ];
}
