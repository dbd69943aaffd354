import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NOW, openDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(async () => {
  await desk?.close();
});

type Json = Record<string, unknown>;
type Row = Record<string, unknown>;

async function get(url: string): Promise<{ status: number; body: Json; text: string; type: unknown }> {
  const answer = await desk.app.inject({ method: 'GET', url });
  return {
    status: answer.statusCode,
    body: answer.json<Json>(),
    text: answer.body,
    type: answer.headers['content-type'],
  };
}

async function rows(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await desk.pool.query<Row>(text, values)).rows;
}

describe('an order', () => {
  test('is shown whole, with null for what is not there', async () => {
    const [found] = await rows(
      `SELECT o.order_id, o.total::text, o.pickup_date::text FROM orders o
       WHERE voyage_id IS NULL AND terms IS NULL AND tags IS NULL AND special_instructions IS NULL LIMIT 1`,
    );
    const { status, body, type } = await get(`/api/orders/${String(found?.['order_id'])}`);
    expect({ status, type }).toEqual({ status: 200, type: 'application/json; charset=utf-8' });
    expect(Object.keys(body).join(' ')).toBe(
      'orderId productId customerId quantity pickupAddress destinationAddress pickupDate expectedDeliveryDate status ' +
        'voyageId containerIds items total currency tags specialInstructions terms createdAt updatedAt serverTime',
    );
    expect(body).toMatchObject({
      voyageId: null,
      terms: null,
      tags: null,
      specialInstructions: null,
      containerIds: [],
      total: Number(found?.['total']),
      pickupDate: String(found?.['pickup_date']).replace(' ', 'T').slice(0, 16),
      serverTime: NOW,
    });
  });

  test('keeps every digit of money and of special instructions', async () => {
    const [exact] = await rows(
      `SELECT order_id, special_instructions::text AS text FROM orders WHERE special_instructions ? 'beyond' LIMIT 1`,
    );
    const order = await get(`/api/orders/${String(exact?.['order_id'])}`);
    expect(order.text).toContain(`"specialInstructions":${String(exact?.['text'])}`);
    const [large] = await rows(`SELECT order_id FROM orders WHERE total = 9999999999.99 LIMIT 1`);
    expect((await get(`/api/orders/${String(large?.['order_id'])}`)).text).toContain('"total":9999999999.99,');
  });

  test('shows what every hard text is in the database', async () => {
    const texts = await rows(
      `SELECT o.order_id, i.line_no, i.description FROM order_items i JOIN orders o USING (order_key)
       WHERE i.description ~ '[^ -~]' OR i.description ~ '["\\\\]'`,
    );
    expect(texts.length).toBeGreaterThan(30);
    for (const { order_id: id, line_no: lineNo, description } of texts) {
      const { body } = await get(`/api/orders/${String(id)}`);
      expect((body['items'] as Row[]).find((item) => item['lineNo'] === lineNo)).toMatchObject({ description });
    }
  });

  test('an assigned one names its voyage and its containers in order', async () => {
    const [found] = await rows(
      `SELECT o.order_id, v.voyage_no, array_agg(c.container_no ORDER BY c.container_no) AS containers
       FROM orders o JOIN voyages v USING (voyage_id) JOIN order_containers USING (order_key) JOIN containers c USING (container_id)
       GROUP BY 1, 2 HAVING count(*) > 2 LIMIT 1`,
    );
    expect((await get(`/api/orders/${String(found?.['order_id'])}`)).body).toMatchObject({
      voyageId: found?.['voyage_no'],
      containerIds: found?.['containers'],
    });
  });

  test('answers HEAD as GET, without a body', async () => {
    const head = await desk.app.inject({ method: 'HEAD', url: '/api/orders/7' });
    const whole = await desk.app.inject({ method: 'GET', url: '/api/orders/7' });
    expect({ status: head.statusCode, body: head.body, length: head.headers['content-length'] }).toEqual({
      status: 200,
      body: '',
      length: whole.headers['content-length'],
    });
  });
});

describe('a page', () => {
  test('holds the newest by creation and then by id as bytes, in an order of its own', async () => {
    const expected = await rows(
      'SELECT order_id FROM orders ORDER BY created_at DESC, order_id COLLATE "C" DESC LIMIT 100 OFFSET 100',
    );
    const { body } = await get('/api/orders?page=1&size=100');
    const shown = (body['items'] as Row[]).map((order) => order['orderId']);
    const wanted = expected.map((row) => row['order_id']);
    expect(new Set(shown)).toEqual(new Set(wanted));
    expect(shown).not.toEqual(wanted);
    expect(body).toMatchObject({ page: 1, size: 100, total: 400, serverTime: NOW });
  });

  test('the id decides among orders of one moment, as text', async () => {
    // Orders 1 to 9 of the seed share their moment, which is the oldest: as bytes, 1 is the last of them.
    const { body } = await get('/api/orders?page=399&size=1');
    expect((body['items'] as Row[])[0]).toMatchObject({ orderId: '1' });
  });

  test('leaves terms out, and only them', async () => {
    const { body } = await get('/api/orders?size=100');
    for (const order of body['items'] as Row[]) {
      expect('terms' in order).toBe(false);
      expect('specialInstructions' in order).toBe(true);
    }
  });

  test('pages neither miss an order nor show one twice', async () => {
    const seen: unknown[] = [];
    for (let page = 0; ; page += 1) {
      const { status, body } = await get(`/api/orders?page=${page}&size=33`);
      if (status === 404) break;
      seen.push(...(body['items'] as Row[]).map((order) => order['orderId']));
    }
    expect(seen.length).toBe(400);
    expect(new Set(seen).size).toBe(400);
  });

  test('filters by customer and status together', async () => {
    const [found] = await rows(
      `SELECT cu.customer_no, count(*)::int AS n FROM orders JOIN customers cu USING (customer_id)
       WHERE status = 'assigned' GROUP BY 1 ORDER BY 2 DESC LIMIT 1`,
    );
    const { body } = await get(`/api/orders?customerId=${String(found?.['customer_no'])}&status=ASSigned&size=100`);
    expect(body['total']).toBe(found?.['n']);
    for (const order of body['items'] as Row[]) {
      expect(order).toMatchObject({ customerId: found?.['customer_no'], status: 'assigned' });
    }
  });

  test('of a customer is the same as filtered by the customer', async () => {
    const [one, two] = [
      await get('/api/customers/C-000001/orders?size=3'),
      await get('/api/orders?customerId=C-000001&size=3'),
    ];
    expect(one.status).toBe(200);
    expect(one.body).toEqual(two.body);
  });
});

describe('voyages, containers and reports', () => {
  test('voyages to a city come from all its ports, by departure', async () => {
    const { body } = await get('/api/voyages?destination=Rotterdam');
    const items = body['items'] as {
      departs: string;
      destination: Row;
      free: number;
      capacity: number;
      booked: number;
    }[];
    expect(new Set(items.map((voyage) => voyage.destination['code']))).toEqual(new Set(['NLRTM', 'NLEUR']));
    expect(items.map((voyage) => voyage.departs)).toEqual(
      items.map((voyage) => voyage.departs).sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(items.every((voyage) => voyage.free === voyage.capacity - voyage.booked)).toBe(true);
    expect(body).toMatchObject({ total: items.length, serverTime: NOW });
    expect((await get('/api/voyages')).body).toMatchObject({ total: 300 });
  });

  test('containers of a city whose name is not ASCII are found', async () => {
    const { body } = await get(`/api/containers?city=${encodeURIComponent('İzmir')}&status=in_TRANSIT`);
    const items = body['items'] as Row[];
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((one) => one['city'] === 'İzmir' && one['status'] === 'in_transit')).toBe(true);
    expect(items.every((one) => typeof one['tareKg'] === 'number')).toBe(true);
    const ids = items.map((one) => String(one['containerId']));
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test('a report counts what was too warm and what was without power', async () => {
    const reports = await rows(
      `SELECT o.order_id, c.container_no, count(*) FILTER (WHERE r.temperature > -15)::int AS warm,
         count(*) FILTER (WHERE NOT r.power)::int AS dark, count(*)::int AS n, round(avg(r.temperature), 2)::float8 AS average
       FROM orders o JOIN order_containers USING (order_key) JOIN containers c USING (container_id)
       JOIN container_readings r USING (container_id) GROUP BY 1, 2`,
    );
    expect(reports.some((row) => Number(row['warm']) > 0) && reports.some((row) => Number(row['dark']) > 0)).toBe(true);
    for (const row of reports) {
      const { body } = await get(`/api/reports/cold-chain/${String(row['order_id'])}`);
      const shown = (body['containers'] as Row[]).find((one) => one['containerId'] === row['container_no']);
      expect(shown).toMatchObject({
        readings: row['n'],
        excursions: row['warm'],
        powerLosses: row['dark'],
        averageTemperature: row['average'],
      });
      const all = body['containers'] as { excursions: number; powerLosses: number }[];
      expect(body['compliant']).toBe(all.every((one) => one.excursions === 0 && one.powerLosses === 0));
    }
  });

  test('a container without readings has nulls, an order without containers none', async () => {
    const [silent] = await rows(
      `SELECT o.order_id, c.container_no FROM orders o JOIN order_containers USING (order_key) JOIN containers c USING (container_id)
       WHERE NOT EXISTS (SELECT FROM container_readings r WHERE r.container_id = c.container_id) LIMIT 1`,
    );
    const { body } = await get(`/api/reports/cold-chain/${String(silent?.['order_id'])}`);
    expect((body['containers'] as Row[]).find((one) => one['containerId'] === silent?.['container_no'])).toEqual({
      containerId: silent?.['container_no'],
      readings: 0,
      minTemperature: null,
      maxTemperature: null,
      averageTemperature: null,
      excursions: 0,
      powerLosses: 0,
      from: null,
      to: null,
    });
    const [bare] = await rows(`SELECT order_id FROM orders WHERE status = 'created' LIMIT 1`);
    const orderId = bare?.['order_id'];
    expect((await get(`/api/reports/cold-chain/${String(orderId)}`)).body).toEqual({
      orderId,
      compliant: true,
      containers: [],
      serverTime: NOW,
    });
  });
});

test.each([
  ['/api/orders/nope', 404, 'Order nope not found'],
  ['/api/orders/%E4%B8%8A%22%5C', 404, 'Order 上"\\ not found'],
  ['/api/orders/a%00b', 404, 'Order a\0b not found'],
  ['/api/orders/01', 404, 'Order 01 not found'],
  [`/api/orders/${'9'.repeat(600)}`, 404, `Order ${'9'.repeat(600)} not found`],
  ['/api/reports/cold-chain/0', 404, 'Order 0 not found'],
  ['/api/customers/C-999999/orders', 404, 'Customer C-999999 not found'],
  ['/api/customers/C-000060/orders', 404, 'Nothing found'],
  ['/api/customers/C-999999/orders?size=0', 400, 'Invalid size: 0'],
  ['/api/orders?customerId=C-999999', 404, 'Nothing found'],
  ['/api/orders?customerId=', 404, 'Nothing found'],
  ['/api/orders?customerId=c-000001', 404, 'Nothing found'],
  ['/api/orders?page=1000000&size=100', 404, 'Nothing found'],
  ['/api/orders?page=1.5', 400, 'Invalid page: 1.5'],
  ['/api/orders?page', 400, 'Invalid page: '],
  ['/api/orders?size=%2B5', 400, 'Invalid size: +5'],
  ['/api/orders?status=Booked&status=booked', 400, 'Parameter status given more than once'],
  ['/api/orders?status=shipped', 400, 'Invalid status: shipped'],
  ['/api/voyages?destination=Atlantis', 404, 'Nothing found'],
  ['/api/voyages?status=created', 400, 'Invalid status: created'],
  ['/api/containers?city=rotterdam', 404, 'Nothing found'],
  ['/api/containers?city=a%00', 404, 'Nothing found'],
  ['/api/containers?status=', 400, 'Invalid status: '],
  ['/api/unknown', 404, 'Not found'],
  ['/api/orders/', 404, 'Not found'],
  ['/api/ORDERS/1', 404, 'Not found'],
  ['/', 404, 'Not found'],
  ['/api/orders/%zz', 400, 'Malformed URL'],
])('GET %s is %d', async (url, status, error) => {
  const answer = await get(url);
  expect({ status: answer.status, body: answer.body, type: answer.type }).toEqual({
    status,
    body: { error, serverTime: NOW },
    type: 'application/json; charset=utf-8',
  });
});

test('an unknown parameter is ignored, even twice', async () => {
  expect((await get('/api/orders?sort=asc&sort=desc&size=1')).status).toBe(200);
});

test('healthz says that it lives, readyz that the database answers', async () => {
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(200);
});
