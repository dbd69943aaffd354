import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { driftOf } from '@banyan/cdc/core/drift';
import { Window } from '@banyan/cdc/core/window';

const at = (value: number): Lsn => toLsn(BigInt(value));

describe('a row is emitted again', () => {
  test('unless the stream has brought something newer', () => {
    const window = new Window(10);
    window.change('before', at(10));
    window.change('after', at(30));
    window.at(at(20));
    window.change('later', at(40));
    expect(['before', 'after', 'later', 'never'].map((key) => window.admits(key))).toEqual([true, false, false, true]);
  });

  test('never, once the table was truncated behind the point', () => {
    const early = new Window(10);
    early.truncate(at(10));
    early.at(at(20));
    expect(early.admits('a')).toBe(true);
    early.truncate(at(30));
    expect([early.void, early.admits('a')]).toEqual([true, false]);
  });

  test('not before the point is known, and not when too much has changed', () => {
    const window = new Window(2);
    expect(() => window.admits('a')).toThrow('cannot tell');
    window.at(at(5));
    for (const key of ['a', 'b', 'c']) window.change(key, at(10));
    expect(window.overflown).toBe(true);
    expect(() => window.admits('z')).toThrow('cannot tell');
  });
});

/** A commit of the model: what it does to one key; null deletes it. `truncate` empties the table. */
interface Change {
  readonly key: string;
  readonly value: number | null;
  readonly truncate: boolean;
}

interface Schedule {
  readonly changes: readonly Change[];
  /** How many commits are before the point. */
  readonly point: number;
  /** How many of them the stream had brought when the watch began; from there on it sees everything. */
  readonly watched: number;
  /** Before each row, how many further commits the stream brings. */
  readonly between: readonly number[];
}

const change = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.option(fc.nat(99), { nil: null }),
  truncate: fc.boolean().map((roll) => roll && true),
});
const schedule: fc.Arbitrary<Schedule> = fc.array(change, { maxLength: 25 }).chain((changes) =>
  fc.record({
    changes: fc.constant(changes.map((each, index) => ({ ...each, truncate: each.truncate && index % 5 === 0 }))),
    point: fc.integer({ min: 0, max: changes.length }),
    watched: fc.integer({ min: 0, max: changes.length }),
    between: fc.array(fc.nat(6), { maxLength: 8 }),
  }),
);

type Table = Map<string, number>;

function applyTo(table: Table, { key, value, truncate }: Change): void {
  if (truncate) table.clear();
  else if (value === null) table.delete(key);
  else table.set(key, value);
}

/** What two readers end up with: one that takes events in their order, one that goes by positions. */
function replay({ changes, point, watched, between }: Schedule): {
  readonly byOrder: Table;
  readonly byPosition: Table;
} {
  const byOrder: Table = new Map();
  const positions = new Map<string, { position: number; value: number | null }>();
  const window = new Window(1000);
  const lsnOf = (index: number): number => (index + 1) * 10;
  let streamed = 0;
  const put = (key: string, value: number | null, position: number): void => {
    applyTo(byOrder, { key, value, truncate: false });
    const known = positions.get(key);
    if (known === undefined || position > known.position) positions.set(key, { position, value });
  };
  const stream = (): void => {
    const each = changes[streamed];
    if (each === undefined) return;
    const position = lsnOf(streamed);
    if (streamed >= watched) {
      if (each.truncate) window.truncate(at(position));
      else window.change(each.key, at(position));
    }
    streamed += 1;
    if (!each.truncate) return put(each.key, each.value, position);
    byOrder.clear();
    for (const key of ['a', 'b', 'c', 'd']) put(key, null, position);
  };
  // The watch begins before the point is taken, so the stream has not come past it unseen.
  while (streamed < Math.min(watched, point)) stream();
  const rows: Table = new Map();
  for (const each of changes.slice(0, point)) applyTo(rows, each);
  window.at(at(lsnOf(point) - 5));
  while (streamed < point) stream();
  [...rows].forEach(([key, value], index) => {
    for (let count = between[index] ?? 0; count > 0; count -= 1) stream();
    if (window.admits(key)) put(key, value, lsnOf(point) - 6);
  });
  while (streamed < changes.length) stream();
  const kept = [...positions].flatMap(([key, { value }]) => (value === null ? [] : [[key, value] as const]));
  return { byOrder, byPosition: new Map(kept) };
}

test('whatever the stream brings meanwhile, every reader ends up with the table', () => {
  fc.assert(
    fc.property(schedule, (each) => {
      const truth: Table = new Map();
      for (const one of each.changes) applyTo(truth, one);
      const sound = { ...each, watched: Math.min(each.watched, each.point) };
      const { byOrder, byPosition } = replay(sound);
      expect(Object.fromEntries(byOrder)).toEqual(Object.fromEntries(truth));
      expect(Object.fromEntries(byPosition)).toEqual(Object.fromEntries(truth));
    }),
    { numRuns: 3_000 },
  );
});

describe('an altered table', () => {
  const column = { name: 'a', type: 23, modifier: -1, identity: true };
  const before = { shape: [column], numbers: [1], file: 1, filled: [] };
  const more = { ...column, name: 'b', identity: false };

  test.each([
    ['as before', before, 'same', undefined],
    ['with another replica identity', { ...before, shape: [{ ...column, identity: false }] }, 'same', undefined],
    [
      'with a column that old rows have no value in',
      { ...before, numbers: [1, 2], shape: [column, more] },
      'note',
      'columns-empty',
    ],
    [
      'with a column that old rows have a value in',
      { ...before, numbers: [1, 2], shape: [column, more], filled: ['b'] },
      'read',
      'columns-filled',
    ],
    [
      'with a new column, its rows rewritten',
      { ...before, numbers: [1, 2], shape: [column, more], file: 2 },
      'read',
      'rewritten',
    ],
    ['with a column of another type', { ...before, shape: [{ ...column, type: 20 }] }, 'read', 'columns-changed'],
    ['with a renamed column', { ...before, shape: [{ ...column, name: 'z' }] }, 'read', 'columns-changed'],
    ['with a column less', { ...before, shape: [], numbers: [] }, 'note', 'columns-dropped'],
  ] as const)('%s', (_name, after, kind, because) => {
    const drift = driftOf(before, after);
    expect([drift.kind, 'because' in drift ? drift.because : undefined]).toEqual([kind, because]);
  });
});
