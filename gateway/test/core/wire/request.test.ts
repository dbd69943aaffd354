import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeRequest, type Asking, type Sending } from '@banyan/gateway/core/wire/request';

const asking = (more: Partial<Asking> = {}): Asking => ({
  method: 'GET',
  path: '/a?b=c',
  fields: [],
  authority: 'upstream:80',
  sending: { kind: 'none' },
  ...more,
});
const length = (bytes: number): Sending => ({ kind: 'length', bytes });
const STREAM: Sending = { kind: 'stream' };
const lines = (more: Partial<Asking>): unknown => {
  const written = writeRequest(asking(more));
  return written.kind === 'bad' ? written.because : written.text.split('\r\n');
};
const END = ['connection: keep-alive', '', ''];

describe('a request is written', () => {
  test.each<[string, Partial<Asking>, readonly string[]]>([
    ['with the host of its upstream', {}, ['GET /a?b=c HTTP/1.1', 'host: upstream:80', ...END]],
    ['with its own host', { fields: ['Host', 'h'] }, ['GET /a?b=c HTTP/1.1', 'Host: h', ...END]],
    ['with an empty host that it has', { fields: ['HOST', ''] }, ['GET /a?b=c HTTP/1.1', 'HOST: ', ...END]],
    [
      'with its fields as they are',
      { fields: ['Host', 'h', 'X-a', '1', 'x-A', '\xff'] },
      ['GET /a?b=c HTTP/1.1', 'Host: h', 'X-a: 1', 'x-A: \xff', ...END],
    ],
    [
      'with a target as it came',
      { path: '/%zz[\xe5]?{|}' },
      ['GET /%zz[\xe5]?{|} HTTP/1.1', 'host: upstream:80', ...END],
    ],
    [
      'with the length of its body',
      { method: 'POST', fields: ['Host', 'h'], sending: length(5) },
      ['POST /a?b=c HTTP/1.1', 'Host: h', 'content-length: 5', ...END],
    ],
    [
      'with the length that its body has, not the one it said',
      { method: 'POST', fields: ['Host', 'h', 'Content-Length', '7'], sending: length(5) },
      ['POST /a?b=c HTTP/1.1', 'Host: h', 'Content-Length: 5', ...END],
    ],
    [
      'with a length of 0 where a body belongs',
      { method: 'POST', fields: ['Host', 'h'] },
      ['POST /a?b=c HTTP/1.1', 'Host: h', 'content-length: 0', ...END],
    ],
    [
      'without a length where none belongs',
      { method: 'DELETE', fields: ['Host', 'h'] },
      ['DELETE /a?b=c HTTP/1.1', 'Host: h', ...END],
    ],
    [
      'with no length of a body that it has not',
      { fields: ['Host', 'h', 'content-length', '9'] },
      ['GET /a?b=c HTTP/1.1', 'Host: h', 'content-length: 0', ...END],
    ],
    [
      'in chunks where its length is not known',
      { method: 'PUT', fields: ['Host', 'h'], sending: STREAM },
      ['PUT /a?b=c HTTP/1.1', 'Host: h', 'transfer-encoding: chunked', ...END],
    ],
    [
      'as long as it says',
      { method: 'PUT', fields: ['Host', 'h', 'content-length', '007'], sending: STREAM },
      ['PUT /a?b=c HTTP/1.1', 'Host: h', 'content-length: 7', ...END],
    ],
  ])('%s', (_what, more, expected) => {
    expect(lines(more)).toEqual(expected);
  });

  test('and says how its body is to be sent', () => {
    const of = (fields: readonly string[], sending: Sending): unknown => writeRequest(asking({ fields, sending }));
    expect(of([], STREAM)).toMatchObject({ bytes: null, chunked: true });
    expect(of(['content-length', '7'], STREAM)).toMatchObject({ bytes: 7, chunked: false });
    expect(of(['content-length', '7'], { kind: 'none' })).toMatchObject({ bytes: null, chunked: false });
  });
});

describe('a request is refused with', () => {
  test.each<[string, Partial<Asking>]>([
    ['a method of two words', { method: 'GET /x HTTP/1.1\r\n' }],
    ['no method', { method: '' }],
    ['a space in its target', { path: '/a b' }],
    ['a line end in its target', { path: '/a\r\nX: y' }],
    ['a NUL in its target', { path: '/a\0' }],
    ['a character beyond a byte in its target', { path: '/\u{20ac}' }],
    ['no target', { path: '' }],
    ['CRLF in a value', { fields: ['A', 'b\r\nC: d'] }],
    ['CR in a value', { fields: ['A', 'b\rc'] }],
    ['LF in a value', { fields: ['A', 'b\nc'] }],
    ['NUL in a value', { fields: ['A', 'b\0'] }],
    ['a character beyond a byte that ends in LF', { fields: ['A', 'b\u010a'] }],
    ['CRLF in a name', { fields: ['A\r\nB', 'c'] }],
    ['a colon in a name', { fields: ['A: b', 'c'] }],
    ['no name', { fields: ['', 'c'] }],
    ['two hosts', { fields: ['Host', 'a', 'hOST', 'a'] }],
    ['two lengths', { fields: ['Content-Length', '1', 'content-length', '1'] }],
    ['a length that is none', { fields: ['Content-Length', '1, 1'] }],
    ['an empty length', { fields: ['Content-Length', ''] }],
    ['a coding of its own', { fields: ['Transfer-Encoding', 'chunked'] }],
    ['a word on its connection', { fields: ['Connection', 'close'] }],
    ['a word on how long it is kept', { fields: ['keep-alive', 'timeout=5'] }],
  ])('%s', (_what, more) => {
    for (const sending of [{ kind: 'none' }, length(5), STREAM] as const)
      expect(writeRequest(asking({ ...more, sending }))).toMatchObject({ kind: 'bad' });
  });

  test('anything that would make two requests of it', () => {
    const any = fc.string({
      unit: fc.constantFrom('a', ':', ' ', '\r', '\n', '\0', '\t', '\x7f', '\u010d', '\u010a', 'Host'),
    });
    fc.assert(
      fc.property(any, any, any, any, (method, path, name, value) => {
        const written = writeRequest(asking({ method, path, fields: [name, value] }));
        if (written.kind === 'bad') return;
        // Made bytes as they are on the wire.
        const sent = Buffer.from(written.text, 'latin1').toString('latin1').split('\r\n');
        expect(sent).toHaveLength(name.toLowerCase() === 'host' ? 5 : 6);
        expect(sent.join('')).not.toMatch(/[\r\n\0]/);
        expect(sent[0]?.split(' ')).toHaveLength(3);
      }),
    );
  });
});
