/**
 * What a codec promises: between the XML of one global element and JSON, by the schema, in both directions, with nothing lost and
 * nothing guessed. The JSON form is the one of `type.ts`. Compiled once, at load; used for every message.
 */
import type { Json } from '../json.ts';
import { Reader } from './decode.ts';
import { encode } from './encode.ts';
import type { Names } from './facet.ts';
import { compile } from './program.ts';
import type { Schemas } from './schema.ts';
import type { Attribute, Name } from './scope.ts';
import { shapeOf } from './shape.ts';
import { Unusable } from './simple.ts';
import type { Shape } from './type.ts';

/** What a message breaks, and where: `GetOrder/order/items[2]/quantity`, counted from 1. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly path: string;
  /** Part of a sentence, fit for a fault: `"x" is not an xsd:int`. */
  readonly because: string;
}

export type Decoded = { readonly kind: 'value'; readonly value: Json } | Invalid;

export type Encoded = { readonly kind: 'xml'; readonly text: string } | Invalid;

/**
 * Takes one element as it is read. Whatever comes behind something invalid is ignored. Tags must match, and names must have been
 * checked, as a parser does.
 */
export interface Decoder {
  /**
   * @param attributes as they stand in the tag, namespace declarations among them
   * @param names the declarations in force at this element: a `Scope` that has entered it
   */
  open(name: Name, attributes: readonly Attribute[], names: Names): void;
  /** Characters of the element that is open, references and CDATA resolved; in as many pieces as may be. */
  text(text: string): void;
  close(): void;
  /** Null: the element is not over, and nothing is wrong so far. */
  readonly result: Decoded | null;
}

export interface Codec {
  readonly element: Name;
  readonly shape: Shape;
  /** A reader for one element. */
  decoder(): Decoder;
  /**
   * Writes the element, complete with the namespaces that it needs, in the order of the schema. Members that the schema does not
   * know are left out.
   */
  encode(value: Json): Encoded;
}

export type CodecOf =
  | { readonly kind: 'codec'; readonly codec: Codec }
  /** A sentence with its file and line. */
  | { readonly kind: 'unusable'; readonly because: string };

/** Compiles the codec of a global element; to be kept as long as the schemas are. */
export function codecOf(schemas: Schemas, element: Name): CodecOf {
  const shaped = shapeOf(schemas, element);
  if (shaped.kind === 'unusable') return shaped;
  const { shape } = shaped;
  try {
    const program = compile(shape);
    const codec: Codec = {
      element,
      shape,
      decoder: () => new Reader(program),
      encode: (value) => encode(program, value),
    };
    return { kind: 'codec', codec };
  } catch (error) {
    if (error instanceof Unusable)
      return { kind: 'unusable', because: `the element ${element.local}: ${error.message}` };
    throw error;
  }
}
