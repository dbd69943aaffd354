/** What may stand in `Host`, and what a request's target says of it (RFC 9110, section 7.2; RFC 9112, section 3.2). */

// A name has at most 253 characters (RFC 1035), an address in brackets 47; a port adds six.
const MAX_LENGTH = 260;
const COLON = 58;
const BRACKET = 91;

/**
 * Whether the text is a host, perhaps with a port: a name, an IPv4 address, or an IPv6 address in brackets. Narrower than
 * RFC 3986: no user, and none of the marks (`,`, `;`, `'` …) that some server, cache or log would take for an end.
 */
export function isHost(text: string): boolean {
  if (text.length > MAX_LENGTH) return false;
  let at = 0;
  if (text.charCodeAt(0) === BRACKET) {
    at = text.indexOf(']') + 1;
    if (at === 0 || !/^\[[0-9a-f:.]+\]$/i.test(text.slice(0, at))) return false;
  } else {
    while (at < text.length && named(text.charCodeAt(at))) at += 1;
  }
  if (at === 0) return false;
  return at === text.length || (text.charCodeAt(at) === COLON && isPort(text, at + 1));
}

/** Letters, digits, `-`, `.`, `_`, `~`, and `%` of an escape. */
function named(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 45 && code <= 57 && code !== 47) ||
    (code >= 65 && code <= 90) ||
    code === 95 ||
    code === 126 ||
    code === 37
  );
}

/** At most five digits, also none (RFC 3986, section 3.2.3). */
function isPort(text: string, from: number): boolean {
  if (text.length - from > 5) return false;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** A target in absolute form, in two. */
export interface Absolute {
  /** As it stands there: to be checked like a Host. Empty when there is none, or the scheme is not one of HTTP's. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
}

/** RFC 9112, section 3.2.2: a server takes the absolute form as well, and the host that it names beats `Host`. */
export function absolute(url: string): Absolute {
  const [, authority = '', rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  return { authority, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Has every `Host` say `authority`, in place; what was no host stays, for it is refused. */
export function rename(fields: string[], authority: string): void {
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index]?.toLowerCase() === 'host' && isHost(fields[index + 1] ?? '')) fields[index + 1] = authority;
  }
}
