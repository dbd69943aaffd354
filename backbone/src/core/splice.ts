/**
 * Whether a consumer can use what a notification carries. Only what follows on without a gap is taken: everything else is read
 * from the log, so that a lost, late or repeated notification costs time and nothing more.
 */
import type { Run } from './carry.ts';

export type Splice =
  /** Rows from index `skip` on; the next offset is then `next`. */
  | { readonly kind: 'take'; readonly skip: number; readonly next: bigint; readonly because: 'contiguous' }
  | { readonly kind: 'ignore'; readonly because: 'already-read' }
  | { readonly kind: 'read'; readonly because: 'gap' | 'not-carried' };

/** @param position the next offset that the consumer has not yet got */
export function splice(position: bigint, { base, count, rows }: Run): Splice {
  const next = base + BigInt(count);
  if (next <= position) return { kind: 'ignore', because: 'already-read' };
  if (rows === null) return { kind: 'read', because: 'not-carried' };
  if (base > position) return { kind: 'read', because: 'gap' };
  return { kind: 'take', skip: Number(position - base), next, because: 'contiguous' };
}
