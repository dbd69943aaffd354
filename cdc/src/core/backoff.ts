/** How long to wait before trying again: longer each time, up to a limit, and never in step with others. */

const FIRST_MS = 50; // A restart of Postgres can be over in this.
const LAST_MS = 5_000; // Longer would only delay the return; shorter would be a burden on a server that struggles.

/**
 * @param failures in a row so far, 1 or more
 * @param chance 0 to 1, drawn by the caller
 * @returns milliseconds: between half of the exponential step and all of it
 */
export function backoff(failures: number, chance: number): number {
  const step = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(step / 2 + (step / 2) * chance);
}
