/**
 * Which namespace a prefix stands for while a document is read from start to end. Resolving takes the same time however many
 * elements are open: saxes' own namespace mode asks every open element in turn, and is quadratic in depth (1 MB of
 * `<p:b/>` below 250 elements takes it 370 ms instead of 30). Judges names as saxes' namespace mode does.
 */

export const XML_NAMESPACE: string = 'http://www.w3.org/XML/1998/namespace';
export const XMLNS_NAMESPACE: string = 'http://www.w3.org/2000/xmlns/';

export interface Attribute {
  readonly name: string;
  readonly value: string;
}

export interface Name {
  /** Empty: in no namespace. */
  readonly namespace: string;
  readonly local: string;
}

/** What is wrong with an element's names, in words. */
export interface BadName {
  readonly problem: string;
}

/** `{namespace}local`, or `local` alone in no namespace: equal texts are equal names. */
export function clark(namespace: string, local: string): string {
  return namespace === '' ? local : `{${namespace}}${local}`;
}

/** Whether an attribute declares a namespace. */
export function declares(name: string): boolean {
  return name.startsWith('xmlns') && (name.length === 5 || name.charCodeAt(5) === 0x3a);
}

const RESERVED: ReadonlyMap<string, string> = new Map([
  ['xml', XML_NAMESPACE],
  ['xmlns', XMLNS_NAMESPACE],
]);

/** Names of elements that are remembered: more than any schema uses at once. */
const MAX_KNOWN = 512;

export class Scope {
  /** But for `xml` and `xmlns`, which stand for one thing alone. */
  readonly #bindings = new Map<string, string[]>();
  /** Prefixes in the order in which they were bound, with the depth of the element that did. */
  readonly #bound: { readonly prefix: string; readonly depth: number }[] = [];
  /** What element names stand for until a declaration comes or goes: documents repeat the same few. */
  readonly #known = new Map<string, Name>();
  #depth = 0;

  /** Enters an element: takes its declarations, resolves its name, and checks its attributes' names. */
  open(tag: string, attributes: readonly Attribute[]): Name | BadName {
    this.#depth += 1;
    if (attributes.length > 0) {
      const problem = this.#take(attributes);
      if (problem !== null) return { problem };
    }
    const known = this.#known.get(tag);
    if (known !== undefined) return known;
    if (tag.startsWith('xmlns:')) return { problem: 'an element may not have the prefix xmlns' };
    const name = this.#resolve(tag, this.#bindings.get('')?.at(-1) ?? '');
    if ('local' in name && this.#known.size < MAX_KNOWN) this.#known.set(tag, name);
    return name;
  }

  /** Leaves the element entered last: its declarations are undone. */
  close(): void {
    const bound = this.#bound;
    for (let last = bound[bound.length - 1]; last?.depth === this.#depth; last = bound[bound.length - 1]) {
      const uris = this.#bindings.get(last.prefix);
      uris?.pop();
      // Or a million prefixes used once each would stay for the rest of the message.
      if (uris?.length === 0) this.#bindings.delete(last.prefix);
      bound.pop();
      this.#known.clear();
    }
    this.#depth -= 1;
  }

  /** Resolves an attribute's name, or a name in a value (where `fallback` is the namespace of names without a prefix). */
  resolve(name: string, fallback: string = ''): Name | BadName {
    return this.#resolve(name, fallback);
  }

  /** Resolves a QName in a value: without a prefix it is in the default namespace. */
  inValue(name: string): Name | BadName {
    return this.#resolve(name, this.#bindings.get('')?.at(-1) ?? '');
  }

  /** Takes an element's declarations, then checks its attributes' names. */
  #take(attributes: readonly Attribute[]): string | null {
    let prefixed = 0;
    for (const attribute of attributes) {
      if (declares(attribute.name)) {
        const problem = this.#declare(attribute);
        if (problem !== null) return problem;
      } else if (attribute.name.includes(':')) prefixed += 1;
    }
    return prefixed === 0 ? null : this.#check(attributes, prefixed);
  }

  #declare({ name, value }: Attribute): string | null {
    const prefix = name.slice(6);
    if (name === 'xmlns:' || prefix.includes(':')) return `malformed name: ${name}`;
    if (value === '' && prefix !== '') return 'a prefix cannot be undeclared in XML 1.0';
    if ((prefix === 'xml') !== (value === XML_NAMESPACE)) return 'the prefix xml and its namespace go together only';
    if (prefix === 'xmlns' || value === XMLNS_NAMESPACE) return 'the prefix xmlns and its namespace cannot be declared';
    const uris = this.#bindings.get(prefix);
    if (uris === undefined) this.#bindings.set(prefix, [value]);
    else uris.push(value);
    this.#bound.push({ prefix, depth: this.#depth });
    this.#known.clear();
    return null;
  }

  #check(attributes: readonly Attribute[], prefixed: number): string | null {
    const seen = prefixed > 1 ? new Set<string>() : null;
    for (const { name } of attributes) {
      if (!name.includes(':') || declares(name)) continue;
      const resolved = this.#resolve(name, '');
      if ('problem' in resolved) return resolved.problem;
      if (seen === null) continue;
      const key = clark(resolved.namespace, resolved.local);
      if (seen.has(key)) return `duplicate attribute: ${key}`;
      seen.add(key);
    }
    return null;
  }

  #resolve(name: string, fallback: string): Name | BadName {
    const colon = name.indexOf(':');
    if (colon === -1) return { namespace: fallback, local: name };
    const local = name.slice(colon + 1);
    if (colon === 0 || local === '' || local.includes(':')) return { problem: `malformed name: ${name}` };
    const prefix = name.slice(0, colon);
    const namespace = this.#bindings.get(prefix)?.at(-1) ?? RESERVED.get(prefix);
    return namespace === undefined ? { problem: `unbound namespace prefix: ${prefix}` } : { namespace, local };
  }
}

/** As many attributes are compared each with each. */
const FEW = 8;

/** The name of an attribute that is there twice; null: there is none. */
export function repeated(attributes: readonly Attribute[]): string | null {
  if (attributes.length < 2) return null;
  if (attributes.length > FEW) {
    const seen = new Set<string>();
    for (const { name } of attributes) {
      if (seen.has(name)) return name;
      seen.add(name);
    }
    return null;
  }
  for (let at = 1; at < attributes.length; at += 1)
    for (let other = 0; other < at; other += 1)
      if (attributes[at]?.name === attributes[other]?.name) return attributes[at]?.name ?? null;
  return null;
}

const NONE: readonly Attribute[] = [];

/** A start tag's attributes as saxes has them, in their order: an object without a prototype, so that all it has stands in the tag. */
export function attributesOf(tag: { readonly attributes: Readonly<Record<string, string>> }): readonly Attribute[] {
  let list: Attribute[] | null = null;
  for (const name in tag.attributes) (list ??= []).push({ name, value: tag.attributes[name] ?? '' });
  return list ?? NONE;
}
