/**
 * Asks the ledger: which entries are in force on a route on a day, and which of them excuses a difference. An entry excuses at
 * its own place only; `anything` alone reaches below it.
 */
import { finds } from './automaton.ts';
import { canonical, isNumeric, parseDecimal, within, type Decimal } from './decimal.ts';
import type { Difference } from './difference.ts';
import { sameInstant } from './instant.ts';
import { numberText, type Json } from './json.ts';
import type { Allow, Entry } from './ledger.ts';
import { matches, type Path } from './path.ts';

// Longer values are not looked at by a pattern: what an id, a date or a sentence is has been said long before.
const MAX_PATTERN_CHARS = 20_000;

/** The entries in force for one comparison, in the file's order. */
export interface Rules {
  readonly entries: readonly Entry[];
}

/** No entry: every difference counts. */
export const NO_RULES: Rules = { entries: [] };

/**
 * The entries that hold on a route.
 * @param today `2027-06-30`, in UTC; an entry holds until the end of its last day
 */
export function rulesFor(ledger: readonly Entry[], route: string, today: string): Rules {
  return { entries: ledger.filter((entry) => entry.routes.includes(route) && entry.until >= today) };
}

/** The entry that says in which order the list at `path` need not be; null when none does. */
export function unorderedAt(
  rules: Rules,
  path: Path,
): { readonly id: string; readonly by: Extract<Allow, { kind: 'unordered' }>['by'] } | null {
  for (const { id, at, allow } of rules.entries)
    if (allow.kind === 'unordered' && matches(at, path, false)) return { id, by: allow.by };
  return null;
}

/** Whether any entry could excuse a difference in a value: then elements that differ may still be the same element. */
export function isTolerant(rules: Rules): boolean {
  return rules.entries.some(({ at, allow }) => at.root === '$' && allow.kind !== 'unordered');
}

/** The id of the first entry that excuses a difference; null when none does. */
export function excuseOf(rules: Rules, difference: Difference): string | null {
  for (const entry of rules.entries) {
    const below = entry.allow.kind === 'anything';
    if (matches(entry.at, difference.path, below) && excuses(entry, difference)) return entry.id;
  }
  return null;
}

function excuses({ allow, zone }: Entry, { kind, control, candidate }: Difference): boolean {
  switch (allow.kind) {
    case 'anything':
      return true;
    case 'absent or null':
      return (kind === 'missing' && control === null) || (kind === 'extra' && candidate === null);
    case 'status':
      return control === allow.from && candidate === allow.to;
    case 'same instant':
      return areStrings(control, candidate, (one, other) => sameInstant(one, other, zone, allow.grain));
    case 'case':
      return areStrings(control, candidate, sameButCase);
    case 'same number':
      return sameNumber(control, candidate);
    case 'number':
      return near(control, candidate, allow.most);
    case 'pattern':
      return [control, candidate].every((value) => holds(allow, value)) && kind === 'changed';
    // These say how lists and objects are laid beside each other; `tree.ts` asks them there.
    case 'unordered':
    case 'renamed':
      return false;
  }
}

function areStrings(
  control: Json | undefined,
  candidate: Json | undefined,
  are: (one: string, other: string) => boolean,
): boolean {
  return typeof control === 'string' && typeof candidate === 'string' && are(control, candidate);
}

/** Upper case unites letters that lower case keeps apart (σ and ς), but may also make two of one (ß). */
function sameButCase(one: string, other: string): boolean {
  if (one.toLowerCase() === other.toLowerCase()) return true;
  return one.length === other.length && one.toUpperCase() === other.toUpperCase();
}

function sameNumber(control: Json | undefined, candidate: Json | undefined): boolean {
  const [mine, its] = [numeric(control), numeric(candidate)];
  return mine !== null && its !== null && canonical(mine) === canonical(its);
}

/** The digits of a number or of a string that holds one; null otherwise. */
function numeric(value: Json | undefined): string | null {
  if (typeof value === 'string') return isNumeric(value) ? value : null;
  return numberText(value);
}

/** Numbers with numbers, and numeric strings with numeric strings. */
function near(control: Json | undefined, candidate: Json | undefined, most: Decimal): boolean {
  if ((typeof control === 'string') !== (typeof candidate === 'string')) return false;
  const [mine, its] = [parseDecimal(numeric(control) ?? ''), parseDecimal(numeric(candidate) ?? '')];
  return mine !== null && its !== null && within(mine, its, most) === true;
}

function holds(allow: Extract<Allow, { kind: 'pattern' }>, value: Json | undefined): boolean {
  const text = typeof value === 'string' ? value : numberText(value);
  return text !== null && text.length <= MAX_PATTERN_CHARS && finds(allow.program, text);
}
