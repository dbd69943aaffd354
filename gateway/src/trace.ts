/**
 * Identifiers for requests: slices of a pool of random digits, filled in one call, because two `randomBytes` calls a request cost
 * 4.5 µs, and a slice a hundredth of that (docs/adr/0005).
 */
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 8_192;
let pool = '';
let used = 0;

function take(digits: number): string {
  if (used + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}

/** 32 hexadecimal digits. */
export function newRequestId(): string {
  return take(32);
}

/** A new W3C trace, not sampled: whether it is recorded is for a tracer to decide, and the facade is none. */
export function newTrace(): string {
  return `00-${take(32)}-${take(16)}-00`;
}
