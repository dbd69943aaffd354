/**
 * Between the texts of a simple type and JSON values. Compiled from the type; both ways check every facet but patterns and the bounds
 * of dates and durations, which are recorded only.
 *
 * From XML: numbers become numbers with all their digits (`+012.50` is 12.50), `INF`, `-INF` and `NaN` texts, booleans booleans, lists
 * lists, QNames texts (`{namespace}local`), and all else texts, dates and binary data as they were written (base64 without its
 * line breaks).
 *
 * To XML: the same; and a text is taken wherever it is a form of the type (`"605.00"`, `"true"`), a number wherever its value is one
 * (`5.0` for an integer), and numbers and booleans as texts, since services disagree on what an identifier is.
 */
import { Exact, isList, type Json } from '../json.ts';
import { Bad, enumerated, NO_NAMES, sizes, type Names, type Value } from './facet.ts';
import { base64Of, characters, isHex, isTemporal, isText, NC_NAME, spaced } from './lexical.ts';
import { decimals, floats, isInteger } from './numeric.ts';
import { Unusable } from './simple.ts';
import type { BuiltIn, Facets, Simple, TemporalBuiltIn, TextBuiltIn } from './type.ts';

/**
 * Compiles a simple type.
 * @throws Unusable where a facet has no meaning
 */
export function valueOf(type: Simple): Value {
  switch (type.variety) {
    case 'atomic':
      return atomic(type.base, type.facets);
    case 'list':
      return listOf(valueOf(type.item), type.facets);
    case 'union':
      return unionOf(type.members.map(valueOf), type.facets);
    default:
      return type satisfies never;
  }
}

function atomic(base: BuiltIn, facets: Facets): Value {
  const not = new Bad(`is not an xsd:${base}`);
  switch (base) {
    case 'boolean':
      return booleans(not);
    case 'decimal':
      return decimals(null, facets, not);
    case 'float':
    case 'double':
      return floats(facets, not);
    case 'base64Binary':
      return texts(facets, not, { read: base64Of, size: octetsOfBase64 });
    case 'hexBinary':
      return texts(facets, not, { read: (text) => hexOf(text), size: (text) => text.length / 2 });
    case 'QName':
      return qnames(facets, not);
    case 'dateTime':
    case 'date':
    case 'time':
    case 'gYearMonth':
    case 'gYear':
    case 'gMonthDay':
    case 'gDay':
    case 'gMonth':
    case 'duration':
      return texts(facets, not, temporal(base));
    default:
      return isInteger(base) ? decimals(base, facets, not) : texts(facets, not, textual(base, facets));
  }
}

/** A type whose values are texts: how one is read (null: it is none), and how long it is. */
interface Textual {
  readonly read: (text: string) => string | null;
  readonly size: (text: string) => number;
  /** Whether numbers and booleans may stand for it. */
  readonly lenient?: boolean;
}

function textual(base: TextBuiltIn, { whiteSpace }: Facets): Textual {
  const space = spaced[whiteSpace];
  const read = (text: string): string | null => {
    const own = space(text);
    return isText(base, own) ? own : null;
  };
  return {
    read: base === 'string' && whiteSpace === 'preserve' ? (text) => text : read,
    size: characters,
    lenient: true,
  };
}

function temporal(base: TemporalBuiltIn): Textual {
  const read = (text: string): string | null => {
    const own = spaced.collapse(text);
    return isTemporal(base, own) ? own : null;
  };
  return { read, size: characters };
}

function hexOf(text: string): string | null {
  const own = spaced.collapse(text);
  return isHex(own) ? own : null;
}

const octetsOfBase64 = (text: string): number =>
  (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);

function texts(facets: Facets, not: Bad, { read, size, lenient = false }: Textual): Value {
  const fits = sizes(facets, size);
  const listed = enumerated(facets, (literal) => read(literal) ?? not);
  const take = (text: string): string | Bad => {
    const own = read(text);
    if (own === null) return not;
    return fits?.(own) ?? listed?.(own) ?? own;
  };
  return {
    read: take,
    write: (json) => {
      if (typeof json === 'string') return take(json);
      if (!lenient) return not;
      if (typeof json === 'number' || typeof json === 'boolean') return take(String(json));
      return json instanceof Exact ? take(json.text) : not;
    },
  };
}

function booleans(not: Bad): Value {
  const read = (text: string): boolean | Bad => {
    const own = spaced.collapse(text);
    if (own === 'true' || own === '1') return true;
    return own === 'false' || own === '0' ? false : not;
  };
  return {
    read,
    write: (json) => {
      const value = typeof json === 'string' ? read(json) : json;
      return typeof value === 'boolean' ? String(value) : not;
    },
  };
}

function qnames(facets: Facets, not: Bad): Value {
  if (facets.enumeration !== null) throw new Unusable('an enumeration of QNames is not supported');
  return {
    read: (text, names) => {
      const own = spaced.collapse(text);
      const name = names.inValue(own);
      if ('problem' in name || !NC_NAME.test(name.local)) return not;
      return name.namespace === '' ? name.local : `{${name.namespace}}${name.local}`;
    },
    write: (json, prefixOf) => {
      // A namespace has the characters of a URI: parsers refuse to declare others.
      const [, namespace = '', local = ''] =
        typeof json === 'string' ? (/^(?:\{([^\s<>"{}|\\^`]+)\})?([^{}]+)$/.exec(json) ?? []) : [];
      return NC_NAME.test(local) ? prefixOf(namespace) + local : not;
    },
  };
}

function listOf(item: Value, facets: Facets): Value {
  const fits = sizes<readonly Json[]>(facets, (list) => list.length);
  const read = (text: string, names: Names): readonly Json[] | Bad => {
    const own = spaced.collapse(text);
    const values: Json[] = [];
    for (const word of own === '' ? [] : own.split(' ')) {
      const value = item.read(word, names);
      if (value instanceof Bad) return value;
      values.push(value);
    }
    return values;
  };
  const listed = enumerated(facets, (literal) => read(literal, NO_NAMES));
  return {
    read: (text, names) => {
      const values = read(text, names);
      if (values instanceof Bad) return values;
      return fits?.(values) ?? listed?.(values) ?? values;
    },
    write: (json, prefixOf) => {
      if (!isList(json)) return NO_LIST;
      const words: string[] = [];
      for (const value of json) {
        const word = item.write(value, prefixOf);
        if (typeof word !== 'string') return word;
        if (word === '' || /[ \t\n\r]/.test(word)) return BLANKS;
        words.push(word);
      }
      const text = words.join(' ');
      // As it will be read: the schema's values are its own, not the ways in which JSON may put them.
      return fits?.(json) ?? listed?.(asRead(read(text, NO_NAMES))) ?? text;
    },
  };
}

const asRead = (value: Json | Bad): Json => (value instanceof Bad ? null : value);
const NO_LIST = new Bad('is not a list');
const BLANKS = new Bad('has an item that is empty or has blanks in it, which a list in XML cannot keep apart');

/** The first member that takes a text is its type (XML Schema 2, 2.5.1.3); so it is with values. */
function unionOf(members: readonly Value[], facets: Facets): Value {
  const none = new Bad('is of none of the types that the schema allows');
  const read = (text: string, names: Names): Json | Bad => {
    for (const member of members) {
      const value = member.read(text, names);
      if (!(value instanceof Bad)) return value;
    }
    return none;
  };
  const listed = enumerated(facets, (literal) => read(literal, NO_NAMES));
  return {
    read: (text, names) => {
      const value = read(text, names);
      return value instanceof Bad ? value : (listed?.(value) ?? value);
    },
    write: (json, prefixOf) => {
      for (const member of members) {
        const text = member.write(json, prefixOf);
        if (typeof text === 'string') return listed?.(asRead(read(text, NO_NAMES))) ?? text;
      }
      return none;
    },
  };
}
