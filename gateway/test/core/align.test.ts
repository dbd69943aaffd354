import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign } from '@banyan/gateway/core/assign';
import { compareTrees } from '@banyan/gateway/core/tree';
import { differences, never, rules, tree } from './made.ts';

const unordered = rules(['$', 'unordered']);
const byId = rules(['$', 'unordered by id']);

describe('a list whose order does not count', () => {
  test.each<[string, unknown, unknown, string[]]>([
    ['the same order', [1, 2], [1, 2], []],
    ['another order is declared', [1, 2], [2, 1], ['order $ (e0)']],
    ['one inserted element', [1, 2, 3], [9, 1, 2, 3], ['extra $[0] - -> 9']],
    ['one missing element', [1, 2, 3], [2, 3], ['missing $[0] 1 -> -']],
    ['missing and moved', [1, 2, 3], [3, 2], ['order $ (e0)', 'missing $[0] 1 -> -']],
    ['repeated elements are counted', [1, 1, 2], [1, 2, 2], ['changed $[1] 1 -> 2']],
    ['what has not moved is not said to have', [1, 1], [2, 1], ['changed $[0] 1 -> 2']],
    [
      'a changed member is told within its element',
      [
        { id: 1, a: 1, b: 1 },
        { id: 2, a: 2, b: 2 },
      ],
      [
        { id: 2, a: 2, b: 2 },
        { id: 1, a: 1, b: 9 },
      ],
      ['order $ (e0)', 'changed $[0].b 1 -> 9'],
    ],
    [
      'elements with more than two differences are one missing and one extra',
      [{ id: 1, a: 1, b: 1 }],
      [{ id: 2, a: 2, b: 2 }],
      ['missing $[0] {"id":1,"a":1,"b":1} -> -', 'extra $[0] - -> {"id":2,"a":2,"b":2}'],
    ],
    ['nested lists keep their order', [[1, 2], [3]], [[3], [2, 1]], ['order $ (e0)', 'order $[0]']],
  ])('%s', (_name, control, candidate, expected) => {
    expect(differences(control, candidate, unordered)).toEqual(expected);
  });

  test('differences that the ledger excuses do not drive elements apart', () => {
    const control = [1, 2, 3].map((id) => ({ id, day: `2026-03-0${id}`, total: id, name: `n${id}` }));
    const candidate = [3, 1, 2].map((id) => ({ id, day: `2026-03-0${id}T00:00Z`, total: `${id}.00`, name: `n${id}` }));
    const ledger = rules(['$', 'unordered'], ['$[*].day', 'same instant'], ['$[*].total', 'same number']);
    expect(differences(control, candidate, ledger).filter((one) => !one.includes('('))).toEqual([]);
    candidate.push({ id: 4, day: '', total: '', name: '' });
    expect(differences(control, candidate, ledger).filter((one) => !one.includes('('))).toEqual([
      'extra $[3] - -> {"id":4,"day":"","total":"","name":""}',
    ]);
  });

  test('equal elements part where a tolerance makes that the better way', () => {
    expect(differences([1, 2], [2, 3], rules(['$', 'unordered'], ['$[*]', 'number ± 1']))).toEqual([
      'changed $[0] 1 -> 2 (e1)',
      'changed $[1] 2 -> 3 (e1)',
    ]);
  });

  test('a list in another order whose elements differ as declared is one difference', () => {
    const control = [
      { id: 1, total: 5 },
      { id: 2, total: 6 },
    ];
    const candidate = [
      { id: 2, total: '6.00' },
      { id: 1, total: '5.00' },
    ];
    expect(differences(control, candidate, rules(['$[*].total', 'same number']))).toEqual([
      'order $',
      'changed $[0].total 5 -> "5.00" (e0)'.replace('changed', 'type'),
      'changed $[1].total 6 -> "6.00" (e0)'.replace('changed', 'type'),
    ]);
  });

  test('what else stands in a moved list keeps its declared differences', () => {
    const ledger = rules(['$[*].x', 'anything']);
    expect(differences([{ a: 1 }, { a: 2 }, { x: 1 }], [{ a: 2 }, { a: 1 }, { x: 2 }], ledger)).toEqual([
      'order $',
      'changed $[2].x 1 -> 2 (e0)',
    ]);
  });

  // Every way to pair the elements, and what each would report.
  test('leaves as few differences as any pairing could', () => {
    const element = fc.record({ a: fc.nat(2), b: fc.nat(2), c: fc.nat(1) }, { requiredKeys: ['a'] });
    const lists = fc.array(element, { maxLength: 5 });
    for (const ledger of [unordered, rules(['$', 'unordered'], ['$[*].b', 'number ± 1'])]) {
      fc.assert(
        fc.property(lists, lists, (control, candidate) => {
          const count = (one: unknown, other: unknown): number =>
            (compareTrees(tree([one]), tree([other]), { rules: ledger, base: 0, spent: never }) ?? []).filter(
              ({ excusedBy, path }) => excusedBy === null && path.steps.length > 0,
            ).length;
          const least = (at: number, left: readonly unknown[]): number => {
            if (at === control.length) return left.length;
            const alone = 1 + least(at + 1, left);
            return left.reduce<number>(
              (best, one, index) => Math.min(best, count(control[at], one) + least(at + 1, left.toSpliced(index, 1))),
              alone,
            );
          };
          const found = differences(control, candidate, ledger).filter((one) => !one.endsWith(')'));
          expect(found).toHaveLength(least(0, candidate));
        }),
        { numRuns: 300 },
      );
    }
  });

  test('long lists are paired in their order where they are not equal', () => {
    const control = Array.from({ length: 300 }, (_, index) => ({ a: index }));
    const candidate = control.map(({ a }) => ({ a: a + 1000 }));
    expect(differences(control, candidate, unordered)).toHaveLength(300);
  });
});

describe('a list matched by a key', () => {
  test.each<[string, unknown, unknown, string[]]>([
    ['another order is declared', [{ id: 1 }, { id: 2 }], [{ id: 2 }, { id: 1 }], ['order $ (e0)']],
    [
      'differences stand at the control’s index, however many',
      [{ id: 1, a: 1, b: 1, c: 1 }, { id: 2 }],
      [{ id: 2 }, { id: 1, a: 2, b: 2, c: 2 }],
      ['order $ (e0)', 'changed $[0].a 1 -> 2', 'changed $[0].b 1 -> 2', 'changed $[0].c 1 -> 2'],
    ],
    [
      'an extra element stands at the candidate’s index',
      [{ id: 1 }, { id: 2 }],
      [{ id: 9 }, { id: 1 }, { id: 2 }],
      ['extra $[0] - -> {"id":9}'],
    ],
    ['a missing element', [{ id: 1 }, { id: 2 }], [{ id: 2 }], ['missing $[0] {"id":1} -> -']],
    ['keys are equal by value', '[{"id":1.0}]', '[{"id":1}]', []],
    [
      'a key of another type is another key',
      [{ id: 1 }],
      [{ id: '1' }],
      ['missing $[0] {"id":1} -> -', 'extra $[0] - -> {"id":"1"}'],
    ],
    [
      'a repeated key is matched by order within its group',
      [{ id: 1, n: 'a' }, { id: 2 }, { id: 1, n: 'b' }],
      [{ id: 1, n: 'a' }, { id: 1, n: 'c' }, { id: 2 }],
      ['order $ (e0)', 'changed $[2].n "b" -> "c"'],
    ],
    ['elements without the key are a group too', [1, 2], [1, 3], ['changed $[1] 2 -> 3']],
  ])('%s', (_name, control, candidate, expected) => {
    expect(differences(control, candidate, byId)).toEqual(expected);
  });

  test('by several keys, and by one that stands deeper', () => {
    const control = [
      { v: { id: 1 }, n: 1 },
      { v: { id: 1 }, n: 2 },
    ];
    const candidate = [
      { v: { id: 1 }, n: 2 },
      { v: { id: 1 }, n: 1 },
    ];
    expect(differences(control, candidate, rules(['$', 'unordered by v.id, n']))).toEqual(['order $ (e0)']);
  });

  test('reaches the lists that it names and no others', () => {
    const ledger = rules(['$.items', 'unordered by id']);
    const control = {
      items: [
        { id: 1, tags: ['a', 'b'] },
        { id: 2, tags: [] },
      ],
    };
    const candidate = {
      items: [
        { id: 2, tags: [] },
        { id: 1, tags: ['b', 'a'] },
      ],
    };
    expect(differences(control, candidate, ledger)).toEqual(['order $.items (e0)', 'order $.items[0].tags']);
  });

  test('two hundred thousand elements are matched', () => {
    const list = (from: number): string =>
      `[${Array.from({ length: 200_000 }, (_, index) => `{"id":${(from + index) % 200_000}}`).join(',')}]`;
    expect(differences(list(0), list(77), byId)).toEqual(['order $ (e0)']);
  });
});

describe('assigning rows to columns', () => {
  test('is the cheapest of all ways', () => {
    const rectangle = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 2 })).chain(([rows, more]) =>
      fc.array(fc.array(fc.nat(9), { minLength: rows + more, maxLength: rows + more }), {
        minLength: rows,
        maxLength: rows,
      }),
    );
    fc.assert(
      fc.property(rectangle, (costs) => {
        const least = (row: number, taken: readonly number[]): number =>
          row === costs.length
            ? 0
            : Math.min(
                ...costs[row]!.flatMap((cost, column) =>
                  taken.includes(column) ? [] : [cost + least(row + 1, [...taken, column])],
                ),
              );
        const columns = assign(costs);
        expect(new Set(columns).size).toBe(costs.length);
        expect(columns.reduce((sum, column, row) => sum + costs[row]![column]!, 0)).toBe(least(0, []));
      }),
      { numRuns: 500 },
    );
  });
});
