import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseGlob, select } from '@banyan/cdc/core/glob';
import { nearest } from '@banyan/cdc/core/nearest';

const matches = (pattern: string, schema: string, table: string): boolean =>
  parseGlob(pattern)?.matches({ schema, table }) ?? false;

test.each([
  ['public.orders', 'public', 'orders', true],
  ['public.orders', 'public', 'orders_archive', false],
  ['public.orders', 'Public', 'orders', false],
  ['public.*', 'public', 'orders', true],
  ['public.*', 'private', 'orders', false],
  ['*.orders', 'private', 'orders', true],
  ['public.order_?', 'public', 'order_1', true],
  ['public.order_?', 'public', 'order_', false],
  ['public.*_archive', 'public', 'orders_archive', true],
  ['public.a*b*c', 'public', 'aXbYbZc', true],
  ['public.a.b', 'public', 'a.b', true],
  ['public.(x|y)', 'public', 'x', false],
])('%s and %s.%s: %s', (pattern, schema, table, expected) => {
  expect(matches(pattern, schema, table)).toBe(expected);
});

test.each(['orders', '.orders', 'public.', ''])('"%s" names no schema and table', (text) => {
  expect(parseGlob(text)).toBeNull();
});

test('globs mean what the regular expression means', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(word, name, (pattern, table) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      expect(matches(`s.${pattern}`, 's', table)).toBe(expression.test(table));
    }),
    { numRuns: 1_000 },
  );
});

test('a pattern of many stars takes no time', () => {
  expect(matches(`s.${'a*'.repeat(40)}b`, 's', 'a'.repeat(60))).toBe(false);
});

test('tables are chosen in order of name, and a glob that chooses none is told', () => {
  const tables = [
    { schema: 'public', table: 'b' },
    { schema: 'public', table: 'a' },
    { schema: 'other', table: 'c' },
  ];
  const globs = ['public.*', 'public.typo'].map((text) => parseGlob(text)!);
  const { chosen, idle } = select(globs, tables);
  expect(chosen.map(({ table }) => table)).toEqual(['a', 'b']);
  expect(idle).toEqual(['public.typo']);
});

test.each([
  ['topicprefix', 'topicPrefix'],
  ['tabels', 'tables'],
  ['nonsense', null],
])('%s probably meant %s', (written, expected) => {
  expect(nearest(written, ['tables', 'topicPrefix', 'slot', 'sink'])).toBe(expected);
});
