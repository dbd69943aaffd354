import { fileURLToPath } from 'node:url';
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ask, front, noise, saying, until, upstream, type Answer, type Front, type Handler } from '../front.ts';
import { SOAP11, SOAP12 } from './samples.ts';

// Operations of ReeferDesk's order service, served by a REST service that the test scripts.

const folder = fileURLToPath(new URL('../../../legacy-monolith/wsdl/', import.meta.url));
const NS = 'http://reeferdesk.example/orders/v1';
const PATH = '/soap/OrderService';

const ADDRESS = { street: 's 1', city: 'Bergen', country: 'NO', zipcode: '5003' };
const ORDER = {
  updatedAt: '2026-03-02T08:30:00.000Z',
  orderId: '42',
  productId: 'P-1',
  customerId: 'C-000042',
  quantity: 3,
  pickupAddress: ADDRESS,
  destinationAddress: ADDRESS,
  pickupDate: '2026-03-01T08:30:00.000Z',
  expectedDeliveryDate: '2026-03-09T10:30:00.000+02:00',
  status: 'booked',
  containerIds: ['MSKU1'],
  items: [{ lineNo: 1, sku: 'A&B', quantity: 3, unitPrice: '201.67' }],
  total: '605.01',
  currency: 'EUR',
  specialInstructions: { keep: ['cold', 1.5] },
  createdAt: '2026-02-28T23:59:59.999Z',
};

const VALUES =
  'values: { OrderStatus: lower case, dateTime: utc without zone to the minute, Order.specialInstructions: json, OrderDraft.specialInstructions: json }';

const ROUTES = `
  get:
    match: SOAP ${PATH} GetOrder
    effect: read
    stage: STAGE
    new:
      upstream: orders
      rest: GET /api/orders/{orderId}
      response: order
      ${VALUES.replace(', OrderDraft.specialInstructions: json', '')}
      faults: { 404: OrderNotFound }
  list:
    match: SOAP ${PATH} ListOrders
    effect: read
    stage: STAGE
    new:
      upstream: orders
      rest: GET /api/orders
      response: { 200: { order: $.items, totalCount: $.total } }
      ${VALUES.replace(', OrderDraft.specialInstructions: json', '')}
      faults: { 400: { code: Client } }
  create:
    match: SOAP ${PATH} CreateOrder
    stage: STAGE
    new:
      upstream: orders
      rest: { method: POST, path: /api/orders, body: $.order }
      response: order
      rename: { OrderDraft.productId: product.id }
      ${VALUES}
      faults: { 400: InvalidOrder }
  update:
    match: SOAP ${PATH} UpdateOrder
    stage: STAGE
    new:
      upstream: orders
      rest: PUT /api/orders/{orderId}
      response: order
      ${VALUES}
      faults: { 404: OrderNotFound, 422: { detail: InvalidOrder } }
  cancel:
    match: SOAP ${PATH} CancelOrder
    stage: STAGE
    new:
      upstream: orders
      rest:
        method: POST
        path: /api/orders/{orderId}/cancel
        headers: { x-user: "header:{urn:u}User" }
      response: order
      ${VALUES.replace(', OrderDraft.specialInstructions: json', '')}
      faults: { 404: OrderNotFound, 409: { detail: InvalidState, map: { status: $.orderStatus } } }
`;

const yaml = (legacy: string, orders: string, stage = 'new', more = ''): string =>
  `version: 1
upstreams: { legacy: "${legacy}", orders: "${orders}" }
default: legacy
wsdls:
  ${PATH}: { file: "${folder}OrderService.wsdl"${more} }
routes:${ROUTES.replaceAll('STAGE', stage)}`;

/** Reads a request, then answers with JSON. */
const json =
  (status: number, body: unknown, type = 'application/json; charset=utf-8'): Handler =>
  (req, res) => {
    req.resume().once('end', () => {
      res.writeHead(status, { 'content-type': type });
      res.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  };

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A service that keeps what it was sent. */
function keeping(status: number, body: unknown): { readonly handler: Handler; readonly bodies: string[] } {
  const bodies: string[] = [];
  const handler: Handler = (req, res) => {
    void bodyOf(req).then((text) => {
      bodies.push(text);
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(body));
    });
  };
  return { handler, bodies };
}

interface Said {
  readonly header?: string;
  readonly version?: string;
  readonly headers?: Record<string, string>;
}

function call(gate: Front, body: string, { header = '', version = SOAP11, headers = {} }: Said = {}): Promise<Answer> {
  const type = version === SOAP11 ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8';
  const head = header === '' ? '' : `<s:Header>${header}</s:Header>`;
  const text = `<s:Envelope xmlns:s="${version}">${head}<s:Body>${body}</s:Body></s:Envelope>`;
  return ask(gate.url + PATH, { method: 'POST', body: text, headers: { 'content-type': type, ...headers } });
}

const element = (name: string, inside: string): string => `<o:${name} xmlns:o="${NS}">${inside}</o:${name}>`;
const reference = (name: string, id = '42'): string => element(name, `<o:orderId>${id}</o:orderId>`);
const get = (id = '42'): string => reference('GetOrder', id);

const DRAFT =
  '<o:productId>P-1</o:productId><o:customerId>C-1</o:customerId><o:quantity>3</o:quantity>' +
  '<o:pickupAddress xmlns:t="http://reeferdesk.example/types/v1"><t:street>s</t:street><t:city>c</t:city><t:country>NO</t:country><t:zipcode>1</t:zipcode></o:pickupAddress>' +
  '<o:pickupDate>2026-03-01T08:30:00</o:pickupDate>' +
  '<o:destinationAddress xmlns:t="http://reeferdesk.example/types/v1"><t:street>s</t:street><t:city>c</t:city><t:country>NO</t:country><t:zipcode>1</t:zipcode></o:destinationAddress>' +
  '<o:expectedDeliveryDate>2026-03-09T08:30:00+01:00</o:expectedDeliveryDate>' +
  '<o:items><o:sku>A</o:sku><o:quantity>1</o:quantity><o:unitPrice>10.10</o:unitPrice></o:items>' +
  '<o:specialInstructions>{"keep": "cold"}</o:specialInstructions>';

/** The text of an element in an answer, whatever its prefix. */
const textIn = (answer: Answer, name: string): string | undefined =>
  new RegExp(`<(?:\\w+:)?${name}(?: [^>]*)?>([^<]*)<`).exec(answer.body.toString())?.[1];

async function world(
  handler: Handler,
  stage = 'new',
  more = '',
): Promise<{
  gate: Front;
  legacy: Awaited<ReturnType<typeof upstream>>;
  orders: Awaited<ReturnType<typeof upstream>>;
}> {
  const legacy = await upstream(saying('legacy'));
  const orders = await upstream(handler);
  return { legacy, orders, gate: await front(yaml(legacy.url, orders.url, stage, more)) };
}

describe('a bridged read', () => {
  test('asks the REST service by the template, and answers with the envelope that the WSDL promises', async () => {
    const { gate, orders, legacy } = await world(json(200, { ...ORDER, unknown: 1 }));
    const answer = await call(gate, get(), { headers: { soapaction: `"${NS}/GetOrder"`, authorization: 'Bearer x' } });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/xml; charset=utf-8',
      'banyan-served-by': 'new',
      'banyan-route': 'get',
      'banyan-because': 'stage',
    });
    expect(answer.body.toString()).toMatch(
      /<order><orderId>42<\/orderId><productId>P-1<\/productId>.*<pickupDate>2026-03-01T08:30:00<\/pickupDate>.*<expectedDeliveryDate>2026-03-09T08:30:00<\/expectedDeliveryDate><status>BOOKED<\/status><containerIds>MSKU1<\/containerIds>.*<total>605.01<\/total>.*<createdAt>2026-02-28T23:59:00<\/createdAt>/,
    );
    expect(textIn(answer, 'specialInstructions')).toBe('{"keep": ["cold", 1.5]}');
    expect(answer.body.toString()).not.toContain('unknown');
    expect(orders.seen).toMatchObject([{ method: 'GET', url: '/api/orders/42', bytes: 0 }]);
    expect(orders.seen[0]?.headers).toMatchObject({ authorization: 'Bearer x', 'accept-encoding': 'identity' });
    for (const name of ['soapaction', 'content-type', 'content-length'])
      expect(orders.seen[0]?.headers).not.toHaveProperty(name);
    expect(legacy.seen).toEqual([]);
  });

  test('answers SOAP 1.2 in SOAP 1.2', async () => {
    const { gate } = await world(json(200, ORDER));
    const answer = await call(gate, get(), { version: SOAP12 });
    expect(answer.headers['content-type']).toBe('application/soap+xml; charset=utf-8');
    expect(answer.body.toString()).toContain(`<soap:Envelope xmlns:soap="${SOAP12}">`);
  });

  test('puts what the path does not take into the query, words as the service writes them', async () => {
    const { gate, orders } = await world(json(200, { items: [ORDER], total: 1 }));
    const inside = '<o:customerId>C 1&amp;x=y</o:customerId><o:status>BOOKED</o:status><o:size>5</o:size>';
    const answer = await call(gate, element('ListOrders', inside));
    expect(orders.seen[0]?.url).toBe('/api/orders?customerId=C%201%26x%3Dy&status=booked&size=5');
    expect(textIn(answer, 'totalCount')).toBe('1');
    expect(await call(gate, element('ListOrders', ''))).toMatchObject({ status: 200 });
    expect(orders.seen[1]?.url).toBe('/api/orders');
  });

  test('goes to legacy byte for byte at the stage legacy, however large, and when the service cannot be reached', async () => {
    const { gate, legacy, orders } = await world(json(200, ORDER), 'legacy');
    const note = `<!--${noise(3 * 1024 * 1024)
      .toString('hex')
      .slice(0, 3_000_000)}-->`;
    for (const body of [get(), get() + note]) {
      const answer = await call(gate, body);
      expect([answer.status, answer.body.toString(), answer.headers['banyan-served-by']]).toEqual([
        200,
        'legacy',
        'legacy',
      ]);
    }
    expect(legacy.seen.map(({ bytes, state }) => [bytes > 3_000_000, state])).toEqual([
      [false, 'whole'],
      [true, 'whole'],
    ]);
    await gate.turn(yaml(legacy.url, orders.url));
    await orders.close();
    const fallen = await call(gate, get());
    expect([fallen.body.toString(), fallen.headers['banyan-because']]).toEqual(['legacy', 'unreachable']);
    expect(legacy.seen[2]).toMatchObject({ method: 'POST', url: PATH });
    expect(legacy.seen[2]?.sha256).toBe(legacy.seen[0]?.sha256);
  });

  test.each(['whole', 'operation'])(
    'of a message that comes in many pieces is decoded whole (check: %s)',
    async (check) => {
      const { gate } = await world(json(200, ORDER), 'new', `, check: ${check}`);
      const long = `${get()}<!--${'x'.repeat(200_000)}-->`;
      expect(textIn(await call(gate, long), 'orderId')).toBe('42');
      expect(await call(gate, `${long}<o:Second xmlns:o="${NS}"/>`)).toMatchObject({ status: 500 });
      const tooLong = await call(gate, `${get()}<!--${'x'.repeat(2 * 1024 * 1024)}-->`);
      expect([textIn(tooLong, 'faultcode'), textIn(tooLong, 'code')]).toEqual(['soap:Client', 'GW_SOAP_TOO_LARGE']);
    },
  );
});

describe('a bridged write', () => {
  test('sends the JSON that the schema and the renames make of its input', async () => {
    const { handler, bodies } = keeping(201, ORDER);
    const { gate, orders } = await world(handler);
    const answer = await call(gate, element('CreateOrder', `<o:order>${DRAFT}</o:order>`));
    expect(answer.status).toBe(200);
    expect(orders.seen[0]).toMatchObject({ method: 'POST', url: '/api/orders' });
    expect(orders.seen[0]?.headers['content-type']).toBe('application/json');
    const sent = JSON.parse(bodies[0] ?? '') as Record<string, unknown>;
    expect(sent).toMatchObject({
      product: { id: 'P-1' },
      quantity: 3,
      pickupDate: '2026-03-01T08:30:00Z',
      expectedDeliveryDate: '2026-03-09T08:30:00+01:00',
      specialInstructions: { keep: 'cold' },
    });
    expect(sent).not.toHaveProperty('productId');
    // No digit passes through a float.
    expect(bodies[0]).toContain('"unitPrice":10.10');
  });

  test('leaves what stands in the path out of the body, and sends none where nothing is left', async () => {
    const { handler, bodies } = keeping(200, ORDER);
    const { gate, orders } = await world(handler);
    await call(gate, element('UpdateOrder', `<o:orderId>4/2</o:orderId><o:order>${DRAFT}</o:order>`));
    expect(orders.seen[0]).toMatchObject({ method: 'PUT', url: '/api/orders/4%2F2' });
    expect(Object.keys(JSON.parse(bodies[0] ?? '') as object)).toEqual(['order']);
    await call(gate, reference('CancelOrder'), {
      header: '<u:User xmlns:u="urn:u" s:mustUnderstand="1"> Ann </u:User>',
    });
    expect(orders.seen[1]).toMatchObject({ method: 'POST', url: '/api/orders/42/cancel', bytes: 0 });
    expect(orders.seen[1]?.headers['x-user']).toBe('Ann');
    expect(orders.seen[1]?.headers).not.toHaveProperty('content-type');
  });

  test('is sent once, whatever becomes of it, and legacy never gets it', async () => {
    const { gate, orders, legacy } = await world((req) => void req.socket.destroy());
    const answer = await call(gate, reference('CancelOrder'));
    expect([answer.status, textIn(answer, 'faultcode')]).toEqual([500, 'soap:Server']);
    expect([orders.seen.length, legacy.seen.length]).toEqual([1, 0]);
  });
});

describe('an error of the service', () => {
  test('becomes the fault that the WSDL declares, of what was asked and what the service said', async () => {
    const { gate } = await world(json(404, { error: 'Order 7 <not> found' }));
    const answer = await call(gate, get('7'));
    expect(answer.status).toBe(500);
    expect(answer.headers['banyan-served-by']).toBe('new');
    expect(answer.body.toString()).toMatch(
      /<faultcode>soap:Client<\/faultcode><faultstring>Order 7 &#60;not&#62; found<\/faultstring><detail><OrderNotFound xmlns="[^"]+"><orderId>7<\/orderId><message>Order 7 &lt;not&gt; found<\/message><\/OrderNotFound><\/detail>/,
    );
  });

  test('is read as problem+json where it is: its own members are no fields of the fault', async () => {
    const problem = {
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'It is cancelled.',
      orderStatus: 'cancelled',
    };
    const { gate } = await world(json(409, problem, 'application/problem+json'));
    const answer = await call(gate, reference('CancelOrder'), { version: SOAP12 });
    expect(answer.body.toString()).toMatch(
      /<soap:Value>soap:Sender<\/soap:Value>.*It is cancelled\..*<soap:Detail><InvalidState xmlns="[^"]+"><orderId>42<\/orderId><status>CANCELLED<\/status><message>It is cancelled.<\/message>/,
    );
  });

  test('of which the declared fault cannot be made is still a fault of that kind', async () => {
    const { gate } = await world(json(409, { title: 'Conflict' }));
    const answer = await call(gate, reference('CancelOrder'));
    expect([textIn(answer, 'faultcode'), textIn(answer, 'faultstring'), textIn(answer, 'code')]).toEqual([
      'soap:Client',
      'Conflict',
      'GW_BRIDGE_FAULT',
    ]);
    expect(await gate.metric('banyan_bridge_failures_total{route="cancel",code="GW_BRIDGE_FAULT"}')).toBe(1);
  });

  test('without a detail keeps its sentence', async () => {
    const { gate } = await world(json(400, { error: 'Invalid page: -1' }));
    const answer = await call(gate, element('ListOrders', '<o:page>-1</o:page>'));
    expect(textIn(answer, 'faultstring')).toBe('Invalid page: -1');
    expect(answer.body.toString()).not.toContain('detail');
  });

  test.each([
    ['a failure', 500, { error: 'password=hunter2 at db.internal' }, 'application/json'],
    ['a status that is not declared', 418, { error: 'password=hunter2' }, 'application/json'],
    ['a redirect', 302, { error: 'password=hunter2' }, 'application/json'],
  ])('that is %s tells nothing of the service', async (_name, status, body, type) => {
    const { gate, orders } = await world(json(status, body, type));
    const answer = await call(gate, get());
    expect([answer.status, textIn(answer, 'faultcode'), textIn(answer, 'code')]).toEqual([
      500,
      'soap:Server',
      'GW_BRIDGE_STATUS',
    ]);
    expect(answer.body.toString()).not.toMatch(/hunter2|internal/);
    expect(orders.seen).toHaveLength(1);
  });

  test('that says when to come back says so to the caller', async () => {
    const { gate } = await world((req, res) => {
      req
        .resume()
        .once('end', () => res.writeHead(503, { 'retry-after': '7', 'content-type': 'text/html' }).end('<p>'));
    });
    expect((await call(gate, get())).headers['retry-after']).toBe('7');
  });
});

describe('an answer that is not what was promised is a Server fault, never half an envelope', () => {
  test.each([
    ['HTML', json(200, '<p>', 'text/html'), 'GW_BRIDGE_MEDIA_TYPE'],
    ['JSON in another charset', json(200, '{}', 'application/json; charset=iso-8859-1'), 'GW_BRIDGE_MEDIA_TYPE'],
    ['broken JSON', json(200, '{"orderId":'), 'GW_BRIDGE_JSON'],
    ['a key that stands twice', json(200, '{"orderId":"1","orderId":"2"}'), 'GW_BRIDGE_JSON'],
    ['deep JSON', json(200, '['.repeat(100_000) + ']'.repeat(100_000)), 'GW_BRIDGE_JSON'],
    ['nothing', json(200, ''), 'GW_BRIDGE_ANSWER'],
    ['an order without its customer', json(200, { ...ORDER, customerId: undefined }), 'GW_BRIDGE_ANSWER'],
    ['a status that is no word of the schema', json(200, { ...ORDER, status: 'lost' }), 'GW_BRIDGE_ANSWER'],
    ['a number that is none', json(200, { ...ORDER, quantity: 'many' }), 'GW_BRIDGE_ANSWER'],
    ['a list for an object', json(200, [ORDER]), 'GW_BRIDGE_ANSWER'],
    ['a page for an order', json(200, { items: [ORDER], total: 1 }), 'GW_BRIDGE_ANSWER'],
  ])('%s', async (_name, handler, code) => {
    const { gate } = await world(handler);
    const answer = await call(gate, get());
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).toMatch(
      new RegExp(`<faultcode>soap:Server</faultcode><faultstring>[^<]+</faultstring><detail><gw:code[^>]*>${code}<`),
    );
    expect(await gate.metric(`banyan_bridge_failures_total{route="get",code="${code}"}`)).toBe(1);
  });

  test('compressed bytes that nobody asked for', async () => {
    const { gate } = await world((req, res) => {
      req.resume().once('end', () => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        res.end(noise(100));
      });
    });
    expect(textIn(await call(gate, get()), 'code')).toBe('GW_BRIDGE_JSON');
  });

  test('an answer without an end is not held: it is cut at its limit, and a read falls back', async () => {
    const { gate, legacy } = await world((_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(256 * 1024, ' ');
      const more = (): void => {
        while (!res.destroyed && res.write(chunk));
        if (!res.destroyed) res.once('drain', more);
      };
      more();
    });
    const answer = await call(gate, get());
    expect([answer.body.toString(), answer.headers['banyan-because']]).toEqual(['legacy', 'unreachable']);
    expect(legacy.seen).toHaveLength(1);
  });
});

describe('a shadow of a bridged read', () => {
  const soap = (status: string, date = '2026-03-01T08:30:00'): string =>
    `<s:Envelope xmlns:s="${SOAP11}"><s:Body><x:GetOrderResponse xmlns:x="${NS}" xmlns:t="http://reeferdesk.example/types/v1"><x:order>` +
    '<x:orderId>42</x:orderId><x:productId>P-1</x:productId><x:customerId>C-000042</x:customerId><x:quantity>3</x:quantity>' +
    ['pickup', 'destination']
      .map(
        (side) =>
          `<x:${side}Address><t:street>s 1</t:street><t:city>Bergen</t:city><t:country>NO</t:country><t:zipcode>5003</t:zipcode></x:${side}Address>` +
          (side === 'pickup'
            ? `<x:pickupDate>${date}</x:pickupDate>`
            : '<x:expectedDeliveryDate>2026-03-09T08:30:00</x:expectedDeliveryDate>'),
      )
      .join('') +
    `<x:status>${status}</x:status><x:containerIds>MSKU1</x:containerIds><x:items><x:lineNo>1</x:lineNo><x:sku>A&amp;B</x:sku><x:quantity>3</x:quantity><x:unitPrice>201.67</x:unitPrice></x:items>` +
    '<x:total>605.01</x:total><x:currency>EUR</x:currency><x:specialInstructions>{"keep": ["cold", 1.5]}</x:specialInstructions>' +
    '<x:createdAt>2026-02-28T23:59:00</x:createdAt><x:updatedAt>2026-03-02T08:30:00</x:updatedAt></x:order></x:GetOrderResponse></s:Body></s:Envelope>';

  const legacySaying =
    (text: string, status = 200): Handler =>
    (req, res) => {
      req.resume().once('end', () => res.writeHead(status, { 'content-type': 'text/xml' }).end(text));
    };

  test.each([
    ['match', soap('BOOKED'), 'shadow'],
    ['mismatch', soap('CREATED'), 'shadow'],
    ['match', soap('BOOKED'), 'new\n    parity: { sample: 100% }'],
  ])('compares what both sides say: %s (%#)', async (verdict, text, stage) => {
    const legacy = await upstream(legacySaying(text));
    const orders = await upstream(json(200, ORDER));
    const gate = await front(yaml(legacy.url, orders.url, stage));
    const answer = await call(gate, get());
    expect(textIn(answer, 'orderId')).toBe('42');
    await until(async () => (await gate.metric(`banyan_parity_total{route="get",verdict="${verdict}"}`)) === 1);
    expect(orders.seen).toMatchObject([{ method: 'GET', url: '/api/orders/42' }]);
    expect(legacy.seen).toMatchObject([{ method: 'POST', url: PATH }]);
  });

  test('compares faults by their code, words and detail', async () => {
    const fault = `<s:Envelope xmlns:s="${SOAP11}"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>Order 42 not found</faultstring><detail><o:OrderNotFound xmlns:o="${NS}"><o:orderId>42</o:orderId><o:message>Order 42 not found</o:message></o:OrderNotFound></detail></s:Fault></s:Body></s:Envelope>`;
    const legacy = await upstream(legacySaying(fault, 500));
    const orders = await upstream(json(404, { error: 'Order 42 not found' }));
    const gate = await front(yaml(legacy.url, orders.url, 'shadow'));
    expect((await call(gate, get())).status).toBe(500);
    await until(async () => (await gate.metric('banyan_parity_total{route="get",verdict="match"}')) === 1);
  });

  test('asks nothing that cannot be asked, and counts it', async () => {
    const { gate, orders } = await world(json(200, ORDER), 'shadow');
    expect((await call(gate, get('..'))).body.toString()).toBe('legacy');
    await until(async () => (await gate.metric('banyan_shadow_dropped_total{route="get",reason="bridge"}')) === 1);
    expect(orders.seen).toEqual([]);
  });
});
