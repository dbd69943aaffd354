/**
 * How far the read model has come, in the source's own terms. cdc writes watermarks into the backbone: "everything up to this
 * WAL position lies before these offsets". A watermark is **applied** once our next offsets have reached its ends, and that is
 * decided on the offsets of one transaction, so that the position moves only together with the rows.
 *
 * ```
 * read from the topic ──▶ pending ──(our offsets reach `ends`)──▶ applied   the newest one that is satisfied wins
 * ```
 */
import type { Watermark } from '@banyan/backbone/core/fence';
import type { Table } from './tables.ts';

/** Rows of `tables` that stand in an earlier incarnation are gone from the source, and must go. */
export interface Sweep {
  readonly incarnation: number;
  readonly tables: readonly Table[];
}

/** A watermark as it was read from the topic. */
export interface Mark {
  readonly watermark: Watermark;
  /** Next offset to be written, by `topic-partition`; only of topics that we read. */
  readonly ends: ReadonlyMap<string, bigint>;
  readonly sweep: Sweep | null;
  /** Its own place in the topic. */
  readonly offset: bigint;
  /** Milliseconds since 1970 when it was appended. */
  readonly timestamp: number;
}

/** The last watermark of a source that was applied. */
export interface Applied {
  readonly watermark: Watermark;
  readonly offset: bigint;
  readonly timestamp: number;
}

export interface Progress {
  /** Next offset to read, by `topic-partition`. */
  readonly next: ReadonlyMap<string, bigint>;
  /** Not applied yet, in the order of the topic. */
  readonly pending: readonly Mark[];
  /** One for each source. */
  readonly applied: readonly Applied[];
}

/** Nothing read, nothing applied. */
export const NOTHING: Progress = { next: new Map(), pending: [], applied: [] };

export interface Step {
  readonly progress: Progress;
  /** What the watermarks that were applied by this step sweep away. */
  readonly sweeps: readonly Sweep[];
}

// Far behind, watermarks are read much faster than the rows they wait for. Thinned, they are only coarser: the position moves
// in larger steps until the model has caught up.
const MAX_PENDING = 64;

/**
 * Takes in a batch.
 *
 * @param next where each partition of the batch is to be read on
 * @param marks the watermarks in the batch, in the order of the topic
 */
export function advance(progress: Progress, next: ReadonlyMap<string, bigint>, marks: readonly Mark[]): Step {
  const offsets = new Map(progress.next);
  for (const [partition, offset] of next) if (offset > (offsets.get(partition) ?? -1n)) offsets.set(partition, offset);
  // A watermark that was read again after a restart must not take the position back.
  const fresh = marks.filter((mark) => mark.offset > appliedOffset(progress, mark.watermark.source));
  let applied = progress.applied;
  let pending: readonly Mark[] = [...progress.pending, ...fresh];
  const sweeps: Sweep[] = [];
  const satisfied = pending.filter((mark) => isSatisfied(mark, offsets));
  for (const mark of satisfied) {
    if (mark.sweep !== null) sweeps.push(mark.sweep);
    applied = moved(applied, mark);
  }
  if (satisfied.length > 0) pending = pending.filter((mark) => isWorthKeeping(mark, satisfied));
  return { progress: { next: offsets, pending: thin(pending), applied }, sweeps };
}

/**
 * Where the watermarks are to be read on after a crash: pending ones live in memory alone, and are read again.
 *
 * @param next where they are being read on now
 */
export function resumeAt(progress: Progress, next: bigint): bigint {
  return progress.pending[0]?.offset ?? next;
}

/** A sweep may be satisfied after a later watermark was; the position stays where it is then. */
function moved(applied: readonly Applied[], { watermark, offset, timestamp }: Mark): readonly Applied[] {
  const other = applied.find((one) => one.watermark.source === watermark.source);
  if (other !== undefined && other.offset >= offset) return applied;
  return [...applied.filter((one) => one !== other), { watermark, offset, timestamp }];
}

function appliedOffset(progress: Progress, source: string): bigint {
  return progress.applied.find((one) => one.watermark.source === source)?.offset ?? -1n;
}

function isSatisfied(mark: Mark, offsets: ReadonlyMap<string, bigint>): boolean {
  for (const [partition, end] of mark.ends) if ((offsets.get(partition) ?? 0n) < end) return false;
  return true;
}

/** Superseded ones go, but for a sweep: that has to be done, however late. */
function isWorthKeeping(mark: Mark, satisfied: readonly Mark[]): boolean {
  if (satisfied.includes(mark)) return false;
  return (
    mark.sweep !== null ||
    satisfied.every((other) => other.watermark.source !== mark.watermark.source || other.offset < mark.offset)
  );
}

function thin(pending: readonly Mark[]): readonly Mark[] {
  if (pending.length <= MAX_PENDING) return pending;
  const last = pending.length - 1;
  const thinned = pending.filter((mark, index) => mark.sweep !== null || index % 2 === 0 || index === last);
  return thinned.length < pending.length ? thin(thinned) : thinned;
}
