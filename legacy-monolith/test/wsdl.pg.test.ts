import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AddressInfo } from 'node:net';
import soap from 'soap';
import { openDesk, type TestDesk } from './desk.ts';
import { parse } from './schema.ts';

let desk: TestDesk;
let base: string;
beforeAll(async () => {
  desk = await openDesk(100, 20);
  await desk.app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(desk.app.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await desk?.close();
});

async function fetched(url: string): Promise<string> {
  const answer = await fetch(url);
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'text/xml; charset=utf-8',
  });
  return answer.text();
}

test.each(['OrderService', 'VoyageService'])(
  'the WSDL of %s leads to all its schemas, and to this host',
  async (name) => {
    const waiting = [`${base}/soap/${name}?wsdl`];
    const seen = new Set<string>();
    for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
      if (seen.has(url)) continue;
      seen.add(url);
      const text = await fetched(url);
      expect(() => parse(text)).not.toThrow();
      for (const [, location] of text.matchAll(/schemaLocation="([^"]*)"/g)) waiting.push(location!);
      for (const [, location] of text.matchAll(/address location="([^"]*)"/g))
        expect(location).toBe(`${base}/soap/${name}`);
    }
    const own = name === 'OrderService' ? 'orders.xsd' : 'voyages.xsd';
    expect(seen).toEqual(
      new Set(['wsdl', `xsd=${own}`, 'xsd=common.xsd'].map((query) => `${base}/soap/${name}?${query}`)),
    );
  },
);

test('a client may ask for it in any of the usual ways', async () => {
  const [one, ...others] = await Promise.all(
    ['wsdl', 'WSDL', 'wsdl=OrderService.wsdl', 'Wsdl=1'].map((query) => fetched(`${base}/soap/OrderService?${query}`)),
  );
  for (const other of others) expect(other).toBe(one);
  const head = await fetch(`${base}/soap/OrderService?wsdl`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(one!)));
});

test.each(['xsd=voyages.xsd', 'xsd=../sql/schema.sql', 'xsd=common.xsd&xsd=common.xsd', 'xsd', 'x=wsdl', ''])(
  'there is nothing at ?%s',
  async (query) => {
    expect((await fetch(`${base}/soap/OrderService?${query}`)).status).toBe(404);
  },
);

interface OrderClient {
  GetOrderAsync(args: { orderId: string }): Promise<[{ order: Record<string, unknown> }]>;
  CreateOrderAsync(args: { order: object }): Promise<[{ order: Record<string, unknown> }]>;
  ListOrdersAsync(args: object): Promise<[{ order: object[]; totalCount: number }]>;
  BookOrderAsync(args: { orderId: string }): Promise<[{ order: Record<string, unknown> }]>;
}

test.each([false, true])('node-soap’s own client can use it (SOAP 1.2: %s)', async (forceSoap12Headers) => {
  const made = await soap.createClientAsync(`${base}/soap/OrderService?wsdl`, {
    forceSoap12Headers,
    disableCache: true,
  });
  const client = made as unknown as OrderClient;
  const address = { street: 'Dock 1', city: 'Hamburg', country: 'Germany', zipcode: '20457' };
  const [created] = await client.CreateOrderAsync({
    order: {
      productId: 'P-SALMON',
      customerId: 'C-000007',
      quantity: 3,
      pickupAddress: address,
      pickupDate: '2026-03-02T08:30:00',
      destinationAddress: { ...address, city: 'Singapore' },
      expectedDeliveryDate: '2026-06-01T08:30:00',
      items: [
        { sku: 'A', quantity: 2, unitPrice: '12.50' },
        { sku: 'B', description: '<&>', quantity: 1, unitPrice: '0.10' },
      ],
    },
  });
  expect(created.order).toMatchObject({ status: 'CREATED', total: '25.10', quantity: 3 });
  const orderId = String(created.order['orderId']);
  const [found] = await client.GetOrderAsync({ orderId });
  expect(found.order).toEqual(created.order);
  const [booked] = await client.BookOrderAsync({ orderId });
  expect(booked.order['status']).toBe('ASSIGNED');
  await expect(client.BookOrderAsync({ orderId })).rejects.toThrow(/is assigned and cannot be booked/);
  await expect(client.GetOrderAsync({ orderId: 'nope' })).rejects.toThrow(/Order nope not found/);
  const [list] = await client.ListOrdersAsync({ size: 2 });
  expect(list.order).toHaveLength(2);
});
