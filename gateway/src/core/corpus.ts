/**
 * A corpus of requests, as text: `.http` files as editors run them, and NDJSON. Reading is strict: a line that is not
 * understood is a problem with its line, never a request that says something else.
 *
 * In `.http` files: `### name` begins a request; then a request line (`GET /path`, perhaps with a version behind it; lines that
 * begin with white space and `?` or `&` go on with it), headers, a blank line, a body. `#` and `//` begin comments,
 * `@name = value` is a variable of the file, used as `{{name}}`. A path may be written as an address, of which the origin is
 * dropped: which side is asked is not the request's to say. `{{host}}` before a path may stay undefined.
 *
 * In NDJSON: an object a line, `{"name", "method", "path", "headers": {…} | [[name, value], …], "body"}`; all but `path` may
 * be left out.
 */
import { isList, isObject, type Json } from './json.ts';
import { parseJson } from './parse.ts';

/** One request of a corpus. */
export interface Exchange {
  readonly name: string;
  readonly method: string;
  /** Path and query as they go on the wire, beginning with "/": nothing is normalised or decoded. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null when there is none. */
  readonly body: string | null;
  /** From 1. */
  readonly line: number;
}

export interface CorpusProblem {
  readonly line: number;
  readonly message: string;
}

export interface Corpus {
  readonly requests: readonly Exchange[];
  readonly problems: readonly CorpusProblem[];
}

const METHOD = /^[A-Za-z][A-Za-z-]*$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:[ \t]*(.*)$/;
const VARIABLE = /^@([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)$/;
const COMMENT = /^\s*(?:#|\/\/)/;
const NAMED = /^\s*(?:#|\/\/)\s*@name\s+(.+)$/;

interface Line {
  readonly text: string;
  readonly number: number;
}

/** What a text of requests says wrong; never leaves this module. */
class Wrong extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a `.http` file. Never throws; requests that could be read are there whatever is wrong with others. */
export function parseHttp(text: string): Corpus {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, index) => ({ text: line, number: index + 1 }));
  const { values, problems } = variablesOf(lines);
  const requests: Exchange[] = [];
  const found = [...problems];
  for (const block of blocksOf(lines)) {
    try {
      const request = readBlock(block, values);
      if (request !== null) requests.push(request);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      found.push({ line: error.line, message: error.message });
    }
  }
  return { requests, problems: found };
}

interface Block {
  readonly name: string;
  readonly lines: readonly Line[];
}

function blocksOf(lines: readonly Line[]): readonly Block[] {
  const blocks: { name: string; lines: Line[] }[] = [{ name: '', lines: [] }];
  for (const line of lines) {
    const separator = /^###(.*)$/.exec(line.text);
    if (separator === null) blocks.at(-1)?.lines.push(line);
    else blocks.push({ name: (separator[1] ?? '').replace(/^#+/, '').trim(), lines: [] });
  }
  return blocks;
}

type Variables = ReadonlyMap<string, string>;

/** A file's variables hold in all of it; one may use those above it. */
function variablesOf(lines: readonly Line[]): { readonly values: Variables; readonly problems: CorpusProblem[] } {
  const values = new Map<string, string>();
  const problems: CorpusProblem[] = [];
  let inBody = false;
  let inRequest = false;
  for (const line of lines) {
    if (line.text.startsWith('###')) inBody = inRequest = false;
    const [, name, value = ''] = inBody || inRequest ? [] : (VARIABLE.exec(line.text) ?? []);
    if (name !== undefined) {
      try {
        values.set(name, filled({ text: value.trim(), number: line.number }, values));
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        problems.push({ line: error.line, message: error.message });
      }
    } else if (inRequest && line.text.trim() === '') inBody = true;
    else if (line.text.trim() !== '' && !COMMENT.test(line.text)) inRequest = true;
  }
  return { values, problems };
}

/** The line with its variables replaced. */
function filled({ text, number }: Line, values: Variables): string {
  return text.replace(/\{\{([^{}]*)\}\}/g, (_, written: string) => {
    const name = written.trim();
    const value = values.get(name);
    if (value !== undefined) return value;
    if (
      name === 'host' &&
      text
        .trimStart()
        .replace(/^[A-Z]+\s+/, '')
        .startsWith(`{{${written}}}/`)
    )
      return '';
    throw new Wrong(
      number,
      `the variable {{${name}}} is not defined: write "@${name} = value" above the first request`,
    );
  });
}

/** Null when the block holds no request. */
function readBlock(block: Block, values: Variables): Exchange | null {
  const { lines } = block;
  const start = lines.findIndex(({ text }) => text.trim() !== '' && !COMMENT.test(text) && !VARIABLE.test(text));
  const first = lines[start];
  if (first === undefined) return null;
  const named = lines.map(({ text }) => NAMED.exec(text)?.[1]?.trim()).find((name) => name !== undefined);
  let at = start + 1;
  let requestLine = filled(first, values);
  for (let next = lines[at]; next !== undefined && /^\s+[?&]/.test(next.text); next = lines[at]) {
    requestLine = `${requestLine.trimEnd()}${filled(next, values).trim()}`;
    at += 1;
  }
  const { method, target } = readRequestLine(requestLine, first.number);
  const headers: [string, string][] = [];
  for (let next = lines[at]; next !== undefined && next.text.trim() !== ''; next = lines[at]) {
    if (!COMMENT.test(next.text)) headers.push(readHeader(filled(next, values), next.number));
    at += 1;
  }
  const body = readBody(lines.slice(at + 1), values, method);
  const name = block.name !== '' ? block.name : (named ?? `${method} ${target}`);
  return { name, method, target, headers, body, line: first.number };
}

function readRequestLine(text: string, line: number): { readonly method: string; readonly target: string } {
  const words = text.trim().replace(/\s+HTTP\/\d(?:\.\d)?$/, '');
  const [first = ''] = words.split(/\s/, 1);
  const isBare = first.startsWith('/') || /^https?:\/\//i.test(first);
  const method = isBare ? 'GET' : first;
  const written = isBare ? words : words.slice(first.length).trim();
  if (!METHOD.test(method) || method !== method.toUpperCase())
    throw new Wrong(line, `expected a request line, such as "GET /api/orders/1", not "${text.trim()}"`);
  const target = readTarget(written);
  if (target === null) throw new Wrong(line, `expected a path that begins with "/" behind ${method}, not "${written}"`);
  return { method, target };
}

/** The path and query of a path or an address; null when it is neither. Characters that HTTP cannot carry are encoded as UTF-8. */
function readTarget(written: string): string | null {
  const local = written.replace(/^https?:\/\/[^/?#]*/i, '');
  const target = local === '' || local.startsWith('?') ? `/${local}` : local;
  if (written === '' || !target.startsWith('/')) return null;
  return target.replace(/[^\u0021-\u007E]+/gu, (run) => encodeURIComponent(run.toWellFormed()));
}

function readHeader(text: string, line: number): [string, string] {
  const [, name, value = ''] = HEADER.exec(text.trim()) ?? [];
  if (name === undefined) throw new Wrong(line, `expected a header, such as "accept: text/xml", not "${text.trim()}"`);
  return [name, value.trim()];
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

function readBody(lines: readonly Line[], values: Variables, method: string): string | null {
  // What editors put behind a request that has no body are notes.
  if (READS.has(method) && lines.every(({ text }) => text.trim() === '' || COMMENT.test(text))) return null;
  for (const { text, number } of lines) {
    if (/^(?:<@?\s|>\s)/.test(text))
      throw new Wrong(number, `files and scripts ("${text.trim()}") are not supported: write the body here`);
  }
  const body = lines
    .map((line) => filled(line, values))
    .join('\n')
    .trimEnd();
  return body === '' ? null : body;
}

/** Reads NDJSON. Never throws; blank lines do not count. */
export function parseNdjson(text: string): Corpus {
  const requests: Exchange[] = [];
  const problems: CorpusProblem[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const read = readObject(line, index + 1);
    if (typeof read === 'string') problems.push({ line: index + 1, message: read });
    else requests.push(read);
  }
  return { requests, problems };
}

const KEYS = ['name', 'method', 'path', 'headers', 'body'];

/** A sentence when the line is no request. */
function readObject(text: string, line: number): Exchange | string {
  const parsed = parseJson(text);
  if (parsed.kind !== 'parsed') return parsed.kind === 'invalid' ? parsed.because : 'too deep or too long';
  const { value } = parsed;
  if (!isObject(value)) return 'expected an object, such as {"path": "/api/orders/1"}';
  const odd = [...value.keys()].find((key) => !KEYS.includes(key));
  if (odd !== undefined) return `unknown key "${odd}": expected ${KEYS.join(', ')}`;
  const path = value.get('path');
  const target = typeof path === 'string' ? readTarget(path) : null;
  if (target === null) return '"path" must be a string that begins with "/"';
  const method = value.get('method') ?? 'GET';
  if (typeof method !== 'string' || !METHOD.test(method)) return '"method" must be a method, such as "GET"';
  const name = value.get('name') ?? `${method} ${target}`;
  const body = value.get('body') ?? null;
  const headers = readHeaders(value.get('headers') ?? []);
  if (typeof name !== 'string') return '"name" must be a string';
  if (body !== null && typeof body !== 'string') return '"body" must be a string';
  if (headers === null) return '"headers" must be an object of strings, or a list of pairs of a name and a value';
  return { name, method, target, headers, body, line };
}

/** Null when they are none. */
function readHeaders(json: Json): readonly (readonly [string, string])[] | null {
  const pairs = isObject(json) ? [...json] : isList(json) ? json.map((pair) => (isList(pair) ? pair : [])) : null;
  if (pairs === null) return null;
  const headers: [string, string][] = [];
  for (const [name, value, ...more] of pairs) {
    if (typeof name !== 'string' || typeof value !== 'string' || more.length > 0) return null;
    if (!HEADER.test(`${name}: ${value}`) || /[\r\n\0]/.test(value)) return null;
    headers.push([name, value]);
  }
  return headers;
}
