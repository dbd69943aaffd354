import { once } from 'node:events';
import { Agent, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { conforms, FORWARDERS, routing, talk } from './conform.ts';
import { ask, front, nobody, rawUpstream, open, say, until, upstream, wire, type Handler } from './front.ts';

// Connections, and what comes before and behind an answer, on both forwarders; at the end what http-proxy cannot do, by name.

const KIB = 1024;

describe.each(FORWARDERS)('through %s', (kind) => {
  describe('a connection', () => {
    test('is kept for the next request, and its upstream connection as well', async () => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let index = 0; index < 6; index += 1) {
        const body = [undefined, 'hello', 'x'.repeat(100 * KIB)][index % 3];
        const method = body === undefined ? 'GET' : 'POST';
        expect((await ask(`${gate.url}/${index}`, { agent, method, body })).status).toBe(200);
      }
      expect(legacy.sockets.size).toBe(1);
      expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
      agent.destroy();
    });

    test('takes pipelined requests and answers them in their order', async () => {
      const legacy = await upstream((req, res) => {
        // The first is answered last.
        if (req.url === '/1') void until(() => legacy.seen.length === 3).then(() => res.end('one'));
        else req.resume().once('end', () => res.end(req.url === '/2' ? 'two' : 'three'));
      });
      const gate = await front(routing(legacy.url, kind));
      const text = await say(
        gate.port,
        'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' +
          'GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(text).toMatch(/one[^]*two[^]*three/);
    });

    test('of HTTP/1.0 gets an answer that it can read to its end, and nothing before it', async () => {
      const legacy = await upstream((_req, res) => {
        res.writeEarlyHints({ link: '</a.css>; rel=preload' });
        res.write('one ');
        res.end('two');
      });
      const gate = await front(routing(legacy.url, kind));
      const text = await say(gate.port, 'GET /a HTTP/1.0\r\n\r\n');
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(text).not.toMatch(/transfer-encoding/i);
      expect(text).toMatch(/\r\n\r\none two$/);
    });

    test('whose request has trailers loses them, and nothing else', async () => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind));
      const text = await say(
        gate.port,
        'POST /a HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
          '5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n',
      );
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(legacy.seen).toMatchObject([{ bytes: 5, state: 'whole' }]);
      expect(JSON.stringify(legacy.seen[0]?.rawHeaders)).not.toMatch(/trailer|x-sum/i);
    });

    test('whose upstream says 100 unasked is told of its answer alone', async () => {
      const legacy = await rawUpstream((socket) =>
        socket.once('data', () =>
          socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
        ),
      );
      const gate = await front(routing(legacy.url, kind));
      expect(await talk(gate.url)).toMatchObject({ status: 200, bytes: 2, interim: [] });
      // Node's own client takes it too.
      expect(await talk(legacy.url)).toMatchObject({ status: 200, bytes: 2 });
    });

    test('that is upgraded carries what both sides say', async () => {
      const legacy = await upstream();
      legacy.server.on('upgrade', (_req, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.pipe(socket);
      });
      const gate = await front(routing(legacy.url, kind));
      const client = await wire(gate.port);
      client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      await client.sees(/^HTTP\/1\.1 101 [^]*banyan-served-by: legacy[^]*\r\n\r\n/i);
      client.send('not http \xff\xfe');
      expect(await client.sees(/not http \xff\xfe$/)).toMatch(/^HTTP\/1\.1 101 /);
    });

    test.each([
      ['before an answer', (): Handler => () => undefined, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'],
      [
        'in the middle of an answer',
        (): Handler => (_req, res) => void res.write('half'),
        'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
      ],
      [
        'in the middle of a body',
        (): Handler => (req) => void req.resume(),
        `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(100_000)}`,
      ],
    ])('whose caller leaves %s frees the upstream', async (_name, handler, asking) => {
      const legacy = await upstream(handler());
      const gate = await front(routing(legacy.url, kind));
      const client = await wire(gate.port);
      client.send(asking);
      await until(() => legacy.seen.length === 1);
      client.socket.destroy();
      await until(() => legacy.seen[0]?.left === true);
      await until(async () => (await gate.outstanding()) === 0);
      expect(await gate.ended('because="abandoned"')).toBe(1);
    });
  });

  describe('a caller that waits for leave to send (100-continue)', () => {
    const asking = (path: string, length = 5): string =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;

    test.each([5, 200_000])('gets it from the facade, once, for %i bytes', async (length) => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind));
      const client = await wire(gate.port);
      client.send(asking('/a', length));
      await client.sees(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      client.send('x'.repeat(length));
      await client.sees(/\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*ok/);
      expect(client.text().match(/HTTP\/1\.1 100/g)).toHaveLength(1);
      expect(legacy.seen).toMatchObject([{ bytes: length, state: 'whole' }]);
      expect(legacy.seen[0]?.headers['expect']).toBeUndefined();
      // What comes next on the connection is the next request.
      client.send('GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect((await client.closed).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    });

    test('is not invited by a route that refuses, and its connection ends', async () => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind, 'routes:\n  book: { match: POST /book, stage: held }\n'));
      const text = await say(gate.port, asking('/book'));
      expect(text).toMatch(/^HTTP\/1\.1 503 [^]*connection: close/i);
      expect(text).not.toContain('100 Continue');
      expect(legacy.seen).toEqual([]);
    });

    test('is not invited when its upstream is down, and its connection ends', async () => {
      const gate = await front(routing(await nobody(), kind));
      const text = await say(gate.port, asking('/a'));
      expect(text).toMatch(/^HTTP\/1\.1 502 [^]*connection: close/i);
      expect(text).not.toContain('100 Continue');
    });

    test('that expects anything else is served', async () => {
      const legacy = await upstream();
      const gate = await front(routing(legacy.url, kind));
      const text = await say(
        gate.port,
        'POST /a HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
      );
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(legacy.seen).toMatchObject([{ bytes: 5 }]);
    });
  });
});

const hinting: Handler = (_req, res) => {
  res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style', 'x-trace': 'one' });
  res.writeProcessing();
  res.writeEarlyHints({ link: '</b.js>; rel=preload' });
  res.end('page');
};

const trailing: Handler = (_req, res) => {
  res.writeHead(200, { Trailer: 'X-Sum, X-Rows' });
  res.write('rows');
  res.addTrailers([
    ['X-Sum', 'abc'],
    ['X-Rows', '1'],
    ['x-unannounced', 'yes'],
  ] as never);
  res.end();
};

describe('what comes before and behind an answer, through direct', () => {
  test('hints (103) and other interim answers pass, in their order, before the answer', async () => {
    const { told } = await conforms('direct', hinting);
    expect(told.interim.map(({ status }) => status)).toEqual([103, 102, 103]);
  });

  test('trailers pass, and so does what announces them', async () => {
    const { told } = await conforms('direct', trailing);
    expect(told.trailers).toEqual([
      ['X-Sum', 'abc'],
      ['X-Rows', '1'],
      ['x-unannounced', 'yes'],
    ]);
    expect(told.fields).toContainEqual(['Trailer', 'X-Sum, X-Rows']);
  });

  test('trailers that would frame, route or speak for the facade do not', async () => {
    const legacy = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n' +
            'X-Sum: abc\r\nbanyan-served-by: new\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n',
        ),
      ),
    );
    const gate = await front(routing(legacy.url, 'direct'));
    expect((await talk(gate.url)).trailers).toEqual([['X-Sum', 'abc']]);
  });

  test('an endless row of interim answers ends', async () => {
    const legacy = await upstream((_req, res) => {
      for (let count = 0; count < 1_000; count += 1) res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('page');
    });
    const gate = await front(routing(legacy.url, 'direct'));
    const told = await talk(gate.url);
    expect(told).toMatchObject({ status: 200, bytes: 4 });
    expect(told.interim).toHaveLength(16);
  });

  test('a head does not wait for its body', async () => {
    let go: () => void = () => undefined;
    const legacy = await upstream((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      go = () => res.end('data: 1\n\n');
    });
    const gate = await front(routing(legacy.url, 'direct'));
    const [incoming] = (await once(open(gate.url).end(), 'response')) as [IncomingMessage];
    expect(incoming.statusCode).toBe(200);
    go();
    await once(incoming.resume(), 'end');
  });
});

// Each as it is, so that an improvement shows. The same list is in docs/forwarders.md.
describe('what http-proxy cannot do', () => {
  test('interim answers: they are dropped', async () => {
    const { told, straight } = await conforms('http-proxy', hinting);
    expect(straight.interim).toHaveLength(3);
    expect(told.interim).toEqual([]);
  });

  test('trailers: they are dropped, and what announces them as well', async () => {
    const { told, straight } = await conforms('http-proxy', trailing);
    expect(straight.trailers).toHaveLength(3);
    expect(told.trailers).toEqual([]);
    expect(told.fields.filter(([name]) => name.toLowerCase() === 'trailer')).toEqual([]);
  });

  test('the spelling and order of an answer’s fields: names are in lower case, repeated ones stand together', async () => {
    const raw = ['X-Two', 'a', 'Server', 'old', 'X-TWO', 'b'];
    const { told } = await conforms('http-proxy', (_req, res) => res.writeHead(200, raw).end('ok'));
    expect(told.fields.slice(0, 3)).toEqual([
      ['x-two', 'a'],
      ['x-two', 'b'],
      ['server', 'old'],
    ]);
  });

  test('a head before its body: it waits for the first bytes', async () => {
    let go: () => void = () => undefined;
    const legacy = await upstream((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      go = () => res.end('data: 1\n\n');
    });
    const gate = await front(routing(legacy.url, 'http-proxy'));
    const client = await wire(gate.port);
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    // Once another answer has made the same way, this one's head has had its time.
    await until(() => legacy.seen.length === 1);
    const other = await upstream();
    const beside = await front(routing(other.url, 'http-proxy'));
    for (let count = 0; count < 5; count += 1) await ask(beside.url);
    expect(client.text()).toBe('');
    go();
    await client.sees(/data: 1/);
  });

  test('a status above 599: it is a 502', async () => {
    const odd: Handler = (_req, res) => res.writeHead(799, 'Odd').end('odd');
    const direct = await upstream(odd);
    expect((await talk((await front(routing(direct.url, 'direct'))).url)).status).toBe(799);
    const legacy = await upstream(odd);
    const gate = await front(routing(legacy.url, 'http-proxy'));
    const answer = await ask(gate.url);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 502, code: 'GW_UPSTREAM_BROKEN' });
    await until(async () => (await gate.outstanding()) === 0);
  });

  test('the length and type of a 204: they are dropped', async () => {
    const empty: Handler = (_req, res) => res.writeHead(204, ['Content-Type', 'text/plain']).end();
    const direct = await upstream(empty);
    const kept = await talk((await front(routing(direct.url, 'direct'))).url);
    expect(kept.fields).toContainEqual(['Content-Type', 'text/plain']);
    const legacy = await upstream(empty);
    const { fields } = await talk((await front(routing(legacy.url, 'http-proxy'))).url);
    expect(fields.filter(([name]) => /^content-type$/i.test(name))).toEqual([]);
  });
});
