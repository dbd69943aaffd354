import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  decide,
  obstacleTo,
  type Command,
  type ContainerOffer,
  type VoyageOffer,
} from '@banyan/legacy-monolith/core/life';
import { statuses, type Status } from '@banyan/legacy-monolith/core/order';

const order = (status: Status, quantity = 30): { orderId: string; status: Status; quantity: number } => ({
  orderId: '42',
  status,
  quantity,
});
const voyage = (key: number, free: number, departs: string): VoyageOffer => ({ key, free, departs });
const box = (key: number, capacity: number): ContainerOffer => ({ key, capacity });
const booking = (voyages: readonly VoyageOffer[], containers: readonly ContainerOffer[]): Command => ({
  kind: 'book',
  voyages,
  containers,
});

describe('the life of an order', () => {
  // The picture of domain.md as edges; written down here a second time on purpose.
  const edges: readonly (readonly [Status, Command['kind'], readonly Status[]])[] = [
    ['created', 'update', ['created']],
    ['created', 'book', ['assigned', 'rejected']],
    ['created', 'cancel', ['cancelled']],
    ['booked', 'cancel', ['cancelled']],
    ['assigned', 'cancel', ['cancelled']],
  ];

  const bookings: fc.Arbitrary<Extract<Command, { kind: 'book' }>> = fc.record({
    kind: fc.constant('book' as const),
    voyages: fc.array(
      fc.record({ key: fc.nat(), free: fc.integer({ min: 0, max: 200 }), departs: fc.constantFrom('2026', '2027') }),
      { maxLength: 5 },
    ),
    containers: fc.uniqueArray(fc.record({ key: fc.nat(50), capacity: fc.integer({ min: 0, max: 45 }) }), {
      maxLength: 8,
      selector: (one) => one.key,
    }),
  });
  const commands: fc.Arbitrary<Command> = fc.oneof(
    fc.constant<Command>({ kind: 'update' }),
    fc.constant<Command>({ kind: 'cancel' }),
    bookings,
  );

  test('goes along the picture’s edges and no other', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...statuses),
        commands,
        fc.integer({ min: 1, max: 150 }),
        (status, command, quantity) => {
          const outcome = decide(command, order(status, quantity));
          const edge = edges.find(([from, kind]) => from === status && kind === command.kind);
          expect(outcome.kind).toBe(edge === undefined ? 'refused' : 'accepted');
          expect(outcome.kind === 'refused' || edge?.[2].includes(outcome.status)).toBe(true);
          expect(obstacleTo(command.kind, order(status)) === null).toBe(outcome.kind === 'accepted');
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('ends: no sequence of commands leads out of rejected, cancelled or spoilt', () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 12 }), (sequence) => {
        let status: Status = 'created';
        let ended: Status | null = null;
        for (const command of sequence) {
          const outcome = decide(command, order(status));
          expect(ended === null || outcome.kind === 'refused').toBe(true);
          if (outcome.kind === 'accepted') status = outcome.status;
          if (status === 'rejected' || status === 'cancelled') ended = status;
        }
      }),
    );
    for (const kind of ['update', 'book', 'cancel'] as const) expect(obstacleTo(kind, order('spoilt'))).not.toBeNull();
  });

  test('a booking takes only what was offered, once, and enough of it', () => {
    fc.assert(
      fc.property(bookings, fc.integer({ min: 1, max: 150 }), (command, quantity) => {
        const outcome = decide(command, order('created', quantity));
        if (outcome.kind !== 'accepted') throw new Error('a created order can be booked');
        const roomy = command.voyages.filter((one) => one.free >= quantity);
        const room = command.containers.reduce((sum, one) => sum + one.capacity, 0);
        const { change } = outcome;
        const possible = roomy.length > 0 && room >= quantity;
        expect(change.kind).toBe(possible ? 'assigned' : 'rejected');
        if (change.kind === 'rejected') return change.because === (roomy.length === 0 ? 'no-voyage' : 'no-container');
        if (change.kind !== 'assigned') return false;
        const taken = command.containers.filter((one) => change.containers.includes(one.key));
        expect(roomy.map((one) => one.key)).toContain(change.voyage);
        expect(new Set(change.containers).size).toBe(change.containers.length);
        expect(taken.length).toBe(change.containers.length);
        expect(taken.reduce((sum, one) => sum + one.capacity, 0)).toBeGreaterThanOrEqual(quantity);
        return taken.every((one) => one.capacity > 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    {
      name: 'the first to leave among those with room',
      quantity: 30,
      voyages: [voyage(1, 100, '2026-05-01'), voyage(2, 29, '2026-01-01'), voyage(3, 30, '2026-02-01')],
      containers: [box(9, 40)],
      change: { kind: 'assigned', voyage: 3, containers: [9] },
    },
    {
      name: 'the smallest container that takes it all',
      quantity: 18,
      voyages: [voyage(1, 99, '2026')],
      containers: [box(1, 45), box(2, 20), box(3, 40)],
      change: { kind: 'assigned', voyage: 1, containers: [2] },
    },
    {
      name: 'the largest first when one is not enough',
      quantity: 60,
      voyages: [voyage(1, 99, '2026')],
      containers: [box(1, 20), box(2, 45), box(3, 40)],
      change: { kind: 'assigned', voyage: 1, containers: [2, 1] },
    },
    {
      name: 'nothing where no voyage has room',
      quantity: 30,
      voyages: [voyage(1, 29, '2026')],
      containers: [box(1, 45)],
      change: { kind: 'rejected', because: 'no-voyage' },
    },
    {
      name: 'nothing where the containers do not suffice',
      quantity: 90,
      voyages: [voyage(1, 99, '2026')],
      containers: [box(1, 45), box(2, 40)],
      change: { kind: 'rejected', because: 'no-container' },
    },
  ])('a booking chooses $name', ({ quantity, voyages, containers, change }) => {
    expect(decide(booking(voyages, containers), order('created', quantity))).toMatchObject({
      kind: 'accepted',
      change,
    });
  });

  test('says why not, in a sentence', () => {
    expect(decide({ kind: 'update' }, order('assigned'))).toEqual({
      kind: 'refused',
      because: 'Order 42 is assigned and cannot be updated',
    });
  });

  test('gives back only what an assigned order holds', () => {
    expect(decide({ kind: 'cancel' }, order('assigned'))).toMatchObject({
      change: { kind: 'cancelled', release: true },
    });
    expect(decide({ kind: 'cancel' }, order('created'))).toMatchObject({
      change: { kind: 'cancelled', release: false },
    });
  });
});
