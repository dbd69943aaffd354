/**
 * The REST request line of a bridge: `GET /api/orders/{orderId}?expand=items`. Read once at load, filled in for each call.
 *
 * What is filled in stays inside of its segment: everything that means something in a path is percent-encoded, and what would change
 * where the path leads (nothing, `.`, `..`, alone or between slashes that a lenient server might decode) is refused.
 */
import type { Wrong } from './pick.ts';

/** `{…}` stands for a value of the input, named by its path (`order.customerId`). */
export type Piece =
  { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'value'; readonly name: string };

export interface Target {
  readonly kind: 'target';
  readonly method: Method;
  /** Segments without their slashes, each of pieces that are put together. */
  readonly segments: readonly (readonly Piece[])[];
  /** As it was written behind the `?`; empty: nothing was. */
  readonly query: string;
}

export const METHODS = ['GET', 'HEAD', 'DELETE', 'POST', 'PUT', 'PATCH'] as const;
export type Method = (typeof METHODS)[number];

/** Whether what remains of the input goes to the query: these methods have no body (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.5). */
export function isBodiless(method: Method): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE';
}

// RFC 3986, section 3.3, pchar; and section 3.4 for the query.
const LITERAL = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;
const VALUE = /^[\p{L}_@#][\p{L}\p{N}\p{M}_-]*(?:\.[\p{L}_@#][\p{L}\p{N}\p{M}_-]*)*$/u;
const MAX_SEGMENTS = 64; // As in `match:`.

/** Reads `GET /api/orders/{orderId}`. */
export function parseTarget(text: string): Target | Wrong {
  const [, method = '', path] = /^([A-Z]+) (\S+)$/.exec(text) ?? [];
  if (path === undefined) return wrong('expected "METHOD /path", such as "GET /api/orders/{orderId}"');
  return targetOf(method, path);
}

/** Reads a method and a path template. */
export function targetOf(method: string, path: string): Target | Wrong {
  const known = METHODS.find((one) => one === method);
  if (known === undefined) return wrong(`"${method}" is not a method of a bridge: expected ${METHODS.join(', ')}`);
  if (!path.startsWith('/')) return wrong(`a path starts with "/": "${path}"`);
  if (path.includes('#')) return wrong('a path has no fragment');
  const mark = path.indexOf('?');
  const query = mark === -1 ? '' : path.slice(mark + 1);
  if (query.includes('{')) return wrong('values of the query stand under "query:", or go there by themselves');
  if (!QUERY.test(query)) return wrong(`"?${query}" is not a query: percent-encode what is none`);
  const parts = (mark === -1 ? path : path.slice(0, mark)).slice(1).split('/');
  if (parts.length > MAX_SEGMENTS) return wrong(`a path has at most ${MAX_SEGMENTS} segments`);
  const segments: (readonly Piece[])[] = [];
  for (const [index, part] of parts.entries()) {
    const segment = segmentOf(part, index === parts.length - 1);
    if ('kind' in segment) return segment;
    segments.push(segment);
  }
  return { kind: 'target', method: known, segments, query };
}

function segmentOf(part: string, last: boolean): readonly Piece[] | Wrong {
  if (part === '' && !last) return wrong('a path has no empty segments');
  if (part === '.' || part === '..') return wrong('a path has no "." and ".." segments');
  const pieces: Piece[] = [];
  for (const text of part.split(/(\{[^{}]*\})/)) {
    if (text === '') continue;
    if (text.startsWith('{') && text.endsWith('}')) {
      const name = text.slice(1, -1);
      if (!VALUE.test(name))
        return wrong(`"${text}" is not a value: write {orderId}, or {order.id} for one further down`);
      pieces.push({ kind: 'value', name });
    } else if (LITERAL.test(text)) pieces.push({ kind: 'literal', text });
    else return wrong(`"${text}" cannot stand in a path: percent-encode it, and write values as {orderId}`);
  }
  return pieces;
}

const wrong = (because: string): Wrong => ({ kind: 'wrong', because });

/** The names in braces, in order. */
export function namesIn({ segments }: Target): readonly string[] {
  return segments.flatMap((segment) => segment.flatMap((piece) => (piece.kind === 'value' ? [piece.name] : [])));
}

/** A path with its values, or the value that cannot stand in it. */
export type Expanded =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'refused'; readonly name: string; readonly because: string };

/** @param valueOf the text of a value by the name in braces; null: there is none */
export function expandTarget({ segments }: Target, valueOf: (name: string) => string | null): Expanded {
  let path = '';
  for (const segment of segments) {
    path += '/';
    for (const piece of segment) {
      if (piece.kind === 'literal') {
        path += piece.text;
        continue;
      }
      const value = valueOf(piece.name);
      const because = value === null ? 'it is missing' : flawOf(value);
      if (value === null || because !== null) return { kind: 'refused', name: piece.name, because: because ?? '' };
      path += encodeURIComponent(value);
    }
  }
  // `/a/{x}{y}` of two dots.
  const dots = /\/\.{1,2}(?:\/|$)/.test(path);
  return dots ? { kind: 'refused', name: '', because: 'the path would leave its place' } : { kind: 'path', path };
}

/** What is wrong with a value for a path; null: nothing. */
function flawOf(value: string): string | null {
  if (value === '') return 'it is empty';
  if (!value.isWellFormed()) return 'it holds half of a character';
  // A server that decodes %2F before it splits a path would walk up.
  return /(?:^|[/\\])\.{1,2}(?:[/\\]|$)/.test(value) ? 'it has a part that is "." or ".."' : null;
}

/** `name=value`, percent-encoded; both must be well-formed. */
export function parameter(name: string, value: string): string {
  return `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
}
