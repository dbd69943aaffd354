/** The head of an HTTP/1.1 request, as text: what goes out is checked here, whoever has put it together. */
import type { Fields } from '../field.ts';

/** What follows the head. `length` and `chunked` are for bodies that come; `none` also stands for a body of no bytes. */
export type Sending =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  /** As long as its `Content-Length` says, chunked when it has none. */
  | { readonly kind: 'stream' };

export interface Asking {
  readonly method: string;
  readonly path: string;
  readonly fields: Fields;
  /** For a request without `Host`. */
  readonly authority: string;
  readonly sending: Sending;
}

export interface Written {
  readonly kind: 'written';
  /** Bytes as characters, the empty line included. */
  readonly text: string;
  /** How many bytes a streamed body has to have; null: it is chunked, or there is none. */
  readonly bytes: number | null;
  readonly chunked: boolean;
}

// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// RFC 9110, section 5.5: no CR, LF or NUL, whoever wrote it.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
// What callers send is passed on as it came (`%zz`, `[`, bytes above ASCII); a space or a control character would end it.
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const LENGTH = /^\d{1,15}$/;

/** What is said here and nowhere else: with a second word on framing the request could be read in two ways. */
const OWN: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Methods whose requests have a body by their nature: with none they say so (RFC 9110, section 8.6). */
const PAYLOAD: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/** @returns `because`: what of it cannot be sent */
export function writeRequest(asking: Asking): Written | { readonly kind: 'bad'; readonly because: string } {
  const { method, path, fields, authority, sending } = asking;
  if (!TOKEN.test(method)) return { kind: 'bad', because: 'the method is no token' };
  if (!TARGET.test(path)) return { kind: 'bad', because: 'the target has spaces or control characters' };
  let text = `${method} ${path} HTTP/1.1\r\n`;
  let hosted = false;
  let length: string | null = null;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    let value = fields[index + 1] ?? '';
    if (!TOKEN.test(name)) return { kind: 'bad', because: 'a field has no proper name' };
    if (!VALUE.test(value)) return { kind: 'bad', because: `the field ${name} has characters that no field may have` };
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (length !== null || !LENGTH.test(value)) return { kind: 'bad', because: 'the length is none' };
      if (sending.kind === 'length') value = String(sending.bytes);
      else value = sending.kind === 'none' ? '0' : String(Number(value));
      length = value;
    } else if (name.length === 4 && name.toLowerCase() === 'host') {
      if (hosted) return { kind: 'bad', because: 'there are two hosts' };
      hosted = true;
    } else if ((name.length === 10 || name.length === 17) && OWN.has(name.toLowerCase()))
      return { kind: 'bad', because: `the field ${name} is the connection's own` };
    text += `${name}: ${value}\r\n`;
  }
  if (!hosted) text += `host: ${authority}\r\n`;
  const chunked = sending.kind === 'stream' && length === null;
  if (chunked) text += 'transfer-encoding: chunked\r\n';
  else if (length === null && (sending.kind === 'length' || PAYLOAD.has(method)))
    text += `content-length: ${sending.kind === 'length' ? sending.bytes : 0}\r\n`;
  const bytes = sending.kind === 'stream' && length !== null ? Number(length) : null;
  // Servers of HTTP/1.0 need to be asked to keep a connection.
  return { kind: 'written', text: `${text}connection: keep-alive\r\n\r\n`, bytes, chunked };
}
