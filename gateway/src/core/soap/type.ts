/**
 * What a codec knows of an element, as a tree: for `banyan check` and the scaffold, which ask what a message must and may hold, and
 * for the programs that read and write it. A type that contains itself is one object: whoever walks the tree remembers where
 * they have been.
 *
 * The JSON form of a message: a complex type is an object with one member for each element, by local name, and one for each
 * attribute, as `@name`; text beside attributes is the member `#text`. What may stand more than once is a list, however often
 * it stands. An element that is nil is null; one that is absent has no member.
 */
import type { Name } from './scope.ts';

/** The built-in types that values may have, by their names in XML Schema 2. */
export type BuiltIn =
  | TextBuiltIn
  | IntegerBuiltIn
  | TemporalBuiltIn
  | 'boolean'
  | 'decimal'
  | 'float'
  | 'double'
  | 'base64Binary'
  | 'hexBinary'
  | 'QName';

export type TextBuiltIn =
  | 'string'
  | 'normalizedString'
  | 'token'
  | 'language'
  | 'NMTOKEN'
  | 'Name'
  | 'NCName'
  | 'ID'
  | 'IDREF'
  | 'ENTITY'
  | 'anyURI'
  | 'anySimpleType';

export type IntegerBuiltIn =
  | 'integer'
  | 'nonPositiveInteger'
  | 'negativeInteger'
  | 'long'
  | 'int'
  | 'short'
  | 'byte'
  | 'nonNegativeInteger'
  | 'unsignedLong'
  | 'unsignedInt'
  | 'unsignedShort'
  | 'unsignedByte'
  | 'positiveInteger';

export type TemporalBuiltIn =
  'dateTime' | 'date' | 'time' | 'gYearMonth' | 'gYear' | 'gMonthDay' | 'gDay' | 'gMonth' | 'duration';

/** Literals as the schema writes them; null where it says nothing. */
export interface Facets {
  readonly whiteSpace: 'preserve' | 'replace' | 'collapse';
  /** Of strings in characters, of binary data in octets, of lists in items. */
  readonly length: number | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly totalDigits: number | null;
  readonly fractionDigits: number | null;
  readonly minInclusive: string | null;
  readonly minExclusive: string | null;
  readonly maxInclusive: string | null;
  readonly maxExclusive: string | null;
  readonly enumeration: readonly string[] | null;
  /** A value must match one of each list. Recorded, not checked. */
  readonly patterns: readonly (readonly string[])[];
}

interface SimpleBase {
  readonly kind: 'simple';
  /** Null: it has no name, or is made by the facade. */
  readonly name: Name | null;
  readonly facets: Facets;
}

export type Simple =
  | (SimpleBase & { readonly variety: 'atomic'; readonly base: BuiltIn })
  /** A JSON list; in XML the items stand between blanks. */
  | (SimpleBase & { readonly variety: 'list'; readonly item: Simple })
  /** The first member that takes a text is its type. */
  | (SimpleBase & { readonly variety: 'union'; readonly members: readonly Simple[] });

/** One member of the JSON object that a complex type becomes. */
export interface Field {
  /** The member's key: an element's local name, `@name` of an attribute, `#text`. */
  readonly key: string;
  readonly name: Name;
  /** Where it stands in XML. */
  readonly place: 'element' | 'attribute' | 'text';
  /** At least so many, whatever else the message has: 0 in a branch of a choice or in an optional group. */
  readonly min: number;
  /** `Infinity` for `unbounded`. More than 1: a list. */
  readonly max: number;
  readonly nillable: boolean;
  /** The one value that it may have, as the schema writes it: it needs no source. */
  readonly fixed: string | null;
  /** What an empty element, or an absent attribute, stands for. */
  readonly default: string | null;
  readonly type: Type;
}

export type Part =
  /** `min` is what its group asks for, once the group is there. */
  { readonly kind: 'leaf'; readonly field: Field; readonly min: number } | Group;

/** A group stands at most once. */
export interface Group {
  readonly kind: 'group';
  readonly order: 'sequence' | 'choice' | 'all';
  readonly optional: boolean;
  readonly parts: readonly Part[];
}

export interface Complex {
  readonly kind: 'complex';
  /** Null: it has no name. */
  readonly name: Name | null;
  /** Everything, in order: attributes, then elements or the text. */
  readonly fields: readonly Field[];
  /** How the elements stand together; null: there are none. */
  readonly content: Group | null;
  /** The text beside attributes; null: there is none. */
  readonly text: Field | null;
}

export type Type = Simple | Complex;

/** A global element: `key` is its local name, `min` and `max` are 1. */
export type Shape = Field;
