import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problemOfRegex } from '@banyan/gateway/core/ambiguity';
import { compileRegex, finds, type Program } from '@banyan/gateway/core/automaton';
import { parseRegex, type Regex } from '@banyan/gateway/core/regex';

function read(text: string): Regex {
  const regex = parseRegex(text);
  if ('error' in regex) throw new Error(regex.error);
  return regex;
}

function program(text: string): Program {
  const compiled = compileRegex(read(text));
  if (compiled === null) throw new Error('too long');
  return compiled;
}

const MAX_STEPS = 50_000;

/** How many steps a plain backtracking matcher takes to find that `text` does not match; stops counting at MAX_STEPS. */
function steps(regex: Regex, text: string): number {
  let taken = 0;
  const walk = (node: Regex, at: number, then: (at: number) => boolean): boolean => {
    taken += 1;
    if (taken > MAX_STEPS) return true;
    if (node.kind === 'assert') return then(at);
    if (node.kind === 'alt') return node.options.some((option) => walk(option, at, then));
    if (node.kind === 'cat')
      return node.parts.reduceRight((after, part) => (here) => walk(part, here, after), then)(at);
    if (node.kind === 'set') {
      const code = text.charCodeAt(at);
      return node.ranges.some(([from, to]) => code >= from && code <= to) && then(at + 1);
    }
    const { body, min, max } = node;
    const round = (done: number, here: number): boolean =>
      ((max === null || done < max) &&
        walk(body, here, (next) => (next > here || done < min) && round(done + 1, next))) ||
      (done >= min && then(here));
    return round(0, at);
  };
  walk(regex, 0, () => false);
  return taken;
}

/** Patterns made of everything that is supported. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ alt: string; cat: string; part: string; atom: string }>((tie) => ({
  alt: fc.array(tie('cat'), { minLength: 1, maxLength: 3 }).map((options) => options.join('|')),
  cat: fc.array(tie('part'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
  part: fc.oneof(
    fc.constantFrom('^', '$', '\\b', '\\B'),
    fc
      .tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{1,2}', '{0,1}?', '{2,}', '{0}'))
      .map(([atom, count]) => atom + count),
  ),
  atom: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(
      'a',
      'b',
      '-',
      '.',
      '\\d',
      '\\w',
      '\\S',
      '[ab]',
      '[^a]',
      '[a-c\\d]',
      '[\\s-]',
      '\\.',
      '\\u{1F600}',
      'é',
      '\\x61',
    ),
    tie('alt').map((alt) => `(${alt})`),
    tie('alt').map((alt) => `(?:${alt})`),
  ),
})).alt;

const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '-', '1', ' ', '.', '\n', 'é', '😀', '_'),
  maxLength: 10,
});

describe('finding a pattern', () => {
  test('agrees with RegExp', () => {
    fc.assert(
      fc.property(pattern, text, (source, value) => {
        fc.pre(!source.includes('\\B') || !value.includes('😀')); // V8 finds \B within a pair of surrogates.
        expect(finds(program(source), value)).toBe(new RegExp(source, 'u').test(value));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['^[0-9a-f]{8}-[0-9a-f]{4}$', '0123abcd-ffff', true],
    ['^[0-9a-f]{8}-[0-9a-f]{4}$', '0123abcd-fff', false],
    ['^V-\\d{5}$', 'V-00017', true],
    ['^(\\d+\\.)+\\d+$', '10.0.0.1', true],
    ['ORD', 'an ORDER', true],
    ['^$', '', true],
    ['(?<year>\\d{4})', '2026', true],
    ['[\\b]', '\b', true],
  ])('%s in %j: %s', (source, value, expected) => {
    expect(finds(program(source), value)).toBe(expected);
  });

  // RegExp would take longer than the universe has lasted.
  test('takes time in proportion to the text, also where RegExp would not end', () => {
    expect(finds(program('^(a+)+$'), `${'a'.repeat(20_000)}b`)).toBe(false);
    expect(finds(program('(.*a){20}b'), 'a'.repeat(20_000))).toBe(false);
  });
});

describe('refusing what could take exponential time', () => {
  test.each([
    '(a+)+$',
    '(a*)*b',
    '^(a|a)*$',
    '(a|aa)+$',
    '(a|ab|b)*c',
    '([a-z]+)*\\d',
    '(\\w+\\s?)*$',
    '(.*)*x',
    '(x?x)*y'.replace('x?x', 'x?x?'),
    '((a?|b?)c)*d',
    '(a{1,3})*$',
    '(a{1,20}){1,20}$',
    '(a+){20}b',
    '(a*b?)*c',
    '^(\\d|[0-9])+$',
    '(?:a|[^b])*c',
    '(\\s*\\S*)*$',
    '([A-Z]+[A-Z0-9]*)+$',
    '(a|b|ab)*c',
  ])('%s', (source) => {
    expect(problemOfRegex(read(source))).toContain('exponential');
  });

  test.each([
    '^\\d+$',
    '^(\\d+\\.)+\\d+$',
    '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$',
    '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?Z?$',
    '^(a|b|c)*$',
    '^(GET|POST|PUT) /.*$',
    '^(ab*)*$',
    '\\s+\\S+\\s+',
    '^[^@]+@[^@]+$',
    '(foo|bar)+',
    'a{0,500}',
    '^.*,.*,.*$',
    '(a?b)*',
    '^(\\d{3},)*\\d{3}$',
  ])('but not %s', (source) => {
    expect(problemOfRegex(read(source))).toBeNull();
  });

  test('never accepts a repeat on which a backtracker’s steps multiply', () => {
    const piece = fc.constantFrom('a', 'b', 'ab', 'a?', 'b*', 'a+', '[ab]', '(a|b)', '(a|ab)', 'a{1,2}');
    const option = fc.array(piece, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(option, { minLength: 1, maxLength: 2 }), (options) => {
        const regex = read(`(${options.join('|')})*c`);
        if (problemOfRegex(regex) !== null) return;
        // On forty letters the steps that double would be 2^20 at least, and those that do not are hundreds.
        for (const word of ['a', 'b', 'ab', 'aab']) expect(steps(regex, word.repeat(40))).toBeLessThan(20_000);
      }),
      { numRuns: 1000 },
    );
  });

  test('a pattern too intricate to be proven safe is refused', () => {
    const source = `(${Array.from({ length: 240 }, () => '.').join('|')})`;
    expect(problemOfRegex(read(`${source}*`.slice(0, 499)))).not.toBeNull();
  });
});

describe('what is no pattern', () => {
  test.each([
    ['', 'an empty pattern'],
    ['(a', '"(" without ")"'],
    ['a)', '")" without "("'],
    ['[a', '"[" without "]"'],
    ['*a', '"*" with nothing before it'],
    ['a**', 'a repeat of a repeat'],
    ['^*', 'a repeat of a place'],
    ['a{2,1}', 'a count from 2 to 1'],
    ['a{501}', 'a count above 500'],
    ['a{x}', '"{" that begins no count'],
    ['[b-a]', 'a range that goes backwards'],
    ['[\\d-z]', 'a range between more than single characters'],
    ['(a)\\1', 'back-references are not supported'],
    ['(?=a)', 'look-around is not supported'],
    ['(?<!a)', 'look-around is not supported'],
    ['\\p{L}', 'property escapes are not supported'],
    ['\\q', '"\\q" is no escape'],
    ['a\\', '"\\" with nothing behind it'],
    ['(?i)a', 'an unknown kind of group'],
    ['('.repeat(40) + ')'.repeat(40), 'nested more than 32 deep'],
    ['a'.repeat(501), 'at most 500 characters'],
  ])('%s: %s', (source, message) => {
    const regex = parseRegex(source);
    expect('error' in regex && regex.error).toContain(message);
  });

  test('counts of counts do not make the compiler run away', () => {
    const regex = read('(((a{500}){500}){500}){500}');
    expect(compileRegex(regex)).toBeNull();
    expect(problemOfRegex(regex)).toContain('more than 500 places');
  });
});
