/** A bounded read of a topic outside any group: for rebuilding, repairing and looking. */
import { unpackHeaders } from '../core/record.ts';
import { partitionOf } from '../core/topic.ts';
import { BackboneError } from '../errors.ts';
import type { Entry, ReplayOptions } from '../transport.ts';
import { extents, read } from './read.ts';
import type { Layout } from './schema.ts';
import type { Session } from './session.ts';
import { gone } from './supply.ts';
import { findTopics, type Place } from './topics.ts';

const WINDOW_RECORDS = 2_000n;
// With a key, most of a window stays in the database.
const KEY_WINDOW_RECORDS = 50_000n;
const WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * @throws BackboneError BACKBONE_NO_TOPIC, BACKBONE_PARTITIONS (no such partition), BACKBONE_OFFSET_GONE (also when retention
 * catches up with the reader)
 */
export async function* replay(session: Session, layout: Layout, options: ReplayOptions): AsyncGenerator<Entry, void> {
  const [topic] = await findTopics(session, layout, [options.topic]);
  const places = choose(topic?.places ?? [], options);
  const ends = await extents(
    session,
    layout,
    places.map(({ tp }) => tp),
  );
  for (const place of places) {
    const { start, next } = ends.find(({ tp }) => tp === place.tp) ?? { start: 0n, next: 0n };
    const from = options.from ?? start;
    const to = options.to === undefined || options.to > next ? next : options.to;
    yield* walk(session, layout, { place, from, to, key: options.key ?? null });
  }
}

function choose(places: readonly Place[], { topic, partition, key }: ReplayOptions): readonly Place[] {
  if (partition === undefined) {
    return key === undefined ? places : places.slice(partitionOf(key, places.length, 0)).slice(0, 1);
  }
  const place = places[partition];
  if (place !== undefined) return [place];
  throw new BackboneError('BACKBONE_PARTITIONS', `topic ${topic} has ${places.length} partitions, and no ${partition}`);
}

interface Walk {
  readonly place: Place;
  readonly from: bigint;
  readonly to: bigint;
  readonly key: string | null;
}

async function* walk(session: Session, layout: Layout, { place, from, to, key }: Walk): AsyncGenerator<Entry, void> {
  const { topic, partition, tp, name } = place;
  let position = from;
  while (position < to) {
    const step = position + (key === null ? WINDOW_RECORDS : KEY_WINDOW_RECORDS);
    const end = step < to ? step : to;
    const { extents: found, records } = await read(
      session,
      layout,
      [{ tp, from: position, to: end, bytes: WINDOW_BYTES }],
      key,
    );
    const oldest = found[0]?.start ?? 0n;
    if (position < oldest) throw gone(name, position, oldest);
    let bytes = 0;
    for (const record of records) {
      bytes += record.bytes;
      const { offset, at, key: own, value, headers } = record;
      yield { topic, partition, offset, timestamp: at, key: own, value, headers: unpackHeaders(headers) };
    }
    const last = records.at(-1)?.offset ?? end - 1n;
    // A window that was cut short by its bytes goes on behind its last record; otherwise it is done with.
    position = bytes > WINDOW_BYTES ? last + 1n : end;
  }
}
