/**
 * Where something stands in an answer, and which places an entry of the ledger means. One syntax for both: `$.a[0]['odd name']`
 * in a body, `status`, `headers['content-type']`, `cookies['sid'].HttpOnly`, `$.line[3]` in text. An entry may also use RFC 9535's
 * `*`, `..` and lists of selectors; filters, slices and indexes from the end are refused.
 *
 * Matching walks the path once with a set of places in the pattern, so it never goes back, whatever the pattern.
 */
import { Scanner } from './scanner.ts';

/** A member's name, or an index as it is written: from 0 in JSON, from 1 in lines of text. */
export type Step = string | number;

export type Root = '$' | 'status' | 'headers' | 'cookies';

/** One place in an answer. Header names are in lower case. */
export interface Path {
  readonly root: Root;
  readonly steps: readonly Step[];
}

export type Selector =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'any' };

/** One step of a pattern; matches when one of `selectors` does. `descend` (`..`) lets any steps come before it. */
export interface Segment {
  readonly descend: boolean;
  readonly selectors: readonly Selector[];
}

/** A pattern of places: what stands under `at:`, and behind `renamed to`. */
export interface AtPath {
  /** As it was written. */
  readonly text: string;
  readonly root: Root;
  readonly segments: readonly Segment[];
}

/** A sentence that says what is wrong and, where there is one, what to write instead. */
export interface Problem {
  readonly error: string;
}

// The set of places is kept in the bits of one integer, of which a shift can use 31; no ledger was seen to need half of it.
const MAX_SEGMENTS = 30;
// A longer one is a mistake; the limit keeps messages readable.
const MAX_TEXT_CHARS = 1000;

const ROOTS: readonly Root[] = ['$', 'status', 'headers', 'cookies'];
const ATTRIBUTES = new Map(
  ['HttpOnly', 'Secure', 'SameSite', 'Path', 'Domain'].map((name) => [name.toLowerCase(), name] as const),
);

// How deep the fixed roots go: a header has a value, a cookie has attributes.
const DEPTHS: Partial<Record<Root, { readonly steps: number; readonly example: string }>> = {
  headers: { steps: 1, example: "headers['content-type']" },
  cookies: { steps: 2, example: "cookies['sid'].HttpOnly" },
};

/** Reads what stands under `at:`. Never throws. */
export function parseAt(text: string): AtPath | Problem {
  if (text.length > MAX_TEXT_CHARS) return { error: `a path has at most ${MAX_TEXT_CHARS} characters` };
  const scanner = new Scanner(text.trim());
  const root = readRoot(scanner);
  if (typeof root !== 'string') return root;
  const segments: Segment[] = [];
  while (!scanner.done) {
    const segment = readSegment(scanner, root, segments.length);
    if ('error' in segment) return segment;
    segments.push(segment);
    if (segments.length > MAX_SEGMENTS) return { error: `a path has at most ${MAX_SEGMENTS} steps` };
  }
  if (root === 'status')
    return segments.length === 0 ? { text: scanner.text, root, segments } : { error: 'nothing stands below "status"' };
  const most = DEPTHS[root];
  if (most === undefined) return { text: scanner.text, root, segments };
  if (segments.length === 0) return { error: `name one, as in ${most.example}, or write ${root}[*]` };
  if (segments.length > most.steps) return { error: `nothing stands so deep in ${root}: write as in ${most.example}` };
  return { text: scanner.text, root, segments };
}

function readRoot(scanner: Scanner): Root | Problem {
  if (scanner.take('$')) return '$';
  const word = scanner.word();
  const root = ROOTS.find((known) => known === word);
  if (root !== undefined) return root;
  return { error: `expected a path that begins with $, status, headers or cookies, not "${scanner.text}"` };
}

function readSegment(scanner: Scanner, root: Root, depth: number): Segment | Problem {
  const descend = scanner.take('..');
  if (descend && root !== '$') return scanner.problem('".." is for bodies: a path that begins with $');
  if (scanner.take('[')) {
    const selectors = readBrackets(scanner);
    return 'error' in selectors ? selectors : { descend, selectors: selectors.map((one) => settled(one, root, depth)) };
  }
  if (!descend && !scanner.take('.')) return scanner.problem('expected ".", ".." or "["');
  if (scanner.take('*')) return { descend, selectors: [{ kind: 'any' }] };
  const name = scanner.name();
  if (name === '') return scanner.problem('expected a name, "*" or "["');
  if (!scanner.done && !scanner.sees('.') && !scanner.sees('['))
    return scanner.problem(`a name with other characters is written in brackets: ['odd name']`);
  return { descend, selectors: [settled({ kind: 'name', name }, root, depth)] };
}

function readBrackets(scanner: Scanner): readonly Selector[] | Problem {
  const selectors: Selector[] = [];
  do {
    scanner.blanks();
    const selector = readSelector(scanner);
    if ('error' in selector) return selector;
    selectors.push(selector);
    scanner.blanks();
  } while (scanner.take(','));
  if (scanner.take(']')) return selectors;
  if (scanner.sees(':')) return scanner.problem('slices are not supported: list the indexes, or write [*]');
  return scanner.problem('expected "]"');
}

function readSelector(scanner: Scanner): Selector | Problem {
  if (scanner.take('*')) return { kind: 'any' };
  if (scanner.sees('"') || scanner.sees("'")) {
    const name = scanner.quoted();
    return name === null
      ? scanner.problem('this quoted name does not end, or has a bad escape')
      : { kind: 'name', name };
  }
  if (scanner.sees('?')) return scanner.problem('filters are not supported');
  if (scanner.sees('-')) return scanner.problem('indexes from the end are not supported');
  if (scanner.sees(':')) return scanner.problem('slices are not supported: list the indexes, or write [*]');
  const index = scanner.integer();
  return index === null ? scanner.problem("expected an index, '*' or a quoted name") : { kind: 'index', index };
}

/** Names of headers and of cookies' attributes are spelt in any case, and matched as differences spell them. */
function settled(selector: Selector, root: Root, depth: number): Selector {
  if (selector.kind !== 'name') return selector;
  const { name } = selector;
  if (root === 'headers') return { kind: 'name', name: name.toLowerCase() };
  if (root === 'cookies' && depth > 0) return { kind: 'name', name: ATTRIBUTES.get(name.toLowerCase()) ?? name };
  return selector;
}

/** @param below whether everything below a matched place counts too */
export function matches(at: AtPath, path: Path, below: boolean): boolean {
  if (at.root !== path.root) return false;
  const goal = 1 << at.segments.length;
  let places = 1;
  for (const step of path.steps) {
    if (below && (places & goal) !== 0) return true;
    places = advance(at.segments, places, step);
    if (places === 0) return false;
  }
  return (places & goal) !== 0;
}

/** Where the pattern can stand after `step`, given where it could stand before: bit n is "n segments are done". */
function advance(segments: readonly Segment[], places: number, step: Step): number {
  let next = 0;
  for (const [done, segment] of segments.entries()) {
    if ((places & (1 << done)) === 0) continue;
    if (segment.descend) next |= 1 << done;
    if (segment.selectors.some((selector) => selects(selector, step))) next |= 1 << (done + 1);
  }
  return next;
}

/** Whether one selector takes one step. */
export function selects(selector: Selector, step: Step): boolean {
  switch (selector.kind) {
    case 'any':
      return true;
    case 'name':
      return selector.name === step;
    case 'index':
      return selector.index === step;
  }
}

const SHORTHAND = /^[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_\u0080-\uFFFF]*$/;

/** Writes a path as differences show it; {@link parseAt} reads it back to a pattern of that one place. */
export function printPath(path: Path): string {
  let text: string = path.root;
  for (const [depth, step] of path.steps.entries()) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (SHORTHAND.test(step) && (path.root === '$' || depth > 0)) text += `.${step}`;
    else text += `['${step.replace(/[\p{Cc}\\']/gu, escaped)}']`;
  }
  return text;
}

const SHORT = new Map([
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ["'", "\\'"],
  ['\\', '\\\\'],
]);

function escaped(character: string): string {
  return SHORT.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
