/**
 * When a changed `routing.yaml` may be read. People and tools write the file in four ways (in place, by rename, by symlink swap,
 * by `banyan flip`); in place it is half-written for a moment, and half a file can be valid. So a change counts once the file has
 * kept still for a while, and for longer when it looks cut off.
 */

/** What can be seen of the file without reading it: changes whenever it was written or replaced. */
export type Stamp = string;

export interface Settling {
  /** The stamp of what was read last. */
  readonly read: Stamp;
  /** A different stamp, and since when it has stood still; null when nothing has changed. Milliseconds of any clock. */
  readonly pending: { readonly stamp: Stamp; readonly since: number } | null;
}

/** A writer in place needs microseconds between two writes; this is what a stalled one gets. */
export const QUIET_MS = 150;
/** For a content that looks cut off; with a poll added it still leaves a change in force within a second. */
export const SUSPECT_QUIET_MS = 650;

export type Look =
  | { readonly kind: 'wait'; readonly next: Settling }
  /** Still for QUIET_MS: read it; if `looksCut` says so, keep waiting until SUSPECT_QUIET_MS have passed. */
  | { readonly kind: 'read'; readonly next: Settling; readonly stillFor: number };

/** One look at the file. `stamp` is null when it is not there (between unlink and rename). */
export function look(state: Settling, stamp: Stamp | null, now: number): Look {
  if (stamp === null) return { kind: 'wait', next: state };
  if (stamp === state.read) return { kind: 'wait', next: { read: state.read, pending: null } };
  if (state.pending === null || state.pending.stamp !== stamp) {
    return { kind: 'wait', next: { read: state.read, pending: { stamp, since: now } } };
  }
  const stillFor = now - state.pending.since;
  return stillFor < QUIET_MS ? { kind: 'wait', next: state } : { kind: 'read', next: state, stillFor };
}

/** Whether `text` could be the first part of a longer file: it ends in mid-line, or is the beginning of what stood there before. */
export function looksCut(text: string, before: string): boolean {
  return !text.endsWith('\n') || (text.length < before.length && before.startsWith(text));
}
