import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utcOf, utcOfAny } from '@banyan/gateway/core/instant';
import { Exact } from '@banyan/gateway/core/json';
import { escapedText, escapedValue, isTemporal, spaced } from '@banyan/gateway/core/soap/lexical';
import { NO_FACETS } from '@banyan/gateway/core/soap/simple';
import type { BuiltIn, Simple } from '@banyan/gateway/core/soap/type';
import { valueOf } from '@banyan/gateway/core/soap/value';
import { conversionOf } from '@banyan/gateway/core/soap/words';

// Each of these has a short way for what is usual, and a long one for everything. The long one is the oracle.

const digits = (most: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(2, '0'));

/** Times and what looks like them: each part may be out of its bounds, and one character may be another. */
const times = fc
  .record({
    year: fc.oneof(fc.constantFrom('0000', '0001', '9999'), fc.integer({ min: 1000, max: 2999 }).map(String)),
    month: digits(13),
    day: digits(32),
    clock: fc.tuple(digits(24), digits(60), digits(61)).map((parts) => parts.join(':')),
    fraction: fc.constantFrom('', '', '.0', '.120', '.', '.123456789000', `.${'1'.repeat(30)}`),
    zone: fc.constantFrom('', 'Z', 'Z', 'z', '+00:00', '-01:30', 'ZZ', ' '),
    flaw: fc.option(fc.tuple(fc.nat(20), fc.constantFrom('x', '.', ' ', ':', '-', '+')), { freq: 8 }),
  })
  .map(({ year, month, day, clock, fraction, zone, flaw }) => {
    const text = `${year}-${month}-${day}T${clock}${fraction}${zone}`;
    return flaw === null ? text : text.slice(0, flaw[0]) + flaw[1] + text.slice(flaw[0] + 1);
  });

describe('a time of the usual form', () => {
  test('is put into UTC as any other is', () => {
    fc.assert(
      fc.property(times, fc.constantFrom('instant', 'minute'), (text, grain) => {
        expect(utcOf(text, grain)).toBe(utcOfAny(text, grain));
      }),
      { numRuns: 3_000 },
    );
  });

  test('is one exactly when it is with its zone written in digits', () => {
    fc.assert(
      fc.property(times, (text) => {
        const other = text.endsWith('Z') ? `${text.slice(0, -1)}+00:00` : `${text}+00:00`;
        const zoned = /[+-]\d\d:\d\d$/.test(text);
        expect(isTemporal('dateTime', text)).toBe(isTemporal('dateTime', zoned ? text : other));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a text of usual characters', () => {
  const units = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...'aZ09 .-éß€'.split('')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...'&<>"\t\n\r\u0000\u0008\u001f\u007f\u00a0\ud7ff\ue000\ufffd\ufffe\uffff\ud800\udc00'.split(''),
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('  ', '\u{1f69a}') },
  );
  // As short as what is read in a loop, and longer.
  const texts = fc
    .oneof(fc.array(units, { maxLength: 12 }), fc.array(units, { minLength: 60, maxLength: 80 }))
    .map((all) => all.join(''));
  const long = 'x'.repeat(65);

  test('is escaped as it is within a long one', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const within = escapedText(text + long);
        expect(escapedText(text)).toBe(within === null ? null : within.slice(0, -long.length));
        const value = escapedValue(text + long);
        expect(escapedValue(text)).toBe(value === null ? null : value.slice(0, -long.length));
      }),
      { numRuns: 3_000 },
    );
  });

  test('is collapsed as the words of it are', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const words = text.split(/[ \t\n\r]+/).filter((word) => word !== '');
        expect(spaced.collapse(text)).toBe(words.join(' '));
      }),
      { numRuns: 3_000 },
    );
  });

  test('has what is illegal replaced as it is within a long one', () => {
    const legal = conversionOf('replace illegal', simple('string'));
    if (legal.kind !== 'conversion') throw new Error(legal.because);
    fc.assert(
      fc.property(texts, (text) => {
        expect(`${legal.fromRest(text) as string}${long}`).toBe(legal.fromRest(text + long));
      }),
      { numRuns: 3_000 },
    );
  });
});

const simple = (base: BuiltIn): Simple => ({ kind: 'simple', name: null, variety: 'atomic', base, facets: NO_FACETS });

test('a safe integer is written as its digits are', () => {
  const bases = [
    'decimal',
    'integer',
    'long',
    'int',
    'short',
    'byte',
    'unsignedLong',
    'unsignedInt',
    'unsignedByte',
  ] as const;
  const signed = ['positiveInteger', 'negativeInteger', 'nonNegativeInteger', 'nonPositiveInteger'] as const;
  const edges = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    256,
    32_767,
    32_768,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
  ];
  const numbers = fc.oneof(fc.constantFrom(...edges, 2 ** 32, 2 ** 32 - 1), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.constantFrom<BuiltIn>(...bases, ...signed), numbers, (base, number) => {
      const value = valueOf(simple(base));
      const own = number === 0 ? 0 : number;
      const written = value.write(own, () => '');
      expect(written).toEqual(value.write(new Exact(String(own)), () => ''));
    }),
    { numRuns: 3_000 },
  );
});
