/**
 * Which topics there are, and the tables of their partitions. A partition is born with its first segment attached, and further
 * ones are attached ahead of the writers, so that no `send` ever waits for DDL.
 */
import { BackboneError } from '../errors.ts';
import { partitionName, refusalOfTopic } from '../core/topic.ts';
import type { TopicSpec } from '../transport.ts';
import { lockLayout, partitionTable, segmentTable, type Layout } from './schema.ts';
import type { Queries, Session } from './session.ts';

/** A partition of a topic as producers and consumers know it. */
export interface Place {
  readonly tp: number;
  readonly topic: string;
  readonly partition: number;
  /** `<topic>-<partition>`. */
  readonly name: string;
}

/** A topic's partitions, in order. */
export interface Topic {
  readonly name: string;
  readonly places: readonly Place[];
  /** Offsets per segment. */
  readonly segment: bigint;
}

/** @throws BackboneError BACKBONE_NO_TOPIC, naming every topic that is missing */
export async function findTopics(
  queries: Queries,
  layout: Layout,
  names: readonly string[],
): Promise<readonly Topic[]> {
  const rows = await queries.query({
    text: `select t.name, h.tp, h.partition, t.segment_records from ${layout.topic} t join ${layout.head} h on h.topic = t.id
           where t.name = any(array(select json_array_elements_text($1::json))) order by t.name, h.partition`,
    values: [JSON.stringify(names)],
  });
  const found = new Map<string, { readonly places: Place[]; readonly segment: bigint }>();
  for (const row of rows) {
    const [topic, tp, partition] = [row[0] ?? '', Number(row[1]), Number(row[2])];
    const known = found.get(topic) ?? { places: [], segment: BigInt(row[3] ?? 1) };
    known.places.push({ tp, topic, partition, name: partitionName(topic, partition) });
    found.set(topic, known);
  }
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const list = [...new Set(missing)].join(', ');
    throw new BackboneError('BACKBONE_NO_TOPIC', `the log has no topic ${list}: create it first, with createTopics`);
  }
  return [...new Set(names)].flatMap((name) => {
    const known = found.get(name);
    return known === undefined ? [] : [{ name, ...known }];
  });
}

/**
 * @param segmentRecords offsets per segment of topics that are new
 * @throws BackboneError BACKBONE_BAD_NAME, BACKBONE_PARTITIONS
 */
export async function createTopics(
  session: Session,
  layout: Layout,
  specs: readonly TopicSpec[],
  segmentRecords: number,
): Promise<void> {
  for (const { name, partitions } of specs) {
    const refusal = refusalOfTopic(name, partitions);
    if (refusal !== null) throw new BackboneError('BACKBONE_BAD_NAME', refusal);
  }
  if (await allAsAsked(session, layout, specs)) return; // The usual start: nothing to lock, no right to create needed.
  await session.transact(async (inside) => {
    await lockLayout(inside, layout);
    for (const spec of specs) await createTopic(inside, layout, spec, segmentRecords);
  });
}

async function allAsAsked(queries: Queries, layout: Layout, specs: readonly TopicSpec[]): Promise<boolean> {
  const rows = await queries.query({
    text: `select t.name, t.partitions, t.cleanup, t.retention_ms from ${layout.topic} t
           where t.name = any(array(select json_array_elements_text($1::json)))`,
    values: [JSON.stringify(specs.map(({ name }) => name))],
  });
  const found = new Map(rows.map(([name, ...rest]) => [name, JSON.stringify(rest)]));
  return specs.every(({ name, partitions, cleanup, retentionMs }) => {
    const retention = retentionMs === null ? null : String(retentionMs);
    return found.get(name) === JSON.stringify([String(partitions), cleanup, retention]);
  });
}

async function createTopic(queries: Queries, layout: Layout, spec: TopicSpec, segmentRecords: number): Promise<void> {
  const [before] = await queries.query({
    text: `select id, partitions from ${layout.topic} where name = $1`,
    values: [spec.name],
  });
  const had = before === undefined ? 0 : Number(before[1]);
  if (spec.partitions < had) {
    throw new BackboneError(
      'BACKBONE_PARTITIONS',
      `topic ${spec.name} has ${had} partitions, and cannot be made to have ${spec.partitions}: partitions never shrink`,
    );
  }
  const [row] = await queries.query({
    text: `insert into ${layout.topic} as t (name, partitions, cleanup, retention_ms, segment_records)
           values ($1, $2, $3, $4, $5) on conflict (name) do update
           set partitions = excluded.partitions, cleanup = excluded.cleanup, retention_ms = excluded.retention_ms
           returning t.id, t.segment_records`,
    values: [spec.name, spec.partitions, spec.cleanup, spec.retentionMs, segmentRecords],
  });
  const [id, segment] = [Number(row?.[0]), BigInt(row?.[1] ?? 0)];
  if (spec.partitions === had) return;
  if (had > 0) await growHeads(queries, layout, id, spec);
  for (let partition = had; partition < spec.partitions; partition += 1) {
    const [head] = await queries.query({
      text: `insert into ${layout.head} (topic, partition, partitions) values ($1, $2, $3) returning tp`,
      values: [id, partition, spec.partitions],
    });
    await createPartition(queries, layout, Number(head?.[0]));
    await attachSegments(queries, layout, { tp: Number(head?.[0]), segment, from: 0n, upTo: ahead(segment) });
  }
}

/** Growing moves keys to other partitions, out of order with what they have: only an empty topic can. */
async function growHeads(queries: Queries, layout: Layout, id: number, spec: TopicSpec): Promise<void> {
  const heads = await queries.query({
    // Locks out producers; those that waited see the new number of partitions, and look again.
    text: `select next from ${layout.head} where topic = $1 order by tp for update`,
    values: [id],
  });
  if (heads.some(([next]) => next !== '0')) {
    throw new BackboneError(
      'BACKBONE_PARTITIONS',
      `topic ${spec.name} holds records, and cannot be made to have ${spec.partitions} partitions: their keys would move`,
    );
  }
  await queries.query({
    text: `update ${layout.head} set partitions = $2 where topic = $1`,
    values: [id, spec.partitions],
  });
}

// `create table … partition of` would lock every writer and reader of the log out; attaching does not.
async function createPartition(queries: Queries, layout: Layout, tp: number): Promise<void> {
  const table = partitionTable(layout, tp);
  await queries.query({ text: `create table ${table} (like ${layout.record}) partition by range (off)` });
  await queries.query({ text: `create unique index on ${table} (off)` });
  await queries.query({ text: `alter table ${layout.record} attach partition ${table} for values in (${tp})` });
}

interface Range {
  readonly tp: number;
  /** Offsets per segment. */
  readonly segment: bigint;
  /** Where the segments end that there are; a multiple of `segment`. */
  readonly from: bigint;
  /** This offset is to have one. */
  readonly upTo: bigint;
}

async function attachSegments(queries: Queries, layout: Layout, { tp, segment, from, upTo }: Range): Promise<void> {
  const parent = partitionTable(layout, tp);
  let end = from;
  for (; end <= upTo; end += segment) {
    const table = segmentTable(layout, tp, end / segment);
    await queries.query({ text: `create table ${table} (like ${parent} including indexes)` });
    await queries.query({
      text: `alter table ${parent} attach partition ${table} for values from (${end}) to (${end + segment})`,
    });
  }
  await queries.query({ text: `update ${layout.head} set ready = $2 where tp = $1 and ready < $2`, values: [tp, end] });
}

/**
 * Sees to it that the offsets from `next` on have segments to go to, half a segment ahead.
 *
 * @param next of partition `tp`: a guess from below is enough, the next one will be better
 */
export async function extendPartition(session: Session, layout: Layout, tp: number, next: bigint): Promise<void> {
  await session.transact(async (inside) => {
    await lockLayout(inside, layout);
    const [row] = await inside.query({
      text: `select h.ready, t.segment_records from ${layout.head} h join ${layout.topic} t on t.id = h.topic where h.tp = $1`,
      values: [tp],
    });
    const [ready, segment] = [BigInt(row?.[0] ?? 0), BigInt(row?.[1] ?? 1)];
    await attachSegments(inside, layout, { tp, segment, from: ready, upTo: next + ahead(segment) });
  });
}

/** How far before the end of the last segment the next one is made: at 100,000 records a second that leaves five seconds. */
export function ahead(segment: bigint): bigint {
  return segment / 2n;
}
