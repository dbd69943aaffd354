/**
 * Chance that can be repeated: a small seeded generator. The same seed gives the same draws on every machine, so that
 * generated data can be compared, cached and quoted in a test.
 */

/** A stream of draws. Each call moves the stream; two streams of one seed give the same draws. */
export interface Chance {
  /** An integer from 0 to `limit` - 1. `limit` is 1 to 2^32. */
  below(limit: number): number;
  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True in `percent` of a hundred draws. */
  percent(percent: number): boolean;
  /** One of `choices`, which is not empty. */
  pick<T>(choices: readonly T[]): T;
}

/**
 * Opens the stream of one row. Every row has a stream of its own, so row n is the same whatever else is generated.
 *
 * @param table a number for the kind of row
 * @param row the row's number
 */
export function chanceOf(table: number, row: number): Chance {
  let state = mix(mix(Math.imul(table, 0x9e3779b9) + 0x6a09e667) + row);

  // Mulberry32 by Tommy Ettinger (2017, public domain): https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return (word ^ (word >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit);

  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    percent: (percent) => below(100) < percent,
    pick: (choices) => at(choices, below(choices.length)),
  };
}

/**
 * The element of a list that is known to be there.
 * @throws RangeError when it is not
 */
export function at<T>(list: readonly T[], index: number): T {
  if (index < 0 || index >= list.length) throw new RangeError(`No element ${index} in a list of ${list.length}`);
  return list[index] as T;
}

// The finaliser of MurmurHash3 by Austin Appleby (public domain): neighbouring rows must not have neighbouring streams.
function mix(word: number): number {
  let mixed = word >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
