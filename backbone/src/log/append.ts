/**
 * The statement by which a batch enters the log. In one statement, and therefore in one transaction and one round trip:
 *
 *   me       the producer's own row: its epoch must still be its own, and its checkpoint moves
 *   locked   the heads of the partitions to be written, locked in order of their number, so that two producers cannot each
 *            hold what the other waits for
 *   taken    the next offsets are counted up. The locks stay until the commit: offsets become visible in order, and a consumer
 *            that has read up to one has missed nothing below it. (An identity column lost 28,694 rows here: the order of a
 *            sequence is not that of the commits.)
 *   checked  nothing is written unless every partition is there, has a segment, and the topic is as the producer believes
 *   put      the records
 *   note     the notification, delivered at the commit
 */
import type { Layout } from './schema.ts';
import type { Statement } from './session.ts';
import { int4Array, textArray } from './array.ts';
import type { WatermarkJson } from '../core/fence.ts';

/** What a batch takes of one partition. */
export interface Want {
  readonly tp: number;
  readonly count: number;
  /** How many partitions its topic has, as far as the producer knows. */
  readonly partitions: number;
}

/** A watermark to be added in the same transaction. */
export interface Mark {
  readonly tp: number;
  /** How many partitions its topic has. It goes to the first. */
  readonly partitions: number;
  readonly key: string;
  /** Its JSON up to the value of `ends`, and after it. */
  readonly head: string;
  readonly tail: string;
  /** The partitions that `ends` names. */
  readonly ends: readonly { readonly tp: number; readonly name: string }[];
}

export interface Append {
  readonly id: string;
  readonly epoch: bigint;
  readonly checkpoint: string | null;
  readonly wants: readonly Want[];
  /** The records as arrays: tp, rank (place among those of the same tp), bytes, key, value, headers. */
  readonly columns: readonly Buffer[];
  /** The records as a notification carries them, or null when they do not fit. */
  readonly carried: string | null;
  readonly mark: Mark | null;
}

/** Builds the statements once per producer; both are prepared by name. */
export function appendStatement(layout: Layout): (append: Append) => Statement {
  const plain = appendText(layout, false);
  const marking = appendText(layout, true);
  return ({ id, epoch, checkpoint, wants, columns, carried, mark }) => {
    const values = [
      id,
      epoch.toString(),
      checkpoint,
      int4Array(wants.map(({ tp }) => tp)),
      int4Array(wants.map(({ count }) => count)),
      int4Array(wants.map(({ partitions }) => partitions)),
      ...columns,
      carried,
      layout.name,
    ];
    if (mark === null) return { name: 'append', text: plain, values };
    const names = mark.ends.map(({ name }) => name);
    const lengths = names.map((name) => name.length); // Names of partitions are ASCII.
    const ends = [int4Array(mark.ends.map(({ tp }) => tp)), textArray(names, lengths)];
    return {
      name: 'append-mark',
      text: marking,
      values: [...values, mark.tp, mark.key, mark.head, mark.tail, ...ends],
    };
  };
}

/** Moves a checkpoint alone; no row comes back when the producer is fenced. */
export function checkpointStatement(layout: Layout, id: string, epoch: bigint, checkpoint: string | null): Statement {
  return {
    name: 'checkpoint',
    text: `update ${layout.producer} set checkpoint = coalesce($3, checkpoint) where id = $1 and epoch = $2 returning 1`,
    values: [id, epoch.toString(), checkpoint],
  };
}

/**
 * No row comes back when the producer is fenced; otherwise one for each partition written: tp, next offset, and the offset
 * below which its segments are ready.
 */
function appendText(layout: Layout, marks: boolean): string {
  const { producer, head, record, refuse } = layout;
  return `
with me as (
  update ${producer} set checkpoint = coalesce($3, checkpoint) where id = $1 and epoch = $2 returning 1
), clock as materialized (
  select (extract(epoch from statement_timestamp()) * 1000)::int8 as ts
), want as materialized (
  select * from unnest($4::int4[], $5::int4[], $6::int4[]) as w (tp, n, partitions)
), locked as materialized (
  select h.tp from ${head} h where h.tp = any ($4::int4[]) and exists (select from me) order by h.tp for no key update
), taken as (
  update ${head} h set next = h.next + w.n from want w join locked l on l.tp = w.tp
  where h.tp = w.tp and h.partitions = w.partitions
  returning h.tp, w.n, h.next - w.n as base, h.next, h.ready
), checked as materialized (
  select t.* from taken t
  where case when t.next <= t.ready then true else ${refuse}('BN003', 'partition ' || t.tp || ' has no segment') end
), ${marks ? markText(layout) : ''} put as (
  insert into ${record} (off, ts, tp, bytes, key, value, headers)
  select c.base + r.rank, clock.ts, r.tp, r.bytes, r.key, r.value, r.headers
  from unnest($7::int4[], $8::int4[], $9::int4[], $10::text[], $11::text[], $12::text[])
         as r (tp, rank, bytes, key, value, headers)
  join checked c on c.tp = r.tp cross join clock
  ${marks ? `union all select m.off, clock.ts, $15::int4, m.bytes, $16, m.value, null from mark m cross join clock` : ''}
), line as materialized (
  select '1 ' || min(clock.ts) || ' ' || string_agg(c.tp || ':' || c.base || ':' || c.n, ',' order by c.tp) as first,
         $13::text ${marks ? `|| (select value from mark)` : ''} as rows
  from checked c cross join clock
), note as materialized (
  select pg_notify($14, case when octet_length(first || rows) < 8000 then first || rows
                             when octet_length(first) < 8000 then first else '' end)
  from line where first is not null
)
select c.tp, c.next, c.ready from me left join checked c on true cross join (select count(*) from note) as told
where case when (select count(*) from taken) = cardinality($4::int4[]) then true
           else ${refuse}('BN002', 'the number of partitions changed') end`;
}

function markText({ head }: Layout): string {
  return `ends as materialized (
  select string_agg('"' || e.name || '":"' || coalesce(c.next, h.next) || '"', ',' order by e.name) as list
  from unnest($19::int4[], $20::text[]) as e (tp, name)
  join ${head} h on h.tp = e.tp left join checked c on c.tp = e.tp
), made as materialized (
  select $17::text || '{' || coalesce(list, '') || '}' || $18::text as value from ends
), mark as materialized (
  select c.next - 1 as off, made.value, octet_length($16::text) + octet_length(made.value) as bytes
  from checked c cross join made where c.tp = $15::int4
),`;
}

/** The JSON of a watermark around its `ends`. */
export function markJson(
  at: WatermarkJson,
  swept: object | undefined,
): { readonly head: string; readonly tail: string } {
  const whole = JSON.stringify({ source: at.source, epoch: at.epoch, lsn: at.lsn });
  return {
    head: `${whole.slice(0, -1)},"ends":`,
    tail: swept === undefined ? '}' : `,"swept":${JSON.stringify(swept)}}`,
  };
}
