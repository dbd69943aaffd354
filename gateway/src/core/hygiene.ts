/**
 * What two readers of one request could understand in two ways. Whoever stands in front of the facade, or behind it, may take
 * the other view, and then one request becomes two (RFC 9112, section 11.2): such a request is refused, never mended.
 *
 * Node's parser refuses most by itself: bare line feeds, folded lines, spaces before a colon, control characters, lengths that
 * differ or stand twice, a length beside chunks. This is what it lets pass, or tells of only after the request has begun.
 */
import type { Seen } from './field.ts';
import { isHost } from './host.ts';

/** A sentence for the sender; null: nothing is wrong. @param version of HTTP, as `1.1` */
export function flawOf(seen: Seen, version: string): string | null {
  if (version !== '1.1' && version !== '1.0') return 'The facade speaks HTTP/1.1 and HTTP/1.0.';
  if (seen.flaw !== null) return seen.flaw;
  // RFC 9112, section 6.1: such a message was put together wrongly, or by someone in between who did not understand it.
  if (seen.chunked && version === '1.0') return 'A request of HTTP/1.0 has no Transfer-Encoding.';
  if (seen.host !== null) return isHost(seen.host) ? null : 'The host that the request names is none.';
  return version === '1.1' ? 'A request of HTTP/1.1 names its Host.' : null;
}
