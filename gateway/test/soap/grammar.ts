/**
 * Messages for the fuzzer: SOAP as stacks write it, SOAP as nobody writes it, and what becomes of both when characters are lost,
 * doubled, swapped or put in. All of it text; what it is sent as is somebody else's.
 */
import type { Random } from './random.ts';
import { ORDERS, SOAP11, SOAP12 } from './samples.ts';

const WSA = 'http://www.w3.org/2005/08/addressing';
const ENCODINGS = ['http://schemas.xmlsoap.org/soap/encoding/', 'http://www.w3.org/2003/05/soap-encoding'] as const;
const XML = 'http://www.w3.org/XML/1998/namespace';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

const NAMES = [
  'a', 'b', 'GetOrder', 'CancelOrder', 'Body', 'Header', 'Envelope', 'Action', 'multiRef', 'id', '__proto__', 'constructor',
  'größe', '注文', 'x-1.y', '_', '𐐀name', 'very-long-name-of-an-element-that-no-schema-would-have', 'xmlns', 'xml', 'root',
] as const; // prettier-ignore
const PREFIXES = ['', '', 's', 'o', 'p', 'q', 'ö', 'xml', 'xmlns', 'e', 'a', '__proto__', 'unbound'] as const;
const URIS = [ORDERS, SOAP11, SOAP12, WSA, ...ENCODINGS, XML, XMLNS, '', 'u', 'urn:a&amp;b', ' u', 'u ', 'urn:&#x62;', 'urn:größe'] as const; // prettier-ignore
const SPACES = [' ', ' ', ' ', '\n', '\t', '\r\n', '\r', '  ', '\n    '] as const;
const REFERENCES = [
  '&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#65;', '&#x41;', '&#x10FFFF;', '&#xe9;', '&#13;', '&#9;', '&#0;', '&#x1;',
  '&#xD800;', '&#xFFFE;', '&#X41;', '&#x110000;', '&own;', '&;', '&amp', '&a b;', '&#;', '&#x;', '&__proto__;', '&toString;', '&#0000065;',
  `&#${'0'.repeat(70)}65;`, '&amp\r;', '&größe;',
] as const; // prettier-ignore
const CHARACTERS = [
  'x', '1', 'é', '€', '日', '😀', '\u{10ffff}', '\u{effff}', '\u{f0000}', '\ufffd', '\ufffe', '\uffff', '\0', '\u0001', '\u000b', '\u001f', '\u007f', '\u0080', '\u0085',
  '\u2028', '\ufeff', '\u0300', '\u00b7', '\u00d7', '\u037e', '\u203f', '\u2040', '\ud7ff', '\ue000', '<', '>', '&', ']', '-', '?', '/', '=', '"', "'", ':', ';', '!', '[',
  '\r', '\n', '\t', ' ', '.', '#',
] as const; // prettier-ignore
const TOKENS = [
  '<', '>', '</', '/>', '<!--', '-->', '--', '<![CDATA[', ']]>', ']]', '<?', '?>', '<?xml version="1.0"?>', '<?xml?>', '<?XML a?>', '<!DOCTYPE x>',
  '<!DOCTYPE x [<!ENTITY a "b">]>', '<!', '<!x', '<!ELEMENT a ANY>', '</>', '< a>', '<a', '<a b', '<a b=', '<a b="', '<a b="c"', "<a b='c' b='d'/>",
  'xmlns=""', ' xmlns:p=""', ' xmlns:p="u"', ' p:a="1"', ' q:a="1"', ' id="__proto__"', ' __proto__="1"', '<Body/>', '<s:Body/>', '</s:Body>',
  '</s:Envelope>', '<s:Header/>', `<s:Envelope xmlns:s="${SOAP11}">`, ':', '<:a/>', '<a:/>', '<a:b:c/>', '<-a/>', '<xmlns:a/>', '<xml:a/>', '\ufeff',
] as const; // prettier-ignore

/** Of the same kinds, what is all right nearly everywhere. */
const TAME_NAMES = [
  'a',
  'b',
  'GetOrder',
  'Body',
  'Header',
  'constructor',
  'größe',
  '注文',
  'x-1.y',
  '_',
  '𐐀name',
  'root',
] as const;
const TAME_PREFIXES = ['', '', '', 'o', 'p', 'ö', 'xml'] as const;
const TAME_REFERENCES = [
  '&amp;',
  '&lt;',
  '&gt;',
  '&quot;',
  '&apos;',
  '&#65;',
  '&#x41;',
  '&#x10FFFF;',
  '&#13;',
  '&#0000065;',
] as const;
const TAME_CHARACTERS = [
  'x',
  '1',
  'é',
  '€',
  '日',
  '😀',
  '\u0085',
  '\u2028',
  '\r',
  '\r\n',
  '\t',
  '?',
  ';',
  '.',
] as const;

/** One message, and what may have happened to it. Never half a surrogate pair: no charset is decoded to one. */
export function messageOf(random: Random): string {
  let text = new Grammar(random).document();
  if (random.once(2)) return text;
  for (let count = 1 + random.below(3); count > 0; count -= 1) text = mutated(random, text);
  return text.toWellFormed();
}

class Grammar {
  readonly #random: Random;
  #prefix = '';
  #left = 30;
  /** Whether it is to be a message that is meant to be accepted. */
  readonly #tame: boolean;

  constructor(random: Random) {
    this.#random = random;
    this.#tame = random.once(2);
  }

  document(): string {
    const random = this.#random;
    const prolog = random.once(3) ? this.#prolog() : '';
    const behind = random.once(6) ? random.repeat(3, () => this.#aside()) : '';
    return prolog + this.#envelope() + behind + (random.once(40) ? random.pick(TOKENS) : '');
  }

  #prolog(): string {
    const random = this.#random;
    const bom = random.once(4) ? '\ufeff' : '';
    const declaration = random.once(2) ? this.#declaration() : '';
    return bom + declaration + random.repeat(3, () => (random.once(40) ? random.pick(TOKENS) : this.#aside()));
  }

  #declaration(): string {
    const random = this.#random;
    const space = (): string => (random.once(4) ? random.repeat(3, () => random.pick(SPACES)) : '');
    const quoted = (value: string): string => (random.once(3) ? `'${value}'` : `"${value}"`);
    const pair = (name: string, value: string): string => `${name}${space()}=${space()}${quoted(value)}`;
    const version = random.once(20)
      ? ''
      : ` ${pair('version', random.pick(['1.0', '1.0', '1.0', '1.0', '1.1', '2.0', '1.0 ']))}`;
    const encoding = random.once(2)
      ? ` ${pair('encoding', random.pick(['utf-8', 'UTF-8', 'x', '1', 'utf 8', '']))}`
      : '';
    const alone = random.once(6) ? ` ${pair('standalone', random.pick(['yes', 'no', 'maybe']))}` : '';
    return `<?xml${!this.#tame && random.once(30) ? '' : ' '}${version}${encoding}${alone}${space()}${!this.#tame && random.once(50) ? '' : '?'}>`;
  }

  /** A comment, a processing instruction, or white space. */
  #aside(): string {
    const random = this.#random;
    switch (random.below(4)) {
      case 0:
        return `<!--${this.#junk()}-->`;
      case 1:
        return `<?${random.pick(this.#tame ? ['pi', 'xml-stylesheet'] : ['pi', 'x:y', 'xml', 'ö', 'xMl'])}${random.once(2) ? ` ${this.#junk()}` : ''}?>`;
      default:
        return random.pick(SPACES);
    }
  }

  #junk(): string {
    const random = this.#random;
    return random.repeat(6, () =>
      random.once(3)
        ? random.pick(this.#tame ? TAME_CHARACTERS : CHARACTERS)
        : random.pick(['x', '- ', '<a>', '&', ']', '? ', '>']),
    );
  }

  #envelope(): string {
    const random = this.#random;
    const namespace = !this.#tame && random.once(30) ? random.pick(URIS) : random.pick([SOAP11, SOAP12]);
    this.#prefix = random.pick(['s', 's', 's', 'soapenv', '', 'ö']);
    const declared = this.#prefix === '' ? `xmlns="${namespace}"` : `xmlns:${this.#prefix}="${namespace}"`;
    const header = random.once(3)
      ? this.#part(
          'Header',
          random.repeat(3, () => this.#block()),
        )
      : '';
    const body = !this.#tame && random.once(60) ? '' : this.#part('Body', this.#body());
    const more = !this.#tame && random.once(60) ? this.#part('Body', '') : '';
    const name = this.#own(!this.#tame && random.once(80) ? random.pick(NAMES) : 'Envelope');
    return this.#wrap(
      name,
      ` ${declared}${this.#common()}`,
      this.#gap() + header + this.#gap() + body + more + this.#gap(),
    );
  }

  #own(local: string): string {
    return this.#prefix === '' ? local : `${this.#prefix}:${local}`;
  }

  #part(local: string, content: string): string {
    return this.#wrap(this.#own(local), this.#random.once(4) ? this.#attributes() : '', content);
  }

  #common(): string {
    const random = this.#random;
    const declarations = ['o', 'p', 'q', 'e', 'a'].filter(() => random.once(2));
    return declarations.map((prefix) => ` xmlns:${prefix}="${this.#uriOf(prefix)}"`).join('');
  }

  #uriOf(prefix: string): string {
    const random = this.#random;
    if (this.#tame ? random.once(40) : random.once(4)) return random.pick(URIS);
    if (prefix === 'e') return random.pick(ENCODINGS);
    return prefix === 'a' ? WSA : ORDERS;
  }

  #block(): string {
    const random = this.#random;
    if (random.once(2)) {
      const long = random.once(20) ? 'x'.repeat(4_000 + random.below(200)) : '';
      const text = random.repeat(4, () => this.#content(1)) + long;
      return `<a:Action xmlns:a="${random.once(6) ? random.pick(URIS) : WSA}"${this.#attributes()}>${text}</a:Action>`;
    }
    return this.#element(2);
  }

  #body(): string {
    const random = this.#random;
    if (random.once(12)) return this.#gap();
    const operation = `<o:GetOrder xmlns:o="${ORDERS}"${random.once(3) ? this.#attributes() : ''}>${random.repeat(5, () => this.#content(0))}</o:GetOrder>`;
    const refs = random.once(4)
      ? random.repeat(
          3,
          () =>
            `<multiRef id="i${random.below(3)}"${random.once(3) ? ' e:root="0"' : ''}${random.once(4) ? this.#attributes() : ''}/>`,
        )
      : '';
    return (
      this.#gap() +
      (random.once(8) ? this.#element(0) : operation) +
      this.#gap() +
      refs +
      (!this.#tame && random.once(30) ? this.#element(2) : '')
    );
  }

  #content(depth: number): string {
    const random = this.#random;
    switch (random.below(9)) {
      case 0:
        return random.pick(this.#tame ? TAME_REFERENCES : REFERENCES);
      case 1:
        return `<![CDATA[${this.#junk()}]]>`;
      case 2:
        return this.#aside();
      case 3:
        return random.pick(this.#tame ? TAME_CHARACTERS : CHARACTERS);
      case 4:
      case 5:
        return depth < 8 && this.#left > 0 ? this.#element(depth + 1) : '';
      default:
        return random.pick(['text', '42', 'ü', ' ', '\n  ', '€ 1,00', ']', '>', 'a > b']);
    }
  }

  #element(depth: number): string {
    const random = this.#random;
    this.#left -= 1;
    const prefix = random.pick(this.#tame ? TAME_PREFIXES : PREFIXES);
    const name =
      prefix === ''
        ? random.pick(this.#tame ? TAME_NAMES : NAMES)
        : `${prefix}:${random.pick(this.#tame ? TAME_NAMES : NAMES)}`;
    // Mostly bound, or there would be little else than unbound prefixes.
    const bound =
      prefix === '' || (!this.#tame && random.once(12)) || prefix === 'xml'
        ? ''
        : ` xmlns:${prefix}="${this.#uriOf(prefix)}"`;
    return this.#wrap(
      name,
      bound + (random.once(2) ? this.#attributes() : ''),
      random.repeat(3, () => this.#content(depth)),
    );
  }

  #wrap(name: string, attributes: string, content: string): string {
    const random = this.#random;
    const end = random.once(15) ? random.pick(SPACES) : '';
    if (content === '' && random.once(2)) return `<${name}${attributes}${end}/>`;
    return `<${name}${attributes}${end}>${content}</${!this.#tame && random.once(200) ? random.pick(NAMES) : name}${random.once(15) ? random.pick(SPACES) : ''}>`;
  }

  #attributes(): string {
    const random = this.#random;
    return random.repeat(random.once(20) ? 14 : 3, () => {
      const prefix = random.once(3) ? random.pick(this.#tame ? TAME_PREFIXES : PREFIXES) : '';
      const local = random.pick(this.#tame ? TAME_NAMES : NAMES);
      const name = random.once(8) ? `xmlns:${local}` : prefix === '' ? local : `${prefix}:${local}`;
      const equals = random.once(10) ? `${random.pick(SPACES)}=${random.pick(SPACES)}` : '=';
      const quote = random.once(3) ? "'" : '"';
      return `${random.pick(SPACES)}${name}${equals}${quote}${this.#value(quote)}${quote}`;
    });
  }

  #value(quote: string): string {
    const random = this.#random;
    if (random.once(3)) return this.#tame ? random.pick([ORDERS, 'u', 'v']) : random.pick(URIS);
    if (random.once(6)) return random.pick(this.#tame ? ['0', '1'] : ['0', '1', '__proto__', '&#95;_proto__']);
    return random.repeat(4, () => {
      const piece = random.once(5)
        ? random.pick(this.#tame ? TAME_REFERENCES : REFERENCES)
        : random.once(4)
          ? random.pick(this.#tame ? TAME_CHARACTERS : CHARACTERS)
          : random.pick(['v', '1', ' ', '>', 'ä']);
      return piece === quote && (this.#tame || !random.once(20)) ? '' : piece;
    });
  }

  #gap(): string {
    const random = this.#random;
    return random.once(3) ? random.repeat(2, () => this.#aside()) : '';
  }
}

/** What something makes of a message on its way. */
function mutated(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + 1 + random.below(random.once(4) ? 60 : 3));
  switch (random.below(9)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(to);
    case 2:
      return text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
    case 3:
      return text.slice(0, at) + random.pick(CHARACTERS) + text.slice(to);
    case 4:
      return text.slice(0, to) + text.slice(at);
    case 5: {
      const from = random.below(text.length + 1);
      return text.slice(0, at) + text.slice(from, from + random.below(80)) + text.slice(at);
    }
    case 6: {
      const other = new Grammar(random).document();
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    }
    case 7:
      return text.slice(0, at) + random.pick(REFERENCES) + text.slice(at);
    default:
      return random.once(10)
        ? swollen(random, text, at)
        : text.slice(0, at) + String.fromCodePoint(0x20 + random.below(0x5f)) + text.slice(to);
  }
}

/** With so much of one thing in it that limits are reached which are looked at only now and then. */
function swollen(random: Random, text: string, at: number): string {
  const unit = random.pick([
    'x',
    ' ',
    '\n',
    '\r\n',
    '- ',
    '] ',
    '&amp;',
    '<a>',
    '<a/>',
    '<!---->',
    '<?p?>',
    '😀',
    '0',
    ' b="c"',
    'ä',
    '<![CDATA[]]>',
    ']',
  ]);
  const filler = unit.repeat(Math.ceil((14_000 + random.below(40_000)) / unit.length));
  return text.slice(0, at) + filler + text.slice(at);
}
