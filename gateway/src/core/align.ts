/**
 * Which element of one list is laid beside which of the other, when their order does not count: by keys, or so that the fewest
 * differences remain.
 *
 * Two elements that differ in more than two places are better told as one missing and one extra, so a pair costs two at most.
 * Then a pair of equal elements is never worth breaking (unless the ledger excuses differences, which is not transitive), and
 * what equal pairs leave over is small enough to be solved exactly.
 */
import { assign } from './assign.ts';
import { digest, type Json } from './json.ts';

/** What laying two elements beside each other would report. */
export interface Cost {
  /** Differences that nothing excuses; above {@link SPLIT} the exact number does not matter. */
  readonly counted: number;
  readonly excused: number;
}

export interface Pair {
  readonly control: number;
  readonly candidate: number;
}

/** Both lists' elements that stay alone follow from the pairs. */
export type Pairs = readonly Pair[];

/** With more differences than this, two elements count as one missing and one extra. */
export const SPLIT = 2;

// A page of a list has up to 100 elements, and a pair of them costs some hundredths of a millisecond. Beyond it the elements
// that are left over are laid beside each other in their order: name a key.
const MAX_COSTS = 10_000;

/** Pairs elements with equal keys; those that share a key in their order. A key is one text per value. */
export function pairByKey(control: readonly string[], candidate: readonly string[]): Pairs {
  const places = new Map<string, number[]>();
  for (const [index, key] of candidate.entries()) {
    const same = places.get(key);
    if (same === undefined) places.set(key, [index]);
    else same.push(index);
  }
  const used = new Map<string, number>();
  const pairs: Pair[] = [];
  for (const [index, key] of control.entries()) {
    const turn = used.get(key) ?? 0;
    const partner = places.get(key)?.[turn];
    if (partner === undefined) continue;
    used.set(key, turn + 1);
    pairs.push({ control: index, candidate: partner });
  }
  return pairs;
}

/**
 * Pairs elements with equal digests, those first that stand at one index on both sides: what has not moved is not said to have.
 */
export function pairEqual(control: readonly string[], candidate: readonly string[]): Pairs {
  const still = (index: number): boolean => control[index] === candidate[index];
  // An index makes a key that no element of the other list can have.
  const keys = (list: readonly string[], side: string): readonly string[] =>
    list.map((key, index) => (still(index) ? `${side}${index}` : `=${key}`));
  const moved = pairByKey(keys(control, 'a'), keys(candidate, 'b'));
  const stayed = control.flatMap((_, index) => (still(index) ? [{ control: index, candidate: index }] : []));
  return [...stayed, ...moved].toSorted(byControl);
}

/**
 * Pairs elements so that the fewest differences remain, and among those ways so that the fewest are excused.
 * @param tolerant whether unequal elements may cost nothing
 * @param cost of a pair, by indexes
 */
export function pairByCost(
  lists: { readonly control: readonly Json[]; readonly candidate: readonly Json[] },
  tolerant: boolean,
  cost: (control: number, candidate: number) => Cost,
): Pairs {
  const equal = pairEqual(lists.control.map(digest), lists.candidate.map(digest));
  const rows = without(lists.control.length, new Set(equal.map((pair) => pair.control)));
  const columns = without(lists.candidate.length, new Set(equal.map((pair) => pair.candidate)));
  if (rows.length * columns.length > MAX_COSTS) return [...equal, ...inOrder(rows, columns)].toSorted(byControl);
  const rest = solve(rows, columns, cost);
  const pairs = [...equal, ...rest.pairs].toSorted(byControl);
  const all = lists.control.length * lists.candidate.length;
  if (!tolerant || rest.counted === 0 || all > MAX_COSTS) return pairs;
  const whole = solve([...lists.control.keys()], [...lists.candidate.keys()], cost);
  return whole.counted < rest.counted ? whole.pairs : pairs;
}

const byControl = (one: Pair, other: Pair): number => one.control - other.control;

const without = (length: number, taken: ReadonlySet<number>): readonly number[] =>
  Array.from({ length }, (_, index) => index).filter((index) => !taken.has(index));

function inOrder(rows: readonly number[], columns: readonly number[]): Pairs {
  return rows.slice(0, columns.length).map((control, index) => ({ control, candidate: columns[index] ?? 0 }));
}

// Weights of one counted difference and of one excused one; the least of all goes to keeping an element where it was.
const COUNTED = 1_000_000;
const EXCUSED = 100;
const MAX_EXCUSED = 999;

/** The shorter side takes the place of rows, which the method wants. */
function solve(
  rows: readonly number[],
  columns: readonly number[],
  cost: (control: number, candidate: number) => Cost,
): { readonly pairs: Pairs; readonly counted: number } {
  if (rows.length > columns.length) {
    const turned = solve(columns, rows, (candidate, control) => cost(control, candidate));
    const pairs = turned.pairs.map(({ control, candidate }) => ({ control: candidate, candidate: control }));
    return { pairs: pairs.toSorted(byControl), counted: turned.counted };
  }
  const costs = rows.map((control) => columns.map((candidate) => cost(control, candidate)));
  const weights = costs.map((line, row) => line.map((one, column) => weightOf(one, rows[row] === columns[column])));
  const pairs: Pair[] = [];
  let counted = 0;
  for (const [row, column] of assign(weights).entries()) {
    const differences = costs[row]?.[column]?.counted ?? 0;
    if (differences > SPLIT) continue;
    counted += differences;
    pairs.push({ control: rows[row] ?? 0, candidate: columns[column] ?? 0 });
  }
  return { pairs, counted: counted + rows.length + columns.length - 2 * pairs.length };
}

function weightOf({ counted, excused }: Cost, stays: boolean): number {
  const weight = Math.min(counted, SPLIT) * COUNTED + Math.min(excused, MAX_EXCUSED) * EXCUSED;
  return stays ? weight : weight + 1;
}
