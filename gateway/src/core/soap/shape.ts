/**
 * Resolves a global element of the schemas into its {@link Shape}: references followed, groups written out, derived types with what
 * they inherit. What JSON, keyed by names, could only keep by guessing has no shape, and the reason says where it stands: mixed
 * content, one name twice in a type, repeated groups, `anyType`, required wildcards, abstract elements and types.
 *
 * Optional wildcards are left out: nothing is written for them, and a message that uses one is refused. So are the other members
 * of a substitution group, and derived types named by `xsi:type`.
 */
import { AttributeUses } from './attribute.ts';
import { clark, type Name } from './scope.ts';
import type { Component, Schemas } from './schema.ts';
import { lookUp, MAX_NESTING, partsOf, referred, SimpleTypes, Unusable, unusable } from './simple.ts';
import type { Element } from './tree.ts';
import type { Complex, Field, Group, Part, Shape, Simple, Type } from './type.ts';
import { XSD } from './wsdl.ts';

/** Elements and groups of one shape: a hundred groups of which each refers to the next one twice would be 2^100. */
const MAX_PARTS = 200_000;

type Place = Pick<Component, 'element' | 'origin'>;

export type Shaped =
  | { readonly kind: 'shape'; readonly shape: Shape }
  /** A sentence with its file and line. */
  | { readonly kind: 'unusable'; readonly because: string };

/** The shape of a global element, or why it has none. */
export function shapeOf(schemas: Schemas, element: Name): Shaped {
  const key = clark(element.namespace, element.local);
  const component = schemas.elements.get(key);
  if (component === undefined) {
    const known = schemas.namespaces.has(element.namespace);
    return {
      kind: 'unusable',
      because: `${key} is not declared${known ? '' : ': no schema of its namespace was read'}`,
    };
  }
  try {
    if (component.trouble !== null) unusable(component, component.trouble);
    return { kind: 'shape', shape: new Shaper(schemas).global(component) };
  } catch (error) {
    if (error instanceof Unusable) return { kind: 'unusable', because: error.message };
    throw error;
  }
}

/** A complex type while it is filled: what it contains may be itself. */
type Draft = { -readonly [K in keyof Complex]: Complex[K] };

/** What a type hands down to those that are derived from it. */
interface Heritage {
  readonly attributes: readonly Field[];
  readonly content: Group | null;
  readonly text: Field | null;
}

const NOTHING: Heritage = { attributes: [], content: null, text: null };

class Shaper {
  readonly #schemas: Schemas;
  readonly #simple: SimpleTypes;
  readonly #attributes: AttributeUses;
  /** By the element that defines them: types without a name may contain themselves too, by way of a global element. */
  readonly #types = new Map<Element, Type>();
  /** The types and groups that the type at hand is being derived from. */
  #deriving: ReadonlySet<string> = new Set();
  #depth = 0;
  #parts = 0;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
    this.#simple = new SimpleTypes(schemas);
    this.#attributes = new AttributeUses(schemas, this.#simple);
  }

  global(at: Component): Field {
    if (at.element.attributes.get('abstract') === 'true')
      unusable(at, 'the element is abstract: no message can hold it');
    const local = at.element.attributes.get('name') ?? '';
    return this.#element(at, { namespace: at.origin.namespace, local }, { min: 1, max: 1 });
  }

  #element(at: Place, name: Name, { min, max }: Occurs): Field {
    const { attributes } = at.element;
    return {
      key: name.local,
      name,
      place: 'element',
      min,
      max,
      nillable: attributes.get('nillable') === 'true' || attributes.get('nillable') === '1',
      fixed: attributes.get('fixed') ?? null,
      default: attributes.get('default') ?? null,
      type: this.#typeOf(at),
    };
  }

  #typeOf(at: Place): Type {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING) unusable(at, `types stand in each other more than ${MAX_NESTING} deep`);
    const deriving = this.#deriving;
    this.#deriving = new Set();
    try {
      const name = referred(at, 'type');
      if (name !== null) return this.#named(name, at);
      const inner = partsOf(at.element, at.origin).find(({ local }) => local.endsWith('Type'));
      if (inner === undefined) return this.#untyped(at);
      const here = { element: inner, origin: at.origin };
      return inner.local === 'simpleType' ? this.#simple.define(here, null) : this.#complex(here, null);
    } finally {
      this.#deriving = deriving;
      this.#depth -= 1;
    }
  }

  /** A member of a substitution group has its head's type; any other element without one may hold anything. */
  #untyped(at: Place): Type {
    const head = referred(at, 'substitutionGroup');
    if (head === null) return unusable(at, 'the element has no type, so anything may stand in it; give it one');
    return this.#typeOf(lookUp(this.#schemas, 'elements', { name: head, at }));
  }

  #named(name: Name, at: Place): Type {
    const simple = this.#simple.named(name, at);
    if (simple !== null) return simple;
    const key = clark(name.namespace, name.local);
    if (name.namespace === XSD)
      return unusable(at, `anything may stand in the type xsd:${name.local}; name another type`);
    const found = lookUp(this.#schemas, 'types', { name, at });
    if (found.element.attributes.get('abstract') === 'true')
      unusable(at, `the type ${key} is abstract, and what stands for it is known in the message only (xsi:type)`);
    return this.#complex(found, name);
  }

  #complex(at: Place, name: Name | null): Type {
    const known = this.#types.get(at.element);
    if (known !== undefined) return known;
    const draft: Draft = { kind: 'complex', name, fields: [], content: null, text: null };
    // Before it is filled, for it may contain itself. One with text alone contains no elements, and may become a simple type.
    this.#types.set(at.element, draft);
    const { attributes, content, text } = this.#heritage(at);
    if (text !== null && attributes.length === 0 && text.type.kind === 'simple') {
      this.#types.set(at.element, text.type);
      return text.type;
    }
    draft.content = content;
    draft.text = text;
    draft.fields = [
      ...attributes,
      ...(text === null ? [] : [text]),
      ...(content === null ? [] : fieldsOf(content, false)),
    ];
    const seen = new Set<string>();
    for (const field of draft.fields) {
      if (seen.has(field.key))
        unusable(at, `${field.key} stands twice in one type, and JSON has one member of that name`);
      seen.add(field.key);
    }
    return draft;
  }

  #heritage(at: Place): Heritage {
    const { element, origin } = at;
    if (isTrue(element.attributes.get('mixed')))
      unusable(at, 'mixed content (text between elements) has no form in JSON');
    const [first] = partsOf(element, origin);
    if (first?.local !== 'simpleContent' && first?.local !== 'complexContent') {
      return { attributes: this.#attributes.of(at, []), content: this.#content(at), text: null };
    }
    if (isTrue(first.attributes.get('mixed')))
      unusable(at, 'mixed content (text between elements) has no form in JSON');
    const [step] = partsOf(first, origin);
    const here = { element: step ?? first, origin };
    const name = referred(here, 'base');
    if (step === undefined || name === null || (step.local !== 'extension' && step.local !== 'restriction'))
      return unusable(here, `xsd:${first.local} without an extension or restriction of a base`);
    const base = this.#inherited(name, here);
    const attributes = this.#attributes.of(here, base.attributes);
    if (first.local === 'simpleContent') return { attributes, content: null, text: this.#text(base, here) };
    if (base.text !== null)
      unusable(here, `the base ${name.local} has text, so xsd:complexContent cannot be derived from it`);
    const own = this.#content(here);
    if (step.local === 'restriction') return { attributes, content: own, text: null };
    return { attributes, content: joined(base.content, own), text: null };
  }

  /** What a base hands down; simple types hand down text. */
  #inherited(name: Name, at: Place): Heritage {
    const simple = this.#simple.named(name, at);
    if (simple !== null) return { ...NOTHING, text: textField(simple) };
    if (name.namespace === XSD) {
      if (name.local === 'anyType') return NOTHING;
      return unusable(at, `xsd:${name.local} is no type to derive from`);
    }
    const key = clark(name.namespace, name.local);
    const found = lookUp(this.#schemas, 'types', { name, at });
    return this.#within(key, at, () => this.#heritage(found));
  }

  #text(base: Heritage, at: Place): Field {
    const inner = partsOf(at.element, at.origin).find(({ local }) => local === 'simpleType');
    const type =
      inner === undefined ? base.text?.type : this.#simple.define({ element: inner, origin: at.origin }, null);
    if (type?.kind !== 'simple') return unusable(at, 'xsd:simpleContent needs a base that has text and no elements');
    return textField(at.element.local === 'restriction' ? this.#simple.narrow(type, at, null) : type);
  }

  /** The group of a type or derivation; null when it has no elements. */
  #content(at: Place): Group | null {
    const parts = partsOf(at.element, at.origin).flatMap((element) =>
      MODELS.has(element.local) ? [this.#part({ element, origin: at.origin })] : [],
    );
    const [part, other] = parts.filter((found) => found !== null);
    if (other !== undefined) unusable(at, 'a type has one group of elements');
    if (part === undefined) return null;
    return part.kind === 'group' ? part : { kind: 'group', order: 'sequence', optional: false, parts: [part] };
  }

  /** Null: nothing that a message of ours would hold. */
  #part(at: Place): Part | null {
    const { element } = at;
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) unusable(at, `more than ${MAX_PARTS} elements and groups, all references written out`);
    const occurs = occursOf(at);
    if (occurs.max === 0) return null;
    switch (element.local) {
      case 'element': {
        const field = this.#member(at, occurs);
        return { kind: 'leaf', field, min: occurs.min };
      }
      case 'any':
        if (occurs.min > 0) unusable(at, 'a required wildcard (xsd:any): what to write there is not known');
        return null;
      case 'group':
        return this.#referredGroup(at, occurs);
      case 'sequence':
      case 'choice':
      case 'all':
        return this.#group(at, element.local, occurs);
      default:
        return unusable(at, `xsd:${element.local} is not supported in a group of elements`);
    }
  }

  #member(at: Place, occurs: Occurs): Field {
    const ref = referred(at, 'ref');
    if (ref === null) {
      const { qualifiedElements, namespace } = at.origin;
      const form = at.element.attributes.get('form') ?? (qualifiedElements ? 'qualified' : 'unqualified');
      const local = at.element.attributes.get('name') ?? unusable(at, 'an element without a name');
      if (at.element.attributes.has('targetNamespace')) unusable(at, 'targetNamespace of an element is not supported');
      return this.#element(at, { namespace: form === 'qualified' ? namespace : '', local }, occurs);
    }
    const global = lookUp(this.#schemas, 'elements', { name: ref, at });
    if (isTrue(global.element.attributes.get('abstract')))
      unusable(
        at,
        `the element ${clark(ref.namespace, ref.local)} is abstract: what stands for it is known in the message only`,
      );
    return this.#element(global, ref, occurs);
  }

  #referredGroup(at: Place, occurs: Occurs): Part | null {
    const name = referred(at, 'ref') ?? unusable(at, 'a group without a ref');
    const key = `group ${clark(name.namespace, name.local)}`;
    const found = lookUp(this.#schemas, 'groups', { name, at });
    const [model] = partsOf(found.element, found.origin);
    if (model === undefined) return null;
    const part = this.#within(key, at, () => this.#part({ element: model, origin: found.origin }));
    return part === null ? null : repeated(part, occurs, at);
  }

  #within<T>(key: string, at: Place, work: () => T): T {
    const outer = this.#deriving;
    if (outer.has(key) || outer.size >= MAX_NESTING) unusable(at, `${key} is made of itself`);
    this.#deriving = new Set([...outer, key]);
    try {
      return work();
    } finally {
      this.#deriving = outer;
    }
  }

  #group(at: Place, order: Group['order'], occurs: Occurs): Part | null {
    const found = partsOf(at.element, at.origin).map((element) => this.#part({ element, origin: at.origin }));
    const parts = found.filter((part) => part !== null);
    if (order === 'choice' && found.length === 0 && occurs.min > 0) unusable(at, 'a choice between nothing');
    // A branch without elements makes the choice one that need not be made.
    const empty = order === 'choice' && parts.length < found.length;
    const [only] = parts;
    if (only === undefined) return null;
    const least = empty ? 0 : occurs.min;
    if (parts.length === 1) return repeated(only, { min: least, max: occurs.max }, at);
    return repeated({ kind: 'group', order, optional: false, parts }, { min: least, max: occurs.max }, at);
  }
}

const MODELS: ReadonlySet<string> = new Set(['sequence', 'choice', 'all', 'group']);

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1';

interface Occurs {
  readonly min: number;
  readonly max: number;
}

function occursOf(at: Place): Occurs {
  const read = (name: string): number => {
    const text = at.element.attributes.get(name)?.trim() ?? '1';
    if (name === 'maxOccurs' && text === 'unbounded') return Infinity;
    return /^\d{1,9}$/.test(text) ? Number(text) : unusable(at, `${name} must be a number, not "${text}"`);
  };
  const [min, max] = [read('minOccurs'), read('maxOccurs')];
  return min <= max ? { min, max } : unusable(at, `minOccurs ${min} is more than maxOccurs ${max}`);
}

/** A part that stands `min` to `max` times. */
function repeated(part: Part, { min, max }: Occurs, at: Place): Part {
  if (max === 1) {
    if (min === 1) return part;
    return part.kind === 'group' ? { ...part, optional: true } : leaf(part.field, 0, part.field.max);
  }
  if (part.kind === 'group')
    return unusable(at, 'a group of several elements that stands more than once: JSON would lose their order');
  // (a{2,3}){0,2} leaves gaps that `min` and `max` cannot say.
  if (part.min > 1 && min !== max) unusable(at, 'a repeated group around a repeated element; count the elements alone');
  return leaf(part.field, part.min * min, part.field.max * max);
}

const leaf = (field: Field, min: number, max: number): Part => ({ kind: 'leaf', field: { ...field, min, max }, min });

function joined(base: Group | null, own: Group | null): Group | null {
  if (base === null || own === null) return base ?? own;
  return { kind: 'group', order: 'sequence', optional: false, parts: [base, own] };
}

function textField(type: Simple): Field {
  const name = { namespace: '', local: '#text' };
  return { key: '#text', name, place: 'text', min: 1, max: 1, nillable: false, fixed: null, default: null, type };
}

/** The elements of a group in order, each with what the type as a whole asks of it. */
function fieldsOf(group: Group, optional: boolean): readonly Field[] {
  const free = optional || group.optional || group.order === 'choice';
  return group.parts.flatMap((part) => {
    if (part.kind === 'group') return fieldsOf(part, free);
    return free && part.field.min > 0 ? [{ ...part.field, min: 0 }] : [part.field];
  });
}
