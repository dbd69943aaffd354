import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { framingOf, keepingOf, readFields, readHead, type Framing, type Head } from '@banyan/gateway/core/wire/head';

// RFC 9112, sections 4, 5, 6.3 and 9.3, line by line.

const head = (minor: 0 | 1, status: number, ...fields: string[]): Head => ({
  kind: 'head',
  status,
  reason: '',
  fields,
  minor,
});

describe('a status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK', 1],
    ['HTTP/1.0 404 Not Found', 404, 'Not Found', 0],
    ['HTTP/1.1 200', 200, '', 1],
    ['HTTP/1.1 200 ', 200, '', 1],
    ['HTTP/1.1 999 \xe5\t x', 999, '\xe5\t x', 1],
    ['HTTP/1.1 100 Continue', 100, 'Continue', 1],
  ] as const)('"%s" is read', (line, status, reason, minor) => {
    expect(readHead(`${line}\r\n`)).toEqual({ kind: 'head', status, reason, fields: [], minor });
  });

  test.each([
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/11 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 O\nK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\x7fK',
    ' HTTP/1.1 200 OK',
    'GET / HTTP/1.1',
    '',
  ])('%j is refused', (line) => {
    expect(readHead(`${line}\r\n`).kind).toBe('bad');
  });
});

describe('a field', () => {
  test.each([
    ['A: b', ['A', 'b']],
    ['A:b', ['A', 'b']],
    ['A:', ['A', '']],
    ['A: \t ', ['A', '']],
    ['A: \t b c\t ', ['A', 'b c']],
    ["!#$%&'*+.^_`|~0: :x", ["!#$%&'*+.^_`|~0", ':x']],
    ['A: \xff\x80', ['A', '\xff\x80']],
    ['__proto__: x', ['__proto__', 'x']],
  ])('"%s" is read', (line, fields) => {
    expect(readFields(`${line}\r\n`)).toEqual(fields);
  });

  test.each([
    ['no colon', 'A'],
    ['no name', ': b'],
    ['a space before the colon', 'A : b'],
    ['a tab before the colon', 'A\t: b'],
    ['a space before the name', ' A: b'],
    ['a name with a space', 'A B: c'],
    ['a name beyond ASCII', 'A\xe5: b'],
    ['a folded line', 'A: b\r\n c'],
    ['a folded line after a tab', 'A: b\r\n\tc: d'],
    ['a bare CR', 'A: b\rC: d'],
    ['a bare LF', 'A: b\nC: d'],
    ['a NUL', 'A: b\0'],
    ['DEL', 'A: b\x7f'],
    ['a control character', 'A: b\x01c'],
    ['an empty line within', 'A: b\r\n\r\nC: d'],
    ['a tab behind a length', 'Content-Length: 5\t'],
    ['a tab before a length', 'content-length:\t5'],
    ['a tab behind a coding', 'TRANSFER-ENCODING: chunked\t '],
    ['no end', 'A: b\r\nC: d\r'],
  ])('with %s is refused', (_what, line) => {
    expect(readFields(line.endsWith('\r') ? line : `${line}\r\n`)).toMatchObject({ kind: 'bad' });
  });

  test('comes back as it was written, in its order and spelling', () => {
    const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
    const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?)?$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (fields) => {
        const lines = fields.map(([own, what]) => `${own}: ${what}\r\n`).join('');
        expect(readFields(lines)).toEqual(fields.flat());
      }),
    );
  });
});

describe('the body of an answer (RFC 9112, 6.3)', () => {
  const none = (announced: boolean): Framing => ({ kind: 'none', announced });
  const length = (bytes: number): Framing => ({ kind: 'length', bytes });
  test.each<[string, string, Head, Framing]>([
    ['to HEAD is none, with a length', 'HEAD', head(1, 200, 'Content-Length', '5'), none(true)],
    ['to HEAD is none, with a length of 0', 'HEAD', head(1, 200, 'Content-Length', '0'), none(false)],
    ['to HEAD is none, with chunks', 'HEAD', head(1, 200, 'Transfer-Encoding', 'chunked'), none(true)],
    ['to HEAD is none, with neither', 'HEAD', head(1, 200), none(false)],
    ['with 204 is none', 'GET', head(1, 204), none(false)],
    ['with 204 and a length is none', 'GET', head(1, 204, 'content-length', '5'), none(true)],
    ['with 304 and a length is none', 'GET', head(1, 304, 'content-length', '5'), none(true)],
    ['with 304 and chunks is none', 'GET', head(1, 304, 'transfer-encoding', 'chunked'), none(true)],
    ['with 103 is none', 'GET', head(1, 103), none(false)],
    ['with chunks is chunked', 'GET', head(1, 200, 'tRANSFER-eNCODING', 'Chunked'), { kind: 'chunked' }],
    ['with a length is so long', 'POST', head(1, 200, 'CONTENT-LENGTH', '5'), length(5)],
    ['with a length of 0 is empty', 'GET', head(1, 200, 'Content-Length', '0'), length(0)],
    ['with zeros before its length', 'GET', head(1, 200, 'Content-Length', '007'), length(7)],
    ['with the longest length', 'GET', head(1, 200, 'Content-Length', '9'.repeat(15)), length(999_999_999_999_999)],
    ['of HTTP/1.0 with a length', 'GET', head(0, 200, 'Content-Length', '5'), length(5)],
    ['with neither ends with the connection', 'GET', head(1, 200), { kind: 'close' }],
    [
      'with neither, and kept, ends with it all the same',
      'GET',
      head(0, 200, 'Connection', 'keep-alive'),
      { kind: 'close' },
    ],
    ['with 205 is framed as any', 'GET', head(1, 205, 'Content-Length', '1'), length(1)],
  ])('%s', (_what, method, given, framing) => {
    expect(framingOf(method, given)).toEqual(framing);
  });

  const TE = 'Transfer-Encoding';
  const CL = 'Content-Length';
  test.each<[string, Head]>([
    ['two lengths', head(1, 200, CL, '5', CL, '5')],
    ['a list of lengths', head(1, 200, CL, '5, 5')],
    ['an empty length', head(1, 200, CL, '')],
    ['a length below 0', head(1, 200, CL, '-1')],
    ['a length with a sign', head(1, 200, CL, '+1')],
    ['a length in hexadecimal', head(1, 200, CL, '0x5')],
    ['a length with a point', head(1, 200, CL, '5.0')],
    ['a length with an exponent', head(1, 200, CL, '1e3')],
    ['a length beyond 2^53', head(1, 200, CL, '9007199254740993')],
    ['a length and chunks', head(1, 200, CL, '5', TE, 'chunked')],
    ['chunks and a length', head(1, 200, TE, 'chunked', CL, '5')],
    ['chunks twice', head(1, 200, TE, 'chunked', TE, 'chunked')],
    ['chunks in HTTP/1.0', head(0, 200, TE, 'chunked')],
    ['identity', head(1, 200, TE, 'identity')],
    ['gzip', head(1, 200, TE, 'gzip, chunked')],
    ['chunked with a parameter', head(1, 200, TE, 'chunked;q=1')],
    ['an empty coding', head(1, 200, TE, '')],
    ['two lengths to a 204', head(1, 204, CL, '5', CL, '6')],
    ['two lengths to a 103', head(1, 103, CL, '5', CL, '6')],
  ])('is refused with %s', (_what, given) => {
    for (const method of ['GET', 'HEAD']) expect(framingOf(method, given)).toMatchObject({ kind: 'bad' });
  });
});

describe('a connection (RFC 9112, 9.3)', () => {
  test.each<[string, Head, boolean, number | null]>([
    ['of HTTP/1.1 is kept', head(1, 200), true, null],
    ['of HTTP/1.0 is not', head(0, 200), false, null],
    ['of HTTP/1.0 is kept when it says so', head(0, 200, 'Connection', 'Keep-Alive'), true, null],
    ['that says close is not kept', head(1, 200, 'CONNECTION', 'Close'), false, null],
    ['that says close among others is not kept', head(1, 200, 'Connection', 'x ,\tclose , y'), false, null],
    ['that says both is not kept', head(1, 200, 'Connection', 'keep-alive, close'), false, null],
    [
      'that says both in two fields is not kept',
      head(1, 200, 'Connection', 'keep-alive', 'Connection', 'close'),
      false,
      null,
    ],
    [
      'that says close in its first field is not kept',
      head(1, 200, 'Connection', 'close', 'Connection', 'keep-alive'),
      false,
      null,
    ],
    ['that says something like close is kept', head(1, 200, 'Connection', 'closed, not-close, close2'), true, null],
    ['says how long', head(1, 200, 'Keep-Alive', 'timeout=5'), true, 5],
    ['says how long, among others', head(1, 200, 'keep-alive', 'max=100, TIMEOUT=60'), true, 60],
    ['says nothing with another word', head(1, 200, 'Keep-Alive', 'xtimeout=5'), true, null],
    ['says nothing with no number', head(1, 200, 'Keep-Alive', 'timeout=5s'), true, null],
    ['says nothing with too long a number', head(1, 200, 'Keep-Alive', 'timeout=99999999'), true, null],
  ])('%s', (_what, given, kept, idleSeconds) => {
    expect(keepingOf(given)).toEqual({ kept, idleSeconds });
  });
});
