import { Agent, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  noise,
  open,
  rawUpstream,
  say,
  saying,
  sha256,
  until,
  upstream,
  valuesOf,
  wire,
  type Front,
} from './front.ts';

// What passes: methods, targets, fields and bodies, as they came, both ways.

const plain = (url: string, more = ''): string => `version: 1\nupstreams:\n  legacy: ${url}\ndefault: legacy\n${more}`;

/** Each request that was sent has been counted, once, and no upstream holds any. */
async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect(await gate.outstanding()).toBe(0);
}

describe('a method', () => {
  test.each([
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'PURGE',
    'PROPFIND',
    'MKCOL',
    'REPORT',
    'M-SEARCH',
    'QUERY',
  ])('%s passes, with and without a body', async (method) => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const bare = await ask(`${gate.url}/a`, { method });
    expect({ status: bare.status, body: bare.body.toString() }).toEqual({ status: 200, body: 'ok' });
    const full = await ask(`${gate.url}/a`, { method, body: 'hello' });
    expect(full.status).toBe(200);
    expect(legacy.seen.map((seen) => [seen.method, seen.bytes])).toEqual([
      [method, 0],
      [method, 5],
    ]);
    await settled(gate, 2);
  });

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

  test('HEAD gets the head alone, with the length of what GET would get', async () => {
    const legacy = await upstream((_req, res) => res.writeHead(200, { 'content-length': '1000', etag: '"x"' }).end());
    const gate = await front(plain(legacy.url));
    const client = await wire(gate.port);
    client.send('HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const text = await client.closed;
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(text.match(/content-length: 1000/gi)).toHaveLength(2);
    expect(text).toMatch(/\r\n\r\n$/);
    await settled(gate, 2);
  });
});

describe('an answer', () => {
  test.each([204, 304])('with status %i has no body and no length that was not there', async (status) => {
    const legacy = await upstream((_req, res) => res.writeHead(status, { etag: '"x"' }).end());
    const gate = await front(plain(legacy.url));
    const client = await wire(gate.port);
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const text = await client.closed;
    expect(text.match(new RegExp(`HTTP/1\\.1 ${status} `, 'g'))).toHaveLength(2);
    expect(text).not.toMatch(/content-length|transfer-encoding/i);
    await settled(gate, 2);
  });

  test('with status 304 may tell the length of what it stands for', async () => {
    const legacy = await rawUpstream((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n'));
    });
    const gate = await front(plain(legacy.url));
    const text = await say(
      gate.port,
      'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(text.match(/^HTTP\/1\.1 304 /gm)).toHaveLength(2);
    expect(text.match(/^content-length: 1000\r$/gim)).toHaveLength(2);
    expect(text).toMatch(/\r\n\r\n$/);
    expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
    await settled(gate, 2);
  });

  test.each([201, 206, 301, 404, 418, 451, 500, 599])('with status %i passes', async (status) => {
    const legacy = await upstream((_req, res) =>
      res.writeHead(status, 'Words Of Its Own', { location: '/x' }).end('body'),
    );
    const gate = await front(plain(legacy.url));
    const answer = await ask(`${gate.url}/a`);
    expect(answer).toMatchObject({ status, message: 'Words Of Its Own', whole: true });
    expect(answer.body.toString()).toBe('body');
    await settled(gate, 1);
  });

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

  test('that begins before the request has ended reaches a caller who is still sending', async () => {
    const legacy = await upstream((_req, res) => res.writeHead(413, { 'content-length': '9' }).end('too large'));
    const gate = await front(plain(legacy.url));
    const client = await wire(gate.port);
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n');
    // A sender that does not listen while it sends.
    for (let sent = 0; sent < 8_000_000; sent += 100_000) {
      client.send(noise(100_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.sees(/too large/);
    // The connection is good for another request.
    client.send('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const text = await client.closed;
    expect(text.match(/HTTP\/1\.1 413 /g)).toHaveLength(2);
    await settled(gate, 2);
  });

  test('that streams while the request streams flows both ways at once', async () => {
    const legacy = await upstream((req, res) => {
      res.writeHead(200);
      req.pipe(res);
    });
    const gate = await front(plain(legacy.url));
    const outgoing = open(`${gate.url}/echo`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
    outgoing.write('one');
    const incoming = await new Promise<IncomingMessage>((resolve) => outgoing.once('response', resolve));
    let text = '';
    incoming.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await until(() => text === 'one');
    outgoing.write('two');
    await until(() => text === 'onetwo');
    outgoing.end();
    await until(() => incoming.complete);
    expect(text).toBe('onetwo');
    await settled(gate, 1);
  });
});

describe('a body', () => {
  const sizes = [0, 1, 65_535, 65_536, 65_537, 5 * 1024 * 1024];
  test.each(sizes.flatMap((size) => [[size, false] as const, [size, true] as const]))(
    'of %i bytes (chunked: %s) passes there and back unchanged',
    async (size, chunked) => {
      const legacy = await upstream((req, res) => {
        if (!chunked) res.setHeader('content-length', size);
        req.pipe(res);
      });
      const gate = await front(plain(legacy.url));
      const body = noise(size);
      const answer = await ask(`${gate.url}/a`, { method: 'POST', body, chunked });
      expect(answer).toMatchObject({ status: 200, whole: true, sha256: sha256(body) });
      expect(legacy.seen).toMatchObject([{ bytes: size, sha256: sha256(body), state: 'whole' }]);
      expect(answer.headers['content-length']).toBe(chunked && size > 0 ? undefined : String(size));
      await settled(gate, 1);
    },
  );

  test.each(['foo', ';', 'text/', 'application/json; charset="', '\xe9/\xe9', 'a/b/c'])(
    'with the Content-Type "%s" passes unread',
    async (type) => {
      const legacy = await upstream();
      const gate = await front(plain(legacy.url));
      const text = await say(
        gate.port,
        `POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
      );
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(legacy.seen).toMatchObject([{ bytes: 5, headers: { 'content-type': type } }]);
    },
  );
});

describe('a target', () => {
  test.each([
    '/a%2Fb/%2e%2e/c',
    '/%zz',
    '/a/../b',
    '/a/./b',
    '//a//b/',
    '/a?b=c?d=%00&e',
    '/a?',
    '/?x=http://h/',
    '/!$&\'()*+,;=:@-._~|^`{}"<>\\[]',
    '/' + 'x'.repeat(7_000),
    '/undefined',
    '/__proto__/constructor',
  ])('%s passes as it came', async (target) => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(legacy.seen.map(({ url }) => url)).toEqual([target]);
    await settled(gate, 1);
  });

  test.each([
    ['http://other.example/a/b?c', '/a/b?c'],
    ['http://other.example', '/'],
    ['http://other.example?c', '/?c'],
    ['HTTP://other.example:81/%2F', '/%2F'],
  ])('in absolute form, %s, goes on as %s', async (target, expected) => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(legacy.seen.map(({ url }) => url)).toEqual([expected]);
  });

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
    const gone = ['x-hop', 'keep-alive', 'te', 'proxy-authorization', 'proxy-connection', 'x-real-ip'];
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

  test('of 60 KiB pass both ways', async () => {
    const big = 'x'.repeat(15 * 1024);
    const legacy = await upstream((_req, res) => {
      for (let index = 0; index < 4; index += 1) res.setHeader(`x-big-${index}`, big);
      res.end('ok');
    });
    const gate = await front(plain(legacy.url));
    const headers = Object.fromEntries([0, 1, 2, 3].map((index) => [`x-big-${index}`, big]));
    const answer = await new Promise<number>((resolve, reject) => {
      const outgoing = open(gate.url, { headers, maxHeaderSize: 128 * 1024 });
      outgoing.once('error', reject);
      outgoing.once('response', (res) => {
        res.resume();
        resolve(Object.values(res.headers).filter((value) => value === big).length);
      });
      outgoing.end();
    });
    expect(answer).toBe(4);
    expect(Object.values(legacy.seen[0]?.headers ?? {}).filter((value) => value === big)).toHaveLength(4);
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
  test('is kept for the next request, and its upstream connection as well', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let index = 0; index < 5; index += 1) {
      const body = index % 2 === 0 ? undefined : 'hello';
      expect(
        (await ask(`${gate.url}/${index}`, { agent, method: body === undefined ? 'GET' : 'POST', body })).status,
      ).toBe(200);
    }
    expect(legacy.sockets.size).toBe(1);
    agent.destroy();
    await settled(gate, 5);
  });

  test('takes pipelined requests and answers them in their order', async () => {
    const legacy = await upstream((req, res) => {
      // The first is answered last.
      if (req.url === '/1') void until(() => legacy.seen.length === 3).then(() => res.end('one'));
      else res.end(req.url === '/2' ? 'two' : 'three');
    });
    const gate = await front(plain(legacy.url));
    const text = await say(
      gate.port,
      'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(text).toMatch(/one[^]*two[^]*three/);
    await settled(gate, 3);
  });

  test('that waits for leave to send a body (100-continue) gets it from the facade', async () => {
    const legacy = await upstream();
    const gate = await front(plain(legacy.url));
    const client = await wire(gate.port);
    client.send(
      'POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
    );
    await client.sees(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    client.send('hello');
    expect(await client.closed).toMatch(/HTTP\/1\.1 200 OK/);
    expect(legacy.seen).toMatchObject([{ bytes: 5 }]);
    expect(legacy.seen[0]?.headers['expect']).toBeUndefined();
    await settled(gate, 1);
  });

  test('of HTTP/1.0 gets an answer that it can read to its end', async () => {
    const legacy = await upstream((_req, res) => {
      res.write('one ');
      res.end('two');
    });
    const gate = await front(plain(legacy.url));
    const text = await say(gate.port, 'GET /a HTTP/1.0\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text).toMatch(/\r\n\r\none two$/);
    await settled(gate, 1);
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
