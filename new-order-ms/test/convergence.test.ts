import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deliveries, historyOf, type Deed } from './history.ts';
import { cellsOf, Model } from './model.ts';

const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom('write', 'write', 'touch', 'touch', 'delete', 'renumber', 'truncate', 'chunk', 'restart'),
  table: fc.nat(2),
  key: fc.nat(3),
  value: fc.nat(5),
});
const choices = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 60 });

test('however a history arrives, in what batches, in what order of topics, repeated from where: its last state is left', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(3)), fc.array(deed, { maxLength: 40 }), choices, (before, deeds, schedule) => {
      const { partitions, truth } = historyOf(before, deeds);
      const model = new Model();
      for (const batch of deliveries(partitions, schedule)) model.take(batch);
      expect(model.living()).toEqual(cellsOf(truth));
    }),
    { numRuns: 1_000 },
  );
});

test('a whole history in one batch leaves what the same history leaves record by record', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(3)), fc.array(deed, { maxLength: 40 }), (before, deeds) => {
      const { partitions } = historyOf(before, deeds);
      const all = [...partitions.values()].flat();
      const [whole, single] = [new Model(), new Model()];
      whole.take(all);
      for (const delivery of all) single.take([delivery]);
      expect(whole.living()).toEqual(single.living());
    }),
    { numRuns: 500 },
  );
});
