/**
 * Which of an upstream's URLs gets the next request: the one with the fewest in hand; of several such, each in its turn. Those
 * that are out come last, so that with all of them out all are tried rather than none.
 */

export interface Candidate {
  /** Requests handed to it that have not ended. */
  readonly outstanding: number;
  /** Found unhealthy, or taken out for a while. */
  readonly out: boolean;
}

/**
 * @param turn a number that grows by one with every choice
 * @param tried those that this request has been to
 * @returns null when there is none besides those tried
 */
export function choose<T extends Candidate>(candidates: readonly T[], turn: number, tried: readonly T[]): T | null {
  let best: T | null = null;
  let bestOut = true;
  for (let step = 0; step < candidates.length; step += 1) {
    const one = candidates[(turn + step) % candidates.length];
    if (one === undefined || tried.includes(one)) continue;
    const { out } = one;
    if (best === null || (bestOut && !out) || (bestOut === out && one.outstanding < best.outstanding)) {
      best = one;
      bestOut = out;
    }
  }
  return best;
}
