import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isList, isObject, type Json } from '@banyan/gateway/core/json';
import { MAX_DEPTH } from '@banyan/gateway/core/parse';
import { printPath, type Step } from '@banyan/gateway/core/path';
import { compareTrees } from '@banyan/gateway/core/tree';
import { differences, never, rules, tree } from './made.ts';

const options = { rules: rules(), base: 0, spent: never } as const;

describe('kinds of differences', () => {
  test.each<[string, unknown, unknown, string[]]>([
    ['nothing', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['the order of members does not count', '{"a":1,"b":2}', '{"b":2,"a":1}', []],
    ['equal numbers, however they are written', '[1.0, 1e2, -0]', '[1, 100, 0]', []],
    ['another value', { a: 1 }, { a: 2 }, ['changed $.a 1 -> 2']],
    [
      'numbers beyond 2^53',
      '[9007199254740993]',
      '[9007199254740992]',
      ['changed $[0] 9007199254740993 -> 9007199254740992'],
    ],
    ['strings by code unit', ['\u00e9'], ['e\u0301'], ['changed $[0] "\u00e9" -> "e\u0301"']],
    ['a missing member', { a: 1, b: 2 }, { a: 1 }, ['missing $.b 2 -> -']],
    ['an extra member', {}, { a: { b: 1 } }, ['extra $.a - -> {"b":1}']],
    ['a null is not nothing', { a: null }, {}, ['missing $.a null -> -']],
    ['another type', { a: 1 }, { a: '1' }, ['type $.a 1 -> "1"']],
    ['null is a type', { a: 1 }, { a: null }, ['type $.a 1 -> null']],
    ['a list is no object', { a: [] }, { a: {} }, ['type $.a [] -> {}']],
    ['the root', 1, 2, ['changed $ 1 -> 2']],
    ['a shorter list', [1, 2, 3, 4], [1, 2], ['missing $[2] 3 -> -', 'missing $[3] 4 -> -']],
    ['a longer list', [1], [1, 2, 3], ['extra $[1] - -> 2', 'extra $[2] - -> 3']],
    [
      'an inserted element, by index',
      [1, 2],
      [0, 1, 2],
      ['changed $[0] 1 -> 0', 'changed $[1] 2 -> 1', 'extra $[2] - -> 2'],
    ],
    ['the same elements in another order', { a: [1, 2, 3] }, { a: [3, 1, 2] }, ['order $.a']],
    ['the same objects in another order', [{ a: 1 }, { b: [2] }], [{ b: [2] }, { a: 1 }], ['order $']],
    [
      'another order and another element',
      [1, 2, 3],
      [2, 1, 4],
      ['changed $[0] 1 -> 2', 'changed $[1] 2 -> 1', 'changed $[2] 3 -> 4'],
    ],
    [
      'repeated elements are counted',
      [1, 1, 2],
      [2, 2, 1],
      ['changed $[0] 1 -> 2', 'changed $[1] 1 -> 2', 'changed $[2] 2 -> 1'],
    ],
    ['a nested list in another order', [[1, 2], [3]], [[2, 1], [3]], ['order $[0]']],
    ['order within order is told of the outer list', [[1], [2]], [[2], [1]], ['order $']],
    [
      'odd names',
      { 'odd name': { "it's": 1 } },
      { 'odd name': { "it's": 2 } },
      ["changed $['odd name']['it\\'s'] 1 -> 2"],
    ],
    ['__proto__ is a member', '{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}', ['changed $.__proto__.a 1 -> 2']],
    ['__proto__ is not there unless it is', '{}', '{"__proto__":1}', ['extra $.__proto__ - -> 1']],
  ])('%s', (_name, control, candidate, expected) => {
    expect(differences(control, candidate)).toEqual(expected);
  });
});

const json = (depth: number): fc.Arbitrary<Json> =>
  fc.jsonValue({ maxDepth: depth }).map((value) => tree(JSON.stringify(value)));

describe('for all trees', () => {
  test('a tree does not differ from itself', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(compareTrees(tree(text), tree(text), options)).toEqual([]);
      }),
    );
  });

  test('turning the sides turns the differences', () => {
    const turned = { missing: 'extra', extra: 'missing', changed: 'changed', type: 'type', order: 'order' } as const;
    fc.assert(
      fc.property(json(4), json(4), (one, other) => {
        const there = compareTrees(one, other, options) ?? [];
        const back = (compareTrees(other, one, options) ?? []).map((finding) => ({
          ...finding,
          kind: turned[finding.kind],
          control: finding.candidate,
          candidate: finding.control,
        }));
        const sorted = (list: readonly { path: { steps: readonly Step[] } }[]): unknown[] =>
          list.toSorted((a, b) => (JSON.stringify(a.path) < JSON.stringify(b.path) ? -1 : 1));
        expect(sorted(there)).toEqual(sorted(back));
      }),
    );
  });

  test('trees without a difference are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (one, other) => {
        const isSame = compareTrees(tree(JSON.stringify(one)), tree(JSON.stringify(other)), options)?.length === 0;
        const normal = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('-0', '0'));
        expect(isDeepStrictEqual(normal(one), normal(other))).toBe(isSame);
      }),
    );
  });

  test('one change anywhere is one difference, at its place', () => {
    fc.assert(
      fc.property(json(4), fc.nat(), fc.constantFrom('change', 'remove', 'add'), (root, at, how) => {
        const places = placesOf(root);
        const place = places[at % places.length] ?? [];
        const mutant = mutate(root, place, how);
        if (mutant === null) return;
        const found = compareTrees(root, mutant.root, options) ?? [];
        expect(found.map((finding) => [finding.kind, printPath(finding.path)])).toEqual([
          [mutant.kind, printPath({ root: '$', steps: mutant.steps })],
        ]);
      }),
      { numRuns: 2000 },
    );
  });
});

function placesOf(root: Json): (readonly Step[])[] {
  const entries: readonly (readonly [Step, Json])[] = isList(root)
    ? [...root.entries()]
    : isObject(root)
      ? [...root.entries()]
      : [];
  return [[], ...entries.flatMap(([key, child]) => placesOf(child).map((steps) => [key, ...steps]))];
}

const FRESH = '\u{1F332} a value that no generator makes';

interface Mutant {
  readonly root: Json;
  readonly kind: string;
  readonly steps: readonly Step[];
}

/** Null where such a change cannot be made at `steps`. */
function mutate(json: Json, steps: readonly Step[], how: string): Mutant | null {
  const [step, ...rest] = steps;
  if (step === undefined) {
    if (how === 'change') return { root: FRESH, kind: typeof json === 'string' ? 'changed' : 'type', steps: [] };
    if (how === 'add' && isObject(json)) return { root: new Map([...json, [FRESH, 1]]), kind: 'extra', steps: [FRESH] };
    if (how === 'add' && isList(json)) return { root: [...json, FRESH], kind: 'extra', steps: [json.length] };
    if (how === 'remove' && isList(json) && json.length > 0)
      return { root: json.slice(0, -1), kind: 'missing', steps: [json.length - 1] };
    return null;
  }
  if (isObject(json) && typeof step === 'string') {
    if (rest.length === 0 && how === 'remove') {
      const copy = new Map(json);
      copy.delete(step);
      return { root: copy, kind: 'missing', steps: [step] };
    }
    const inner = mutate(json.get(step) ?? null, rest, how);
    return inner && { root: new Map(json).set(step, inner.root), kind: inner.kind, steps: [step, ...inner.steps] };
  }
  if (!isList(json) || typeof step !== 'number') return null;
  const inner = mutate(json[step] ?? null, rest, how);
  return inner && { root: json.with(step, inner.root), kind: inner.kind, steps: [step, ...inner.steps] };
}

describe('limits', () => {
  test('the deepest trees that are read are compared without overflowing the stack', () => {
    const deep = (value: string): string => '[0,'.repeat(MAX_DEPTH - 1) + `[${value}]` + ']'.repeat(MAX_DEPTH - 1);
    expect(differences(deep('1'), deep('2'))).toHaveLength(1);
    const object = (value: string): string => '{"a":'.repeat(MAX_DEPTH) + value + '}'.repeat(MAX_DEPTH);
    expect(differences(object('1'), object('"1"'), rules(['$..b', 'renamed to $..c']))).toHaveLength(1);
  });

  test('time that is over ends a comparison of whatever shape', () => {
    let looks = 0;
    const spent = (): boolean => {
      looks += 1;
      return looks > 5;
    };
    const deep = (value: string): Json => tree('[0,'.repeat(400) + value + ']'.repeat(400));
    const everywhere = { rules: rules(['$..*', 'unordered'], ['$', 'unordered']), base: 0, spent } as const;
    expect(compareTrees(deep('1'), deep('2'), everywhere)).toBeNull();
    looks = 0;
    const wide = (value: number): Json => tree(Array.from({ length: 100_000 }, () => value));
    expect(compareTrees(wide(1), wide(2), { ...options, spent })).toBeNull();
  });
});
