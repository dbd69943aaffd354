/**
 * The ledger of declared differences: what may differ between control and candidate, by whom it was declared, why, and until
 * when. The only way to excuse a difference. Here entries are read and checked; `excuse.ts` applies them.
 */
import { problemOfRegex } from './ambiguity.ts';
import { compileRegex, type Program } from './automaton.ts';
import { isNumeric, parseDecimal, type Decimal } from './decimal.ts';
import { problemOfZone, type Grain } from './instant.ts';
import { parseAt, type AtPath, type Problem } from './path.ts';
import { parseRegex } from './regex.ts';

/** One way in which two values may differ. */
export type Allow =
  /** Whatever stands there and below it, also nothing. */
  | { readonly kind: 'anything' }
  /** Two dates that name one instant, cut to `grain` first: a side that prints minutes has cut the seconds off. */
  | { readonly kind: 'same instant'; readonly grain: Grain }
  /** A JSON number and a decimal string (or two such strings) that name one number: `605`, `"605.00"`. Exact. */
  | { readonly kind: 'same number' }
  /** Two numbers, or two numeric strings, no further apart than `most`; exact, the edge included. */
  | { readonly kind: 'number'; readonly most: Decimal }
  /** A list in any order. Elements are paired by their values at `by`; without any, so that the fewest differences remain. */
  | { readonly kind: 'unordered'; readonly by: readonly AtPath[] }
  /** Two strings that differ in upper and lower case only. */
  | { readonly kind: 'case' }
  /** `null` on one side, nothing on the other. */
  | { readonly kind: 'absent or null' }
  /** What the control has at the entry's path the candidate has at `to`. */
  | { readonly kind: 'renamed'; readonly to: AtPath }
  | { readonly kind: 'status'; readonly from: number; readonly to: number }
  /** Two strings, or two numbers as they are written, in both of which the pattern is found. */
  | { readonly kind: 'pattern'; readonly source: string; readonly program: Program };

/** One declared difference, on certain routes. */
export interface Entry {
  readonly id: string;
  /** Ids of the routes it holds on. */
  readonly routes: readonly string[];
  readonly at: AtPath;
  readonly allow: Allow;
  /** The zone of dates that name none, an offset or an IANA name; null is UTC. */
  readonly zone: string | null;
  readonly why: string;
  readonly owner: string;
  /** The last day on which it excuses, `2027-06-30`, in UTC. */
  readonly until: string;
}

const KINDS =
  '"anything", "same instant", "same instant to the minute", "same number", "number ± 0.01", "unordered", "unordered by key", ' +
  '"case", "absent or null", "renamed to $.path", "status 404 -> 200" or "pattern regex"';

/** Reads what stands under `allow:`. Never throws. */
export function parseAllow(text: string): Allow | Problem {
  const words = text.trim();
  switch (words) {
    case 'anything':
    case 'case':
    case 'same number':
    case 'absent or null':
      return { kind: words };
    case 'unordered':
      return { kind: 'unordered', by: [] };
    default:
      return parsePhrase(words);
  }
}

function parsePhrase(words: string): Allow | Problem {
  const [first = ''] = words.split(/\s/, 1);
  const rest = words.slice(first.length).trim();
  switch (first) {
    case 'same':
      return parseInstant(rest);
    case 'number':
      return parseTolerance(rest);
    case 'unordered':
      return rest.startsWith('by ')
        ? parseKeys(rest.slice(3))
        : { error: `expected "unordered by <key>", not "${words}"` };
    case 'renamed':
      return rest.startsWith('to ')
        ? parseTarget(rest.slice(3))
        : { error: `expected "renamed to <path>", not "${words}"` };
    case 'status':
      return parseStatus(rest);
    case 'pattern':
      return parsePattern(rest);
    default:
      return { error: `"${words}" is no way to differ: expected ${KINDS}` };
  }
}

function parseInstant(rest: string): Allow | Problem {
  if (rest === 'instant') return { kind: 'same instant', grain: 'instant' };
  const grain = /^instant\s+to\s+the\s+(second|minute|hour|day)$/.exec(rest)?.[1];
  if (grain === 'second' || grain === 'minute' || grain === 'hour' || grain === 'day')
    return { kind: 'same instant', grain };
  return { error: `expected "same instant", "same instant to the minute" or "same number", not "same ${rest}"` };
}

function parseTolerance(rest: string): Allow | Problem {
  const amount = /^(?:±|\+-|\+\/-)\s*(\S+)$/.exec(rest)?.[1] ?? '';
  const most = isNumeric(amount) ? parseDecimal(amount) : null;
  if (most === null || most.digits < 0n) return { error: `expected "number ± 0.01", not "number ${rest}"` };
  return { kind: 'number', most };
}

function parseKeys(list: string): Allow | Problem {
  const by: AtPath[] = [];
  for (const written of list.split(',')) {
    const key = written.trim();
    const at = parseAt(key.startsWith('$') ? key : key.startsWith('[') ? `$${key}` : `$.${key}`);
    if ('error' in at) return at;
    if (at.segments.length === 0 || !isSingular(at))
      return { error: `a key is the path of one value within an element, as in "unordered by orderId", not "${key}"` };
    by.push(at);
  }
  return { kind: 'unordered', by };
}

/** Whether a path means one place. */
function isSingular(at: AtPath): boolean {
  return at.segments.every(
    ({ descend, selectors }) => !descend && selectors.length === 1 && selectors[0]?.kind !== 'any',
  );
}

function parseTarget(path: string): Allow | Problem {
  const to = parseAt(path);
  if ('error' in to) return to;
  if (to.root !== '$' || to.segments.length === 0)
    return { error: `what is renamed stands in the body: expected a path that begins with "$.", not "${to.text}"` };
  return { kind: 'renamed', to };
}

function parseStatus(rest: string): Allow | Problem {
  const [, from = '', to = ''] = /^([1-5][0-9]{2})\s*(?:->|→)\s*([1-5][0-9]{2})$/.exec(rest) ?? [];
  if (from === '') return { error: `expected "status 404 -> 200" (control, then candidate), not "status ${rest}"` };
  if (from === to) return { error: `"status ${rest}" allows no difference` };
  return { kind: 'status', from: Number(from), to: Number(to) };
}

function parsePattern(source: string): Allow | Problem {
  const regex = parseRegex(source);
  if ('error' in regex) return regex;
  const problem = problemOfRegex(regex);
  if (problem !== null) return { error: problem };
  const program = compileRegex(regex);
  return program === null
    ? { error: 'the counts of this pattern make it too long: lower them' }
    : { kind: 'pattern', source, program };
}

/**
 * What is wrong with an entry whose parts can each be read, as a sentence; null when it makes sense. An entry that could never
 * excuse anything, or that would excuse more than it says, is refused.
 */
export function problemOfEntry(entry: Pick<Entry, 'id' | 'at' | 'allow' | 'zone'>): string | null {
  const { id, at, allow, zone } = entry;
  // What excuses a difference is told by one word: an id, or one of these.
  if (id === 'noise' || id === 'stale') return `"${id}" is a verdict: give the difference another name`;
  if (zone !== null) {
    if (allow.kind !== 'same instant') return '"zone" goes with "same instant" only';
    const problem = problemOfZone(zone);
    if (problem !== null) return problem;
  }
  if (allow.kind === 'status') return at.root === 'status' ? null : '"status A -> B" goes with "at: status" only';
  if (at.root === 'status') return 'a difference in status is allowed by "status A -> B" only';
  if (allow.kind === 'renamed') return problemOfRename(at, allow.to);
  if (allow.kind === 'unordered' || allow.kind === 'absent or null')
    return at.root === '$' ? null : `"${allow.kind}" is for bodies: a path that begins with $`;
  return null;
}

function problemOfRename(at: AtPath, to: AtPath): string | null {
  if (at.root !== '$' || at.segments.length === 0)
    return 'what is renamed stands in the body: a path that begins with "$."';
  const here = wildcards(at);
  if (here !== wildcards(to)) return `the new path has the same wildcards, in the same order, as "${at.text}"`;
  if (here.split('..').length > 2) return 'a renamed path has at most one ".."';
  return [...at.segments, ...to.segments].some(({ selectors }) => selectors.length > 1)
    ? 'a renamed path names one thing in each bracket'
    : null;
}

/** The wildcards of a path in their order: what stands for them in one path stands for them in the other. */
function wildcards(at: AtPath): string {
  return at.segments
    .map(({ descend, selectors }) => (descend ? '..' : '') + (selectors[0]?.kind === 'any' ? '*' : ''))
    .join('');
}
