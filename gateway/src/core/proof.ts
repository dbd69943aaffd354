/**
 * Whether a side may be sent a dry run of one route's writes: whether it has proved that it honours `banyan-dry-run: 1`.
 *
 *     unasked ──asked──▶ proven (on one connection) ──an answer without the echo──▶ stopped, for this generation
 *        ▲                  │ that connection closed
 *        │                  ▼
 *        └─────────────── asked again                  unproven ──a while later──▶ asked again
 *
 * The question that proves it does no harm to one who ignores the field (an OPTIONS), and a proof holds for the connection on
 * which it was given: whoever takes the address over is asked anew (docs/adr/0014).
 */

export type Proof =
  | { readonly kind: 'unasked' }
  /** `connection` counts the connections to this side. */
  | { readonly kind: 'proven'; readonly connection: number }
  /** `at` is when it was asked, in milliseconds of a clock that only goes forward. */
  | { readonly kind: 'unproven'; readonly because: string; readonly at: number }
  | { readonly kind: 'stopped'; readonly because: string };

/** What is to be done with a dry run. */
export type Next = 'send' | 'ask' | 'drop';

/** Nobody has asked yet. */
export const UNASKED: Proof = { kind: 'unasked' };

// A side that learns it later is noticed, and one that never does is not asked before each write.
const ASK_AGAIN_MS = 30_000;

/** @param connection the one that is open now; null: none is */
export function nextOf(proof: Proof, connection: number | null, now: number): Next {
  switch (proof.kind) {
    case 'unasked':
      return 'ask';
    case 'proven':
      return proof.connection === connection ? 'send' : 'ask';
    case 'unproven':
      return now - proof.at >= ASK_AGAIN_MS ? 'ask' : 'drop';
    case 'stopped':
      return 'drop';
    default:
      return proof satisfies never;
  }
}

/** What a side said to the question. `connection` is the one on which it was asked. */
export interface Word {
  readonly status: number;
  /** The values of `banyan-dry-run` in its answer. */
  readonly echo: readonly string[];
  readonly connection: number;
}

/** After the question. */
export function afterQuestion({ status, echo, connection }: Word, now: number): Proof {
  if (status < 200 || status > 299)
    return { kind: 'unproven', because: `it answered ${status} to OPTIONS with banyan-dry-run: 1`, at: now };
  if (!isEcho(echo))
    return {
      kind: 'unproven',
      because: 'its answer to OPTIONS with banyan-dry-run: 1 does not say banyan-dry-run: 1',
      at: now,
    };
  return { kind: 'proven', connection };
}

/** After the answer to a dry run. */
export function afterDryRun(proof: Proof, status: number, echo: readonly string[]): Proof {
  if (isEcho(echo)) return proof;
  return {
    kind: 'stopped',
    because: `it answered ${status} to a dry run without saying banyan-dry-run: 1, so it may have done what it was asked`,
  };
}

const isEcho = (values: readonly string[]): boolean => values.length === 1 && values[0]?.trim() === '1';
