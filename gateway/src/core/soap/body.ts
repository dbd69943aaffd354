/**
 * Decodes the element in the body of a SOAP message, or an element alone, from its text. What stands around the body's element is not
 * judged: the scanner has. saxes reads; nothing is kept but the value.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { Codec, Decoded } from './codec.ts';
import { LIMITS } from './limits.ts';
import { Scope, type Attribute } from './scope.ts';

/** Thrown in a handler to leave the parser at once. */
const HALT = new Error('halt');

/** The element is the document. */
export function decodeElement(text: string, codec: Codec): Decoded {
  return decode(text, codec, 1);
}

/** The element is the first child of Envelope/Body; a second one, which only encoded messages have, is refused. */
export function decodeBody(text: string, codec: Codec): Decoded {
  return decode(text, codec, 3);
}

/** @param level the depth of the element: 1 is the document's root */
function decode(text: string, codec: Codec, level: number): Decoded {
  const parser: SaxesParser = new SaxesParser({ defaultXMLVersion: '1.0', forceXMLVersion: true });
  const scope = new Scope();
  const decoder = codec.decoder();
  const root = codec.element.local;
  let depth = 0;
  let inBody = level === 1;
  let children = 0;
  let invalid: Decoded | null = null;
  const halt = (because: string): never => {
    invalid = { kind: 'invalid', path: root, because };
    throw HALT;
  };
  const take = (characters: string): void => {
    if (inBody && depth >= level) decoder.text(characters);
  };
  parser.on('doctype', () => halt('comes with a DOCTYPE'));
  parser.on('opentag', (tag) => {
    depth += 1;
    // Here, since the parser's own time grows with the square of the depth.
    if (depth > LIMITS.depth) halt(`is nested more than ${LIMITS.depth} deep`);
    const attributes = attributesOf(tag);
    const name = scope.open(tag.name, attributes);
    if ('problem' in name) return halt(name.problem);
    if (depth === 2 && level === 3) inBody = name.local === 'Body';
    if (!inBody || depth < level) return;
    if (depth === level && ++children > 1) halt('is not the only element of the body: SOAP encoding is not supported');
    decoder.open(name, attributes, scope);
    if (decoder.result?.kind === 'invalid') throw HALT;
  });
  parser.on('closetag', () => {
    if (inBody && depth >= level) decoder.close();
    scope.close();
    depth -= 1;
    if (decoder.result?.kind === 'invalid') throw HALT;
  });
  parser.on('text', take);
  parser.on('cdata', take);
  try {
    parser.write(text).close();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    if (error !== HALT) return { kind: 'invalid', path: root, because: `is not well-formed XML: ${words}` };
  }
  return invalid ?? decoder.result ?? { kind: 'invalid', path: root, because: 'is missing: the body is empty' };
}

const NONE: readonly Attribute[] = [];

function attributesOf({ attributes }: SaxesTagPlain): readonly Attribute[] {
  let list: Attribute[] | null = null;
  // The object has no prototype: what is enumerated is what stands in the tag.
  for (const name in attributes) (list ??= []).push({ name, value: attributes[name] ?? '' });
  return list ?? NONE;
}
