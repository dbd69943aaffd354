import { describe, expect, test } from 'vitest';
import { readDraft } from '@banyan/legacy-monolith/core/draft';

const address = { street: 'Dock 1', city: 'Hamburg', country: 'Germany', state: null, zipcode: '20457' };
const given = {
  productId: 'P-SALMON',
  customerId: 'C-000042',
  quantity: 30,
  pickupAddress: address,
  destinationAddress: { ...address, city: '上海' },
  pickupDate: '2026-12-01T08:30',
  expectedDeliveryDate: '2027-01-01T08:30',
};
const place = { document: '{}', path: ['specialInstructions'] };

describe('a draft', () => {
  test('needs no more than its required fields', () => {
    expect(readDraft(given, place)).toEqual({
      kind: 'read',
      value: {
        ...given,
        items: [],
        total: '0.00',
        currency: 'EUR',
        tags: null,
        specialInstructions: null,
        terms: null,
      },
    });
  });

  test('sums its lines without losing a cent', () => {
    const items = [
      { sku: 'A', quantity: 3, unitPrice: 0.1 },
      { sku: 'B', quantity: 1, unitPrice: '99999999.99', description: '' },
      { sku: 'C', quantity: 7, unitPrice: '-0.01', lineNo: 4 },
    ];
    const read = readDraft({ ...given, items }, place);
    expect(read).toMatchObject({ value: { total: '100000000.22', items: [{ unitPrice: '0.10' }, {}, { lineNo: 4 }] } });
  });

  test('takes an answer back as it came, and leaves out what is ReeferDesk’s own', () => {
    const read = readDraft(
      { ...given, orderId: '7', status: 'spoilt', total: 1, serverTime: '2026-03-01T08:30' },
      place,
    );
    expect(read).toMatchObject({ kind: 'read', value: { total: '0.00' } });
    expect(read.kind === 'read' && 'status' in read.value).toBe(false);
  });

  test('takes XML’s texts for numbers, and its seconds for minutes', () => {
    const read = readDraft({ ...given, quantity: '30', pickupDate: '2026-12-01T08:30:59.5Z' }, place);
    expect(read).toMatchObject({ value: { quantity: 30, pickupDate: '2026-12-01T08:30' } });
  });

  test('names where special instructions stand, if there are any', () => {
    expect(readDraft({ ...given, specialInstructions: { a: 1 } }, place)).toMatchObject({
      value: { specialInstructions: place },
    });
    expect(readDraft({ ...given, specialInstructions: null }, place)).toMatchObject({
      value: { specialInstructions: null },
    });
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'order must be an object'],
    ['a list', [], 'order must be an object'],
    ['no product', { ...given, productId: undefined }, 'productId must be a string'],
    ['an empty customer', { ...given, customerId: '' }, 'customerId must not be empty'],
    ['half a piece', { ...given, quantity: 0.5 }, 'quantity must be a whole number from 1 to 1000000'],
    ['none', { ...given, quantity: 0 }, 'quantity must be a whole number from 1 to 1000000'],
    ['too many', { ...given, quantity: 1e21 }, 'quantity must be a whole number from 1 to 1000000'],
    ['a city of number', { ...given, pickupAddress: { ...address, city: 7 } }, 'pickupAddress.city must be a string'],
    ['no address', { ...given, destinationAddress: null }, 'destinationAddress must be an object'],
    [
      'a day that there is not',
      { ...given, pickupDate: '2026-02-29T08:30' },
      'pickupDate must be a date and time such as 2026-03-01T08:30',
    ],
    [
      'a zone',
      { ...given, pickupDate: '2026-02-28T08:30+01:00' },
      'pickupDate must be a date and time such as 2026-03-01T08:30',
    ],
    [
      'delivery before pickup',
      { ...given, expectedDeliveryDate: '2026-11-30T00:00' },
      'expectedDeliveryDate must not be before pickupDate',
    ],
    [
      'a third of a cent',
      { ...given, items: [{ sku: 'A', quantity: 1, unitPrice: 0.333 }] },
      'items[0].unitPrice must be an amount with at most two decimals, up to 99999999.99',
    ],
    [
      'a price in words',
      { ...given, items: [{ sku: 'A', quantity: 1, unitPrice: 'much' }] },
      'items[0].unitPrice must be an amount with at most two decimals, up to 99999999.99',
    ],
    [
      'more than a total holds',
      { ...given, items: [{ sku: 'A', quantity: 1_000_000, unitPrice: '99999999.99' }] },
      'The total of all items must not be above 9999999999.99',
    ],
    [
      'one line twice',
      { ...given, items: [1, 1].map((lineNo) => ({ lineNo, sku: 'A', quantity: 1, unitPrice: 1 })) },
      'items must not name the same lineNo twice',
    ],
    [
      'a hundred and one lines',
      { ...given, items: Array(101).fill({ sku: 'A', quantity: 1, unitPrice: 1 }) },
      'items must have at most 100 entries',
    ],
    ['a NUL', { ...given, terms: 'a\0b' }, 'terms has a character that cannot be stored'],
    ['half a character', { ...given, tags: ['\ud83d'] }, 'tags[0] has a character that cannot be stored'],
    ['a currency of old', { ...given, currency: 'eur' }, 'currency must be three capital letters'],
    [
      'a name as long as a page',
      { ...given, productId: 'P'.repeat(201) },
      'productId must have at most 200 characters',
    ],
  ])('with %s is refused', (_name, wrong, because) => {
    expect(readDraft(wrong, place)).toEqual({ kind: 'refused', because });
  });
});
