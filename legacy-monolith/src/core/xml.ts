/**
 * Writes XML by a schema: elements come in the schema's order whatever the order of the value's fields, and what the schema
 * demands is there. Text is text: no digit and no character is lost but those that XML has no place for.
 */

/** What an element may hold. `prefix` is that of the namespace which the sequence's elements belong to. */
export type XmlType =
  | { readonly kind: 'text' }
  | { readonly kind: 'sequence'; readonly prefix: string; readonly fields: Readonly<Record<string, Field>> };

/** How often an element stands in its sequence, and whether it may say `xsi:nil`. */
export interface Field {
  readonly type: XmlType;
  readonly optional: boolean;
  readonly many: boolean;
  readonly nillable: boolean;
}

/** What can be written. null is nil where the schema allows it, else absent; undefined is absent. */
export type XmlValue = null | undefined | string | number | readonly XmlValue[] | { readonly [name: string]: XmlValue };

/** An element that may stand alone, in the body of a message. */
export interface XmlElement {
  readonly prefix: string;
  readonly name: string;
  readonly type: XmlType;
}

/** Namespaces by prefix, as they are declared on the element that stands alone. */
export type Namespaces = Readonly<Record<string, string>>;

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/**
 * Writes one element with all its namespaces declared on it.
 * @throws RangeError when the value lacks what the schema demands, or has a shape that it does not know
 */
export function encode(element: XmlElement, namespaces: Namespaces, value: XmlValue): string {
  const declared = Object.entries({ ...namespaces, xsi: XSI }).map(
    ([prefix, uri]) => ` xmlns:${prefix}="${escape(uri)}"`,
  );
  const tag = `${element.prefix}:${element.name}`;
  return `<${tag}${declared.join('')}>${contentOf(element.type, value, element.name)}</${tag}>`;
}

function contentOf(type: XmlType, value: XmlValue, path: string): string {
  if (type.kind === 'text') {
    if (typeof value === 'string' || typeof value === 'number') return escape(String(value));
    throw new RangeError(`${path} must be a text`);
  }
  if (!isFields(value)) throw new RangeError(`${path} must have fields`);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(type.fields, name));
  if (unknown !== undefined) throw new RangeError(`${path} has no element ${unknown}`);
  return Object.entries(type.fields)
    .map(([name, field]) => fieldOf(`${type.prefix}:${name}`, field, value[name], `${path}/${name}`))
    .join('');
}

function isFields(value: XmlValue): value is { readonly [name: string]: XmlValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}

function fieldOf(tag: string, field: Field, value: XmlValue, path: string): string {
  if (field.many) {
    const list = value ?? [];
    if (!isList(list)) throw new RangeError(`${path} must be a list`);
    return list.map((entry) => fieldOf(tag, { ...field, many: false, optional: false }, entry, path)).join('');
  }
  if (value === null && field.nillable) return `<${tag} xsi:nil="true"/>`;
  if (value === null || value === undefined) {
    if (field.optional) return '';
    throw new RangeError(`${path} is missing`);
  }
  return `<${tag}>${contentOf(field.type, value, path)}</${tag}>`;
}

// XML 1.0 has no place for these, not even as a reference. They become the replacement character rather than an error: an
// order with a stray control character must still be readable.
// oxlint-disable-next-line no-control-regex
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Text as it may stand in an element or in a quoted attribute. A carriage return is kept from being made a line feed. */
export function escape(text: string): string {
  return text
    .replace(ILLEGAL, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/\r/g, '&#13;');
}
