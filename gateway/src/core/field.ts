/**
 * Which header fields cross the facade, both ways. Fields stay in flat arrays of name and value (as node and undici have them),
 * in their order and spelling; each is looked at once.
 */

import type { Came } from './trust.ts';

/** Flat: name, value, name, value … */
export type Fields = readonly string[];

// RFC 9110, section 7.6.1: fields of one connection. `expect` is the connection's own business as well here: the facade
// answers 100-continue itself. Of `te` and `trailer` something goes on, below.
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'http2-settings',
]);

// What only the facade may say: what came is dropped, and the facade's are set (`trust.ts` has read what came).
const OURS: ReadonlySet<string> = new Set(['forwarded', 'x-real-ip', 'x-request-id', 'traceparent']);
const PREFIX = 'banyan-';
const FORWARDED = 'x-forwarded-';

/** Lower case, with `-` for `_`: to servers that put fields into variables `X_Real_Ip` and `X-Real-Ip` are one. */
function keyOf(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}

/** What the facade itself needs to know of a request's fields. */
export interface Seen {
  readonly host: string | null;
  readonly requestId: string | null;
  readonly traceparent: string | null;
  readonly contentLength: string | null;
  /** Whether there is a `Transfer-Encoding`: the body's length is not known. */
  readonly chunked: boolean;
  /** Whether a proxy in front, or somebody who would be taken for one, says whom it asks for. */
  readonly via: boolean;
  /** What of the framing and the host could be read in two ways: a sentence for the sender; null: nothing. */
  readonly flaw: string | null;
}

/** What the facade adds on the way to an upstream. `traceparent` and `requestId` are final. */
export interface Additions {
  readonly came: Came;
  readonly requestId: string;
  readonly traceparent: string;
  readonly set: readonly (readonly [name: string, value: string])[];
  /** Names in lower case that do not go on. */
  readonly drop: ReadonlySet<string>;
}

// Some have 15 digits, 900 TB; beyond 2^53 readers would begin to disagree.
const MAX_LENGTH_DIGITS = 15;

/** One pass over a request's fields. The first of several is taken. Most names are told apart by their length alone. */
export function see(fields: Fields): Seen {
  let host: string | null = null;
  let requestId: string | null = null;
  let traceparent: string | null = null;
  let contentLength: string | null = null;
  let chunked = false;
  let via = false;
  let flaw: string | null = null;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    switch (name.length) {
      case 4:
        if (name.toLowerCase() !== 'host') break;
        if (host === null) host = value;
        else flaw ??= 'A request names one Host.';
        break;
      case 9:
        if (name.toLowerCase() === 'forwarded') via = true;
        break;
      case 11:
        if (traceparent === null && name.toLowerCase() === 'traceparent') traceparent = value;
        break;
      case 12:
        if (requestId === null && name.toLowerCase() === 'x-request-id') requestId = value;
        break;
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (contentLength !== null || value.length > MAX_LENGTH_DIGITS || !DIGITS.test(value))
          flaw ??= 'A request has one Content-Length, a number.';
        contentLength ??= value;
        break;
      case 15:
      case 16:
        if (isForwarded(name)) via = true;
        break;
      case 17:
        if (isForwarded(name)) via = true;
        else if (name.toLowerCase() === 'transfer-encoding') {
          flaw ??= codingFlaw(value, chunked);
          chunked = true;
        }
        break;
      default:
    }
  }
  if (chunked && contentLength !== null) flaw ??= 'A body is chunked or has a length, never both.';
  return { host, requestId, traceparent, contentLength, chunked, via, flaw };
}

const DIGITS = /^\d+$/;

/** `Accept-Language` and `Accept-Encoding` are as long as the shortest of these: the first letter tells. */
function isForwarded(name: string): boolean {
  return (name.charCodeAt(0) | 32) === 120 && /^x-forwarded-(?:for|host|proto)$/i.test(name);
}

/** Another coding would go on under the name of chunked alone: codings are of one connection, and node undoes only that one. */
function codingFlaw(value: string, again: boolean): string | null {
  return !again && value.toLowerCase() === 'chunked' ? null : 'The only transfer coding that is taken is chunked.';
}

/** The names listed in `Connection` fields (RFC 9110, section 7.6.1), as `keyOf` has them; null when there are none worth a set. */
function listed(fields: Fields): ReadonlySet<string> | null {
  let names: Set<string> | null = null;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = fields[index + 1] ?? '';
    if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive') continue;
    names ??= new Set();
    for (const token of value.split(',')) names.add(keyOf(token.trim()));
  }
  return names;
}

// A sender cannot have its framing, its host or its credentials removed by naming them in Connection: that is a known attack.
const PROTECTED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'authorization',
  'cookie',
]);

function stays(name: string, dropped: ReadonlySet<string> | null): boolean {
  return (
    !HOP_BY_HOP.has(name) && !name.startsWith(PREFIX) && (dropped === null || !dropped.has(name) || PROTECTED.has(name))
  );
}

/** Whether a route may set a field of this name: not those that frame a message, and not the facade's own. */
export function settable(name: string): boolean {
  const key = keyOf(name);
  return !HOP_BY_HOP.has(key) && key !== 'content-length' && !key.startsWith(PREFIX);
}

function claimed(name: string): boolean {
  return OURS.has(name) || name.startsWith(FORWARDED);
}

/** A request's fields as they go to an upstream. */
export function onward(fields: Fields, seen: Seen, additions: Additions): string[] {
  const dropped = listed(fields);
  // W3C Trace Context, section 3.3: what a vendor says of a trace goes with that trace and no other.
  const restarted = seen.traceparent !== additions.traceparent;
  const out: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const key = keyOf(name);
    if (!stays(key, dropped) || claimed(key) || additions.drop.has(key)) {
      // What the facade passes on behind an answer may be sent to it (RFC 9110, section 10.1.4).
      if (key === 'te' && /\btrailers\b/i.test(fields[index + 1] ?? '')) out.push(name, 'trailers');
      continue;
    }
    if (restarted && key === 'tracestate') continue;
    // A second length, host or cookie to servers that make variables of fields, and to no other.
    if (PROTECTED.has(key) && name.includes('_')) continue;
    out.push(name, fields[index + 1] ?? '');
  }
  const { came } = additions;
  out.push('x-forwarded-for', came.chain, 'x-forwarded-proto', came.scheme, 'forwarded', came.forwarded);
  if (came.host !== null) out.push('x-forwarded-host', came.host);
  out.push('x-request-id', additions.requestId, 'traceparent', additions.traceparent);
  for (const [name, value] of additions.set) override(out, name, value);
  return out;
}

function override(out: string[], name: string, value: string): void {
  const key = keyOf(name);
  for (let index = out.length - 2; index >= 0; index -= 2) {
    if (keyOf(out[index] ?? '') === key) out.splice(index, 2);
  }
  out.push(name, value);
}

/**
 * An answer's fields as they go back to the caller, with the facade's own appended.
 * @param trailers whether trailers can follow, as an answer without a length may announce
 */
export function homeward(fields: Fields, own: Fields, trailers: boolean = false): string[] {
  const dropped = listed(fields);
  const out: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const key = keyOf(name);
    if (!stays(key, dropped) || key === 'x-request-id') {
      if (trailers && key === 'trailer' && !isSized(fields)) out.push(name, fields[index + 1] ?? '');
      continue;
    }
    out.push(name, fields[index + 1] ?? '');
  }
  for (const part of own) out.push(part);
  return out;
}

const isSized = (fields: Fields): boolean =>
  fields.some((part, index) => index % 2 === 0 && part.toLowerCase() === 'content-length');

/** An answer's trailers as they go back, in pairs: without those of one connection, and without what frames or routes. */
export function trailing(fields: Fields): [name: string, value: string][] {
  const out: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const key = keyOf(name);
    if (stays(key, null) && key !== 'content-length' && key !== 'host') out.push([name, fields[index + 1] ?? '']);
  }
  return out;
}

const REQUEST_ID = /^[A-Za-z0-9._~:/+=@-]{1,128}$/;

/** A caller's `x-request-id` when it is safe to log and pass on, else null. */
export function requestIdOf(seen: Seen): string | null {
  return seen.requestId !== null && REQUEST_ID.test(seen.requestId) ? seen.requestId : null;
}

// W3C Trace Context, section 3.2: version 00 has exactly these four parts, none of the ids all zeros, version ff is invalid.
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A caller's `traceparent` when it is valid, else null: the facade then starts a trace. */
export function traceOf(seen: Seen): string | null {
  return seen.traceparent !== null && TRACEPARENT.test(seen.traceparent) ? seen.traceparent : null;
}

const PRINTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What of the reason for a status can be written (RFC 9112, section 4): parsers of answers let more pass. */
export function printable(reason: string): string {
  return PRINTABLE.test(reason) ? reason : reason.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}
