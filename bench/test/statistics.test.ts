import { median, quantile, spread, table } from '@banyan/bench/statistics';
import { describe, expect, test } from 'vitest';

describe('a quantile', () => {
  test.each([
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 2, 3], 0.5, 2.5],
    [[10, 20], 0.99, 19.9],
    [[7], 0.99, 7],
    [[1, 2, 3], 0, 1],
    [[1, 2, 3], 1, 3],
  ])('of %j at %d is %d', (values, share, expected) => {
    expect(quantile(values, share)).toBeCloseTo(expected, 10);
  });

  test('of nothing is no number, so that no gate is met by it', () => {
    expect(median([])).toBeNaN();
    expect(median([]) <= 3).toBe(false);
  });

  test('leaves the values in their order', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

test('a spread is the median and the range', () => {
  expect(spread([2, 1, 4], 1)).toBe('2.0 (1.0–4.0)');
});

test('a table has its columns below each other', () => {
  expect(
    table([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toBe('a    bb\nccc  d');
});
