/**
 * Reads XML 1.0 as it arrives and tells of its elements: the fast one of two readers. It judges every text as saxes without
 * namespaces does, the slow one, which is kept as its oracle; where saxes is more lenient than the recommendation, so is this.
 *
 * Two ways through each tag. The usual one, all of it in the piece at hand, in ASCII, is read in one go and no state is kept.
 * Whatever else there is (a tag that is cut, entities, other scripts, comments, mistakes) goes through a machine that takes a
 * character at a time and can stop at any. The first way gives up without a trace, so its work is done twice at most.
 *
 * What comes before the root element is the caller's to see: an XML declaration is never read here, and a DOCTYPE is left to
 * somebody else.
 */
import {
  startsName,
  inName,
  isSpace,
  NAME_START,
  TEXT,
  VALUE,
  SPACE,
  TAB,
  NEWLINE,
  RETURN,
  QUOTE,
  AMPERSAND,
  APOSTROPHE,
  SLASH,
  LESS,
  EQUALS,
  GREATER,
  BRACKET,
  BOM,
} from './character.ts';
import { Aside } from './aside.ts';
import { behindName, behindValue, indexOr } from './cursor.ts';
import { repeated, type Attribute } from './scope.ts';
import {
  S_TEXT,
  S_ENTITY,
  S_LESS,
  S_TAG,
  S_TAG_SLASH,
  S_IN_TAG,
  S_ATTRIBUTE,
  S_ATTRIBUTE_NAMED,
  S_EQUALS,
  S_VALUE,
  S_VALUE_END,
  S_END_TAG,
  S_END_TAG_NAMED,
} from './state.ts';

export interface Events {
  /**
   * A start tag is complete; no attribute stands in it twice.
   * @param characters from behind its name to behind its end
   */
  open(tag: string, attributes: readonly Attribute[], characters: number): void;
  close(): void;
  /** Character data, in pieces, line ends normalised and entities resolved. Only while it is wanted. */
  text(text: string): void;
}

const NONE: readonly Attribute[] = [];
/** What must be looked at one by one: no character of XML, or half of one. */
const ODD = /[^\t\n\r\u0020-\ud7ff]/;

export class Lexer extends Aside {
  readonly #events: Events;
  /** A carriage return or half of a surrogate pair: it is read with what follows it. */
  #carried = '';
  /** Names of the open elements. */
  readonly #tags: string[] = [];
  #name = '';
  #attributes: Attribute[] = [];
  #attribute = '';
  #quote = 0;
  #tagAt = -1;
  /** How many `]` the text ends with so far, two at most. */
  #brackets = 0;
  #closed = false;
  /** Whether every character of the piece may stand in text by itself. */
  #plain = false;
  /** Where the next `<`, `&`, `]` and carriage return are; -1: not looked for yet. */
  #angle = -1;
  #ampersand = -1;
  #bracket = -1;
  #return = -1;

  constructor(events: Events) {
    super();
    this.#events = events;
  }

  /** Characters behind the name of the start tag that is being read, of `fed` in all; -1 outside of one. */
  tagLength(fed: number): number {
    return this.#tagAt === -1 ? -1 : fed - this.#tagAt;
  }

  /** Characters of the element's name that is being read, of a start tag or an end tag. */
  get nameLength(): number {
    return this.#tagAt === -1 ? this.#name.length : 0;
  }

  /**
   * Reads the next characters; `from` says how many of the first piece have been read already.
   * @throws HALT when the text is not well-formed, or whatever an event throws
   */
  read(piece: string, from: number): void {
    const all = this.#carried === '' ? piece : this.#carried + piece;
    const last = all.charCodeAt(all.length - 1);
    const cut = last === RETURN || (last >= 0xd800 && last <= 0xdbff);
    this.#carried = cut ? all.slice(-1) : '';
    this.#run(cut ? all.slice(0, -1) : all, from);
  }

  /** Leaves the piece from within an event, for good: what an exception would do as well, at the price of some µs. */
  stop(): void {
    this.at = this.piece.length;
  }

  /** The text is over. @throws HALT when it must not be */
  end(): void {
    const carried = this.#carried;
    this.#carried = '';
    this.#run(carried, 0);
    if (!this.sawRoot) this.fail('there is no element');
    const open = this.#tags.at(-1);
    if (open !== undefined) this.fail(`<${open}> is not closed`);
    if (this.state !== S_TEXT) this.fail('it ends within markup');
  }

  #run(piece: string, from: number): void {
    this.piece = piece;
    this.at = from;
    if (this.before === 0 && from === 0 && piece.charCodeAt(0) === BOM) this.at = 1;
    this.#plain = !ODD.test(piece);
    this.#angle = this.#ampersand = this.#bracket = this.#return = -1;
    while (this.at < piece.length) {
      const state = this.state;
      if (state === S_TEXT) this.#text();
      else if (state >= S_TAG) this.#tag(state);
      else if (state === S_ENTITY) this.reference();
      else this.aside(state);
    }
    this.before += piece.length;
  }

  #text(): void {
    if (!this.inside) return this.#outside();
    if (this.#brackets > 0 && this.#afterBrackets()) return;
    if (this.#plain && this.#jump()) return;
    const start = this.at;
    const at = this.skip(TEXT);
    this.at = at;
    if (this.wanted && at > start) this.pending += this.piece.slice(start, at);
    if (at === this.piece.length) return;
    switch (this.piece.charCodeAt(at)) {
      case LESS:
        return this.#less();
      case AMPERSAND:
        return this.ampersandAt(S_TEXT);
      default: {
        const code = this.next();
        if (code === BRACKET) this.#brackets = 1;
        if (this.wanted) this.pending += String.fromCodePoint(code);
      }
    }
  }

  /** To the next `<`, when nothing but plain text is before it. @returns false when there is something, or there is none */
  #jump(): boolean {
    const piece = this.piece;
    if (this.#angle < this.at) this.#angle = indexOr(piece, '<', this.at);
    const at = this.#angle;
    if (at === piece.length) return false;
    if (this.#ampersand < this.at) this.#ampersand = indexOr(piece, '&', this.at);
    if (this.#bracket < this.at) this.#bracket = indexOr(piece, ']', this.at);
    if (this.#ampersand < at || this.#bracket < at) return false;
    if (this.wanted && at > this.at) {
      // A line end that is told of has to be normalised.
      if (this.#return < this.at) this.#return = indexOr(piece, '\r', this.at);
      if (this.#return < at) return false;
      this.pending += piece.slice(this.at, at);
    }
    this.at = at;
    this.#less();
    return true;
  }

  /** Behind `]` or `]]` in text. @returns whether it went on by a character */
  #afterBrackets(): boolean {
    const code = this.piece.charCodeAt(this.at);
    if (code === BRACKET) {
      this.#brackets = 2;
      this.at += 1;
      if (this.wanted) this.pending += ']';
      return true;
    }
    if (code === GREATER && this.#brackets === 2) this.fail(']]> in text');
    this.#brackets = 0;
    return false;
  }

  /** Before the root element and behind it, there is only white space. */
  #outside(): void {
    const code = this.next();
    if (code === LESS) {
      this.at -= 1;
      this.#less();
    } else if (!isSpace(code)) this.fail('text outside of the root element');
  }

  /** At a `<` in text. */
  #less(): void {
    if (this.pending !== '') this.tell();
    const at = this.at + 1;
    const code = this.piece.charCodeAt(at);
    if (code === SLASH) {
      const name = this.#tags[this.#tags.length - 1];
      if (name !== undefined && this.piece.startsWith(name, at + 1)) {
        const behind = at + 1 + name.length;
        if (this.piece.charCodeAt(behind) === GREATER) {
          this.at = behind + 1;
          return this.#close();
        }
      }
    } else if (code < 0x80 && NAME_START[code] === 1 && !this.#closed && this.#wholeTag(at)) return;
    this.at = at;
    this.state = S_LESS;
  }

  /** Reads a usual start tag that is all there, from its name on. @returns false when it is not: nothing has happened then */
  #wholeTag(start: number): boolean {
    const piece = this.piece;
    let at = behindName(piece, start + 1);
    const name = piece.slice(start, at);
    const tagAt = at + 1;
    let attributes: Attribute[] | null = null;
    for (;;) {
      let code = piece.charCodeAt(at);
      const spaced = code === SPACE || code === NEWLINE || code === TAB;
      while (code === SPACE || code === NEWLINE || code === TAB) code = piece.charCodeAt((at += 1));
      if (code === GREATER) {
        this.sawRoot = true;
        this.at = at + 1;
        this.#open(name, attributes ?? NONE, this.at - tagAt);
        return true;
      }
      if (code === SLASH && piece.charCodeAt(at + 1) === GREATER) {
        this.sawRoot = true;
        this.at = at + 2;
        this.#openClosed(name, attributes ?? NONE, this.at - tagAt);
        return true;
      }
      if (!spaced || !(code < 0x80) || NAME_START[code] !== 1) return false;
      const named = behindName(piece, at + 1);
      const quote = piece.charCodeAt(named + 1);
      if (piece.charCodeAt(named) !== EQUALS || (quote !== QUOTE && quote !== APOSTROPHE)) return false;
      const end = behindValue(piece, named + 2);
      if (piece.charCodeAt(end) !== quote) return false;
      (attributes ??= []).push({ name: piece.slice(at, named), value: piece.slice(named + 2, end) });
      at = end + 1;
    }
  }

  #open(name: string, attributes: readonly Attribute[], characters: number): void {
    const twice = repeated(attributes);
    if (twice !== null) this.fail(`the attribute ${twice} stands twice`);
    this.state = S_TEXT;
    this.#tagAt = -1;
    this.#events.open(name, attributes, characters);
    this.#tags.push(name);
    this.inside = true;
  }

  #openClosed(name: string, attributes: readonly Attribute[], characters: number): void {
    this.#open(name, attributes, characters);
    this.#close();
  }

  #close(): void {
    this.state = S_TEXT;
    this.#events.close();
    this.#tags.pop();
    if (this.#tags.length > 0) return;
    this.inside = false;
    this.#closed = true;
  }

  /** An end tag of whatever name. The element that is open counts as closed even by a wrong one, as with saxes. */
  #closeBy(name: string): void {
    if (name === '') this.fail('an end tag without a name');
    const open = this.#tags.at(-1);
    if (open === undefined) this.fail(`</${name}> closes nothing`);
    this.#close();
    if (open !== name) this.fail(`</${name}> closes <${open}>`);
  }

  #tag(state: number): void {
    if (state === S_VALUE) return this.#inValue();
    if (state === S_TAG || state === S_ATTRIBUTE || state === S_END_TAG) return this.#inName(state);
    const code = this.next();
    if (state === S_TAG_SLASH) {
      if (code !== GREATER) this.fail('/ is not followed by >');
      return this.#openClosed(this.#taken(), this.#attributes, this.before + this.at - this.#tagAt);
    }
    if (state === S_IN_TAG || state === S_VALUE_END) return this.#between(state, code);
    if (state === S_END_TAG_NAMED && code === GREATER) return this.#closeBy(this.#taken());
    if (isSpace(code)) return;
    if (state === S_EQUALS && (code === QUOTE || code === APOSTROPHE)) {
      this.#quote = code;
      this.state = S_VALUE;
    } else if (state === S_ATTRIBUTE_NAMED && code === EQUALS) this.state = S_EQUALS;
    else this.fail('a tag that is not well-formed');
  }

  /** In the name of an element or attribute, of which there is a first character. */
  #inName(state: number): void {
    const piece = this.piece;
    const start = this.at;
    this.at = behindName(piece, start);
    const run = piece.slice(start, this.at);
    const ended = this.at === piece.length;
    const code = ended ? 0 : this.next();
    const more = !ended && inName(code);
    const text = more ? run + String.fromCodePoint(code) : run;
    if (state === S_ATTRIBUTE) this.#attribute += text;
    else this.#name += text;
    if (ended || more) return;
    if (state === S_TAG) this.#named(code);
    else if (state === S_END_TAG) {
      if (code === GREATER) this.#closeBy(this.#taken());
      else if (isSpace(code)) this.state = S_END_TAG_NAMED;
      else this.fail('a character that is not for names');
    } else if (code === EQUALS) this.state = S_EQUALS;
    else if (isSpace(code)) this.state = S_ATTRIBUTE_NAMED;
    else this.fail('an attribute without a value');
  }

  /** The name of a start tag has been read, and the character behind it. */
  #named(code: number): void {
    this.sawRoot = true;
    if (this.#closed) this.fail('a second root element');
    this.#tagAt = this.before + this.at;
    this.#attributes = [];
    if (code === GREATER) this.#open(this.#taken(), NONE, 0);
    else if (code === SLASH) this.state = S_TAG_SLASH;
    else if (isSpace(code)) this.state = S_IN_TAG;
    else this.fail('a character that is not for names');
  }

  /** In a start tag, but in no name or value. */
  #between(state: number, code: number): void {
    if (code === GREATER) this.#open(this.#taken(), this.#attributes, this.before + this.at - this.#tagAt);
    else if (code === SLASH) this.state = S_TAG_SLASH;
    else if (isSpace(code)) this.state = S_IN_TAG;
    else if (state === S_IN_TAG && startsName(code)) {
      this.#attribute = String.fromCodePoint(code);
      this.state = S_ATTRIBUTE;
    } else this.fail('a character that is not for names');
  }

  #inValue(): void {
    const piece = this.piece;
    const start = this.at;
    this.at = this.skip(VALUE);
    this.value += piece.slice(start, this.at);
    if (this.at === piece.length) return;
    const code = this.next();
    if (code === this.#quote) {
      this.#attributes.push({ name: this.#attribute, value: this.value });
      this.#attribute = this.value = '';
      this.state = S_VALUE_END;
    } else if (code === AMPERSAND) {
      this.at -= 1;
      this.ampersandAt(S_VALUE);
    } else if (code === LESS) this.fail('< in the value of an attribute');
    else this.value += code === NEWLINE || code === TAB ? ' ' : String.fromCodePoint(code);
  }

  /** The name that has been read, which is forgotten. */
  protected tell(): void {
    const { pending } = this;
    this.pending = '';
    this.#events.text(pending);
  }

  #taken(): string {
    const name = this.#name;
    this.#name = '';
    return name;
  }
}
