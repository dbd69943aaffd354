import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { Ledger } from '@banyan/cdc/core/ledger';

const at = (value: number): Lsn => toLsn(BigInt(value));

describe('what may be confirmed', () => {
  test('a commit counts when its events are durable, and not before', () => {
    const ledger = new Ledger(at(10));
    ledger.begin();
    ledger.queue(2);
    ledger.commit(at(20));
    expect(ledger.reached).toBe(at(10));
    ledger.durable(1, at(10));
    expect(ledger.reached).toBe(at(10));
    ledger.durable(2, ledger.through(2));
    expect([ledger.reached, ledger.confirmed]).toEqual([at(20), at(20)]);
  });

  test('of two commits back to back, the first does not confirm the second', () => {
    const ledger = new Ledger(at(0));
    for (const end of [20, 28]) {
      ledger.begin();
      ledger.queue(1);
      ledger.commit(at(end));
    }
    expect(ledger.through(1)).toBe(at(20));
    ledger.durable(1, at(20));
    expect([ledger.reached, ledger.confirmed]).toEqual([at(20), at(20)]);
  });

  test('an idle stream is reached by its keepalives, and confirmed only with a checkpoint', () => {
    const ledger = new Ledger(at(10));
    ledger.keepalive(at(50));
    expect([ledger.reached, ledger.confirmed, ledger.settled]).toEqual([at(50), at(10), true]);
    ledger.durable(0, ledger.through(0));
    expect(ledger.confirmed).toBe(at(50));
  });

  test('a keepalive behind an outstanding commit counts once that commit is durable', () => {
    const ledger = new Ledger(at(10));
    ledger.begin();
    ledger.queue(1);
    ledger.commit(at(20));
    ledger.keepalive(at(90));
    expect(ledger.reached).toBe(at(10));
    ledger.durable(1, ledger.through(1));
    expect(ledger.reached).toBe(at(90));
  });

  test('within an open transaction a keepalive says nothing', () => {
    const ledger = new Ledger(at(10));
    ledger.begin();
    ledger.queue(1);
    ledger.durable(1, ledger.through(1));
    ledger.keepalive(at(90));
    expect([ledger.reached, ledger.settled]).toEqual([at(10), false]);
  });

  test('an empty transaction is reached at once', () => {
    const ledger = new Ledger(at(10));
    ledger.begin();
    ledger.commit(at(30));
    expect(ledger.reached).toBe(at(30));
  });
});

type Step =
  | { readonly kind: 'transaction'; readonly events: number; readonly pieces: boolean }
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'durable'; readonly share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('transaction' as const), events: fc.nat(4), pieces: fc.boolean() }),
  fc.record({ kind: fc.constant('keepalive' as const) }),
  fc.record({ kind: fc.constant('durable' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

test('never behind anything that is not durable, never backwards, and everything in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ledger = new Ledger(at(0));
      const model: { readonly position: Lsn; readonly events: number }[] = [];
      let wal = 0;
      let durable = 0;
      const settle = (events: number): void => {
        durable = Math.max(durable, events);
        ledger.durable(durable, ledger.through(durable));
      };
      const check = (): void => {
        const safe = model.filter(({ events }) => events <= durable).map(({ position }) => position);
        const expected = safe.at(-1) ?? at(0);
        expect(ledger.reached).toBe(expected);
        expect(ledger.confirmed <= ledger.reached).toBe(true);
      };
      for (const each of steps) {
        const before = ledger.confirmed;
        wal += 8;
        if (each.kind === 'transaction') {
          ledger.begin();
          ledger.queue(each.events);
          if (each.pieces) settle(ledger.queued);
          check();
          ledger.commit(at(wal));
          model.push({ position: at(wal), events: ledger.queued });
        } else if (each.kind === 'keepalive') {
          ledger.keepalive(at(wal));
          model.push({ position: at(wal), events: ledger.queued });
        } else settle(durable + Math.floor((ledger.queued - durable) * each.share));
        check();
        expect(ledger.confirmed >= before).toBe(true);
      }
      settle(ledger.queued);
      expect(ledger.settled).toBe(true);
      expect(ledger.confirmed).toBe(model.at(-1)?.position ?? at(0));
    }),
    { numRuns: 300 },
  );
});
