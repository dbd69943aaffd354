/**
 * Lays two trees beside each other and lists where they differ, each difference with the entry of the ledger that excuses it.
 * Lists are taken by index, unless the ledger says that their order does not count; a list whose elements are all there in
 * another order is one difference.
 *
 * Total, and bounded by `spent`: past it the walk ends and there is no answer.
 */
import { pairByCost, pairByKey, pairEqual, SPLIT, type Cost, type Pairs } from './align.ts';
import type { Difference, Finding } from './difference.ts';
import { excuseOf, isTolerant, unorderedAt, type Rules } from './excuse.ts';
import { digest, isList, isObject, sameScalar, typeOf, type Json } from './json.ts';
import type { AtPath, Path, Step } from './path.ts';
import { rearrange, type Origin, type Rearranged } from './rename.ts';

const NODES_PER_LOOK = 256; // Some tens of microseconds between two looks at the clock.
// Longer lists are not tried for another order when their elements differ in declared ways too: each try costs a square.
const MAX_TOLERANT_ORDER = 100;

type List = readonly Json[];
type Members = ReadonlyMap<string, Json>;

export interface TreeOptions {
  readonly rules: Rules;
  /** The number of a list's first element. */
  readonly base: 0 | 1;
  /** Whether time is over; asked now and then. */
  readonly spent: () => boolean;
}

/** The differences of two trees; null when time ran out. */
export function compareTrees(control: Json, candidate: Json, options: TreeOptions): readonly Finding[] | null {
  const rearranged = rearrange(control, candidate, options);
  if (rearranged === null) return null;
  const { root, origins } = rearranged;
  const meter = { nodes: 0, stopped: false };
  const walk = new Walk({ ...options, origins, meter, steps: [], most: Infinity });
  walk.node(control, root);
  return meter.stopped ? null : walk.findings;
}

/** What all walks of one comparison have looked at, and whether they must end. */
interface Meter {
  nodes: number;
  stopped: boolean;
}

interface WalkOptions extends TreeOptions {
  readonly meter: Meter;
  readonly origins: Rearranged['origins'];
  readonly steps: readonly Step[];
  /** The walk may end once this many differences are counted that nothing excuses. */
  readonly most: number;
}

class Walk {
  findings: Finding[] = [];
  counted = 0;
  readonly #options: WalkOptions;
  readonly #steps: Step[];
  /** Whether lists may be cut short; not while their order is in question. */
  #patient = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#steps = [...options.steps];
  }

  get #ended(): boolean {
    return this.#options.meter.stopped || (this.#patient === 0 && this.counted > this.#options.most);
  }

  node(control: Json, candidate: Json): void {
    const { meter, spent } = this.#options;
    meter.nodes += 1;
    if (meter.nodes % NODES_PER_LOOK === 0) meter.stopped ||= spent();
    if (this.#ended || control === candidate) return;
    if (isList(control) && isList(candidate)) this.#lists(control, candidate);
    else if (isObject(control) && isObject(candidate)) this.#objects(control, candidate);
    else if (typeOf(control) !== typeOf(candidate)) this.#found({ path: this.#here, kind: 'type', control, candidate });
    else if (!sameScalar(control, candidate)) this.#found({ path: this.#here, kind: 'changed', control, candidate });
  }

  get #here(): Path {
    return { root: '$', steps: [...this.#steps] };
  }

  #below(step: Step): Path {
    return { root: '$', steps: [...this.#steps, step] };
  }

  #found(difference: Difference, excusedBy: string | null = excuseOf(this.#options.rules, difference)): void {
    if (excusedBy === null) this.counted += 1;
    this.findings.push({ ...difference, excusedBy, fatal: false });
  }

  #child(step: Step, control: Json, candidate: Json): void {
    this.#steps.push(step);
    this.node(control, candidate);
    this.#steps.pop();
  }

  #objects(control: Members, candidate: Members): void {
    const origins = this.#options.origins.get(candidate);
    for (const [name, mine] of control) {
      if (this.#ended) return;
      const its = candidate.get(name);
      if (its === undefined) this.#lacks(this.#below(name), mine);
      else {
        const origin = origins?.get(name);
        if (origin !== undefined) this.#renamed(this.#below(name), mine, its, origin);
        this.#child(name, mine, its);
      }
    }
    for (const [name, its] of candidate) {
      if (this.#ended) return;
      if (control.has(name)) continue;
      const origin = origins?.get(name);
      const path: Path = origin === undefined ? this.#below(name) : { root: '$', steps: origin.steps };
      this.#found({ path, kind: 'extra', control: undefined, candidate: its });
    }
  }

  #lacks(path: Path, control: Json): void {
    this.#found({ path, kind: 'missing', control, candidate: undefined });
  }

  /** What would be reported without the entry, excused by it. The values are compared after it, under the control's path. */
  #renamed(path: Path, control: Json, candidate: Json, { id, steps }: Origin): void {
    this.#found({ path, kind: 'missing', control, candidate: undefined }, id);
    this.#found({ path: { root: '$', steps }, kind: 'extra', control: undefined, candidate }, id);
  }

  #lists(control: List, candidate: List): void {
    const unordered = unorderedAt(this.#options.rules, this.#here);
    if (unordered === null) this.#ordered(control, candidate);
    else if (unordered.by.length > 0)
      this.#aligned(control, candidate, this.#byKeys(control, candidate, unordered.by), unordered.id);
    else this.#unordered(control, candidate, unordered.id);
  }

  #ordered(control: List, candidate: List): void {
    const before = { findings: this.findings.length, counted: this.counted };
    const mayBeMoved = control.length === candidate.length && control.length > 1;
    if (mayBeMoved) this.#patient += 1;
    const changed = this.#byIndex(control, candidate);
    if (mayBeMoved) this.#patient -= 1;
    if (!mayBeMoved || changed.length < 2 || this.#options.meter.stopped) return;
    const excused = this.#moved(control, candidate, changed);
    if (excused === null) return;
    this.findings.length = before.findings;
    this.counted = before.counted;
    this.#found({ path: this.#here, kind: 'order', control, candidate });
    this.findings.push(...excused);
  }

  /** @returns the indexes of elements that differ in a way that nothing excuses */
  #byIndex(control: List, candidate: List): readonly number[] {
    const { base } = this.#options;
    const changed: number[] = [];
    for (const [index, mine] of control.entries()) {
      if (this.#ended) return changed;
      const its = candidate[index];
      const before = this.counted;
      if (its === undefined) this.#lacks(this.#below(index + base), mine);
      else this.#child(index + base, mine, its);
      if (this.counted > before) changed.push(index);
    }
    for (const [index, its] of candidate.entries()) {
      if (this.#ended) return changed;
      if (index >= control.length)
        this.#found({ path: this.#below(index + base), kind: 'extra', control: undefined, candidate: its });
    }
    return changed;
  }

  /** What else is to be reported when the elements are all there in another order; null when they are not. */
  #moved(control: List, candidate: List, changed: readonly number[]): readonly Finding[] | null {
    const { rules, most } = this.#options;
    const digests = (list: List): string[] => list.map(() => '');
    const [mine, its] = [digests(control), digests(candidate)];
    for (const index of changed) {
      mine[index] = digest(control[index] ?? null);
      its[index] = digest(candidate[index] ?? null);
    }
    const exact = pairEqual(mine, its);
    if (exact.length === control.length) return this.#excusedBy(control, candidate, exact);
    if (!isTolerant(rules) || most !== Infinity || control.length > MAX_TOLERANT_ORDER) return null;
    return this.#excusedBy(control, candidate, this.#byCost(control, candidate));
  }

  /** The differences of all elements, laid beside each other by `pairs`; null when any is not excused. */
  #excusedBy(control: List, candidate: List, pairs: Pairs): readonly Finding[] | null {
    if (pairs.length < control.length) return null;
    const trial = this.#fork(this.#steps, 0);
    for (const pair of pairs) trial.#pair(control, candidate, pair);
    return trial.counted === 0 && !this.#options.meter.stopped ? trial.findings : null;
  }

  #pair(control: List, candidate: List, pair: Pairs[number]): void {
    const [mine, its] = [control[pair.control], candidate[pair.candidate]];
    if (mine !== undefined && its !== undefined) this.#child(pair.control + this.#options.base, mine, its);
  }

  #unordered(control: List, candidate: List, id: string): void {
    if (control.length === candidate.length) {
      // The usual case, and the cheapest: nothing has moved.
      const trial = this.#fork(this.#steps, 0);
      trial.#byIndex(control, candidate);
      if (trial.counted === 0 && !this.#options.meter.stopped) {
        this.findings.push(...trial.findings);
        return;
      }
    }
    this.#aligned(control, candidate, this.#byCost(control, candidate), id);
  }

  #byKeys(control: List, candidate: List, by: readonly AtPath[]): Pairs {
    const keys = (list: List): readonly string[] =>
      list.map((element) => JSON.stringify(by.map((at) => keyOf(element, at))));
    return pairByKey(keys(control), keys(candidate));
  }

  #byCost(control: List, candidate: List): Pairs {
    return pairByCost({ control, candidate }, isTolerant(this.#options.rules), (mine, its): Cost => {
      const trial = this.#fork(this.#steps, SPLIT);
      trial.#pair(control, candidate, { control: mine, candidate: its });
      return { counted: trial.counted, excused: trial.findings.length - trial.counted };
    });
  }

  #fork(steps: readonly Step[], most: number): Walk {
    return new Walk({ ...this.#options, steps, most });
  }

  /** Reports what pairs leave: the order, each pair's differences, and the elements that stay alone. */
  #aligned(control: List, candidate: List, pairs: Pairs, id: string): void {
    const { base } = this.#options;
    const isMoved = pairs.some((pair, at) => pair.candidate < (pairs[at - 1]?.candidate ?? 0));
    if (isMoved) this.#found({ path: this.#here, kind: 'order', control, candidate }, id);
    const partners = new Map(pairs.map((pair) => [pair.control, pair]));
    for (const [index, mine] of control.entries()) {
      if (this.#ended) return;
      const pair = partners.get(index);
      if (pair === undefined) this.#lacks(this.#below(index + base), mine);
      else this.#pair(control, candidate, pair);
    }
    const taken = new Set(pairs.map((pair) => pair.candidate));
    for (const [index, its] of candidate.entries()) {
      if (taken.has(index)) continue;
      this.#found({ path: this.#below(index + base), kind: 'extra', control: undefined, candidate: its });
    }
  }
}

/** One text for the value of a key in an element; null when it has none. */
function keyOf(element: Json, at: AtPath): string | null {
  let value: Json | undefined = element;
  for (const { selectors } of at.segments) {
    const [selector] = selectors;
    if (selector?.kind === 'name')
      value = value !== undefined && isObject(value) ? value.get(selector.name) : undefined;
    if (selector?.kind === 'index') value = value !== undefined && isList(value) ? value[selector.index] : undefined;
  }
  return value === undefined ? null : digest(value);
}
