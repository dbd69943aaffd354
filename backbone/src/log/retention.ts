/**
 * Drops what is older than a topic keeps, a whole segment at a time, from the oldest: never the one that is written to, nor
 * one that holds a younger record. First `start` moves, so that a consumer behind it is told; then the segment is detached,
 * which waits for those who read it and locks nobody out; then it is dropped.
 */
import type { Layout } from './schema.ts';
import { layoutLock, partitionTable, segmentTable } from './schema.ts';
import type { Session } from './session.ts';

// Readers of a segment take milliseconds; a transaction that stays open on it is somebody's mistake, and the next round tries again.
export const DETACH_TIMEOUT_MS: number = 60_000;

interface Partition {
  readonly tp: number;
  readonly start: bigint;
  readonly next: bigint;
  readonly segment: bigint;
  readonly retentionMs: bigint;
}

/**
 * One round over all topics. Where another process is at it, or DDL is under way, it does nothing.
 *
 * @returns how many segments were dropped
 */
export async function dropExpired(session: Session, layout: Layout): Promise<number> {
  const lock = `${layoutLock(layout)} retention`;
  const [row] = await session.query({ text: 'select pg_try_advisory_lock(hashtextextended($1, 0))', values: [lock] });
  if (row?.[0] !== 't') return 0;
  let dropped = 0;
  for (const partition of await expiring(session, layout)) dropped += await dropOf(session, layout, partition);
  await session.query({ text: 'select pg_advisory_unlock(hashtextextended($1, 0))', values: [lock] });
  return dropped;
}

async function expiring(session: Session, layout: Layout): Promise<readonly Partition[]> {
  const rows = await session.query({
    text: `select h.tp, h.start, h.next, t.segment_records, t.retention_ms
           from ${layout.head} h join ${layout.topic} t on t.id = h.topic
           where t.cleanup = 'delete' and t.retention_ms is not null order by h.tp`,
  });
  return rows.map((row) => {
    const [tp, start, next, segment, retentionMs] = row.map((cell) => BigInt(cell ?? 0));
    return {
      tp: Number(tp),
      start: start ?? 0n,
      next: next ?? 0n,
      segment: segment ?? 1n,
      retentionMs: retentionMs ?? 0n,
    };
  });
}

async function dropOf(session: Session, layout: Layout, partition: Partition): Promise<number> {
  const { tp, segment, retentionMs } = partition;
  let dropped = await finish(session, layout, partition);
  for (let { start } = partition; start + segment <= partition.next; start += segment) {
    // The last record of a segment is its youngest, give or take the time that a statement waits for a lock.
    const [row] = await session.query({
      text: `update ${layout.head} set start = $2::int8 where tp = $1 and start < $2::int8 and (
               select ts < (extract(epoch from statement_timestamp()) * 1000)::int8 - $3::int8
               from ${partitionTable(layout, tp)} where off = $2::int8 - 1
             ) returning 1`,
      values: [tp, start + segment, retentionMs],
    });
    if (row === undefined) return dropped;
    await detach(session, layout, tp, start / segment);
    dropped += 1;
  }
  return dropped;
}

async function detach(session: Session, layout: Layout, tp: number, segment: bigint): Promise<void> {
  const [parent, table] = [partitionTable(layout, tp), segmentTable(layout, tp, segment)];
  await session.query({ text: `alter table ${parent} detach partition ${table} concurrently` });
  await session.query({ text: `drop table ${table}` });
}

/** What a process that died in between has left: segments below `start`, attached, half detached, or detached. */
async function finish(session: Session, layout: Layout, { tp, start, segment }: Partition): Promise<number> {
  const rows = await session.query({
    text: `select c.relname, i.inhdetachpending from pg_class c
           left join pg_inherits i on i.inhrelid = c.oid
           where c.relnamespace = $1::regnamespace and c.relkind = 'r' and c.relname ~ $2`,
    values: [layout.schema, `^r_${tp}_[0-9]+$`],
  });
  const left = rows
    .map(([name, pending]) => ({ number: BigInt(name?.split('_')[2] ?? 0), pending }))
    .filter(({ number }) => (number + 1n) * segment <= start);
  for (const { number, pending } of left) {
    const [parent, table] = [partitionTable(layout, tp), segmentTable(layout, tp, number)];
    if (pending === 'f') await session.query({ text: `alter table ${parent} detach partition ${table} concurrently` });
    if (pending === 't') await session.query({ text: `alter table ${parent} detach partition ${table} finalize` });
    await session.query({ text: `drop table ${table}` });
  }
  return left.length;
}
