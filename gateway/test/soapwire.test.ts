import { fileURLToPath } from 'node:url';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ask, front, nobody, noise, sha256, until, upstream, valuesOf, wire, type Front } from './front.ts';
import { envelope } from './soap/samples.ts';

// SOAP on its connection: what comes behind a message, who leaves in the middle of one, and descriptions as servers really send them.

const folder = fileURLToPath(new URL('../../legacy-monolith/wsdl/', import.meta.url));
const NS = 'http://reeferdesk.example/orders/v1';
const PATH = '/soap/OrderService';

const getOrder = (more = ''): string =>
  envelope(`<o:GetOrder xmlns:o="${NS}"><o:orderId>1</o:orderId>${more}</o:GetOrder>`);
const filler = (bytes: number): string => `<o:note>${'x'.repeat(bytes)}</o:note>`;
const yaml = (legacy: string, routes = ''): string => `version: 1
upstreams: { legacy: { url: "${legacy}", breaker: { volume: 2 } } }
default: legacy
wsdls:
  ${PATH}: { file: "${folder}OrderService.wsdl" }
${routes}`;
const post = (body: string, more = ''): string =>
  `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  await until(async () => (await gate.outstanding()) === 0);
  expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
}

describe('behind a message that is refused', () => {
  test('the next requests of the connection are answered, in their order', async () => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url));
    const client = await wire(gate.port);
    client.send(
      post(`<!DOCTYPE x>${getOrder()}`) +
        post(getOrder()) +
        post('<a', 'SOAPAction: "x"\r\nSOAPAction: "y"\r\n') +
        LAST,
    );
    const text = await client.closed;
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['500', '200', '400', '200']);
    expect(text).toContain('GW_SOAP_DOCTYPE');
    expect(legacy.seen.map(({ url }) => url)).toEqual([PATH, '/last']);
    await settled(gate, 4);
  });

  test.each([
    ['too large', `Content-Length: 12000000\r\n\r\n`, 12_000_000, 413],
    ['of no SOAP', `Content-Length: 3000000\r\n\r\n<!DOCTYPE x>`, 2_999_988, 500],
    ['of chunks', `Transfer-Encoding: chunked\r\n\r\n2dc6c0\r\n<!DOCTYPE x>`, 2_999_988, 500],
  ])('%s, a sender who does not listen while it sends still hears the fault', async (_what, head, rest, status) => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url));
    const client = await wire(gate.port);
    client.send(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n${head}`);
    for (let left = rest; left > 0; left -= 100_000) {
      client.send(Buffer.alloc(Math.min(left, 100_000), 32));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.send((head.includes('chunked') ? '\r\n0\r\n\r\n' : '') + LAST);
    const text = await client.closed;
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual([String(status), '200']);
    expect(legacy.seen.map(({ url }) => url)).toEqual(['/last']);
    await settled(gate, 2);
  });
});

describe('a caller who leaves', () => {
  test('before its operation is known reaches nobody', async () => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url));
    for (const head of ['Content-Length: 5000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n4\r\n']) {
      const client = await wire(gate.port);
      client.send(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n${head}<s:E`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.socket.destroy();
    }
    await settled(gate, 2);
    expect(await gate.ended('status="499"', 'because="abandoned"')).toBe(2);
    expect(legacy.seen).toEqual([]);
  });

  test('in the middle of a long message leaves the upstream with a cut one, and no blame', async () => {
    const legacy = await upstream((req) => void req.resume());
    const gate = await front(yaml(legacy.url));
    const long = getOrder(filler(200_000));
    for (let index = 1; index <= 3; index += 1) {
      const client = await wire(gate.port);
      client.send(post(long).slice(0, 100_000));
      await until(() => legacy.seen.length === index && (legacy.seen[index - 1]?.bytes ?? 0) > 20_000);
      client.socket.destroy();
      await until(() => legacy.seen[index - 1]?.state === 'cut');
    }
    await settled(gate, 3);
    expect(await gate.ended('status="499"')).toBe(3);
  });

  test('while it waits for its answer frees the upstream', async () => {
    const legacy = await upstream((req) => void req.resume());
    const gate = await front(yaml(legacy.url));
    const client = await wire(gate.port);
    client.send(post(getOrder()));
    await until(() => legacy.seen[0]?.state === 'whole');
    client.socket.destroy();
    await until(() => legacy.seen[0]?.left === true);
    await settled(gate, 1);
    expect(await gate.ended('status="499"')).toBe(1);
  });
});

test('a caller who falls silent in the middle of a long message is told so by a fault; the upstream is not to blame', async () => {
  const legacy = await upstream((req) => void req.resume());
  const gate = await front(yaml(legacy.url), { idleMs: 300 });
  for (let index = 0; index < 3; index += 1) {
    const client = await wire(gate.port);
    client.send(post(getOrder(filler(200_000))).slice(0, 100_000));
    expect(await client.sees(/<\/soap:Envelope>$/)).toMatch(/^HTTP\/1\.1 \d+ [^]*GW_BODY_TIMEOUT/);
  }
  await until(() => legacy.seen.every(({ state }) => state === 'cut'));
  await settled(gate, 3);
});

test('an answer to half a message reaches a caller who is still sending it', async () => {
  const legacy = await upstream((req, res) => {
    if (req.method === 'GET') res.end('ok');
    else req.once('data', () => res.writeHead(500).end('<fault/>'));
  });
  const gate = await front(yaml(legacy.url));
  const client = await wire(gate.port);
  const text = post(getOrder(filler(4_000_000)));
  for (let at = 0; at < text.length; at += 50_000) {
    client.send(text.slice(at, at + 50_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.sees(/<fault\/>/);
  client.send(LAST);
  expect((await client.closed).match(/HTTP\/1\.1/g)).toHaveLength(2);
  await settled(gate, 2);
});

test('the table in force when the operation is known decides: its path may be no service any more', async () => {
  const legacy = await upstream();
  const held = 'routes:\n  held: { match: SOAP /soap/OrderService GetOrder, stage: held }\n';
  const gate = await front(yaml(legacy.url, held));
  const client = await wire(gate.port);
  const text = post(getOrder(), 'Connection: close\r\n');
  client.send(text.slice(0, -40));
  await gate.turn(`version: 1\nupstreams: { legacy: "${legacy.url}" }\ndefault: legacy\n`);
  client.send(text.slice(-40));
  expect(await client.closed).toMatch(/^HTTP\/1\.1 200 [^]*banyan-route: default/);
  expect(legacy.seen).toMatchObject([{ state: 'whole', sha256: sha256(getOrder()) }]);
  await until(async () => (await gate.ended()) === 1);
});

describe('a description', () => {
  const text = (own: string): string =>
    `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"><service name="a"><port name="b" binding="c"><s:address location="${own}${PATH}"/></port></service></definitions>`;

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', (bytes: Buffer) => bytes],
  ] as const)('that comes in %s unasked is unpacked and rewritten', async (encoding, pack) => {
    let own = '';
    const legacy = await upstream((_req, res) => {
      const bytes = pack(Buffer.from(text(own)));
      res
        .writeHead(200, {
          'content-type': 'text/xml',
          'content-encoding': encoding,
          'content-length': bytes.length,
          etag: '"old"',
          'content-md5': 'x',
          'accept-ranges': 'bytes',
        })
        .end(bytes);
    });
    own = legacy.url;
    const gate = await front(yaml(legacy.url));
    const answer = await ask(`${gate.url}${PATH}?wsdl`, {
      headers: { 'accept-encoding': encoding, range: 'bytes=0-3', 'if-none-match': '"old"' },
    });
    expect(answer.body.toString()).toBe(text(gate.url));
    expect(answer).toMatchObject({
      status: 200,
      whole: true,
      headers: { 'content-length': String(answer.body.length) },
    });
    for (const name of ['content-encoding', 'content-md5', 'accept-ranges'])
      expect(answer.headers[name]).toBeUndefined();
    expect(valuesOf(answer.rawHeaders, 'etag')).not.toContain('"old"');
    expect(legacy.seen[0]?.headers).not.toHaveProperty('range');
    expect(legacy.seen[0]?.headers).not.toHaveProperty('if-none-match');
    await settled(gate, 1);
  });

  test('that is not what its encoding says, or no XML, passes as it came', async () => {
    const odd = noise(5_000);
    const legacy = await upstream((req, res) =>
      res
        .writeHead(200, {
          'content-type': 'text/xml',
          ...(req.url?.includes('gzip') === true ? { 'content-encoding': 'gzip' } : {}),
        })
        .end(odd),
    );
    const gate = await front(yaml(legacy.url));
    for (const query of ['?wsdl', '?wsdl&gzip']) {
      const answer = await ask(gate.url + PATH + query);
      expect([answer.status, answer.sha256]).toEqual([200, sha256(odd)]);
    }
    await settled(gate, 2);
  });

  test('that is larger than what can be held, or breaks off, or cannot be had, is a problem where no files stand in', async () => {
    const legacy = await upstream((req, res) => {
      if (req.url?.includes('cut') === true) res.write('<definitions', () => res.destroy());
      else res.end(Buffer.alloc(9 * 1024 * 1024, 32));
    });
    const unfiled = (url: string): string => yaml(url).replace(/\{ file: "[^"]*" \}/, '{ actionMismatch: refuse }');
    const gate = await front(unfiled(legacy.url).replace('volume: 2', 'volume: 100'));
    for (const query of ['?wsdl', '?wsdl&cut']) {
      const answer = await ask(gate.url + PATH + query);
      expect([answer.status, answer.headers['content-type']]).toEqual([502, 'application/problem+json']);
    }
    await settled(gate, 2);
    const alone = await front(unfiled(await nobody()));
    expect((await ask(`${alone.url}${PATH}?wsdl`)).status).toBe(502);
  });

  test("beside the service that a route names is that route's", async () => {
    const legacy = await upstream((_req, res) => res.end('<schema/>'));
    const gate = await front(yaml(legacy.url, 'routes:\n  schemas: { match: "GET /soap/:file", stage: held }\n'));
    expect((await ask(`${gate.url}/soap/orders.xsd`)).headers['banyan-route']).toBe('schemas');
    expect((await ask(`${gate.url}/soap/OrderService/orders.xsd`)).headers['banyan-route']).toBe('default');
    await settled(gate, 2);
  });
});
