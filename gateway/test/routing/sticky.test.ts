import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRouting } from '@banyan/gateway/routing';
import { servicesOf } from '@banyan/gateway/soap';
import type { Table } from '@banyan/gateway/core/table';
import { small } from './example.ts';

const wsdl = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));

function read(text: string): { readonly table: Table | null; readonly problems: readonly string[] } {
  const loaded = readRouting(text, {}, '2026-11-24');
  if (loaded.kind === 'accepted') return { table: loaded.table, problems: [] };
  return { table: null, problems: loaded.problems.map(({ message }) => message) };
}

const route = (match: string, key: string, more = ''): string =>
  small(`  b: { match: '${match}', stage: canary 5%, new: orders, sticky: ['${key}', ip] }\n${more}`);

test('a route may tell callers apart by what stands in SOAP messages', () => {
  expect(read(route('SOAP /s {urn:x}Get', 'soap:/Get/customer/id')).table?.routes[1]).toMatchObject({
    sticky: [{ kind: 'soap', path: ['Get', 'customer', 'id'] }, { kind: 'ip' }],
  });
});

test('but not where messages are not read to their end, nor where there are none', () => {
  const operation = 'wsdls: { /s: { check: operation } }\n';
  expect(read(route('SOAP /s {urn:x}Get', 'soap:/Get/id', operation)).problems).toEqual([
    expect.stringMatching(/^routes\.b\.sticky\.0: with wsdls\.\/s\.check: operation a message is not read beyond/),
  ]);
  expect(read(route('GET /b', 'soap:/Get/id')).problems).toEqual([
    'routes.b.sticky.0: an element of a message: only a SOAP route has one',
  ]);
});

test.each(['soap:/Get//id', 'soap:/Get/@id', 'soap:/o:Get', 'soap:/Get/'])('%s is no path', (key) => {
  expect(read(route('SOAP /s {urn:x}Get', key)).problems).toEqual([
    expect.stringMatching(/^routes\.b\.sticky\.0: expected local names/),
  ]);
});

test('a key that begins with the element of another operation is refused with the WSDL', async () => {
  const table = (key: string): Table => {
    const more = `wsdls: { /soap/OrderService: { file: '${wsdl}' } }\n`;
    const { table: made } = read(route('SOAP /soap/OrderService ListOrders', key, more));
    if (made === null) throw new Error('refused');
    return made;
  };
  await expect(servicesOf(table('soap:/ListOrders/customerId'))).resolves.toBeDefined();
  await expect(servicesOf(table('soap:/GetOrder/orderId'))).rejects.toMatchObject({
    code: 'GW_BAD_WSDL',
    message:
      'route "b" (line 8): sticky soap:/GetOrder/orderId is not in a message of the operation ListOrders: its messages begin with ListOrders',
  });
});
