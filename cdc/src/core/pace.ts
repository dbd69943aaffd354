/**
 * When a watermark is written that no batch carries. A log that lives on the server which it describes turns each write into
 * WAL, the WAL into a keepalive, and the keepalive into a new position: written at each position, watermarks would follow
 * themselves for ever. So a position alone is no reason. There are two: somebody holds a fence that can now be met (and that
 * is no timer's business: at once), or the last watermark is old.
 */
import type { Lsn } from '@banyan/backbone/core/lsn';

export interface Pace {
  /** Everything up to here is durable in the sink. */
  readonly reached: Lsn;
  /** The last watermark that was published. */
  readonly published: Lsn;
  /** The greatest position handed out to anybody. */
  readonly wanted: Lsn;
  /** Milliseconds since the last watermark. */
  readonly ageMs: number;
}

export type Watermarking =
  | { readonly kind: 'publish'; readonly because: 'fence' | 'heartbeat' }
  | { readonly kind: 'rest'; readonly because: 'nothing-new' | 'fence-not-reached' | 'young' };

/** Lag is shown from watermarks, and the slot follows the checkpoint: an idle database holds back this much of WAL. */
export const HEARTBEAT_MS: number = 5_000;

export function watermarking({ reached, published, wanted, ageMs }: Pace): Watermarking {
  if (reached <= published) return { kind: 'rest', because: 'nothing-new' };
  if (wanted > published && reached >= wanted) return { kind: 'publish', because: 'fence' };
  if (ageMs >= HEARTBEAT_MS) return { kind: 'publish', because: 'heartbeat' };
  return { kind: 'rest', because: wanted > published ? 'fence-not-reached' : 'young' };
}
