import type { Row } from '@banyan/backbone/core/envelope';
import type { FastifyInstance } from 'fastify';
import type { Delivery } from '@banyan/new-order-ms/core/project';
import { build } from '@banyan/new-order-ms/app';
import { openPool } from '@banyan/new-order-ms/database';
import type { Standing } from '@banyan/new-order-ms/follow';
import { createFreshness } from '@banyan/new-order-ms/freshness';
import { createMetrics } from '@banyan/new-order-ms/metrics';
import type pg from 'pg';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDesk, type Desk } from './desk.ts';
import { at, mark, record, rowOf, table } from './history.ts';

let desk: Desk;
let pool: pg.Pool;
let app: FastifyInstance;
let standing: Standing = { kind: 'following' };
const NOW = 1_700_000_001_500;

let lsn = 10;
const write = (name: string, values: Row, op = 'c'): Delivery => {
  const after = rowOf(name, values);
  const keys = table(name).columns.slice(0, table(name).keys);
  const key = Object.fromEntries(keys.map((column) => [column.name, after[column.name] ?? null]));
  lsn += 10;
  return record({ table: name, op, key, after: op === 'd' ? null : after, at: at(lsn) });
};

const HOUR = 3_600_000_000;
const BASE = 1_772_352_000_000_000; // 2026-03-01T08:00:00Z

function order(key: number, values: Row = {}): Delivery {
  return write('orders', {
    order_key: key,
    order_id: String(1_000 + key),
    product_id: 'P-1',
    customer_id: 1,
    quantity: 12,
    pickup_address: 1,
    destination_address: 2,
    pickup_date: BASE,
    expected_delivery: BASE + 24 * HOUR,
    status: 'created',
    voyage_id: null,
    total: '605.00',
    currency: 'EUR',
    special_instructions: null,
    terms: null,
    tags: null,
    created_at: BASE + key * HOUR,
    updated_at: '2026-03-01T09:00:00.123456Z',
    ...values,
  });
}

const reading = (id: number, container: number, temperature: string, power = true): Delivery =>
  write('container_readings', {
    reading_id: id,
    container_id: container,
    temperature,
    power,
    read_at: `2026-03-02T0${id % 10}:00:00.000000Z`,
  });

beforeAll(async () => {
  desk = await openDesk();
  await desk.apply([
    write('customers', { customer_id: 1, customer_no: 'C-000001' }),
    write('customers', { customer_id: 2, customer_no: 'C-000002' }),
    write('customers', { customer_id: 3, customer_no: 'C-000003' }),
    write('ports', { port_id: 1, code: 'NOOSL', city: 'Oslo', country: 'NO' }),
    write('ports', { port_id: 2, code: 'USBOS', city: 'Boston', country: 'US' }),
    write('addresses', { address_id: 1, street: 'Quay 1', city: 'Oslo', country: 'NO', state: null, zipcode: '0150' }),
    write('addresses', {
      address_id: 2,
      street: '1 "Main" St',
      city: 'Boston',
      country: 'US',
      state: 'MA',
      zipcode: '02108',
    }),
    write('voyages', {
      voyage_id: 7,
      voyage_no: 'V-00007',
      vessel: 'Aurora',
      origin_port: 1,
      destination_port: 2,
      departs: '2026-03-02T06:00:00.000000Z',
      arrives: '2026-03-14T18:30:00.000000Z',
      capacity: 100,
      booked: 40,
      status: 'scheduled',
    }),
    write('voyages', {
      voyage_id: 6,
      voyage_no: 'V-00006',
      vessel: 'Borealis',
      origin_port: 2,
      destination_port: 1,
      departs: '2026-03-02T06:00:00.000000Z',
      arrives: '2026-03-14T18:30:00.000000Z',
      capacity: 10,
      booked: 10,
      status: 'departed',
    }),
    ...['B', 'A', 'C'].map((letter, index) =>
      write('containers', {
        container_id: index + 1,
        container_no: `REEF-${letter}`,
        type: 'RF40',
        city: letter === 'C' ? 'Boston' : 'Oslo',
        status: letter === 'C' ? 'in_transit' : 'empty',
        capacity: 20,
        tare_kg: '2300.000',
        last_maintenance: letter === 'A' ? null : 20_423,
        features: letter === 'A' ? [] : ['gps'],
      }),
    ),
    order(1, {
      special_instructions: '{"n": 9007199254740993, "z": 1.0}',
      tags: ['a', null],
      terms: 'small print',
      voyage_id: 7,
      status: 'assigned',
    }),
    order(2),
    order(3, { customer_id: 2 }),
    order(4, { created_at: BASE + HOUR, order_id: 'a-4' }),
    order(5, { created_at: BASE + HOUR, order_id: 'B-5' }),
    order(6, { order_id: 'gone' }),
    order(6, { order_id: 'gone' }),
    write('order_items', { order_key: 1, line_no: 2, sku: 'B', description: null, quantity: 1, unit_price: '5.00' }),
    write('order_items', {
      order_key: 1,
      line_no: 1,
      sku: 'A',
      description: 'cold "A"',
      quantity: 2,
      unit_price: '12.50',
    }),
    write('order_containers', { order_key: 1, container_id: 1 }),
    write('order_containers', { order_key: 1, container_id: 2 }),
    write('order_containers', { order_key: 2, container_id: 3 }),
    reading(1, 1, '-18.00'),
    reading(2, 1, '-15.00'),
    reading(3, 1, '-18.01'),
    reading(4, 3, '-14.99', false),
    reading(5, 3, '-20.00'),
    // Orders whose customer or address has not arrived, and one that is gone.
    order(8, { customer_id: 99, order_id: 'no-customer', created_at: 0 }),
    order(9, { pickup_address: 99, order_id: 'no-address', created_at: 0 }),
    record({ table: 'orders', op: 'd', key: { order_key: 6 }, at: at(100_000) }),
  ]);
  pool = openPool(desk.url);
  const leader = { progress: null, changed: () => Promise.resolve() };
  app = build({
    pool,
    logger: pino({ level: 'silent' }),
    freshness: createFreshness(pool, leader, () => NOW),
    standing: () => standing,
    metrics: createMetrics({ lagSeconds: () => 1.5, following: () => 1, halted: () => 0, incomplete: () => 0 }),
  });
});
afterAll(async () => {
  await app.close();
  await pool.end();
  await desk.drop();
});

async function get(url: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const { statusCode, body, headers } = await app.inject({ method: 'GET', url });
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  return { status: statusCode, body: JSON.parse(body) };
}

const idsOf = ({ body }: { readonly body: unknown }): readonly string[] =>
  (body as { items: { orderId: string }[] }).items.map(({ orderId }) => orderId);

describe('GET /api/orders/:orderId', () => {
  test('is the whole order', async () => {
    const { body } = await app.inject('/api/orders/1001');
    expect(body).toBe(
      '{"orderId":"1001","productId":"P-1","customerId":"C-000001","quantity":12,' +
        '"pickupAddress":{"street":"Quay 1","city":"Oslo","country":"NO","zipcode":"0150"},' +
        '"destinationAddress":{"street":"1 \\"Main\\" St","city":"Boston","country":"US","state":"MA","zipcode":"02108"},' +
        '"pickupDate":"2026-03-01T08:00:00.000Z","expectedDeliveryDate":"2026-03-02T08:00:00.000Z","status":"assigned",' +
        '"voyageId":"V-00007","containerIds":["REEF-A", "REEF-B"],"items":[' +
        '{"lineNo":1,"sku":"A","description":"cold \\"A\\"","quantity":2,"unitPrice":"12.50"},' +
        '{"lineNo":2,"sku":"B","quantity":1,"unitPrice":"5.00"}],"total":"605.00","currency":"EUR","tags":["a",null],' +
        '"specialInstructions":{"n": 9007199254740993, "z": 1.0},"terms":"small print",' +
        '"createdAt":"2026-03-01T09:00:00.000Z","updatedAt":"2026-03-01T09:00:00.123Z"}',
    );
  });

  test.each([
    ['/api/orders/4711', 'Order 4711 not found'],
    ['/api/orders/gone', 'Order gone not found'],
    ['/api/orders/no-customer', 'Order no-customer not found'],
    ['/api/orders/no-address', 'Order no-address not found'],
    ['/api/orders/a%2Fb%20c', 'Order a/b c not found'],
    ['/api/orders/%00', 'Order \u0000 not found'],
    [`/api/orders/${'x'.repeat(3_000)}`, `Order ${'x'.repeat(3_000)} not found`],
    ["/api/orders/1'%20OR%20'1'='1", "Order 1' OR '1'='1 not found"],
    ['/api/orders/%C3%A9', 'Order é not found'],
    ['/api/orders/', 'Not found'],
    ['/api/orders/1001/', 'Not found'],
    ['/api/orders/1001/history', 'Not found'],
    ['/api', 'Not found'],
    ['/API/orders/1001', 'Not found'],
  ])('%s: 404', async (url, error) => expect(await get(url)).toEqual({ status: 404, body: { error } }));

  test('a path that cannot be decoded is a malformed URL', async () => {
    expect(await get('/api/orders/%zz')).toEqual({ status: 400, body: { error: 'Malformed URL' } });
  });

  test('HEAD has the same headers, and no body', async () => {
    const whole = await app.inject('/api/orders/1001');
    const head = await app.inject({ method: 'HEAD', url: '/api/orders/1001' });
    expect(head.statusCode).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-type']).toBe(whole.headers['content-type']);
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(whole.body)));
    expect((await app.inject({ method: 'HEAD', url: '/api/orders/4711' })).statusCode).toBe(404);
  });

  test('a write is an unknown path as yet, whatever its body', async () => {
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: '/api/orders',
      headers: { 'content-type': 'text/plain' },
      payload: '{',
    });
    expect([statusCode, body]).toEqual([404, '{"error":"Not found"}']);
  });
});

describe('GET /api/orders', () => {
  test('holds the newest first, and of the same moment by the bytes of their ids', async () => {
    const page = await get('/api/orders');
    expect(idsOf(page)).toEqual(['1003', '1002', 'a-4', 'B-5', '1001']);
    expect(page.body).toMatchObject({ page: 0, size: 20 });
  });

  test('has no terms', async () => {
    const { body } = await get('/api/orders?status=assigned');
    expect((body as { items: object[] }).items[0]).not.toHaveProperty('terms');
    expect((body as { items: object[] }).items[0]).toHaveProperty('specialInstructions');
  });

  test.each([
    ['?size=2', ['1003', '1002'], 0, 2],
    ['?size=2&page=1', ['a-4', 'B-5'], 1, 2],
    ['?customerId=C-000001&status=CREATED', ['1002', 'a-4', 'B-5'], 0, 20],
    ['?customerId=C-000002', ['1003'], 0, 20],
    ['?customerId=C-000003', [], 0, 20],
    ['?customerId=c-000002', [], 0, 20],
    ['?customerId=C-999999', [], 0, 20],
    ['?customerId=', [], 0, 20],
    ['?customerId=%00', [], 0, 20],
    ['?status=spoilt', [], 0, 20],
    ['?page=1000000', [], 1_000_000, 20],
    ['?unknown=1&unknown=2&status=Assigned', ['1001'], 0, 20],
  ])('%s', async (query, ids, page, size) => {
    const answer = await get(`/api/orders${query}`);
    expect(answer).toMatchObject({ status: 200, body: { page, size } });
    expect(idsOf(answer)).toEqual(ids);
  });

  test('counts all pages', async () => {
    // Four of them whole, and one whose address has not come.
    expect((await get('/api/orders?size=1&page=3&customerId=C-000001')).body).toMatchObject({ total: 5 });
    expect((await get('/api/orders?size=1&page=999&customerId=C-000002')).body).toMatchObject({ items: [], total: 1 });
    expect((await get('/api/orders?customerId=C-000003')).body).toEqual({ items: [], page: 0, size: 20, total: 0 });
  });

  test.each([
    ['?page=-1', 'Invalid page: -1'],
    ['?page=', 'Invalid page: '],
    ['?page', 'Invalid page: '],
    ['?page=1+', 'Invalid page: 1 '],
    ['?size=0', 'Invalid size: 0'],
    ['?size=101', 'Invalid size: 101'],
    ['?status=', 'Invalid status: '],
    ['?status=lost%20', 'Invalid status: lost '],
    ['?page=0&page=0', 'Parameter page given more than once'],
    ['?customerId=a&customerId=a', 'Parameter customerId given more than once'],
  ])('%s: 400', async (query, error) => {
    expect(await get(`/api/orders${query}`)).toEqual({ status: 400, body: { error } });
  });
});

describe('GET /api/customers/:customerId/orders', () => {
  test('is the page of the customer', async () => {
    const page = await get('/api/customers/C-000001/orders?size=2');
    expect(idsOf(page)).toEqual(['1002', 'a-4']);
    expect(await get('/api/customers/C-000003/orders')).toEqual({
      status: 200,
      body: { items: [], page: 0, size: 20, total: 0 },
    });
  });

  test.each([
    ['/api/customers/C-9/orders', 404, 'Customer C-9 not found'],
    ['/api/customers/%00/orders', 404, 'Customer \u0000 not found'],
    ['/api/customers//orders', 404, 'Customer  not found'],
    ['/api/customers/C-9/orders?size=x', 400, 'Invalid size: x'],
    ['/api/customers/C-000001/orders?page=1&page=2', 400, 'Parameter page given more than once'],
    ['/api/customers/C-000001', 404, 'Not found'],
  ])('%s: %i', async (url, status, error) => expect(await get(url)).toEqual({ status, body: { error } }));

  test('does not look at a status', async () => {
    expect((await get('/api/customers/C-000002/orders?status=lost')).status).toBe(200);
  });
});

describe('GET /api/voyages', () => {
  const ids = async (query: string): Promise<readonly string[]> =>
    ((await get(`/api/voyages${query}`)).body as { items: { voyageId: string }[] }).items.map(
      ({ voyageId }) => voyageId,
    );

  test('are sorted by departure and id, and say what is free', async () => {
    expect(await ids('')).toEqual(['V-00006', 'V-00007']);
    expect(await get('/api/voyages?destination=Boston')).toEqual({
      status: 200,
      body: {
        items: [
          {
            voyageId: 'V-00007',
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
      },
    });
  });

  test.each([
    ['?status=Departed', ['V-00006']],
    ['?status=departed&destination=Boston', []],
    ['?destination=boston', []],
    ['?destination=%00', []],
  ])('%s', async (query, expected) => expect(await ids(query)).toEqual(expected));

  test.each([
    ['?status=booked', 'Invalid status: booked'],
    ['?destination=a&destination=b', 'Parameter destination given more than once'],
  ])('%s: 400', async (query, error) =>
    expect(await get(`/api/voyages${query}`)).toEqual({ status: 400, body: { error } }),
  );
});

describe('GET /api/containers', () => {
  test('are sorted by id', async () => {
    expect(await get('/api/containers')).toMatchObject({
      status: 200,
      body: { items: [{ containerId: 'REEF-A' }, { containerId: 'REEF-B' }, { containerId: 'REEF-C' }], total: 3 },
    });
    expect(await get('/api/containers?city=Oslo&status=EMPTY')).toEqual({
      status: 200,
      body: {
        items: [
          {
            containerId: 'REEF-A',
            type: 'RF40',
            city: 'Oslo',
            status: 'empty',
            capacity: 20,
            tareKg: '2300.000',
            features: [],
          },
          {
            containerId: 'REEF-B',
            type: 'RF40',
            city: 'Oslo',
            status: 'empty',
            capacity: 20,
            tareKg: '2300.000',
            lastMaintenance: '2025-12-01',
            features: ['gps'],
          },
        ],
        total: 2,
      },
    });
  });

  test.each([
    ['?city=Paris', 0],
    ['?city=%00', 0],
    ['?status=In_Transit', 1],
  ])('%s', async (query, total) => expect((await get(`/api/containers${query}`)).body).toMatchObject({ total }));

  test('an unknown status is refused', async () => {
    expect(await get('/api/containers?status=full')).toEqual({ status: 400, body: { error: 'Invalid status: full' } });
  });
});

describe('GET /api/reports/cold-chain/:orderId', () => {
  test('tells the history of each container, to the edge of -15 °C', async () => {
    expect(await get('/api/reports/cold-chain/1001')).toEqual({
      status: 200,
      body: {
        orderId: '1001',
        compliant: true,
        containers: [
          { containerId: 'REEF-A', readings: 0, excursions: 0, powerLosses: 0 },
          {
            containerId: 'REEF-B',
            readings: 3,
            minTemperature: -18.01,
            maxTemperature: -15,
            averageTemperature: -17,
            excursions: 0,
            powerLosses: 0,
            from: '2026-03-02T01:00:00.000Z',
            to: '2026-03-02T03:00:00.000Z',
          },
        ],
      },
    });
  });

  test('is not compliant after a warm reading or a power loss, rounds half away from zero', async () => {
    expect((await get('/api/reports/cold-chain/1002')).body).toMatchObject({
      compliant: false,
      containers: [{ containerId: 'REEF-C', averageTemperature: -17.5, excursions: 1, powerLosses: 1 }],
    });
  });

  test('of an order without containers is empty, of an unknown one 404', async () => {
    expect((await get('/api/reports/cold-chain/1003')).body).toEqual({
      orderId: '1003',
      compliant: true,
      containers: [],
    });
    expect(await get('/api/reports/cold-chain/x')).toEqual({ status: 404, body: { error: 'Order x not found' } });
    expect(await get('/api/reports/cold-chain/')).toEqual({ status: 404, body: { error: 'Not found' } });
  });
});

describe('health and freshness', () => {
  test('ready once the first snapshot has been applied, and never while halted', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      body: { because: expect.stringContaining('snapshot') as string },
    });
    await desk.apply([mark({ lsn: '0/20', ends: {}, offset: 0n })]);
    expect((await get('/readyz')).status).toBe(200);
    standing = { kind: 'halted', because: 'column orders.total is missing' };
    expect(await get('/readyz')).toEqual({
      status: 503,
      body: { status: 'unavailable', because: 'column orders.total is missing' },
    });
    expect((await get('/api/orders/1001')).status).toBe(200);
    standing = { kind: 'following' };
  });

  test('a process that does not lead tells what the database says', async () => {
    const body = { model: 'orders', applied: [{ source: 'legacy', epoch: '1.1.1', lsn: '0/20' }], lagMs: 1_500 };
    expect(await get('/freshness')).toEqual({ status: 200, body });
    expect(await get('/freshness?atLeast=orders%3Dlegacy.1.1.1.0%2F20')).toEqual({ status: 200, body });
    expect(await get('/freshness?atLeast=orders=legacy.1.1.1.0/21')).toEqual({ status: 409, body });
    expect(await get('/freshness?atLeast=orders=legacy.9.9.9.0/21')).toEqual({ status: 200, body });
  });

  test.each(['?atLeast=', '?atLeast=x', '?wait=x', '?atLeast=a&atLeast=b', '?wait=1ms&wait=2ms'])(
    '/freshness%s: 400',
    async (query) => {
      expect((await get(`/freshness${query}`)).status).toBe(400);
    },
  );

  test('metrics say what was read', async () => {
    const { body } = await app.inject('/metrics');
    expect(body).toContain('orders_lag_seconds 1.5');
    expect(body).toMatch(/orders_request_seconds_count\{route="\/api\/orders\/:orderId",status="404"\} \d+/);
  });
});
