/** Numbers of XML Schema: decimals and integers of any length, and floats as they are written. */
import { Exact, numberOf, numberText, type Json } from '../json.ts';
import { compared, expanded, FLOAT_DIGITS, MAX_DIGITS, plainOf, shortened } from './digits.ts';
import { Bad, bounds, digitsChecked, enumerated, type Value } from './facet.ts';
import { spaced } from './lexical.ts';
import type { BuiltIn, Facets, IntegerBuiltIn } from './type.ts';

/** The bounds that a name stands for (XML Schema 2, 3.3.13 to 3.3.25). */
const RANGES: Readonly<Record<IntegerBuiltIn, readonly [least: string | null, most: string | null]>> = {
  integer: [null, null],
  nonPositiveInteger: [null, '0'],
  negativeInteger: [null, '-1'],
  long: ['-9223372036854775808', '9223372036854775807'],
  int: ['-2147483648', '2147483647'],
  short: ['-32768', '32767'],
  byte: ['-128', '127'],
  nonNegativeInteger: ['0', null],
  unsignedLong: ['0', '18446744073709551615'],
  unsignedInt: ['0', '4294967295'],
  unsignedShort: ['0', '65535'],
  unsignedByte: ['0', '255'],
  positiveInteger: ['1', null],
};

/** Whether a type is one of the integers. */
export function isInteger(base: BuiltIn): base is IntegerBuiltIn {
  return Object.hasOwn(RANGES, base);
}

/** @param base null: any decimal number */
export function decimals(base: IntegerBuiltIn | null, facets: Facets, not: Bad): Value {
  const [least, most] = base === null ? [null, null] : RANGES[base];
  const bounded = bounds(facets, (literal) => plainOf(literal), compared);
  const [low, high] = [least ?? '', most ?? ''];
  const sized = digitsChecked(facets);
  const listed = enumerated(facets, (literal) => plainNumber(literal) ?? not);
  const free = bounded === null && sized === null && listed === null;
  // Bounds of more digits lie beyond every safe integer.
  const floor = low !== '' && low.length <= FLOAT_DIGITS ? Number(low) : Number.MIN_SAFE_INTEGER;
  const ceiling = high !== '' && high.length <= FLOAT_DIGITS ? Number(high) : Number.MAX_SAFE_INTEGER;
  const check = (plain: string): Bad | null => {
    if (low !== '' && compared(plain, low) < 0) return not;
    if (high !== '' && compared(plain, high) > 0) return not;
    return bounded?.(plain) ?? sized?.(plain) ?? (listed === null ? null : listed(numberOf(plain)));
  };
  const behind = facets.fractionDigits ?? Infinity;
  return {
    read: (text) => {
      const plain = plainOf(spaced.collapse(text));
      if (plain === null || (base !== null && text.includes('.'))) return not;
      return check(plain) ?? numberOf(plain);
    },
    write: (json) => {
      // Most numbers: nothing but the bounds to look at, and those as numbers.
      if (free && typeof json === 'number' && Number.isSafeInteger(json) && json >= floor && json <= ceiling)
        return String(json);
      let plain = plainJson(json);
      if (plain === null) return not;
      const point = plain.indexOf('.');
      if (point !== -1) {
        // A text must be a form of the type; a number need only be one of its values.
        if (base !== null && typeof json === 'string') return not;
        if (base !== null || plain.length - point - 1 > behind) plain = shortened(plain);
        if (base !== null && plain.includes('.')) return not;
      }
      return check(plain) ?? plain;
    },
  };
}

function plainNumber(literal: string): Json | null {
  const plain = plainOf(spaced.collapse(literal));
  return plain === null ? null : numberOf(plain);
}

function plainJson(json: Json): string | null {
  if (typeof json === 'number') return String(json);
  if (json instanceof Exact) return expanded(json.text);
  return typeof json === 'string' ? plainOf(spaced.collapse(json)) : null;
}

// Exponents of more digits say zero or infinity, and cost readers that calculate with all digits their memory.
const FLOAT = /^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE]([+-]?0*[0-9]{1,4}))?$/;
const WORDS: ReadonlySet<string> = new Set(['INF', '-INF', 'NaN']);

/** `float` and `double`. Digits are not cut to what a float can hold. */
export function floats(facets: Facets, not: Bad): Value {
  const read = (text: string): Json | Bad => {
    const own = spaced.collapse(text);
    if (WORDS.has(own)) return own;
    if (own.length > MAX_DIGITS) return not;
    const [, mantissa, exponent] = FLOAT.exec(own) ?? [];
    const plain = mantissa === undefined ? null : plainOf(mantissa);
    if (plain === null) return not;
    // Floats have a zero below zero.
    const sign = own.startsWith('-') && !plain.startsWith('-') ? '-' : '';
    return numberOf(exponent === undefined ? sign + plain : `${sign}${plain}e${exponent}`);
  };
  const bounded = bounds(facets, floatOf, (one, other) => (one === other ? 0 : one - other));
  const listed = enumerated(facets, read);
  const check = (value: Json): Bad | null => bounded?.(floatOf(textOf(value))) ?? listed?.(value) ?? null;
  const take = (text: string): Json | Bad => {
    const value = read(text);
    return value instanceof Bad ? value : (check(value) ?? value);
  };
  return {
    read: take,
    write: (json) => {
      if (typeof json !== 'number' && typeof json !== 'string' && !(json instanceof Exact)) return not;
      const value = typeof json === 'number' ? json : read(textOf(json));
      return value instanceof Bad ? value : (check(value) ?? textOf(value));
    },
  };
}

/** Of a number, or one of the words. */
const textOf = (value: Json): string => (typeof value === 'string' ? value : (numberText(value) ?? ''));

function floatOf(text: string): number {
  return Number(text.replace('INF', 'Infinity'));
}
