import { once } from 'node:events';
import { Agent, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  answerTo,
  ask,
  front,
  nobody,
  noise,
  open,
  rawUpstream,
  say,
  saying,
  sha256,
  until,
  upstream,
  wire,
  type Answer,
  type Front,
} from './front.ts';

// What goes wrong, on either side, and what the stages make of it.

/** A table with two sides; `headers` is the time that an upstream has for its head. */
const sides = (legacy: string, orders: string, routes: string, more = ''): string => `version: 1
upstreams:
  legacy: { url: "${legacy}", timeout: { headers: 600ms, body: 600ms } ${more} }
  orders: { url: "${orders}", timeout: { headers: 600ms, body: 600ms } ${more} }
default: legacy
routes:
${routes}`;
const alone = (legacy: string, more = ''): string =>
  sides(legacy, 'http://127.0.0.1:1', '  none: { match: GET /none, stage: legacy }', more);

const problemOf = ({ body }: Answer): { code: string; status: number; detail: string } =>
  JSON.parse(body.toString()) as { code: string; status: number; detail: string };

async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect([await gate.outstanding('legacy'), await gate.outstanding('orders')]).toEqual([0, 0]);
}

describe('an upstream', () => {
  test('that is down is a 502 at once', async () => {
    const gate = await front(alone(await nobody()));
    const begun = performance.now();
    for (const options of [
      {},
      { method: 'POST', body: 'x' },
      { method: 'POST', body: noise(200_000) },
      { method: 'POST', body: 'x', chunked: true },
    ]) {
      const answer = await ask(`${gate.url}/a`, options);
      expect(answer).toMatchObject({
        status: 502,
        headers: { 'content-type': 'application/problem+json', 'banyan-served-by': 'none', 'banyan-route': 'default' },
      });
      expect(problemOf(answer)).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE', status: 502 });
    }
    expect(performance.now() - begun).toBeLessThan(5_000);
    await settled(gate, 4);
  });

  test('that accepts and never answers is a 504 in time', async () => {
    const mute = await rawUpstream((socket) => void socket.resume());
    const gate = await front(alone(mute.url));
    const begun = performance.now();
    const answers = await Promise.all([
      ask(`${gate.url}/a`),
      ask(`${gate.url}/b`, { method: 'POST', body: 'x' }),
      ask(`${gate.url}/c`, { method: 'POST', body: noise(100_000) }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([504, 504, 504]);
    expect(answers.map((answer) => problemOf(answer).code)).toEqual(Array(3).fill('GW_UPSTREAM_TIMEOUT'));
    expect(performance.now() - begun).toBeLessThan(6_000);
    await until(() => mute.sockets.size === 0);
    await settled(gate, 3);
  });

  test('that never reads a long body is a 504 in time, and the caller hears it', async () => {
    const mute = await rawUpstream((socket) => socket.pause());
    const gate = await front(alone(mute.url));
    const answer = await ask(`${gate.url}/a`, { method: 'POST', body: noise(30_000_000) });
    expect(problemOf(answer).code).toBe('GW_UPSTREAM_TIMEOUT');
    await settled(gate, 1);
  });

  test.each([
    ['cuts the connection', (socket: Socket) => socket.once('data', () => socket.destroy())],
    ['resets the connection', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['closes without a word', (socket: Socket) => socket.once('data', () => socket.end())],
    [
      'cuts in the middle of its head',
      (socket: Socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Le')),
    ],
    ['talks garbage', (socket: Socket) => socket.once('data', () => socket.end('220 mail.example ESMTP\r\n'))],
    ['talks binary garbage', (socket: Socket) => socket.once('data', () => socket.end(noise(5_000)))],
    [
      'changes protocols unasked',
      (socket: Socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')),
    ],
    [
      'has a header without end',
      (socket: Socket) => socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`)),
    ],
  ])('that %s before its head is a 502', async (_how, behave) => {
    const broken = await rawUpstream(behave);
    const gate = await front(alone(broken.url));
    for (const options of [{}, { method: 'POST', body: 'once' }, { method: 'POST', body: noise(100_000) }]) {
      const answer = await ask(`${gate.url}/a`, options);
      expect(answer.status).toBe(502);
      expect(problemOf(answer).code).toMatch(/^GW_UPSTREAM_(BROKEN|UNREACHABLE)$/);
    }
    expect(broken.count()).toBe(3);
    await settled(gate, 3);
  });

  test.each([
    ['sized', 'Content-Length: 1000000\r\n\r\n', 'x'.repeat(500_000)],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n', `${(500_000).toString(16)}\r\n${'x'.repeat(500_000)}\r\n`],
  ])('that is cut in the middle of a %s body leaves an answer that looks cut', async (_framing, head, body) => {
    const broken = await rawUpstream((socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}${body}`, () => socket.destroy())),
    );
    const gate = await front(alone(broken.url));
    const answer = await ask(`${gate.url}/a`);
    expect(answer).toMatchObject({ status: 200, whole: false });
    await settled(gate, 1);
  });

  test('that falls silent in the middle of its body leaves an answer that is cut in time', async () => {
    const slow = await upstream((_req, res) => {
      res.writeHead(200, { 'content-length': '10' });
      res.write('half');
    });
    const gate = await front(alone(slow.url));
    expect(await ask(`${gate.url}/a`)).toMatchObject({ status: 200, whole: false });
    await until(() => slow.sockets.size === 0);
    await settled(gate, 1);
  });

  const closing = (how: string, framing: string) => (socket: Socket) =>
    socket.once('data', (chunk: Buffer) => {
      if (!chunk.toString().startsWith('GET /big')) return;
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${framing}\r\n${'x'.repeat(50_000)}`, () => {
        if (how === 'closes') socket.end();
        else socket.resetAndDestroy();
      });
    });

  test.each([
    ['closes', '', [true]],
    ['closes', 'Content-Length: 50000\r\n', [true]],
    ['closes', 'Content-Length: 50001\r\n', [false]],
    // Without a length a reset may be taken for the end.
    ['resets', '', [true, false]],
    ['resets', 'Content-Length: 50001\r\n', [false]],
  ])(
    'that %s its connection behind an answer that has to wait (%j) ends nothing but that',
    async (how, framing, whole) => {
      const legacy = await rawUpstream(closing(how, framing));
      const gate = await front(alone(legacy.url));
      const client = await wire(gate.port);
      // The second answer is held until the first has been given up.
      client.send('GET /mute HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      const text = await client.closed;
      expect(text).toMatch(/^HTTP\/1\.1 504 /);
      const body = 'x'.repeat(50_000);
      const ended = framing === '' ? `${body}\r\n0\r\n\r\n` : `Content-Length: 50000\r\n`;
      expect(whole).toContain(framing === '' ? text.endsWith(ended) : text.includes(ended) && text.endsWith(body));
      await settled(gate, 2);
    },
  );

  test('that sends more than it said is cut off', async () => {
    const broken = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged',
        ),
      ),
    );
    const gate = await front(alone(broken.url));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const bodies = [];
    for (let index = 0; index < 3; index += 1) bodies.push((await ask(`${gate.url}/a`, { agent })).body.toString());
    agent.destroy();
    expect(bodies).toEqual(['ok', 'ok', 'ok']);
  });

  test('whose connections are all busy lets no caller wait for ever', async () => {
    const busy = await upstream(() => undefined);
    const gate = await front(alone(busy.url, ', connections: 1').replaceAll('headers: 600ms', 'headers: 2s'));
    const answers = Array.from({ length: 6 }, () => ask(`${gate.url}/a`));
    const begun = performance.now();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(6).fill(504));
    expect(performance.now() - begun).toBeLessThan(8_000);
    await settled(gate, 6);
  });
});

describe('a caller', () => {
  test('who sends a small body too slowly is told so and cut off', async () => {
    const legacy = await upstream();
    const gate = await front(alone(legacy.url), { idleMs: 300 });
    const text = await say(gate.port, 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
    expect(text).toMatch(/^HTTP\/1\.1 408 [^]*GW_BODY_TIMEOUT/);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test.each(['Content-Length: 100000', 'Transfer-Encoding: chunked'])(
    'who falls silent in a long body (%s) is told so; the upstream is not to blame',
    async (length) => {
      const legacy = await upstream();
      const gate = await front(alone(legacy.url, ', breaker: { volume: 1 }'), { idleMs: 300 });
      for (let index = 0; index < 3; index += 1) {
        const text = await say(gate.port, `POST /a HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n4\r\nhalf\r\n`);
        expect(text).toMatch(/^HTTP\/1\.1 408 [^]*GW_BODY_TIMEOUT/);
      }
      await until(() => legacy.seen.every(({ state }) => state === 'cut'));
      expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
      await settled(gate, 3);
    },
  );

  test('who pauses for longer than an upstream may, and goes on, is served', async () => {
    const legacy = await upstream();
    const gate = await front(alone(legacy.url));
    const outgoing = open(`${gate.url}/a`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
    outgoing.write('one');
    // Twice the upstream's 600 ms.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    outgoing.end('two');
    expect((await answerTo(outgoing)).status).toBe(200);
    expect(legacy.seen).toMatchObject([{ bytes: 6, state: 'whole' }]);
    await settled(gate, 1);
  });

  test.each([
    ['while it waits for an answer', 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n', false],
    ['while its small body has been sent on', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok', false],
    ['in the middle of an answer', 'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n', true],
    ['in the middle of its own long body', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf', false],
    [
      'in the middle of its own chunks',
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
      false,
    ],
    ['with three pipelined requests in hand', 'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3), true],
  ])('who leaves %s frees the upstream', async (_when, request, streams) => {
    const legacy = await upstream((req, res) => {
      req.resume();
      if (req.url !== '/stream') return;
      res.writeHead(200);
      const pump = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
        res.once('drain', pump);
      };
      pump();
    });
    const gate = await front(alone(legacy.url).replaceAll('600ms', '60s'));
    const client = await wire(gate.port);
    client.send(request);
    const count = request.split('HTTP/1.1').length - 1;
    await until(() => legacy.seen.length === count);
    if (streams) await client.sees(/\r\n\r\n/);
    client.socket.destroy();
    await until(() => legacy.seen.every(({ left }) => left));
    await settled(gate, count);
    expect(await gate.ended('status="499"', 'because="abandoned"')).toBe(count);
    expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
  });

  test('who leaves before a connection to the upstream is free is not sent on', async () => {
    const legacy = await upstream();
    const gate = await front(alone(legacy.url, ', connections: 1').replaceAll('600ms', '60s'));
    let release: () => void = () => undefined;
    legacy.server.removeAllListeners('request');
    const urls: (string | undefined)[] = [];
    legacy.server.on('request', (req, res) => {
      urls.push(req.url);
      if (req.url === '/first') release = () => res.end('ok');
      else res.end('ok');
    });
    const first = ask(`${gate.url}/first`);
    await until(() => urls.length === 1);
    const waiting = await wire(gate.port);
    waiting.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(async () => (await gate.outstanding()) === 2);
    waiting.socket.destroy();
    await until(async () => (await gate.outstanding()) === 1);
    release();
    expect((await first).status).toBe(200);
    expect((await ask(`${gate.url}/third`)).status).toBe(200);
    expect(urls).toEqual(['/first', '/third']);
    await settled(gate, 3);
  });

  test('who reads slowly slows the upstream down, and is cut off when it does not read at all', async () => {
    let sent = 0;
    const legacy = await upstream((_req, res) => {
      res.writeHead(200);
      const pump = (): void => {
        do sent += 65_536;
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
        res.once('drain', pump);
      };
      pump();
    });
    const gate = await front(alone(legacy.url).replaceAll('600ms', '60s'), { idleMs: 1_000 });
    const client = await wire(gate.port);
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.sees(/\r\n\r\n/);
    client.socket.pause();
    await until(() => legacy.seen[0]?.left === true);
    // What the buffers of three connections hold.
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    await settled(gate, 1);
    expect(await gate.ended('because="abandoned"')).toBe(1);
  });

  test('who reads slowly but steadily gets all of it', async () => {
    const body = noise(3_000_000);
    const legacy = await upstream((_req, res) => res.end(body));
    const gate = await front(alone(legacy.url), { idleMs: 1_000 });
    const outgoing = open(`${gate.url}/a`);
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) {
      chunks.push(chunk as Buffer);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(body));
    await settled(gate, 1);
  });

  test('whose body breaks off in its framing gets one answer, and the upstream no whole request', async () => {
    const legacy = await upstream();
    const gate = await front(alone(legacy.url));
    const client = await wire(gate.port);
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    await until(() => legacy.seen[0]?.bytes === 4);
    client.send('zz\r\n');
    const text = await client.closed;
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    await until(() => legacy.seen[0]?.state === 'cut');
    await settled(gate, 1);
  });
});

describe('a stage', () => {
  const routes = `
  get: { match: "GET|HEAD /get/:id", stage: STAGE, new: { upstream: orders, path: "/v2/orders/:id", headers: { x-tenant: blue } } }
  post: { match: POST /post, stage: STAGE, new: orders }
  never: { match: GET /never, stage: STAGE, new: orders, fallback: never }
`;
  const at = (stage: string): string => routes.replaceAll('STAGE', stage);

  test('legacy and new are answered by their side, and say so', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream(saying('orders'));
    const gate = await front(sides(legacy.url, orders.url, at('legacy')));
    expect(await ask(`${gate.url}/get/1`)).toMatchObject({
      headers: { 'banyan-served-by': 'legacy', 'banyan-route': 'get', 'banyan-because': 'stage' },
    });
    await gate.turn(sides(legacy.url, orders.url, at('new')));
    const answer = await ask(`${gate.url}/get/a%2Fb?x=%zz`, { headers: { 'X-Tenant': 'red' } });
    expect(answer).toMatchObject({
      headers: { 'banyan-served-by': 'new', 'banyan-route': 'get', 'banyan-because': 'stage' },
    });
    expect(answer.body.toString()).toBe('orders');
    expect(orders.seen).toMatchObject([{ url: '/v2/orders/a%2Fb?x=%zz', headers: { 'x-tenant': 'blue' } }]);
    expect((await ask(`${gate.url}/post`, { method: 'POST', body: 'x' })).body.toString()).toBe('orders');
    expect(legacy.seen).toMatchObject([{ url: '/get/1' }]);
    await settled(gate, 3);
  });

  test.each(['held', 'gone'])('%s is answered by nobody', async (stage) => {
    const legacy = await upstream();
    const gate = await front(
      sides(
        legacy.url,
        legacy.url.replace('127.0.0.1', 'localhost'),
        `  one: { match: ANY /one, stage: ${stage}${stage === 'gone' ? ', gone: "Use /two since May."' : ''}, new: orders }\n`,
      ),
    );
    const answer = await ask(`${gate.url}/one`, { method: 'POST', body: noise(300_000) });
    const expected =
      stage === 'held'
        ? { status: 503, code: 'GW_HELD' }
        : { status: 410, code: 'GW_GONE', detail: 'Use /two since May.' };
    expect(problemOf(answer)).toMatchObject(expected);
    expect(answer.headers['retry-after']).toBe(stage === 'held' ? '5' : undefined);
    expect(answer.headers).toMatchObject({
      'banyan-served-by': 'none',
      'banyan-route': 'one',
      'banyan-because': stage,
    });
    expect((await ask(`${gate.url}/one`, { method: 'HEAD' })).body.length).toBe(0);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 2);
  });

  test('new, down: legacy answers reads, with their own path and fields, and no writes', async () => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(sides(legacy.url, await nobody(), at('new')));
    for (const options of [{}, { method: 'HEAD' }, { body: 'a read with a body' }]) {
      const read = await ask(`${gate.url}/get/1`, options);
      expect(read).toMatchObject({
        status: 200,
        headers: { 'banyan-served-by': 'legacy', 'banyan-because': 'unreachable' },
      });
    }
    expect(legacy.seen.map(({ url, bytes, headers }) => [url, bytes, headers['x-tenant']])).toEqual([
      ['/get/1', 0, undefined],
      ['/get/1', 0, undefined],
      ['/get/1', 18, undefined],
    ]);
    expect(problemOf(await ask(`${gate.url}/post`, { method: 'POST', body: 'x' })).code).toBe(
      'GW_UPSTREAM_UNREACHABLE',
    );
    expect(problemOf(await ask(`${gate.url}/never`)).code).toBe('GW_UPSTREAM_UNREACHABLE');
    expect(legacy.seen).toHaveLength(3);
    expect(await gate.metric('banyan_fallback_total{route="get",because="unreachable"}')).toBe(3);
    await settled(gate, 5);
  });

  test('retired never asks legacy', async () => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(sides(legacy.url, await nobody(), at('retired').replace(', fallback: never', '')));
    for (const path of ['/get/1', '/never']) expect((await ask(gate.url + path)).status).toBe(502);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 2);
  });

  test.each([
    ['never answers', () => undefined],
    ['cuts', (socket: Socket) => socket.once('data', () => socket.destroy())],
  ] as const)('new, whose upstream %s, gives reads to legacy and sends a write once', async (_how, behave) => {
    const legacy = await upstream(saying('legacy'));
    const orders = await rawUpstream(behave);
    const gate = await front(sides(legacy.url, orders.url, at('new')));
    expect(await ask(`${gate.url}/get/1`)).toMatchObject({
      status: 200,
      headers: { 'banyan-served-by': 'legacy', 'banyan-because': 'unreachable' },
    });
    const before = orders.count();
    expect((await ask(`${gate.url}/post`, { method: 'POST', body: 'x' })).status).toBeGreaterThanOrEqual(502);
    expect(orders.count()).toBe(before + 1);
    expect(legacy.seen).toHaveLength(1);
    await settled(gate, 2);
  });

  test('new, cut in the middle of its answer, does not begin again at legacy', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => socket.destroy()),
      ),
    );
    const gate = await front(sides(legacy.url, orders.url, at('new')));
    expect(await ask(`${gate.url}/get/1`)).toMatchObject({
      status: 200,
      whole: false,
      headers: { 'banyan-served-by': 'new' },
    });
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });
});

describe('a breaker', () => {
  const routes = `
  get: { match: GET /get, stage: new, new: orders }
  post: { match: POST /get, stage: new, new: orders }
  never: { match: GET /never, stage: retired, new: orders }
`;
  const trip = ', breaker: { errors: 50%, volume: 10, window: 10s, reset: 400ms }';
  const state = (gate: Front): Promise<number | null> => gate.metric('banyan_breaker_state{upstream="orders"}');

  test('opens at its volume and rate, sends reads to legacy and writes away, probes once, and closes', async () => {
    let healthy = true;
    const probes: (() => void)[] = [];
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream((req, res) => {
      req.resume();
      if (req.url === '/get' && req.headers['x-probe'] === 'slow') probes.push(() => res.end('orders'));
      else res.writeHead(healthy ? 200 : 500).end('orders');
    });
    const gate = await front(
      sides(legacy.url, orders.url, routes, trip.replace('400ms', '1s')).replaceAll('600ms', '20s'),
    );
    for (let index = 0; index < 5; index += 1) expect((await ask(`${gate.url}/get`)).status).toBe(200);
    healthy = false;
    // Nine outcomes are less than the volume; the tenth makes half of them failures.
    for (let index = 0; index < 4; index += 1) expect((await ask(`${gate.url}/get`)).status).toBe(500);
    expect(await state(gate)).toBe(0);
    expect((await ask(`${gate.url}/get`)).status).toBe(500);
    expect(await state(gate)).toBe(2);
    expect(orders.seen).toHaveLength(10);

    expect(await ask(`${gate.url}/get`)).toMatchObject({
      status: 200,
      headers: { 'banyan-served-by': 'legacy', 'banyan-because': 'breaker-open' },
    });
    for (const answer of [
      await ask(`${gate.url}/get`, { method: 'POST', body: 'x' }),
      await ask(`${gate.url}/never`),
    ]) {
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': '5', 'banyan-because': 'breaker-open', 'banyan-served-by': 'none' },
      });
      expect(problemOf(answer).code).toBe('GW_BREAKER_OPEN');
    }
    expect(orders.seen).toHaveLength(10);

    healthy = true;
    await until(async () => (await state(gate)) === 1);
    const slow = ask(`${gate.url}/get`, { headers: { 'x-probe': 'slow' } });
    await until(() => probes.length === 1);
    // One probe is under way: nobody else is sent.
    const others = await Promise.all(Array.from({ length: 5 }, () => ask(`${gate.url}/get`)));
    expect(others.map(({ headers }) => headers['banyan-because'])).toEqual(Array(5).fill('breaker-open'));
    expect(orders.seen).toHaveLength(11);
    for (const answer of probes) answer();
    expect((await slow).status).toBe(200);
    expect(await state(gate)).toBe(0);
    expect((await ask(`${gate.url}/get`)).headers['banyan-served-by']).toBe('new');
    await settled(gate, 20);
  });

  test('whose probe fails, or is abandoned, stays open for another pause', async () => {
    const orders = await upstream((req, res) => {
      if (req.url === '/never' && req.headers['x-hang'] === undefined) res.writeHead(500).end();
    });
    const gate = await front(sides('http://127.0.0.1:1', orders.url, routes, trip).replaceAll('600ms', '20s'));
    for (let index = 0; index < 10; index += 1) await ask(`${gate.url}/never`);
    expect(await state(gate)).toBe(2);
    await until(async () => (await state(gate)) === 1);
    expect((await ask(`${gate.url}/never`)).status).toBe(500);
    expect(await state(gate)).toBe(2);
    await until(async () => (await state(gate)) === 1);
    const client = await wire(gate.port);
    client.send('GET /never HTTP/1.1\r\nHost: a\r\nX-Hang: yes\r\n\r\n');
    await until(() => orders.seen.length === 12);
    client.socket.destroy();
    await until(async () => (await state(gate)) === 2);
    await until(async () => (await state(gate)) === 1);
    await settled(gate, 12);
  });

  test('is kept over a reload that leaves its upstream alone, and begins anew with a changed one', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream((_req, res) => res.writeHead(500).end());
    const file = sides(legacy.url, orders.url, routes, trip.replace('400ms', '60s'));
    const gate = await front(file);
    for (let index = 0; index < 10; index += 1) await ask(`${gate.url}/never`);
    expect(await state(gate)).toBe(2);
    await gate.turn(file.replace('GET /get, stage: new', 'GET /get, stage: legacy'));
    expect(await state(gate)).toBe(2);
    expect((await ask(`${gate.url}/never`)).status).toBe(503);
    await gate.turn(file.replace('reset: 60s', 'reset: 59s').replace('reset: 60s', 'reset: 59s'));
    expect(await state(gate)).toBe(0);
    expect((await ask(`${gate.url}/never`)).status).toBe(500);
    await settled(gate, 12);
  });
});

test('a request in hand ends by the old table when its upstream is changed or removed', async () => {
  let finish: () => void = () => undefined;
  const orders = await upstream((_req, res) => {
    res.write('half ');
    finish = () => res.end('whole');
  });
  const legacy = await upstream(saying('legacy'));
  const gate = await front(
    sides(legacy.url, orders.url, '  get: { match: GET /get, stage: new, new: orders }\n').replaceAll('600ms', '20s'),
  );
  const answer = ask(`${gate.url}/get`);
  await until(() => orders.seen.length === 1);
  await gate.turn(`version: 1\nupstreams: { legacy: "${legacy.url}" }\ndefault: legacy\n`);
  expect((await ask(`${gate.url}/get`)).body.toString()).toBe('legacy');
  finish();
  expect(await answer).toMatchObject({ status: 200, whole: true, headers: { 'banyan-served-by': 'new' } });
  expect((await answer).body.toString()).toBe('half whole');
  // Its connections go with it.
  await until(() => orders.sockets.size === 0);
  await until(async () => (await gate.ended()) === 2);
});
