import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import {
  ask,
  front,
  nobody,
  noise,
  rawUpstream,
  say,
  saying,
  sha256,
  until,
  upstream,
  valuesOf,
  wire,
  type Front,
  type Upstream,
} from './front.ts';

// Upgrades: WebSockets as clients and servers of the `ws` package have them, and other protocols on bare sockets.

const TIMES = 'timeout: { connect: 1s, headers: 600ms, body: 600ms }';
interface More {
  readonly stage?: string;
  /** Keys of the route. */
  readonly route?: string;
  /** Keys of both upstreams. */
  readonly times?: string;
}

const table = (
  legacy: string,
  orders: string,
  { stage = 'legacy', route = '', times = TIMES }: More = {},
): string => `version: 1
upstreams:
  legacy: { url: "${legacy}", ${times} }
  orders: { url: "${orders}", ${times} }
default: legacy
routes:
  live: { match: GET /live, stage: ${stage}, new: { upstream: orders, path: /v2/live }${route} }
`;
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: raw\r\n';

async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect([await gate.outstanding('legacy'), await gate.outstanding('orders')]).toEqual([0, 0]);
}

interface Sockets extends Upstream {
  readonly open: Set<WebSocket>;
}

/** Echoes every message, and says its name first when it is asked for it. */
async function webSockets(name: string): Promise<Sockets> {
  const server = await upstream(saying(name));
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, maxPayload: 8 * 1024 * 1024 });
  const open = new Set<WebSocket>();
  server.server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.handleUpgrade(req, socket, head, (client) => {
      const { method = '', url = '', rawHeaders, headers } = req;
      server.seen.push({ method, url, rawHeaders, headers, bytes: 0, sha256: '', state: 'whole', left: false });
      open.add(client);
      client.on('error', () => undefined);
      client.once('close', () => open.delete(client));
      client.on('message', (data, binary) => {
        const text = binary ? '' : (data as Buffer).toString();
        if (text.startsWith('close ')) client.close(Number(text.slice(6)), 'as asked');
        else if (text === 'cut') (req.socket as Socket).destroy();
        else if (text === 'name') client.send(name);
        else client.send(data, { binary });
      });
    });
  });
  return { ...server, open };
}

async function dial(url: string, options: object = {}): Promise<WebSocket> {
  const client = new WebSocket(url.replace(/^http/, 'ws'), options);
  onTestFinished(() => client.terminate());
  client.on('error', () => undefined);
  await once(client, 'open');
  return client;
}

async function echo(client: WebSocket, data: string | Buffer): Promise<{ data: Buffer; binary: boolean }> {
  const answer = once(client, 'message') as Promise<[RawData, boolean]>;
  client.send(data);
  const [received, binary] = await answer;
  return { data: received as Buffer, binary };
}

describe('a WebSocket', () => {
  test('carries text, binary, and frames of a megabyte, compressed or not', async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, legacy.url.replace('127.0.0.1', 'localhost')));
    for (const perMessageDeflate of [false, true]) {
      const client = await dial(`${gate.url}/live?token=%zz`, { perMessageDeflate });
      expect(client.extensions).toBe(perMessageDeflate ? 'permessage-deflate' : '');
      expect(await echo(client, 'héllo')).toEqual({ data: Buffer.from('héllo'), binary: false });
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 1024 * 1024]) {
        const data = noise(size);
        const answer = await echo(client, data);
        expect([answer.binary, answer.data.length, sha256(answer.data)]).toEqual([true, size, sha256(data)]);
      }
      client.close();
      await once(client, 'close');
    }
    expect(legacy.seen.map(({ url }) => url)).toEqual(['/live?token=%zz', '/live?token=%zz']);
    await settled(gate, 2);
    expect(await gate.ended('status="101"', 'side="legacy"', 'route="live"')).toBe(2);
  });

  test('passes many messages at once, both ways, in their order', async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody()));
    const client = await dial(`${gate.url}/live`);
    const got: string[] = [];
    client.on('message', (data) => got.push((data as Buffer).toString()));
    const sent = Array.from({ length: 5_000 }, (_none, index) => `message ${index}`);
    for (const text of sent) client.send(text);
    await until(() => got.length === sent.length);
    expect(got).toEqual(sent);
  });

  test('ends with the code and the reason of the side that ends it', async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody()));
    const client = await dial(`${gate.url}/live`);
    client.send('close 4321');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4321, 'as asked']);
    const other = await dial(`${gate.url}/live`);
    await until(() => legacy.open.size === 1);
    const [server] = legacy.open;
    const closed = once(server ?? other, 'close') as Promise<[number, Buffer]>;
    other.close(4999, 'enough');
    const [theirs, why] = await closed;
    expect([theirs, why.toString()]).toEqual([4999, 'enough']);
    await until(() => legacy.sockets.size === 0);
  });

  test('that is cut on one side is cut on the other', async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody()));
    const client = await dial(`${gate.url}/live`);
    client.send('cut');
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(1006);
    const other = await dial(`${gate.url}/live`);
    await until(() => legacy.open.size === 1);
    other.terminate();
    await until(() => legacy.sockets.size === 0 && legacy.open.size === 0);
    await settled(gate, 2);
  });

  test('is asked for with the fields of any request, and answered with the fields of any answer', async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody()));
    const client = new WebSocket(`${gate.url.replace(/^http/, 'ws')}/live`, ['chat', 'v2'], {
      headers: { 'X-Forwarded-For': '6.6.6.6', 'banyan-fence': 'x', Cookie: 'a=b', 'x-request-id': 'mine' },
    });
    onTestFinished(() => client.terminate());
    const [answer] = (await once(client, 'upgrade')) as [IncomingMessage];
    expect(answer.headers).toMatchObject({
      'banyan-served-by': 'legacy',
      'banyan-route': 'live',
      'banyan-because': 'stage',
      'x-request-id': 'mine',
    });
    await until(() => legacy.seen.length === 1);
    const raw = legacy.seen[0]?.rawHeaders ?? [];
    expect(valuesOf(raw, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesOf(raw, 'banyan-fence')).toEqual([]);
    expect(valuesOf(raw, 'cookie')).toEqual(['a=b']);
    expect(valuesOf(raw, 'sec-websocket-protocol')).toEqual(['chat,v2']);
    expect(client.protocol).toBe('chat');
  });

  test('stays where it is when its route is flipped; the next one goes to the other side', async () => {
    const legacy = await webSockets('legacy');
    const orders = await webSockets('orders');
    const gate = await front(table(legacy.url, orders.url));
    const name = async (client: WebSocket): Promise<string> => (await echo(client, 'name')).data.toString();
    const first = await dial(`${gate.url}/live`);
    expect(await name(first)).toBe('legacy');
    await gate.turn(table(legacy.url, orders.url, { stage: 'new' }));
    expect(await name(first)).toBe('legacy');
    const second = await dial(`${gate.url}/live`);
    expect(await name(second)).toBe('orders');
    expect(orders.seen).toMatchObject([{ url: '/v2/live' }]);
    await gate.turn(table(legacy.url, orders.url, { stage: 'held' }));
    expect(await name(second)).toBe('orders');
    const held = await ask(`${gate.url}/live`, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    expect(held).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5', 'banyan-because': 'held', 'content-type': 'application/problem+json' },
    });
    expect(JSON.parse(held.body.toString())).toMatchObject({ code: 'GW_HELD', status: 503 });
    await settled(gate, 3);
  });

  test('is ended by a drain at its deadline', { timeout: 40_000 }, async () => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody()));
    const client = await dial(`${gate.url}/live`);
    const closing = gate.close();
    expect((await echo(client, 'still here')).data.toString()).toBe('still here');
    const begun = performance.now();
    const [code] = (await once(client, 'close')) as [number];
    await closing;
    expect(code).toBe(1006);
    expect(performance.now() - begun).toBeLessThan(10_000);
    await until(() => legacy.sockets.size === 0);
  });
});

describe('an upgrade', () => {
  test('that the upstream declines gets its answer, whole, and the connection ends', async () => {
    const body = noise(500_000);
    const legacy = await upstream((_req, res) =>
      res.writeHead(403, 'Not You', { 'x-why': 'caf\xe9', 'set-cookie': ['a=1', 'b=2'] }).end(body),
    );
    const gate = await front(table(legacy.url, await nobody()));
    const text = await say(gate.port, `GET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
    const [head = ''] = text.split('\r\n\r\n', 1);
    expect(head).toMatch(/^HTTP\/1\.1 403 Not You\r\n/);
    expect(head).toContain('x-why: caf\xe9');
    expect(head.match(/set-cookie/g)).toHaveLength(2);
    expect(head).toMatch(/banyan-served-by: legacy/);
    expect(head).toMatch(/connection: close/i);
    expect(sha256(Buffer.from(text.slice(head.length + 4), 'latin1'))).toBe(sha256(body));
    await settled(gate, 1);
  });

  test('that is declined with an answer that breaks off ends as a cut connection', async () => {
    const broken = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy()),
      ),
    );
    const gate = await front(table(broken.url, await nobody()));
    const text = await say(gate.port, `GET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
    expect(text).toMatch(/403 No[^]*content-length: 100[^]*half$/i);
    await settled(gate, 1);
  });

  test.each([
    ['is down', null, 502, 'GW_UPSTREAM_UNREACHABLE'],
    ['cuts', (socket: Socket) => socket.once('data', () => socket.destroy()), 502, 'GW_UPSTREAM_BROKEN'],
    [
      'talks garbage',
      (socket: Socket) => socket.once('data', () => socket.end('garbage\r\n\r\n')),
      502,
      'GW_UPSTREAM_BROKEN',
    ],
    ['never answers', (socket: Socket) => socket.resume(), 504, 'GW_UPSTREAM_TIMEOUT'],
  ])('whose upstream %s is a problem in time', async (_how, behave, status, code) => {
    const url = behave === null ? await nobody() : (await rawUpstream(behave)).url;
    const gate = await front(table(url, await nobody()));
    const answer = await ask(`${gate.url}/live`, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    expect(answer).toMatchObject({
      status,
      headers: { 'banyan-served-by': 'none', 'banyan-route': 'live', 'content-type': 'application/problem+json' },
    });
    const carriedOut = behave === null ? 'no' : 'maybe';
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code, status, carriedOut });
    await settled(gate, 1);
    expect(await gate.ended('side="none"', `status="${status}"`)).toBe(1);
  });

  test.each(['reads', 'never'])('at new, down, with fallback: %s', async (fallback) => {
    const legacy = await webSockets('legacy');
    const gate = await front(table(legacy.url, await nobody(), { stage: 'new', route: `, fallback: ${fallback}` }));
    const client = new WebSocket(`${gate.url.replace(/^http/, 'ws')}/live`);
    client.on('error', () => undefined);
    onTestFinished(() => client.terminate());
    const answer = await Promise.race([
      once(client, 'upgrade').then(([res]) => res as IncomingMessage),
      once(client, 'unexpected-response').then(([, res]) => res as IncomingMessage),
    ]);
    expect([answer.statusCode, answer.headers['banyan-served-by'], answer.headers['banyan-because']]).toEqual(
      fallback === 'reads' ? [101, 'legacy', 'unreachable'] : [502, 'none', 'stage'],
    );
    expect(legacy.seen.map(({ url }) => url)).toEqual(fallback === 'reads' ? ['/live'] : []);
    await settled(gate, 1);
  });

  test('whose caller leaves before the answer frees the upstream, which is not to blame', async () => {
    const legacy = await upstream();
    legacy.server.on('upgrade', (_req, socket: Duplex) => socket.on('end', () => socket.destroy()).resume());
    const patient = 'timeout: { headers: 60s }, breaker: { volume: 1 }';
    const gate = await front(table(legacy.url, await nobody(), { times: patient }));
    for (let index = 0; index < 3; index += 1) {
      const client = await wire(gate.port);
      client.send(`GET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
      await until(() => legacy.sockets.size === 1);
      client.socket.destroy();
      await until(() => legacy.sockets.size === 0);
    }
    await settled(gate, 3);
    expect(await gate.ended('because="abandoned"', 'status="499"')).toBe(3);
    expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
  });

  test('counts for the breaker of its upstream like any request', async () => {
    const gate = await front(table(await nobody(), await nobody(), { times: 'breaker: { volume: 2 }' }));
    const statuses = [];
    for (let index = 0; index < 4; index += 1)
      statuses.push((await ask(`${gate.url}/live`, { headers: { connection: 'upgrade', upgrade: 'x' } })).status);
    expect(statuses).toEqual([502, 502, 503, 503]);
    await settled(gate, 4);
  });

  test('to another protocol joins the two connections byte for byte, first bytes included', async () => {
    const data = noise(3_000_000);
    const legacy = await rawUpstream((socket) => {
      socket.once('data', () => {
        socket.write(
          Buffer.concat([
            Buffer.from('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nfirst '),
            Buffer.alloc(0),
          ]),
        );
        socket.pipe(socket);
      });
    });
    const gate = await front(table(legacy.url, await nobody()));
    const client = await wire(gate.port);
    client.send(Buffer.concat([Buffer.from(`GET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\nearly `), data]));
    await client.sees(/early/);
    client.socket.end();
    const text = await client.closed;
    const at = text.indexOf('\r\n\r\n') + 4;
    expect(text.slice(0, at)).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*upgrade: raw/i);
    expect(text.slice(at, at + 12)).toBe('first early ');
    expect(sha256(Buffer.from(text.slice(at + 12), 'latin1'))).toBe(sha256(data));
    await until(() => legacy.sockets.size === 0);
  });

  test('whose upstream sends its last bytes and closes loses none of them to a slow reader', async () => {
    const data = noise(8_000_000);
    const legacy = await rawUpstream((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n');
        socket.end(data);
      });
    });
    const gate = await front(table(legacy.url, await nobody()));
    const client = await wire(gate.port);
    client.send(`GET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
    await client.sees(/\r\n\r\n/);
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.resume();
    const text = await client.closed;
    expect(sha256(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1'))).toBe(sha256(data));
  });
});

describe('an upgrade behind a request of its connection that waits for its answer', () => {
  test.each([
    ['goes on once that has been answered', 'GET', '', '101'],
    [
      'is served as a request once that has been answered, as is what comes behind it',
      'POST',
      'Content-Length: 2\r\n',
      '200 OK[^]* 200',
    ],
  ])('%s', async (_what, method, length, statuses) => {
    const held: (() => void)[] = [];
    const legacy = await webSockets('legacy');
    const listeners = legacy.server.listeners('request');
    legacy.server.removeAllListeners('request').on('request', (req, res) => {
      if (req.url === '/slow') held.push(() => res.end('slow'));
      else for (const listener of listeners) Reflect.apply(listener, legacy.server, [req, res]);
    });
    const gate = await front(table(legacy.url, await nobody()).replaceAll('600ms', '20s'));
    const client = await wire(gate.port);
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const wish = `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}${length}`;
    client.send(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${method} /live HTTP/1.1\r\nHost: a\r\n${wish}\r\n`);
    if (method === 'POST') client.send('ok'.concat('GET /c HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3)));
    await until(() => held.length === 1);
    expect(client.text()).toBe('');
    for (const answer of held) answer();
    await client.sees(new RegExp(`^HTTP/1\\.1 200 OK[^]*slow[^]*HTTP/1\\.1 ${statuses}`));
  });

  test('is forgotten when its caller leaves meanwhile', async () => {
    const legacy = await upstream(() => undefined);
    const gate = await front(table(legacy.url, await nobody()).replaceAll('600ms', '20s'));
    for (const reset of [true, false]) {
      const client = await wire(gate.port);
      client.send(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /live HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
      await until(() => legacy.seen.length === (reset ? 1 : 2));
      if (reset) client.socket.resetAndDestroy();
      else client.socket.destroy();
      await until(() => legacy.seen.every(({ left }) => left));
    }
    await settled(gate, 2);
    expect(await gate.ended('status="499"')).toBe(2);
  });
});

describe('a request with an Upgrade that is none', () => {
  test('because it has a body is served as it would be without', async () => {
    const legacy = await upstream((req, res) => void req.pipe(res));
    const gate = await front(table(legacy.url, await nobody()));
    const body = noise(300_000);
    const head = `POST /a HTTP/1.1\r\nHost: a\r\n${UPGRADE}X-Latin: caf\xe9\r\n`;
    const client = await wire(gate.port);
    client.send(Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`, 'latin1'), body]));
    await until(() => legacy.seen.length === 1 && legacy.seen[0]?.state === 'whole');
    // And its connection serves the next one.
    client.send(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    await until(() => legacy.seen.length === 2 && legacy.seen[1]?.state === 'whole');
    client.send('GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const text = await client.closed;
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    expect(legacy.seen.map(({ url, bytes, headers }) => [url, bytes, headers.upgrade, headers['x-latin']])).toEqual([
      ['/a', 300_000, undefined, 'caf\xe9'],
      ['/a', 5, undefined, 'caf\xe9'],
      ['/b', 0, undefined, undefined],
    ]);
    await settled(gate, 3);
  });

  test('because it only offers HTTP/2 keeps its connection', async () => {
    const legacy = await upstream();
    const gate = await front(table(legacy.url, await nobody()));
    const client = await wire(gate.port);
    client.send(
      'GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    );
    await client.sees(/ok$/);
    client.send('GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect((await client.closed).match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(legacy.seen.map(({ url }) => url)).toEqual(['/a', '/b']);
    await settled(gate, 2);
  });
});
