/**
 * The text of one element of a message, by its path from the operation's element: what a caller is told apart by. For messages that
 * were checked whole; read up to that element and no further, and nothing else of it is kept.
 */
import { SaxesParser } from 'saxes';
import { HALT } from './cursor.ts';
import { Lexer, type Events } from './lex.ts';
import { startOf } from './quick.ts';

/**
 * The text of the first element at `path`, without the white space around it; null when there is none, or it holds elements.
 * @param path local names, the operation's element first: namespaces are not looked at
 */
export function pluck(text: string, path: readonly string[]): string | null {
  const seeker = new Seeker(path);
  const start = startOf(text, true);
  try {
    if (typeof start === 'number') return seeker.quickly(text, start);
    return seeker.slowly(text);
  } catch (error) {
    if (error === HALT) return seeker.found;
    throw error;
  }
}

/** The Body's child is at depth 3. */
const TOP = 3;

class Seeker implements Events {
  readonly #path: readonly string[];
  #lexer: Lexer | null = null;
  #depth = 0;
  #inBody = false;
  /** How many steps of the path lead to the innermost open element that is on it. */
  #steps = 0;
  /** Of the element that is read; null: none is. */
  #text: string | null = null;
  /** Null: not found. */
  found: string | null = null;

  constructor(path: readonly string[]) {
    this.#path = path;
  }

  quickly(text: string, start: number): string | null {
    this.#lexer = new Lexer(this);
    this.#lexer.read(text, start);
    return null;
  }

  /** For a message that begins with an unusual XML declaration. */
  slowly(text: string): string | null {
    const parser: SaxesParser = new SaxesParser({ defaultXMLVersion: '1.0', forceXMLVersion: true });
    parser.on('opentag', ({ name }) => this.open(name));
    parser.on('closetag', () => this.close());
    parser.on('text', (piece) => this.text(piece));
    parser.on('cdata', (piece) => this.text(piece));
    parser.write(text);
    return null;
  }

  open(tag: string): void {
    this.#depth += 1;
    // An element within the one that is read: it is no text.
    if (this.#text !== null) throw HALT;
    if (this.#depth < TOP) this.#inBody = this.#depth === TOP - 1 && localOf(tag) === 'Body';
    if (!this.#inBody || this.#depth - TOP !== this.#steps || localOf(tag) !== this.#path[this.#steps]) return;
    this.#steps += 1;
    if (this.#steps < this.#path.length) return;
    this.#text = '';
    if (this.#lexer !== null) this.#lexer.wanted = true;
  }

  text(text: string): void {
    if (this.#text !== null) this.#text += text;
  }

  close(): void {
    if (this.#text !== null) {
      this.found = this.#text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
      throw HALT;
    }
    this.#depth -= 1;
    this.#steps = Math.min(this.#steps, Math.max(this.#depth - TOP + 1, 0));
  }
}

const localOf = (tag: string): string => tag.slice(tag.indexOf(':') + 1);
