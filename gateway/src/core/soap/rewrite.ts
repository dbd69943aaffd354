/**
 * Makes a WSDL or schema, as its owner serves it, point to the facade: the addresses of its ports and the documents that it
 * imports. Found by namespace, whatever the prefixes; each value is replaced where it stands, and nothing else changes.
 *
 * Whose address is it? The owner's, when it is at an origin that we know, when its path is the service's, or when it shares its
 * host with one that is (owners know themselves under other names, and under several schemes and ports). Placeholders are the
 * owner's too. Any other address is somebody else's, and stays. An import must be at the origin of such an address.
 */
import { SaxesParser } from 'saxes';
import { escapeText } from './fault.ts';
import { XSD, WSDL } from './wsdl.ts';

export interface Place {
  /** What clients call the facade: an origin, perhaps with a path; without a slash at its end. */
  readonly publicBase: string;
  /** The path of the service, on the facade as at its owner. */
  readonly servicePath: string;
  /** The request's path and query, by which this document is known; relative references begin here. */
  readonly target: string;
  /** `http://127.0.0.1:8081`, one for each URL of the owner. */
  readonly upstreamOrigins: readonly string[];
}

/** Replaces the characters from `start` up to `end` of the document by `text`, which is ASCII. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type Plan =
  | { readonly kind: 'edits'; readonly edits: readonly Edit[] }
  /** It is not XML: a page that says no, perhaps. */
  | { readonly kind: 'unreadable'; readonly because: string };

const ADDRESSES: ReadonlySet<string> = new Set(
  ['soap', 'soap12', 'http'].map((binding) => `{http://schemas.xmlsoap.org/wsdl/${binding}/}address`),
);
const ENDPOINTS: ReadonlySet<string> = new Set(
  ['http://www.w3.org/2005/08/addressing', 'http://schemas.xmlsoap.org/ws/2004/08/addressing'].map(
    (namespace) => `{${namespace}}Address`,
  ),
);
const IMPORTS: ReadonlyMap<string, string> = new Map([
  [`{${WSDL}}import`, 'location'],
  ...['import', 'include', 'redefine', 'override'].map((local) => [`{${XSD}}${local}`, 'schemaLocation'] as const),
]);

/** A description nests a dozen deep; the parser's time grows with the square of the depth. */
const DEPTH = 256;

interface Spot {
  readonly kind: 'address' | 'import';
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly quote: string;
}

/** Says what to replace in the document `text`. */
export function plan(text: string, place: Place): Plan {
  const spots = find(text);
  if ('because' in spots) return { kind: 'unreadable', because: spots.because };
  const owner = ownerOf(spots, place);
  const edits = spots.flatMap((spot): readonly Edit[] => {
    const value = spot.kind === 'address' ? addressOf(spot.value, place, owner) : importOf(spot.value, place, owner);
    if (value === null || value === spot.value) return [];
    return [{ start: spot.start, end: spot.end, text: escaped(value, spot.quote) }];
  });
  return { kind: 'edits', edits };
}

function find(text: string): readonly Spot[] | { readonly because: string } {
  const parser = new SaxesParser({ xmlns: true });
  const spots: Spot[] = [];
  const ends = new Map<string, number>();
  let depth = 0;
  /** The wsa:Address that is being read. */
  let endpoint: { readonly from: number; content: string } | null = null;
  const take = (content: string): void => {
    if (endpoint !== null) endpoint.content += content;
  };
  parser.on('opentagstart', () => ends.clear());
  // Behind the closing quote.
  parser.on('attribute', ({ name }) => void ends.set(name, parser.position - 1));
  parser.on('opentag', (tag) => {
    depth += 1;
    endpoint = null; // An address has no elements in it.
    if (depth > DEPTH) parser.fail(`elements are nested more than ${DEPTH} deep`);
    const name = `{${tag.uri}}${tag.local}`;
    const attribute = ADDRESSES.has(name) ? 'location' : (IMPORTS.get(name) ?? '');
    const value = tag.attributes[attribute]?.value;
    const end = ends.get(attribute);
    if (value !== undefined && end !== undefined) {
      const quote = text[end] ?? '"';
      const start = text.lastIndexOf(quote, end - 1) + 1;
      spots.push({ kind: IMPORTS.has(name) ? 'import' : 'address', value, start, end, quote });
    }
    if (ENDPOINTS.has(name) && !tag.isSelfClosing) endpoint = { from: parser.position, content: '' };
  });
  parser.on('text', take);
  parser.on('cdata', take);
  parser.on('closetag', () => {
    depth -= 1;
    if (endpoint === null) return;
    spots.push(contentSpot(text, endpoint, parser.position));
    endpoint = null;
  });
  try {
    parser.write(text).close();
  } catch (error) {
    return { because: error instanceof Error ? error.message : String(error) };
  }
  return spots;
}

/** The content of an element that began at `from` and whose end tag is over at `over`, without the white space around it. */
function contentSpot(text: string, { from, content }: { from: number; content: string }, over: number): Spot {
  const inner = text.slice(from, text.lastIndexOf('</', over - 1));
  const value = content.trim();
  const start = from + (inner.length - inner.trimStart().length);
  return { kind: 'address', value, start, end: Math.max(start, from + inner.trimEnd().length), quote: '' };
}

/** What the owner of a description calls itself. */
interface Owner {
  /** `http://127.0.0.1:8081`, in lower case, always with a port. */
  readonly origins: ReadonlySet<string>;
  /** Without a port; loopback is left out, where a port is all there is to tell servers apart. */
  readonly hosts: ReadonlySet<string>;
}

function ownerOf(spots: readonly Spot[], { servicePath, upstreamOrigins }: Place): Owner {
  const addresses = spots.filter(({ kind }) => kind === 'address').map(({ value }) => parts(value.trim()));
  const own = [
    ...upstreamOrigins.map(parts).filter((url) => url !== null),
    ...addresses.filter((url) => url !== null).filter(({ path }) => samePath(path, servicePath)),
  ];
  const hosts = own.map(({ host }) => host).filter((host) => !isLoopback(host));
  return { origins: new Set(own.map(({ origin }) => origin)), hosts: new Set(hosts) };
}

function addressOf(value: string, place: Place, owner: Owner): string | null {
  const location = value.trim();
  const service = place.publicBase + place.servicePath;
  const url = parts(location);
  if (url === null) {
    // Another scheme (jms:, urn:) is no HTTP port; anything else is a placeholder or a bare path.
    if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return null;
    return location.startsWith('/') ? place.publicBase + location : service;
  }
  if (!owner.origins.has(url.origin) && !owner.hosts.has(url.host)) return null;
  return url.path === '/' ? service + url.rest : place.publicBase + url.path + url.rest;
}

function importOf(value: string, place: Place, owner: Owner): string | null {
  const [origin] = place.upstreamOrigins;
  const location = value.trim();
  if (origin === undefined || location === '' || location.startsWith('#')) return null;
  const there = parts(resolve(location, origin + place.target));
  if (there === null || !owner.origins.has(there.origin)) return null;
  const wanted = place.publicBase + there.path + there.rest;
  // What a client makes of it as it stands: right for most relative references.
  return resolve(location, place.publicBase + place.target) === wanted ? null : wanted;
}

interface UrlParts {
  /** Scheme, host and port; every name of this machine is `localhost`. */
  readonly origin: string;
  /** In lower case, without a port. */
  readonly host: string;
  /** Begins with a slash. */
  readonly path: string;
  /** Query and fragment. */
  readonly rest: string;
}

const URL_PARTS = /^(https?):\/\/(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^:/?#]*)(?::(\d*))?(\/[^?#]*)?([?#].*)?$/is;

/** Takes an http or https URL apart. Null: it is none. */
function parts(url: string): UrlParts | null {
  const [all, scheme = '', name = '', port = '', path = '/', rest = ''] = URL_PARTS.exec(url) ?? [];
  if (all === undefined || name === '') return null;
  const lower = scheme.toLowerCase();
  const host = name.toLowerCase();
  const shown = `${isLoopback(host) ? 'localhost' : host}:${port === '' ? (lower === 'http' ? '80' : '443') : port}`;
  return { origin: `${lower}://${shown}`, host, path, rest };
}

/** RFC 3986, 5.2, for an http base. (The core has no URL class; it is no part of the language.) */
function resolve(reference: string, base: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference)) return reference;
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^(https?:)(\/\/[^/?#]*)([^?#]*)(\?[^#]*)?/i.exec(base) ?? [];
  if (reference.startsWith('//')) return scheme + reference;
  const origin = scheme + authority;
  if (reference.startsWith('?')) return origin + path + reference;
  if (reference.startsWith('#')) return origin + path + query + reference;
  const [, own = '', rest = ''] = /^([^?#]*)(.*)$/s.exec(reference) ?? [];
  const merged = own.startsWith('/') ? own : path.slice(0, path.lastIndexOf('/') + 1) + own;
  return origin + withoutDots(merged) + rest;
}

function withoutDots(path: string): string {
  const out: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') out.pop();
    else if (segment !== '.') out.push(segment);
    if (last && (segment === '.' || segment === '..')) out.push('');
  }
  return `/${out.join('/')}`;
}

function samePath(one: string, other: string): boolean {
  const bare = (path: string): string => path.replace(/\/+$/, '');
  return bare(one) === bare(other);
}

/** A name or address of the machine itself. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || /^(?:127\.|0\.0\.0\.0$|\[::1?\]$)/.test(host);
}

/** The value as it stands between quotes (or as content, where `quote` is empty), in ASCII. */
function escaped(value: string, quote: string): string {
  const text = escapeText(value).replace(/[^\u0020-\u007e]/gu, (character) => `&#${character.codePointAt(0) ?? 32};`);
  return quote === "'" ? text.replaceAll("'", '&#39;') : text;
}
