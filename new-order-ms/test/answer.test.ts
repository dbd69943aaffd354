import { describe, expect, test } from 'vitest';
import {
  coldChainAnswer,
  containersAnswer,
  errorAnswer,
  orderAnswer,
  pageAnswer,
  voyagesAnswer,
} from '@banyan/new-order-ms/core/answer';
import { parseExact } from '@banyan/new-order-ms/core/json';

const order = {
  order_id: '4711',
  product_id: 'P-1',
  customer_no: 'C-000042',
  quantity: '12',
  pickup_street: 'Quay 1',
  pickup_city: 'Oslo',
  pickup_country: 'NO',
  pickup_state: null,
  pickup_zipcode: '0150',
  destination_street: '1 "Main" St',
  destination_city: 'Boston',
  destination_country: 'US',
  destination_state: 'MA',
  destination_zipcode: '02108',
  pickup_date: '2026-03-01 08:30:00',
  expected_delivery: '2026-03-20 00:00:00.5',
  status: 'created',
  voyage_no: null,
  total: '605.00',
  currency: 'EUR',
  tags: null,
  special_instructions: '{"n": 9007199254740993, "z": 1.0, "x": null}',
  created_at: '2026-02-01 10:00:00.123456',
  updated_at: '2026-02-01 10:00:00.999999+00',
  container_ids: null,
  items: null,
};

describe('an order', () => {
  test('shows what the contract says, in its forms, and leaves out what has no value', () => {
    expect(orderAnswer({ ...order, terms: null })).toBe(
      '{"orderId":"4711","productId":"P-1","customerId":"C-000042","quantity":12,' +
        '"pickupAddress":{"street":"Quay 1","city":"Oslo","country":"NO","zipcode":"0150"},' +
        '"destinationAddress":{"street":"1 \\"Main\\" St","city":"Boston","country":"US","state":"MA","zipcode":"02108"},' +
        '"pickupDate":"2026-03-01T08:30:00.000Z","expectedDeliveryDate":"2026-03-20T00:00:00.500Z","status":"created",' +
        '"containerIds":[],"items":[],"total":"605.00","currency":"EUR",' +
        '"specialInstructions":{"n": 9007199254740993, "z": 1.0, "x": null},' +
        '"createdAt":"2026-02-01T10:00:00.123Z","updatedAt":"2026-02-01T10:00:00.999Z"}',
    );
  });

  test('numbers of its instructions keep every digit', () => {
    expect(parseExact(orderAnswer(order))).toMatchObject({ specialInstructions: { n: 9007199254740993n } });
  });

  test('instructions that are null are null, and not left out: null is a JSON value', () => {
    expect(orderAnswer({ ...order, special_instructions: 'null' })).toContain('"specialInstructions":null');
  });

  test('with everything it has', () => {
    const full = orderAnswer({
      ...order,
      voyage_no: 'V-00017',
      tags: '["a",null]',
      container_ids: '["REEF1", "REEF2"]',
      items: '{"lineNo":1,"sku":"A","quantity":2,"unitPrice":"12.50"}',
      terms: 'small print',
    });
    expect(JSON.parse(full)).toMatchObject({
      voyageId: 'V-00017',
      tags: ['a', null],
      containerIds: ['REEF1', 'REEF2'],
      items: [{ lineNo: 1, sku: 'A', quantity: 2, unitPrice: '12.50' }],
      terms: 'small print',
    });
  });
});

test('a page without orders has none, and says how many there are in all', () => {
  expect(pageAnswer([], { page: 3, size: 20 }, '41')).toBe('{"items":[],"page":3,"size":20,"total":41}');
});

test('an error is one sentence', () => {
  expect(errorAnswer('Order "x" not found')).toBe('{"error":"Order \\"x\\" not found"}');
});

test('a voyage names its ports', () => {
  const row = {
    voyage_no: 'V-00017',
    vessel: 'Aurora',
    origin_code: 'NOOSL',
    origin_city: 'Oslo',
    origin_country: 'NO',
    destination_code: 'USBOS',
    destination_city: 'Boston',
    destination_country: 'US',
    departs: '2026-03-02 06:00:00+00',
    arrives: '2026-03-14 18:30:00+00',
    capacity: '100',
    booked: '40',
    free: '60',
    status: 'scheduled',
  };
  expect(JSON.parse(voyagesAnswer([row]))).toEqual({
    items: [
      {
        voyageId: 'V-00017',
        vessel: 'Aurora',
        origin: { code: 'NOOSL', city: 'Oslo', country: 'NO' },
        destination: { code: 'USBOS', city: 'Boston', country: 'US' },
        departs: '2026-03-02T06:00:00.000Z',
        arrives: '2026-03-14T18:30:00.000Z',
        capacity: 100,
        booked: 40,
        free: 60,
        status: 'scheduled',
      },
    ],
    total: 1,
  });
});

test('a container weighs what is stored, digit by digit', () => {
  const row = {
    container_no: 'REEF0000123',
    type: 'RF40',
    city: 'Oslo',
    status: 'empty',
    capacity: '20',
    tare_kg: '2300.000',
    last_maintenance: null,
    features: '[]',
  };
  expect(containersAnswer([row, { ...row, last_maintenance: '2025-11-30' }])).toBe(
    '{"items":[{"containerId":"REEF0000123","type":"RF40","city":"Oslo","status":"empty","capacity":20,"tareKg":"2300.000","features":[]},' +
      '{"containerId":"REEF0000123","type":"RF40","city":"Oslo","status":"empty","capacity":20,"tareKg":"2300.000","lastMaintenance":"2025-11-30","features":[]}],"total":2}',
  );
});

describe('a cold-chain report', () => {
  const none = {
    container_no: null,
    readings: '0',
    coldest: null,
    warmest: null,
    average: null,
    excursions: '0',
    power_losses: '0',
    first_at: null,
    last_at: null,
  };
  const cold = {
    ...none,
    container_no: 'A',
    readings: '3',
    coldest: '-20.50',
    warmest: '-18.00',
    average: '-19.10',
    first_at: '2026-03-02 06:00:00+00',
    last_at: '2026-03-02 08:00:00+00',
  };

  test('of an order without containers is compliant, and empty', () => {
    expect(coldChainAnswer('1', [none])).toBe('{"orderId":"1","compliant":true,"containers":[]}');
  });

  test('shows temperatures as numbers, and leaves out what no reading says', () => {
    expect(JSON.parse(coldChainAnswer('1', [cold, { ...none, container_no: 'B' }]))).toEqual({
      orderId: '1',
      compliant: true,
      containers: [
        {
          containerId: 'A',
          readings: 3,
          minTemperature: -20.5,
          maxTemperature: -18,
          averageTemperature: -19.1,
          excursions: 0,
          powerLosses: 0,
          from: '2026-03-02T06:00:00.000Z',
          to: '2026-03-02T08:00:00.000Z',
        },
        { containerId: 'B', readings: 0, excursions: 0, powerLosses: 0 },
      ],
    });
  });

  test.each([{ excursions: '1' }, { power_losses: '1' }])('is not compliant with %j', (more) => {
    expect(coldChainAnswer('1', [cold, { ...cold, ...more }])).toContain('"compliant":false');
  });
});
