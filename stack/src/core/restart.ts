/**
 * What follows when a process of the stack ends by itself: another try after a while, or the end of the stack.
 *
 *     starting ──exit 2, never served──▶ give up (it says itself that it could not start)
 *        │  └────CRASHES_IN_A_ROW──────▶ give up
 *        └─any other end──▶ restart after a growing delay ◀──any end── up (never given up)
 *
 * Pure: how long it ran is an argument, and so is the phase of the stack.
 */

/** `starting` until everything has served once; `up` from then on. */
export type Phase = 'starting' | 'up';

/** How a process ended. `code` is null when a signal ended it; `servedMs` is null when it had not come to serve. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly servedMs: number | null;
}

/** `failures` counts the ends in a row, this one included. */
export type Next =
  | { readonly kind: 'restart'; readonly afterMs: number; readonly failures: number; readonly because: 'ended' }
  | {
      readonly kind: 'give-up';
      readonly failures: number;
      readonly because: 'could-not-start' | 'crashes-in-a-row';
    };

/** The exit code of a program that could not start (contract): trying again changes nothing while the stack starts. */
export const COULD_NOT_START = 2;

/** At the start, while somebody waits for it: with the delays below, four seconds of trying. */
export const CRASHES_IN_A_ROW = 5;

const FIRST_DELAY_MS = 250; // Long enough for a port or a database session to be released.
const LONGEST_DELAY_MS = 5_000; // Somebody who mends the cause should see it come back before they look for another.
const HEALTHY_MS = 10_000; // Twice the longest delay: who served that long did not fail at what failed before.

/**
 * @param failures ends in a row before this one, as the last `Next` counted them; 0 at first
 */
export function afterExit(failures: number, exit: Exit, phase: Phase): Next {
  const count = exit.servedMs !== null && exit.servedMs >= HEALTHY_MS ? 1 : failures + 1;
  if (phase === 'starting') {
    if (exit.code === COULD_NOT_START && exit.servedMs === null)
      return { kind: 'give-up', failures: count, because: 'could-not-start' };
    if (count >= CRASHES_IN_A_ROW) return { kind: 'give-up', failures: count, because: 'crashes-in-a-row' };
  }
  return { kind: 'restart', afterMs: delayMs(count), failures: count, because: 'ended' };
}

/** Doubles from one failure to the next, up to a bound. */
function delayMs(failures: number): number {
  const doublings = Math.min(failures - 1, 16); // Beyond the bound anyway; keeps the power finite.
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** doublings);
}

/** In words for the operator: `exit code 1`, `killed by SIGKILL`. */
export function exitWords(exit: Pick<Exit, 'code' | 'signal'>): string {
  if (exit.code !== null) return `exit code ${exit.code}`;
  return exit.signal === null ? 'killed' : `killed by ${exit.signal}`;
}
