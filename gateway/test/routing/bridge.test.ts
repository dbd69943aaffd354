import { describe, expect, test } from 'vitest';
import { readRouting } from '@banyan/gateway/routing';

// Bridges as the file writes them: the short form, the long form, and what is wrong before any WSDL is looked at.

const file = (successor: string, match = 'SOAP /soap/X Get', wsdls = 'wsdls: { /soap/X: { file: x.wsdl } }'): string =>
  `version: 1
upstreams: { legacy: "http://127.0.0.1:1", orders: "http://127.0.0.1:2" }
default: legacy
${wsdls}
routes:
  a:
    match: ${match}
    stage: legacy
    new:
      upstream: orders
${successor
  .split('\n')
  .map((line) => `      ${line}`)
  .join('\n')}
`;

const read = (text: string): ReturnType<typeof readRouting> => readRouting(text, {}, '2026-01-01');

function bridge(successor: string): unknown {
  const loaded = read(file(successor));
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems));
  const { places: _, ...config } = loaded.table.routes[0]?.successor?.bridge ?? { places: new Map() };
  return config;
}

function wrong(text: string): readonly string[] {
  const loaded = read(text);
  if (loaded.kind === 'accepted') throw new Error('it was accepted');
  return loaded.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const pick = (text: string, ...steps: (string | number)[]): object => ({ kind: 'pick', from: '$', text, steps });

describe('a bridge', () => {
  test('of one line asks by a template, and leaves all the rest to the WSDL', () => {
    expect(bridge('rest: GET /api/orders/{orderId}?full=yes')).toEqual({
      target: {
        kind: 'target',
        method: 'GET',
        segments: [
          [{ kind: 'literal', text: 'api' }],
          [{ kind: 'literal', text: 'orders' }],
          [{ kind: 'value', name: 'orderId' }],
        ],
        query: 'full=yes',
      },
      query: null,
      body: null,
      headers: new Map(),
      drop: [],
      response: { kind: 'whole' },
      rename: new Map(),
      values: new Map(),
      faults: new Map(),
    });
  });

  test('of the short form names the output element, renames, and faults', () => {
    expect(
      bridge(
        'rest: POST /api/orders\nresponse: order\nrename: { Order.voyageId: voyage.id, Order.state: "$.state" }\n' +
          'values: { OrderStatus: lower case, Order.kind: { A: "1" } }\nfaults: { 404: OrderNotFound, 409: InvalidState }',
      ),
    ).toMatchObject({
      response: { kind: 'field', name: 'order' },
      rename: new Map([
        ['Order.voyageId', ['voyage', 'id']],
        ['Order.state', ['state']],
      ]),
      values: new Map<string, unknown>([
        ['OrderStatus', 'lower case'],
        ['Order.kind', { A: '1' }],
      ]),
      faults: new Map([
        [404, { code: null, detail: 'OrderNotFound', map: new Map() }],
        [409, { code: null, detail: 'InvalidState', map: new Map() }],
      ]),
    });
  });

  test('of the long form says where everything goes and comes from', () => {
    expect(
      bridge(
        `rest:
  method: GET
  path: /api/orders
  query: { customer: $.customerId, first: 'input.order.items[0]' }
  headers: { X-Tenant: $.tenant, x-user: "header:{urn:u}User" }
  drop: [page]
response: { 200: { order: $.items, totalCount: $.total, orderId: input.orderId } }
faults: { 404: { code: Client, detail: OrderNotFound, map: { message: $.error } }, 400: { code: Client } }`,
      ),
    ).toMatchObject({
      query: new Map([
        ['customer', pick('$.customerId', 'customerId')],
        ['first', pick('input.order.items[0]', 'order', 'items', 0)],
      ]),
      headers: new Map([
        ['x-tenant', pick('$.tenant', 'tenant')],
        ['x-user', { kind: 'block', text: 'header:{urn:u}User', name: { namespace: 'urn:u', local: 'User' } }],
      ]),
      drop: ['page'],
      response: {
        kind: 'map',
        by: new Map([
          [
            200,
            new Map([
              ['order', pick('$.items', 'items')],
              ['totalCount', pick('$.total', 'total')],
              ['orderId', { ...pick('input.orderId', 'orderId'), from: 'input' }],
            ]),
          ],
        ]),
      },
      faults: new Map([
        [404, { code: 'Client', detail: 'OrderNotFound', map: new Map([['message', pick('$.error', 'error')]]) }],
        [400, { code: 'Client', detail: null, map: new Map() }],
      ]),
    });
  });
});

describe('what is wrong with a bridge is told with its place', () => {
  test.each([
    ['a method that is none', 'rest: FETCH /a', '11:13 routes.a.new.rest: "FETCH" is not a method of a bridge'],
    ['an empty segment', 'rest: GET /a//b', '11:13 routes.a.new.rest: a path has no empty segments'],
    ['a dot segment', 'rest: GET /a/../b', '11:13 routes.a.new.rest: a path has no "." and ".." segments'],
    ['a fragment', 'rest: "GET /a#b"', '11:13 routes.a.new.rest: a path has no fragment'],
    ['half a brace', 'rest: GET /a/{b', '11:13 routes.a.new.rest: "{b" cannot stand in a path'],
    ['no name in braces', 'rest: GET /a/{}', '11:13 routes.a.new.rest: "{}" is not a value'],
    ['a bad escape', 'rest: GET /a/%zz', '11:13 routes.a.new.rest: "%zz" cannot stand in a path'],
    ['a value in the query', 'rest: GET /a?b={c}', '11:13 routes.a.new.rest: values of the query stand under "query:"'],
    [
      'a wildcard',
      'rest: { method: GET, path: /a, query: { b: "$.c[*]" } }',
      '11:50 routes.a.new.rest.query.b: "$.c[*]" means several places',
    ],
    [
      'no path',
      'rest: { method: POST, path: /a, body: order }',
      '11:45 routes.a.new.rest.body: expected a JSON path such as $.order.id, not "order"',
    ],
    [
      'a header that is ours',
      'rest: { method: GET, path: /a, headers: { Content-Length: $.a } }',
      "11:65 routes.a.new.rest.headers.Content-Length: is not for a bridge to set: it is the facade's own",
    ],
    [
      'a header block without a name',
      'rest: { method: GET, path: /a, headers: { x: "header:{urn:a}" } }',
      '11:52 routes.a.new.rest.headers.x: "header:{urn:a}": a SOAP header block is named as',
    ],
    ['nothing that is asked', 'response: order', '11:17 routes.a.new.response: "response" is of a bridge'],
    ['a path besides', 'rest: GET /a\npath: /b', '12:13 routes.a.new.path: a bridge has its path in "rest:"'],
    [
      'a status of success as a fault',
      'rest: GET /a\nfaults: { 200: X }',
      '12:17 routes.a.new.faults.200: expected a status of an error',
    ],
    [
      'a response to an error',
      'rest: GET /a\nresponse: { 404: { a: $.b } }',
      '12:19 routes.a.new.response.404: expected a status of success',
    ],
    [
      'a rename of no field',
      'rest: GET /a\nrename: { voyageId: a }',
      '12:17 routes.a.new.rename.voyageId: expected Type.field',
    ],
    [
      'a conversion that is none',
      'rest: GET /a\nvalues: { A: lowercase }',
      '12:20 routes.a.new.values.A: expected lower case or upper case',
    ],
  ])('%s', (_name, successor, expected) => {
    expect(wrong(file(successor))).toEqual([expect.stringContaining(expected)]);
  });

  test('all at once', () => {
    const successor =
      'rest: { method: GET, path: /a//b, body: x, headers: { host: $.h } }\nresponse: { 200: { a: b } }';
    expect(wrong(file(successor))).toHaveLength(4);
  });

  test('a bridge of a REST route, or of a path without a WSDL', () => {
    expect(wrong(file('rest: GET /a', 'GET /b'))).toEqual([
      '11:13 routes.a.new.rest: a bridge is for SOAP routes: "match: SOAP /path Operation"',
    ]);
    expect(wrong(file('rest: GET /a', 'SOAP /soap/X {urn:x}Get', 'expose: true'))).toEqual([
      '11:13 routes.a.new.rest: a bridge needs the WSDL of /soap/X: name it in wsdls./soap/X.file',
    ]);
  });
});
