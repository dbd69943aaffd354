/**
 * Whether a backtracking matcher could take exponential time on a regular expression: it can when some text leads from a place
 * in the pattern back to that place on two different ways, for then each repetition of the text doubles the ways.
 *
 * The places are the pattern's characters. Ways are counted on pairs of places that one text reaches together; a pair of
 * different places on a circle with a pair of equal ones is the double way. What is counted (`{2,9}`) is taken as endless unless
 * each round takes as many characters as the last, so that `(a{1,20}){20}` is refused too. Sound: what is accepted is safe.
 */
import type { CharacterSet, Range, Regex } from './regex.ts';

/** How often something can be reached, by place; counts above 2 are 2. */
type Counts = ReadonlyMap<number, number>;

interface Part {
  /** Places at which it can begin and end, and in how many ways it can take no character at all. */
  readonly first: Counts;
  readonly last: Counts;
  readonly empty: number;
}

const MAX_PLACES = 500; // As many as an automaton of ours may have states.
const MAX_STEPS = 300_000; // A few hundredths of a second; patterns in use need hundreds.

const NOTHING: Part = { first: new Map(), last: new Map(), empty: 1 };

/** Says why a pattern is refused, or null when no text can make it exponential. */
export function problemOfRegex(regex: Regex): string | null {
  const places = new Places();
  places.part(regex);
  if (places.full) return `this pattern has more than ${MAX_PLACES} places for characters`;
  const verdict = new Pairs(places.sets, places.follow).search();
  if (verdict === 'safe') return null;
  return verdict === 'ambiguous'
    ? 'this pattern could take exponential time, for one text can pass its repeats in many ways: let each repeat begin or end with a character of its own'
    : 'this pattern is too intricate to be proven safe: make it shorter';
}

/** Every character of the pattern, with the characters that can come next and in how many ways. */
class Places {
  readonly sets: CharacterSet[] = [];
  readonly follow: Map<number, number>[] = [];
  full = false;

  part(regex: Regex): Part {
    if (this.full) return NOTHING;
    switch (regex.kind) {
      case 'set':
        return this.#place(regex);
      case 'assert':
        return NOTHING; // Taken as always true, which can only add ways.
      case 'cat':
        return regex.parts.reduce<Part>((before, next) => this.#joined(before, this.part(next)), NOTHING);
      case 'alt':
        return regex.options.map((option) => this.part(option)).reduce(either);
      case 'repeat':
        return this.#repeated(regex);
    }
  }

  #place(set: CharacterSet): Part {
    const place = this.sets.push(set) - 1;
    this.follow.push(new Map());
    this.full ||= this.sets.length > MAX_PLACES;
    const here = new Map([[place, 1]]);
    return { first: here, last: here, empty: 0 };
  }

  #joined(left: Part, right: Part): Part {
    this.#link(left.last, right.first);
    return {
      first: sum(left.first, times(right.first, left.empty)),
      last: sum(right.last, times(left.last, right.empty)),
      empty: capped(left.empty * right.empty),
    };
  }

  #link(from: Counts, to: Counts): void {
    for (const [place, ways] of from) {
      const next = this.follow[place];
      if (next === undefined) continue;
      for (const [target, more] of to) next.set(target, capped((next.get(target) ?? 0) + ways * more));
    }
  }

  #repeated(regex: Extract<Regex, { kind: 'repeat' }>): Part {
    const { body, min, max } = regex;
    if (max === 0) return NOTHING;
    if (max === 1) {
      const once = this.part(body);
      return min === 1 ? once : { ...once, empty: capped(once.empty + 1) };
    }
    if (min === max && lengthOf(body) !== null) {
      let whole = NOTHING;
      for (let round = 0; round < min && !this.full; round += 1) whole = this.#joined(whole, this.part(body));
      return whole;
    }
    return this.#endless(body, min);
  }

  #endless(body: Regex, min: number): Part {
    const round = this.part(body);
    this.#link(round.last, round.first);
    // A round that takes nothing ends the repeat, so nothing can be repeated in one way only, besides the rounds that must be.
    const loop = { ...round, empty: 1 };
    return min === 0 || round.empty === 0 ? { ...loop, empty: min === 0 ? 1 : 0 } : this.#joined(this.part(body), loop);
  }
}

const capped = (count: number): number => Math.min(count, 2);

function sum(one: Counts, other: Counts): Counts {
  const both = new Map(one);
  for (const [place, ways] of other) both.set(place, capped((both.get(place) ?? 0) + ways));
  return both;
}

function times(counts: Counts, factor: number): Counts {
  return factor === 0 ? new Map() : new Map([...counts].map(([place, ways]) => [place, capped(ways * factor)]));
}

function either(one: Part, other: Part): Part {
  return {
    first: sum(one.first, other.first),
    last: sum(one.last, other.last),
    empty: capped(one.empty + other.empty),
  };
}

/** How many characters it takes; null when that varies. */
function lengthOf(regex: Regex): number | null {
  switch (regex.kind) {
    case 'set':
      return 1;
    case 'assert':
      return 0;
    case 'cat':
      return regex.parts.map(lengthOf).reduce((a, b) => (a === null || b === null ? null : a + b), 0);
    case 'alt':
      return regex.options.map(lengthOf).reduce((a, b) => (a === b ? a : null));
    case 'repeat': {
      const length = regex.min === regex.max ? lengthOf(regex.body) : null;
      return length === null ? null : length * regex.min;
    }
  }
}

/** A visit of Tarjan's search for circles. */
interface Visit {
  readonly pair: number;
  readonly next: readonly number[];
  done: number;
}

/** The pairs of places that one text can reach together, the lesser first, as `lesser * count + greater`. */
class Pairs {
  readonly #sets: readonly CharacterSet[];
  readonly #follow: readonly Counts[];
  readonly #order = new Map<number, number>();
  readonly #low = new Map<number, number>();
  readonly #open: number[] = [];
  readonly #isOpen = new Set<number>();
  #steps = 0;

  constructor(sets: readonly CharacterSet[], follow: readonly Counts[]) {
    this.#sets = sets;
    this.#follow = follow;
  }

  search(): 'safe' | 'ambiguous' | 'intricate' {
    for (let place = 0; place < this.#sets.length; place += 1) {
      const pair = this.#pair(place, place);
      if (!this.#order.has(pair) && this.#circles(pair)) return 'ambiguous';
      if (this.#steps > MAX_STEPS) return 'intricate';
    }
    return 'safe';
  }

  #pair(one: number, other: number): number {
    return Math.min(one, other) * this.#sets.length + Math.max(one, other);
  }

  #isEqual(pair: number): boolean {
    return Math.floor(pair / this.#sets.length) === pair % this.#sets.length;
  }

  /** Tarjan's search from one pair, without recursion; says whether a circle holds a double way. */
  #circles(start: number): boolean {
    const visits = [this.#visit(start)];
    for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
      const next = visit.next[visit.done];
      if (next === undefined) {
        visits.pop();
        const parent = visits.at(-1);
        if (parent !== undefined) this.#lower(parent.pair, this.#low.get(visit.pair) ?? 0);
        if (this.#low.get(visit.pair) === this.#order.get(visit.pair) && this.#isDouble(this.#close(visit.pair)))
          return true;
        continue;
      }
      visit.done += 1;
      if (!this.#order.has(next)) visits.push(this.#visit(next));
      else if (this.#isOpen.has(next)) this.#lower(visit.pair, this.#order.get(next) ?? 0);
      if (this.#steps > MAX_STEPS) return false;
    }
    return false;
  }

  #visit(pair: number): Visit {
    const order = this.#order.size;
    this.#order.set(pair, order);
    this.#low.set(pair, order);
    this.#open.push(pair);
    this.#isOpen.add(pair);
    return { pair, next: this.#nextOf(pair), done: 0 };
  }

  #lower(pair: number, to: number): void {
    this.#low.set(pair, Math.min(this.#low.get(pair) ?? to, to));
  }

  #close(root: number): readonly number[] {
    const members = this.#open.splice(this.#open.lastIndexOf(root));
    for (const member of members) this.#isOpen.delete(member);
    return members;
  }

  /** A circle doubles when it joins equal and different places, or when two ways lead from one of its places to the next. */
  #isDouble(circle: readonly number[]): boolean {
    const equal = circle.filter((pair) => this.#isEqual(pair));
    if (equal.length === 0) return false;
    if (equal.length < circle.length) return true;
    const places = new Set(equal.map((pair) => pair % this.#sets.length));
    return [...places].some((place) =>
      [...(this.#follow[place] ?? [])].some(([next, ways]) => ways > 1 && places.has(next)),
    );
  }

  #nextOf(pair: number): readonly number[] {
    const [one, other] = [Math.floor(pair / this.#sets.length), pair % this.#sets.length];
    const next = new Set<number>();
    for (const mine of this.#follow[one]?.keys() ?? []) {
      for (const its of this.#follow[other]?.keys() ?? []) {
        this.#steps += 1;
        if (overlaps(this.#sets[mine]?.ranges ?? [], this.#sets[its]?.ranges ?? [])) next.add(this.#pair(mine, its));
      }
    }
    return [...next];
  }
}

function overlaps(one: readonly Range[], other: readonly Range[]): boolean {
  return one.some(([from, to]) => other.some(([low, high]) => from <= high && low <= to));
}
