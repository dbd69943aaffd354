import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { find, judge, parse, readSchema, type Schema, type Xml } from './schema.ts';
import { openDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;
let schema: Schema;
beforeAll(async () => {
  desk = await openDesk();
  schema = await readSchema(['common.xsd', 'orders.xsd', 'voyages.xsd']);
});
afterAll(async () => {
  await desk?.close();
});

const versions = {
  '1.1': { type: 'text/xml', uri: 'http://schemas.xmlsoap.org/soap/envelope/' },
  '1.2': { type: 'application/soap+xml', uri: 'http://www.w3.org/2003/05/soap-envelope' },
} as const;
type Version = keyof typeof versions;

interface Call {
  readonly version?: Version;
  readonly service?: string;
  readonly prefix?: string;
  readonly headers?: Record<string, string>;
}

/** Sends one body element; the answer's body element, judged by the schema. */
async function call(
  body: string,
  options: Call = {},
): Promise<{ status: number; type: unknown; body: Xml; envelope: string }> {
  const { version = '1.1', service = 'OrderService', prefix = 'soapenv', headers = {} } = options;
  const uri = service === 'OrderService' ? 'orders' : 'voyages';
  const payload =
    `<?xml version="1.0"?><${prefix}:Envelope xmlns:${prefix}="${versions[version].uri}" xmlns:q="http://reeferdesk.example/${uri}/v1"` +
    ` xmlns:t="http://reeferdesk.example/types/v1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
    `<${prefix}:Header/><${prefix}:Body>${body}</${prefix}:Body></${prefix}:Envelope>`;
  const answer = await desk.app.inject({
    method: 'POST',
    url: `/soap/${service}`,
    payload,
    headers: { 'content-type': `${versions[version].type}; charset=utf-8`, ...headers },
  });
  const root = parse(answer.body);
  const content = find(root, 'Body')!.children[0]!;
  const judged =
    content.local === 'Fault' ? (find(content, version === '1.1' ? 'detail' : 'Detail')?.children ?? []) : [content];
  for (const node of judged) expect(judge(schema, node)).toEqual([]);
  return { status: answer.statusCode, type: answer.headers['content-type'], body: content, envelope: root.uri };
}

const text = (node: Xml, local: string): string | undefined => find(node, local)?.text;
const address = (street: string, city: string): string =>
  `<t:street>${street}</t:street><t:city>${city}</t:city><t:country>x</t:country><t:zipcode>1</t:zipcode>`;
const draft = (change: Record<string, string> = {}): string => {
  const fields = {
    productId: 'P-SALMON',
    customerId: 'C-000007',
    quantity: ' 30 ',
    pickupAddress: address('', 'Hamburg'),
    pickupDate: '2026-03-02T08:30:00',
    destinationAddress: address('&lt;7&gt;', 'Singapore'),
    expectedDeliveryDate: '2026-06-01T08:30:00Z',
    items: '<q:sku>A</q:sku><q:quantity>2</q:quantity><q:unitPrice>12.50</q:unitPrice>',
    ...change,
  };
  return Object.entries(fields)
    .map(([name, value]) => `<q:${name}>${value}</q:${name}>`)
    .join('');
};

describe.each(['1.1', '1.2'] as const)('SOAP %s', (version) => {
  const { type, uri } = versions[version];

  test('GetOrder answers with the order, in the version and media type of the request', async () => {
    const answer = await call('<q:GetOrder><q:orderId>7</q:orderId></q:GetOrder>', { version });
    expect(answer).toMatchObject({ status: 200, type: `${type}; charset=utf-8`, envelope: uri });
    const rest = (await desk.app.inject('/api/orders/7')).json<Record<string, unknown>>();
    expect(text(answer.body, 'orderId')).toBe('7');
    expect(text(answer.body, 'status')).toBe(String(rest['status']).toUpperCase());
    expect(text(answer.body, 'pickupDate')).toBe(`${String(rest['pickupDate'])}:00`);
    expect(Number(text(answer.body, 'total'))).toBe(rest['total']);
  });

  test.each(['soap', 'SOAP-ENV', 'x'])('a client may call the envelope’s namespace %s', async (prefix) => {
    const one = await call(`<q:CreateOrder><q:order>${draft()}</q:order></q:CreateOrder>`, { version, prefix });
    expect(one.status).toBe(200);
    expect(find(one.body, 'items')?.children.map((child) => child.text)).toEqual(['1', 'A', '', '2', '12.50']);
    expect(find(one.body, 'destinationAddress')?.children[0]?.text).toBe('<7>');
  });

  test('an order lives through create, update, book and cancel', async () => {
    const created = await call(`<q:CreateOrder><q:order>${draft()}</q:order></q:CreateOrder>`, { version });
    const id = text(created.body, 'orderId')!;
    const reference = (operation: string): string => `<q:${operation}><q:orderId>${id}</q:orderId></q:${operation}>`;
    const items = `${draft()
      .match(/<q:items>.*<\/q:items>/)![0]
      .replace('<q:sku>', '<q:lineNo>1</q:lineNo><q:sku>')}`;
    const more = `${items}<q:items><q:sku>B</q:sku><q:quantity>1</q:quantity><q:unitPrice>0.1</q:unitPrice></q:items>`;
    const rest =
      '<q:tags>a</q:tags><q:tags xsi:nil="true"/><q:specialInstructions>{"n":12345678901234567890.0}</q:specialInstructions>';
    const wanted = `<q:orderId>${id}</q:orderId><q:order>${draft().replace(/<q:items>.*<\/q:items>/, more)}${rest}</q:order>`;
    const updated = await call(`<q:UpdateOrder>${wanted}</q:UpdateOrder>`, { version });
    expect(text(updated.body, 'total')).toBe('25.10');
    expect(text(updated.body, 'specialInstructions')).toBe('{"n": 12345678901234567890.0}');
    expect(
      find(updated.body, 'order')!
        .children.filter((one) => one.local === 'tags')
        .map((one) => one.text),
    ).toEqual(['a', '']);
    const booked = await call(reference('BookOrder'), { version });
    expect(text(booked.body, 'status')).toBe('ASSIGNED');
    expect(text(booked.body, 'voyageId')).toMatch(/^V-\d{5}$/);
    const cancelled = await call(reference('CancelOrder'), { version });
    expect(text(cancelled.body, 'status')).toBe('CANCELLED');
    expect(find(cancelled.body, 'voyageId')?.attributes).toEqual({
      '{http://www.w3.org/2001/XMLSchema-instance}nil': 'true',
    });
  });

  test.each([
    [
      'an order that there is not',
      '<q:GetOrder><q:orderId>nope</q:orderId></q:GetOrder>',
      'OrderNotFound',
      'Order nope not found',
    ],
    ['no order id', '<q:GetOrder/>', 'OrderNotFound', 'Order  not found'],
    [
      'a customer that there is not',
      `<q:CreateOrder><q:order>${draft({ customerId: 'C-999999' })}</q:order></q:CreateOrder>`,
      'InvalidOrder',
      'Customer C-999999 not found',
    ],
    [
      'a price of words',
      `<q:CreateOrder><q:order>${draft({ items: '<q:sku>A</q:sku><q:quantity>1</q:quantity><q:unitPrice>x</q:unitPrice>' })}</q:order></q:CreateOrder>`,
      'InvalidOrder',
      'items[0].unitPrice must be an amount with at most two decimals, up to 99999999.99',
    ],
    [
      'instructions that are no JSON',
      `<q:CreateOrder><q:order>${draft({ specialInstructions: '{' })}</q:order></q:CreateOrder>`,
      'InvalidOrder',
      'specialInstructions cannot be stored: invalid input syntax for type json',
    ],
    ['an empty order', '<q:CreateOrder/>', 'InvalidOrder', 'productId must be a string'],
    [
      'an update of nothing',
      `<q:UpdateOrder><q:orderId>nope</q:orderId><q:order>${draft()}</q:order></q:UpdateOrder>`,
      'OrderNotFound',
      'Order nope not found',
    ],
  ])('%s is a typed fault', async (_name, ...rest) => {
    const [body, detail, reason] = rest;
    const answer = await call(body, { version });
    expect(answer).toMatchObject({ status: 500, type: `${type}; charset=utf-8`, envelope: uri });
    expect(answer.body.local).toBe('Fault');
    const [code, words, holder] =
      version === '1.1' ? ['faultcode', 'faultstring', 'detail'] : ['Value', 'Text', 'Detail'];
    expect(text(answer.body, code!)).toBe(version === '1.1' ? 'soap:Client' : 'soap:Sender');
    expect(text(answer.body, words!)).toBe(reason);
    expect(find(answer.body, holder!)?.children[0]).toMatchObject({
      local: detail,
      uri: 'http://reeferdesk.example/orders/v1',
    });
  });

  test('what the order’s state forbids is InvalidState, and says the state', async () => {
    const found = await desk.pool.query<{ order_id: string }>(
      `SELECT order_id FROM orders WHERE status = 'spoilt' LIMIT 1`,
    );
    const id = found.rows[0]!.order_id;
    for (const operation of ['BookOrder', 'CancelOrder']) {
      const answer = await call(`<q:${operation}><q:orderId>${id}</q:orderId></q:${operation}>`, { version });
      expect(answer.status).toBe(500);
      expect(find(answer.body, 'InvalidState')?.children.map((one) => one.text)).toEqual([
        id,
        'SPOILT',
        `Order ${id} is spoilt and cannot be ${operation === 'BookOrder' ? 'booked' : 'cancelled'}`,
      ]);
    }
  });

  test('ListOrders filters and pages, with one order as with many', async () => {
    for (const size of [1, 3]) {
      const query = `<q:ListOrders><q:status>ASSIGNED</q:status><q:page>1</q:page><q:size>${size}</q:size></q:ListOrders>`;
      const answer = await call(query, { version });
      const rest = (await desk.app.inject(`/api/orders?status=assigned&page=1&size=${size}`)).json<{
        total: number;
        items: { orderId: string }[];
      }>();
      expect(answer.body.children.slice(0, -1).map((one) => text(one, 'orderId'))).toEqual(
        rest.items.map((one) => one.orderId),
      );
      expect(text(answer.body, 'totalCount')).toBe(String(rest.total));
      expect(find(answer.body, 'terms')).toBeUndefined();
    }
    const none = await call('<q:ListOrders><q:customerId>C-999999</q:customerId></q:ListOrders>', { version });
    expect(none.body.children.map((one) => one.local)).toEqual(['totalCount']);
    const wrong = await call('<q:ListOrders><q:size>0</q:size></q:ListOrders>', { version });
    expect(text(wrong.body, version === '1.1' ? 'faultstring' : 'Text')).toBe('Invalid size: 0');
  });

  test('voyages are listed and found', async () => {
    const service = 'VoyageService';
    const list = await call('<q:ListVoyages><q:destination>上海</q:destination></q:ListVoyages>', { version, service });
    expect(list.body.children.length - 1).toBe(Number(text(list.body, 'totalCount')));
    expect(text(list.body, 'totalCount')).not.toBe('0');
    const one = await call('<q:GetVoyage><q:voyageId>V-00017</q:voyageId></q:GetVoyage>', { version, service });
    expect(text(one.body, 'voyageId')).toBe('V-00017');
    const missing = await call('<q:GetVoyage><q:voyageId>V-0</q:voyageId></q:GetVoyage>', { version, service });
    expect(missing.status).toBe(500);
    expect(find(missing.body, 'VoyageNotFound')?.children[0]?.text).toBe('V-0');
  });

  test.each([
    ['an operation that there is not', '<q:DropOrders/>'],
    ['an empty body', ''],
    ['a fault', '<q:Fault><faultcode>x</faultcode></q:Fault>'],
    ['a reference to a multiref called __proto__', '<q:GetOrder><q:orderId href="#__proto__"/></q:GetOrder>'],
  ])('%s is a client fault without a word about the inside', async (_name, body) => {
    const answer = await call(body, { version });
    expect(answer).toMatchObject({ status: 500, type: `${type}; charset=utf-8`, envelope: uri });
    expect(text(answer.body, version === '1.1' ? 'faultstring' : 'Text')).toBe('This is no request of OrderService');
  });
});

test('every order of the seed is valid XML by the schema, whatever is in it', async () => {
  for (let n = 1; n <= 400; n += 1) {
    const answer = await call(`<q:GetOrder><q:orderId>${n}</q:orderId></q:GetOrder>`);
    expect(answer.status).toBe(200);
  }
});

test('the SOAPAction header picks the operation when it names another one, as node-soap does', async () => {
  const found = await desk.pool.query<{ order_id: string }>(
    `SELECT order_id FROM orders WHERE status = 'created' LIMIT 1`,
  );
  const id = found.rows[0]!.order_id;
  const headers = { soapaction: '"http://reeferdesk.example/orders/v1/CancelOrder"' };
  const answer = await call(`<q:GetOrder><q:orderId>${id}</q:orderId></q:GetOrder>`, { headers });
  expect(answer.body.local).toBe('CancelOrderResponse');
});

describe('a message that does not get that far', () => {
  const envelope = `<s:Envelope xmlns:s="${versions['1.1'].uri}"><s:Body/></s:Envelope>`;

  test.each<[string, number, string | Buffer, Record<string, string>, string]>([
    ['JSON', 415, '{}', { 'content-type': 'application/json' }, 'Unsupported media type: application/json'],
    ['something without a type', 415, 'x', { 'content-type': '' }, 'Unsupported media type: none'],
    [
      'a claim of gzip',
      415,
      envelope,
      { 'content-type': 'text/xml', 'content-encoding': 'gzip' },
      'Unsupported content encoding: gzip',
    ],
    [
      'an unknown character set',
      415,
      envelope,
      { 'content-type': 'text/xml; charset=ebcdic' },
      'Unsupported or broken character encoding',
    ],
    [
      'broken UTF-8',
      415,
      Buffer.from([0x3c, 0xff, 0x3e]),
      { 'content-type': 'text/xml' },
      'Unsupported or broken character encoding',
    ],
    [
      'more than a megabyte',
      413,
      `<a>${'x'.repeat(1024 * 1024)}</a>`,
      { 'content-type': 'text/xml' },
      'Message too large',
    ],
    ['broken XML', 500, '<s:Envelope', { 'content-type': 'text/xml' }, 'This is no request of OrderService'],
    ['nothing', 500, '', { 'content-type': 'text/xml' }, 'This is no request of OrderService'],
    [
      'very deep XML',
      500,
      `${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`,
      { 'content-type': 'text/xml' },
      'This is no request of OrderService',
    ],
  ])('%s is %d and a fault', async (_name, ...rest) => {
    const [status, payload, headers, reason] = rest;
    const answer = await desk.app.inject({ method: 'POST', url: '/soap/OrderService', payload, headers });
    expect(answer.statusCode).toBe(status);
    expect(text(parse(answer.body), 'faultstring')).toBe(reason);
  });

  test('UTF-16 is read as what it is', async () => {
    const body = `<q:GetOrder xmlns:q="http://reeferdesk.example/orders/v1"><q:orderId>æøå</q:orderId></q:GetOrder>`;
    const payload = Buffer.from(`\ufeff${envelope.replace('<s:Body/>', `<s:Body>${body}</s:Body>`)}`, 'utf16le');
    const answer = await desk.app.inject({
      method: 'POST',
      url: '/soap/OrderService',
      payload,
      headers: { 'content-type': 'text/xml' },
    });
    expect(text(parse(answer.body), 'faultstring')).toBe('Order æøå not found');
  });
});
