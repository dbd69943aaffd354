/**
 * How often somebody is asked who does not answer: after some failures in a row there is a pause, and each pause ends with one
 * question alone; while that fails too, pauses grow. So that one who is dead costs nearly nothing.
 *
 * Pure: times are milliseconds of a clock that only goes forward, and arguments.
 */

export interface Patience {
  /** In a row. */
  readonly failures: number;
  /** When the last pause began, and when it ends; both 0 while there has been none since the last answer. */
  readonly pausedAt: number;
  readonly until: number;
}

/** Nothing has failed. */
export const CALM: Patience = { failures: 0, pausedAt: 0, until: 0 };

// One bad answer is an accident, and so may be the few that were under way with it.
const FAILURES = 5;
// As long as a process takes to start again at best; the longest a restored candidate waits to be noticed.
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** After a failure. @param askedAt when it was asked: what was under way before the pause began says nothing new. */
export function afterFailure(patience: Patience, askedAt: number, now: number): Patience {
  const failures = patience.failures + 1;
  if (failures < FAILURES) return { ...patience, failures };
  if (askedAt < patience.pausedAt) return patience;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - FAILURES), LONGEST_PAUSE_MS);
  return { failures, pausedAt: now, until: now + pause };
}

/** How many may be under way at a time: none in a pause, one after it, else `most`. */
export function allowed(patience: Patience, most: number, now: number): number {
  if (patience.failures < FAILURES) return most;
  return now < patience.until ? 0 : 1;
}
