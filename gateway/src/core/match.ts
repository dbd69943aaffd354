/**
 * Finds the route of a REST request. The most specific path wins whatever the order of the file: segment by segment from the
 * left, a literal beats a parameter, a parameter beats `*`; on one path a named method beats `ANY`. The lookup walks a tree of
 * segments, so that its cost does not grow with the number of routes.
 */
import { decoded } from './pattern.ts';
import type { Route, Segment } from './table.ts';

interface Node {
  readonly literals: Map<string, Node>;
  param: Node | null;
  /** Routes that end here, by method; `ANY` under the empty name. */
  readonly here: Map<string, Route>;
  /** Routes whose `*` begins here. */
  readonly rest: Map<string, Route>;
}

/** A compiled table of REST routes; opaque. */
export interface Matcher {
  readonly root: Node;
}

export interface Matched {
  readonly route: Route;
  /** Path parameters by name, as they stand in the request: still percent-encoded. `*` is the rest of the path. */
  readonly params: ReadonlyMap<string, string>;
}

/** Two routes that would match the same requests: the later one in the file, and the one it collides with. */
export interface Collision {
  readonly route: Route;
  readonly with: Route;
}

const ANY = '';
const node = (): Node => ({ literals: new Map(), param: null, here: new Map(), rest: new Map() });

/** Builds the tree of all REST routes. Of two that collide the first is kept: `collisions` tells them. */
export function compile(routes: readonly Route[]): Matcher {
  const root = node();
  for (const route of routes) insert(root, route, () => undefined);
  return { root };
}

/** Every pair of REST routes that would match the same requests. Routes that differ only in the names of parameters do. */
export function collisions(routes: readonly Route[]): readonly Collision[] {
  const found: Collision[] = [];
  const root = node();
  for (const route of routes) insert(root, route, (other) => found.push({ route, with: other }));
  return found;
}

function insert(root: Node, route: Route, taken: (other: Route) => void): void {
  if (route.match.kind !== 'rest') return;
  const { path, methods } = route.match;
  const slots = slotOf(root, path);
  const met = new Set<Route>();
  for (const method of methods === 'any' ? [ANY] : methods) {
    const other = slots.get(method);
    if (other === undefined) slots.set(method, route);
    else met.add(other);
  }
  for (const other of met) taken(other);
}

function slotOf(root: Node, path: readonly Segment[]): Map<string, Route> {
  let at = root;
  for (const segment of path) {
    if (segment.kind === 'rest') return at.rest;
    at = child(at, segment);
  }
  return at.here;
}

function child(parent: Node, segment: Exclude<Segment, { kind: 'rest' }>): Node {
  if (segment.kind === 'param') return (parent.param ??= node());
  const known = parent.literals.get(segment.text);
  if (known !== undefined) return known;
  const fresh = node();
  parent.literals.set(segment.text, fresh);
  return fresh;
}

// The whole path is searched, however long: what a `*` takes may be put behind another path.
const DOTS = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * @param method as it came; methods are case-sensitive (RFC 9110, section 9.1)
 * @param path of the request, without the query, percent-encoded as it came
 * @returns null when no route matches. A path with `.` or `..` segments, plain or encoded, matches none: what it means is the
 * upstream's to say, so it goes to the default
 */
export function match(matcher: Matcher, method: string, path: string): Matched | null {
  if (path.charCodeAt(0) !== 47) return null;
  const encoded = path.includes('%');
  if ((encoded || path.includes('.')) && DOTS.test(path)) return null;
  const route = walk(matcher.root, { path, method, encoded }, 1);
  return route === null ? null : new Found(route, path);
}

interface Asked {
  readonly path: string;
  readonly method: string;
  readonly encoded: boolean;
}

/** @param from where the next segment begins; beyond the path there is none. As deep as the deepest pattern, however long the path. */
function walk(start: Node, asked: Asked, begin: number): Route | null {
  const { path, method } = asked;
  let at = start;
  let from = begin;
  let end = 0;
  for (;;) {
    if (from > path.length) return at.here.get(method) ?? at.here.get(ANY) ?? null;
    const slash = path.indexOf('/', from);
    end = slash === -1 ? path.length : slash;
    const literal = at.literals.size === 0 ? undefined : literalOf(at, path.slice(from, end), asked.encoded);
    if (literal === undefined) break;
    // With nothing else to come back for, there is no need to.
    if (at.param !== null || at.rest.size > 0) {
      const found = walk(literal, asked, end + 1);
      if (found !== null) return found;
      break;
    }
    at = literal;
    from = end + 1;
  }
  // A parameter matches a whole segment that is not empty.
  if (at.param !== null && end > from) {
    const through = walk(at.param, asked, end + 1);
    if (through !== null) return through;
  }
  return at.rest.get(method) ?? at.rest.get(ANY) ?? null;
}

function literalOf(at: Node, text: string, encoded: boolean): Node | undefined {
  const part = encoded ? decoded(text) : text;
  return part === null ? undefined : at.literals.get(part);
}

const NONE: ReadonlyMap<string, string> = new Map();

/** Parameters are taken out of the path when somebody asks for them: most requests go on as they came. */
class Found implements Matched {
  readonly route: Route;
  readonly #path: string;
  #params: ReadonlyMap<string, string> | null = null;

  constructor(route: Route, path: string) {
    this.route = route;
    this.#path = path;
  }

  get params(): ReadonlyMap<string, string> {
    return (this.#params ??= paramsOf(this.route, this.#path));
  }
}

function paramsOf({ match: pattern }: Route, path: string): ReadonlyMap<string, string> {
  if (pattern.kind !== 'rest') return NONE;
  const params = new Map<string, string>();
  let from = 1;
  for (const segment of pattern.path) {
    if (segment.kind === 'rest') params.set('*', path.slice(from));
    const slash = path.indexOf('/', from);
    const end = slash === -1 ? path.length : slash;
    if (segment.kind === 'param') params.set(segment.name, path.slice(from, end));
    from = end + 1;
  }
  return params;
}
