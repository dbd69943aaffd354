import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digest, Exact, isList, isObject, numberText, print, sameScalar, type Json } from '@banyan/gateway/core/json';
import { MAX_DEPTH, parseJson } from '@banyan/gateway/core/parse';

function read(text: string): Json {
  const parsed = parseJson(text);
  if (parsed.kind !== 'parsed') throw new Error(`${parsed.kind}: ${parsed.because}`);
  return parsed.value;
}

/** What JSON.parse would have made of it; numbers as floats. */
function plain(json: Json): unknown {
  if (json instanceof Exact) return Number(json.text);
  if (isList(json)) return json.map(plain);
  if (!isObject(json)) return json;
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of json) object[key] = plain(value);
  return object;
}

function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value)) object[key] = normal(member);
  return object;
}

describe('what is JSON', () => {
  test('agrees with JSON.parse on every valid text', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        expect(normal(plain(read(text)))).toEqual(normal(JSON.parse(text)));
      }),
    );
  });

  // A repeated key is the one thing in which the reader is stricter.
  test('agrees with JSON.parse on what is no JSON, whatever a text is made of', () => {
    const scraps = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'true',
      'null',
      '1',
      '-',
      '.',
      'e',
      '0',
      ' ',
      '\n',
      '"a"',
      '\u0001',
      'u00e9',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...scraps), { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const parsed = parseJson(text);
        const isRepeat = parsed.kind === 'invalid' && parsed.because.includes('stands twice');
        fc.pre(!isRepeat); // The text ends there for the reader, whatever follows.
        expect(parsed.kind === 'parsed').toBe(valid);
      }),
      { numRuns: 3000 },
    );
  });

  test('agrees with JSON.parse on a valid text with one character changed', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('"', '}', ']', ',', '1', '\\', '\t', 'x', ''),
        (text, at, put) => {
          const place = at % text.length;
          const broken = text.slice(0, place) + put + text.slice(place + 1);
          let valid = true;
          try {
            JSON.parse(broken);
          } catch {
            valid = false;
          }
          const parsed = parseJson(broken);
          const isRepeat = parsed.kind === 'invalid' && parsed.because.includes('stands twice');
          fc.pre(!isRepeat); // The text ends there for the reader, whatever follows.
          expect(parsed.kind === 'parsed').toBe(valid);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['', 'not JSON: the text ends, at line 1, column 1'],
    ['[1,]', 'not JSON: unexpected "]", at line 1, column 4'],
    ['{"a":1,}', 'not JSON: unexpected "}", at line 1, column 8'],
    ['[1\n,\n 01]', 'not JSON: unexpected "1", at line 3, column 3'],
    ['{"a":1,"a":2}', 'not JSON: the key "a" stands twice, at line 1, column 8'],
    ['{"a":1,"\\u0061":2}', 'not JSON: the key "a" stands twice, at line 1, column 8'],
    ['"abc', 'not JSON: a string that does not end, at line 1, column 1'],
    ['"\t"', 'not JSON: a control character in a string, at line 1, column 2'],
    ['"\\x"', 'not JSON: an escape that is none, at line 1, column 2'],
    ['nul', 'not JSON: unexpected "n", at line 1, column 1'],
    ['NaN', 'not JSON: unexpected "N", at line 1, column 1'],
    ['[1] 2', 'not JSON: unexpected "2", at line 1, column 5'],
    ['[1}', 'not JSON: unexpected "}", at line 1, column 3'],
    ['[', 'not JSON: the text ends, at line 1, column 2'],
  ])('says what is wrong with %j, and where', (text, because) => {
    expect(parseJson(text)).toEqual({ kind: 'invalid', because });
  });

  test('skips one byte order mark, and no second one', () => {
    expect(read('\uFEFF[1]')).toEqual([1]);
    expect(parseJson('\uFEFF\uFEFF[1]').kind).toBe('invalid');
  });

  test('keeps half a pair of surrogates as the code unit that it is', () => {
    expect(read('"\\ud800"')).toBe('\uD800');
    expect(print(read('"\\ud800"'))).toBe('"\\ud800"');
  });

  test('keeps __proto__ and constructor as keys like any other', () => {
    const tree = read('{"__proto__":{"polluted":true},"constructor":1}');
    expect(isObject(tree) && [...tree.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('numbers', () => {
  test.each([
    ['1', '1.0'],
    ['1', '1e0'],
    ['1', '10e-1'],
    ['0', '-0'],
    ['0', '-0.000e99'],
    ['100', '1E+2'],
    ['0.5', '5e-1'],
    ['12.50', '12.5'],
    ['9007199254740993', '9007199254740993.0'],
    ['1e400', '10e399'],
    ['1e999999999999999999999', '1e+0999999999999999999999'],
  ])('%s equals %s', (one, other) => {
    expect(sameScalar(read(one), read(other))).toBe(true);
    expect(digest(read(one))).toBe(digest(read(other)));
  });

  test.each([
    ['9007199254740992', '9007199254740993'],
    ['0.1', '0.10000000000000000001'],
    ['1', '-1'],
    ['1', '"1"'],
    ['0', 'false'],
    ['0', 'null'],
    ['1e400', '1e401'],
    ['1e999999999999999999999', '1e999999999999999999998'],
  ])('%s does not equal %s', (one, other) => {
    expect(sameScalar(read(one), read(other))).toBe(false);
    expect(digest(read(one))).not.toBe(digest(read(other)));
  });

  test('are printed as they were written', () => {
    for (const text of ['1.0', '-0', '1E5', '123456789012345678901234567890', '0.10']) {
      expect(print(read(text))).toBe(text);
      expect(numberText(read(text))).toBe(text);
    }
  });
});

describe('printing', () => {
  test('gives back a text that reads as the same tree', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(digest(read(print(read(text))))).toBe(digest(read(text)));
      }),
    );
  });

  test('stops soon after the limit, also within a list of a million', () => {
    expect(print(Array<Json>(1_000_000).fill('ab'), 50).length).toBeLessThan(70);
    expect(print('x'.repeat(1_000_000), 50).length).toBeLessThan(70);
  });
});

describe('hostile texts', () => {
  const brackets = 5_000_000;

  test('ten megabytes of brackets are too deep, and do not overflow the stack', () => {
    expect(parseJson('['.repeat(brackets) + ']'.repeat(brackets))).toEqual({ kind: 'beyond', because: 'depth' });
    expect(parseJson('{"a":'.repeat(brackets / 5) + '1' + '}'.repeat(brackets / 5))).toEqual({
      kind: 'beyond',
      because: 'depth',
    });
  });

  test('ten megabytes of brackets that do not close are not JSON', () => {
    expect(parseJson('['.repeat(2 * brackets)).kind).toBe('invalid');
  });

  test('the deepest tree that is kept is kept whole', () => {
    const text = '['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH);
    expect(print(read(text))).toBe(text);
    expect(parseJson(`[${text}]`)).toEqual({ kind: 'beyond', because: 'depth' });
  });

  test('a million keys are read', () => {
    const text = `{${Array.from({ length: 1_000_000 }, (_, index) => `"key${index}":${index}`).join(',')}}`;
    const tree = read(text);
    expect(isObject(tree) && tree.size).toBe(1_000_000);
  });

  test('more values than can be kept are too many', () => {
    expect(parseJson(`[${'1,'.repeat(5_000_001)}1]`)).toEqual({ kind: 'beyond', because: 'size' });
  });

  test('time that is over ends the reading', () => {
    let looks = 0;
    const spent = (): boolean => {
      looks += 1;
      return looks > 3;
    };
    expect(parseJson(`[${'1,'.repeat(100_000)}1]`, spent)).toEqual({ kind: 'beyond', because: 'time' });
  });
});
