/**
 * Members that the ledger says have another name, or another place, on the candidate's side: they are put back under the
 * control's name before the trees are laid beside each other, so that lists can be paired by them too. Where each came from is
 * remembered, for differences must say where things stand.
 */
import type { Rules } from './excuse.ts';
import { isList, isObject, type Json } from './json.ts';
import { selects, type AtPath, type Segment, type Step } from './path.ts';

/** Where a member of the rearranged tree stood, and which entry put it where it is. */
export interface Origin {
  readonly id: string;
  readonly steps: readonly Step[];
}

export interface Rearranged {
  readonly root: Json;
  /** By object (by identity) and member. */
  readonly origins: ReadonlyMap<Json, ReadonlyMap<string, Origin>>;
}

/** A place that a path means in one tree, and what stood for its wildcards. */
interface Place {
  readonly steps: readonly Step[];
  readonly captures: readonly (readonly Step[])[];
}

/**
 * The candidate's tree with every renamed member under the control's name, where the control has such a place at all. Null
 * when time ran out.
 */
export function rearrange(
  control: Json,
  candidate: Json,
  { rules, spent }: { readonly rules: Rules; readonly spent: () => boolean },
): Rearranged | null {
  const search = new Search(spent);
  const moves: Move[] = [];
  for (const { id, at, allow } of rules.entries) {
    if (allow.kind !== 'renamed' || search.places(control, at).length === 0) continue;
    for (const { steps, captures } of search.places(candidate, allow.to)) {
      const to = stepsOf(at, captures);
      if (to !== null) moves.push({ id, from: steps, to });
    }
  }
  if (search.stopped) return null;
  const draft = new Draft(candidate, control);
  const isWhole = draft.move(possible(candidate, moves));
  // Nothing may get lost on the way: then nothing is taken for renamed.
  return isWhole ? { root: draft.root, origins: draft.origins } : { root: candidate, origins: new Map() };
}

interface Move {
  readonly id: string;
  readonly from: readonly Step[];
  readonly to: readonly Step[];
}

/**
 * Moves to places that an object can hold, and that are free or will be freed by another of them: names may have been handed on,
 * or exchanged.
 */
function possible(candidate: Json, moves: readonly Move[]): readonly Move[] {
  const keyOf = (steps: readonly Step[]): string => JSON.stringify(steps);
  let left = moves.filter(({ to }) => canHold(candidate, to));
  for (;;) {
    const freed = new Set(left.map(({ from }) => keyOf(from)));
    const next = left.filter(({ to }) => valueAt(candidate, to) === undefined || freed.has(keyOf(to)));
    if (next.length === left.length) return left;
    left = next;
  }
}

const NODES_PER_LOOK = 256; // Some tens of microseconds between two looks at the clock.

/** Finds every place that a path means. */
class Search {
  stopped = false;
  readonly #spent: () => boolean;
  #found: Place[] = [];
  #nodes = 0;

  constructor(spent: () => boolean) {
    this.#spent = spent;
  }

  places(root: Json, at: AtPath): readonly Place[] {
    this.#found = [];
    this.#walk(root, at.segments, { steps: [], captures: [] });
    return this.#found;
  }

  #walk(json: Json, segments: readonly Segment[], place: Place): void {
    const [segment, ...rest] = segments;
    if (segment === undefined) this.#found.push(place);
    else if (segment.descend) this.#descend(json, [], { segment, rest, place });
    else this.#step(json, segment, rest, place);
  }

  #descend(
    json: Json,
    passed: readonly Step[],
    to: { readonly segment: Segment; readonly rest: readonly Segment[]; readonly place: Place },
  ): void {
    this.#nodes += 1;
    if (this.#nodes % NODES_PER_LOOK === 0) this.stopped ||= this.#spent();
    if (this.stopped) return;
    const { steps, captures } = to.place;
    this.#step(json, to.segment, to.rest, { steps: [...steps, ...passed], captures: [...captures, passed] });
    for (const [key, child] of childrenOf(json)) {
      if (isList(child) || isObject(child)) this.#descend(child, [...passed, key], to);
    }
  }

  #step(json: Json, segment: Segment, rest: readonly Segment[], { steps, captures }: Place): void {
    const [selector] = segment.selectors; // A renamed path has one (`problemOfEntry`).
    if (selector?.kind === 'name' && isObject(json)) {
      const child = json.get(selector.name);
      if (child !== undefined) this.#walk(child, rest, { steps: [...steps, selector.name], captures });
    } else if (selector !== undefined) {
      for (const [key, child] of childrenOf(json)) {
        const captured = selector.kind === 'any' ? [...captures, [key]] : captures;
        if (selects(selector, key)) this.#walk(child, rest, { steps: [...steps, key], captures: captured });
      }
    }
  }
}

function childrenOf(json: Json): Iterable<readonly [Step, Json]> {
  if (isList(json) || isObject(json)) return json.entries();
  return [];
}

/** The one place that a path means once its wildcards are known; null when they do not fit. */
function stepsOf(at: AtPath, captures: readonly (readonly Step[])[]): readonly Step[] | null {
  const steps: Step[] = [];
  let used = 0;
  for (const { descend: isDescent, selectors } of at.segments) {
    if (isDescent) steps.push(...(captures[used++] ?? []));
    const [selector] = selectors;
    if (selector?.kind === 'any') steps.push(...(captures[used++] ?? []));
    else if (selector !== undefined) steps.push(selector.kind === 'name' ? selector.name : selector.index);
  }
  return used === captures.length ? steps : null;
}

type Draftable = Json[] | Map<string, Json>;

/** Whether something can be put at `steps` by making objects at most. */
function canHold(root: Json, steps: readonly Step[]): boolean {
  let at: Json | undefined = root;
  for (const key of steps) {
    if (at !== undefined && isList(at) && typeof key === 'number') at = at[key] ?? null;
    else if (typeof key !== 'string' || (at !== undefined && !isObject(at))) return false;
    else at = at?.get(key);
  }
  return typeof steps.at(-1) === 'string';
}

/** A tree of which copies are made where it is changed, and nowhere else. */
class Draft {
  root: Json;
  readonly origins = new Map<Json, Map<string, Origin>>();
  readonly #control: Json;
  readonly #copies = new Set<Json>();

  constructor(root: Json, control: Json) {
    this.root = root;
    this.#control = control;
  }

  /**
   * Takes everything away first, so that names may be exchanged; then puts each thing at its new place.
   * @returns whether each found its place
   */
  move(moves: readonly Move[]): boolean {
    const values = moves.map(({ from }) => valueAt(this.root, from));
    for (const { from } of moves) this.#remove(from);
    return moves.every((move, index) => this.#put(move, values[index]));
  }

  #put({ id, from, to }: Move, value: Json | undefined): boolean {
    const name = to.at(-1);
    const parent = this.#reach(to.slice(0, -1));
    if (!(parent instanceof Map) || typeof name !== 'string' || value === undefined || parent.has(name)) return false;
    parent.set(name, value);
    const known = this.origins.get(parent) ?? new Map<string, Origin>();
    this.origins.set(parent, known.set(name, { id, steps: from }));
    return true;
  }

  /** The container at `steps`, safe to change; objects that lack on the way are made. Null when something else stands there. */
  #reach(steps: readonly Step[]): Draftable | null {
    let at = this.#owned(this.root, (copy) => {
      this.root = copy;
    });
    for (const key of steps) {
      if (at === null) return null;
      const parent: Draftable = at;
      const child = childOf(parent, key) ?? (typeof key === 'string' && parent instanceof Map ? new Map() : undefined);
      if (child === undefined) return null;
      at = this.#owned(child, (copy) => put(parent, key, copy));
    }
    return at;
  }

  #owned(json: Json, keep: (copy: Json) => void): Draftable | null {
    if (!isList(json) && !isObject(json)) return null;
    if (this.#copies.has(json)) return json as Draftable;
    const copy: Draftable = isList(json) ? [...json] : new Map(json);
    this.#copies.add(copy);
    keep(copy);
    return copy;
  }

  /** Takes a member away, and with it the objects that it leaves empty, unless the control has something there. */
  #remove(steps: readonly Step[]): void {
    const name = steps.at(-1);
    const parent = this.#reach(steps.slice(0, -1));
    // An element of a list cannot go without moving the others; it stays, and is a difference.
    if (!(parent instanceof Map) || typeof name !== 'string') return;
    parent.delete(name);
    const above = steps.slice(0, -1);
    if (parent.size === 0 && above.length > 0 && valueAt(this.#control, above) === undefined) this.#remove(above);
  }
}

function childOf(parent: Draftable, key: Step): Json | undefined {
  if (parent instanceof Map) return typeof key === 'string' ? parent.get(key) : undefined;
  return typeof key === 'number' ? parent[key] : undefined;
}

function put(parent: Draftable, key: Step, value: Json): void {
  if (parent instanceof Map && typeof key === 'string') parent.set(key, value);
  else if (!(parent instanceof Map) && typeof key === 'number') parent[key] = value;
}

/** What stands at a place; undefined when nothing does. */
function valueAt(root: Json, steps: readonly Step[]): Json | undefined {
  let at: Json | undefined = root;
  for (const key of steps) {
    if (at === undefined) return undefined;
    at = isObject(at)
      ? typeof key === 'string'
        ? at.get(key)
        : undefined
      : isList(at) && typeof key === 'number'
        ? at[key]
        : undefined;
  }
  return at;
}
