/**
 * Set-Cookie as parity sees it: which cookies there are and with which attributes, never their values (a session id differs by
 * nature, and is a secret).
 */
import type { Json } from './json.ts';

/** One cookie's attributes that count, by their names as RFC 6265 spells them. */
export type Attributes = ReadonlyMap<string, Json>;

const FLAGS = new Map([
  ['httponly', 'HttpOnly'],
  ['secure', 'Secure'],
]);

/**
 * Cookies by name. What a browser would overwrite (same name, domain and path) is left out; the others of one name keep their
 * order.
 */
export function cookiesOf(setCookies: readonly string[]): ReadonlyMap<string, readonly Attributes[]> {
  const byIdentity = new Map<string, { readonly name: string; readonly attributes: Attributes }>();
  for (const text of setCookies) {
    const [pair = '', ...rest] = text.split(';');
    const name = pair.slice(0, Math.max(0, pair.indexOf('='))).trim();
    const attributes = attributesOf(rest);
    const identity = JSON.stringify([name, attributes.get('Domain') ?? null, attributes.get('Path') ?? null]);
    byIdentity.set(identity, { name, attributes });
  }
  const byName = new Map<string, Attributes[]>();
  for (const { name, attributes } of byIdentity.values()) {
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [attributes]);
    else same.push(attributes);
  }
  return byName;
}

function attributesOf(parts: readonly string[]): Attributes {
  const attributes = new Map<string, Json>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : part.slice(equals + 1).trim();
    const flag = FLAGS.get(name);
    if (flag !== undefined) attributes.set(flag, true);
    if (name === 'samesite') attributes.set('SameSite', value.toLowerCase());
    if (name === 'path') attributes.set('Path', value);
    // A dot before a domain says nothing (RFC 6265, section 5.2.3).
    if (name === 'domain') attributes.set('Domain', value.toLowerCase().replace(/^\./, ''));
  }
  return attributes;
}
