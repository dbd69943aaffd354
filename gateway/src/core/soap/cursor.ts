/** Where a reader of XML is in the piece at hand, and how it takes the next character or skips many. */
import { NEWLINE, RETURN, SPACE, TAB, NAME, VALUE } from './character.ts';

/** Thrown to leave a piece at once: `problem` or whoever threw it knows why. */
export const HALT: Error = new Error('halt');

export class Cursor {
  protected piece = '';
  protected at = 0;
  /** Characters of all that came before this piece. */
  protected before = 0;
  /** What is not well-formed, in words; null: nothing yet. */
  problem: string | null = null;

  protected fail(problem: string): never {
    this.problem = `at character ${this.before + this.at}: ${problem}`;
    throw HALT;
  }

  /** The next character, line ends normalised. There is one. */
  protected next(): number {
    const piece = this.piece;
    const at = this.at;
    const code = piece.charCodeAt(at);
    this.at = at + 1;
    if (code < 0xd800) {
      if (code >= SPACE || code === NEWLINE || code === TAB) return code;
      if (code !== RETURN) this.fail('a character that XML has not');
      if (piece.charCodeAt(at + 1) === NEWLINE) this.at = at + 2;
      return NEWLINE;
    }
    if (code > 0xdbff) {
      if (code < 0xe000 || code > 0xfffd) this.fail('a character that XML has not');
      return code;
    }
    this.at = at + 2;
    const point = 0x1_0000 + (code - 0xd800) * 0x400 + (piece.charCodeAt(at + 1) - 0xdc00);
    // Of half a pair that nothing follows it is no number.
    if (!(point <= 0x10_ffff)) this.fail('a character that XML has not');
    return point;
  }

  /** Skips what means nothing by `table`, and is neither a surrogate nor above. @returns where it stops */
  protected skip(table: Uint8Array): number {
    const piece = this.piece;
    let at = this.at;
    for (; at < piece.length; at += 1) {
      const code = piece.charCodeAt(at);
      if (code < 0x80 ? table[code] === 0 : code >= 0xd800) break;
    }
    return at;
  }
}

/** Where the ASCII of a name ends. */
export function behindName(piece: string, from: number): number {
  let at = from;
  while (at < piece.length) {
    const code = piece.charCodeAt(at);
    if (code >= 0x80 || NAME[code] === 0) break;
    at += 1;
  }
  return at;
}

/** Where the plain part of a value ends. */
export function behindValue(piece: string, from: number): number {
  let at = from;
  for (; at < piece.length; at += 1) {
    const code = piece.charCodeAt(at);
    if (code < 0x80 ? VALUE[code] === 0 : code >= 0xd800) break;
  }
  return at;
}

/** Where `what` stands next; behind the end when it does not. */
export function indexOr(piece: string, what: string, from: number): number {
  const at = piece.indexOf(what, from);
  return at === -1 ? piece.length : at;
}
