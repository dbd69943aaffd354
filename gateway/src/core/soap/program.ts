/**
 * A shape as the programs that read and write it: one object for each type, with everything at hand that does not change from message
 * to message, namespaces and tags included.
 */
import { digest, type Json } from '../json.ts';
import { Bad, NO_NAMES, type Value } from './facet.ts';
import { escapedText, escapedValue } from './lexical.ts';
import { clark, XML_NAMESPACE, type Name } from './scope.ts';
import { Unusable } from './simple.ts';
import type { Complex, Field, Group, Shape, Simple } from './type.ts';
import { valueOf } from './value.ts';

/** The namespace of `xsi:nil` and `xsi:type`. */
export const XSI: string = 'http://www.w3.org/2001/XMLSchema-instance';

export interface ElementProgram {
  readonly key: string;
  readonly name: Name;
  readonly type: Name | null;
  /** What its group asks for. */
  readonly min: number;
  readonly max: number;
  readonly nillable: boolean;
  /** Its place among the elements of its type. */
  readonly index: number;
  /** Elements stand in the order of their ranks; those of an `xsd:all` share one. */
  readonly rank: number;
  /** `<p:order`, `</p:order>`. */
  readonly start: string;
  readonly end: string;
  /** Which prefix of {@link Program.prefixes} the tags use; -1: none. */
  readonly prefix: number;
  /** Of simple types. */
  readonly value: Value | null;
  /** Of complex types; filled once all programs are made. */
  complex: ComplexProgram | null;
  /** The one value, and its text, escaped. */
  readonly fixed: Constant | null;
  readonly default: Constant | null;
}

export interface Constant {
  readonly value: Json;
  readonly digest: string;
  readonly text: string;
}

export interface AttributeProgram {
  readonly key: string;
  readonly name: Name;
  readonly required: boolean;
  /** ` p:unit="`. */
  readonly start: string;
  readonly prefix: number;
  readonly value: Value;
  readonly fixed: Constant | null;
  readonly default: Constant | null;
}

export interface ComplexProgram {
  readonly attributes: readonly AttributeProgram[];
  readonly attributeOf: ReadonlyMap<string, AttributeProgram>;
  readonly elements: readonly ElementProgram[];
  /** By local name, which is unique in a type. */
  readonly elementOf: ReadonlyMap<string, ElementProgram>;
  /** How elements stand together, where that is more than a sequence of what each allows. */
  readonly content: GroupProgram | null;
  /** Text beside attributes. */
  readonly text: Value | null;
}

export interface GroupProgram {
  readonly order: Group['order'];
  readonly optional: boolean;
  readonly parts: readonly (ElementProgram | GroupProgram)[];
  /** Whether it holds when none of its elements is there. */
  readonly emptiable: boolean;
}

export interface Prefix {
  readonly namespace: string;
  readonly prefix: string;
  /** ` xmlns:p="urn:orders"`. */
  readonly declaration: string;
}

export interface Program {
  readonly root: ElementProgram;
  /** The same without the start of its tag, behind which the declarations stand, which are known when all else is written. */
  readonly headless: ElementProgram;
  /** The namespaces that tags and attributes use, with the prefix of each; an empty prefix is the default namespace. */
  readonly prefixes: readonly Prefix[];
}

/** Whether a part is a group. */
export function isGroup(part: ElementProgram | GroupProgram): part is GroupProgram {
  return 'parts' in part;
}

/**
 * Compiles a shape.
 * @throws Unusable where a facet or a fixed value is none
 */
export function compile(shape: Shape): Program {
  return new Compiler(shape).program();
}

class Compiler {
  readonly #shape: Shape;
  readonly #survey: Survey;
  readonly #prefixes: Prefix[] = [];
  readonly #complex = new Map<Complex, ComplexProgram>();
  readonly #values = new Map<Simple, Value>();
  readonly #waiting: { readonly element: ElementProgram; readonly type: Complex }[] = [];

  constructor(shape: Shape) {
    this.#shape = shape;
    this.#survey = survey(shape);
  }

  program(): Program {
    const root = this.#element(this.#shape, { min: 1, index: 0, rank: 0 });
    // Not by recursion: types may stand in each other a hundred deep.
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop())
      next.element.complex = this.#complexOf(next.type);
    return { root, headless: { ...root, start: '' }, prefixes: this.#prefixes };
  }

  #element(field: Field, { min, index, rank }: { min: number; index: number; rank: number }): ElementProgram {
    const { type, name } = field;
    const prefix = this.#prefix(name.namespace, true);
    const tag = this.#qualified(prefix, name.local);
    const value = type.kind === 'simple' ? this.#value(type) : null;
    const text =
      value ?? (type.kind === 'complex' && type.text?.type.kind === 'simple' ? this.#value(type.text.type) : null);
    const element: ElementProgram = {
      key: field.key,
      name,
      type: type.name,
      min,
      max: field.max,
      nillable: field.nillable,
      index,
      rank,
      start: `<${tag}`,
      end: `</${tag}>`,
      prefix,
      value,
      complex: null,
      fixed: constantOf(field.fixed, text, escapedText),
      default: constantOf(field.default, text, escapedText),
    };
    if (type.kind === 'complex') this.#waiting.push({ element, type });
    return element;
  }

  #complexOf(type: Complex): ComplexProgram {
    const known = this.#complex.get(type);
    if (known !== undefined) return known;
    const elements: ElementProgram[] = [];
    const group = type.content === null ? null : this.#group(type.content, elements, null);
    const attributes = type.fields.filter(({ place }) => place === 'attribute').map((field) => this.#attribute(field));
    const program: ComplexProgram = {
      attributes,
      attributeOf: new Map(
        attributes.map((attribute) => [clark(attribute.name.namespace, attribute.name.local), attribute]),
      ),
      elements,
      elementOf: new Map(elements.map((element) => [element.name.local, element])),
      content: group !== null && isPlain(group) ? null : group,
      text: type.text?.type.kind === 'simple' ? this.#value(type.text.type) : null,
    };
    this.#complex.set(type, program);
    return program;
  }

  #group(group: Group, elements: ElementProgram[], outer: number | null): GroupProgram {
    // What stands in an `xsd:all` has the rank of all of it.
    const rank = outer ?? (group.order === 'all' ? elements.length : null);
    const parts = group.parts.map((part) => {
      if (part.kind === 'group') return this.#group(part, elements, rank);
      const index = elements.length;
      const element = this.#element(part.field, { min: part.min, index, rank: rank ?? index });
      elements.push(element);
      return element;
    });
    const free = (part: ElementProgram | GroupProgram): boolean => (isGroup(part) ? part.emptiable : part.min === 0);
    const inside = group.order === 'choice' ? parts.some(free) : parts.every(free);
    return { order: group.order, optional: group.optional, parts, emptiable: group.optional || inside };
  }

  #attribute(field: Field): AttributeProgram {
    if (field.type.kind !== 'simple') throw new Unusable(`the attribute ${field.name.local} has no simple type`);
    const value = this.#value(field.type);
    const prefix = this.#prefix(field.name.namespace, false);
    return {
      key: field.key,
      name: field.name,
      required: field.min > 0,
      start: ` ${field.name.namespace === XML_NAMESPACE ? 'xml:' : ''}${this.#qualified(prefix, field.name.local)}="`,
      prefix,
      value,
      fixed: constantOf(field.fixed, value, escapedValue),
      default: constantOf(field.default, value, escapedValue),
    };
  }

  #value(type: Simple): Value {
    let value = this.#values.get(type);
    if (value === undefined) this.#values.set(type, (value = valueOf(type)));
    return value;
  }

  /** A default namespace saves bytes, but elements and QNames without a namespace would fall into it; attributes never do. */
  #prefix(namespace: string, isElement: boolean): number {
    if (namespace === '' || namespace === XML_NAMESPACE) return -1;
    const isDefault = isElement && namespace === this.#shape.name.namespace && !this.#survey.needsPrefixes;
    const found = this.#prefixes.findIndex(
      (known) => known.namespace === namespace && (known.prefix === '') === isDefault,
    );
    if (found !== -1) return found;
    const prefix = isDefault ? '' : `n${this.#prefixes.length}`;
    const declaration = ` xmlns${isDefault ? '' : `:${prefix}`}="${escapedValue(namespace) ?? ''}"`;
    return this.#prefixes.push({ namespace, prefix, declaration }) - 1;
  }

  #qualified(prefix: number, local: string): string {
    const text = this.#prefixes[prefix]?.prefix ?? '';
    return text === '' ? local : `${text}:${local}`;
  }
}

interface Survey {
  /** Whether an element without a namespace, or a QName, may stand in the message. */
  readonly needsPrefixes: boolean;
}

function survey(shape: Shape): Survey {
  const seen = new Set<Complex>();
  const waiting: Field[] = [shape];
  for (let field = waiting.pop(); field !== undefined; field = waiting.pop()) {
    if (field.place === 'element' && field.name.namespace === '') return { needsPrefixes: true };
    if (field.type.kind === 'simple') {
      if (hasNames(field.type)) return { needsPrefixes: true };
    } else if (!seen.has(field.type)) {
      seen.add(field.type);
      waiting.push(...field.type.fields);
    }
  }
  return { needsPrefixes: false };
}

function hasNames(type: Simple): boolean {
  switch (type.variety) {
    case 'atomic':
      return type.base === 'QName';
    case 'list':
      return hasNames(type.item);
    case 'union':
      return type.members.some(hasNames);
    default:
      return type satisfies never;
  }
}

function isPlain({ order, optional, parts }: GroupProgram): boolean {
  return order !== 'choice' && !optional && parts.every((part) => (isGroup(part) ? isPlain(part) : true));
}

function constantOf(
  literal: string | null,
  value: Value | null,
  escape: (text: string) => string | null,
): Constant | null {
  if (literal === null) return null;
  if (value === null) throw new Unusable(`the fixed or default value "${literal}" belongs to a type without text`);
  const read = value.read(literal, NO_NAMES);
  if (read instanceof Bad) throw new Unusable(`the fixed or default value "${literal}" ${read.because}`);
  return { value: read, digest: digest(read), text: escape(literal) ?? '' };
}
