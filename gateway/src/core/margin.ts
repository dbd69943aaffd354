/** How far a breaker is from opening: pure arithmetic on what it has counted. */

/** Of one window. Every request counts as a fire, the failed ones included. */
export interface Counted {
  readonly fires: number;
  readonly failures: number;
}

/**
 * How many failures more may come before their share of all requests can be `share` (0 to 1): successes in between only make it
 * more. 0: the next one may do; Infinity: none will, where only failures alone are enough and there has been a success.
 */
export function margin({ fires, failures }: Counted, share: number): number {
  if (share >= 1) return failures < fires ? Infinity : 0;
  // The smallest k with (failures + k) / (fires + k) >= share is the one that does it.
  return Math.max(0, Math.ceil((share * fires - failures) / (1 - share)) - 1);
}
