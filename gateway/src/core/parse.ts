/**
 * Reads JSON text (RFC 8259) into a tree that loses nothing. Strict as `JSON.parse` is, and stricter in one thing: a key that
 * stands twice in an object is an error, for two readers may take two values. A byte order mark is skipped.
 *
 * There is no recursion: ten million brackets are read like anything else, though no tree is kept of what lies deeper than
 * `MAX_DEPTH`. A text that is too deep, too big or too slow to read is said to be so only once it is known not to be broken,
 * as far as it was read.
 */
import { Exact, type Json } from './json.ts';

export type Parsed =
  | { readonly kind: 'parsed'; readonly value: Json }
  /** Not JSON; `because` says what is wrong and where, counting lines and columns from 1. */
  | { readonly kind: 'invalid'; readonly because: string }
  /** Beyond a limit: perhaps JSON, but not to be compared. */
  | { readonly kind: 'beyond'; readonly because: 'depth' | 'size' | 'time' };

/** Levels of lists and objects that are kept. What walks a tree may recurse, so the stack must hold them several times over. */
export const MAX_DEPTH = 500;

/** Values in one text. A value of a tree takes up to 100 bytes, so this is half a gigabyte at the very worst. */
export const MAX_VALUES = 5_000_000;

const VALUES_PER_LOOK = 4096; // Some tenths of a millisecond between two looks at the clock.

/** @param spent whether time is over; asked now and then */
export function parseJson(text: string, spent: () => boolean = () => false): Parsed {
  return new Reader(text, spent).read();
}

const BOM = 0xfeff;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const WORDS: readonly (readonly [word: string, value: Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** What stops the reader; never leaves this module. */
class Stop extends Error {
  readonly parsed: Parsed;

  constructor(parsed: Parsed) {
    super(parsed.kind);
    this.parsed = parsed;
  }
}

class Reader {
  readonly #text: string;
  readonly #spent: () => boolean;
  #at = 0;
  #values = 0;
  /** How many lists and objects are open, and which of them are objects (1) by level. */
  #depth = 0;
  #isObject = new Uint8Array(64);
  /** The open lists and objects, and the key that each object waits with, down to MAX_DEPTH. */
  readonly #open: (Json[] | Map<string, Json>)[] = [];
  readonly #keys: string[] = [];
  #tooDeep = false;

  constructor(text: string, spent: () => boolean) {
    this.#text = text;
    this.#spent = spent;
  }

  read(): Parsed {
    try {
      if (this.#text.charCodeAt(0) === BOM) this.#at = 1;
      const value = this.#document();
      this.#blanks();
      if (this.#at < this.#text.length) this.#unexpected();
      return this.#tooDeep ? { kind: 'beyond', because: 'depth' } : { kind: 'parsed', value };
    } catch (error) {
      if (error instanceof Stop) return error.parsed;
      throw error;
    }
  }

  /** The one value of the text: opens, fills and closes until nothing is open. */
  #document(): Json {
    for (;;) {
      let value = this.#begin();
      if (value === undefined) continue; // A list or an object was opened, and its first value comes next.
      for (;;) {
        if (this.#depth === 0) return value;
        this.#attach(value);
        if (this.#more()) break;
        value = this.#close();
      }
    }
  }

  /** Reads a scalar or an empty list or object; undefined when one was opened that is not empty. */
  #begin(): Json | undefined {
    this.#count();
    this.#blanks();
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_LIST || code === OPEN_OBJECT) return this.#openOne(code === OPEN_OBJECT);
    if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#unexpected();
  }

  #count(): void {
    this.#values += 1;
    if (this.#values % VALUES_PER_LOOK === 0 && this.#spent()) throw new Stop({ kind: 'beyond', because: 'time' });
    // What is too deep is not kept, so it does not count.
    if (this.#values > MAX_VALUES && !this.#tooDeep) throw new Stop({ kind: 'beyond', because: 'size' });
  }

  #openOne(isObject: boolean): Json | undefined {
    this.#at += 1;
    if (this.#depth === this.#isObject.length) {
      const wider = new Uint8Array(this.#depth * 2);
      wider.set(this.#isObject);
      this.#isObject = wider;
    }
    this.#isObject[this.#depth] = isObject ? 1 : 0;
    this.#depth += 1;
    if (this.#depth <= MAX_DEPTH) this.#open.push(isObject ? new Map() : []);
    else this.#tooDeep = true;
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) === (isObject ? CLOSE_OBJECT : CLOSE_LIST)) return this.#close();
    if (isObject) this.#key();
    return undefined;
  }

  /** Ends the innermost list or object and returns it. */
  #close(): Json {
    this.#at += 1;
    this.#depth -= 1;
    return this.#depth < MAX_DEPTH ? (this.#open.pop() ?? null) : null;
  }

  #key(): void {
    this.#blanks();
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE) this.#unexpected();
    const key = this.#string();
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) !== COLON) this.#unexpected();
    this.#at += 1;
    if (this.#depth > MAX_DEPTH) return;
    const object = this.#open[this.#depth - 1];
    if (object instanceof Map && object.has(key))
      this.#invalid(`the key ${JSON.stringify(key.slice(0, 100))} stands twice`, start);
    this.#keys[this.#depth - 1] = key;
  }

  #attach(value: Json): void {
    if (this.#tooDeep) return; // The tree will not be asked for.
    const parent = this.#open[this.#depth - 1];
    if (parent instanceof Map) parent.set(this.#keys[this.#depth - 1] ?? '', value);
    else parent?.push(value);
  }

  /** Whether a comma announces another value (of which an object's key has then been read), or the list or object ends. */
  #more(): boolean {
    this.#blanks();
    const code = this.#text.charCodeAt(this.#at);
    const isObject = this.#isObject[this.#depth - 1] === 1;
    if (code === COMMA) {
      this.#at += 1;
      if (isObject) this.#key();
      return true;
    }
    if (code !== (isObject ? CLOSE_OBJECT : CLOSE_LIST)) this.#unexpected();
    return false;
  }

  #blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at += 1;
    }
  }

  #number(): Json {
    const start = this.#at;
    const signed = this.#text.charCodeAt(start) === MINUS ? start + 1 : start;
    // A number with a leading zero ends behind it, and what follows is unexpected.
    let at = this.#text.charCodeAt(signed) === ZERO ? signed + 1 : this.#digits(signed);
    const isWhole = at;
    if (this.#text.charCodeAt(at) === POINT) at = this.#digits(at + 1);
    const code = this.#text.charCodeAt(at);
    if (code === 69 || code === 101) {
      const sign = this.#text.charCodeAt(at + 1);
      at = this.#digits(sign === PLUS || sign === MINUS ? at + 2 : at + 1);
    }
    this.#at = at;
    const text = this.#text.slice(start, at);
    // Fifteen digits always fit a float; `-0` would not come back as it was.
    return at === isWhole && text.length <= 15 && text !== '-0' ? Number(text) : new Exact(text);
  }

  /** The end of the digits that begin at `start`, of which there must be one. */
  #digits(start: number): number {
    let at = start;
    for (let code = this.#text.charCodeAt(at); code >= ZERO && code <= NINE; code = this.#text.charCodeAt(at)) at += 1;
    if (at > start) return at;
    this.#at = at;
    return this.#unexpected();
  }

  /** Reads a string; whole runs without escapes are cut out of the text, since that is what most strings are. */
  #string(): string {
    const text = this.#text;
    let start = this.#at + 1;
    let value = '';
    for (let at = start; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return value + text.slice(start, at);
      }
      if (code === BACKSLASH) {
        ESCAPE.lastIndex = at;
        const escape = ESCAPE.exec(text)?.[0];
        if (escape === undefined) return this.#invalid('an escape that is none', at);
        value += text.slice(start, at) + unescaped(escape);
        start = at + escape.length;
        at = start - 1;
      } else if (code < 32) return this.#invalid('a control character in a string', at);
      else if (at >= text.length) return this.#invalid('a string that does not end', this.#at);
    }
  }

  #unexpected(): never {
    const at = this.#at;
    const character = this.#text.codePointAt(at);
    const what =
      character === undefined ? 'the text ends' : `unexpected ${JSON.stringify(String.fromCodePoint(character))}`;
    return this.#invalid(what, at);
  }

  #invalid(what: string, at: number): never {
    let line = 1;
    let start = -1;
    for (let end = this.#text.indexOf('\n'); end >= 0 && end < at; end = this.#text.indexOf('\n', end + 1)) {
      line += 1;
      start = end;
    }
    const column = at - start;
    throw new Stop({ kind: 'invalid', because: `not JSON: ${what}, at line ${line}, column ${column}` });
  }
}

const PLAIN: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Half of a pair of surrogates may stand alone: strings are sequences of code units. */
function unescaped(escape: string): string {
  const letter = escape.charAt(1);
  return letter === 'u' ? String.fromCharCode(Number.parseInt(escape.slice(2), 16)) : (PLAIN[letter] ?? letter);
}
