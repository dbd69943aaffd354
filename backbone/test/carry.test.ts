import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Packer, unpack, type CarriedRow } from '@banyan/backbone/core/carry';
import { splice } from '@banyan/backbone/core/splice';

const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 30 }));
const row: fc.Arbitrary<CarriedRow> = fc.record({ key: text, value: text, headers: text });
const tp = fc.integer({ min: 1, max: 5 });

function pack(rows: readonly (readonly [number, CarriedRow])[]): string {
  const packer = new Packer();
  for (const [own, one] of rows) packer.add(own, one);
  return packer.text();
}

function firstLine(rows: readonly (readonly [number, CarriedRow])[]): string {
  const counts = new Map<number, number>();
  for (const [own] of rows) counts.set(own, (counts.get(own) ?? 0) + 1);
  return `1 1795511226052 ${[...counts].map(([own, count]) => `${own}:${own * 1000}:${count}`).join(',')}`;
}

describe('a notification', () => {
  test('brings every record back, by partition and in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(tp, row), { minLength: 1, maxLength: 12 }), (rows) => {
        const carried = unpack(firstLine(rows) + pack(rows));
        expect(carried?.at).toBe(1795511226052);
        for (const run of carried?.runs ?? []) {
          expect(run.base).toBe(BigInt(run.tp) * 1000n);
          expect(run.rows).toEqual(rows.filter(([own]) => own === run.tp).map(([, one]) => one));
        }
        expect(carried?.runs.length).toBe(new Set(rows.map(([own]) => own)).size);
      }),
    );
  });

  test('ends with the value that the log has put behind it', () => {
    const packer = new Packer();
    packer.add(1, { key: 'a', value: 'line\nbreak', headers: null });
    packer.addOpen(2, 'legacy');
    const carried = unpack(`1 5 1:7:1,2:8:1${packer.text()}{"source":"legacy"}`);
    expect(carried?.runs[0]?.rows).toEqual([{ key: 'a', value: 'line\nbreak', headers: null }]);
    expect(carried?.runs[1]?.rows).toEqual([{ key: 'legacy', value: '{"source":"legacy"}', headers: null }]);
  });

  test('without records says where they are', () => {
    expect(unpack('1 5 1:7:2000')).toEqual({ at: 5, runs: [{ tp: 1, base: 7n, count: 2000, rows: null }] });
  });

  test.each([
    ['nothing', ''],
    ['another version', '2 5 1:7:1'],
    ['something else', 'hello'],
    ['half a first line', '1 5 1:7'],
  ])('%s is not understood', (_name, payload) => {
    expect(unpack(payload)).toBeNull();
  });

  test.each([
    ['lengths that are no numbers', '\n["a"]\nx'],
    ['lengths of half a record', '\n[1,1]\nx'],
    ['a text that is too short', '\n[1,5,5,-1]\nx'],
    ['a text that is too long', '\n[1,1,-1,-1]\nxx'],
    ['a negative length', '\n[1,-3,-1,-1]\n'],
    ['no texts', '\n[1,0,0,0]'],
    ['fewer records than it says', '\n[2,1,-1,-1]\nx'],
  ])('with %s only says where the records are', (_name, rest) => {
    expect(unpack(`1 5 1:7:1${rest}`)).toEqual({ at: 5, runs: [{ tp: 1, base: 7n, count: 1, rows: null }] });
  });

  test('is never taken for more than it is, wherever it was cut', () => {
    const rows = [[1, { key: 'k', value: 'value', headers: '["a","b"]' }]] as const;
    const whole = firstLine(rows) + pack(rows);
    for (let end = 0; end < whole.length; end += 1) {
      for (const run of unpack(whole.slice(0, end))?.runs ?? []) expect(run.rows).toBeNull();
    }
  });
});

describe('what a consumer does with it', () => {
  const run = { tp: 1, base: 10n, count: 3, rows: [0, 1, 2].map(() => ({ key: null, value: null, headers: null })) };

  test.each([
    ['takes what follows on', 10n, { kind: 'take', skip: 0, next: 13n, because: 'contiguous' }],
    ['takes the part that is new', 12n, { kind: 'take', skip: 2, next: 13n, because: 'contiguous' }],
    ['ignores what it has', 13n, { kind: 'ignore', because: 'already-read' }],
    ['ignores what is long past', 99n, { kind: 'ignore', because: 'already-read' }],
    ['reads when something is missing before it', 9n, { kind: 'read', because: 'gap' }],
  ])('%s', (_name, position, expected) => {
    expect(splice(position, run)).toEqual(expected);
  });

  test('reads when the records are not in it', () => {
    expect(splice(10n, { ...run, rows: null })).toEqual({ kind: 'read', because: 'not-carried' });
  });

  test('has every offset once and in order, whatever is lost, late or repeated', () => {
    const runs = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 40n }), fc.integer({ min: 1, max: 5 }), fc.boolean()));
    fc.assert(
      fc.property(runs, (heard) => {
        const got: bigint[] = [];
        let position = 0n;
        for (const [base, count, carried] of heard) {
          const rows = carried
            ? Array.from({ length: count }, () => ({ key: null, value: null, headers: null }))
            : null;
          const decision = splice(position, { tp: 1, base, count, rows });
          // A read brings everything up to the end that was heard of.
          const next =
            decision.kind === 'read' ? base + BigInt(count) : decision.kind === 'take' ? decision.next : position;
          const from = decision.kind === 'take' ? base + BigInt(decision.skip) : position;
          for (let offset = from; offset < next; offset += 1n) got.push(offset);
          position = next;
        }
        expect(got).toEqual(got.map((_offset, index) => BigInt(index)));
      }),
    );
  });
});
