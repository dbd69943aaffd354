/** Codecs of the tests, from schemas written where they are used. */
import { print, type Json } from '@banyan/gateway/core/json';
import { parseJson } from '@banyan/gateway/core/parse';
import { decodeElement } from './element.ts';
import { codecOf, type Codec } from '@banyan/gateway/core/soap/codec';
import type { Name } from '@banyan/gateway/core/soap/scope';
import type { Schemas } from '@banyan/gateway/core/soap/schema';
import { schemas, TNS } from './schemas.ts';

/** The codec of an element of `schemas`, which must have one. */
export function codecIn(all: Schemas, element: Name): Codec {
  const made = codecOf(all, element);
  if (made.kind === 'unusable') throw new Error(made.because);
  return made.codec;
}

/** The codec of the element `x` that `body` declares; local elements are in no namespace unless `form` says otherwise. */
export function codec(body: string, form: 'qualified' | 'unqualified' = 'unqualified'): Codec {
  return codecIn(schemas(body, form), { namespace: TNS, local: 'x' });
}

/** The codec of an element `x` of a simple type: a name with its prefix, or the inside of an `xs:restriction`. */
export function simple(base: string, facets: string | null = null): Codec {
  if (facets === null) return codec(`<xs:element name="x" type="${base}"/>`);
  return codec(
    `<xs:element name="x"><xs:simpleType><xs:restriction base="${base}">${facets}</xs:restriction></xs:simpleType></xs:element>`,
  );
}

/** The codec of an element `x` of a complex type with this inside. */
export function complex(inside: string, more = ''): Codec {
  return codec(`<xs:element name="x"><xs:complexType>${inside}</xs:complexType></xs:element>${more}`);
}

/** What JSON text means. */
export function json(text: string): Json {
  const parsed = parseJson(text);
  if (parsed.kind !== 'parsed') throw new Error(`${text} is not JSON`);
  return parsed.value;
}

/** The JSON text of what `<t:x attributes>inside</t:x>` decodes to, or `path: because`. */
export function decoded(of: Codec, inside: string, attributes = ''): string {
  const xml = `<t:x xmlns:t="${TNS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ${attributes}>${inside}</t:x>`;
  const result = decodeElement(xml, of);
  return result.kind === 'value' ? print(result.value) : `${result.path}: ${result.because}`;
}

/** The XML of JSON text without its root's tags and declarations, or `path: because`. */
export function encoded(of: Codec, text: string): string {
  const result = of.encode(json(text));
  if (result.kind === 'invalid') return `${result.path}: ${result.because}`;
  return result.text.replace(/ xmlns(:\w+)?="[^"]*"/g, '').replace(/^<(\w+:)?x>|<\/(\w+:)?x>$/g, '');
}
