/**
 * Values that the two sides write differently, as `values:` of a bridge declares them: words of an enumeration, times, JSON in a
 * text. Each conversion goes both ways; one that does not apply to a value leaves it as it is, and the schema then judges it.
 */
import { isList, isObject, numberText, type Json } from '../json.ts';
import { parseJson } from '../parse.ts';
import { utcOf } from '../instant.ts';
import type { Wrong } from './pick.ts';
import type { Simple } from './type.ts';

/** Undefined: the value cannot be said on the other side. */
export interface Conversion {
  readonly kind: 'conversion';
  /** From the message to the REST side. */
  toRest(value: Json): Json | undefined;
  /** From the REST side to the message. */
  fromRest(value: Json): Json | undefined;
}

/** How `values:` names them. */
export const NAMED = [
  'lower case',
  'upper case',
  'utc without zone',
  'utc without zone to the minute',
  'json',
  'replace illegal',
] as const;

/** As the file has it: one of {@link NAMED}, or the schema's words with the REST side's. */
export type Written = string | Readonly<Record<string, string>>;

/** Makes the conversion for a simple type, or says why it cannot be. */
export function conversionOf(written: Written, type: Simple): Conversion | Wrong {
  if (typeof written !== 'string') return tableOf(Object.entries(written), type);
  switch (written) {
    case 'lower case':
    case 'upper case':
      return caseOf(written, type);
    case 'utc without zone':
    case 'utc without zone to the minute':
      return timeOf(written.endsWith('minute'), type);
    case 'json':
      return baseOf(type) === 'string' ? JSON_TEXT : wrong(`"json" is for texts, and this is ${shown(type)}`);
    case 'replace illegal':
      return baseOf(type) === 'string' ? LEGAL : wrong(`"replace illegal" is for texts, and this is ${shown(type)}`);
    default:
      return wrong(`"${written}" is no conversion: expected ${NAMED.join(', ')}, or a map from the schema's words`);
  }
}

const wrong = (because: string): Wrong => ({ kind: 'wrong', because });

/** The built-in type of the values; null of lists and unions. */
export function baseOf(type: Simple): string | null {
  return type.variety === 'atomic' ? type.base : null;
}

function shown(type: Simple): string {
  return type.name?.local ?? baseOf(type) ?? `a ${type.variety}`;
}

function caseOf(written: 'lower case' | 'upper case', type: Simple): Conversion | Wrong {
  const words = type.facets.enumeration;
  if (words === null) return wrong(`"${written}" is for enumerations, and ${shown(type)} is none`);
  const convert = (word: string): string => (written === 'lower case' ? word.toLowerCase() : word.toUpperCase());
  const known = new Map<string, string>();
  for (const word of words) {
    const other = known.get(word.toLowerCase());
    if (other !== undefined)
      return wrong(`"${other}" and "${word}" of ${shown(type)} differ in case alone: map them one by one`);
    known.set(word.toLowerCase(), word);
  }
  return {
    kind: 'conversion',
    toRest: (value) => (typeof value === 'string' ? convert(value) : value),
    fromRest: (value) => (typeof value === 'string' ? (known.get(value.toLowerCase()) ?? value) : value),
  };
}

function tableOf(pairs: readonly (readonly [word: string, other: string])[], type: Simple): Conversion | Wrong {
  const words = type.facets.enumeration;
  const there = new Map<string, string>();
  const back = new Map<string, string>();
  for (const [word, other] of pairs) {
    if (words !== null && !words.includes(word))
      return wrong(`"${word}" is not a word of ${shown(type)}: expected ${words.slice(0, 12).join(', ')}`);
    if (back.has(other)) return wrong(`"${other}" stands for two words`);
    there.set(word, other);
    back.set(other, word);
  }
  const textOf = (value: Json): string | null => (typeof value === 'string' ? value : numberText(value));
  return {
    kind: 'conversion',
    toRest: (value) => there.get(textOf(value) ?? '') ?? value,
    fromRest: (value) => back.get(textOf(value) ?? '') ?? value,
  };
}

function timeOf(minute: boolean, type: Simple): Conversion | Wrong {
  if (baseOf(type) !== 'dateTime') return wrong(`times are of type dateTime, and this is ${shown(type)}`);
  return {
    kind: 'conversion',
    toRest: (value) => (typeof value === 'string' && !ZONED.test(value) ? `${value}Z` : value),
    fromRest: (value) => (typeof value === 'string' ? (utcOf(value, minute ? 'minute' : 'instant') ?? value) : value),
  };
}

// Everything outside of XML 1.0's Char production: not even a character reference may stand for these.
// oxlint-disable-next-line no-control-regex
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

const LEGAL: Conversion = {
  kind: 'conversion',
  toRest: (value) => value,
  fromRest: (value) => (typeof value === 'string' && !isTame(value) ? value.replace(ILLEGAL, '\ufffd') : value),
};

/** Whether nothing in a text could be illegal, at a glance; a long one is looked at by an expression. */
function isTame(text: string): boolean {
  if (text.length > 64) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code >= 0xd800) return false;
  }
  return true;
}

const ZONED = /(?:[Zz]|[+-]\d\d:?\d\d)$/;

const JSON_TEXT: Conversion = {
  kind: 'conversion',
  toRest: (value) => {
    if (typeof value !== 'string') return value;
    const parsed = parseJson(value);
    return parsed.kind === 'parsed' ? parsed.value : undefined;
  },
  fromRest: (value) => (value === null ? null : spaced(value)),
};

/** JSON with a blank behind each colon and comma: as Postgres prints jsonb, so that a document that both sides keep reads alike. */
function spaced(json: Json): string {
  if (isList(json)) return `[${json.map(spaced).join(', ')}]`;
  if (isObject(json))
    return `{${[...json].map(([key, value]) => `${JSON.stringify(key)}: ${spaced(value)}`).join(', ')}}`;
  return numberText(json) ?? JSON.stringify(json);
}
