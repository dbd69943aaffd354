/**
 * Simple types of a schema, resolved: restrictions down to the built-in type that they narrow, lists and unions with their members.
 * Throws {@link Unusable} for what a codec could only guess at.
 */
import { clark, type Name } from './scope.ts';
import { placeOf, type Component, type Origin, type Schemas } from './schema.ts';
import type { Element } from './tree.ts';
import type { BuiltIn, Facets, Simple } from './type.ts';
import { XSD } from './wsdl.ts';

/** Why an element cannot have a codec; never leaves `codecOf`. The message is a sentence with its place. */
export class Unusable extends Error {}

/** Deeper than types are derived from each other, or stand in each other. */
export const MAX_NESTING = 100;

/** Members of unions in one type: a hundred unions of two unions each would be 2^100. */
const MAX_MEMBERS = 1_000;

const SPACES: ReadonlyMap<string, Facets['whiteSpace']> = new Map([
  ['string', 'preserve'],
  ['anySimpleType', 'preserve'],
  ['normalizedString', 'replace'],
]);

const BUILT_INS: ReadonlySet<string> = new Set<BuiltIn>([
  'string',
  'normalizedString',
  'token',
  'language',
  'NMTOKEN',
  'Name',
  'NCName',
  'ID',
  'IDREF',
  'ENTITY',
  'anyURI',
  'anySimpleType',
  'integer',
  'nonPositiveInteger',
  'negativeInteger',
  'long',
  'int',
  'short',
  'byte',
  'nonNegativeInteger',
  'unsignedLong',
  'unsignedInt',
  'unsignedShort',
  'unsignedByte',
  'positiveInteger',
  'dateTime',
  'date',
  'time',
  'gYearMonth',
  'gYear',
  'gMonthDay',
  'gDay',
  'gMonth',
  'duration',
  'boolean',
  'decimal',
  'float',
  'double',
  'base64Binary',
  'hexBinary',
  'QName',
]);

/** The built-in lists and their items. */
const LISTS: ReadonlyMap<string, BuiltIn> = new Map([
  ['NMTOKENS', 'NMTOKEN'],
  ['IDREFS', 'IDREF'],
  ['ENTITIES', 'ENTITY'],
]);

const isBuiltIn = (local: string): local is BuiltIn => BUILT_INS.has(local);

/** What a type without facets has: nothing bounds it, and its spaces collapse. */
export const NO_FACETS: Facets = {
  whiteSpace: 'collapse',
  length: null,
  minLength: null,
  maxLength: null,
  totalDigits: null,
  fractionDigits: null,
  minInclusive: null,
  minExclusive: null,
  maxInclusive: null,
  maxExclusive: null,
  enumeration: null,
  patterns: [],
};

/** Says what cannot be done, and where. */
export function unusable(at: Pick<Component, 'element' | 'origin'>, what: string): never {
  throw new Unusable(`${placeOf(at)}: ${what}`);
}

/** The children that mean something, all of which must be the schema's. */
export function partsOf(element: Element, origin: Origin): readonly Element[] {
  return element.children.filter((child) => {
    if (child.namespace !== XSD) unusable({ element: child, origin }, `${child.local} is not an element of XML Schema`);
    return child.local !== 'annotation';
  });
}

/** The name that an attribute (`type`, `ref`, `base` …) gives; null when there is none. */
export function referred(at: Pick<Component, 'element' | 'origin'>, attribute: string): Name | null {
  const text = at.element.attributes.get(attribute);
  return text === undefined ? null : resolved(at, text);
}

function resolved({ element, origin }: Pick<Component, 'element' | 'origin'>, text: string): Name {
  const name = element.qname(text);
  if (name === null) return unusable({ element, origin }, `the prefix of ${text} is not bound here`);
  return name.namespace === '' && origin.chameleon ? { namespace: origin.namespace, local: name.local } : name;
}

/** A global component by name. */
export function lookUp(
  schemas: Schemas,
  space: Exclude<keyof Schemas, 'namespaces'>,
  { name, at }: { readonly name: Name; readonly at: Pick<Component, 'element' | 'origin'> },
): Component {
  const key = clark(name.namespace, name.local);
  const found = schemas[space].get(key);
  if (found === undefined) {
    const hint = name.namespace.endsWith('/soap/encoding/')
      ? 'types of SOAP encoding are not supported'
      : schemas.namespaces.has(name.namespace)
        ? 'no schema declares it'
        : 'no schema of its namespace was read; import one from a file beside the WSDL';
    return unusable(at, `${key} is not known: ${hint}`);
  }
  if (found.trouble !== null) unusable(at, found.trouble);
  return found;
}

export class SimpleTypes {
  readonly #schemas: Schemas;
  readonly #known = new Map<string, Simple>();
  readonly #busy = new Set<string>();

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  /** A type of XML Schema itself; null when it is none, or one that has no value (`anyType`). */
  builtIn(local: string): Simple | null {
    const name = { namespace: XSD, local };
    const item = LISTS.get(local);
    if (item !== undefined) {
      const inner = this.builtIn(item);
      // A list of nothing is no NMTOKENS (XML Schema 2, 3.3.5).
      const facets = { ...NO_FACETS, minLength: 1 };
      return inner === null ? null : { kind: 'simple', name, variety: 'list', facets, item: inner };
    }
    if (!isBuiltIn(local)) return null;
    const facets = { ...NO_FACETS, whiteSpace: SPACES.get(local) ?? 'collapse' };
    return { kind: 'simple', name, variety: 'atomic', base: local, facets };
  }

  /** The named type; null when it is not a simple one. */
  named(name: Name, at: Pick<Component, 'element' | 'origin'>): Simple | null {
    if (name.namespace === XSD) {
      if (name.local === 'NOTATION') unusable(at, 'the type xsd:NOTATION is not supported');
      return this.builtIn(name.local);
    }
    const key = clark(name.namespace, name.local);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = lookUp(this.#schemas, 'types', { name, at });
    if (found.element.local !== 'simpleType') return null;
    if (this.#busy.has(key) || this.#busy.size >= MAX_NESTING) unusable(at, `the type ${key} is derived from itself`);
    this.#busy.add(key);
    const type = this.define(found, name);
    this.#busy.delete(key);
    this.#known.set(key, type);
    return type;
  }

  /** What an `xsd:simpleType` defines. */
  define(at: Pick<Component, 'element' | 'origin'>, name: Name | null): Simple {
    const [part] = partsOf(at.element, at.origin);
    if (part === undefined) return unusable(at, 'a simpleType without a restriction, list or union');
    const here = { element: part, origin: at.origin };
    switch (part.local) {
      case 'restriction':
        return this.narrow(this.#base(here, 'base'), here, name);
      case 'list': {
        const item = this.#base(here, 'itemType');
        if (item.variety === 'list') unusable(here, 'a list of lists has no form in XML');
        return { kind: 'simple', name, variety: 'list', facets: NO_FACETS, item };
      }
      case 'union':
        return this.#union(here, name);
      default:
        return unusable(here, `xsd:${part.local} is not supported in a simple type`);
    }
  }

  #union(at: Pick<Component, 'element' | 'origin'>, name: Name | null): Simple {
    const texts = (at.element.attributes.get('memberTypes') ?? '').split(/\s+/).filter((text) => text !== '');
    const named = texts.map((text) => this.#simple(resolved(at, text), at));
    const inner = partsOf(at.element, at.origin).map((element) => this.define({ element, origin: at.origin }, null));
    const members = [...named, ...inner];
    if (members.length === 0) unusable(at, 'a union without members');
    if (members.reduce((sum, member) => sum + this.#sizeOf(member), 0) > MAX_MEMBERS)
      unusable(at, `a union of more than ${MAX_MEMBERS} types`);
    return { kind: 'simple', name, variety: 'union', facets: { ...NO_FACETS, whiteSpace: 'preserve' }, members };
  }

  /** How many atomic types are looked at to read a value, at worst; known of the members before their union is made. */
  #sizeOf(type: Simple): number {
    switch (type.variety) {
      case 'atomic':
        return 1;
      case 'list':
        return this.#sizeOf(type.item);
      case 'union':
        return type.members.reduce((sum, member) => sum + this.#sizeOf(member), 0);
      default:
        return type satisfies never;
    }
  }

  #simple(name: Name, at: Pick<Component, 'element' | 'origin'>): Simple {
    const type = this.named(name, at);
    return type ?? unusable(at, `${clark(name.namespace, name.local)} is not a simple type`);
  }

  /** The type that an attribute names, or that stands inside. */
  #base(at: Pick<Component, 'element' | 'origin'>, attribute: string): Simple {
    const name = referred(at, attribute);
    if (name !== null) return this.#simple(name, at);
    const inner = partsOf(at.element, at.origin).find(({ local }) => local === 'simpleType');
    if (inner === undefined) return unusable(at, `xsd:${at.element.local} without ${attribute}`);
    return this.define({ element: inner, origin: at.origin }, null);
  }

  /** `base` with the facets of a restriction. */
  narrow(base: Simple, at: Pick<Component, 'element' | 'origin'>, name: Name | null): Simple {
    return { ...base, name, facets: narrowed(base.facets, at) };
  }
}

const COUNTS = ['length', 'minLength', 'maxLength', 'totalDigits', 'fractionDigits'] as const;
const BOUNDS = ['minInclusive', 'minExclusive', 'maxInclusive', 'maxExclusive'] as const;
const IGNORED: ReadonlySet<string> = new Set([
  'simpleType',
  'attribute',
  'attributeGroup',
  'anyAttribute',
  'annotation',
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function narrowed(base: Facets, at: Pick<Component, 'element' | 'origin'>): Facets {
  const facets: Mutable<Facets> = { ...base };
  const literals: string[] = [];
  const patterns: string[] = [];
  for (const child of partsOf(at.element, at.origin)) {
    const value = child.attributes.get('value') ?? '';
    const here = { element: child, origin: at.origin };
    const count = COUNTS.find((facet) => facet === child.local);
    const bound = BOUNDS.find((facet) => facet === child.local);
    if (count !== undefined) facets[count] = countOf(value, here);
    else if (bound !== undefined) facets[bound] = value.trim();
    else if (child.local === 'enumeration') literals.push(value);
    else if (child.local === 'pattern') patterns.push(value);
    else if (child.local === 'whiteSpace') facets.whiteSpace = spaceOf(value, here);
    else if (!IGNORED.has(child.local)) unusable(here, `the facet xsd:${child.local} is not supported`);
  }
  if (literals.length > 0) facets.enumeration = literals;
  if (patterns.length > 0) facets.patterns = [...base.patterns, patterns];
  return facets;
}

function countOf(value: string, at: Pick<Component, 'element' | 'origin'>): number {
  const text = value.trim();
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : unusable(at, `${at.element.local} must be a number, not "${text}"`);
}

function spaceOf(value: string, at: Pick<Component, 'element' | 'origin'>): Facets['whiteSpace'] {
  const text = value.trim();
  if (text === 'preserve' || text === 'replace' || text === 'collapse') return text;
  return unusable(at, `"${text}" is not a way to treat white space`);
}
