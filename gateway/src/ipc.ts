/**
 * What the primary and its workers say to each other. Both are of one build: a message is of these shapes, or it is not theirs.
 *
 * A connection is the primary's until the worker has said `took`, and the worker touches it only once that word is out. So a
 * connection whose worker died is either untouched, and given to another, or was in that worker's hands: never both.
 */
import type { Family } from './core/family.ts';
import type { Vitals } from './engine.ts';

/** What a worker serves by. */
export interface Orders {
  /** Its place, `1` to the number of workers. */
  readonly worker: string;
  readonly file: string;
  /** The content of the routing file that is in force: the file itself may say something else by now. */
  readonly text: string;
  /** What its generation is called. */
  readonly number: number;
  readonly publicUrl: string;
  readonly sample: number;
  readonly logHeaders: readonly string[];
  readonly idleMs: number;
}

export type ToWorker =
  | { readonly kind: 'begin'; readonly orders: Orders }
  /** Comes with the connection. */
  | { readonly kind: 'connection'; readonly id: number }
  | { readonly kind: 'adopt'; readonly id: number; readonly text: string; readonly number: number }
  | { readonly kind: 'report'; readonly id: number }
  /** From now on callers are told to come back on another connection. */
  | { readonly kind: 'hush' }
  /** No connection will come; the worker ends once those that it has do, or with the deadline. */
  | { readonly kind: 'drain'; readonly patienceMs: number; readonly deadlineMs: number };

export type ToPrimary =
  /** It listens to what is said. */
  | { readonly kind: 'here' }
  | { readonly kind: 'up' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'took'; readonly id: number }
  /** How many connections it has had to the end since its start. */
  | { readonly kind: 'closed'; readonly count: number }
  /** `problem` is null when the file is in force there. */
  | { readonly kind: 'adopted'; readonly id: number; readonly problem: string | null }
  | { readonly kind: 'report'; readonly id: number; readonly report: Report }
  /** The last word. */
  | { readonly kind: 'bye'; readonly families: readonly Family[] };

/** What a worker has counted, and how it is. */
export interface Report {
  readonly families: readonly Family[];
  readonly vitals: Vitals;
  readonly generation: number;
}

/** Whether it is a message at all: other software in the same process may use the channel too. */
export function isMessage(message: unknown): message is { readonly kind: string } {
  return typeof message === 'object' && message !== null && 'kind' in message && typeof message.kind === 'string';
}
