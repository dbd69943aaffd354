/**
 * The routing table: `routing.yaml` once it has been read, checked whole and resolved. Everything in the gateway that asks
 * "what did the operator say" asks a `Table`, and a table never changes: a new file makes a new one (a generation).
 *
 * Nothing behind `routing.ts` validates again.
 */
import type { Entry } from './ledger.ts';
import type { Stage } from './stage.ts';

/** One server that the facade can forward to. All times in milliseconds. */
export interface Upstream {
  readonly name: string;
  /** Origins (`http://127.0.0.1:8081`), at least one, without a path. */
  readonly urls: readonly string[];
  readonly timeout: { readonly connectMs: number; readonly headersMs: number; readonly bodyMs: number };
  /** Most connections open to one URL. */
  readonly connections: number;
  readonly health: {
    readonly path: string;
    readonly everyMs: number;
    readonly fall: number;
    readonly rise: number;
  } | null;
  /** Opens when at least `volume` outcomes were seen within the window and the share of failures is `errors` (0 to 1) or more. */
  readonly breaker: {
    readonly errors: number;
    readonly volume: number;
    readonly windowMs: number;
    readonly resetMs: number;
  };
}

/** One part of a path pattern. `rest` (a final `*`) takes everything that remains, also nothing. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'rest' };

export type Match =
  | { readonly kind: 'rest'; readonly methods: readonly string[] | 'any'; readonly path: readonly Segment[] }
  /** `namespace` is null until a WSDL supplies it; `name` is the local name of the body's first child element. */
  | { readonly kind: 'soap'; readonly path: string; readonly namespace: string | null; readonly name: string };

/** The side that takes over. `path` is null when the request's own path is kept; `headers` are set on the way there. */
export interface Successor {
  readonly upstream: string;
  readonly path: readonly Segment[] | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface Route {
  readonly id: string;
  readonly match: Match;
  readonly stage: Stage;
  readonly successor: Successor | null;
  readonly effect: 'read' | 'write';
  /** Whether legacy may answer a read that new cannot. */
  readonly fallback: 'never' | 'reads';
  /** What a caller of a `gone` route is told. */
  readonly gone: string;
  /** The entry's place in the file, for messages; lines and columns count from 1. */
  readonly line: number;
}

/** A SOAP service behind one path. */
export interface Wsdl {
  readonly path: string;
  /** As written in the file; resolved against the folder of `routing.yaml`. Null: a path that only `SOAP {ns}name` routes use. */
  readonly file: string | null;
  readonly check: 'whole' | 'operation';
  readonly actionMismatch: 'refuse' | 'body-wins';
  readonly unclassified: 'refuse' | 'default';
}

export interface Table {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** The upstream that owns whatever no route names. */
  readonly legacy: string;
  readonly routes: readonly Route[];
  readonly wsdls: ReadonlyMap<string, Wsdl>;
  readonly differences: readonly Entry[];
  /** An origin, perhaps with a path: what WSDLs say. Null: `http://` and the listen address. */
  readonly publicUrl: string | null;
  /** Whether answers carry `banyan-served-by`, `banyan-route` and `banyan-because`. */
  readonly expose: boolean;
}
