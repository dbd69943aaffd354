import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArray, type Element } from '@banyan/cdc/core/array';
import { base64, bitBytes, hexBytes, integerBytes } from '@banyan/cdc/core/binary';
import { decimalJson, moneyJson } from '@banyan/cdc/core/decimal';
import { formatOf, textJson, type Modes, type TypeInfo, type Types } from '@banyan/cdc/core/value';

const modes: Modes = {
  decimal: 'string',
  binary: 'bytes',
  interval: 'numeric',
  unavailable: '__debezium_unavailable_value',
};

function type(oid: number, name: string, more: Partial<TypeInfo> = {}): [number, TypeInfo] {
  return [oid, { oid, name, kind: 'base', element: 0, delimiter: ',', base: 0, baseModifier: -1, ...more }];
}

const types: Types = new Map([
  type(1007, '_int4', { element: 23 }),
  type(1009, '_text', { element: 25 }),
  type(1231, '_numeric', { element: 1700 }),
  type(50_000, 'mood', { kind: 'enum' }),
  type(50_001, '_mood', { element: 50_000 }),
  type(50_002, 'cents', { kind: 'domain', base: 1700, baseModifier: 786_438 }),
  type(50_003, 'hstore'),
]);

function written(oid: number, text: string, modifier: number = -1, change: Partial<Modes> = {}): unknown {
  return JSON.parse(formatOf(oid, modifier, types, { ...modes, ...change }).write(text));
}

describe('bytes', () => {
  test('base64 is that of Node, for any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(base64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(hexBytes(`\\x${Buffer.from(bytes).toString('hex')}`)).toEqual(bytes);
      }),
    );
    const large = new Uint8Array(100_000).map((_, index) => index % 251);
    expect(base64(large)).toBe(Buffer.from(large).toString('base64'));
  });

  test('an integer is read back from its two’s complement, and has no byte too many', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), (value) => {
        const bytes = integerBytes(value);
        const read = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
        expect(read).toBe(value);
        const shorter = bytes.subarray(1);
        const fits = shorter.length > 0 && BigInt.asIntN(shorter.length * 8, value) === value;
        expect(fits).toBe(false);
      }),
    );
  });

  test('bits come with the least significant byte first', () => {
    expect([...bitBytes('10101010')]).toEqual([0xaa]);
    expect([...bitBytes('100000001')]).toEqual([0x01, 0x01]);
  });
});

describe('decimals', () => {
  test('precise ones hold scale and digits, trailing zeros too', () => {
    const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 12 }), (unscaled, scale) => {
        const text = asDecimal(unscaled, scale);
        const { scale: read, value } = JSON.parse(decimalJson('precise', null)(text)) as {
          scale: number;
          value: string;
        };
        expect(read).toBe(scale);
        expect(asInteger(value)).toBe(unscaled);
        expect(asInteger(JSON.parse(decimalJson('precise', scale)(text)) as string)).toBe(unscaled);
      }),
    );
  });

  test.each([
    ['string', '1.50', '"1.50"'],
    ['string', 'NaN', '"NaN"'],
    ['double', '1.50', '1.5'],
    ['double', 'Infinity', '"Infinity"'],
    ['precise', 'NaN', 'null'],
  ] as const)('%s: %s is %s', (mode, text, expected) => {
    expect(decimalJson(mode, null)(text)).toBe(expected);
  });

  test('money loses its sign and its commas', () => {
    expect(moneyJson('string')('-$1,234,567.80')).toBe('"-1234567.80"');
  });

  test('a scale left of the point', () => {
    expect(asInteger(JSON.parse(decimalJson('precise', -2)('12300')) as string)).toBe(123n);
  });
});

function asDecimal(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function asInteger(text: string): bigint {
  const bytes = Buffer.from(text, 'base64');
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

describe('arrays', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('NULL', '', ' ', '{', '"', '\\', ','),
    fc.constant(null),
  );
  const element: fc.Arbitrary<Element> = fc.oneof(leaf, fc.array(leaf, { minLength: 1, maxLength: 4 }));

  test('what Postgres would write is read back', () => {
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        expect(parseArray(literal(elements), ',')).toEqual(elements);
      }),
    );
  });

  test('bounds are left out, and other delimiters known', () => {
    expect(parseArray('[2:3]={1,2}', ',')).toEqual(['1', '2']);
    expect(parseArray('{(1,2),(0,0);(3,4),(1,1)}', ';')).toEqual(['(1,2),(0,0)', '(3,4),(1,1)']);
  });

  test.each(['', '{', '{1', '{"1}', '{1}x', '{1;2'])('%s is none', (text) => {
    expect(() => parseArray(text, ',')).toThrow('array');
  });

  test('of integers, of an enum with a NULL, of decimals, of two dimensions', () => {
    expect(written(1007, '{1,NULL,-3}')).toEqual([1, null, -3]);
    expect(written(50_001, '{sad,NULL}')).toEqual(['sad', null]);
    expect(written(1231, '{1.10,2.20}')).toEqual(['1.10', '2.20']);
    expect(written(1007, '{{1,2},{3,4}}')).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('one that was not sent keeps its type', () => {
    expect(formatOf(1009, -1, types, modes).unavailable).toBe('["__debezium_unavailable_value"]');
    expect(formatOf(1007, -1, types, { ...modes, unavailable: 'ab' }).unavailable).toBe('[97,98]');
  });
});

function literal(elements: readonly Element[]): string {
  const items = elements.map((element) => {
    if (element === null) return 'NULL';
    return typeof element === 'string' ? `"${element.replace(/["\\]/g, '\\$&')}"` : literal(element);
  });
  return `{${items.join(',')}}`;
}

describe('other types', () => {
  test('text is a JSON string, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }), (a, b) => {
        expect(JSON.parse(textJson(a + b))).toBe(a + b);
      }),
    );
  });

  test('integers beyond 2^53 stay bare and whole', () => {
    expect(formatOf(20, -1, types, modes).write('9223372036854775807')).toBe('9223372036854775807');
  });

  test('a domain is what it is a domain of, with its scale', () => {
    expect(asInteger(written(50_002, '12.34', -1, { decimal: 'precise' }) as string)).toBe(1234n);
  });

  test('an hstore is JSON in a string', () => {
    expect(written(50_003, '"a"=>"1", "b\\"c"=>NULL, "d"=>"x, y=>z"')).toBe('{"a":"1","b\\"c":null,"d":"x, y=>z"}');
  });

  test('a bit is a boolean, several are bytes', () => {
    expect(written(1560, '1', 1)).toBe(true);
    expect(written(1560, '10101010', 8)).toBe('qg==');
  });

  test.each([
    ['bytes', '+/8='],
    ['base64', '+/8='],
    ['base64-url-safe', '-_8='],
    ['hex', 'fbff'],
  ] as const)('bytea as %s', (binary, expected) => {
    expect(written(17, '\\xfbff', -1, { binary })).toBe(expected);
  });

  test('what is not known is text', () => {
    expect(written(99_999, '(1,"two")')).toBe('(1,"two")');
  });
});
