/**
 * The words of shadowing: what is asked a second time, what came of it on either side, and why something was not asked or not
 * heard to its end.
 */
import type { Fields } from '../core/field.ts';
import type { Side } from '../core/side.ts';
import type { Route, Table } from '../core/table.ts';

/** What goes out. `path` is path and query; `headers` are as they go onward, marked. */
export interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: Fields;
  readonly body: Buffer | null;
}

/** What a second question may take. */
export interface Limits {
  /** Milliseconds from its being sent to the end of its answer. */
  readonly ms: number;
  /** Bytes of each body. */
  readonly bytes: number;
}

/** One side's answer; times in milliseconds since that side was asked. */
export type Half =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** As they came. */
      readonly fields: Fields;
      readonly body: Buffer;
      readonly headMs: number;
      readonly wholeMs: number;
    }
  /** Its body has more bytes than may be held, and was not read to its end. */
  | { readonly kind: 'large'; readonly status: number; readonly fields: Fields; readonly headMs: number }
  /** It was not whole in time, and was given up. */
  | { readonly kind: 'late'; readonly limitMs: number }
  | { readonly kind: 'failed'; readonly because: string };

/** Both answers to one request, for whoever compares. */
export interface Pair {
  readonly table: Table;
  readonly route: Route;
  /** Who answered the caller. */
  readonly answered: Side;
  readonly as: 'read' | 'dry-run';
  readonly requestId: string;
  /** Of the side that answered the caller. */
  readonly control: Half;
  /** Of the other side. */
  readonly candidate: Half;
  /** `http://127.0.0.1:8081`: whom each side's absolute addresses name when it names itself. */
  readonly origins: { readonly control: string; readonly candidate: string };
  /** What either side's answer says, where the two answer in different forms; null: they are compared as they came. */
  readonly view: ((half: Half, side: Side) => Half) | null;
}

/**
 * Why a request was not asked a second time, or its second answer given up. `abandoned`: the caller left. `body-streamed`: the
 * request's body is not in hand. `breaker`: the other side has been failing and is given a pause. `budget`: it took too long.
 * `bridge`: what was asked has no form on the other side. `closed`: the facade closes down, or the side has gone from the file. `control`: the caller's own answer failed or was cut.
 * `too-large`: an answer is beyond the route's budget.
 */
export type Drop =
  | 'abandoned'
  | 'body-streamed'
  | 'breaker'
  | 'bridge'
  | 'budget'
  | 'closed'
  | 'control'
  | 'dry-run-stopped'
  | 'dry-run-unproven'
  | 'queue-full'
  | 'too-large';

/** One question on its way to the other side. `heard` or `dropped` is called, once. */
export interface Errand {
  readonly route: Route;
  readonly limits: Limits;
  /** Asked for when it is sent. Null: it cannot be asked. */
  question(): Question | null;
  /** So many bytes more of the answer are kept. False: there is no room for them, and the errand has been called off. */
  keep(bytes: number): boolean;
  heard(half: Half): void;
  dropped(reason: Drop): void;
}
