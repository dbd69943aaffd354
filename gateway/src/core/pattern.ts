/**
 * What a route's `match:` says, from text to data: `GET /api/orders/:orderId`, `GET|HEAD /a`, `ANY /files/*`,
 * `SOAP /soap/OrderService GetOrder`, `SOAP /soap/X {urn:x}Get`. The same path grammar serves `new: { path: … }`.
 */
import type { Match, Segment } from './table.ts';

/** A pattern that was read, or a sentence that says what is wrong with it. */
export type Read<T> = { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'bad'; readonly because: string };

const ok = <T>(value: T): Read<T> => ({ kind: 'ok', value });
const bad = (because: string): { readonly kind: 'bad'; readonly because: string } => ({ kind: 'bad', because });

// RFC 9110, section 5.6.2: a method is a token. Ours are written in capitals, as every registered method is.
const METHOD = /^[A-Z][A-Z0-9!#$%&'*+.^_`~-]*$/;
const PARAM = /^:[A-Za-z_][A-Za-z0-9_]*$/;
const NCNAME = /^[\p{L}_][\p{L}\p{N}\p{M}._-]*$/u;
const MAX_SEGMENTS = 64; // Deeper paths than any seen; bounds the matcher's walk.

/** Reads a whole `match:`. */
export function readMatch(text: string): Read<Match> {
  const words = text.trim().split(/\s+/);
  const [first = '', second] = words;
  if (second === undefined) return bad('expected "METHOD /path", such as "GET /api/orders/:orderId"');
  return first === 'SOAP' ? readSoap(second, words.slice(2)) : readRest(first, second, words.length);
}

function readRest(methods: string, path: string, words: number): Read<Match> {
  if (words > 2) return bad('a path has no spaces: write them as %20');
  const segments = readPath(path);
  if (segments.kind === 'bad') return segments;
  if (methods === 'ANY') return ok({ kind: 'rest', methods: 'any', path: segments.value });
  const list = methods.split('|');
  const odd = list.find((method) => !METHOD.test(method));
  if (odd !== undefined) return bad(`"${odd}" is not a method: write GET, several as GET|HEAD, or ANY`);
  const alone = list.find((method) => method === 'ANY' || method === 'SOAP');
  if (alone !== undefined) return bad(`"${alone}" is not one method among several: it stands alone`);
  if (new Set(list).size !== list.length) return bad(`"${methods}" names a method twice`);
  return ok({ kind: 'rest', methods: list, path: segments.value });
}

function readSoap(path: string, names: readonly string[]): Read<Match> {
  const [name, ...more] = names;
  if (name === undefined || more.length > 0)
    return bad('expected "SOAP /path Operation" or "SOAP /path {namespace}Operation"');
  if (!path.startsWith('/') || /[?#*]|\/:/.test(path))
    return bad('the path of a SOAP service is literal and starts with "/"');
  const [, namespace = null, local = ''] = /^(?:\{([^{}]*)\})?(.*)$/.exec(name) ?? [];
  if (!NCNAME.test(local)) return bad(`"${local}" is not the name of an element`);
  return ok({ kind: 'soap', path, namespace, name: local });
}

/** Reads `/api/orders/:orderId` or `/files/*`. Literals may be percent-encoded, and match however the request encodes them. */
export function readPath(text: string): Read<readonly Segment[]> {
  if (!text.startsWith('/')) return bad(`a path starts with "/": "${text}"`);
  if (/[?#]/.test(text)) return bad('a path has no query and no fragment: a route takes every query');
  const parts = text.slice(1).split('/');
  if (parts.length > MAX_SEGMENTS) return bad(`a path has at most ${MAX_SEGMENTS} segments`);
  const segments: Segment[] = [];
  const names = new Set<string>();
  for (const [index, part] of parts.entries()) {
    const segment = readSegment(part, index === parts.length - 1);
    if (segment.kind === 'bad') return segment;
    if (segment.value.kind === 'param' && names.has(segment.value.name))
      return bad(`":${segment.value.name}" occurs twice`);
    if (segment.value.kind === 'param') names.add(segment.value.name);
    segments.push(segment.value);
  }
  return ok(segments);
}

function readSegment(part: string, last: boolean): Read<Segment> {
  if (part === '*') return last ? ok({ kind: 'rest' }) : bad('"*" stands only at the end of a path');
  if (part.startsWith(':')) {
    return PARAM.test(part)
      ? ok({ kind: 'param', name: part.slice(1) })
      : bad(`"${part}" is not a parameter: write ":name"`);
  }
  if (part.includes('*')) return bad(`"${part}": a "*" is a segment of its own`);
  const text = decoded(part);
  if (text === null) return bad(`"${part}" is not percent-encoded: a percent sign is written %25`);
  if (!text.isWellFormed()) return bad('a segment is not well-formed: it holds half of a character');
  if (text === '.' || text === '..') return bad('a path has no "." and ".." segments');
  return ok({ kind: 'literal', text });
}

/** Percent-decodes one segment. Returns null for what does not decode: it equals no literal. */
export function decoded(segment: string): string | null {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** Writes a match as it stands in `routing.yaml`. */
export function formatMatch(match: Match): string {
  if (match.kind === 'soap') {
    return `SOAP ${match.path} ${match.namespace === null ? '' : `{${match.namespace}}`}${match.name}`;
  }
  return `${match.methods === 'any' ? 'ANY' : match.methods.join('|')} ${formatPath(match.path)}`;
}

/** Writes a path pattern as it could stand in `routing.yaml`: {@link readPath} reads it back. */
export function formatPath(path: readonly Segment[]): string {
  return path
    .map((segment) => {
      if (segment.kind === 'rest') return '/*';
      return segment.kind === 'param' ? `/:${segment.name}` : `/${written(segment.text)}`;
    })
    .join('');
}

// What would read as something else than a character of the segment.
const SPECIAL = /[\s/?#%*]|^:/g;

const written = (text: string): string =>
  text.replace(SPECIAL, (found) => (found === '*' ? '%2A' : encodeURIComponent(found)));

// `:`, `@`, `$`, `&`, `+`, `,`, `;` and `=`: all that encodeURIComponent encodes and a segment may hold.
const PLAIN = /%(?:3A|40|24|26|2B|2C|3B|3D)/g;

/**
 * The path that `new: { path: … }` makes of a request's parameters. Parameters are put in as they came, percent-encoded, so
 * that a `/` inside one stays inside. Literals keep the characters that a segment may hold (RFC 3986, section 3.3), since
 * `orders:batch` and `orders%3Abatch` are not the same to every server.
 */
export function expand(path: readonly Segment[], params: ReadonlyMap<string, string>): string {
  return path
    .map((segment) => {
      if (segment.kind === 'literal') return `/${encodeURIComponent(segment.text).replace(PLAIN, decodeURIComponent)}`;
      return `/${params.get(segment.kind === 'param' ? segment.name : '*') ?? ''}`;
    })
    .join('');
}
