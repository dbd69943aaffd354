/**
 * What stands in a document besides elements and text: comments, CDATA sections, processing instructions, references; and what `<` begins.
 * Judged as saxes judges it, character by character.
 */
import {
  startsName,
  inName,
  isSpace,
  ASIDE,
  DASH,
  SLASH,
  SEMICOLON,
  GREATER,
  MARK,
  BANG,
  HASH,
  BRACKET,
} from './character.ts';
import { Cursor, HALT, behindName } from './cursor.ts';
import { resolved } from './entity.ts';
import {
  S_TEXT,
  S_ENTITY,
  S_BANG,
  S_COMMENT,
  S_COMMENT_END,
  S_CDATA,
  S_CDATA_ONE,
  S_CDATA_TWO,
  S_PI_START,
  S_PI_NAME,
  S_PI,
  S_PI_MARK,
  S_TAG,
  S_VALUE,
  S_END_TAG,
} from './state.ts';

/** `<!` and this many characters that are neither a comment nor CDATA are nothing. */
const BANG_CHARACTERS = 7;

/** References are shorter, but for those with leading zeros. */
const ENTITY_CHARACTERS = 16;

export abstract class Aside extends Cursor {
  protected state: number = S_TEXT;
  /** Character data that has been read and not been told of. */
  protected pending = '';
  /** Whether an element is open. */
  protected inside = false;
  /** Of the attribute that is being read. */
  protected value = '';
  #entity = '';
  #entityIn = S_TEXT;
  #bang = '';
  #target = '';
  /** Whether character data is told of. */
  wanted = false;
  /** Whether the root element has begun. */
  sawRoot = false;
  /** Whether what comes is a DOCTYPE before the root: it is not read any further. */
  sawDoctype = false;

  /** Characters of the entity reference that is being read. */
  get entityLength(): number {
    return this.#entity.length;
  }

  /** Tells of `pending`, which is all of a CDATA section. */
  protected abstract tell(): void;

  /** Behind `<`, and in comments, CDATA, processing instructions. */
  protected aside(state: number): void {
    if (state === S_COMMENT || state === S_CDATA || state === S_PI) {
      const start = this.at;
      this.at = this.skip(ASIDE);
      if (state === S_CDATA && this.wanted) this.pending += this.piece.slice(start, this.at);
      if (this.at === this.piece.length) return;
    }
    const code = this.next();
    if (state < S_COMMENT) this.#markup(state, code);
    else if (state < S_CDATA) this.#comment(state, code);
    else if (state < S_PI_START) this.#cdata(state, code);
    else this.#instruction(state, code);
  }

  #markup(state: number, code: number): void {
    if (state === S_BANG) {
      this.#bang += String.fromCodePoint(code);
      return this.#declaration();
    }
    if (startsName(code)) {
      this.at -= code > 0xffff ? 2 : 1;
      this.state = S_TAG;
    } else if (code === SLASH) this.state = S_END_TAG;
    else if (code === MARK) this.state = S_PI_START;
    else if (code === BANG) this.state = S_BANG;
    else this.fail('< is not followed by a name');
  }

  #declaration(): void {
    const said = this.#bang;
    if (said === '--') this.state = S_COMMENT;
    else if (said === '[CDATA[') {
      if (!this.inside) this.fail('text outside of the root element');
      this.state = S_CDATA;
    } else if (said === 'DOCTYPE') {
      if (this.sawRoot) this.fail('a DOCTYPE behind the start of the root element');
      this.sawDoctype = true;
      throw HALT;
    } else {
      if (said.length >= BANG_CHARACTERS) this.fail('<! is not followed by a comment or CDATA');
      return;
    }
    this.#bang = '';
  }

  #comment(state: number, code: number): void {
    if (state === S_COMMENT_END && code !== GREATER) this.fail('-- in a comment');
    if (state === S_COMMENT_END) this.state = S_TEXT;
    else if (code !== DASH) this.state = S_COMMENT;
    else this.state = state + 1;
  }

  #cdata(state: number, code: number): void {
    if (state === S_CDATA_TWO && code === GREATER) {
      this.state = S_TEXT;
      if (this.wanted) this.tell();
      return;
    }
    const text = String.fromCodePoint(code);
    if (code === BRACKET) {
      if (state === S_CDATA_TWO && this.wanted) this.pending += ']';
      this.state = state === S_CDATA ? S_CDATA_ONE : S_CDATA_TWO;
      return;
    }
    if (this.wanted) this.pending += ']'.repeat(state - S_CDATA) + text;
    this.state = S_CDATA;
  }

  #instruction(state: number, code: number): void {
    if (state === S_PI_START) {
      if (!startsName(code)) this.fail('a processing instruction without a target');
      this.#target = String.fromCodePoint(code);
      this.state = S_PI_NAME;
    } else if (state === S_PI_NAME) {
      if (inName(code)) {
        // No longer than what could be `xml`: nobody asks for it.
        if (this.#target.length < 4) this.#target += String.fromCodePoint(code);
        return;
      }
      if (code !== MARK && !isSpace(code)) this.fail("a character that is not for a processing instruction's target");
      if (this.#target === 'xml') this.fail('an XML declaration that is not at the start');
      this.state = code === MARK ? S_PI_MARK : S_PI;
    } else if (state === S_PI) {
      if (code === MARK) this.state = S_PI_MARK;
    } else if (code === GREATER) {
      if (this.#target.toLowerCase() === 'xml') this.fail('a processing instruction called xml');
      this.state = S_TEXT;
    } else if (code !== MARK) this.state = S_PI;
  }

  /** At a `&`: a usual reference that is all there is read in one go. */
  protected ampersandAt(state: number): void {
    const piece = this.piece;
    const from = this.at + 1;
    const at = behindName(piece, piece.charCodeAt(from) === HASH ? from + 1 : from);
    if (at - from <= ENTITY_CHARACTERS && piece.charCodeAt(at) === SEMICOLON) {
      const text = resolved(piece.slice(from, at));
      if (text !== null) {
        this.at = at + 1;
        return this.#take(state, text);
      }
    }
    this.at = from;
    this.#entityIn = state;
    this.state = S_ENTITY;
  }

  #take(state: number, text: string): void {
    this.state = state;
    if (state === S_VALUE) this.value += text;
    else if (this.wanted) this.pending += text;
  }

  protected reference(): void {
    const code = this.next();
    if (code !== SEMICOLON) {
      this.#entity += String.fromCodePoint(code);
      return;
    }
    const text = resolved(this.#entity);
    if (text === null) this.fail(`&${this.#entity.slice(0, 16)}; is not defined`);
    this.#entity = '';
    this.#take(this.#entityIn, text);
  }
}
