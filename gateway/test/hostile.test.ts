import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, front, rawUpstream, say, saying, until, upstream, valuesOf, wire, type Front } from './front.ts';
import { answersIn, type Told } from './strict.ts';

// Requests that two readers could take for two, and whatever else may not come in: refused, the connection closed, and nothing of
// it at the upstream. The bytes are sent at once, and one by one.

const FORWARDERS = ['direct', 'http-proxy'] as const;
const table = (url: string, forwarder: string, more = ''): string =>
  `version: 1\nforwarder: ${forwarder}\nupstreams: { legacy: { url: "${url}", timeout: { connect: 1s, headers: 600ms, body: 600ms } } }\ndefault: legacy\n${more}`;

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const head = (...lines: string[]): string => ['POST /a HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');
const get = (...lines: string[]): string => ['GET /a HTTP/1.1', ...lines, '', ''].join('\r\n');

const REFUSED: readonly (readonly [what: string, request: string])[] = [
  ['a length and chunks', `${head('Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`],
  ['chunks and a length', `${head('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n`],
  ['two lengths that differ', `${head('Content-Length: 4', 'Content-Length: 5')}abcde`],
  ['two lengths that agree', `${head('Content-Length: 4', 'Content-Length: 4')}abcd`],
  ['a list of lengths', `${head('Content-Length: 4, 4')}abcd`],
  ['a length with a sign', `${head('Content-Length: +4')}abcd`],
  ['a negative length', `${head('Content-Length: -4')}abcd`],
  ['a hexadecimal length', `${head('Content-Length: 0x4')}abcd`],
  ['a length with a space in it', `${head('Content-Length: 4 4')}abcd`],
  ['an empty length', head('Content-Length: ')],
  ['a length beyond 2^53', `${head('Content-Length: 9007199254740993')}abcd`],
  ['a length beyond 2^64', `${head('Content-Length: 99999999999999999999')}abcd`],
  ['xchunked', `${head('Transfer-Encoding: xchunked')}0\r\n\r\n`],
  ['identity', `${head('Transfer-Encoding: identity')}0\r\n\r\n`],
  ['gzip, chunked', `${head('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`],
  ['chunked, identity', `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n`],
  ['chunked twice', `${head('Transfer-Encoding: chunked, chunked')}0\r\n\r\n`],
  ['two codings', `${head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`],
  ['a coding, and identity after it', `${head('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`],
  ['a quoted coding', `${head('Transfer-Encoding: "chunked"')}0\r\n\r\n`],
  ['a coding with a parameter', `${head('Transfer-Encoding: chunked;q=1')}0\r\n\r\n`],
  ['an empty coding', `${head('Transfer-Encoding: ')}0\r\n\r\n`],
  ['an empty coding and a length', `${head('Transfer-Encoding: ', 'Content-Length: 5')}0\r\n\r\n`],
  ['a coding behind a vertical tab', `${head('Transfer-Encoding: \x0bchunked')}0\r\n\r\n`],
  ['chunks in HTTP/1.0', 'POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', `${head('Transfer-Encoding : chunked')}0\r\n\r\n`],
  ['a tab before the colon', head('Content-Length\t: 0')],
  ['a folded line', get('Host: a', 'X: b', ' c')],
  ['a folded coding', `${head('Transfer-Encoding:', ' chunked')}0\r\n\r\n`],
  ['a folded first line', get(' Host: a')],
  ['bare line feeds', 'GET /a HTTP/1.1\nHost: a\n\n'],
  ['a bare line feed behind the first line', 'GET /a HTTP/1.1\nHost: a\r\n\r\n'],
  ['a bare line feed behind a field', 'GET /a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  ['a bare line feed at the end', 'GET /a HTTP/1.1\r\nHost: a\r\n\n'],
  ['a bare CR in a value', get('Host: a\rX: b')],
  ['a NUL in a value', get('Host: a', 'X: b\0c')],
  ['a NUL in a name', get('Host: a', 'X\0: b')],
  ['a control character in a value', get('Host: a', 'X: b\x01c')],
  ['a DEL in a value', get('Host: a', 'X: b\x7fc')],
  ['a CR in a name', get('Host: a', 'X\rY: b')],
  ['no name', get('Host: a', ': b')],
  ['no colon', get('Host: a', 'X')],
  ['a name in brackets', get('Host: a', '(X): b')],
  ['two hosts', get('Host: a', 'Host: b')],
  ['two hosts that agree', get('Host: a', 'host: a')],
  ['two hosts and a long body', `${head('Host: b', 'Content-Length: 70000')}${'x'.repeat(70_000)}`],
  ['no host', get('Accept: */*')],
  ['an empty host', get('Host: ')],
  ['a host with a space', get('Host: a b')],
  ['a host with a tab', get('Host: a\tb')],
  ['a host with a user', get('Host: user@a')],
  ['a list of hosts', get('Host: a, b')],
  ['a host with a path', get('Host: a/b')],
  ['a host with a port that is none', get('Host: a:80a')],
  ['a host that is an address without brackets', get('Host: ::1')],
  ['a host beyond ASCII', get('Host: caf\xe9')],
  ['an empty host in HTTP/1.0', 'GET /a HTTP/1.0\r\nHost: \r\n\r\n'],
  ['a target with a user', 'GET http://user@b/a HTTP/1.1\r\nHost: b\r\n\r\n'],
  ['a target without a host', 'GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target of another scheme', 'GET ftp://a/a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target with a host, and no Host', 'GET http://b/a HTTP/1.1\r\n\r\n'],
  ['a target with a host, and two Hosts', 'GET http://b/a HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n'],
  ['a target with a host, and a Host that is none', 'GET http://b/a HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['a target without a slash', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a NUL in the target', 'GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target beyond ASCII', 'GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['HTTP/0.9', 'GET /a\r\n\r\n'],
  ['HTTP/0.9 by name', 'GET /a HTTP/0.9\r\nHost: a\r\n\r\n'],
  ['HTTP/1.2', 'GET /a HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0', 'GET /a HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['another protocol', 'GET /a HTTPS/1.1\r\nHost: a\r\n\r\n'],
  ['a method in lower case', 'get /a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space before the method', ' GET /a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a tab in the first line', 'GET\t/a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a tunnel', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
  ['an upgrade with two hosts', get('Host: a', 'Host: b', 'Connection: Upgrade', 'Upgrade: websocket')],
  ['an upgrade without a host', get('Connection: Upgrade', 'Upgrade: websocket')],
  ['an upgrade with a host that is none', get('Host: a b', 'Connection: Upgrade', 'Upgrade: websocket')],
  [
    'an upgrade with a length and chunks',
    `${head('Connection: Upgrade', 'Upgrade: x', 'Content-Length: 1', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ],
  [
    'an upgrade with an odd coding',
    `${head('Connection: Upgrade', 'Upgrade: x', 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
  ],
  [
    'an offer of HTTP/2 with two hosts',
    get(
      'Host: a',
      'Host: b',
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    ),
  ],
];

async function byteByByte(gate: Front, bytes: string): Promise<string> {
  const client = await wire(gate.port);
  client.socket.setNoDelay(true);
  for (const byte of bytes.slice(0, 400)) {
    if (client.socket.destroyed || client.text() !== '') break;
    client.send(byte);
    await new Promise(setImmediate);
  }
  client.send(bytes.slice(400));
  return client.closed;
}

function expectRefusal(text: string): void {
  const told = answersIn(text);
  expect(told).toHaveLength(1);
  const [answer] = told as [Told];
  const field = (name: string): string | undefined => answer.fields.find(([own]) => own === name)?.[1];
  expect(answer).toMatchObject({ status: 400, whole: true });
  expect(JSON.parse(answer.body)).toMatchObject({ status: 400, code: 'GW_BAD_REQUEST' });
  expect(field('content-type')).toBe('application/problem+json');
  expect(field('connection')).toBe('close');
  expect(field('x-request-id')).toMatch(/^[\w-]{16,}$/);
  expect([field('banyan-served-by'), field('banyan-route'), field('banyan-because')]).toEqual([
    'none',
    'default',
    'bad-request',
  ]);
}

describe.each(FORWARDERS)('through %s', (forwarder) => {
  describe('a request is refused, and nothing of it goes on:', () => {
    test.each(REFUSED)('%s', async (_what, request) => {
      const legacy = await rawUpstream(() => undefined);
      const gate = await front(table(legacy.url, forwarder));
      expectRefusal(await say(gate.port, Buffer.from(request + NEXT, 'latin1')));
      expectRefusal(await byteByByte(gate, request + NEXT));
      await until(async () => (await gate.ended('status="400"', 'because="bad-request"')) === 2);
      expect([await gate.ended(), await gate.outstanding(), legacy.count()]).toEqual([2, 0, 0]);
    });
  });

  describe('a body goes wrong: the request breaks off, and never looks whole:', () => {
    const chunks = head('Transfer-Encoding: chunked');
    test.each([
      ['a size that is none', 'zz\r\nab\r\n0\r\n\r\n'],
      ['a size with 0x', '0x2\r\nab\r\n0\r\n\r\n'],
      ['a size with a space', '2 \r\nab\r\n0\r\n\r\n'],
      ['a negative size', '-2\r\nab\r\n0\r\n\r\n'],
      ['a size beyond 2^64', '10000000000000002\r\nab\r\n0\r\n\r\n'],
      ['no size', '\r\nab\r\n0\r\n\r\n'],
      ['bare line feeds', '2\nab\n0\n\n'],
      ['more than the size says', '2\r\nabc\r\n0\r\n\r\n'],
      ['less than the size says', '3\r\nab\r\n0\r\n\r\n'],
      ['an extension with a line feed', '2;a\nxx\r\nab\r\n0\r\n\r\n'],
      ['an extension with a NUL', '2;a\0\r\nab\r\n0\r\n\r\n'],
      ['an extension with a CR', '2;a\rb\r\nab\r\n0\r\n\r\n'],
      ['a trailer that is a length', '2\r\nab\r\n0\r\nContent-Length: 5\r\n\r\n'],
      ['a trailer that is a coding', '2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
      ['a trailer with a bare line feed', '2\r\nab\r\n0\r\nX: y\n\r\n'],
      ['a trailer without a colon', '2\r\nab\r\n0\r\nX\r\n\r\n'],
      ['an extension without an end', `2;${'a'.repeat(200_000)}`],
    ])('%s', async (_what, body) => {
      const legacy = await upstream(saying('ok'));
      const gate = await front(table(legacy.url, forwarder));
      for (const text of [await say(gate.port, chunks + body + NEXT), await byteByByte(gate, chunks + body + NEXT)]) {
        const told = answersIn(text);
        expect(told.length).toBeLessThanOrEqual(1);
        for (const { status } of told) expect(status).toBe(400);
      }
      await until(async () => (await gate.ended()) === 2 && (await gate.outstanding()) === 0);
      await until(() => legacy.seen.every(({ state }) => state !== 'reading'));
      expect(legacy.seen.map(({ url, state }) => `${url} ${state}`).filter((each) => each !== '/a cut')).toEqual([]);
    });
  });

  test('extensions of chunks, and trailers, do not go on', async () => {
    const legacy = await upstream(saying('ok'));
    const gate = await front(table(legacy.url, forwarder));
    const body = '2;a="b"\r\nab\r\n0\r\nHost: b\r\nX-Sum: 1\r\nBanyan-Fence: f\r\n\r\n';
    const text = await say(
      gate.port,
      `${head('Transfer-Encoding: chunked', 'Trailer: X-Sum', 'Connection: close')}${body}`,
    );
    expect(answersIn(text)).toMatchObject([{ status: 200, body: 'ok', whole: true }]);
    expect(legacy.seen).toMatchObject([{ bytes: 2, state: 'whole', headers: { host: 'a' } }]);
    expect(legacy.seen[0]?.headers['trailer']).toBeUndefined();
  });

  test('earlier requests of the connection get their answers, in their order, before the refusal', async () => {
    let release: () => void = () => undefined;
    const legacy = await upstream((req, res) => {
      if (req.url === '/1') release = () => res.end('one');
      else res.end('two');
    });
    const gate = await front(table(legacy.url, forwarder));
    for (const bad of [get('Host: a', 'Host: b'), 'garbage\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n']) {
      const before = legacy.seen.length;
      const client = await wire(gate.port);
      client.send(
        `POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nokGET /2 HTTP/1.1\r\nHost: a\r\n\r\n${bad}${NEXT}`,
      );
      await until(() => legacy.seen.length === before + 2);
      release();
      expect(answersIn(await client.closed)).toMatchObject([
        { status: 200, body: 'one' },
        { status: 200, body: 'two' },
        { status: 400, whole: true },
      ]);
    }
    expect(legacy.seen.filter(({ url }) => url === '/next')).toEqual([]);
    expect(await gate.ended()).toBe(9);
  });

  test('a HEAD that is refused is told so without a body', async () => {
    const legacy = await upstream();
    const gate = await front(table(legacy.url, forwarder));
    const text = await say(gate.port, `HEAD /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${NEXT}`);
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*\r\n\r\n$/);
    expect(answersIn(text, ['HEAD'])).toHaveLength(1);
  });

  test.each([
    ['empty lines before it', `\r\n\r\n${get('Host: a')}`],
    ['spaces in its first line', 'GET   /a   HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['zeros before its length', `${head('Content-Length: 0002')}ab`],
  ])('what node takes and another might not goes on as everybody takes it: %s', async (_what, request) => {
    const seen: string[] = [];
    const legacy = await rawUpstream((socket) =>
      socket.on('data', (chunk: Buffer) => {
        seen.push(chunk.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }),
    );
    const gate = await front(table(legacy.url, forwarder));
    const client = await wire(gate.port);
    client.send(request);
    await client.sees(/ok$/);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^(?:GET|POST) \/a HTTP\/1\.1\r\nhost: a\r\n/i);
    expect(seen[0]?.toLowerCase().match(/content-length: (\S*)/g) ?? []).toEqual(
      request.startsWith('POST') ? ['content-length: 2'] : [],
    );
  });

  test('a target in absolute form names the host, everywhere', async () => {
    const legacy = await upstream();
    const gate = await front(table(legacy.url, forwarder));
    for (const host of ['a', 'b:81']) {
      const text = await say(gate.port, `GET http://b:81/a?c HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
    }
    for (const { url, rawHeaders } of legacy.seen) {
      expect(url).toBe('/a?c');
      expect(valuesOf(rawHeaders, 'host')).toEqual(['b:81']);
      expect(valuesOf(rawHeaders, 'x-forwarded-host')).toEqual(['b:81']);
      expect(valuesOf(rawHeaders, 'forwarded')).toEqual(['for=127.0.0.1;host="b:81";proto=http']);
    }
  });

  test('fields of one connection, and those that are listed as such, do not cross, however they are spelt', async () => {
    const legacy = await upstream((_req, res) => {
      const fields = [
        ['Connection', 'X-Hop, x_under , Content-Type'],
        ['X-Hop', '1'],
        ['X-Under', '2'],
        ['Keep-Alive', 'timeout=9'],
        ['Proxy-Authenticate', 'Basic'],
        ['Banyan-Served-By', 'me'],
        ['X_Request_Id', 'mine'],
        ['Content-Type', 'text/plain'],
      ];
      res.writeHead(200, fields.flat());
      res.end('ok');
    });
    const gate = await front(table(legacy.url, forwarder));
    const answer = await ask(`${gate.url}/a`, {
      headers: {
        connection: 'close, X-Hop, x_under, Cookie',
        'X-Hop': '1',
        X_Hop: '1',
        'X-Under': '2',
        Transfer_Encoding: 'chunked',
        Content_Length: '7',
        Proxy_Authorization: 'x',
        Banyan_Override: 'secret new',
        'Banyan-Fence': 'f',
        X_Forwarded_For: '6.6.6.6',
        Cookie: 'a=b',
        X_Kept: '3',
      },
    });
    const sent = (legacy.seen[0]?.rawHeaders ?? [])
      .filter((_part, index) => index % 2 === 0)
      .map((name) => name.toLowerCase());
    const gone = /^(?:x.hop|x.under|transfer.encoding|content.length|proxy.*|banyan.*|x_forwarded_for|keep-alive)$/;
    expect(sent.filter((name) => gone.test(name))).toEqual([]);
    expect(sent).toEqual(expect.arrayContaining(['cookie', 'x_kept', 'x-forwarded-for']));
    const told = answer.rawHeaders.filter((_part, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(told.filter((name) => /^(?:x.hop|x.under|proxy.*|x_request_id)$/.test(name))).toEqual([]);
    expect(valuesOf(answer.rawHeaders, 'banyan-served-by')).toEqual(['legacy']);
    expect(answer.headers['content-type']).toBe('text/plain');
  });

  test('a proxy that is trusted tells of its callers; a stranger does not', async () => {
    const legacy = await upstream();
    const headers = {
      host: 'inner',
      'x-forwarded-for': '6.6.6.6, 203.0.113.9, 10.1.1.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example',
    };
    const trusting = await front(table(legacy.url, forwarder, 'trustProxy: [loopback, 10.0.0.0/8]\n'));
    await ask(`${trusting.url}/a`, { headers });
    const wary = await front(table(legacy.url, forwarder, 'trustProxy: [10.0.0.0/8]\n'));
    await ask(`${wary.url}/a`, { headers });
    const told = legacy.seen.map(({ rawHeaders }) =>
      ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'host'].map((name) =>
        valuesOf(rawHeaders, name),
      ),
    );
    expect(told).toEqual([
      [
        ['203.0.113.9, 10.1.1.1, 127.0.0.1'],
        ['https'],
        ['shop.example'],
        ['for=203.0.113.9;host="shop.example";proto=https, for=10.1.1.1, for=127.0.0.1;host="inner";proto=http'],
        ['inner'],
      ],
      [['127.0.0.1'], ['http'], ['inner'], ['for=127.0.0.1;host="inner";proto=http'], ['inner']],
    ]);
  });

  test('a canary by address draws the caller whom a trusted proxy names', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('new'));
    const gate = await front(
      `version: 1\nforwarder: ${forwarder}\ntrustProxy: [loopback]\nupstreams: { legacy: "${legacy.url}", orders: "${orders.url}" }\ndefault: legacy\n` +
        'routes:\n  one: { match: GET /a, stage: canary 50%, new: orders, sticky: [ip] }\n',
    );
    const told = new Set<string>();
    for (let index = 0; index < 40; index += 1) {
      const by = async (forwarded: string): Promise<string> =>
        (await ask(`${gate.url}/a`, { headers: { forwarded } })).body.toString();
      const first = await by(`for=203.0.113.${index}`);
      expect(await by(`for="203.0.113.${index}:99"`)).toBe(first);
      told.add(first);
    }
    expect([...told].sort()).toEqual(['legacy', 'new']);
  });
});

test('of what stands behind a refused request, nothing is kept while its answer waits for its turn', async () => {
  let parsed = 0;
  const count = (): number => (parsed += 1);
  subscribe('http.server.request.start', count);
  onTestFinished(() => void unsubscribe('http.server.request.start', count));
  const held: (() => void)[] = [];
  const legacy = await upstream((_req, res) => void held.push(() => res.end('first')));
  const gate = await front(table(legacy.url, 'direct').replace('headers: 600ms', 'headers: 30s'));
  const client = await wire(gate.port);
  client.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => held.length === 1);
  client.send(get('Host: a,b'));
  // The first twice, by the facade and by the upstream.
  await until(() => parsed === 3);
  client.send(NEXT.repeat(10_000));
  await until(() => client.socket.writableLength === 0);
  held[0]?.();
  const text = await client.closed;
  expect(answersIn(text).map(({ status }) => status)).toEqual([200, 400]);
  expect(parsed).toBe(3);
});

test('HTTP/1.0 names its host in the target, or nowhere', async () => {
  const legacy = await upstream();
  const gate = await front(table(legacy.url, 'direct'));
  expect(await say(gate.port, 'GET http://shop.example/a HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  for (const target of ['ftp://shop.example/a', 'http://user@shop.example/a', 'http:///a'])
    expect(await say(gate.port, `GET ${target} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
  expect(legacy.seen.map(({ url, headers }) => [url, headers.host, headers['x-forwarded-host']])).toEqual([
    ['/a', 'shop.example', 'shop.example'],
  ]);
});
