/**
 * The routing table: `routing.yaml` once it has been read, checked whole and resolved. Everything in the gateway that asks
 * "what did the operator say" asks a `Table`, and a table never changes: a new file makes a new one (a generation).
 *
 * Nothing behind `routing.ts` validates again.
 */
import type { Program } from './automaton.ts';
import type { Entry } from './ledger.ts';
import type { BridgeConfig } from './soap/config.ts';
import type { Stage } from './stage.ts';

/**
 * Which `Host` an upstream is told. `caller`: the one that the caller named. `own`: that of the URL asked. `name`: this one.
 */
export type Host = { readonly kind: 'caller' | 'own' } | { readonly kind: 'name'; readonly name: string };

/** One service that the facade can forward to, behind one URL or several. All times in milliseconds. */
export interface Upstream {
  readonly name: string;
  /** Origins (`http://127.0.0.1:8081`), at least one, without a path. */
  readonly urls: readonly string[];
  readonly timeout: {
    readonly connectMs: number;
    readonly headersMs: number;
    /** Silence between two parts of an answer's body. */
    readonly bodyMs: number;
    /** From the request's arrival at the facade to the end of its answer, a fallback included; null: no limit. */
    readonly totalMs: number | null;
  };
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
  /**
   * How many reads of others it may be given because they fail: `share` (0 to 1) of its own requests, and `perSecond` in any
   * case.
   */
  readonly spare: { readonly perSecond: number; readonly share: number };
  readonly host: Host;
  /** Whether its own origin in `Location`, and its own domain in `Set-Cookie`, become the facade's on the way back. */
  readonly rewrite: { readonly location: boolean; readonly cookies: boolean };
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
  /** How its REST service is asked for a SOAP operation; null: it is asked as legacy is. */
  readonly bridge: BridgeConfig | null;
}

/** Something of a request that tells its caller from others. `path` leads through the claims of a JWT. */
export type Key =
  | { readonly kind: 'header' | 'cookie' | 'param'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  /** An element of a SOAP message, by local names from the operation's element. */
  | { readonly kind: 'soap'; readonly path: readonly string[] }
  | { readonly kind: 'ip' };

/** Fields and cookies that a request must all have, with exactly these values. Names of fields are in lower case. */
export interface When {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly cookies: readonly (readonly [name: string, value: string])[];
}

export interface Route {
  readonly id: string;
  readonly match: Match;
  readonly stage: Stage;
  readonly successor: Successor | null;
  readonly effect: 'read' | 'write';
  /** Whether legacy may answer a read that new cannot. */
  readonly fallback: 'never' | 'reads';
  /** What callers are told apart by, in a canary: the first that a request has. */
  readonly sticky: readonly Key[];
  /** Routes of one cohort move the same callers. */
  readonly cohort: string;
  /** Callers that a canary always moves; null: none. */
  readonly when: When | null;
  /** Whose path parameter `param` matches `legacy` belongs to legacy, every other entity to new; null: the stage decides. */
  readonly owner: { readonly param: string; readonly legacy: Program } | null;
  /** Both sides must not do this at once. */
  readonly exclusive: boolean;
  /** Of the reads that one side answers in a canary, or new at `new`: the share that the other side is asked as well, 0 to 1. */
  readonly sample: number;
  /** What a second question may take: milliseconds until its answer is whole, and bytes of each body. */
  readonly budget: { readonly ms: number; readonly bytes: number };
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

/** Whose word on a caller's address is taken: of nobody, of everybody, or of those within these networks. */
export type Trust =
  { readonly kind: 'none' | 'all' } | { readonly kind: 'networks'; readonly networks: readonly Network[] };

/** The addresses whose first `bits` bits are those of `base`: 32 bits of IPv4, 128 of IPv6. */
export interface Network {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly bits: number;
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
  readonly trust: Trust;
  /** What a tester's `banyan-override` begins with; null: nobody may choose a side. */
  readonly overrideSecret: string | null;
  readonly forwarder: 'direct' | 'http-proxy';
  /** Whether answers carry `banyan-served-by`, `banyan-route` and `banyan-because`. */
  readonly expose: boolean;
}
