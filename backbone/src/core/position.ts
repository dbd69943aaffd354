/**
 * Where a change stands in the stream of its source. A projection keeps the position of the last change it applied to each
 * row and drops what is not later, so that a change delivered twice, or a snapshot row that comes late, does no harm.
 *
 * The position is **(incarnation, commit LSN, index in its transaction)**, never the record's own LSN: an update made before
 * a snapshot chunk was read, but committed after it, has a smaller record LSN than the chunk, and would be dropped.
 */
import { formatLsn, parseLsn, type Lsn } from './lsn.ts';

/**
 * `incarnation` counts the times that the source's stream was begun anew (first snapshot 1; one more each time continuity was
 * lost: slot dropped, another cluster, restored from a dump). A later incarnation beats an earlier one whatever its LSN, for
 * LSNs of another cluster can be smaller. `lsn` is the commit record's (where it begins: the stream says so before
 * the transaction's first change); for a row of a snapshot the byte before the first commit that the snapshot does not hold.
 * `index` counts from 0 within the transaction.
 */
export interface Position {
  readonly incarnation: number;
  readonly lsn: Lsn;
  readonly index: number;
}

/** The record header that carries a change's position on the backbone. Absent on events that real Debezium wrote. */
export const POSITION_HEADER = 'banyan.position';

/** Negative when `a` comes before `b`, 0 when they are the same place, positive when `a` comes after. */
export function comparePositions(a: Position, b: Position): number {
  if (a.incarnation !== b.incarnation) return a.incarnation - b.incarnation;
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return a.index - b.index;
}

/** Writes `1:0/1A2B3C8:17`. */
export function formatPosition(position: Position): string {
  return `${position.incarnation}:${formatLsn(position.lsn)}:${position.index}`;
}

const TEXT = /^(\d{1,9}):([0-9A-F]{1,8}\/[0-9A-F]{1,8}):(\d{1,9})$/;

/** The inverse of {@link formatPosition}. Returns null when `text` is no position. */
export function parsePosition(text: string): Position | null {
  const parts = TEXT.exec(text);
  if (parts === null) return null;
  const lsn = parseLsn(parts[2] ?? '');
  return lsn === null ? null : { incarnation: Number(parts[1]), lsn, index: Number(parts[3]) };
}
