import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packHeaders, refusalOfText, unpackHeaders } from '@banyan/backbone/core/record';

describe('the text of a record', () => {
  test.each(['', 'plain', 'ü€😀', '\u0001', '\ufffd', '\ud83d\ude00'])('%j is kept', (text) => {
    expect(refusalOfText(text)).toBeNull();
  });

  test.each([
    ['0x00', 'a\0b', /0x00/],
    ['the first half of a pair alone', 'a\ud83d', /surrogate/],
    ['the second half of a pair alone', '\ude00', /surrogate/],
    ['the halves in the wrong order', '\ude00\ud83d', /surrogate/],
  ])('with %s is refused in words', (_name, text, words) => {
    expect(refusalOfText(text)).toMatch(words);
  });

  test('is refused exactly when it would not come back from UTF-8, or contains 0x00', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const comesBack = Buffer.from(text, 'utf8').toString('utf8') === text && !text.includes('\0');
        expect(refusalOfText(text) === null).toBe(comesBack);
      }),
    );
  });
});

test('headers come back in order, repeated keys and all', () => {
  const headers = fc.array(fc.record({ key: fc.string(), value: fc.string() }));
  fc.assert(
    fc.property(headers, (list) => {
      expect(unpackHeaders(packHeaders(list))).toEqual(list);
    }),
  );
  expect(packHeaders([])).toBeNull();
});
