import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { ask, front, say, saying, until, upstream, valuesOf, wire, type Front } from './front.ts';

// What the facade itself has to say to a request: what it passes and what it refuses. What passes unchanged: conformance.test.ts.

const plain = (url: string, more = ''): string => `version: 1\nupstreams:\n  legacy: ${url}\ndefault: legacy\n${more}`;

/** Each request that was sent has been counted, once, and no upstream holds any. */
async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect(await gate.outstanding()).toBe(0);
}

describe('a method', () => {
  test('that nobody knows is answered 400 by the facade, as a problem', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'FROB /a HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/banyan-served-by: none/i);
    expect(text).toMatch(/application\/problem\+json/);
    expect(text).toContain('GW_BAD_REQUEST');
    expect(legacy.seen).toEqual([]);
  });
});

describe('an answer', () => {
  test('keeps the bytes of its fields and of its reason, ASCII or not', async () => {
    const legacy = await upstream((req, res) => {
      req.resume();
      res.socket?.end(
        Buffer.from(
          'HTTP/1.1 200 D\xe9j\xe0 vu\r\nX-Name: caf\xe9 \xff\r\nX-Utf8: \xe2\x9c\x93\r\nContent-Length: 2\r\n\r\nok',
          'latin1',
        ),
      );
    });
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain('X-Name: caf\xe9 \xff\r\n');
    expect(text).toContain('X-Utf8: \xe2\x9c\x93\r\n');
    await settled(gate, 1);
  });

  test('keeps a reason in UTF-8', async () => {
    const legacy = await upstream((req, res) => {
      req.resume();
      res.socket?.end(Buffer.from('HTTP/1.1 200 D\u00e9j\u00e0 \u2713\r\nContent-Length: 2\r\n\r\nok'));
    });
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(Buffer.from(text.split('\r\n')[0] ?? '', 'latin1').toString()).toBe('HTTP/1.1 200 D\u00e9j\u00e0 \u2713');
  });
});

describe('a target', () => {
  test('with bytes that no URI has is refused', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*GW_BAD_REQUEST/);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('* is a question to the facade itself', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 204 /);
    expect(text).toMatch(/banyan-served-by: none/i);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });
});

describe('fields', () => {
  test('of a request go on in their order and spelling, repeated ones apart; those of one connection do not', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    await say(
      gate.port,
      'GET /a HTTP/1.1\r\nHost: shop.example:81\r\nX-One: 1\r\nX-Two: a\r\nx-two: b\r\nCookie: a=b\r\nConnection: close, X-Hop, Content-Type, Host\r\n' +
        'X-Hop: secret\r\nContent-Type: text/plain\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Authorization: x\r\nProxy-Connection: x\r\n' +
        'Banyan-Fence: f\r\nbanyan-override: s new\r\nBANYAN-anything: x\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Latin: caf\xe9\r\n\r\n',
    );
    const raw = legacy.seen[0]?.rawHeaders ?? [];
    const names = raw.filter((_part, index) => index % 2 === 0);
    expect(names).toEqual(expect.arrayContaining(['X-One', 'X-Two', 'x-two', 'Cookie', 'Content-Type', 'X-Latin']));
    expect(valuesOf(raw, 'x-two')).toEqual(['a', 'b']);
    expect(valuesOf(raw, 'host')).toEqual(['shop.example:81']);
    expect(valuesOf(raw, 'x-latin')).toEqual(['caf\xe9']);
    expect(valuesOf(raw, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesOf(raw, 'x-forwarded-host')).toEqual(['shop.example:81']);
    expect(valuesOf(raw, 'x-forwarded-proto')).toEqual(['http']);
    expect(valuesOf(raw, 'forwarded')).toEqual(['for=127.0.0.1;host="shop.example:81";proto=http']);
    expect(valuesOf(raw, 'te')).toEqual(['trailers']);
    const gone = ['x-hop', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'x-real-ip'];
    expect(gone.filter((name) => valuesOf(raw, name).length > 0)).toEqual([]);
    expect(names.filter((name) => name.toLowerCase().startsWith('banyan-'))).toEqual([]);
  });

  test.each(['content-length', 'transfer-encoding, content-length', 'close, Content-Length, Host, Authorization'])(
    'cannot be removed by "Connection: %s"',
    async (connection) => {
      const legacy = await upstream();
      const gate = await front(plain(legacy.url));
      const text = await say(
        gate.port,
        `POST /a HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\nAuthorization: Basic x\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}` +
          (connection.startsWith('close') ? '' : 'GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
      );
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(legacy.seen[0]).toMatchObject({
        bytes: 70_000,
        headers: { host: 'a', authorization: 'Basic x', 'content-length': '70000' },
      });
    },
  );

  test('of an answer come back in their order and spelling, Set-Cookie apart; those of one connection, and banyan-*, do not', async () => {
    const legacy = await upstream((_req, res) =>
      res
        .writeHead(200, [
          'Set-Cookie',
          'a=1; Path=/',
          'Set-Cookie',
          'b=2, still b',
          'X-Two',
          'a',
          'x-two',
          'b',
          'Connection',
          'X-Hop, content-length',
          'X-Hop',
          'secret',
          'banyan-served-by',
          'forged',
          'Banyan-Route',
          'forged',
          'X-Request-Id',
          'forged',
          'Content-Length',
          '2',
          'Date',
          'Tue, 01 Jan 2030 00:00:00 GMT',
          'Proxy-Authenticate',
          'x',
          'Server',
          'old',
        ])
        .end('ok'),
    );
    const gate = await front(plain(legacy.url));
    const { rawHeaders, headers } = await ask(`${gate.url}/a`, { headers: { 'x-request-id': 'mine-1' } });
    expect(valuesOf(rawHeaders, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2, still b']);
    expect(valuesOf(rawHeaders, 'x-two')).toEqual(['a', 'b']);
    expect(rawHeaders).toEqual(expect.arrayContaining(['Set-Cookie', 'X-Two', 'x-two', 'Server']));
    expect(valuesOf(rawHeaders, 'banyan-served-by')).toEqual(['legacy']);
    expect(valuesOf(rawHeaders, 'banyan-route')).toEqual(['default']);
    expect(valuesOf(rawHeaders, 'banyan-because')).toEqual(['default']);
    expect(valuesOf(rawHeaders, 'x-request-id')).toEqual(['mine-1']);
    expect(valuesOf(rawHeaders, 'date')).toEqual(['Tue, 01 Jan 2030 00:00:00 GMT']);
    expect(headers).toMatchObject({ 'content-length': '2', server: 'old' });
    expect(valuesOf(rawHeaders, 'x-hop')).toEqual([]);
    expect(valuesOf(rawHeaders, 'proxy-authenticate')).toEqual([]);
  });

  test('of more than the limit are answered 431, as a problem', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, `GET /a HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(90_000)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(text).toMatch(/banyan-served-by: none/i);
    expect(text).toMatch(/application\/problem\+json/);
  });

  test('in great number are all seen', async () => {
    const legacy = await upstream((req, res) => req.resume().once('end', () => res.end('ok')));
    legacy.server.maxHeadersCount = 0;
    const gate = await front(plain(legacy.url));
    const many = Array.from({ length: 1_500 }, (_none, index) => `x-${index}: 1\r\n`).join('');
    const text = await say(
      gate.port,
      `POST /a HTTP/1.1\r\nHost: a\r\n${many}Connection: close\r\nContent-Length: 5\r\nX-Last: here\r\n\r\nhello`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect([legacy.seen[0]?.bytes, legacy.seen[0]?.headers['x-last']]).toEqual([5, 'here']);
  });

  test('banyan-* are hidden with expose: false', async () => {
    const legacy = await upstream((_req, res) => res.writeHead(200, { 'banyan-route': 'forged' }).end('ok'));
    const gate = await front(plain(legacy.url, 'expose: false\nroutes:\n  held: { match: GET /held, stage: held }\n'));
    for (const path of ['/a', '/held']) {
      const { rawHeaders } = await ask(gate.url + path);
      expect(rawHeaders.filter((part) => /^banyan-/i.test(part))).toEqual([]);
      expect(valuesOf(rawHeaders, 'x-request-id')).toHaveLength(1);
    }
  });

  test('x-request-id and traceparent are passed on when they are sound, else begun', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const first = await ask(gate.url, { headers: { 'x-request-id': 'abc-1', traceparent } });
    expect(first.headers['x-request-id']).toBe('abc-1');
    const second = await ask(gate.url, { headers: { 'x-request-id': 'no spaces', traceparent: '00-0-0-0' } });
    const [one, two] = legacy.seen;
    expect(one?.headers).toMatchObject({ 'x-request-id': 'abc-1', traceparent });
    expect(two?.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(second.headers['x-request-id']).toBe(two?.headers['x-request-id']);
    expect(two?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});

describe('a connection', () => {
  test('on which the first request arrives as the facade begins to close has its answer', async () => {
    const legacy = await upstream(saying('served'));
    const gate = await front(plain(legacy.url));
    const accepted = new Promise<void>((resolve) => {
      const heard = (): void => {
        unsubscribe('net.server.socket', heard);
        resolve();
      };
      subscribe('net.server.socket', heard);
    });
    const client = await wire(gate.port);
    await accepted;
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    // In the same turn: the bytes have been sent, and nobody has read them.
    const closed = gate.close();
    expect(await client.closed).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*served$/i);
    await closed;
  });

  test('with a transfer coding besides chunked is refused: what undoes it would not hear of it', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(
      gate.port,
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*GW_BAD_REQUEST/);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('that asks for a tunnel elsewhere (CONNECT) is told that there is none', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*banyan-served-by: none[^]*GW_BAD_REQUEST/);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('with both a length and chunks is refused', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(
      gate.port,
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(legacy.seen).toEqual([]);
  });

  test('that goes wrong behind an answer in progress gets that answer whole, and only then a refusal', async () => {
    let finish: () => void = () => undefined;
    const legacy = await upstream((_req, res) => {
      res.writeHead(200, { 'content-length': '1000000' });
      res.write('x'.repeat(10));
      finish = () => res.end('x'.repeat(999_990));
    });
    const gate = await front(plain(legacy.url));
    const client = await wire(gate.port);
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.sees(/x{10}/);
    client.send('\x00\x01garbage\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n');
    finish();
    expect(await client.closed).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nx{1000000}HTTP\/1\.1 400 [^]*GW_BAD_REQUEST"}$/);
    expect(legacy.seen.map(({ url }) => url)).toEqual(['/a']);
    await settled(gate, 2);
  });
});

test('a route matches whole segments, and what it does not name goes to the default', async () => {
  const legacy = await upstream(saying('legacy'));
  const orders = await upstream(saying('orders'));
  const gate = await front(
    `version: 1\nupstreams: { legacy: "${legacy.url}", orders: "${orders.url}" }\ndefault: legacy\nroutes:\n  one: { match: "GET /api/:id", stage: new, new: orders }\n`,
  );
  expect((await ask(`${gate.url}/api/1`)).body.toString()).toBe('orders');
  expect((await ask(`${gate.url}/api/1/2`)).body.toString()).toBe('legacy');
  const viaFetch = await fetch(`${gate.url}/api/2`);
  expect([
    await viaFetch.text(),
    viaFetch.headers.get('banyan-served-by'),
    viaFetch.headers.get('banyan-route'),
  ]).toEqual(['orders', 'new', 'one']);
});
