/**
 * Identifiers for requests: a pool of random bytes, filled in one call, because two `randomBytes` calls a request cost 4.5 µs and
 * a slice of a pool 0.15 (docs/adr/0005).
 */
import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8_192;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

function take(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** 32 hexadecimal digits. */
export function newRequestId(): string {
  return take(16);
}

/** A new W3C trace, not sampled: whether it is recorded is for a tracer to decide, and the facade is none. */
export function newTrace(): string {
  return `00-${take(16)}-${take(8)}-00`;
}
