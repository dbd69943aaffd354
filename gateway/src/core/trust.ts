/**
 * Who asked, by which scheme, and by which name, when proxies stand in front: what `X-Forwarded-For`, `-Proto`, `-Host` and
 * `Forwarded` (RFC 7239) say, as far as those who say it are trusted; and what of it goes on.
 *
 * A chain of addresses is read from its end. Each entry was written by the one behind it, so it is worth as much as that one:
 * the first address that is not trusted is the caller's, and whatever stands before it is the caller's own word and goes
 * nowhere. What is no address ends the chain as well.
 */
import type { Fields, Seen } from './field.ts';
import { valuesOf } from './flat.ts';
import { isHost } from './host.ts';
import { addressIn, within } from './network.ts';
import type { Trust } from './table.ts';

export type Scheme = 'http' | 'https';

/** How a request came. */
export interface Came {
  /** The caller's IP address; `unknown` when the connection is there no more. */
  readonly address: string;
  readonly scheme: Scheme;
  /** The host that the caller named; null: none. */
  readonly host: string | null;
  /** Whether `host` is the word of a proxy that is trusted. */
  readonly told: boolean;
  /** What goes on as `x-forwarded-for`: the caller's address first, that of the connection last. */
  readonly chain: string;
  /** What goes on as `forwarded`. */
  readonly forwarded: string;
}

/** What one `Forwarded` element says, or one address of `X-Forwarded-For`. */
interface Hop {
  /** Null: none that is an address. */
  readonly address: string | null;
  readonly proto: string | null;
  readonly host: string | null;
}

// Nobody has as many proxies in a row; who sends more wants us to read it.
const MAX_HOPS = 32;
// As many hops as there may be, with everything that they may say.
const MAX_FORWARDED_LENGTH = 8 * 1024;
// The listener's own.
const OWN_SCHEME: Scheme = 'http';

/** @param peer the connection's other end, as node has it */
export function cameOf(peer: string, seen: Seen, fields: Fields, trust: Trust): Came {
  const address = peer.includes(':') ? (addressIn(peer) ?? peer) : peer;
  if (!seen.via || !trusts(trust, address)) {
    const forwarded = element(address, OWN_SCHEME, seen.host);
    return { address, scheme: OWN_SCHEME, host: seen.host, told: false, chain: address, forwarded };
  }
  return through(address, seen.host, fields, trust);
}

function trusts(trust: Trust, address: string): boolean {
  return trust.kind === 'all' || (trust.kind === 'networks' && within(trust.networks, address));
}

function through(peer: string, named: string | null, fields: Fields, trust: Trust): Came {
  const said = joined(fields, 'x-forwarded-for');
  // Proxies that set one of the two pass the other on as it came: the one that most of them set counts alone.
  const hops = said === null ? elements(joined(fields, 'forwarded') ?? '') : entries(said);
  const believed: string[] = [];
  for (let at = hops.length - 1; at >= 0 && believed.length < MAX_HOPS; at -= 1) {
    const address = hops[at]?.address ?? null;
    if (address === null) break;
    believed.unshift(address);
    if (!trusts(trust, address)) break;
  }
  const about = hops[hops.length - Math.max(1, believed.length)];
  const scheme = schemeOf(about?.proto ?? spokenFor(fields, 'x-forwarded-proto', believed.length));
  const host = about?.host ?? spokenFor(fields, 'x-forwarded-host', believed.length) ?? '';
  const told = isHost(host);
  const came = { scheme: scheme ?? OWN_SCHEME, host: told ? host : named, told };
  const [address, ...between] = believed;
  if (address === undefined)
    return { ...came, address: peer, chain: peer, forwarded: element(peer, came.scheme, came.host) };
  const chain = [...believed, peer].join(', ');
  const forwarded = [
    element(address, came.scheme, came.host),
    ...between.map((one) => `for=${node(one)}`),
    element(peer, OWN_SCHEME, named),
  ].join(', ');
  return { ...came, address, chain, forwarded };
}

function element(address: string, scheme: Scheme, host: string | null): string {
  // A host has no character that would need an escape.
  return host === null ? `for=${node(address)};proto=${scheme}` : `for=${node(address)};host="${host}";proto=${scheme}`;
}

/** RFC 7239, section 6: an IPv6 address stands in brackets, and for its colons in quotes. */
function node(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

/** All fields of this name as one list; null when there is none. */
function joined(fields: Fields, name: string): string | null {
  const values = valuesOf(fields, name);
  return values.length === 0 ? null : values.join(',');
}

/** The last entries of a list, as many as are looked at, in order. */
function lastOf(text: string): string[] {
  const found: string[] = [];
  let end = text.length;
  while (end >= 0 && found.length < MAX_HOPS) {
    const comma = end === 0 ? -1 : text.lastIndexOf(',', end - 1);
    found.unshift(text.slice(comma + 1, end).trim());
    end = comma;
  }
  return found;
}

function entries(text: string): Hop[] {
  return lastOf(text).map((entry) => ({ address: addressOf(entry), proto: null, host: null }));
}

/**
 * What a list says of the caller, whom `hops` addresses stand for: proxies that add an entry each add one to every list, others
 * leave the one that is there. Null when there is none.
 */
function spokenFor(fields: Fields, name: string, hops: number): string | null {
  const text = joined(fields, name);
  if (text === null) return null;
  const list = lastOf(text);
  return list[Math.max(0, list.length - Math.max(1, hops))] ?? null;
}

function schemeOf(text: string | null): Scheme | null {
  const lower = text?.toLowerCase();
  return lower === 'https' || lower === 'http' ? lower : null;
}

/** An address, perhaps with a port; IPv6 in brackets where it has one. Null when it is none. */
function addressOf(text: string): string | null {
  // The longest address, in brackets, with a port.
  if (text.length > 53 || text.includes('%')) return null;
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\]|([^:]+))(?::(?:\d{1,5}|_[\w.-]+))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return bracketed.includes(':') ? addressIn(bracketed) : null;
  return addressIn(dotted ?? text);
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PAIR = new RegExp(`[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*)?(;|,|$)`, 'y');

/** RFC 7239, section 4. Nothing, when any of it is not well formed: it could not be told where an element begins. */
function elements(text: string): Hop[] {
  if (text.length > MAX_FORWARDED_LENGTH) return [];
  const found: Hop[] = [];
  let said: Partial<Record<string, string>> = {};
  let at = 0;
  for (;;) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(text);
    if (pair === null) return [];
    const [whole, name, token, quoted, end] = pair;
    if (name !== undefined) said[name.toLowerCase()] ??= token ?? (quoted ?? '').replaceAll(/\\(.)/gs, '$1');
    if (end !== ';') {
      found.push({ address: addressOf(said['for'] ?? ''), proto: said['proto'] ?? null, host: said['host'] ?? null });
      said = {};
    }
    if (end === '') return found;
    at += whole.length;
  }
}
