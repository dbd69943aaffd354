/**
 * Reads a claim of a JWT (RFC 7519) without verifying it. A canary needs to tell callers apart, not to trust them: whoever makes
 * a claim up chooses a side, and both sides verify.
 */

// The largest tokens in use fit into a field of 8 KiB; decoding stops there.
const MAX_CHARS = 16_384;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const SIXTETS: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET, (char, value) => [char, value]));

/**
 * @param token as it stands behind `Bearer`
 * @param path from claim to claim
 * @returns a string, number or boolean as text; null when it is no JWT, or has no such claim
 */
export function claimOf(token: string, path: readonly string[]): string | null {
  if (token.length > MAX_CHARS) return null;
  const [, payload = ''] = token.split('.', 3);
  let at = parse(payload);
  // A name may have dots itself: `https://example.com/id` is one claim.
  for (const name of has(at, path.join('.')) ? [path.join('.')] : path) {
    if (!has(at, name)) return null;
    at = at[name];
  }
  if (typeof at === 'string') return at;
  return typeof at === 'number' || typeof at === 'boolean' ? String(at) : null;
}

function has(value: unknown, name: string): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

function parse(payload: string): unknown {
  const text = utf8(base64url(payload));
  try {
    return JSON.parse(text);
  } catch {
    return null; // Whatever it is, it names nobody.
  }
}

/** RFC 4648, section 5, padded or not; what is not of the alphabet ends it. */
function base64url(text: string): number[] {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const char of text) {
    const value = SIXTETS.get(char);
    if (value === undefined) break;
    held = (held << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >>> bits) & 0xff);
    held &= (1 << bits) - 1;
  }
  return bytes;
}

// The least code point of a sequence of so many more bytes: a longer sequence than needed is malformed (RFC 3629, section 3).
const LEAST = [0, 0x80, 0x800, 0x10000] as const;

/** Malformed sequences become U+FFFD. */
function utf8(bytes: readonly number[]): string {
  let text = '';
  for (let index = 0; index < bytes.length;) {
    const lead = bytes[index] ?? 0;
    index += 1;
    const more = lead < 0x80 ? 0 : lead < 0xc0 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf8 ? 3 : -1;
    let code = more <= 0 ? lead : lead & (0x3f >> more);
    let left = more;
    for (; left > 0 && ((bytes[index] ?? 0) & 0xc0) === 0x80; left -= 1, index += 1)
      code = (code << 6) | ((bytes[index] ?? 0) & 0x3f);
    const surrogate = code >= 0xd800 && code <= 0xdfff;
    const bad = more === -1 || left > 0 || code < (LEAST[more] ?? 0) || code > 0x10ffff || surrogate;
    text += bad ? '\ufffd' : String.fromCodePoint(code);
  }
  return text;
}
