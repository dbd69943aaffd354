/**
 * Reads one element, event by event, into JSON, by its program. Strict: what the schema does not allow is refused with its place,
 * and so is what JSON has no room for (attributes of an element that is nil, other types by `xsi:type`), rather than dropped.
 *
 * `xsi:schemaLocation` is a hint for validators, and ignored; `xsi:type` may say what the schema says. A default value stands for an
 * empty element and for an absent attribute. Comments and processing instructions are no part of a value.
 */
import { digest, type Json } from '../json.ts';
import type { Decoded, Decoder } from './codec.ts';
import { Bad, type Names, type Value } from './facet.ts';
import { spaced } from './lexical.ts';
import {
  isGroup,
  XSI,
  type ComplexProgram,
  type Constant,
  type ElementProgram,
  type GroupProgram,
  type Program,
} from './program.ts';
import { clark, declares, type Attribute, type Name } from './scope.ts';

/** What stops the reader; never leaves this module. */
class Stop extends Error {}

function stop(because: string): never {
  throw new Stop(because);
}

type Members = readonly (readonly [key: string, value: Json])[];

/** An element that is open and may hold others. */
interface Frame {
  readonly element: ElementProgram;
  readonly program: ComplexProgram;
  readonly attributes: Members;
  /** By place in the type: of elements that stand once, and of lists. */
  readonly values: (Json | undefined)[];
  readonly lists: (Json[] | undefined)[];
  /** Of the element that came last. */
  last: ElementProgram | null;
}

/** An element that is open and holds text, or is nil. */
interface Leaf {
  readonly element: ElementProgram;
  readonly isNil: boolean;
  readonly attributes: Members;
  readonly names: Names;
}

const NONE: Members = [];

/** A reader of the program's element. */
export class Reader implements Decoder {
  readonly #root: ElementProgram;
  readonly #frames: Frame[] = [];
  #frame: Frame | null = null;
  #leaf: Leaf | null = null;
  #text = '';
  #result: Decoded | null = null;
  /** The open elements, the root first. */
  readonly #trail: ElementProgram[] = [];

  constructor({ root }: Program) {
    this.#root = root;
  }

  get result(): Decoded | null {
    return this.#result;
  }

  open(name: Name, attributes: readonly Attribute[], names: Names): void {
    if (this.#result !== null) return;
    try {
      this.#open(name, attributes, names);
    } catch (error) {
      this.#fail(error);
    }
  }

  text(text: string): void {
    if (this.#result === null) this.#text += text;
  }

  close(): void {
    if (this.#result !== null) return;
    try {
      this.#close();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof Stop)) throw error;
    this.#result = { kind: 'invalid', path: this.#path(), because: error.message };
  }

  /** Built when something is wrong, and not before. */
  #path(): string {
    const frames = this.#frame === null ? this.#frames : [...this.#frames, this.#frame];
    const steps = this.#trail.map(({ key, max, index }, depth) => {
      const frame = frames[depth - 1];
      return max > 1 && frame !== undefined ? `${key}[${(frame.lists[index]?.length ?? 0) + 1}]` : key;
    });
    return steps.join('/');
  }

  #open(name: Name, attributes: readonly Attribute[], names: Names): void {
    const element = this.#enter(name);
    const { complex } = element;
    const { isNil, members } = attributes.length === 0 ? BARE : this.#attributes(element, attributes, names);
    const own = complex === null || complex.attributes.length === 0 ? members : complete(complex, members, isNil);
    this.#text = '';
    if (complex === null || isNil || complex.text !== null) {
      this.#leaf = { element, isNil, attributes: own, names };
      return;
    }
    if (this.#frame !== null) this.#frames.push(this.#frame);
    this.#frame = { element, program: complex, attributes: own, values: [], lists: [], last: null };
  }

  /** Finds what the schema says of an element that begins here. */
  #enter(name: Name): ElementProgram {
    const frame = this.#frame;
    if (this.#leaf !== null)
      return stop(`holds the element ${name.local}, ${this.#leaf.isNil ? 'and is nil' : 'and may hold text alone'}`);
    if (frame === null) {
      this.#trail.push(this.#root);
      const root = this.#root.name;
      if (name.local === root.local && name.namespace === root.namespace) return this.#root;
      return stop(`is the element ${clark(name.namespace, name.local)}, not ${clark(root.namespace, root.local)}`);
    }
    blank(this.#text);
    const element = frame.program.elementOf.get(name.local);
    if (element === undefined || element.name.namespace !== name.namespace) return stop(unknown(name, element));
    const { index, max, rank } = element;
    const before = max === 1 ? (frame.values[index] === undefined ? 0 : 1) : (frame.lists[index]?.length ?? 0);
    this.#trail.push(element);
    if (before >= max) stop(max === 1 ? 'stands a second time' : `stands more than ${max} times`);
    const { last } = frame;
    if (last !== null && rank < last.rank) stop(`stands behind ${last.key}, and belongs before it`);
    frame.last = element;
    return element;
  }

  #attributes(element: ElementProgram, attributes: readonly Attribute[], names: Names): Own {
    const { complex, nillable } = element;
    let isNil = false;
    let members: [string, Json][] | null = null;
    let told = false;
    for (const { name, value } of attributes) {
      if (declares(name)) continue;
      const resolved = names.resolve(name);
      if ('problem' in resolved) return stop(resolved.problem);
      if (resolved.namespace === XSI) isNil = instance(resolved.local, value, { element, names }) ?? isNil;
      else {
        const attribute = complex?.attributeOf.get(clark(resolved.namespace, resolved.local));
        if (attribute === undefined) return stop(foreign(resolved));
        const read = attribute.value.read(value, names);
        if (read instanceof Bad) return stop(`has an attribute ${attribute.key} that ${read.because}`);
        if (attribute.fixed !== null) same(read, attribute.fixed, `has an attribute ${attribute.key} that`);
        else told = true;
        (members ??= []).push([attribute.key, read]);
      }
    }
    if (isNil && !nillable) stop('is nil, which the schema does not allow');
    if (isNil && told) stop('is nil and has attributes, for which null has no room');
    return { isNil, members: members ?? NONE };
  }

  #close(): void {
    const leaf = this.#leaf;
    if (leaf !== null) {
      const value = valueOfLeaf(leaf, this.#text);
      this.#leaf = null;
      return this.#attach(leaf.element, value);
    }
    const frame = this.#frame;
    if (frame === null) return;
    blank(this.#text);
    const value = membersOf(frame);
    this.#frame = this.#frames.pop() ?? null;
    this.#attach(frame.element, value);
  }

  #attach(element: ElementProgram, value: Json): void {
    const frame = this.#frame;
    this.#trail.pop();
    this.#text = '';
    if (frame === null) this.#result = { kind: 'value', value };
    else if (element.max === 1) frame.values[element.index] = value;
    else {
      const list = frame.lists[element.index];
      if (list === undefined) frame.lists[element.index] = [value];
      else list.push(value);
    }
  }
}

interface Own {
  readonly isNil: boolean;
  readonly members: Members;
}

const BARE: Own = { isNil: false, members: NONE };

function blank(text: string): void {
  if (text !== '' && /[^ \t\r\n]/.test(text)) stop('has text between its elements');
}

function unknown(name: Name, near: ElementProgram | undefined): string {
  const shown = clark(name.namespace, name.local);
  if (near === undefined) return `holds the element ${shown}, which the schema does not have there`;
  return `holds the element ${shown}, where the schema has ${clark(near.name.namespace, near.name.local)}`;
}

function foreign({ namespace, local }: Name): string {
  const encoded = namespace.includes('soap') || (namespace === '' && (local === 'href' || local === 'id'));
  return `has an attribute ${clark(namespace, local)}, which the schema does not have there${encoded ? ' (SOAP encoding is not supported)' : ''}`;
}

/** The attributes of XML Schema's own namespace. Returns whether the element is nil; null: nothing is said of that. */
function instance(
  local: string,
  value: string,
  { element, names }: { readonly element: ElementProgram; readonly names: Names },
): boolean | null {
  const text = spaced.collapse(value);
  switch (local) {
    case 'schemaLocation':
    case 'noNamespaceSchemaLocation':
      return null;
    case 'nil':
      if (text === 'true' || text === '1') return true;
      return text === 'false' || text === '0' ? false : stop('has an xsi:nil that is not an xsd:boolean');
    case 'type': {
      const name = names.inValue(text);
      if ('problem' in name) return stop(`has an xsi:type of which ${name.problem}`);
      const { type } = element;
      if (type?.local === name.local && type.namespace === name.namespace) return null;
      return stop(
        `has the xsi:type ${clark(name.namespace, name.local)}, and only the type that the schema gives it is supported`,
      );
    }
    default:
      return stop(`has an attribute xsi:${local}, which XML Schema does not know`);
  }
}

/** Attributes in the order of the schema, with those that it supplies. */
function complete({ attributes }: ComplexProgram, own: Members, isNil: boolean): Members {
  const found = new Map(own);
  const members: [string, Json][] = [];
  for (const { key, required, fixed, default: standard } of attributes) {
    const value = found.get(key);
    const supplied = fixed ?? standard;
    if (value !== undefined) members.push([key, value]);
    else if (required) stop(`has no attribute ${key}`);
    else if (supplied !== null && !isNil) members.push([key, supplied.value]);
  }
  return members;
}

function same(value: Json, fixed: Constant, what: string): void {
  if (digest(value) !== fixed.digest) stop(`${what} is not the one value that the schema allows`);
}

function valueOfLeaf({ element, isNil, attributes, names }: Leaf, text: string): Json {
  if (isNil) return text === '' || !/[^ \t\r\n]/.test(text) ? null : stop('is nil and has text');
  const { complex, value } = element;
  if (value !== null) return textOf(element, value, { text, names });
  const members = new Map<string, Json>(attributes);
  if (complex?.text) members.set('#text', textOf(element, complex.text, { text, names }));
  return members;
}

function textOf(
  { fixed, default: standard }: ElementProgram,
  value: Value,
  { text, names }: { readonly text: string; readonly names: Names },
): Json {
  const supplied = fixed ?? standard;
  if (text === '' && supplied !== null) return supplied.value;
  const read = value.read(text, names);
  if (read instanceof Bad) return stop(read.because);
  if (fixed !== null) same(read, fixed, 'it');
  return read;
}

function membersOf({ program, attributes, values, lists }: Frame): Json {
  const { content, elements } = program;
  if (content !== null) checkGroup(content, { values, lists });
  const members = new Map<string, Json>(attributes);
  for (const { index, key, max, min } of elements) {
    if (max === 1) {
      const value = values[index];
      if (value !== undefined) members.set(key, value);
      else if (content === null && min > 0) stop(`has no ${key}`);
    } else {
      const list = lists[index] ?? [];
      members.set(key, list);
      if (content === null && list.length < min) stop(few(key, list.length, min));
    }
  }
  return members;
}

const few = (key: string, count: number, min: number): string =>
  count === 0 ? `has no ${key}` : `has ${key} ${count} times, and the schema asks for ${min}`;

type Counts = Pick<Frame, 'values' | 'lists'>;

const countOf = ({ max, index }: ElementProgram, { values, lists }: Counts): number =>
  max === 1 ? (values[index] === undefined ? 0 : 1) : (lists[index]?.length ?? 0);

function isPresent(part: ElementProgram | GroupProgram, counts: Counts): boolean {
  return isGroup(part) ? part.parts.some((inner) => isPresent(inner, counts)) : countOf(part, counts) > 0;
}

function checkGroup(group: GroupProgram, counts: Counts): void {
  const present = group.parts.filter((part) => isPresent(part, counts));
  if (present.length === 0 && group.emptiable) return;
  if (group.order === 'choice' && present.length !== 1) {
    const names = (present.length === 0 ? group.parts : present).flatMap(keysOf).join(', ');
    stop(
      present.length === 0 ? `has none of ${names}` : `has elements of which the schema allows one choice: ${names}`,
    );
  }
  for (const part of group.order === 'choice' ? present : group.parts) {
    if (isGroup(part)) checkGroup(part, counts);
    else if (countOf(part, counts) < part.min) stop(few(part.key, countOf(part, counts), part.min));
  }
}

const keysOf = (part: ElementProgram | GroupProgram): readonly string[] =>
  isGroup(part) ? part.parts.flatMap(keysOf) : [part.key];
