/**
 * Readers that forgive nothing: what a caller in the tests of hostile bytes takes for an answer, and an upstream for a request, is
 * one by RFC 9112 to the letter.
 */

/** One answer as it stood on the wire. */
export interface Told {
  readonly status: number;
  /** Lower-case names, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Whether the body came to its end. */
  readonly whole: boolean;
}

const LINE = /^HTTP\/1\.1 (\d{3}) [\t\x20-\x7e\x80-\xff]*$/;
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/**
 * Reads all of what came on one connection, which has ended.
 * @param methods of the requests sent, as far as known: a HEAD has no body
 * @throws Error at whatever is no answer
 */
export function answersIn(text: string, methods: readonly string[] = []): Told[] {
  const told: Told[] = [];
  let finals = 0;
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at);
    // Cut in its head.
    if (end === -1) {
      if (!/^HTTP\/1\.1 \d{3} /.test(text.slice(at)) && text.length - at > 12) throw wrong('no answer', text, at);
      return told;
    }
    const [line = '', ...lines] = text.slice(at, end).split('\r\n');
    const status = Number(LINE.exec(line)?.[1] ?? wrongly('no status line', text, at));
    const fields = lines.map((each): readonly [string, string] => {
      const found = FIELD.exec(each);
      if (found === null) throw wrong(`no field: ${JSON.stringify(each)}`, text, at);
      return [(found[1] ?? '').toLowerCase(), found[2] ?? ''];
    });
    const body = bodyOf(text, end + 4, { status, fields, method: methods[finals] ?? 'GET' });
    told.push({ status, fields, body: body.bytes, whole: body.whole });
    if (status >= 200) finals += 1;
    at = body.end;
  }
  return told;
}

interface Head {
  readonly status: number;
  readonly fields: Told['fields'];
  readonly method: string;
}

interface Part {
  readonly bytes: string;
  readonly end: number;
  readonly whole: boolean;
}

function bodyOf(text: string, from: number, { status, fields, method }: Head): Part {
  const all = (name: string): string[] => fields.filter(([own]) => own === name).map(([, value]) => value);
  const [length, ...lengths] = all('content-length');
  const [coding, ...codings] = all('transfer-encoding');
  if (lengths.length + codings.length > 0) throw wrong('framed twice', text, from);
  if (length !== undefined && coding !== undefined) throw wrong('framed in two ways', text, from);
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304)
    return { bytes: '', end: from, whole: true };
  if (coding !== undefined) {
    if (coding !== 'chunked') throw wrong(`coding ${coding}`, text, from);
    return chunksOf(text, from);
  }
  if (length === undefined) return { bytes: text.slice(from), end: text.length, whole: true };
  if (!/^\d+$/.test(length)) throw wrong(`length ${length}`, text, from);
  const bytes = text.slice(from, from + Number(length));
  return { bytes, end: from + bytes.length, whole: bytes.length === Number(length) };
}

function chunksOf(text: string, from: number): Part {
  let bytes = '';
  let at = from;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return { bytes, end: text.length, whole: false };
    const size = text.slice(at, line);
    if (!/^[0-9a-f]{1,8}$/i.test(size)) throw wrong(`chunk size ${JSON.stringify(size)}`, text, at);
    const length = Number.parseInt(size, 16);
    if (length === 0) {
      const end = /\r\n(?:[^\r\n]+\r\n)*\r\n/y;
      end.lastIndex = line;
      return end.test(text) ? { bytes, end: end.lastIndex, whole: true } : { bytes, end: text.length, whole: false };
    }
    bytes += text.slice(line + 2, line + 2 + length);
    at = line + 2 + length;
    if (at + 2 > text.length) return { bytes, end: text.length, whole: false };
    if (text.slice(at, at + 2) !== '\r\n') throw wrong('a chunk without an end', text, at);
    at += 2;
  }
}

function wrong(what: string, text: string, at: number): Error {
  return new Error(
    `${what} at ${at}: ${JSON.stringify(text.slice(at, at + 300))} in ${JSON.stringify(text.slice(0, 2_000))}`,
  );
}

function wrongly(what: string, text: string, at: number): never {
  throw wrong(what, text, at);
}

/** One request as it stood on the wire. */
export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  /** Whether its body came to its end. */
  readonly whole: boolean;
  /** How many characters of the text it took. */
  readonly length: number;
}

/**
 * Reads the first request of a text; what is there of it, where its head is; null when there is less.
 * @throws Error at whatever can be no request
 */
export function requestIn(text: string): Asked | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, method, target] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined || target === undefined) throw wrong('no request line', text, 0);
  const fields = lines.map((each): readonly [string, string] => {
    const found = FIELD.exec(each);
    if (found === null) throw wrong(`no field: ${JSON.stringify(each)}`, text, 0);
    return [(found[1] ?? '').toLowerCase(), found[2] ?? ''];
  });
  const hosts = fields.filter(([name]) => name === 'host');
  if (hosts.length !== 1) throw wrong(`${hosts.length} hosts`, text, 0);
  const framed = fields.some(([name]) => name === 'content-length' || name === 'transfer-encoding');
  if (!framed) return { method, target, body: '', whole: true, length: end + 4 };
  const body = bodyOf(text, end + 4, { status: 200, fields, method: 'GET' });
  return { method, target, body: body.bytes, whole: body.whole, length: body.end };
}
