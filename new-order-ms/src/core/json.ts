/**
 * Reads JSON without losing a digit: an integer beyond 2^53 becomes a bigint. `JSON.parse` is ten times as fast and rounds
 * such numbers, so callers take it first and come here only when a number that they need came out beyond 2^53.
 */
import type { Value } from '@banyan/backbone/core/envelope';

// An envelope is five levels deep; deeper text is somebody's attempt at our stack.
const MAX_DEPTH = 200;

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const BLANK = /[ \t\n\r]*/y;

/**
 * Reads one JSON text. Objects have no prototype, so that a member named `__proto__` is a member.
 * @throws SyntaxError when `text` is not JSON, or nests more than 200 levels
 */
export function parseExact(text: string): Value {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  value(depth: number): Value {
    if (depth > MAX_DEPTH) throw new SyntaxError(`JSON nests more than ${MAX_DEPTH} levels`);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#list(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  end(): void {
    if (this.#at < this.#text.length) this.#fail();
  }

  #object(depth: number): Value {
    const members: Record<string, Value> = Object.create(null) as Record<string, Value>;
    this.#take('{');
    if (this.#text[this.#at] !== '}') {
      do {
        const name = this.#string();
        this.#take(':');
        members[name] = this.value(depth + 1);
      } while (this.#took(','));
    }
    this.#take('}');
    return members;
  }

  #list(depth: number): Value {
    const elements: Value[] = [];
    this.#take('[');
    if (this.#text[this.#at] !== ']') {
      do elements.push(this.value(depth + 1));
      while (this.#took(','));
    }
    this.#take(']');
    return elements;
  }

  #string(): string {
    // The pattern finds the end; escapes and what may not stand in a string are JSON.parse's to judge.
    return JSON.parse(this.#match(STRING)[0]) as string;
  }

  #number(): number | bigint {
    const [literal, fraction, exponent] = this.#match(NUMBER);
    const near = Number(literal);
    return Number.isSafeInteger(near) || fraction !== undefined || exponent !== undefined ? near : BigInt(literal);
  }

  #word<T extends Value>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    this.#skip();
    return value;
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return this.#fail();
    this.#at = pattern.lastIndex;
    this.#skip();
    return found;
  }

  #took(mark: string): boolean {
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    this.#skip();
    return true;
  }

  #take(mark: string): void {
    if (!this.#took(mark)) this.#fail();
  }

  #skip(): void {
    BLANK.lastIndex = this.#at;
    BLANK.exec(this.#text);
    this.#at = BLANK.lastIndex;
  }

  #fail(): never {
    throw new SyntaxError(`JSON is malformed at character ${this.#at}`);
  }
}
