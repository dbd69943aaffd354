/**
 * What a codec promises: between the XML of one global element and JSON, by the schema, in both directions, with nothing lost and
 * nothing guessed. The JSON form is the one of `type.ts`. Compiled once, at load; used for every message.
 */
import type { Json } from '../json.ts';
import type { Attribute, BadName, Name } from './scope.ts';
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

/** Resolves a QName in a value, with the declarations in force at the element that was opened last. `Scope#resolve` is one. */
export type Resolve = (name: string, fallback?: string) => Name | BadName;

/**
 * Takes one element as it is read. Whatever comes behind something invalid is ignored. Tags must match, and names must have been
 * checked, as a parser does.
 */
export interface Decoder {
  /**
   * @param attributes as they stand in the tag, namespace declarations among them
   * @param resolve for attributes with a prefix, `xsi:type` and QNames
   */
  open(name: Name, attributes: readonly Attribute[], resolve: Resolve): void;
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
