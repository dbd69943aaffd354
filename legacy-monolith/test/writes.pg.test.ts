import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InjectOptions } from 'fastify';
import { NOW, openDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;
beforeAll(async () => {
  desk = await openDesk(200, 40);
});
afterAll(async () => {
  await desk?.close();
});

const address = { street: 'Dock 1', city: 'Hamburg', country: 'Germany', state: null, zipcode: '20457' };
const draft = {
  productId: 'P-SALMON',
  customerId: 'C-000007',
  quantity: 30,
  pickupAddress: address,
  destinationAddress: { ...address, city: 'Singapore' },
  pickupDate: '2026-03-02T08:30',
  expectedDeliveryDate: '2026-06-01T08:30',
  items: [
    { sku: 'A', description: null, quantity: 2, unitPrice: 12.5 },
    { sku: 'B', description: 'two', quantity: 1, unitPrice: 0.1 },
    { sku: 'C', description: '', quantity: 3, unitPrice: 1 },
  ],
};

interface Answer {
  status: number;
  body: Record<string, unknown> & { items?: Record<string, unknown>[]; orderId?: string; error?: string };
  headers: Record<string, unknown>;
}

async function send(
  method: 'POST' | 'PUT',
  url: string,
  payload?: InjectOptions['payload'],
  type?: string,
): Promise<Answer> {
  const options: InjectOptions = { method, url };
  if (payload !== undefined) options.payload = payload;
  if (type !== undefined) options.headers = { 'content-type': type };
  const answer = await desk.app.inject(options);
  return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
}

async function create(change: object = {}): Promise<string> {
  const { status, body } = await send('POST', '/api/orders', { ...draft, ...change });
  expect({ status, error: body.error }).toEqual({ status: 201, error: undefined });
  return body.orderId!;
}

async function numbers(text: string): Promise<Record<string, number>> {
  return (await desk.pool.query<Record<string, number>>(text)).rows[0]!;
}

describe('POST /api/orders', () => {
  test('takes an order in, and gives it an id of digits', async () => {
    const { status, body, headers } = await send('POST', '/api/orders', draft);
    expect(status).toBe(201);
    expect(body.orderId).toMatch(/^\d+$/);
    expect(headers['location']).toBe(`/api/orders/${body.orderId}`);
    expect(body).toMatchObject({
      status: 'created',
      total: 28.1,
      currency: 'EUR',
      voyageId: null,
      containerIds: [],
      items: [{ lineNo: 1, sku: 'A' }, { lineNo: 2 }, { lineNo: 3, unitPrice: 1 }],
      serverTime: NOW,
    });
    const read = await desk.app.inject({ method: 'GET', url: String(headers['location']) });
    expect(read.json()).toEqual(body);
  });

  test('keeps the digits of special instructions', async () => {
    const text = JSON.stringify(draft).replace(/\}$/, ',"specialInstructions":{"n":12345678901234567890.10,"p":1.0}}');
    const answer = await desk.app.inject({
      method: 'POST',
      url: '/api/orders',
      payload: text,
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.body).toContain('"specialInstructions":{"n": 12345678901234567890.10, "p": 1.0}');
  });

  test('null instructions are none', async () => {
    const id = await create({ specialInstructions: null });
    expect(
      await numbers(`SELECT count(*)::int AS n FROM orders WHERE order_id = '${id}' AND special_instructions IS NULL`),
    ).toEqual({ n: 1 });
  });

  test.each<[string, unknown, string | undefined, number, string | RegExp]>([
    ['no body', undefined, undefined, 400, 'order must be an object'],
    ['half a body', '{"productId":', 'application/json', 400, 'Malformed JSON'],
    ['an empty body', '', 'application/json', 400, 'Malformed JSON'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json', 400, 'Malformed JSON'],
    ['a list', '[]', 'application/json; charset=utf-8', 400, 'order must be an object'],
    ['a missing field', { ...draft, productId: undefined }, undefined, 400, 'productId must be a string'],
    [
      'a customer that there is not',
      { ...draft, customerId: 'C-999999' },
      undefined,
      400,
      'Customer C-999999 not found',
    ],
    [
      'a NUL in instructions',
      { ...draft, specialInstructions: '\0' },
      undefined,
      400,
      /^specialInstructions cannot be stored: /,
    ],
    ['text', 'x', 'text/plain', 415, 'Unsupported media type: text/plain'],
    [
      'a form',
      'a=b',
      'application/x-www-form-urlencoded',
      415,
      'Unsupported media type: application/x-www-form-urlencoded',
    ],
    ['XML', '<a/>', 'text/xml', 415, 'Unsupported media type: text/xml'],
    ['UTF-16', '{}', 'application/json; charset=utf-16', 415, 'Unsupported charset: utf-16'],
    ['more than a megabyte', `"${'x'.repeat(1024 * 1024)}"`, 'application/json', 413, 'Body too large'],
  ])('refuses %s', async (_name, ...rest) => {
    const [payload, type, status, error] = rest;
    const before = await numbers('SELECT count(*)::int AS n FROM orders');
    const answer = await send('POST', '/api/orders', payload as InjectOptions['payload'], type);
    expect(answer).toMatchObject({ status, body: { serverTime: NOW } });
    expect(answer.body.error).toMatch(error);
    expect(await numbers('SELECT count(*)::int AS n FROM orders')).toEqual(before);
  });

  test('endless nesting is refused, not a crash', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const text = JSON.stringify(draft).replace(/\}$/, `,"specialInstructions":${deep}}`);
    const answer = await send('POST', '/api/orders', text, 'application/json');
    expect(answer.status).toBe(400);
    expect((await desk.app.inject('/healthz')).statusCode).toBe(200);
  });
});

describe('PUT /api/orders/:orderId', () => {
  test('makes an order what it is told, and renumbers its lines', async () => {
    const id = await create();
    const items = [
      { lineNo: 3, sku: 'C', quantity: 9, unitPrice: 1 },
      { sku: 'new', quantity: 1, unitPrice: '2.00' },
      { lineNo: 1, sku: 'A', quantity: 2, unitPrice: 12.5 },
    ];
    const { status, body } = await send('PUT', `/api/orders/${id}`, {
      ...draft,
      items,
      terms: 'FOB',
      tags: ['a', null],
      quantity: 5,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      orderId: id,
      status: 'created',
      total: 36,
      terms: 'FOB',
      tags: ['a', null],
      quantity: 5,
    });
    expect(body.items!.map((item) => [item['lineNo'], item['sku'], item['quantity']])).toEqual([
      [1, 'C', 9],
      [2, 'new', 1],
      [3, 'A', 2],
    ]);
  });

  test('an answer sent back changes nothing but the time of the update', async () => {
    const id = await create({ specialInstructions: { a: [1.5] }, tags: [] });
    const before = (await desk.app.inject(`/api/orders/${id}`)).json<object>();
    const { body } = await send('PUT', `/api/orders/${id}`, before);
    expect({ ...body, updatedAt: '' }).toEqual({ ...before, updatedAt: '' });
  });

  test('does not touch an address that other orders share', async () => {
    const [one, other] = [await create(), await create()];
    await send('PUT', `/api/orders/${one}`, { ...draft, pickupAddress: { ...address, street: 'Elsewhere' } });
    expect((await desk.app.inject(`/api/orders/${other}`)).json()).toMatchObject({
      pickupAddress: { street: 'Dock 1' },
    });
  });

  test('is a 404 for an order that there is not, and a 400 before that for nonsense', async () => {
    expect(await send('PUT', '/api/orders/nope', draft)).toMatchObject({
      status: 404,
      body: { error: 'Order nope not found' },
    });
    expect(await send('PUT', '/api/orders/nope', {})).toMatchObject({ status: 400 });
  });

  test('is a 500 once the order is booked', async () => {
    const id = await create();
    await send('POST', `/api/orders/${id}/book`);
    expect(await send('PUT', `/api/orders/${id}`, draft)).toMatchObject({
      status: 500,
      body: { error: `Order ${id} is assigned and cannot be updated`, serverTime: NOW },
    });
  });
});

describe('booking and cancelling', () => {
  const world = `SELECT (SELECT sum(booked)::int FROM voyages) AS booked,
    (SELECT count(*)::int FROM containers WHERE status = 'empty') AS empty, (SELECT count(*)::int FROM order_containers) AS links`;

  test('takes a voyage and containers, and gives them back', async () => {
    const id = await create();
    const before = await numbers(world);
    const booked = await send('POST', `/api/orders/${id}/book`);
    expect(booked).toMatchObject({ status: 200, body: { status: 'assigned', serverTime: NOW } });
    const taken = booked.body['containerIds'] as string[];
    expect(await numbers(world)).toEqual({
      booked: before['booked']! + 30,
      empty: before['empty']! - taken.length,
      links: before['links']! + taken.length,
    });
    const [voyage] = (await desk.app.inject('/api/voyages?destination=Singapore&status=scheduled'))
      .json<{ items: { voyageId: string; departs: string }[] }>()
      .items.filter((one) => one.departs > draft.pickupDate);
    expect(booked.body['voyageId']).toBe(voyage?.voyageId);

    const cancelled = await send('POST', `/api/orders/${id}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled', voyageId: null, containerIds: [] } });
    expect(await numbers(world)).toEqual(before);
  });

  test.each([
    ['no voyage goes there', { destinationAddress: { ...address, city: 'Atlantis' } }],
    [
      'every voyage left before the pickup',
      { pickupDate: '2999-01-01T00:00', expectedDeliveryDate: '2999-01-02T00:00' },
    ],
    ['nothing carries that much', { quantity: 1_000_000 }],
    ['no container stands there', { pickupAddress: { ...address, city: 'Atlantis' } }],
  ])('rejects when %s, and takes nothing', async (_name, change) => {
    const id = await create(change);
    const before = await numbers(world);
    expect(await send('POST', `/api/orders/${id}/book`)).toMatchObject({
      status: 200,
      body: { status: 'rejected', voyageId: null, containerIds: [] },
    });
    expect(await numbers(world)).toEqual(before);
  });

  test('bookings at once never take a container twice nor overload a voyage', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 30; index += 1) ids.push(await create({ quantity: 45 }));
    const answers = await Promise.all(ids.map((id) => send('POST', `/api/orders/${id}/book`)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    const outcomes = answers.map((answer) => answer.body['status']);
    expect(outcomes).toContain('assigned');
    expect(outcomes).toContain('rejected');
    const containers = answers.flatMap((answer) => answer.body['containerIds'] as string[]);
    expect(new Set(containers).size).toBe(containers.length);
    await Promise.all(ids.map((id) => send('POST', `/api/orders/${id}/cancel`)));
  });

  test('of one order, only one of many bookings at once is accepted', async () => {
    const id = await create();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send('POST', `/api/orders/${id}/book`)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(
      answers.filter((answer) => answer.body.error === `Order ${id} is assigned and cannot be booked`),
    ).toHaveLength(7);
  });

  test.each(['rejected', 'cancelled', 'spoilt'])('nothing can be done to what is %s', async (status) => {
    const found = await desk.pool.query<{ order_id: string }>(
      'SELECT order_id FROM orders WHERE status = $1::order_status LIMIT 1',
      [status],
    );
    const id = found.rows[0]!.order_id;
    for (const [verb, done] of [
      ['book', 'booked'],
      ['cancel', 'cancelled'],
    ]) {
      expect(await send('POST', `/api/orders/${id}/${verb}`)).toMatchObject({
        status: 500,
        body: { error: `Order ${id} is ${status} and cannot be ${done}` },
      });
    }
  });

  test('a booked order of the seed can be cancelled though it holds nothing', async () => {
    const found = await desk.pool.query<{ order_id: string }>(
      `SELECT order_id FROM orders WHERE status = 'booked' LIMIT 1`,
    );
    const answer = await send('POST', `/api/orders/${found.rows[0]!.order_id}/cancel`);
    expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });

  test('an order that there is not is a 404', async () => {
    for (const verb of ['book', 'cancel']) {
      expect(await send('POST', `/api/orders/nope/${verb}`)).toMatchObject({
        status: 404,
        body: { error: 'Order nope not found' },
      });
    }
  });
});
