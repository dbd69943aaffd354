/**
 * Descriptions (WSDLs and schemas) on their way to a client: which requests ask for one, and the answer's bytes with addresses
 * and imports pointing to the facade. In whatever charset they come, all other bytes stay as they are.
 */
import { createHash } from 'node:crypto';
import { detect, type Charset } from '../core/soap/charset.ts';
import { parseMedia } from '../core/soap/media.ts';
import { plan, type Edit, type Place } from '../core/soap/rewrite.ts';
import { decode } from './decode.ts';

export interface RewriteOptions extends Omit<Place, 'target'> {
  /** The request's path and query. Default: the service's path. */
  readonly target?: string;
}

export type Rewritten =
  | {
      readonly kind: 'rewritten';
      readonly body: Buffer;
      /** A strong ETag of `body`, quotes included. */
      readonly etag: string;
      /** How many values were replaced. */
      readonly edits: number;
    }
  /** Not a document that can be read: passed on as it is. */
  | { readonly kind: 'unchanged'; readonly because: string };

/**
 * Whether a GET of `target` (path and query) asks for a description: `?wsdl`, `?singleWsdl`, `?xsd=…`, in any letters, also as
 * one parameter among others.
 */
export function isDescription(target: string): boolean {
  const bare = target.split('#')[0] ?? '';
  const mark = bare.indexOf('?');
  const query = mark === -1 ? '' : bare.slice(mark + 1);
  return query.split('&').some((parameter) => /^(?:wsdl|singlewsdl|xsd)$/i.test(parameter.split('=')[0] ?? ''));
}

/**
 * Whether `target` is a schema or WSDL beside a service's path or below (`/soap/types.xsd` of `/soap/OrderService`), as
 * relative imports of its description lead there.
 */
export function isBeside(target: string, servicePath: string): boolean {
  const path = target.split(/[?#]/)[0] ?? '';
  const folder = servicePath.slice(0, servicePath.lastIndexOf('/') + 1);
  return path.startsWith(folder) && /\.(?:xsd|wsdl)$/i.test(path);
}

/**
 * @param bytes the answer's body, its Content-Encoding undone
 * @param contentType the answer's Content-Type; null when it has none
 */
export function rewrite(bytes: Buffer, contentType: string | null, options: RewriteOptions): Rewritten {
  const declared =
    parseMedia(contentType ?? '')
      ?.parameters.get('charset')
      ?.trim() ?? '';
  const found = detect(bytes, declared === '' ? null : declared, true);
  if (found.kind !== 'charset') return { kind: 'unchanged', because: 'its charset is not known' };
  const text = decode(found.charset, bytes);
  if (text === null) return { kind: 'unchanged', because: `it is not in its charset ${found.charset}` };
  const place = {
    ...options,
    publicBase: options.publicBase.replace(/\/+$/, ''),
    target: options.target ?? options.servicePath,
  };
  const planned = plan(text, place);
  if (planned.kind === 'unreadable') return { kind: 'unchanged', because: planned.because };
  const body = apply({ bytes, text, charset: found.charset }, planned.edits);
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  return { kind: 'rewritten', body, etag, edits: planned.edits.length };
}

/** Cuts at bytes, so that what is kept is kept to the bit. */
function apply(document: { bytes: Buffer; text: string; charset: Charset }, edits: readonly Edit[]): Buffer {
  const { bytes, text, charset } = document;
  const pieces: Buffer[] = [];
  let characters = 0;
  let at = 0;
  for (const { start, end, text: value } of edits.toSorted((one, other) => one.start - other.start)) {
    const from = at + length(charset, text.slice(characters, start));
    pieces.push(bytes.subarray(at, from), encode(charset, value));
    at = from + length(charset, text.slice(start, end));
    characters = end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}

function length(charset: Charset, text: string): number {
  if (charset === 'utf-8') return Buffer.byteLength(text, 'utf8');
  return charset.startsWith('utf-16') ? text.length * 2 : text.length;
}

/** @param text ASCII */
function encode(charset: Charset, text: string): Buffer {
  if (charset === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (charset === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  return Buffer.from(text, 'latin1');
}
