/**
 * Which partitions a consumer works on. Each is held by an advisory lock of the session on which the consumer also moves the
 * group's offsets: who can still move them still holds the lock, and when a process dies, the server sees its connection end
 * and lets go. Members share by {@link quota}; who has too much lets go between two batches, who has too little takes what is
 * free, once a second.
 */
import { quota } from '../core/share.ts';
import type { ConsumerOptions, Offsets } from '../transport.ts';
import { int4Array, int8Array, textArray } from './array.ts';
import type { Layout } from './schema.ts';
import type { Queries, Session, Statement } from './session.ts';
import type { Place } from './topics.ts';

/** A place, and where to begin with it. */
export interface Claim {
  readonly place: Place;
  readonly from: bigint;
  readonly start: bigint;
  readonly next: bigint;
}

export interface Plan {
  /** To be let go. */
  readonly release: readonly Place[];
  /** To be tried for; others may be faster. */
  readonly take: readonly Place[];
}

/** Names the locks of one group. */
export class Claims {
  readonly #layout: Layout;
  readonly #group: string;
  readonly #places: readonly Place[];
  /** Members share with those who read the same topics. */
  readonly #member: string;

  constructor(layout: Layout, group: string, places: readonly Place[]) {
    this.#layout = layout;
    this.#group = group;
    this.#places = places;
    const topics = [...new Set(places.map(({ topic }) => topic))].sort();
    this.#member = JSON.stringify(['banyan', layout.name, 'member', group, topics]);
  }

  #lock({ name }: Place): string {
    return JSON.stringify(['banyan', this.#layout.name, 'partition', this.#group, name]);
  }

  /** Makes this session a member of the group. */
  async join(queries: Queries): Promise<void> {
    const text = 'select pg_advisory_lock_shared(hashtextextended($1, 0))';
    await queries.query({ text, values: [this.#member] });
  }

  /** Compares what this session holds with what it should. */
  async plan(queries: Queries, mine: ReadonlySet<number>): Promise<Plan> {
    const keys = [this.#member, ...this.#places.map((place) => this.#lock(place))];
    const rows = await queries.query({
      name: 'plan',
      text: `select k.index, l.pid, l.pid = pg_backend_pid()
             from unnest($1::text[]) with ordinality as k (key, index)
             join pg_locks l on l.locktype = 'advisory' and l.granted and l.objsubid = 1
              and l.database = (select oid from pg_database where datname = current_database())
              and ((l.classid::int8 << 32) | l.objid::int8) = hashtextextended(k.key, 0)`,
      values: [
        textArray(
          keys,
          keys.map((key) => Buffer.byteLength(key)),
        ),
      ],
    });
    const members = rows.filter(([index]) => index === '1').sort((a, b) => Number(a[1]) - Number(b[1]));
    const rank = members.findIndex(([, , own]) => own === 't');
    const held = new Set(rows.map(([index]) => Number(index) - 2));
    const due = quota(this.#places.length, Math.max(1, members.length), Math.max(0, rank));
    const own = this.#places.filter(({ tp }) => mine.has(tp));
    const free = this.#places.filter((_place, index) => !held.has(index));
    return { release: own.slice(due), take: free.slice(0, Math.max(0, due - own.length)) };
  }

  /** @returns those that were free */
  async take(queries: Queries, places: readonly Place[]): Promise<readonly Place[]> {
    const keys = places.map((place) => this.#lock(place));
    const rows = await queries.query({
      text: `select index from unnest($1::text[]) with ordinality as k (key, index)
             where pg_try_advisory_lock(hashtextextended(key, 0))`,
      values: [
        textArray(
          keys,
          keys.map((key) => Buffer.byteLength(key)),
        ),
      ],
    });
    const taken = new Set(rows.map(([index]) => Number(index) - 1));
    return places.filter((_place, index) => taken.has(index));
  }

  async release(queries: Queries, places: readonly Place[]): Promise<void> {
    const keys = places.map((place) => this.#lock(place));
    await queries.query({
      text: 'select pg_advisory_unlock(hashtextextended(key, 0)) from unnest($1::text[]) as k (key)',
      values: [
        textArray(
          keys,
          keys.map((key) => Buffer.byteLength(key)),
        ),
      ],
    });
  }

  /**
   * Where to begin: where the consumer itself says, else the group's offset, else `start`, which then becomes the group's
   * offset, durably: whoever takes over from `latest` begins at the same place, and skips nothing.
   */
  async begin(
    session: Session,
    places: readonly Place[],
    { start, resume }: Pick<ConsumerOptions, 'start' | 'resume'>,
  ): Promise<readonly Claim[]> {
    const own: Offsets = (await resume?.(places.map(({ name }) => name))) ?? new Map();
    const rows = await session.transact(async (inside) => {
      await inside.query({ text: 'set local synchronous_commit = on' });
      return inside.query(this.#beginning(places, start));
    });
    const byTp = new Map(rows.map((row) => [Number(row[0]), row]));
    return places.map((place) => {
      const [, stored, first, next] = byTp.get(place.tp) ?? [];
      const from = own.get(place.name) ?? BigInt(stored ?? 0);
      return { place, from, start: BigInt(first ?? 0), next: BigInt(next ?? 0) };
    });
  }

  #beginning(places: readonly Place[], start: ConsumerOptions['start']): Statement {
    return {
      text: `with asked as (select tp, start, next from ${this.#layout.head} where tp = any ($2::int4[])),
             born as (
               insert into ${this.#layout.groupOffset} (consumer_group, tp, next)
               select $1, tp, case $3 when 'latest' then next else start end from asked
               on conflict do nothing returning tp, next
             )
             select a.tp, coalesce(b.next, g.next, a.start), a.start, a.next from asked a
             left join born b on b.tp = a.tp
             left join ${this.#layout.groupOffset} g on g.tp = a.tp and g.consumer_group = $1`,
      values: [this.#group, int4Array(places.map(({ tp }) => tp)), start],
    };
  }

  /** Moves the group's offsets. Only right on the session that holds the partitions. */
  async move(queries: Queries, offsets: ReadonlyMap<number, bigint>): Promise<void> {
    await queries.query({
      name: 'move',
      text: `update ${this.#layout.groupOffset} g set next = w.next
             from unnest($2::int4[], $3::int8[]) as w (tp, next) where g.consumer_group = $1 and g.tp = w.tp`,
      values: [this.#group, int4Array([...offsets.keys()]), int8Array([...offsets.values()])],
    });
  }
}
