import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bookedUnits, checkAmounts, customerRow, orderRows } from '@banyan/legacy-monolith/core/generator';
import { containerRow, readingRow, voyageRow } from '@banyan/legacy-monolith/core/fleet';
import { moneyText, readCents } from '@banyan/legacy-monolith/core/money';
import type { Amounts } from '@banyan/legacy-monolith/core/rows';
import { chanceOf } from '@banyan/legacy-monolith/core/chance';
import { write } from '@banyan/legacy-monolith/core/json';

const amounts: Amounts = { orders: 2_000, customers: 100, voyages: 300, containers: 1_500, readings: 3_000 };
const numbers = (count: number): number[] => Array.from({ length: count }, (_unused, index) => index + 1);
const all = numbers(amounts.orders).map((n) => orderRows(amounts, n));

describe('the generator', () => {
  test('gives the same rows for the same amounts', () => {
    const again = numbers(amounts.orders).map((n) => orderRows(amounts, n));
    expect(write(JSON.parse(JSON.stringify(again)))).toBe(write(JSON.parse(JSON.stringify(all))));
  });

  test('keeps to rows that were written down once, so that a change of the generator is noticed', () => {
    expect(all[0]?.order).toMatchObject({ order_key: 1001, order_id: '1', created_at: '2025-01-01T00:00:00.000000' });
    expect([0, 1, 2, 3].map(() => chanceOf(1, 1)).map((chance) => chance.below(1_000_000))).toEqual(
      Array(4).fill(chanceOf(1, 1).below(1_000_000)),
    );
  });

  test('draws evenly', () => {
    const chance = chanceOf(7, 7);
    const counts = Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw += 1) counts[chance.below(10)]! += 1;
    // Ten thousand each; five standard deviations are about 475.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475);
  });

  test('fills every column with something hard at least once', () => {
    const orders = all.map((one) => one.order);
    expect(new Set(orders.map((order) => order.status))).toEqual(
      new Set(['created', 'booked', 'assigned', 'rejected', 'cancelled', 'spoilt']),
    );
    expect(orders.some((order) => order.tags?.includes(null))).toBe(true);
    expect(orders.some((order) => order.special_instructions?.text.includes('12345678901234567890'))).toBe(true);
    expect(orders.filter((order) => Buffer.byteLength(order.terms ?? '') > 8_192)).toHaveLength(40);
    expect(new Set(all.map((one) => one.items.length))).toEqual(new Set([0, 1, 2, 3, 4, 5, 8, 12]));
    expect(all.some((one) => one.containers.length > 2)).toBe(true);
    const described = new Set(all.flatMap((one) => one.items.map((item) => item.description)));
    for (const odd of [null, '', 'C:\\cold\\store\\', '𠜎𠜱 rare ideographs', '\u0001control\u001f']) {
      expect(described.has(odd)).toBe(true);
    }
  });

  test('orders come at the same moment now and then, so that only the id tells which is newer', () => {
    expect(new Set(all.map((one) => one.order.created_at)).size).toBeLessThan(all.length - 100);
  });

  test('a total is the sum of its lines, wherever there are lines', () => {
    for (const { order, items } of all) {
      if (items.length === 0) continue;
      const sum = items.reduce((cents, item) => cents + item.quantity * readCents(item.unit_price)!, 0);
      expect(order.total).toBe(moneyText(sum));
    }
  });

  test('no voyage carries more than it holds, nor what was called off', () => {
    const booked = bookedUnits(amounts);
    const voyages = numbers(amounts.voyages).map((n) => voyageRow(amounts, n, booked[n]!));
    for (const voyage of voyages) expect(voyage.booked).toBeLessThanOrEqual(voyage.capacity);
    expect(voyages.filter((voyage) => voyage.status === 'cancelled' && voyage.booked > 0)).toEqual([]);
    const byVoyage = new Map<number, number>();
    for (const { order } of all) {
      if (order.voyage_id !== null)
        byVoyage.set(order.voyage_id, (byVoyage.get(order.voyage_id) ?? 0) + order.quantity);
    }
    for (const voyage of voyages) expect(byVoyage.get(voyage.voyage_id) ?? 0).toBe(voyage.booked);
  });

  test('an order has a voyage and containers when it is assigned or spoilt, and only then', () => {
    for (const { order, containers } of all) {
      const has = order.status === 'assigned' || order.status === 'spoilt';
      expect(order.voyage_id !== null).toBe(has);
      expect(containers.length > 0).toBe(has);
      expect(new Set(containers.map((one) => one.container_id)).size).toBe(containers.length);
    }
  });

  test('some customers never order', () => {
    const ordering = new Set(all.map((one) => one.order.customer_id));
    expect(ordering.has(100)).toBe(false);
    expect(ordering.size).toBeLessThan(95);
    expect(customerRow(42).customer_no).toBe('C-000042');
  });

  test('readings stand on both sides of the limit, and on it', () => {
    const readings = numbers(amounts.readings).map((n) => readingRow(amounts, n));
    const cents = readings.map((reading) => readCents(reading.temperature)!);
    expect(cents.some((value) => value > -1500) && cents.includes(-1500) && cents.some((value) => value < -1500)).toBe(
      true,
    );
    expect(readings.some((reading) => !reading.power) && readings.some((reading) => reading.humidity === null)).toBe(
      true,
    );
    expect(readings.every((reading) => reading.container_id >= 1 && reading.container_id <= amounts.containers)).toBe(
      true,
    );
  });

  test('a row does not depend on how many others there are (but for what is counted)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 1, max: 5_000 }), (n, containers) => {
        expect(containerRow(n)).toEqual(containerRow(n));
        const some: Amounts = { ...amounts, containers: Math.max(20, containers) };
        const { order, items } = orderRows(some, n);
        expect(order.order_id).toBe(String(n));
        expect(items.map((item) => item.line_no)).toEqual(numbers(items.length));
        expect(Math.abs(readCents(order.total)!)).toBeLessThanOrEqual(999_999_999_999);
      }),
    );
  });

  test.each([
    ['no customers for orders', { customers: 0 }, /customers must be a whole number from 1/],
    ['half an order', { orders: 0.5 }, /orders must be a whole number/],
    ['too few voyages', { voyages: 39 }, /voyages must be a whole number from 40/],
    ['more than int4 holds in keys', { readings: 10_000_001 }, /readings must be/],
  ])('%s is refused', (_name, wrong, message) => {
    expect(() => checkAmounts({ ...amounts, ...wrong })).toThrow(message);
  });
});
