import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExact } from '@banyan/new-order-ms/core/json';

describe('exact JSON', () => {
  test.each([
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9223372036825200000', 9223372036825200000n],
    ['9007199254740991', 9007199254740991],
    ['0', 0],
    ['-0', -0],
    ['1.5', 1.5],
    ['1e3', 1000],
    ['123456789012345678.5', 123456789012345680],
  ])('reads the number %s without losing what a bigint can hold', (text, expected) => {
    expect(parseExact(text)).toBe(expected);
  });

  test('a big integer anywhere in a document keeps its digits', () => {
    expect(parseExact(' { "a" : [ 1, {"b": 9007199254740993} ] , "c": "9007199254740993" } ')).toEqual({
      a: [1, { b: 9007199254740993n }],
      c: '9007199254740993',
    });
  });

  test('a member named __proto__ is a member', () => {
    const value = parseExact('{"__proto__": {"polluted": true}}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  test('agrees with JSON.parse on every document, but for the digits of big integers', () => {
    const rounded = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(JSON.stringify(parseExact(text), rounded)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('refuses every text that JSON.parse refuses', () => {
    const broken = [
      '',
      '{',
      '[1,]',
      '{"a":1,}',
      '01',
      '1.',
      '.5',
      '"\t"',
      '"\\x"',
      'tru',
      'nul',
      '[1 2]',
      '1 1',
      "{'a':1}",
      '"a',
      '-',
      '+1',
      'NaN',
    ];
    for (const text of broken) {
      expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
      expect(() => parseExact(text)).toThrow(SyntaxError);
    }
  });

  test('refuses a document that nests too deep instead of overflowing', () => {
    expect(() => parseExact('['.repeat(100_000))).toThrow('nests more than');
  });
});
