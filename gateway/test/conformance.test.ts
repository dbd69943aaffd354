import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { METHODS, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { comparable, conforms, FORWARDERS, routing, talk } from './conform.ts';
import {
  ask,
  front,
  nobody,
  noise,
  open,
  rawUpstream,
  say,
  saying,
  until,
  upstream,
  valuesOf,
  wire,
  type Handler,
} from './front.ts';

// Messages as they pass: every case on both forwarders. Connections, and what http-proxy cannot do, are in conformancewire.test.ts.

const KIB = 1024;
const MIB = KIB * KIB;
// The large one takes its time: behind BANYAN_PROVE.
const LARGE = process.env['BANYAN_PROVE'] === undefined ? 200 * MIB : 1024 * MIB;

/** Takes away what nobody holds, so that what is counted is what is held: when that happens by itself differs between versions of node. */
const collect: () => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

const echo: Handler = (req, res) => {
  const length = req.headers['content-length'];
  if (length !== undefined) res.setHeader('Content-Length', length);
  req.pipe(res);
};

describe.each(FORWARDERS)('through %s', (kind) => {
  describe('a method', () => {
    // A CONNECT is no request for a resource, and refused (facade.test.ts); Upgrade aside, the others are all alike.
    const methods = METHODS.filter((method) => method !== 'CONNECT');
    test.each(methods)('%s passes, with and without a body', async (method) => {
      const { legacy } = await conforms(kind, saying('ok'), { method });
      expect(legacy.seen.map((seen) => seen.method)).toEqual([method, method]);
      await conforms(kind, saying('ok'), { method, body: Buffer.from('hello') });
    });

    test.each(['get', 'Get', 'BREW', 'X-CUSTOM', 'GETT'])(
      '%s, which node does not know, is refused as node refuses it, and goes nowhere',
      async (method) => {
        const legacy = await upstream();
        const gate = await front(routing(legacy.url, kind));
        const asking = `${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`;
        expect((await say(legacy.port, asking)).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request');
        expect((await say(gate.port, asking)).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request');
        expect(legacy.seen).toEqual([]);
      },
    );
  });

  describe('a target', () => {
    test.each([
      '/a%2Fb/%2e%2e/c',
      '/%zz',
      '/%',
      '/a/../b',
      '/../../etc/passwd',
      '/a/./b',
      '//a//b/',
      '//other.example/a',
      '/a?b=c?d=%00&e',
      '/a?',
      '/?',
      '/?x=http://h/',
      '/!$&\'()*+,;=:@-._~|^`{}"<>\\[]',
      `/${'x'.repeat(8 * KIB)}`,
      `/a?${'y=1&'.repeat(2 * KIB)}`,
      '/undefined',
      '/__proto__/constructor',
    ])('%s passes as it came', async (path) => {
      const { legacy } = await conforms(kind, saying('ok'), { path });
      expect(legacy.seen.map(({ url }) => url)).toEqual([path, path]);
    });

    test.each([
      ['http://other.example/a/b?c', '/a/b?c'],
      ['http://other.example', '/'],
      ['http://other.example?c', '/?c'],
      ['http://other.example/%2F/../%zz', '/%2F/../%zz'],
    ])('in absolute form, %s, goes on as %s', async (target, expected) => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind));
      const text = await say(gate.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(legacy.seen.map(({ url }) => url)).toEqual([expected]);
    });
  });

  describe('a body', () => {
    const sizes = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB];
    test.each(sizes.flatMap((size) => [[size, false] as const, [size, true] as const]))(
      'of %i bytes (chunked: %s) passes there and back',
      async (size, chunked) => {
        const { told } = await conforms(kind, echo, { method: 'POST', body: noise(size), chunked });
        expect(told).toMatchObject({ bytes: size, whole: true });
      },
    );

    test.each(['foo', ';', 'text/', 'application/json; charset="', 'multipart/form-data', 'a/b/c'])(
      'with the Content-Type "%s" passes unread',
      async (type) => {
        const headers = ['Content-Type', type];
        const { told } = await conforms(kind, echo, { method: 'POST', headers, body: Buffer.from('{"a": ') });
        expect(told.status).toBe(200);
      },
    );

    test.each([false, true])(
      `of ${LARGE / MIB} MiB (chunked: %s) streams both ways in little memory`,
      async (chunked) => {
        const legacy = await upstream(echo);
        const gate = await front(routing(legacy.url, kind));
        const piece = noise(MIB);
        const framing = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': LARGE };
        const outgoing = open(gate.url, { method: 'PUT', headers: framing });
        const arrival = once(outgoing, 'response') as Promise<[IncomingMessage]>;
        const given = createHash('sha256');
        const back = createHash('sha256');
        let bytes = 0;
        let most = 0;
        collect();
        const base = process.memoryUsage().arrayBuffers;
        const reading = arrival.then(async ([incoming]) => {
          for await (const chunk of incoming as AsyncIterable<Buffer>) {
            bytes += chunk.length;
            back.update(chunk);
          }
        });
        for (let sent = 0; sent < LARGE; sent += MIB) {
          given.update(piece);
          if (!outgoing.write(piece)) await once(outgoing, 'drain');
          if (sent % (8 * MIB) !== 0) continue;
          collect();
          most = Math.max(most, process.memoryUsage().arrayBuffers - base);
        }
        outgoing.end();
        await reading;
        expect(bytes).toBe(LARGE);
        expect(back.digest('hex')).toBe(given.digest('hex'));
        // Four connections' buffers: the same for a body five times as large.
        expect(most).toBeLessThan(96 * MIB);
      },
      300_000,
    );

    test('that is still coming when the answer is there is dealt with, and its connection used again', async () => {
      const legacy = await upstream((_req, res) => res.writeHead(413, { 'content-length': '9' }).end('too large'));
      const gate = await front(routing(legacy.url, kind));
      const client = await wire(gate.port);
      client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n');
      // A sender that does not listen while it sends.
      for (let sent = 0; sent < 8_000_000; sent += 100_000) {
        client.send(noise(100_000));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.sees(/too large/);
      client.send('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      const text = await client.closed;
      expect(text.match(/HTTP\/1\.1 413 /g)).toHaveLength(2);
      expect(await gate.outstanding()).toBe(0);
    });

    test('and its answer flow at once', async () => {
      const legacy = await upstream(echo);
      const gate = await front(routing(legacy.url, kind));
      const outgoing = open(gate.url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
      outgoing.write('one');
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
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
    });
  });

  describe('an answer', () => {
    test.each([200, 201, 206, 301, 404, 418, 451, 500, 503, 599])(
      'with status %i passes, reason and all',
      async (status) => {
        const { told, legacy } = await conforms(kind, (_req, res) =>
          res.writeHead(status, 'Words Of Its Own', { Location: '/x', 'Retry-After': '1' }).end('body'),
        );
        expect(told).toMatchObject({ status, reason: 'Words Of Its Own' });
        // Nobody but the caller decides whether to ask again.
        expect(legacy.seen).toHaveLength(2);
      },
    );

    test.each([204, 304])('with status %i has no body, and its connection is good for the next', async (status) => {
      await conforms(kind, (_req, res) => res.writeHead(status, { ETag: '"x"' }).end());
      const legacy = await upstream((_req, res) => res.writeHead(status, { ETag: '"x"' }).end());
      const gate = await front(routing(legacy.url, kind));
      const text = await say(
        gate.port,
        'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(text.match(new RegExp(`HTTP/1\\.1 ${status} `, 'g'))).toHaveLength(2);
    });

    test('with status 304 may tell the length of what it stands for', async () => {
      const legacy = await rawUpstream((socket) => {
        socket.on('data', () => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n'));
      });
      const gate = await front(routing(legacy.url, kind));
      const text = await say(
        gate.port,
        'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(text.match(/^HTTP\/1\.1 304 /gm)).toHaveLength(2);
      expect(text.match(/^content-length: 1000\r$/gim)).toHaveLength(2);
      expect(text).toMatch(/\r\n\r\n$/);
    });

    test('to HEAD is the head of what GET would get, with its length', async () => {
      const page: Handler = (_req, res) => res.writeHead(200, { 'Content-Length': '5', 'X-Page': 'yes' }).end('hello');
      const { told } = await conforms(kind, page, { method: 'HEAD' });
      expect(told).toMatchObject({ status: 200, bytes: 0, whole: true });
      expect(told.fields.find(([name]) => name.toLowerCase() === 'content-length')).toEqual([expect.anything(), '5']);
    });

    test('without framing ends with its connection', async () => {
      const legacy = await rawUpstream((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n0123456789')),
      );
      const gate = await front(routing(legacy.url, kind));
      expect(await talk(gate.url)).toMatchObject({ status: 200, bytes: 10, whole: true });
    });

    test.each([
      ['with a length', 'Content-Length: 100\r\n\r\n0123456789'],
      ['in chunks', 'Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n'],
    ])('%s that its upstream breaks off looks cut', async (_name, rest) => {
      const legacy = await rawUpstream((socket) =>
        socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => socket.end())),
      );
      const gate = await front(routing(legacy.url, kind));
      const [straight, told] = [await talk(legacy.url), await talk(gate.url)];
      expect(comparable(told, kind)).toEqual(comparable(straight, kind));
      expect(told).toMatchObject({ status: 200, bytes: 10, whole: false });
      expect(await gate.ended('status="200"')).toBe(1);
    });

    test('that breaks off behind its head looks cut', async () => {
      const legacy = await rawUpstream((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')),
      );
      const gate = await front(routing(legacy.url, kind));
      // Whether the head got through is a matter of moments; that it is whole is not.
      const text = await say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(text).toMatch(/^(HTTP\/1\.1 200 [^]*content-length: 100[^]*\r\n\r\n)?$/i);
      await until(async () => (await gate.outstanding()) === 0);
    });

    test('of an upstream that is down is the same problem on both', async () => {
      const gate = await front(routing(await nobody(), kind));
      const answer = await ask(`${gate.url}/a`, { headers: { 'x-request-id': 'mine' } });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'x-request-id': 'mine',
        'banyan-served-by': 'none',
        'banyan-because': 'default',
      });
      expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 502, code: 'GW_UPSTREAM_UNREACHABLE' });
    });

    test('of new that is down is legacy’s, and the breakers hear of each', async () => {
      const legacy = await upstream(saying('legacy'));
      const gate = await front(
        `version: 1\nupstreams:\n  legacy: ${legacy.url}\n  orders:\n    url: ${await nobody()}\n` +
          `    breaker: { volume: 2, window: 10s, errors: 50%, reset: 60s }\ndefault: legacy\nforwarder: ${kind}\n` +
          'routes:\n  get: { match: GET /a, stage: new, new: orders }\n',
      );
      for (const because of ['unreachable', 'unreachable', 'breaker-open']) {
        const answer = await ask(`${gate.url}/a`);
        expect(answer.body.toString()).toBe('legacy');
        expect(answer.headers['banyan-because']).toBe(because);
      }
    });
  });

  describe('fields', () => {
    test('of a request go on in their order and spelling, repeated ones apart', async () => {
      const headers = ['X-One', '1', 'X-Two', 'a', 'x-two', 'b', 'Cookie', 'a=b', 'X-Empty', '', 'x-Latin', 'caf\xe9'];
      const { legacy } = await conforms(kind, saying('ok'), { headers });
      expect(valuesOf(legacy.seen[1]?.rawHeaders ?? [], 'x-two')).toEqual(['a', 'b']);
    });

    test('of an answer come back, Set-Cookie apart and whole', async () => {
      const raw = [
        'Set-Cookie',
        'a=1; Path=/',
        'X-Two',
        'a',
        'Set-Cookie',
        'b=2, still b',
        'x-two',
        'b',
        'Server',
        'old',
      ];
      const { told } = await conforms(kind, (_req, res) =>
        res.writeHead(200, [...raw, 'Content-Length', '2']).end('ok'),
      );
      const cookies = told.fields.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value);
      expect(cookies).toEqual(['a=1; Path=/', 'b=2, still b']);
    });

    test('of 64 KiB pass both ways', async () => {
      const big = Array.from({ length: 8 }, (_none, index) => [`x-big-${index}`, String(index).repeat(8 * KIB)]).flat();
      const handler: Handler = (_req, res) => res.writeHead(200, [...big, 'content-length', '2']).end('ok');
      const { told } = await conforms(kind, handler, { headers: big });
      expect(told.fields.filter(([name]) => name.startsWith('x-big-'))).toHaveLength(8);
    });

    test('of one connection, and the facade’s own names, go neither way', async () => {
      const legacy = await upstream((_req, res) =>
        res
          .writeHead(200, [
            'Connection',
            'X-Hop',
            'X-Hop',
            'secret',
            'Banyan-Served-By',
            'forged',
            'Proxy-Authenticate',
            'x',
          ])
          .end('ok'),
      );
      const gate = await front(routing(legacy.url, kind));
      const answer = await ask(gate.url, {
        headers: { connection: 'close, x-hop', 'x-hop': 'secret', 'proxy-authorization': 'x', 'banyan-fence': 'f' },
      });
      expect(valuesOf(answer.rawHeaders, 'banyan-served-by')).toEqual(['legacy']);
      for (const name of ['x-hop', 'proxy-authenticate']) expect(valuesOf(answer.rawHeaders, name)).toEqual([]);
      for (const name of ['x-hop', 'proxy-authorization', 'banyan-fence', 'connection'])
        expect(valuesOf(legacy.seen[0]?.rawHeaders ?? [], name).filter((value) => value !== 'keep-alive')).toEqual([]);
    });
  });
});
