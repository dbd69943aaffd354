import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { read, type Reading } from './reading.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunked = (text: string, more: Parameters<typeof read>[1] = {}): Reading => read(HEAD + text, more);

describe('a chunked body', () => {
  test.each([
    ['of nothing', '0\r\n\r\n', '', []],
    ['of one', '2\r\nok\r\n0\r\n\r\n', 'ok', []],
    ['of several', '1\r\no\r\n1\r\nk\r\n0\r\n\r\n', 'ok', []],
    [
      'with sizes in capitals and small letters',
      `A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n`,
      '01234567890123456789a',
      [],
    ],
    ['with zeros before its sizes', '00002\r\nok\r\n000\r\n\r\n', 'ok', []],
    ['with extensions', '2;a;b=c;d="e\\"f"\r\nok\r\n0;x\r\n\r\n', 'ok', []],
    ['with blanks behind a size', '2 \t\r\nok\r\n0 \r\n\r\n', 'ok', []],
    ['with line ends in it', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n', []],
    ['with trailers', '2\r\nok\r\n0\r\nA: b\r\nC:d\r\n\r\n', 'ok', ['A', 'b', 'C', 'd']],
  ])('%s is read, however it is cut', (_what, text, body, trailers) => {
    for (const pieces of [[], [1], [2], [3, 1]])
      expect(chunked(text, { pieces })).toMatchObject({ kind: 'whole', body, trailers, kept: true });
  });

  test.each([
    ['no size', '\r\nok\r\n0\r\n\r\n'],
    ['a size that is none', 'zz\r\nok\r\n0\r\n\r\n'],
    ['a size below 0', '-2\r\nok\r\n0\r\n\r\n'],
    ['a size with a sign', '+2\r\nok\r\n0\r\n\r\n'],
    ['a size with a prefix', '0x2\r\nok\r\n0\r\n\r\n'],
    ['a blank before its size', ' 2\r\nok\r\n0\r\n\r\n'],
    ['a size beyond 2^52', '10000000000000\r\nok\r\n0\r\n\r\n'],
    ['a bare LF behind a size', '2\nok\r\n0\r\n\r\n'],
    ['a bare CR behind a size', '2\rok\r\n0\r\n\r\n'],
    ['a bare CR in an extension', '2;a\rb\r\nok\r\n0\r\n\r\n'],
    ['a NUL in an extension', '2;\0\r\nok\r\n0\r\n\r\n'],
    ['words behind a size without a semicolon', '2 a\r\nok\r\n0\r\n\r\n'],
    ['a bare LF behind a chunk', '2\r\nok\n0\r\n\r\n'],
    ['a chunk that is longer', '2\r\noks\r\n0\r\n\r\n'],
    ['a chunk that is shorter', '3\r\nok\r\n0\r\n\r\n'],
    ['a bare LF at its end', '2\r\nok\r\n0\r\n\n'],
    ['a trailer without a colon', '2\r\nok\r\n0\r\nA\r\n\r\n'],
    ['a folded trailer', '2\r\nok\r\n0\r\nA: b\r\n c\r\n\r\n'],
    ['a trailer with a bare LF', '2\r\nok\r\n0\r\nA: b\nC: d\r\n\r\n'],
    ['a trailer with a NUL', '2\r\nok\r\n0\r\nA: \0\r\n\r\n'],
  ])('with %s is refused, however it is cut', (_what, text) => {
    for (const pieces of [[], [1], [2], [3, 1]]) expect(chunked(text, { pieces })).toMatchObject({ kind: 'bad' });
  });

  test('that ends before its last chunk is cut, wherever it ends', () => {
    const text = '2;x\r\nok\r\n0\r\nA: b\r\n\r\n';
    for (let at = 0; at < text.length; at += 1)
      expect(chunked(text.slice(0, at))).toMatchObject({ kind: 'cut', body: 'ok'.slice(0, Math.max(0, at - 5)) });
  });

  test('comes out as it went in, whatever its chunks', () => {
    const part = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (parts, pieces) => {
          const latin = parts.map((bytes) => Buffer.from(bytes).toString('latin1'));
          const text = latin.map((bytes) => `${bytes.length.toString(16)}\r\n${bytes}\r\n`).join('');
          expect(chunked(`${text}0\r\n\r\n`, { pieces })).toMatchObject({ kind: 'whole', body: latin.join('') });
        },
      ),
    );
  });
});

describe('what is held of a chunked body has a limit:', () => {
  const most = 4_096;
  test('a line of a size', () => {
    const line = (length: number): string => `2;${'x'.repeat(length - 4)}\r\nok\r\n0\r\n\r\n`;
    for (const pieces of [[], [1], [1_000]]) {
      expect(chunked(line(most), { pieces })).toMatchObject({ kind: 'whole' });
      expect(chunked(line(most + 1), { pieces })).toMatchObject({ kind: 'bad' });
      expect(chunked(`2;${'x'.repeat(most)}`, { pieces })).toMatchObject({ kind: 'bad' });
    }
  });

  test('trailers, all of them', () => {
    const end = (count: number): string => `0\r\n${'A: bcd\r\n'.repeat(count)}\r\n`;
    for (const pieces of [[], [1], [1_000]]) {
      expect(chunked(end(100), { pieces, mostHead: 802 })).toMatchObject({ kind: 'whole' });
      expect(chunked(end(101), { pieces, mostHead: 802 })).toMatchObject({ kind: 'bad' });
    }
  });
});
