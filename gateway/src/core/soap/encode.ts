/**
 * Writes a JSON value as the XML of an element, by its program. The order of the members does not matter; those that the schema does
 * not know are left out. What the schema asks for and the value does not have is never made up, but for fixed values.
 *
 * null is written as nil where the element may be nil; else it is an absent member. Of a list, null is an absent list.
 */
import { digest, isList, isObject, type Json } from '../json.ts';
import type { Encoded } from './codec.ts';
import { Bad, NO_NAMES, type Value } from './facet.ts';
import { escapedText, escapedValue } from './lexical.ts';
import {
  isGroup,
  XSI,
  type AttributeProgram,
  type ComplexProgram,
  type Constant,
  type ElementProgram,
  type GroupProgram,
  type Program,
} from './program.ts';

// As deep as messages may be that the facade reads itself; recursive types end in the data alone.
const MAX_DEPTH = 250;

/** What stops the writer, with the way to it, the innermost step first; never leaves this module. */
class Stop extends Error {
  readonly steps: string[] = [];
}

function stop(because: string): never {
  throw new Stop(because);
}

/** Writes the program's element. */
export function encode(program: Program, json: Json): Encoded {
  try {
    return { kind: 'xml', text: new Writer(program).write(json) };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    const path = [program.root.key, ...error.steps.toReversed()].join('/');
    return { kind: 'invalid', path, because: error.message };
  }
}

class Writer {
  readonly #program: Program;
  readonly #used: boolean[];
  /** Namespaces of QNames in values, with the prefixes that are made for them; most messages have none. */
  #others: Map<string, string> | null = null;
  #nil = false;
  #depth = 0;
  readonly #prefixOf = (namespace: string): string => this.#prefix(namespace);

  constructor(program: Program) {
    this.#program = program;
    this.#used = program.prefixes.map(() => false);
  }

  write(json: Json): string {
    const { root, headless, prefixes } = this.#program;
    const text = this.#element(headless, json);
    let declared = '';
    for (let index = 0; index < prefixes.length; index += 1)
      if (this.#used[index] === true) declared += prefixes[index]?.declaration ?? '';
    for (const [namespace, prefix] of this.#others ?? [])
      declared += ` xmlns:${prefix}="${escapedValue(namespace) ?? stop('names a namespace that XML cannot write')}"`;
    if (this.#nil) declared += ` xmlns:xsi="${XSI}"`;
    return root.start + declared + text;
  }

  #prefix(namespace: string): string {
    if (namespace === '') return '';
    const index = this.#program.prefixes.findIndex((known) => known.namespace === namespace && known.prefix !== '');
    if (index !== -1) {
      this.#used[index] = true;
      return `${this.#program.prefixes[index]?.prefix ?? ''}:`;
    }
    this.#others ??= new Map();
    const prefix = this.#others.get(namespace) ?? `q${this.#others.size}`;
    this.#others.set(namespace, prefix);
    return `${prefix}:`;
  }

  #element(program: ElementProgram, json: Json): string {
    const { prefix, start, end, value, complex } = program;
    if (prefix !== -1) this.#used[prefix] = true;
    if (json === null && program.nillable) return this.#nilOf(program);
    if (value !== null) {
      const text = this.#text(value, json, program.fixed);
      return text === '' ? `${start}/>` : `${start}>${text}${end}`;
    }
    return complex === null ? stop('has no type') : this.#complex(complex, program, json);
  }

  #nilOf({ start, complex }: ElementProgram): string {
    const required = complex?.attributes.find((attribute) => attribute.required && attribute.fixed === null);
    if (required !== undefined) stop(`is null, and an element that is nil would still need ${required.key}`);
    this.#nil = true;
    return `${start}${complex === null ? '' : this.#attributes(complex, NO_MEMBERS)} xsi:nil="true"/>`;
  }

  #text(value: Value, json: Json, fixed: Constant | null): string {
    if (json === null) stop('is null, which is not allowed here');
    const text = value.write(json, this.#prefixOf);
    if (typeof text !== 'string') stop(text.because);
    if (fixed !== null) this.#same(value, text, fixed);
    return escapedText(text) ?? stop('has a character that XML 1.0 cannot write');
  }

  #same(value: Value, text: string, fixed: Constant): void {
    const read = value.read(text, NO_NAMES);
    if (read instanceof Bad || digest(read) !== fixed.digest) stop('is not the one value that the schema allows');
  }

  #complex(complex: ComplexProgram, { start, end, fixed }: ElementProgram, json: Json): string {
    const members = isObject(json) ? json : this.#bare(complex, json);
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) stop(`is nested more than ${MAX_DEPTH} deep`);
    const head = complex.attributes.length === 0 ? start : start + this.#attributes(complex, members);
    let text = '';
    const { text: value } = complex;
    if (value !== null) {
      const own = members.get(TEXT);
      if (own !== undefined) text = this.#member(TEXT, () => this.#text(value, own, fixed));
      else text = fixed === null ? stop(`has no ${TEXT}`) : fixed.text;
    } else if (complex.content !== null) text = this.#group(complex.content, members);
    else for (const element of complex.elements) text += this.#slot(element, members.get(element.key));
    this.#depth -= 1;
    return text === '' ? `${head}/>` : `${head}>${text}${end}`;
  }

  /** Text that has attributes beside it may be given alone. */
  #bare(complex: ComplexProgram, json: Json): ReadonlyMap<string, Json> {
    if (json === null) return stop('is null, which is not allowed here');
    if (complex.text !== null && !isList(json)) return new Map([[TEXT, json]]);
    return stop('is not an object');
  }

  #attributes(complex: ComplexProgram, members: ReadonlyMap<string, Json>): string {
    let text = '';
    for (const attribute of complex.attributes) {
      const json = members.get(attribute.key);
      if (json !== undefined && json !== null)
        text += this.#member(attribute.key, () => this.#attribute(attribute, json));
      else if (attribute.required)
        text +=
          attribute.fixed === null ? stop(`has no ${attribute.key}`) : this.#quoted(attribute, attribute.fixed.text);
    }
    return text;
  }

  #attribute(attribute: AttributeProgram, json: Json): string {
    const text = attribute.value.write(json, this.#prefixOf);
    if (typeof text !== 'string') return stop(text.because);
    if (attribute.fixed !== null) this.#same(attribute.value, text, attribute.fixed);
    return this.#quoted(attribute, escapedValue(text) ?? stop('has a character that XML 1.0 cannot write'));
  }

  #quoted({ start, prefix }: AttributeProgram, escaped: string): string {
    if (prefix !== -1) this.#used[prefix] = true;
    return `${start}${escaped}"`;
  }

  #member<T>(step: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof Stop) error.steps.push(step);
      throw error;
    }
  }

  #group(group: GroupProgram, members: ReadonlyMap<string, Json>): string {
    if (group.order === 'choice') return this.#choice(group, members);
    if (group.optional && !isPresent(group, members)) return '';
    let text = '';
    for (const part of group.parts)
      text += isGroup(part) ? this.#group(part, members) : this.#slot(part, members.get(part.key));
    return text;
  }

  #choice(group: GroupProgram, members: ReadonlyMap<string, Json>): string {
    const [chosen, other] = group.parts.filter((part) => isPresent(part, members));
    if (chosen !== undefined && other !== undefined)
      stop(`has both ${firstOf(chosen, members)} and ${firstOf(other, members)}, of which the schema allows one`);
    if (chosen !== undefined)
      return isGroup(chosen) ? this.#group(chosen, members) : this.#slot(chosen, members.get(chosen.key));
    return group.emptiable ? '' : stop(`has none of ${group.parts.flatMap(keysOf).join(', ')}`);
  }

  /** An element, or all of a list, or nothing. */
  #slot(program: ElementProgram, json: Json | undefined): string {
    if (program.max > 1) return this.#list(program, json);
    if (json === undefined || (json === null && !program.nillable)) {
      if (program.min === 0) return '';
      if (program.fixed !== null && json === undefined && program.complex === null) {
        if (program.prefix !== -1) this.#used[program.prefix] = true;
        return `${program.start}>${program.fixed.text}${program.end}`;
      }
      return stop(json === undefined ? `has no ${program.key}` : `has null for ${program.key}, which may not be nil`);
    }
    try {
      return this.#element(program, json);
    } catch (error) {
      if (error instanceof Stop) error.steps.push(program.key);
      throw error;
    }
  }

  #list(program: ElementProgram, json: Json | undefined): string {
    const { key, min, max } = program;
    const list = json ?? NO_ITEMS;
    let index = 0;
    try {
      if (!isList(list)) return stop('is not a list');
      if (list.length < min) return stop(`has ${list.length} items, and the schema asks for ${min}`);
      if (list.length > max) return stop(`has ${list.length} items, and the schema allows ${max}`);
      let text = '';
      for (const item of list) {
        index += 1;
        text += this.#element(program, item);
      }
      return text;
    } catch (error) {
      if (error instanceof Stop) error.steps.push(index === 0 ? key : `${key}[${index}]`);
      throw error;
    }
  }
}

const TEXT = '#text';
const NO_ITEMS: readonly Json[] = [];
const NO_MEMBERS: ReadonlyMap<string, Json> = new Map();

function isPresent(part: ElementProgram | GroupProgram, members: ReadonlyMap<string, Json>): boolean {
  if (isGroup(part)) return part.parts.some((inner) => isPresent(inner, members));
  const json = members.get(part.key);
  if (json === undefined) return false;
  if (part.max > 1) return json !== null && !(isList(json) && json.length === 0);
  return json !== null || part.nillable;
}

const keysOf = (part: ElementProgram | GroupProgram): readonly string[] =>
  isGroup(part) ? part.parts.flatMap(keysOf) : [part.key];

function firstOf(part: ElementProgram | GroupProgram, members: ReadonlyMap<string, Json>): string {
  if (!isGroup(part)) return part.key;
  const inner = part.parts.find((one) => isPresent(one, members));
  return inner === undefined ? '' : firstOf(inner, members);
}
