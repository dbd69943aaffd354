/**
 * Reads the regular expressions of the ledger: JavaScript's syntax (with its `u` flag: a character is a code point), without what
 * no automaton can decide in linear time. Back-references, look-around and property escapes are refused by name.
 */

/** Code points `from` to `to`, both included. */
export type Range = readonly [from: number, to: number];

/** A character out of sorted, disjoint `ranges`. */
export interface CharacterSet {
  readonly kind: 'set';
  readonly ranges: readonly Range[];
}

export type Assertion = 'start' | 'end' | 'boundary' | 'inside';

/** A regular expression as a tree. Lazy and greedy repeats are the same, since only whether it matches is asked. */
export type Regex =
  | CharacterSet
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'cat'; readonly parts: readonly Regex[] }
  | { readonly kind: 'alt'; readonly options: readonly Regex[] }
  /** `max` is null when there is no end. */
  | { readonly kind: 'repeat'; readonly body: Regex; readonly min: number; readonly max: number | null };

const MAX_CHARS = 500; // The longest pattern in common use, for dates with all their exceptions, has 300.
const MAX_NESTING = 32; // Bounds the recursion here and in every walk of the tree.
const MAX_REPEAT = 500; // As many as an automaton of ours may have states.

const LAST = 0x10ffff;
const DIGIT: readonly Range[] = [[48, 57]];
const WORD: readonly Range[] = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
// White space and line ends as ECMAScript counts them.
const SPACE: readonly Range[] = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
];
const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: DIGIT,
  w: WORD,
  s: SPACE,
  D: complement(DIGIT),
  W: complement(WORD),
  S: complement(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, '0': 0 };

/** Whether `code` is a letter, digit or `_`, as `\w` and `\b` see it. */
export function isWord(code: number | undefined): boolean {
  return code !== undefined && WORD.some(([from, to]) => code >= from && code <= to);
}

/** Sorts ranges and joins those that touch. */
function union(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1] + 1) joined[joined.length - 1] = [last[0], Math.max(last[1], to)];
    else joined.push([from, to]);
  }
  return joined;
}

function complement(ranges: readonly Range[]): readonly Range[] {
  const gaps: Range[] = [];
  let next = 0;
  for (const [from, to] of union(ranges)) {
    if (from > next) gaps.push([next, from - 1]);
    next = to + 1;
  }
  return next <= LAST ? [...gaps, [next, LAST]] : gaps;
}

/** What stops the reader; never leaves this module. */
class Refused extends Error {}

/** Reads a pattern. Never throws. */
export function parseRegex(text: string): Regex | { readonly error: string } {
  if (text === '') return { error: 'an empty pattern holds of everything: write "anything"' };
  if (text.length > MAX_CHARS) return { error: `a pattern has at most ${MAX_CHARS} characters` };
  try {
    return new Reader(text).whole();
  } catch (error) {
    if (error instanceof Refused) return { error: error.message };
    throw error;
  }
}

class Reader {
  readonly #characters: readonly string[];
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#characters = Array.from(text); // By code point.
  }

  whole(): Regex {
    const regex = this.#alternatives();
    if (this.#at < this.#characters.length) this.#refuse('")" without "("');
    return regex;
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(words: string): boolean {
    if (this.#characters.slice(this.#at, this.#at + words.length).join('') !== words) return false;
    this.#at += words.length;
    return true;
  }

  #refuse(what: string): never {
    throw new Refused(`${what}, at character ${this.#at + 1} of the pattern "${this.#characters.join('')}"`);
  }

  #alternatives(): Regex {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: 'alt', options };
  }

  #sequence(): Regex {
    const parts: Regex[] = [];
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')') parts.push(this.#repeated());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'cat', parts };
  }

  #repeated(): Regex {
    const isGroup = this.#next === '(';
    const body = this.#atom();
    const count = this.#count();
    if (count === null) return body;
    if (body.kind === 'assert' && !isGroup) this.#refuse('a repeat of a place that has no characters');
    this.#take('?'); // Lazy: matches the same texts.
    if (this.#count() !== null) this.#refuse('a repeat of a repeat: put the first into a group');
    return { kind: 'repeat', body, ...count };
  }

  #count(): { readonly min: number; readonly max: number | null } | null {
    if (this.#take('*')) return { min: 0, max: null };
    if (this.#take('+')) return { min: 1, max: null };
    if (this.#take('?')) return { min: 0, max: 1 };
    if (this.#next !== '{') return null;
    const written = /^\{(\d{1,6})(?:(,)(\d{1,6})?)?\}/.exec(this.#characters.slice(this.#at, this.#at + 16).join(''));
    if (written === null) return this.#refuse('"{" that begins no count: write \\{');
    const [all, from = '', comma, to] = written;
    this.#at += all.length;
    const min = Number(from);
    const max = to !== undefined ? Number(to) : comma === undefined ? min : null;
    if (max !== null && max < min) this.#refuse(`a count from ${min} to ${max}`);
    if (Math.max(min, max ?? 0) > MAX_REPEAT) this.#refuse(`a count above ${MAX_REPEAT}`);
    return { min, max };
  }

  #atom(): Regex {
    const character = this.#next ?? '';
    if (character === '(') return this.#group();
    if (character === '[') return this.#set();
    if (character === '\\') return this.#escape();
    if ('*+?{}])'.includes(character)) this.#refuse(`"${character}" with nothing before it: write \\${character}`);
    this.#at += 1;
    if (character === '^') return { kind: 'assert', what: 'start' };
    if (character === '$') return { kind: 'assert', what: 'end' };
    if (character === '.') return { kind: 'set', ranges: complement(LINE_ENDS) };
    return single(codeOf(character));
  }

  #group(): Regex {
    this.#take('(');
    if (['?=', '?!', '?<=', '?<!'].some((words) => this.#take(words))) this.#refuse('look-around is not supported');
    if (this.#take('?<')) {
      while (this.#next !== undefined && /[\p{L}\p{N}_$]/u.test(this.#next)) this.#at += 1;
      if (!this.#take('>')) this.#refuse("a group's name that does not end");
    } else if (this.#take('?') && !this.#take(':')) this.#refuse('an unknown kind of group');
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING) this.#refuse(`groups nested more than ${MAX_NESTING} deep`);
    const body = this.#alternatives();
    this.#nesting -= 1;
    if (!this.#take(')')) this.#refuse('"(" without ")"');
    return body;
  }

  #set(): CharacterSet {
    this.#take('[');
    const negated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      const from = this.#member();
      // A "-" at the end of a set is itself.
      if (this.#next === '-' && this.#characters[this.#at + 1] !== ']') {
        this.#take('-');
        ranges.push(this.#range(from, this.#member()));
      } else ranges.push(...from);
    }
    return { kind: 'set', ranges: negated ? complement(ranges) : union(ranges) };
  }

  #range(from: readonly Range[], to: readonly Range[]): Range {
    const [low, high] = [from[0], to[0]];
    if (low === undefined || high === undefined || low[0] !== low[1] || high[0] !== high[1])
      return this.#refuse('a range between more than single characters');
    if (from.length > 1 || to.length > 1 || high[0] < low[0]) this.#refuse('a range that goes backwards');
    return [low[0], high[0]];
  }

  #member(): readonly Range[] {
    const character = this.#next;
    if (character === undefined) return this.#refuse('"[" without "]"');
    if (character === '\\') {
      if (this.#take('\\b')) return [[8, 8]];
      const escaped = this.#escape();
      return escaped.kind === 'set' ? escaped.ranges : this.#refuse('a place inside a set');
    }
    this.#at += 1;
    return [[codeOf(character), codeOf(character)]];
  }

  #escape(): Regex {
    this.#take('\\');
    const character = this.#next;
    if (character === undefined) return this.#refuse('"\\" with nothing behind it');
    if (/[1-9k]/.test(character)) this.#refuse('back-references are not supported');
    if (/[pP]/.test(character)) this.#refuse('property escapes are not supported');
    if (this.#take('b')) return { kind: 'assert', what: 'boundary' };
    if (this.#take('B')) return { kind: 'assert', what: 'inside' };
    const numbered = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})/.exec(
      this.#characters.slice(this.#at, this.#at + 9).join(''),
    );
    const hex = numbered?.[1] ?? numbered?.[2] ?? numbered?.[3];
    if (hex !== undefined) {
      this.#at += numbered?.[0].length ?? 0;
      return single(Math.min(Number.parseInt(hex, 16), LAST));
    }
    const ranges = CLASSES[character];
    const control = CONTROLS[character];
    if (ranges === undefined && control === undefined && /[A-Za-z0-9]/.test(character))
      this.#refuse(`"\\${character}" is no escape`);
    this.#at += 1;
    return ranges === undefined ? single(control ?? codeOf(character)) : { kind: 'set', ranges };
  }
}

const single = (code: number): CharacterSet => ({ kind: 'set', ranges: [[code, code]] });
const codeOf = (character: string): number => character.codePointAt(0) ?? 0;
