/**
 * What `routing.yaml` declares of a bridge, read and not yet proven: whether the operation has what it names is for `bridge.ts`.
 */
import type { Rules } from './mapper.ts';
import type { Block, Pick } from './pick.ts';
import type { Target } from './target.ts';
import type { Shape } from './type.ts';
import type { Json } from '../json.ts';

/** Of an error status. */
export interface FaultConfig {
  /** Null: Client for a status of 4xx, Server for 5xx. */
  readonly code: 'Client' | 'Server' | null;
  /** A fault of the operation, by its name or its element's; null: a fault without a detail of the WSDL's. */
  readonly detail: string | null;
  /** Where fields of the detail come from; the others are found by name. */
  readonly map: ReadonlyMap<string, Pick>;
}

/** Which JSON the output is made of. */
export type ResponseConfig =
  /** All of it: the output's elements by name. */
  | { readonly kind: 'whole' }
  /** All of it is one element of the output. */
  | { readonly kind: 'field'; readonly name: string }
  /** For each status, where each element of the output comes from. */
  | { readonly kind: 'map'; readonly by: ReadonlyMap<number, ReadonlyMap<string, Pick>> };

/** What `new:` of a route declares. */
export interface BridgeConfig extends Rules {
  readonly target: Target;
  /** Null: what remains of the input, where the method has no body. */
  readonly query: ReadonlyMap<string, Pick> | null;
  /** Null: what remains of the input, where the method has a body. */
  readonly body: Pick | null;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, Pick | Block>;
  /** Values of the input that the service does not want, as dotted names. */
  readonly drop: readonly string[];
  readonly response: ResponseConfig;
  readonly faults: ReadonlyMap<number, FaultConfig>;
  /** Where each part of it stands in the file, by the keys below `new:` with `/` between; lines and columns count from 1. */
  readonly places: ReadonlyMap<string, { readonly line: number; readonly column: number }>;
}

/** What is wrong with a bridge: the keys below `new:` that say it, and a sentence. */
export interface BridgeProblem {
  readonly at: readonly string[];
  readonly what: string;
}

/** A codec as far as a bridge needs it. */
export interface Encoding {
  readonly shape: Shape;
  encode(
    value: Json,
  ):
    | { readonly kind: 'xml'; readonly text: string }
    | { readonly kind: 'invalid'; readonly path: string; readonly because: string };
}
