/**
 * Whose name is on the door: which `Host` an upstream is told, and what becomes of its own addresses in answers (`Location`,
 * the domain of a cookie), which callers cannot use.
 */
import type { Fields } from './field.ts';
import type { Upstream } from './table.ts';

/** What an upstream calls itself, where that has to become the facade's. */
export interface Home {
  readonly location: boolean;
  readonly cookies: boolean;
  /** Scheme and authority in lower case, without the port that the scheme implies: `http://legacy.internal:8081`. */
  readonly origins: readonly string[];
  /** Names and addresses without a port, in lower case. */
  readonly hosts: readonly string[];
}

const ADDRESS = /^(?:([a-z][a-z0-9+.-]*):)?\/\/([^/?#]*)/i;

/** The `Host` that an upstream is told when `url` is asked; null: the caller's. */
export function hostFor({ host }: Upstream, url: string): string | null {
  switch (host.kind) {
    case 'caller':
      return null;
    case 'own':
      return ADDRESS.exec(url)?.[2] ?? null;
    case 'name':
      return host.name;
    default:
      return host satisfies never;
  }
}

/** A request's fields with this `Host` in the place of the caller's. */
export function withHost(fields: Fields, host: string): string[] {
  const out: string[] = [];
  let set = false;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const isHost = name.length === 4 && name.toLowerCase() === 'host';
    out.push(name, isHost ? host : (fields[index + 1] ?? ''));
    set ||= isHost;
  }
  if (!set) out.push('host', host);
  return out;
}

/** What of an upstream's answers is to be rewritten; null: nothing. */
export function homeOf({ urls, host, rewrite: { location, cookies } }: Upstream): Home | null {
  if (!location && !cookies) return null;
  // A name that it is told says nothing of a scheme: it may think itself behind TLS.
  const named = host.kind === 'name' ? [`http://${host.name}`, `https://${host.name}`] : [];
  const addresses = [...urls, ...named].map((url) => ADDRESS.exec(url) ?? ['', 'http', '']);
  return {
    location,
    cookies,
    origins: addresses.map(([, scheme = '', authority = '']) => originOf(scheme, authority)),
    hosts: [...new Set(addresses.map(([, , authority = '']) => hostnameOf(authority)))],
  };
}

const PORTS: ReadonlyMap<string, string> = new Map([
  ['http', ':80'],
  ['https', ':443'],
]);

function originOf(scheme: string, authority: string): string {
  const [kind, place] = [scheme.toLowerCase(), authority.toLowerCase()];
  const implied = PORTS.get(kind);
  return `${kind}://${implied !== undefined && place.endsWith(implied) ? place.slice(0, -implied.length) : place}`;
}

const hostnameOf = (authority: string): string => authority.toLowerCase().replace(/:\d*$/, '');

/**
 * An answer's fields with the facade's addresses for the upstream's own.
 * @param publicUrl what callers call the facade: an origin, perhaps with a path
 */
export function rehome(fields: Fields, home: Home, publicUrl: string): string[] {
  const out: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    const key = name.length === 8 || name.length === 10 ? name.toLowerCase() : '';
    if (home.location && key === 'location') out.push(name, locationAt(value, home, publicUrl));
    else if (home.cookies && key === 'set-cookie') out.push(name, cookieAt(value, home));
    else out.push(name, value);
  }
  return out;
}

/** One that is relative, or leads elsewhere, stays as it is. */
function locationAt(location: string, { origins }: Home, publicUrl: string): string {
  const parts = ADDRESS.exec(location);
  if (parts === null) return location;
  const [address, scheme, authority = ''] = parts;
  const isOwn =
    scheme === undefined
      ? origins.some((origin) => origin === originOf(origin.slice(0, origin.indexOf(':')), authority))
      : origins.includes(originOf(scheme, authority));
  return isOwn ? publicUrl.replace(/\/+$/, '') + location.slice(address.length) : location;
}

/** Without a domain a cookie belongs to the host that the caller asked: the facade. */
function cookieAt(cookie: string, { hosts }: Home): string {
  const parts = cookie.split(';');
  const kept = parts.filter((part, index) => index === 0 || !isOwnDomain(part, hosts));
  return kept.length === parts.length ? cookie : kept.join(';');
}

function isOwnDomain(attribute: string, hosts: readonly string[]): boolean {
  const at = attribute.indexOf('=');
  if (at === -1 || attribute.slice(0, at).trim().toLowerCase() !== 'domain') return false;
  const domain = attribute
    .slice(at + 1)
    .trim()
    .toLowerCase();
  return hosts.includes(domain.startsWith('.') ? domain.slice(1) : domain);
}
