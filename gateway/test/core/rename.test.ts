import { expect, test } from 'vitest';
import { differences, rules } from './made.ts';

test.each<[string, unknown, unknown, [string, string][], string[]]>([
  [
    'a member under another name',
    { a: 1, z: 0 },
    { b: 1, z: 0 },
    [['$.a', 'renamed to $.b']],
    ['missing $.a 1 -> - (e0)', 'extra $.b - -> 1 (e0)'],
  ],
  [
    'its value still counts, under the control’s path',
    { a: 1 },
    { b: 2 },
    [['$.a', 'renamed to $.b']],
    ['missing $.a 1 -> - (e0)', 'extra $.b - -> 2 (e0)', 'changed $.a 1 -> 2'],
  ],
  [
    'and may itself differ as declared',
    { day: '2026-03-01' },
    { pickup: { day: '2026-03-01T00:00Z' } },
    [
      ['$.day', 'renamed to $.pickup.day'],
      ['$.day', 'same instant'],
    ],
    [
      'missing $.day "2026-03-01" -> - (e0)',
      'extra $.pickup.day - -> "2026-03-01T00:00Z" (e0)',
      'changed $.day "2026-03-01" -> "2026-03-01T00:00Z" (e1)',
    ],
  ],
  [
    'into another parent, of which nothing is left',
    { a: { b: 1 } },
    { c: { d: { e: 1 } } },
    [['$.a.b', 'renamed to $.c.d.e']],
    ['missing $.a.b 1 -> - (e0)', 'extra $.c.d.e - -> 1 (e0)'],
  ],
  [
    'what else stands in that parent is still extra',
    { a: { b: 1 } },
    { c: { d: 1, e: 2 } },
    [['$.a.b', 'renamed to $.c.d']],
    ['missing $.a.b 1 -> - (e0)', 'extra $.c.d - -> 1 (e0)', 'extra $.c - -> {"e":2}'],
  ],
  [
    'a parent that the control has too stays',
    { a: 1, c: {} },
    { c: { d: 1 } },
    [['$.a', 'renamed to $.c.d']],
    ['missing $.a 1 -> - (e0)', 'extra $.c.d - -> 1 (e0)'],
  ],
  ['not when the control lacks it', { z: 0 }, { b: 1, z: 0 }, [['$.a', 'renamed to $.b']], ['extra $.b - -> 1']],
  ['not when the candidate has both', { a: 1 }, { a: 1, b: 1 }, [['$.a', 'renamed to $.b']], ['extra $.b - -> 1']],
  ['not when the candidate has neither', { a: 1 }, {}, [['$.a', 'renamed to $.b']], ['missing $.a 1 -> -']],
  [
    'in each element of a list, and only where the element has it',
    { items: [{ a: 1 }, {}] },
    { items: [{ b: 1 }, { b: 2 }] },
    [['$.items[*].a', 'renamed to $.items[*].b']],
    ['missing $.items[0].a 1 -> - (e0)', 'extra $.items[0].b - -> 1 (e0)', 'extra $.items[1].b - -> 2'],
  ],
  [
    'wherever it stands',
    { a: 1, deep: [{ a: 2 }] },
    { b: 1, deep: [{ b: 2 }] },
    [['$..a', 'renamed to $..b']],
    [
      'missing $.a 1 -> - (e0)',
      'extra $.b - -> 1 (e0)',
      'missing $.deep[0].a 2 -> - (e0)',
      'extra $.deep[0].b - -> 2 (e0)',
    ],
  ],
  [
    'also when lists are matched by the renamed key',
    [
      { id: 1, n: 'a' },
      { id: 2, n: 'b' },
    ],
    [
      { key: 2, n: 'b' },
      { key: 1, n: 'c' },
    ],
    [
      ['$', 'unordered by id'],
      ['$[*].id', 'renamed to $[*].key'],
    ],
    [
      'order $ (e0)',
      'missing $[0].id 1 -> - (e1)',
      'extra $[1].key - -> 1 (e1)',
      'changed $[0].n "a" -> "c"',
      'missing $[1].id 2 -> - (e1)',
      'extra $[0].key - -> 2 (e1)',
    ],
  ],
  [
    'names that were handed on',
    { a: 1, b: 2 },
    { b: 1, c: 2 },
    [
      ['$.b', 'renamed to $.c'],
      ['$.a', 'renamed to $.b'],
    ],
    ['missing $.a 1 -> - (e1)', 'extra $.b - -> 1 (e1)', 'missing $.b 2 -> - (e0)', 'extra $.c - -> 2 (e0)'],
  ],
  [
    'names that were exchanged',
    { a: 1, b: 2 },
    { b: 1, a: 3 },
    [
      ['$.b', 'renamed to $.a'],
      ['$.a', 'renamed to $.b'],
    ],
    [
      'missing $.a 1 -> - (e1)',
      'extra $.b - -> 1 (e1)',
      'missing $.b 2 -> - (e0)',
      'extra $.a - -> 3 (e0)',
      'changed $.b 2 -> 3',
    ],
  ],
])('%s', (...[, control, candidate, ledger, expected]) => {
  expect(differences(control, candidate, rules(...ledger))).toEqual(expected);
});

test.each<[string, unknown, unknown, [string, string][]]>([
  [
    'where its new parent is no object',
    [{ a: { n: 1 } }, { a: 5 }],
    [{ b: 1 }, { a: 5, b: 7 }],
    [['$[*].a.n', 'renamed to $[*].b']],
  ],
  [
    'where two names claim one place',
    { x: { y: 1 }, z: 1 },
    { a: 5, b: 7 },
    [
      ['$.x', 'renamed to $.a'],
      ['$.x.y', 'renamed to $.b'],
    ],
  ],
])('nothing gets lost %s', (_name, control, candidate, ledger) => {
  expect(
    differences(control, candidate, rules(...ledger)).some((one) => one.startsWith('extra') && one.includes('7')),
  ).toBe(true);
});

test('neither side’s tree is changed', () => {
  const [control, candidate] = ['{"a":{"x":1}}', '{"b":{"x":1},"l":[{"b":1}]}'];
  const ledger = rules(['$.a', 'renamed to $.b']);
  const once = differences(control, candidate, ledger);
  expect(differences(control, candidate, ledger)).toEqual(once);
});
