import { beforeAll, describe, expect, test } from 'vitest';
import { elements, faultMessage, namespaces, orderMessage, orderNotFound } from '@banyan/legacy-monolith/core/messages';
import type { Order } from '@banyan/legacy-monolith/core/order';
import { encode, escape, type XmlType } from '@banyan/legacy-monolith/core/xml';
import { find, judge, parse, readSchema, type Schema } from './schema.ts';

let schema: Schema;
beforeAll(async () => {
  schema = await readSchema(['common.xsd', 'orders.xsd', 'voyages.xsd']);
});

describe('the encoder’s table', () => {
  const uris: Record<string, string> = { ...namespaces.orders, ...namespaces.voyages };

  interface Shape {
    readonly name: string;
    readonly optional: boolean;
    readonly many: boolean;
    readonly nillable: boolean;
    readonly within: 'text' | readonly Shape[];
  }

  function ofTable(type: XmlType): Shape['within'] {
    if (type.kind === 'text') return 'text';
    return Object.entries(type.fields).map(([name, { type: inner, optional, many, nillable }]) => ({
      name: `{${uris[type.prefix]}}${name}`,
      optional,
      many,
      nillable,
      within: ofTable(inner),
    }));
  }

  function ofXsd(name: string): Shape['within'] {
    if (schema.texts.has(name)) return 'text';
    return schema.sequences.get(name)!.map(({ type, ...rest }) => ({ ...rest, within: ofXsd(type) }));
  }

  const all = (['orders', 'voyages'] as const).flatMap((name) =>
    Object.entries(elements[name]).map(([element, type]) => ({ element, type, uri: namespaces[name][name[0]!]! })),
  );

  test.each(all)('has $element as the XSD has it: names, order, occurrence, nil', ({ element, type, uri }) => {
    expect(ofTable(type)).toEqual(ofXsd(schema.elements.get(`{${uri}}${element}`)!));
  });

  test('has every answer and fault that the XSDs declare', () => {
    const declared = [...schema.elements.keys()].filter((name) =>
      /(Response|NotFound|InvalidOrder|InvalidState)$/.test(name),
    );
    expect(new Set(declared)).toEqual(new Set(all.map(({ element, uri }) => `{${uri}}${element}`)));
  });
});

const order: Order = {
  orderId: '1',
  productId: 'P',
  customerId: 'C-000001',
  quantity: 1,
  pickupAddress: { street: '', city: 'a < b & c > d "e"', country: 'x', state: null, zipcode: '\t' },
  destinationAddress: { street: 'x', city: '𠜎🧊', country: 'x', state: '', zipcode: '1' },
  pickupDate: '2026-03-01T08:30',
  expectedDeliveryDate: '2026-03-01T08:30',
  status: 'created',
  voyageId: null,
  containerIds: [],
  items: [{ lineNo: 1, sku: ']]>', description: null, quantity: 2, unitPrice: '-0.01' }],
  total: '9999999999.99',
  currency: 'EUR',
  tags: [null, '', 'a\r\nb'],
  specialInstructions: '{"a": 1.0}',
  terms: undefined,
  createdAt: '2026-03-01T08:30',
  updatedAt: '2026-03-01T08:30',
};

describe('an encoded order', () => {
  test('is valid, and says what the order says', () => {
    const xml = parse(orderMessage('GetOrder', order));
    expect(judge(schema, xml)).toEqual([]);
    expect(find(xml, 'city')?.text).toBe('a < b & c > d "e"');
    expect(find(xml, 'total')?.text).toBe('9999999999.99');
    expect(find(xml, 'status')?.text).toBe('CREATED');
    expect(xml.children[0]!.children.filter((one) => one.local === 'tags').map((one) => one.text)).toEqual([
      '',
      '',
      'a\r\nb',
    ]);
    expect(find(xml, 'terms')).toBeUndefined();
  });

  test('keeps the schema’s order whatever the order of its fields', () => {
    const turned = Object.fromEntries(Object.entries(order).toReversed()) as unknown as Order;
    expect(orderMessage('GetOrder', turned)).toBe(orderMessage('GetOrder', order));
  });

  test('shows a character that XML has no place for as a replacement character', () => {
    expect(escape('a\u0001b\ufffec\ud800d\u000b')).toBe('a\ufffdb\ufffdc\ufffdd\ufffd');
    expect(escape('\t\n𠜎')).toBe('\t\n𠜎');
  });

  test('does not come to be without what the schema demands', () => {
    const lacking = { ...order, total: undefined } as unknown as Order;
    expect(() => orderMessage('GetOrder', lacking)).toThrow('GetOrderResponse/order/total is missing');
    const type = elements.orders['OrderNotFound']!;
    const unknown = { orderId: '1', message: 'x', colour: 'red' };
    expect(() => encode({ prefix: 'o', name: 'OrderNotFound', type }, namespaces.orders, unknown)).toThrow(
      'no element colour',
    );
  });
});

test('the judge itself sees what is wrong', () => {
  const good = orderMessage('GetOrder', order);
  const bad: [string, string, RegExp][] = [
    ['<o:total>9999999999.99</o:total>', '', /lacks .*total/],
    ['<o:quantity>1</o:quantity>', '<o:quantity>one</o:quantity>', /is no .*int/],
    ['<o:status>CREATED</o:status>', '<o:status>created</o:status>', /is no .*OrderStatus/],
    [
      '<o:orderId>1</o:orderId><o:productId>P</o:productId>',
      '<o:productId>P</o:productId><o:orderId>1</o:orderId>',
      /lacks .*orderId/,
    ],
    ['<o:total>9999999999.99</o:total>', '<o:total xsi:nil="true"/>', /must not be nil/],
  ];
  for (const [from, to, message] of bad) {
    expect(good).toContain(from);
    expect(judge(schema, parse(good.replace(from, to))).join('\n')).toMatch(message);
  }
});

test.each(['1.1', '1.2'] as const)('a fault of SOAP %s is well-formed, and its detail is valid', (version) => {
  const xml = parse(faultMessage(version, orderNotFound('<7>')));
  const detail = find(xml, version === '1.1' ? 'detail' : 'Detail')!;
  expect(detail.uri).toBe(version === '1.1' ? '' : 'http://www.w3.org/2003/05/soap-envelope');
  expect(judge(schema, detail.children[0]!)).toEqual([]);
  expect(find(detail, 'orderId')?.text).toBe('<7>');
});
