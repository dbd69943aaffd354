/**
 * The lexical forms of XML Schema 1.0's built-in types (XML Schema 2, section 3) that are not numbers. Each takes time linear in the
 * text, and as little of the stack for ten million characters as for ten.
 */
import { timeEnd } from '../clock.ts';
import type { Facets, TemporalBuiltIn, TextBuiltIn } from './type.ts';

/** Treats white space as the facet says. XML knows four such characters, and JavaScript's `trim` more. */
export const spaced: Readonly<Record<Facets['whiteSpace'], (text: string) => string>> = {
  preserve: (text) => text,
  replace: (text) => text.replace(/[\t\n\r]/g, ' '),
  collapse: (text) => {
    if (isDense(text) || !/^ | $|[\t\n\r]| {2}/.test(text)) return text;
    const single = text.replace(/[ \t\n\r]+/g, ' ');
    return single.slice(single.startsWith(' ') ? 1 : 0, single.endsWith(' ') && single.length > 1 ? -1 : undefined);
  },
};

// Beyond it an expression is faster than a loop, and below it slower.
const SHORT = 64;

/** Whether a text is short and has nothing at all to collapse, as most numbers, dates and words. */
function isDense(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) <= 0x20) return false;
  return true;
}

/** Whether a text is short, and of characters alone that stand in XML as they are. */
function isPlain(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x80 ? PLAIN[code] === 0 : code >= 0xd800) return false;
  }
  return true;
}

// In text and in attributes.
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, code) =>
  code < 0x20 || '&<>"'.includes(String.fromCharCode(code)) ? 0 : 1,
);

// XML 1.0 (fifth edition), productions 4 and 4a; the colon is added for Name.
const START =
  'A-Z_a-z\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c\\u200d\\u2070-\\u218f\\u2c00-\\u2fef\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}';
const MORE = `${START}0-9.\\xb7\\u0300-\\u036f\\u203f\\u2040-`;

/** A name without a colon. */
export const NC_NAME: RegExp = new RegExp(`^[${START}][${MORE}]*$`, 'u');

const NAMES: Partial<Record<TextBuiltIn, RegExp>> = {
  language: /^[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*$/,
  NMTOKEN: new RegExp(`^[:${MORE}]+$`, 'u'),
  Name: new RegExp(`^[:${START}][:${MORE}]*$`, 'u'),
  NCName: NC_NAME,
  ID: NC_NAME,
  IDREF: NC_NAME,
  ENTITY: NC_NAME,
};

/** Whether a text, its white space treated, is one of the type. */
export function isText(base: TextBuiltIn, text: string): boolean {
  return NAMES[base]?.test(text) ?? true;
}

const ZONE = '(Z|[+-](?:0\\d|1[0-3]):[0-5]\\d|[+-]14:00)?';
// Four digits or more, and more than four only without a zero in front.
const YEAR = '-?(\\d{4}|[1-9]\\d{4,})';
const TIME = '(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?|24:00:00(?:\\.0+)?)';

const TEMPORAL: Record<TemporalBuiltIn, RegExp> = {
  dateTime: new RegExp(`^${YEAR}-(\\d\\d)-(\\d\\d)T${TIME}${ZONE}$`),
  date: new RegExp(`^${YEAR}-(\\d\\d)-(\\d\\d)${ZONE}$`),
  time: new RegExp(`^${TIME}${ZONE}$`),
  gYearMonth: new RegExp(`^${YEAR}-(0[1-9]|1[0-2])${ZONE}$`),
  gYear: new RegExp(`^${YEAR}${ZONE}$`),
  gMonthDay: new RegExp(`^--(\\d\\d)-(\\d\\d)${ZONE}$`),
  gDay: new RegExp(`^---(?:0[1-9]|[12]\\d|3[01])${ZONE}$`),
  gMonth: new RegExp(`^--(?:0[1-9]|1[0-2])${ZONE}$`),
  duration: /^-?P(?!$)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!$)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/,
};

/** Whether a text, its white space collapsed, is one of the type: a day that there is, a zone or none. */
export function isTemporal(base: TemporalBuiltIn, text: string): boolean {
  if (base === 'dateTime' && timeEnd(text) > 0) return true;
  const found = TEMPORAL[base].exec(text);
  if (found === null) return false;
  switch (base) {
    case 'dateTime':
    case 'date':
      return isDay(found[1] ?? '', found[2] ?? '', { day: found[3] ?? '', isBefore: text.startsWith('-') });
    case 'gYearMonth':
    case 'gYear':
      return found[1] !== '0000';
    case 'gMonthDay':
      // The 29th of February is one, in some year.
      return isDay('2000', found[1] ?? '', { day: found[2] ?? '', isBefore: false });
    case 'time':
    case 'gDay':
    case 'gMonth':
    case 'duration':
      return true;
    default:
      return base satisfies never;
  }
}

function isDay(year: string, month: string, { day, isBefore }: { day: string; isBefore: boolean }): boolean {
  // There is no year 0000 in XML Schema 1.0, and stacks that follow it refuse it.
  if (year === '0000') return false;
  const [m, d] = [Number(month), Number(day)];
  if (m < 1 || m > 12 || d < 1) return false;
  if (m !== 2) return d <= (m === 4 || m === 6 || m === 9 || m === 11 ? 30 : 31);
  // Years go on for as many digits as they like, and the rule repeats after 400. Which of those before our era are leap years
  // depends on the edition.
  const y = Number(year.slice(-4));
  return d <= (isBefore || (y % 4 === 0 && (y % 100 !== 0 || y % 400 === 0)) ? 29 : 28);
}

/** Base64 (RFC 2045) without its white space; null when it is none. */
export function base64Of(text: string): string | null {
  const bare = text.replace(/[ \t\n\r]+/g, '');
  if (bare.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(bare)) return null;
  // The bits behind the last octet are zero (XML Schema 2, 3.2.16).
  const tail = bare.slice(-4);
  return !tail.includes('=') || /^(?:..[AEIMQUYcgkosw048]=|.[AQgw]==)$/.test(tail) ? bare : null;
}

/** Whether a text has two hexadecimal digits for each octet. */
export function isHex(text: string): boolean {
  return text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text);
}

/** How many characters a text has, a pair of surrogates counted once. */
export function characters(text: string): number {
  let count = text.length;
  for (let at = 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0xdc00 && code <= 0xdfff && isHigh(text.charCodeAt(at - 1))) count -= 1;
  }
  return count;
}

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;

// What XML 1.0's Char production leaves out; halves of surrogate pairs are looked at alone.
// oxlint-disable-next-line no-control-regex
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
// oxlint-disable-next-line no-control-regex
const TEXT = /[&<>\u0000-\u0008\u000b-\u001f\ud800-\udfff\ufffe\uffff]/;
// oxlint-disable-next-line no-control-regex
const VALUE = /[&<>"\u0000-\u001f\ud800-\udfff\ufffe\uffff]/;

/** Escapes text content. Null: XML 1.0 has no way to say one of its characters. */
export function escapedText(text: string): string | null {
  if (isPlain(text) || !TEXT.test(text)) return text;
  if (ILLEGAL.test(text) || !text.isWellFormed()) return null;
  // A line feed alone stays: it is the one line end that parsers do not change.
  return text.replace(/[&<>\r]/g, (character) => ENTITIES[character] ?? character);
}

/** Escapes the value of an attribute in double quotes, in which parsers would turn line breaks and tabs into blanks. */
export function escapedValue(text: string): string | null {
  if (isPlain(text) || !VALUE.test(text)) return text;
  if (ILLEGAL.test(text) || !text.isWellFormed()) return null;
  return text.replace(/[&<>"\t\n\r]/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};
