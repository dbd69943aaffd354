import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matches, parseAt, printPath, type AtPath, type Path, type Root, type Step } from '@banyan/gateway/core/path';

function at(text: string): AtPath {
  const parsed = parseAt(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed;
}

const path = (root: Root, ...steps: Step[]): Path => ({ root, steps });
const body = (...steps: Step[]): Path => path('$', ...steps);

describe('paths as differences show them', () => {
  test.each([
    [body(), '$'],
    [body('a', 0, 'odd name'), "$.a[0]['odd name']"],
    [body('content-type'), "$['content-type']"],
    [body('é', "it's"), "$.é['it\\'s']"],
    [body('a\\b', '\n', '\u0001'), "$['a\\\\b']['\\n']['\\u0001']"],
    [body('9lives', ''), "$['9lives']['']"],
    [body('line', 1), '$.line[1]'],
    [path('status'), 'status'],
    [path('headers', 'content-type'), "headers['content-type']"],
    [path('headers', 'location'), "headers['location']"],
    [path('cookies', 'sid'), "cookies['sid']"],
    [path('cookies', 'sid', 'HttpOnly'), "cookies['sid'].HttpOnly"],
  ])('%j is %s', (place, text) => {
    expect(printPath(place)).toBe(text);
  });

  test('are patterns of exactly the place that they name', () => {
    const step = fc.oneof(fc.nat(1000), fc.string({ unit: 'binary', maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), fc.array(step, { maxLength: 6 }), (steps, others) => {
        const pattern = at(printPath(body(...steps)));
        expect(matches(pattern, body(...steps), false)).toBe(true);
        expect(matches(pattern, body(...others), false)).toBe(JSON.stringify(steps) === JSON.stringify(others));
      }),
    );
  });
});

describe('patterns', () => {
  test.each([
    ['$', body(), true],
    ['$', body('a'), false],
    ['$..pickupDate', body('pickupDate'), true],
    ['$..pickupDate', body('items', 3, 'pickupDate'), true],
    ['$..pickupDate', body('items', 3, 'pickupDate', 'day'), false],
    ['$..pickupDate', body('pickupDates'), false],
    ['$.items[*].total', body('items', 12, 'total'), true],
    ['$.items[*].total', body('items', 'x', 'total'), true],
    ['$.items[*].total', body('items', 12, 'sub', 'total'), false],
    ['$.items.*', body('items', 0), true],
    ['$.*', body(), false],
    ["$.a[0]['odd name']", body('a', 0, 'odd name'), true],
    ['$["a"][0]["odd name"]', body('a', 0, 'odd name'), true],
    ["$['it\\'s']", body("it's"), true],
    ['$["\\u0041"]', body('A'), true],
    ["$['a','b'].c", body('b', 'c'), true],
    ['$[0,2]', body(1), false],
    ['$[ 0 , 2 ]', body(2), true],
    ['$.a[0]', body('a', '0'), false],
    ["$.a['0']", body('a', 0), false],
    ['$..*', body('a'), true],
    ['$..*', body('a', 'b', 1), true],
    ['$..*', body(), false],
    ['$..a..b', body('a', 'x', 'a', 'b'), true],
    ['$..a..b', body('b', 'x', 'a'), false],
    ["$..['a b']", body('x', 'a b'), true],
    ['$..[1]', body('x', 1), true],
    ['$.line[3]', body('line', 3), true],
    ['$.order.@id', body('order', '@id'), true],
    ['$.order.#text', body('order', '#text'), true],
    ['status', path('status'), true],
    ['status', body('status'), false],
    ["headers['Content-Type']", path('headers', 'content-type'), true],
    ['headers.location', path('headers', 'location'), true],
    ['headers[*]', path('headers', 'location'), true],
    ["cookies['sid'].httponly", path('cookies', 'sid', 'HttpOnly'), true],
    ["cookies['SID']", path('cookies', 'sid'), false],
    ['cookies[*].Secure', path('cookies', 'x', 'Secure'), true],
    ['  $.a ', body('a'), true],
  ])('%s and %j: %s', (text, place, expected) => {
    expect(matches(at(text), place, false)).toBe(expected);
  });

  test('reach below a place only when asked to', () => {
    expect(matches(at('$.a'), body('a', 'b', 0), true)).toBe(true);
    expect(matches(at('$.a'), body('a', 'b', 0), false)).toBe(false);
    expect(matches(at('$.a'), body('ab'), true)).toBe(false);
    expect(matches(at('$.a.b'), body('a'), true)).toBe(false);
    expect(matches(at('$..a'), body('x', 'a', 'y'), true)).toBe(true);
  });

  // A matcher that goes back would not end before the test's time is over.
  test('match alike however many descents they have, without going back', () => {
    const pattern = at(`$${'..a'.repeat(29)}`);
    const deep = body(...Array<Step>(500).fill('a'));
    for (let round = 0; round < 100; round += 1) expect(matches(pattern, body(...deep.steps, 'b'), false)).toBe(false);
    expect(matches(pattern, deep, false)).toBe(true);
  });

  test('match as a plain definition of RFC 9535 says', () => {
    const segment = fc.constantFrom('.a', '.b', '[*]', '[0]', '..a', '..*', '..[0]', "['a','b']");
    const step = fc.constantFrom<Step>('a', 'b', 0, 1);
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 4 }), fc.array(step, { maxLength: 6 }), (segments, steps) => {
        const regex = new RegExp(`^${segments.map(asRegex).join('')}$`);
        expect(matches(at(`$${segments.join('')}`), body(...steps), false)).toBe(regex.test(steps.join('')));
      }),
      { numRuns: 3000 },
    );
  });
});

function asRegex(segment: string): string {
  const descend = segment.startsWith('..') ? '.*' : '';
  const rest = segment.replace(/^\.{1,2}/, '');
  if (rest === '*' || rest === '[*]') return `${descend}.`;
  return `${descend}${rest === '[0]' ? '0' : rest.startsWith("['") ? '[ab]' : rest}`;
}

describe('what is no path', () => {
  test.each([
    ['', 'expected a path that begins with $, status, headers or cookies'],
    ['pickupDate', 'expected a path that begins with $, status, headers or cookies, not "pickupDate"'],
    ['$.', 'expected a name, "*" or "[", at character 3'],
    ['$pickup', 'expected ".", ".." or "[", at character 2'],
    ['$.odd-name', "a name with other characters is written in brackets: ['odd name'], at character 6"],
    ['$.a[', "expected an index, '*' or a quoted name, at character 5"],
    ['$.a[01]', "expected an index, '*' or a quoted name"],
    ['$.a[1', 'expected "]", at character 6'],
    ['$.a[-1]', 'indexes from the end are not supported'],
    ['$.a[1:2]', 'slices are not supported'],
    ['$.a[:2]', 'slices are not supported'],
    ['$.a[?@.b]', 'filters are not supported'],
    ["$['a", 'this quoted name does not end'],
    ["$['\\q']", 'this quoted name does not end, or has a bad escape'],
    ['status.code', 'nothing stands below "status"'],
    ['headers', "name one, as in headers['content-type']"],
    ["headers['a']['b']", 'nothing stands so deep in headers'],
    ['cookies', "name one, as in cookies['sid'].HttpOnly"],
    ["headers..['a']", '".." is for bodies'],
    [`$${'.a'.repeat(31)}`, 'a path has at most 30 steps'],
    [`$.${'a'.repeat(1000)}`, 'a path has at most 1000 characters'],
  ])('%s: %s', (text, message) => {
    const parsed = parseAt(text);
    expect('error' in parsed && parsed.error).toContain(message);
  });

  test('no text makes the reader throw', () => {
    const scraps = [
      '$',
      '.',
      '..',
      '[',
      ']',
      "'",
      '"',
      '\\',
      '*',
      ',',
      'a',
      '0',
      '-',
      ' ',
      ':',
      '?',
      '@',
      'headers',
      'status',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...scraps), { maxLength: 14 }), (parts) => {
        expect(parseAt(parts.join(''))).toBeTypeOf('object');
      }),
      { numRuns: 3000 },
    );
  });
});
