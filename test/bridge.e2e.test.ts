/**
 * The example's bridges: GetOrder and ListOrders of ReeferDesk, served by the order service's REST reads behind the same WSDL. What
 * a caller is told is held against what ReeferDesk itself says, value by value as the schema reads it; then a shadow does the same
 * by the ledger of the committed `routing.yaml`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatFences, readWatermark } from '@banyan/backbone/core/fence';
import { codecOf, type Codec } from '@banyan/gateway/core/soap/codec';
import { readReply } from '@banyan/gateway/core/soap/reply';
import { loadService, operationsNamed, type SoapService } from '@banyan/gateway/soap/wsdl';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makePlace, READY, root, type Place } from './support/example.ts';
import type { Running } from './support/processes.ts';

const ORDERS = 300;
const NS = 'http://reeferdesk.example/orders/v1';
const PATH = '/soap/OrderService';
const ENVELOPES = ['http://schemas.xmlsoap.org/soap/envelope/', 'http://www.w3.org/2003/05/soap-envelope'] as const;

let place: Place;
let stack: Running;
let service: SoapService;

beforeAll(async () => {
  place = await makePlace(ORDERS);
  await stage('new');
  stack = place.start();
  await stack.line(READY, 170_000);
  await vi.waitUntil(isFresh, { timeout: 60_000, interval: 100 });
  service = await loadService(PATH, join(root, 'legacy-monolith/wsdl/OrderService.wsdl'));
});

afterAll(async () => {
  await stack?.stop();
  await place?.remove();
});

/** Moves both bridged routes. */
async function stage(next: string): Promise<void> {
  const table = await readFile(place.routingFile, 'utf8');
  const moved = table.replace(/( {2}soap-(?:get|list)-orders?:\n(?:.*\n)*? {4}stage: )\S+.*/g, `$1${next}`);
  expect(moved.match(new RegExp(`stage: ${next}$`, 'gm'))?.length).toBeGreaterThanOrEqual(2);
  await writeFile(place.routingFile, moved);
}

/** Whether the read model has everything that the monolith's database had when it was asked. */
async function isFresh(): Promise<boolean> {
  const watermark = readWatermark(await (await fetch(`${place.cdc}/watermark`)).json());
  if (watermark === null) return false;
  const fence = encodeURIComponent(formatFences([{ model: 'orders', at: watermark }]));
  return (await fetch(`${place.orders}/freshness?atLeast=${fence}&wait=1s`)).status === 200;
}

function codec(element: { namespace: string; local: string } | null): Codec {
  const made = codecOf(service.schemas, element ?? { namespace: '', local: '' });
  if (made.kind === 'unusable') throw new Error(made.because);
  return made.codec;
}

interface Said {
  readonly status: number;
  readonly servedBy: string | null;
  /** As the schema reads it, without what is nil or absent, and the orders of a page by their id. */
  readonly value: unknown;
}

async function say(base: string, operation: string, inside: string, version: 0 | 1 = 0): Promise<Said> {
  const answer = await fetch(base + PATH, {
    method: 'POST',
    headers: { 'content-type': version === 0 ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8' },
    body:
      `<s:Envelope xmlns:s="${ENVELOPES[version]}"><s:Body><o:${operation} xmlns:o="${NS}">${inside}</o:${operation}>` +
      '</s:Body></s:Envelope>',
  });
  const text = await answer.text();
  expect(text).toContain(ENVELOPES[version]);
  const [known] = operationsNamed(service, operation);
  if (known === undefined) throw new Error(operation);
  const faults = new Map(known.faults.map(({ element }) => [`{${element.namespace}}${element.local}`, codec(element)]));
  const reply = readReply(text, { output: codec(known.output), faults });
  if (reply.kind === 'unreadable') throw new Error(`${reply.because}: ${text}`);
  return {
    status: answer.status,
    servedBy: answer.headers.get('banyan-served-by'),
    value: plain(JSON.parse(reply.json)),
  };
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(plain).filter((item) => item !== null);
    return items.toSorted((a, b) => idOf(a).localeCompare(idOf(b)));
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, inner]) => [key, plain(inner)] as const);
  return Object.fromEntries(
    members.filter(([, inner]) => inner !== null && !(Array.isArray(inner) && inner.length === 0)),
  );
}

function idOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'orderId' in value ? String(value.orderId) : '';
}

async function alike(operation: string, inside: string, version: 0 | 1 = 0): Promise<Said> {
  const bridged = await say(place.facade, operation, inside, version);
  const legacy = await say(place.legacy, operation, inside, version);
  expect({ inside, servedBy: bridged.servedBy }).toEqual({ inside, servedBy: 'new' });
  expect({ status: bridged.status, value: bridged.value }).toEqual({ status: legacy.status, value: legacy.value });
  return bridged;
}

test('GetOrder says of every order what ReeferDesk says, in both versions of SOAP', async () => {
  const page = (await (await fetch(`${place.orders}/api/orders?size=100`)).json()) as { items: { orderId: string }[] };
  expect(page.items).toHaveLength(100);
  for (const [index, { orderId }] of page.items.entries()) {
    const said = await alike('GetOrder', `<o:orderId>${orderId}</o:orderId>`, index % 2 === 0 ? 0 : 1);
    expect(said.status).toBe(200);
  }
});

test('an order that is not there is the fault that the WSDL declares, on both sides', async () => {
  for (const version of [0, 1] as const) {
    const said = await alike('GetOrder', '<o:orderId>no such/order &amp; more</o:orderId>', version);
    expect(said).toMatchObject({
      status: 500,
      value: { fault: { code: 'Client', detail: { orderId: 'no such/order & more' } } },
    });
  }
});

test.each([
  '',
  '<o:size>100</o:size>',
  '<o:status>BOOKED</o:status><o:page>1</o:page><o:size>7</o:size>',
  '<o:customerId>C-000003</o:customerId>',
  '<o:customerId>nobody</o:customerId>',
  '<o:page>100000</o:page>',
])('ListOrders of "%s" is the same page', async (inside) => {
  expect((await alike('ListOrders', inside)).status).toBe(200);
});

test('what the service refuses is refused in the same words', async () => {
  const said = await alike('ListOrders', '<o:page>-1</o:page>');
  expect(said).toMatchObject({ status: 500, value: { fault: { code: 'Client', reason: 'Invalid page: -1' } } });
});

test('a shadow finds no difference that the ledger does not declare', async () => {
  await stage('shadow');
  const metric = async (name: string): Promise<number> => {
    const lines = (await (await fetch(`${place.admin}/metrics`)).text()).split('\n');
    return lines.filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  await vi.waitUntil(async () => (await say(place.facade, 'ListOrders', '')).servedBy === 'legacy', {
    timeout: 10_000,
  });
  const page = (await (await fetch(`${place.orders}/api/orders?size=20`)).json()) as { items: { orderId: string }[] };
  for (const { orderId } of page.items) await say(place.facade, 'GetOrder', `<o:orderId>${orderId}</o:orderId>`);
  await say(place.facade, 'ListOrders', '<o:size>50</o:size>');
  await vi.waitUntil(async () => (await metric('banyan_parity_total{route="soap-')) >= 22, { timeout: 20_000 });
  for (const verdict of ['mismatch', 'error', 'skipped'])
    for (const route of ['soap-get-order', 'soap-list-orders'])
      expect({
        route,
        verdict,
        count: await metric(`banyan_parity_total{route="${route}",verdict="${verdict}"}`),
      }).toEqual({ route, verdict, count: 0 });
});
