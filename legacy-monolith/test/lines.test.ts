import { expect, test } from 'vitest';
import fc from 'fast-check';
import type { DraftItem } from '@banyan/legacy-monolith/core/draft';
import { planLines } from '@banyan/legacy-monolith/core/lines';

const item = (lineNo: number | null, sku = 'A'): DraftItem => ({
  lineNo,
  sku,
  description: null,
  quantity: 1,
  unitPrice: '1.00',
});

test('a line that went leaves no gap: the others move up', () => {
  expect(planLines([1, 2, 3], [item(1), item(3)])).toMatchObject({ remove: [2], move: [{ from: 3, to: 2 }], add: [] });
});

test('lines may change places', () => {
  expect(planLines([1, 2], [item(2), item(1)]).move).toEqual([
    { from: 2, to: 1 },
    { from: 1, to: 2 },
  ]);
});

test('a number that no line has is a new line', () => {
  expect(planLines([1], [item(7, 'B')])).toMatchObject({ remove: [1], add: [{ lineNo: 1, item: { sku: 'B' } }] });
});

test('whatever was there, lines then count from 1 and say what was wanted', () => {
  const wanted = fc.uniqueArray(fc.tuple(fc.option(fc.integer({ min: 1, max: 9 }), { nil: null }), fc.string()), {
    selector: ([number, sku]) => number ?? `new ${sku}`,
  });
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 })), wanted, (existing, lines) => {
      const items = lines.map(([number, sku]) => item(number, sku));
      const plan = planLines(existing, items);
      const table = new Map(existing.map((number): [number, string] => [number, `old ${number}`]));
      for (const number of plan.remove) expect(table.delete(number)).toBe(true);
      const moved = plan.move.map(({ from, to }) => ({ to, content: table.get(from) }));
      for (const { from } of plan.move) table.delete(from);
      for (const { to, content } of moved) {
        expect(table.has(to)).toBe(false);
        table.set(to, content!);
      }
      for (const { lineNo, item: content } of plan.keep) {
        expect(table.get(lineNo)).toBe(`old ${content.lineNo}`);
        table.set(lineNo, content.sku);
      }
      for (const { lineNo, item: content } of plan.add) {
        expect(table.has(lineNo)).toBe(false);
        table.set(lineNo, content.sku);
      }
      expect([...table].sort(([a], [b]) => a - b)).toEqual(items.map((one, index) => [index + 1, one.sku]));
    }),
  );
});
