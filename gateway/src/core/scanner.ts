/**
 * Reads the small words of a path from left to right: punctuation, names, quoted names, indexes. Every message names the
 * character at which it stopped.
 */

const ESCAPES = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['/', '/'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
]);

/** A place in a text, moved on by what is read. */
export class Scanner {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Whether everything has been read. */
  get done(): boolean {
    return this.#at >= this.text.length;
  }

  /** Whether `words` come next; reads nothing. */
  sees(words: string): boolean {
    return this.text.startsWith(words, this.#at);
  }

  /** Reads `words` when they come next, and says whether they did. */
  take(words: string): boolean {
    if (!this.sees(words)) return false;
    this.#at += words.length;
    return true;
  }

  /** Skips spaces and tabs. */
  blanks(): void {
    this.#read(/[ \t]*/y);
  }

  /** Reads lower-case letters; '' when there are none. */
  word(): string {
    return this.#read(/[a-z]+/y);
  }

  /** Reads a name that needs no quotes, RFC 9535's and XML's `@attr` and `#text`; '' when there is none. */
  name(): string {
    return this.#read(/[@#]?[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_\u0080-\uFFFF]*/y);
  }

  /** Reads an index without leading zeros; null when there is none, or one that no list can have. */
  integer(): number | null {
    const digits = this.#read(/(?:0|[1-9][0-9]{0,9})(?![0-9])/y);
    return digits === '' ? null : Number(digits);
  }

  /** Reads a name in single or double quotes; null when it does not end or has an escape that is none. */
  quoted(): string | null {
    const quote = this.text[this.#at];
    let name = '';
    for (let at = this.#at + 1; at < this.text.length; at += 1) {
      const character = this.text.charAt(at);
      if (character === quote) {
        this.#at = at + 1;
        return name;
      }
      if (character !== '\\') {
        name += character;
        continue;
      }
      at += 1;
      const unicode = /^u([0-9A-Fa-f]{4})/.exec(this.text.slice(at, at + 5))?.[1];
      const plain = ESCAPES.get(this.text.charAt(at));
      if (unicode !== undefined) {
        name += String.fromCharCode(Number.parseInt(unicode, 16));
        at += 4;
      } else if (plain !== undefined) name += plain;
      else return null;
    }
    return null;
  }

  /** What is wrong, and at which character (counted from 1). */
  problem(what: string): { readonly error: string } {
    return { error: `${what}, at character ${this.#at + 1} of "${this.text}"` };
  }

  #read(sticky: RegExp): string {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}
