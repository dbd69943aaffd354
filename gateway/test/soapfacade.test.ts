import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  nobody,
  saying,
  sha256,
  until,
  upstream,
  valuesOf,
  wire,
  type Answer,
  type Front,
} from './front.ts';
import { envelope, SOAP11, SOAP12 } from './soap/samples.ts';

// SOAP through the facade: what is told from the body, what passes unread, and what callers are told in their own words.

const folder = fileURLToPath(new URL('../../legacy-monolith/wsdl/', import.meta.url));
const NS = 'http://reeferdesk.example/orders/v1';
const PATH = '/soap/OrderService';
const XML = { 'content-type': 'text/xml; charset=utf-8' };
const XML12 = { 'content-type': 'application/soap+xml; charset=utf-8' };

const call = (name: string, more = ''): string =>
  `<o:${name} xmlns:o="${NS}"><o:orderId>1</o:orderId>${more}</o:${name}>`;
const message = (name: string, more = '', namespace: string = SOAP11): string =>
  envelope(call(name, more), '', namespace);

interface Plan {
  readonly legacy: string;
  readonly orders?: string;
  readonly stage?: string;
  readonly wsdl?: string;
  readonly more?: string;
}

const yaml = ({ legacy, orders = legacy, stage = 'new', wsdl = '', more = '' }: Plan): string =>
  `version: 1
upstreams: { legacy: "${legacy}", orders: "${orders}" }
default: legacy
${more}
wsdls:
  ${PATH}: { file: "${folder}OrderService.wsdl"${wsdl} }
routes:
  soap-get: { match: SOAP ${PATH} GetOrder, effect: read, stage: ${stage}, new: orders${stage === 'gone' ? ', gone: "Orders have moved."' : ''} }
  soap-cancel: { match: SOAP ${PATH} CancelOrder, stage: ${stage}, new: orders }
`;

async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect([await gate.outstanding('legacy'), await gate.outstanding('orders')]).toEqual([0, 0]);
}

const post = (
  gate: Front,
  body: Buffer | string,
  headers: Record<string, string> = XML,
  chunked = false,
): Promise<Answer> => ask(gate.url + PATH, { method: 'POST', body, headers, chunked });

/** What a fault says, and in which version. */
function faultOf(answer: Answer): { status: number; version: '1.1' | '1.2'; code: string; text: string } {
  const text = answer.body.toString();
  const version = text.includes(SOAP12) ? '1.2' : '1.1';
  expect(text).toContain(version === '1.1' ? SOAP11 : SOAP12);
  expect(answer.headers['content-type']).toMatch(version === '1.1' ? /^text\/xml/ : /^application\/soap\+xml/);
  const code = /<(?:\w+:)?(?:faultcode|Value)[^>]*>(?:\w+:)?([\w.]+)</.exec(text)?.[1] ?? '';
  return { status: answer.status, version, code, text };
}

/** `bytes` of XML comment and text in front of the end, so that a message is as long as a test wants it. */
const padded = (bytes: number): string =>
  message('GetOrder', `<o:note>${'lorem ipsum '.repeat(Math.ceil(bytes / 12)).slice(0, bytes)}</o:note>`);

const mtom = (root: string): Buffer =>
  Buffer.concat([
    Buffer.from(`--b\r\nContent-Type: application/octet-stream\r\nContent-ID: <a>\r\n\r\n`),
    Buffer.from([0, 1, 2, 255, 13, 10, 45, 45]),
    Buffer.from(
      `\r\n--b\r\nContent-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\nContent-ID: <root>\r\n\r\n${root}\r\n--b--\r\n`,
    ),
  ]);

const MESSAGES: readonly (readonly [string, Buffer, Record<string, string>])[] = [
  ['UTF-8', Buffer.from(message('GetOrder', '<o:note>Ærø ✓</o:note>')), XML],
  ['UTF-8 with a BOM', Buffer.from(`\ufeff${message('GetOrder')}`), XML],
  [
    'UTF-16',
    Buffer.from(`\ufeff${message('GetOrder', '<o:note>Ærø</o:note>')}`, 'utf16le'),
    { 'content-type': 'text/xml; charset=utf-16' },
  ],
  [
    'ISO-8859-1',
    Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${message('GetOrder', '<o:note>Ærø</o:note>')}`, 'latin1'),
    { 'content-type': 'text/xml' },
  ],
  [
    'SOAP 1.2',
    Buffer.from(message('GetOrder', '', SOAP12)),
    { 'content-type': `application/soap+xml;charset=UTF-8;action="${NS}/GetOrder"` },
  ],
  ['gzip', gzipSync(message('GetOrder')), { ...XML, 'content-encoding': 'gzip' }],
  [
    'MTOM, the root part behind the attachment',
    mtom(message('GetOrder')),
    {
      'content-type':
        'multipart/related; boundary=b; type="application/xop+xml"; start="<root>"; start-info="text/xml"',
    },
  ],
  ['200 KiB', Buffer.from(padded(200 * 1024)), XML],
  ['5 MiB', Buffer.from(padded(5 * 1024 * 1024)), XML],
  ['5 MiB in gzip', gzipSync(Buffer.from(padded(5 * 1024 * 1024))), { ...XML, 'content-encoding': 'gzip' }],
];

describe('a message', () => {
  describe.each(MESSAGES)('in %s', (_name, bytes, headers) => {
    test.each([false, true])('goes by its operation, byte for byte (chunked: %s)', async (chunked) => {
      const legacy = await upstream(saying('legacy'));
      const orders = await upstream(saying('orders'));
      const gate = await front(yaml({ legacy: legacy.url, orders: orders.url }));
      const answer = await post(gate, bytes, headers, chunked);
      expect(answer.body.toString()).toBe('orders');
      expect(answer.headers).toMatchObject({
        'banyan-served-by': 'new',
        'banyan-route': 'soap-get',
        'banyan-because': 'stage',
      });
      expect(orders.seen).toMatchObject([
        { method: 'POST', url: PATH, bytes: bytes.length, sha256: sha256(bytes), state: 'whole' },
      ]);
      expect(orders.seen[0]?.headers['content-type']).toBe(headers['content-type']);
      expect(orders.seen[0]?.headers['content-encoding']).toBe(headers['content-encoding']);
      expect(legacy.seen).toEqual([]);
      await settled(gate, 1);
    });
  });

  test('keeps the spelling of its SOAPAction, quoted or not', async () => {
    const orders = await upstream();
    const gate = await front(yaml({ legacy: orders.url }));
    const actions = [`"${NS}/GetOrder"`, `${NS}/GetOrder`, `'${NS}/GetOrder'`, '""', ''];
    for (const action of actions) {
      const client = await wire(gate.port);
      const body = message('GetOrder');
      client.send(
        `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nsoapACTION: ${action}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      expect(await client.closed).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(orders.seen.map(({ rawHeaders }) => valuesOf(rawHeaders, 'soapaction'))).toEqual(
      actions.map((action) => [action]),
    );
    for (const { rawHeaders } of orders.seen) expect(rawHeaders).toContain('soapACTION');
    await settled(gate, actions.length);
  });

  test('of an operation without a route, or that the WSDL does not know, goes to the default', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('orders'));
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url }));
    for (const body of [
      message('ListOrders'),
      message('Nonsense'),
      envelope('<GetOrder xmlns="urn:another"/>'),
      envelope('<GetOrder/>'),
    ]) {
      const answer = await post(gate, body);
      expect([
        answer.body.toString(),
        answer.headers['banyan-served-by'],
        answer.headers['banyan-route'],
        answer.headers['banyan-because'],
      ]).toEqual(['legacy', 'legacy', 'default', 'default']);
    }
    expect(orders.seen).toEqual([]);
    await settled(gate, 4);
  });

  test('streams: its beginning is at the upstream before its end has been sent, and so is the answer', async () => {
    let answer: ServerResponse | null = null;
    const orders = await upstream((req, res) => {
      req.resume();
      answer = res;
    });
    const gate = await front(yaml({ legacy: orders.url }));
    const body = padded(100 * 1024);
    const client = await wire(gate.port);
    client.send(
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    client.send(body.slice(0, -1));
    await until(() => (orders.seen[0]?.bytes ?? 0) > 50 * 1024);
    expect(orders.seen[0]?.state).toBe('reading');
    client.send(body.slice(-1));
    await until(() => orders.seen[0]?.state === 'whole');
    (answer as ServerResponse | null)?.write('first');
    await client.sees(/first/);
    (answer as ServerResponse | null)?.end('second');
    expect(await client.closed).toMatch(/second/);
    expect(orders.seen).toMatchObject([{ bytes: body.length, sha256: sha256(body) }]);
    await settled(gate, 1);
  });

  test('under another spelling of its path is still that service, and goes on as it came', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('orders'));
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url }));
    const answer = await ask(`${gate.url}/soap/%4frderService?x`, {
      method: 'POST',
      body: message('GetOrder'),
      headers: XML,
    });
    expect(answer.body.toString()).toBe('orders');
    expect(orders.seen).toMatchObject([{ url: '/soap/%4frderService?x' }]);
    await settled(gate, 1);
  });
});

describe('a message is refused, with a fault of its version, when', () => {
  const both = [
    ['1.1', SOAP11, XML, 'Client'],
    ['1.2', SOAP12, XML12, 'Sender'],
  ] as const;

  test.each(both)('its action names another operation (%s)', async (version, namespace, headers, code) => {
    const legacy = await upstream();
    const gate = await front(yaml({ legacy: legacy.url }));
    const action =
      version === '1.1'
        ? { ...headers, soapaction: `"${NS}/CancelOrder"` }
        : { 'content-type': `${headers['content-type']}; action="${NS}/CancelOrder"` };
    const answer = await post(gate, message('GetOrder', '', namespace), action);
    expect(faultOf(answer)).toMatchObject({ status: 500, version, code });
    expect(answer.headers['banyan-served-by']).toBe('none');
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('its action is another, unless the body is told to win', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('orders'));
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url, wsdl: ', actionMismatch: body-wins' }));
    const answer = await post(gate, message('GetOrder'), { ...XML, soapaction: `"${NS}/ListOrders"` });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'orders']);
    await settled(gate, 1);
  });

  test.each(both)('it has a DOCTYPE (%s), also in UTF-16', async (version, namespace, headers, code) => {
    const legacy = await upstream();
    const gate = await front(yaml({ legacy: legacy.url }));
    const text = `<!DOCTYPE x [<!ENTITY e "e">]>${message('GetOrder', '', namespace)}`;
    const type = headers['content-type'].replace('utf-8', 'utf-16');
    for (const answer of [
      await post(gate, text, headers),
      await post(gate, Buffer.from(`\ufeff${text}`, 'utf16le'), { 'content-type': type }),
    ]) {
      expect(faultOf(answer)).toMatchObject({ version, code });
    }
    expect(legacy.seen).toEqual([]);
    await settled(gate, 2);
  });

  test.each([
    ['claims gzip and is not', Buffer.from(message('GetOrder')), { ...XML, 'content-encoding': 'gzip' }, 400],
    ['has an unknown coding', Buffer.from(message('GetOrder')), { ...XML, 'content-encoding': 'zip' }, 415],
    [
      'is larger than 10 MiB once inflated',
      gzipSync(Buffer.alloc(11 * 1024 * 1024, 32)),
      { ...XML, 'content-encoding': 'gzip' },
      413,
    ],
    ['is in an unknown charset', Buffer.from(message('GetOrder')), { 'content-type': 'text/xml; charset=utf-7' }, 415],
    ['is not well-formed', Buffer.from(message('GetOrder').replace('</s:Envelope>', '</s:Envelop>')), XML, 500],
    ['has an attribute id="__proto__"', Buffer.from(message('GetOrder', '<o:x id="__proto__"/>')), XML, 500],
  ])('it %s', async (_name, body, headers, status) => {
    const legacy = await upstream();
    const gate = await front(yaml({ legacy: legacy.url }));
    const answer = await post(gate, body, headers);
    expect(faultOf(answer)).toMatchObject({ status, version: '1.1', code: 'Client' });
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('something is wrong far behind its operation: the upstream never gets its last byte', async () => {
    const orders = await upstream((req: IncomingMessage, res: ServerResponse) =>
      req.resume().once('end', () => res.end('done')),
    );
    const gate = await front(yaml({ legacy: orders.url }));
    const good = padded(300 * 1024);
    for (const body of [
      good.replace('</s:Body>', '</s:Bodx>'),
      good.replace('</s:Body>', '<o:second xmlns:o="urn:x"/></s:Body>'),
      good.replace('</o:note>', '</o:note><o:x id="__proto__"/>'),
    ]) {
      for (const chunked of [false, true]) {
        const before = orders.seen.length;
        const answer = await post(gate, body, XML, chunked);
        expect(faultOf(answer)).toMatchObject({ version: '1.1', code: 'Client' });
        expect(answer.headers['banyan-served-by']).toBe('none');
        await until(() => orders.seen.slice(before).every(({ state }) => state === 'cut'));
        for (const seen of orders.seen.slice(before)) expect(seen.bytes).toBeLessThan(body.length);
      }
    }
    await settled(gate, 6);
    // The sender's mistake is not the upstream's.
    expect(await gate.metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
    expect((await post(gate, good)).body.toString()).toBe('done');
  });

  test('it stops coming', async () => {
    const orders = await upstream((req) => void req.resume());
    const gate = await front(yaml({ legacy: orders.url }), { idleMs: 300 });
    for (const [sent, of] of [
      [message('GetOrder').slice(0, 100), 1_000],
      [padded(100 * 1024).slice(0, 60 * 1024), 100 * 1024],
    ] as const) {
      const client = await wire(gate.port);
      client.send(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: ${of}\r\n\r\n${sent}`);
      await client.sees(/^HTTP\/1\.1 \d+ [^]*<\/(?:\w+:)?Envelope>/);
      expect(client.text()).toContain('Fault');
      await until(() => orders.seen.every(({ state }) => state === 'cut'));
    }
    await settled(gate, 2);
  });
});

describe('an upstream that is down', () => {
  test.each([
    ['1.1', SOAP11, XML, 'Server'],
    ['1.2', SOAP12, XML12, 'Receiver'],
  ] as const)('is a fault (%s)', async (version, namespace, headers, code) => {
    const gate = await front(yaml({ legacy: await nobody(), stage: 'legacy' }));
    const answer = await post(gate, message('CancelOrder', '', namespace), headers);
    expect(faultOf(answer)).toMatchObject({ status: 500, version, code });
    expect(answer.body.toString()).toContain('GW_UPSTREAM_UNREACHABLE');
    expect(answer.body.toString()).not.toMatch(/ECONN|127\.0\.0\.1/);
    await settled(gate, 1);
  });

  test('is stood in for by legacy in what is declared a read, byte for byte; never in a write', async () => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(yaml({ legacy: legacy.url, orders: await nobody() }));
    const body = Buffer.from(message('GetOrder', '<o:note>Ærø</o:note>'));
    const read = await post(gate, body);
    expect([read.body.toString(), read.headers['banyan-served-by'], read.headers['banyan-because']]).toEqual([
      'legacy',
      'legacy',
      'unreachable',
    ]);
    expect(legacy.seen).toMatchObject([{ sha256: sha256(body) }]);
    expect(faultOf(await post(gate, message('CancelOrder')))).toMatchObject({ status: 500, code: 'Server' });
    expect(legacy.seen).toHaveLength(1);
    await settled(gate, 2);
  });
});

describe('an operation at', () => {
  test.each([
    ['1.1', SOAP11, XML, { held: 'Server', gone: 'Client' }],
    ['1.2', SOAP12, XML12, { held: 'Receiver', gone: 'Sender' }],
  ] as const)(
    "held and gone is answered by a fault (%s), and the service's others pass",
    async (version, namespace, headers, codes) => {
      const legacy = await upstream(saying('legacy'));
      const gate = await front(yaml({ legacy: legacy.url, stage: 'held' }));
      const first = await post(gate, message('GetOrder', '', namespace), headers);
      expect(faultOf(first)).toMatchObject({ status: 500, version, code: codes.held });
      expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
      expect(first.headers).toMatchObject({
        'banyan-served-by': 'none',
        'banyan-route': 'soap-get',
        'banyan-because': 'held',
      });
      expect((await post(gate, message('ListOrders', '', namespace), headers)).body.toString()).toBe('legacy');
      await gate.turn(yaml({ legacy: legacy.url, stage: 'gone' }));
      const second = await post(gate, message('GetOrder', '', namespace), headers);
      expect(faultOf(second)).toMatchObject({
        status: 500,
        version,
        code: codes.gone,
        text: expect.stringContaining('Orders have moved.'),
      });
      expect(second.headers).toMatchObject({ 'banyan-served-by': 'none', 'banyan-because': 'gone' });
      expect(legacy.seen).toHaveLength(1);
      await settled(gate, 3);
    },
  );

  test('legacy and new is answered by its side from the flip on', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('orders'));
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url, stage: 'legacy' }));
    expect((await post(gate, message('GetOrder'))).body.toString()).toBe('legacy');
    await gate.turn(yaml({ legacy: legacy.url, orders: orders.url, stage: 'new' }));
    expect((await post(gate, message('GetOrder'))).body.toString()).toBe('orders');
    await settled(gate, 2);
  });
});

describe('a description', () => {
  /** Says the monolith's files as a server at `own` would: with its own addresses in them. */
  const describing =
    (own: () => string) =>
    (req: IncomingMessage, res: ServerResponse): void => {
      const url = req.url ?? '';
      const file = url.endsWith('.xsd')
        ? url.slice(url.lastIndexOf('/') + 1)
        : /[?&]xsd=/.test(url)
          ? 'orders.xsd'
          : 'OrderService.wsdl';
      const text = readFileSync(folder + file, 'utf8').replace(
        /(<soap(?:12)?:address location=")[^"]*/g,
        `$1${own()}${PATH}`,
      );
      res.writeHead(200, {
        'content-type': 'text/xml; charset=utf-8',
        etag: '"old"',
        'content-length': Buffer.byteLength(text),
      });
      res.end(req.method === 'HEAD' ? undefined : text);
    };

  async function described(
    more = '',
  ): Promise<{ gate: Front; own: string; asked: readonly { method: string; url: string }[] }> {
    let own = '';
    const legacy = await upstream(describing(() => own));
    own = legacy.url;
    const gate = await front(yaml({ legacy: legacy.url, more }));
    return { gate, own, asked: legacy.seen };
  }

  test.each([
    ['publicUrl', 'publicUrl: https://desk.example/', () => 'https://desk.example'],
    ['the address that it listens on', '', (gate: Front) => gate.url],
  ] as const)('points to %s', async (_name, more, base) => {
    const { gate, own } = await described(more);
    for (const query of ['?wsdl', '?WSDL', '?singleWsdl']) {
      // The Host of the request is not believed.
      const answer = await ask(`${gate.url}${PATH}${query}`, { headers: { host: 'evil.example' } });
      const text = answer.body.toString();
      expect(answer).toMatchObject({ status: 200, whole: true });
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      const addresses = [...text.matchAll(/:address location="([^"]*)"/g)].map(([, address]) => address);
      expect(addresses.length).toBeGreaterThan(1);
      expect(new Set(addresses)).toEqual(new Set([`${base(gate)}${PATH}`]));
      expect(text).not.toContain(own);
      expect(text).not.toContain('evil.example');
      expect(answer.headers['etag']).toMatch(/^"[\w-]{43}"$/);
      // Nothing but addresses and imports has changed.
      const bare = (xml: string): string => xml.replace(/((?:schemaL|l)ocation=")[^"]*/g, '$1');
      expect(bare(text)).toBe(bare(readFileSync(`${folder}OrderService.wsdl`, 'utf8')));
    }
    await settled(gate, 3);
  });

  test('has imports that lead to descriptions through the facade', async () => {
    const { gate, own } = await described();
    const wanted = [`${PATH}?wsdl`];
    const met: string[] = [];
    for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
      if (met.includes(next)) continue;
      met.push(next);
      const url = new URL(next, `${gate.url}${PATH}`);
      expect(url.origin).toBe(gate.url);
      const answer = await ask(url.href);
      expect(answer.status).toBe(200);
      const text = answer.body.toString();
      expect(text).not.toContain(own);
      for (const [, location = ''] of text.matchAll(/schemaLocation="([^"]*)"/g))
        wanted.push(new URL(location, url).href);
    }
    // The service, its schema, and the schema that it shares.
    expect(met).toHaveLength(3);
    await settled(gate, 3);
  });

  test('is asked for by HEAD as by GET, and answered alike', async () => {
    const { gate, asked } = await described();
    const get = await ask(`${gate.url}${PATH}?wsdl`);
    const head = await ask(`${gate.url}${PATH}?wsdl`, { method: 'HEAD' });
    expect(head.body).toHaveLength(0);
    for (const name of ['content-length', 'content-type', 'etag'] as const)
      expect(head.headers[name]).toBe(get.headers[name]);
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
    await settled(gate, 2);
  });

  test("is legacy's whatever the stages of its operations", async () => {
    const legacy = await upstream((_req, res) => res.writeHead(403).end('not for you'));
    const gate = await front(yaml({ legacy: legacy.url, orders: await nobody(), stage: 'gone' }));
    const answer = await ask(`${gate.url}${PATH}?wsdl`);
    expect([answer.status, answer.body.toString(), answer.headers['banyan-served-by']]).toEqual([
      403,
      'not for you',
      'legacy',
    ]);
    await settled(gate, 1);
  });
});
