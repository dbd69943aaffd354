/**
 * ReeferDesk's two SOAP services through the facade, as four stacks of clients see them: each operation, in each version that a
 * stack speaks, typed faults, and answers that the schema allows. The clients read the WSDL and its schemas at the facade and know
 * nothing of stages.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  ask,
  draft,
  faultOf,
  fieldsOf,
  listOf,
  summary,
  textOf,
  told,
  understood,
  valueOf,
  type Desk,
} from './support/calls.ts';
import { makePlace, READY, root, type Place } from './support/example.ts';
import type { Running } from './support/processes.ts';
import { record, type Recorder } from './support/recorder.ts';
import { judge, lacksJudge } from './support/schema.ts';
import { lacks, leftOut, openClient, versionsOf, type Client, type Stack } from './support/stacks.ts';

const stacks: readonly Stack[] = ['zeep', 'suds', 'cxf', 'node-soap'];
const SEEDED = 300;

let place: Place;
let stack: Running;
let recorder: Recorder;

beforeAll(async () => {
  place = await makePlace(SEEDED);
  recorder = await record(() => place.facade);
  const table = await readFile(place.routingFile, 'utf8');
  await writeFile(place.routingFile, `${table}\npublicUrl: ${recorder.url}\n`);
  stack = place.start();
  await stack.line(READY, 120_000);
});

afterAll(async () => {
  await stack?.stop();
  await recorder?.close();
  await place?.remove();
});

/** Moves the two operations that the order service can serve. */
async function turn(stage: string): Promise<void> {
  const table = await readFile(place.routingFile, 'utf8');
  const moved = table.replaceAll(/(soap-(?:get-order|list-orders):(?:\n {4}.*)*?\n {4}stage: )\w+/g, `$1${stage}`);
  if (moved === table) return;
  await writeFile(place.routingFile, moved);
  const served = async (): Promise<string | undefined> => {
    const status = (await (await fetch(`${place.admin}/api/routes`)).json()) as {
      routes: readonly { readonly id: string; readonly stage: string }[];
    };
    return status.routes.find(({ id }) => id === 'soap-list-orders')?.stage;
  };
  await vi.waitUntil(async () => (await served()) === stage, { timeout: 15_000, interval: 50 });
}

describe.each(['legacy', 'new'])('at %s', (stage) => {
  beforeAll(() => turn(stage));

  for (const name of stacks) {
    describe.skipIf(leftOut(`orders.clients.e2e.test.ts: ${name}`, lacks(name)))(`with ${name}`, () => {
      let client: Client;
      beforeAll(() => {
        client = openClient(name);
      });
      afterAll(() => client?.close());

      describe.each(versionsOf[name])('in SOAP %s', (version) => {
        const desk = (): Desk => ({ at: recorder.url, legacy: place.legacy, version });

        test('reads an order', async () => {
          const { order } = valueOf(await ask(client, desk(), 'OrderService GetOrder', { orderId: '42' }));
          expect(understood(fieldsOf(order))).toEqual(summary(await told(desk(), '42')));
        });

        test('reads lists: of a page, of one, and of none', async () => {
          const list = async (input: Record<string, unknown>): Promise<[number, string]> => {
            const { order, totalCount } = valueOf(await ask(client, desk(), 'OrderService ListOrders', input));
            return [listOf(order).length, textOf(totalCount)];
          };
          const [page, count] = await list({ page: '0', size: '5' });
          expect(page).toBe(5);
          expect(Number(count)).toBeGreaterThanOrEqual(SEEDED);
          expect((await list({ page: '0', size: '1' }))[0]).toBe(1);
          expect(await list({ customerId: 'nobody', page: '0', size: '5' })).toEqual([0, '0']);
        });

        test('writes: an order lives through create, update, book and cancel', async () => {
          const made = valueOf(await ask(client, desk(), 'OrderService CreateOrder', { order: draft() }));
          const orderId = textOf(fieldsOf(made['order'])['orderId']);
          expect(understood(fieldsOf(made['order']))).toEqual(summary(await told(desk(), orderId)));
          const items = [
            { lineNo: '1', sku: 'Æ-1', quantity: '2', unitPrice: '12.50' },
            { sku: 'B', quantity: '1', unitPrice: '0.10' },
          ];
          const input = { orderId, order: draft({ items }) };
          const { order } = valueOf(await ask(client, desk(), 'OrderService UpdateOrder', input));
          expect(Number(fieldsOf(order)['total'])).toBe(25.1);
          expect(understood(fieldsOf(order))).toEqual(summary(await told(desk(), orderId)));
          for (const [operation, status] of [
            ['BookOrder', 'ASSIGNED'],
            ['CancelOrder', 'CANCELLED'],
          ]) {
            const done = valueOf(await ask(client, desk(), `OrderService ${operation}`, { orderId }));
            expect(fieldsOf(done['order'])['status']).toBe(status);
          }
          const again = await ask(client, desk(), 'OrderService CancelOrder', { orderId });
          expect(faultOf(again)).toMatchObject({ name: 'InvalidState', fields: { orderId, status: 'CANCELLED' } });
        });

        test('takes the faults that the WSDL declares for what they are', async () => {
          const orderId = 'no-such-order';
          const absent = { name: 'OrderNotFound', fields: { orderId, message: expect.stringMatching(/./) } };
          for (const operation of ['GetOrder', 'BookOrder', 'CancelOrder'])
            expect(faultOf(await ask(client, desk(), `OrderService ${operation}`, { orderId }))).toEqual(absent);
          const order = draft({ quantity: '-1' });
          const invalid = await ask(client, desk(), 'OrderService CreateOrder', { order });
          expect(faultOf(invalid)).toEqual({ name: 'InvalidOrder', fields: { message: expect.stringMatching(/./) } });
          const voyageId = 'V-99999';
          const lost = await ask(client, desk(), 'VoyageService GetVoyage', { voyageId });
          expect(faultOf(lost)).toMatchObject({ name: 'VoyageNotFound', fields: { voyageId } });
        });

        test('reads voyages', async () => {
          const { voyage, totalCount } = valueOf(await ask(client, desk(), 'VoyageService ListVoyages', {}));
          const [first] = listOf(voyage).map(fieldsOf);
          expect(String(listOf(voyage).length)).toBe(totalCount);
          const voyageId = textOf(first?.['voyageId']);
          const one = valueOf(await ask(client, desk(), 'VoyageService GetVoyage', { voyageId }));
          expect(one['voyage']).toEqual(first);
        });
      });
    });
  }

  test('each of these reads was served by that side', () => {
    const reads = recorder.seen.filter(({ headers }) => String(headers['banyan-route']).startsWith('soap-'));
    const last = reads.slice(-1).map(({ headers }) => headers['banyan-served-by']);
    expect(last).toEqual([stage]);
    expect(reads.filter(({ headers }) => headers['banyan-served-by'] === stage).length).toBeGreaterThan(3);
  });
});

describe('what the clients were sent', () => {
  const calls = (): Recorder['seen'] => recorder.seen.filter(({ method }) => method === 'POST');

  test.skipIf(leftOut('orders.clients.e2e.test.ts: schemas', lacksJudge()))(
    'is valid by the envelope’s schema and the WSDL’s, each answer and each fault',
    () => {
      expect(calls().length).toBeGreaterThan(30);
      for (const service of ['orders', 'voyages']) {
        const own = calls().filter(({ url }) => url.toLowerCase().includes(service.slice(0, -1)));
        const schema = join(root, `legacy-monolith/wsdl/${service}.xsd`);
        const messages = own.map(({ answer }) => answer);
        expect(judge(schema, messages)).toEqual(messages.map(() => []));
      }
    },
  );

  test('came from the facade alone, and each operation was told by its body', () => {
    const routes = new Set(calls().map(({ headers }) => headers['banyan-route']));
    expect(routes).toEqual(new Set(['soap-get-order', 'soap-list-orders', 'default']));
    const schemas = recorder.seen.filter(({ method, url }) => method === 'GET' && url.includes('xsd'));
    expect(schemas.length).toBeGreaterThan(0);
    for (const { answer } of recorder.seen.filter(({ method }) => method === 'GET'))
      expect(answer.toString()).not.toContain(place.legacy);
  });
});
