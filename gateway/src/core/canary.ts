/**
 * Which callers a canary has moved. Each caller has a fixed point in [0, 1), and a canary of 10% moves those below 0.1: raising
 * the share moves more of them and takes nobody back, and every replica with the same file decides alike, after a restart too.
 */

// FNV-1a, 32 bits (Fowler, Noll, Vo): offset basis and prime.
const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;
// Keys are identifiers; what is longer is told apart by its beginning, so that a hostile one costs no more.
const MAX_KEY_CHARS = 1_024;

/**
 * The caller's point: the same for the same cohort and key everywhere and for ever, evenly spread over [0, 1). Routes of one cohort
 * move the same callers together; another cohort orders them anew.
 */
export function point(cohort: string, key: string): number {
  let hash = mix(OFFSET, cohort);
  // No name of a cohort has this character, so that the two parts cannot run into each other.
  hash = Math.imul(hash ^ 0, PRIME);
  hash = mix(hash, key.length > MAX_KEY_CHARS ? key.slice(0, MAX_KEY_CHARS) : key);
  return finish(hash) / 2 ** 32;
}

function mix(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), PRIME);
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), PRIME);
  }
  return hash;
}

/** MurmurHash3's finaliser (Appleby): FNV-1a alone hardly changes its high bits between keys that differ at their end. */
function finish(start: number): number {
  let hash = start;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
