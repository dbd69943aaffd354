/**
 * The head of an HTTP/1 answer, from text to data, and how its body ends (RFC 9112). Strict where RFC 9112 allows it to be: what two
 * readers could read in two ways is refused, because the other reader would be the caller's.
 */
import type { Fields } from '../field.ts';

export interface Head {
  readonly kind: 'head';
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  /** HTTP/1.0 or 1.1. */
  readonly minor: 0 | 1;
}

/** `because` is a sentence for the log. */
export interface Bad {
  readonly kind: 'bad';
  readonly because: string;
}

/** How a body ends: there is none; after so many bytes; with its last chunk; with its connection. */
export type Framing =
  /** `announced`: its fields speak of one, as those of an answer to HEAD do. */
  | { readonly kind: 'none'; readonly announced: boolean }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

const bad = (because: string): Bad => ({ kind: 'bad', because });

// RFC 9112, section 4: the reason may be missing, and by many servers its space is as well.
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// RFC 9110, section 5.5. A bare CR, LF or NUL is not in here.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SPACE = 32;
const TAB = 9;

/** @param text bytes as characters: all lines, each with its CRLF, without the empty one at the end */
export function readHead(text: string): Head | Bad {
  const end = text.indexOf('\r\n');
  const line = STATUS_LINE.exec(text.slice(0, end));
  if (line === null) return bad('the first line of the answer is no status line of HTTP/1');
  const fields = readFields(text, end + 2);
  if (!('length' in fields)) return fields;
  return { kind: 'head', status: Number(line[2]), reason: line[3] ?? '', fields, minor: line[1] === '0' ? 0 : 1 };
}

/** @param at where the first line begins */
export function readFields(text: string, at: number = 0): string[] | Bad {
  const fields: string[] = [];
  for (let start = at; start < text.length;) {
    const end = text.indexOf('\r\n', start);
    const colon = text.indexOf(':', start);
    if (end === -1 || colon === -1 || colon > end) return bad('a line of the answer is no field');
    const name = text.slice(start, colon);
    const value = trimmed(text, colon + 1, end);
    if (!TOKEN.test(name)) return bad('a field of the answer has no proper name');
    if (!VALUE.test(value)) return bad(`the answer's field ${name} has control characters`);
    if (isFraming(name) && text.slice(colon, end).includes('\t'))
      return bad('the length or the coding of the answer has a tab beside it');
    fields.push(name, value);
    start = end + 2;
  }
  return fields;
}

/** A tab beside such a value is blank space (RFC 9110, section 5.6.3); to parsers that people use it is a part of it, and the body another. */
const isFraming = (name: string): boolean =>
  (name.length === 14 && name.toLowerCase() === 'content-length') ||
  (name.length === 17 && name.toLowerCase() === 'transfer-encoding');

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

const NONE: Framing = { kind: 'none', announced: false };
// A server that sends it all the same sends what would be taken for the answer to the next request.
const ANNOUNCED: Framing = { kind: 'none', announced: true };
const CLOSE: Framing = { kind: 'close' };
const CHUNKED: Framing = { kind: 'chunked' };
// More digits than any body has bytes, and as many as a float holds.
const LENGTH = /^\d{1,15}$/;

/**
 * How the body of an answer ends (RFC 9112, section 6.3).
 * @param method of the request
 */
export function framingOf(method: string, { status, fields, minor }: Head): Framing | Bad {
  let length: string | null = null;
  let chunked = false;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (length !== null) return bad('the answer has two lengths');
      length = fields[index + 1] ?? '';
      if (!LENGTH.test(length)) return bad('the length of the answer is no number');
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (chunked || minor === 0 || fields[index + 1]?.toLowerCase() !== 'chunked')
        return bad('the answer has a transfer coding that is not chunked alone');
      chunked = true;
    }
  }
  if (chunked && length !== null) return bad('the answer is chunked and has a length');
  // What frames nothing here is passed on, and must not be read in two ways there.
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304)
    return chunked || (length !== null && Number(length) > 0) ? ANNOUNCED : NONE;
  if (chunked) return CHUNKED;
  return length === null ? CLOSE : { kind: 'length', bytes: Number(length) };
}

/** What an answer says of its connection. */
export interface Keeping {
  /** Whether another request may follow. */
  readonly kept: boolean;
  /** For how long the server keeps it without one, in seconds, as `Keep-Alive: timeout=5` says; null: not told. */
  readonly idleSeconds: number | null;
}

/** RFC 9112, section 9.3. */
export function keepingOf({ fields, minor }: Head): Keeping {
  let kept = minor === 1;
  let idleSeconds: number | null = null;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (name.length !== 10) continue;
    const lower = name.toLowerCase();
    if (lower === 'connection') {
      const value = (fields[index + 1] ?? '').toLowerCase();
      if (value === 'keep-alive') kept = true;
      else if (/(?:^|,)[\t ]*close[\t ]*(?:,|$)/.test(value)) return { kept: false, idleSeconds: null };
      else if (/(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/.test(value)) kept = true;
    } else if (lower === 'keep-alive') {
      const told = /(?:^|[\t ,])timeout=(\d{1,6})(?:[\t ,]|$)/i.exec(fields[index + 1] ?? '');
      if (told !== null) idleSeconds = Number(told[1]);
    }
  }
  return { kept, idleSeconds };
}
