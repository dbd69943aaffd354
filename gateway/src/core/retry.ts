/**
 * What is done when an attempt at a request has failed before its answer: the one place that says what may be sent again.
 *
 *     nothing was sent, no connection could be opened       another URL, whatever the request
 *     nothing was sent, the connection closed before        a fresh connection, whatever the request; then another URL
 *     sent on a connection that had carried others,         a request that changes nothing: once more, on a fresh connection;
 *       which closed before a byte of the answer              a write: given up, it may have been carried out
 *     anything else                                         given up
 *
 * A server closes an idle connection when it likes; a request that crosses with that has met nobody. That it has, only the server
 * knows: so what is safe is sent again, and a write is not.
 */

export interface Failed {
  /** `unopened`: no connection came about. `closed`: it ended or was reset. `other`: late, garbled, or not to be sent at all. */
  readonly how: 'unopened' | 'closed' | 'other';
  /** Whether a byte of this attempt may have left. */
  readonly sent: boolean;
  /** Whether a byte of an answer has come. */
  readonly began: boolean;
  /** Whether the connection had carried a request before this one. */
  readonly reused: boolean;
  /** Whether the request changes nothing, and its body can be sent again. */
  readonly repeatable: boolean;
  /** Whether a fresh connection has been asked for already. */
  readonly renewed: boolean;
}

export type Next = 'elsewhere' | 'fresh' | 'give-up';

export function next({ how, sent, began, reused, repeatable, renewed }: Failed): Next {
  if (how === 'other' || began) return 'give-up';
  if (!sent) return how === 'closed' && !renewed ? 'fresh' : 'elsewhere';
  return how === 'closed' && reused && repeatable && !renewed ? 'fresh' : 'give-up';
}
