/**
 * Brings a consumer's records from the log into its queue: what notifications carry, where it follows on without a gap, and
 * otherwise by reading. It knows for each partition the next offset it wants and the end of the log as last heard of; while the
 * first is below the second and the queue has room, it reads.
 */
import type { Carried, Run } from '../core/carry.ts';
import { unpackHeaders } from '../core/record.ts';
import { allot } from '../core/share.ts';
import { splice } from '../core/splice.ts';
import { BackboneError } from '../errors.ts';
import type { PartitionName } from '../transport.ts';
import type { Claim } from './claims.ts';
import { Queue, type Limits, type Taken } from './queue.ts';
import { extents, read, type Extent, type Reading, type Stored } from './read.ts';
import type { Layout } from './schema.ts';
import type { Session } from './session.ts';
import type { Place } from './topics.ts';

/** One partition that this consumer holds. */
interface Lane {
  readonly place: Place;
  /** The next offset to bring. */
  position: bigint;
  /** The end of the log as last heard of. */
  end: bigint;
}

// Notifications that come during one read: a second's worth at a thousand sends a second. Beyond that, it is read once more.
const MAX_LATE = 1_000;

export class Supply {
  readonly #layout: Layout;
  readonly #limits: Limits;
  /** Told when there is something to handle, or a fault to deal with. */
  readonly #ready: () => void;
  readonly #queue: Queue;
  readonly #lanes = new Map<number, Lane>();
  #late: { readonly at: number; readonly run: Run }[] = [];
  #session: Session | null = null;
  #reading = false;
  #fault: unknown = null;

  constructor(layout: Layout, limits: Limits, ready: () => void) {
    this.#layout = layout;
    this.#limits = limits;
    this.#ready = ready;
    this.#queue = new Queue(limits);
  }

  /** The partitions held, by tp. */
  get held(): ReadonlyMap<number, { readonly place: Place }> {
    return this.#lanes;
  }

  /** Forgets everything: the session on which it was held is gone. @param session the one to read on from now */
  restart(session: Session): void {
    this.#session = session;
    this.#reading = false;
    this.#lanes.clear();
    this.#late = [];
    this.#fault = null;
    this.#queue.drop(() => true);
  }

  /** @throws BackboneError BACKBONE_OFFSET_GONE, BACKBONE_OFFSET_AHEAD */
  begin(claims: readonly Claim[]): void {
    for (const { place, from, start, next } of claims) {
      if (from < start) throw gone(place.name, from, start);
      if (from > next) throw ahead(place.name, from, next);
      this.#lanes.set(place.tp, { place, position: from, end: next });
    }
    this.#fetch();
  }

  /** Forgets partitions that are being let go. */
  drop(places: readonly Place[]): void {
    for (const { tp } of places) this.#lanes.delete(tp);
    const names = new Set<PartitionName>(places.map(({ name }) => name));
    this.#queue.drop((name) => names.has(name));
  }

  /** The next batch, or null when nothing has come. */
  take(): Taken | null {
    const taken = this.#queue.take();
    this.#fetch();
    return taken;
  }

  /** The batch comes again. */
  putBack(taken: Taken): void {
    this.#queue.putBack(taken);
  }

  /** What went wrong in the background since the last call; null when nothing did. */
  takeFault(): unknown {
    const fault = this.#fault;
    this.#fault = null;
    return fault;
  }

  /** Something went wrong in the background: nothing more is read until somebody has seen to it. */
  fail(error: unknown): void {
    this.#fault ??= error;
    this.#ready();
  }

  hear({ at, runs }: Carried): void {
    for (const run of runs) {
      const lane = this.#lanes.get(run.tp);
      if (lane === undefined) continue;
      // A read under way may bring the same offsets: wait for it.
      if (this.#reading && this.#late.length < MAX_LATE) this.#late.push({ at, run });
      else this.#apply(lane, at, run);
    }
    this.#fetch();
  }

  /** Asks the log itself, for notifications can be lost. */
  async look(): Promise<void> {
    if (this.#session === null || this.#lanes.size === 0) return;
    this.#learn(await extents(this.#session, this.#layout, [...this.#lanes.keys()]));
    this.#fetch();
  }

  #apply(lane: Lane, at: number, run: Run): void {
    const end = run.base + BigInt(run.count);
    if (end > lane.end) lane.end = end;
    const room = this.#queue.room();
    const decision = this.#reading || room.records < run.count || room.bytes <= 0 ? null : splice(lane.position, run);
    if (decision?.kind !== 'take') return; // Below `end` now, so it will be read; or it is known already.
    for (const [index, row] of (run.rows ?? []).entries()) {
      if (index < decision.skip) continue;
      const bytes = (row.key?.length ?? 0) + (row.value?.length ?? 0) + (row.headers?.length ?? 0);
      this.#push(lane, { ...row, tp: run.tp, offset: run.base + BigInt(index), at, bytes });
    }
    this.#ready();
  }

  #push(lane: Lane, { offset, at, bytes, key, value, headers }: Stored): void {
    const { topic, partition } = lane.place;
    lane.position = offset + 1n;
    const entry = { topic, partition, offset, timestamp: at, key, value, headers: unpackHeaders(headers) };
    this.#queue.push({ entry, bytes });
  }

  /** Starts a read when there is something to read, room for it, and none under way. Goes on until one of these ends. */
  #fetch(): void {
    const session = this.#session;
    if (this.#reading || session === null || session.lost || this.#fault !== null) return;
    const room = this.#queue.room();
    const behind = [...this.#lanes.values()].filter(({ position, end }) => position < end);
    if (behind.length === 0 || room.records <= 0 || room.bytes <= 0) return;
    const needs = behind.map(({ position, end }) => Number(end - position));
    const shares = allot(needs, Math.min(room.records, this.#limits.records));
    const bytes = Math.max(1, Math.floor(room.bytes / behind.length));
    const windows = behind.map(({ place, position }, index) => {
      return { tp: place.tp, from: position, to: position + BigInt(shares[index] ?? 1), bytes };
    });
    this.#reading = true;
    read(session, this.#layout, windows)
      .then((reading) => this.#receive(behind, reading))
      .catch((error: unknown) => {
        if (this.#session === session) this.fail(error);
      })
      .finally(() => {
        // A read of a session that was given up in the meantime is nobody's business any more.
        if (this.#session !== session) return;
        this.#reading = false;
        this.#catchUp();
        this.#ready();
      });
  }

  /** @throws BackboneError BACKBONE_OFFSET_GONE */
  #receive(asked: readonly Lane[], { extents: found, records }: Reading): void {
    // A partition that was let go, or claimed anew, while the read was under way is not this one any more.
    const valid = asked.filter((lane) => this.#lanes.get(lane.place.tp) === lane);
    const lanes = new Map(valid.map((lane) => [lane.place.tp, lane]));
    this.#learn(found.filter(({ tp }) => lanes.has(tp)));
    for (const record of records) {
      const lane = lanes.get(record.tp);
      if (lane === undefined) continue;
      if (record.offset !== lane.position) throw gone(lane.place.name, lane.position, record.offset);
      this.#push(lane, record);
    }
  }

  #learn(found: readonly Extent[]): void {
    for (const { tp, start, next } of found) {
      const lane = this.#lanes.get(tp);
      if (lane === undefined) continue;
      if (lane.position < start) throw gone(lane.place.name, lane.position, start);
      // It can be below the position: a notification was faster than this answer.
      if (next > lane.end) lane.end = next;
    }
  }

  /** Takes up what was heard while a read was under way. */
  #catchUp(): void {
    const late = this.#late;
    this.#late = [];
    for (const { at, run } of late) {
      const lane = this.#lanes.get(run.tp);
      if (lane !== undefined) this.#apply(lane, at, run);
    }
    this.#fetch();
  }
}

function ahead(name: PartitionName, position: bigint, next: bigint): BackboneError {
  return new BackboneError(
    'BACKBONE_OFFSET_AHEAD',
    `the next offset to read of ${name} is ${position}, but the log ends at ${next}: it is not the log that was read before. ` +
      'Rebuild what was made from it, with offsets from the start',
  );
}

/** Also what {@link Supply} and replays say when offsets are missing where the log has none to miss. */
export function gone(name: PartitionName, position: bigint, oldest: bigint): BackboneError {
  return new BackboneError(
    'BACKBONE_OFFSET_GONE',
    `the records of ${name} from offset ${position} to ${oldest - 1n} are not held any more (retention): ` +
      'what was made from this topic misses them, and has to be rebuilt from a snapshot',
  );
}
