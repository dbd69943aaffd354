/** Chance that a seed repeats. */

/** Numbers from 0 (included) to 1 (not). */
export type Roll = () => number;

export function dice(seed: number): Roll {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    // Mulberry32 (Tommy Ettinger), public domain.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = <T>(roll: Roll, from: readonly [T, ...T[]]): T => from[Math.floor(roll() * from.length)] ?? from[0];

/** A whole number from `least` to `most`. */
export const between = (roll: Roll, least: number, most: number): number =>
  least + Math.floor(roll() * (most - least + 1));

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
