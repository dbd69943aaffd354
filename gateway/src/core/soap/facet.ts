/** What a simple type's codec is, and the checks of facets that several kinds of values share. */
import { digest, type Json } from '../json.ts';
import { counted } from './digits.ts';
import type { BadName, Name } from './scope.ts';
import { Unusable } from './simple.ts';
import type { Facets } from './type.ts';

/** Why a value is none of its type. */
export class Bad {
  /** Part of a sentence: `is not an xsd:int`. Values are not quoted: they may be nobody else's business. */
  readonly because: string;

  constructor(because: string) {
    this.because = because;
  }
}

/** Resolves the names in values, with the declarations in force at the element at hand. */
export interface Names {
  /** An attribute's name: without a prefix it is in no namespace. */
  resolve(name: string): Name | BadName;
  /** A QName in a value: without a prefix it is in the default namespace. */
  inValue(name: string): Name | BadName;
}

const UNBOUND: BadName = { problem: 'no prefix is bound here' };

/** Of a place without declarations: a literal of a facet. */
export const NO_NAMES: Names = { resolve: () => UNBOUND, inValue: () => UNBOUND };

/** A prefix, with its colon, that stands for a namespace where a value is written; empty for no namespace. */
export type PrefixOf = (namespace: string) => string;

export interface Value {
  /** @param text as it stands in the document, references resolved */
  read(text: string, names: Names): Json | Bad;
  /** The text, not yet escaped. */
  write(json: Json, prefixOf: PrefixOf): string | Bad;
}

/** What is wrong with a value; null: nothing. The check itself is null where there is nothing to check. */
export type Check<T> = ((value: T) => Bad | null) | null;

/** The lengths that a type allows. */
export function sizes<T>({ length, minLength, maxLength }: Facets, size: (value: T) => number): Check<T> {
  if (length === null && minLength === null && maxLength === null) return null;
  const least = Math.max(length ?? 0, minLength ?? 0);
  const most = Math.min(length ?? Infinity, maxLength ?? Infinity);
  const [short, long] = [new Bad(`is shorter than ${least}`), new Bad(`is longer than ${most}`)];
  return (value) => {
    const own = size(value);
    return own < least ? short : own > most ? long : null;
  };
}

/**
 * Whether a value is one of those that the type names: by value, so that `1.0` is 1.
 * @throws Unusable where one of them is no value of the type
 */
export function enumerated(facets: Facets, read: (literal: string) => Json | Bad): Check<Json> {
  if (facets.enumeration === null) return null;
  const known = new Set<Json>();
  const digests = new Set<string>();
  for (const literal of facets.enumeration) {
    const value = read(literal);
    if (value instanceof Bad) throw new Unusable(`the value "${literal}" of an enumeration ${value.because}`);
    if (typeof value === 'string') known.add(value);
    else digests.add(digest(value));
  }
  const bad = new Bad('is not one of the values that the schema lists');
  return (value) => ((typeof value === 'string' ? known.has(value) : digests.has(digest(value))) ? null : bad);
}

/**
 * The least and the greatest value that a type allows.
 * @throws Unusable where a bound is no value of the type
 */
export function bounds<T>(
  { minInclusive, minExclusive, maxInclusive, maxExclusive }: Facets,
  read: (literal: string) => T | null,
  compare: (one: T, other: T) => number,
): Check<T> {
  const checks = [
    boundOf(minInclusive, 'is less than', (order) => order >= 0),
    boundOf(minExclusive, 'is not more than', (order) => order > 0),
    boundOf(maxInclusive, 'is more than', (order) => order <= 0),
    boundOf(maxExclusive, 'is not less than', (order) => order < 0),
  ].filter((check) => check !== null);
  if (checks.length === 0) return null;
  return (value) => {
    for (const { limit, holds, bad } of checks) if (!holds(compare(value, limit))) return bad;
    return null;
  };

  function boundOf(
    literal: string | null,
    words: string,
    holds: (order: number) => boolean,
  ): { readonly limit: T; readonly holds: (order: number) => boolean; readonly bad: Bad } | null {
    if (literal === null) return null;
    const limit = read(literal);
    if (limit === null) throw new Unusable(`the bound "${literal}" of a number is none`);
    return { limit, holds, bad: new Bad(`${words} ${literal}`) };
  }
}

/** How many digits a type allows, of a plain number. */
export function digitsChecked({ totalDigits, fractionDigits }: Facets): Check<string> {
  if (totalDigits === null && fractionDigits === null) return null;
  const [most, behind] = [totalDigits ?? Infinity, fractionDigits ?? Infinity];
  const [long, fine] = [
    new Bad(`has more than ${most} digits`),
    new Bad(`has more than ${behind} digits behind the point`),
  ];
  return (plain) => {
    // As it is written it has at least as many as the number has.
    if (plain.length <= most && plain.length - plain.indexOf('.') - 1 <= behind) return null;
    const { total, fraction } = counted(plain);
    return total > most ? long : fraction > behind ? fine : null;
  };
}
