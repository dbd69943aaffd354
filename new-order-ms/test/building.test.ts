import { expect, test } from 'vitest';
import { progressLine, reaches, sumOf } from '@banyan/new-order-ms/core/building';

test.each([
  [
    { done: 120_000n, total: 400_000n, lately: 40_000n, elapsedMs: 1_000 },
    'read_2: 120,000 of 400,000 records (30 %), 40,000/s, 7 s left',
  ],
  [{ done: 0n, total: 10n, lately: 0n, elapsedMs: 1_000 }, 'read_2: 0 of 10 records (0 %), 0/s'],
  [{ done: 0n, total: 0n, lately: 0n, elapsedMs: 0 }, 'read_2: 0 of 0 records (100 %), 0/s'],
  [
    { done: 1_234_567n, total: 1_234_567n, lately: 500n, elapsedMs: 500 },
    'read_2: 1,234,567 of 1,234,567 records (100 %), 1,000/s, 0 s left',
  ],
])('%s reads %s', (numbers, line) => expect(progressLine({ copy: 'read_2', ...numbers })).toBe(line));

test('a copy reaches another in every partition or not at all', () => {
  const live = new Map([
    ['a', 5n],
    ['b', 0n],
  ]);
  expect(reaches(new Map([['a', 5n]]), live)).toBe(true);
  expect(
    reaches(
      new Map([
        ['a', 4n],
        ['b', 9n],
      ]),
      live,
    ),
  ).toBe(false);
  expect(reaches(new Map(), new Map())).toBe(true);
  expect(sumOf(live.values())).toBe(5n);
});
