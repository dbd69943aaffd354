import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  labelsOf,
  lasting,
  merge,
  shared,
  textOf,
  type Across,
  type Family,
  type Sample,
} from '@banyan/gateway/core/family';

const family = (across: Across, samples: readonly Sample[], type: Family['type'] = 'gauge'): Family => ({
  name: 'a',
  help: 'What it counts.',
  type,
  across,
  samples,
});

describe('the figures of several processes', () => {
  test.each([
    ['sum', 7],
    ['max', 5],
    ['min', 2],
  ] as const)('become one by %s', (across, expected) => {
    const merged = merge([[family(across, [['a', '', 2]])], [family(across, [['a', '', 5]])]]);
    expect(merged).toEqual([family(across, [['a', '', expected]])]);
  });

  test('stay apart by their labels, and by the names of a histogram', () => {
    const one = family('sum', [
      ['a_bucket', 'le="1"', 1],
      ['a_sum', '', 0.5],
    ]);
    const other = family('sum', [
      ['a_bucket', 'le="2"', 4],
      ['a_sum', '', 3],
    ]);
    expect(merge([[one], [other]])[0]?.samples).toEqual([
      ['a_bucket', 'le="1"', 1],
      ['a_sum', '', 3.5],
      ['a_bucket', 'le="2"', 4],
    ]);
  });

  test('add up to the same in whatever order the processes report', () => {
    const samples = fc.uniqueArray(
      fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('x="1"', 'x="2"', ''), fc.nat()),
      {
        selector: ([name, labels]) => `${name} ${labels}`,
      },
    );
    const across = fc.constantFrom<Across>('sum', 'max', 'min');
    fc.assert(
      fc.property(across, fc.array(samples, { minLength: 1, maxLength: 4 }), (how, each) => {
        const reports = each.map((one) => [family(how, one)]);
        const told = (of: readonly Family[][]): unknown =>
          Object.fromEntries(
            (merge(of)[0]?.samples ?? []).map(([name, labels, value]) => [`${name}{${labels}}`, value]),
          );
        expect(told(reports.toReversed())).toEqual(told(reports));
      }),
    );
  });

  test('keep of a process that is gone what it counted, and nothing of how it was', () => {
    const counted = family('sum', [['a', '', 1]], 'counter');
    const timed = { ...family('sum', [['b', '', 1]], 'histogram'), name: 'b' };
    const state = { ...family('sum', [['c', '', 1]], 'gauge'), name: 'c' };
    const own = { ...family('own', [['d', 'worker="1"', 1]], 'counter'), name: 'd' };
    expect(lasting([counted, timed, state, own])).toEqual([counted, timed]);
    expect(shared([counted, timed, state, own])).toEqual([counted, timed, state]);
  });
});

test('the text is what Prometheus reads', () => {
  const labels = labelsOf([
    ['route', 'a"b\\c\nd'],
    ['status', 200],
  ]);
  const text = textOf([
    family('sum', [
      ['a', labels, 3],
      ['a', '', Number.POSITIVE_INFINITY],
      ['a', 'x="1"', Number.NEGATIVE_INFINITY],
      ['a', 'x="2"', Number.NaN],
    ]),
  ]);
  expect(text).toBe(
    [
      '# HELP a What it counts.',
      '# TYPE a gauge',
      'a{route="a\\"b\\\\c\\nd",status="200"} 3',
      'a +Inf',
      'a{x="1"} -Inf',
      'a{x="2"} NaN',
      '',
    ].join('\n'),
  );
});
