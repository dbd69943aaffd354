/**
 * A cluster's timelines. After a failover the new primary's WAL is that of the old one up to the point where they parted; a
 * reader that had come further than that has read what the new primary does not know.
 */
import { parseLsn, type Lsn } from '@banyan/backbone/core/lsn';

/**
 * Where the timeline `left` was left, going by the history file that `TIMELINE_HISTORY` sends (one line for each
 * timeline left: number, position, reason).
 *
 * @returns null when the file does not say so: `left` is none of its ancestors
 */
export function partingPoint(file: string, left: number): Lsn | null {
  for (const line of file.split('\n')) {
    const [, timeline, position] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    if (timeline !== undefined && position !== undefined && Number(timeline) === left) return parseLsn(position);
  }
  return null;
}
