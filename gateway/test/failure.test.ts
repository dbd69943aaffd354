import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  noise,
  nobody,
  open,
  rawUpstream,
  saying,
  sha256,
  until,
  upstream,
  wire,
  type Answer,
  type Front,
} from './front.ts';

// What a caller is told when an upstream fails, with every kind of body in hand, and what is sent again, or never.

interface Plan {
  readonly legacy: string;
  readonly orders?: string;
  /** Keys of the upstreams, as `timeout: { headers: 300ms }`. */
  readonly settings?: string;
  readonly routes?: readonly string[];
}

function yaml({ legacy, orders, settings = '', routes = [] }: Plan): string {
  const one = (name: string, url: string): string => `  ${name}: { url: "${url}"${settings && `, ${settings}`} }`;
  return [
    'version: 1',
    'upstreams:',
    one('legacy', legacy),
    ...(orders === undefined ? [] : [one('orders', orders)]),
    'default: legacy',
    ...(routes.length === 0 ? [] : ['routes:', ...routes.map((route) => `  ${route}`)]),
    '',
  ].join('\n');
}

const QUICK = 'timeout: { connect: 1s, headers: 300ms, body: 300ms }';
const READ = 'read: { match: "GET /a", stage: new, new: orders }';
const WRITE = 'write: { match: "POST /a", stage: new, new: orders }';

/** Each request that was sent has been counted, once, and no upstream holds any. */
async function settled(gate: Front, sent: number): Promise<void> {
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  for (const name of ['legacy', 'orders'])
    if ((await gate.metric(`banyan_upstream_outstanding{upstream="${name}"}`)) !== null)
      await until(async () => (await gate.outstanding(name)) === 0);
}

function problem(answer: Answer): { status: number; code: string; servedBy: string } {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  const { status, code } = JSON.parse(answer.body.toString()) as { status: number; code: string };
  expect(status).toBe(answer.status);
  return { status, code, servedBy: String(answer.headers['banyan-served-by']) };
}

/** Requests of each kind of body: none, collected, streamed with a length, streamed in chunks. */
const ASKED = [
  ['GET', undefined, false],
  ['POST', noise(100), false],
  ['POST', noise(200_000), false],
  ['POST', noise(100), true],
] as const;

type Saying = (socket: Socket) => void;
const onceAsked =
  (then: (socket: Socket) => void): Saying =>
  (socket) =>
    void socket.once('data', () => then(socket));

/** How an upstream can fail before an answer, and what the caller is told. */
const FAILURES: readonly (readonly [string, Saying, number, string])[] = [
  ['never answers', (socket) => void socket.resume(), 504, 'GW_UPSTREAM_TIMEOUT'],
  [
    'sends half a head and falls silent',
    onceAsked((socket) => socket.write('HTTP/1.1 200 OK\r\nX-')),
    504,
    'GW_UPSTREAM_TIMEOUT',
  ],
  ['closes without an answer', onceAsked((socket) => socket.resume().end()), 502, 'GW_UPSTREAM_'],
  ['resets the connection', onceAsked((socket) => socket.resetAndDestroy()), 502, 'GW_UPSTREAM_'],
  [
    'closes in the middle of its head',
    onceAsked((socket) => socket.resume().end('HTTP/1.1 200 OK\r\nX-')),
    502,
    'GW_UPSTREAM_',
  ],
  [
    'speaks another protocol',
    onceAsked((socket) => socket.resume().write('SSH-2.0-OpenSSH_9.6\r\n')),
    502,
    'GW_UPSTREAM_BROKEN',
  ],
  [
    'has a head of 100 KB',
    onceAsked((socket) => socket.resume().write(`HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`)),
    502,
    'GW_UPSTREAM_BROKEN',
  ],
];

describe('an upstream that', () => {
  test.each(ASKED)('nobody listens for is a 502 (%s)', async (method, body, chunked) => {
    const gate = await front(yaml({ legacy: await nobody() }));
    const answer = await ask(`${gate.url}/a`, { method, body, chunked });
    expect(problem(answer)).toEqual({ status: 502, code: 'GW_UPSTREAM_UNREACHABLE', servedBy: 'none' });
    expect(answer.body.toString()).not.toMatch(/ECONN|127\.0\.0\.1/); // Where things are is not the caller's business.
    await settled(gate, 1);
  });

  describe.each(FAILURES)('%s', (_name, talk, status, code) => {
    test.each(ASKED)(`is a ${status} (%s)`, async (method, body, chunked) => {
      const legacy = await rawUpstream(talk);
      const gate = await front(yaml({ legacy: legacy.url, settings: QUICK }));
      const answer = await ask(`${gate.url}/a`, { method, body, chunked });
      expect(problem(answer)).toMatchObject({ status, code: expect.stringContaining(code), servedBy: 'none' });
      expect(legacy.count()).toBe(1);
      await settled(gate, 1);
      expect(await gate.ended(`status="${status}"`)).toBe(1);
      // Nothing that could still answer is left open.
      await until(() => legacy.sockets.size === 0);
    });
  });

  test('fails is told of to HEAD without a body', async () => {
    const gate = await front(yaml({ legacy: await nobody() }));
    const client = await wire(gate.port);
    client.send('HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const text = await client.closed;
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(text).toMatch(/\r\n\r\n$/);
    await settled(gate, 1);
  });
});

describe('an answer that breaks off', () => {
  const cuts: readonly (readonly [string, string, (socket: Socket) => void])[] = [
    ['with a length, closed', 'Content-Length: 100\r\n\r\n0123456789', (socket) => socket.end()],
    ['with a length, reset', 'Content-Length: 100\r\n\r\n0123456789', (socket) => socket.resetAndDestroy()],
    [
      'in chunks on a connection that was to be closed, closed early',
      'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n',
      (socket) => socket.end(),
    ],
    [
      'with a length on a connection that was to be closed, reset',
      'Connection: close\r\nContent-Length: 100\r\n\r\n0123456789',
      (socket) => socket.resetAndDestroy(),
    ],
    ['with a length, silent', 'Content-Length: 100\r\n\r\n0123456789', () => undefined],
    [
      'in chunks, closed between two',
      'Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n',
      (socket) => socket.end(),
    ],
    ['in chunks, closed within one', 'Transfer-Encoding: chunked\r\n\r\nff\r\n0123456789', (socket) => socket.end()],
    ['in chunks, silent', 'Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n', () => undefined],
    [
      'in chunks, garbage for the next',
      'Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n',
      (socket) => socket.write('zz!\r\n'),
    ],
  ];
  test.each(cuts)('%s looks cut to the caller', async (_name, head, cut) => {
    let cutNow: () => void = () => undefined;
    const legacy = await rawUpstream((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}`);
        cutNow = () => cut(socket);
      });
    });
    const gate = await front(yaml({ legacy: legacy.url, settings: QUICK }));
    const incoming = await new Promise<IncomingMessage>((resolve) =>
      open(`${gate.url}/a`).once('response', resolve).end(),
    );
    let text = '';
    incoming.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    incoming.on('error', () => undefined);
    await until(() => text === '0123456789');
    cutNow();
    await once(incoming, 'close').catch(() => undefined);
    await until(() => incoming.destroyed);
    expect(incoming.complete).toBe(false);
    await settled(gate, 1);
    expect(await gate.ended('status="200"')).toBe(1);
    await until(() => legacy.sockets.size === 0);
  });

  test('no: without framing it ends with its connection', async () => {
    const legacy = await rawUpstream(onceAsked((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n0123456789')));
    const gate = await front(yaml({ legacy: legacy.url }));
    const answer = await ask(`${gate.url}/a`);
    expect({ status: answer.status, body: answer.body.toString(), whole: answer.whole }).toEqual({
      status: 200,
      body: '0123456789',
      whole: true,
    });
    await settled(gate, 1);
  });
});

describe('a write', () => {
  test('is never sent twice, whatever its upstream did with it', async () => {
    let requests = 0;
    const orders = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (!chunk.toString('latin1').startsWith('POST ')) return;
        requests += 1;
        // The first is answered and its connection kept; the second finds that it closes.
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.end();
      });
    });
    const legacy = await upstream();
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url, routes: [WRITE] }));
    const options = { method: 'POST', body: 'hello' };
    expect((await ask(`${gate.url}/a`, options)).status).toBe(200);
    expect((await ask(`${gate.url}/a`, options)).status).toBe(502);
    expect({ requests, connections: orders.count() }).toEqual({ requests: 2, connections: 1 });
    expect(legacy.seen).toEqual([]);
    await settled(gate, 2);
  });
});

describe('a read at new', () => {
  test.each([
    ['is down', async () => nobody()],
    ['does not answer', async () => (await rawUpstream(() => undefined)).url],
    ['closes the connection', async () => (await rawUpstream(onceAsked((socket) => socket.end()))).url],
    ['speaks another protocol', async () => (await rawUpstream(onceAsked((socket) => socket.write('hello\r\n')))).url],
  ] as const)('that %s is answered by legacy', async (_name, orders) => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(yaml({ legacy: legacy.url, orders: await orders(), settings: QUICK, routes: [READ] }));
    const answer = await ask(`${gate.url}/a?b`);
    expect({ status: answer.status, body: answer.body.toString(), ...answer.headers }).toMatchObject({
      status: 200,
      body: 'legacy',
      'banyan-served-by': 'legacy',
      'banyan-route': 'read',
      'banyan-because': 'unreachable',
    });
    expect(legacy.seen).toMatchObject([{ method: 'GET', url: '/a?b' }]);
    expect(await gate.metric('banyan_fallback_total{route="read",because="unreachable"}')).toBe(1);
    await settled(gate, 1);
  });

  test('that is a POST takes its small body along, and a streamed one cannot be sent again', async () => {
    const legacy = await upstream(saying('legacy'));
    const routes = ['search: { match: "POST /a", effect: read, stage: new, new: orders }'];
    const gate = await front(yaml({ legacy: legacy.url, orders: await nobody(), routes }));
    const small = await ask(`${gate.url}/a`, { method: 'POST', body: 'hello' });
    expect([small.status, small.headers['banyan-because']]).toEqual([200, 'unreachable']);
    expect(legacy.seen).toMatchObject([{ bytes: 5, sha256: sha256('hello') }]);
    const long = await ask(`${gate.url}/a`, { method: 'POST', body: noise(200_000) });
    expect(problem(long)).toMatchObject({ status: 502 });
    expect(legacy.seen).toHaveLength(1);
    await settled(gate, 2);
  });

  test.each([
    ['of a write', 'one: { match: "POST /a", stage: new, new: orders }', 'POST'],
    ['of what is declared a write', 'one: { match: "GET /a", effect: write, stage: new, new: orders }', 'GET'],
    ['with fallback: never', 'one: { match: "GET /a", fallback: never, stage: new, new: orders }', 'GET'],
    ['once it is retired', 'one: { match: "GET /a", stage: retired, new: orders }', 'GET'],
  ])('is not answered by legacy %s', async (_name, route, method) => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(yaml({ legacy: legacy.url, orders: await nobody(), routes: [route] }));
    const answer = await ask(`${gate.url}/a`, { method });
    expect(problem(answer)).toEqual({ status: 502, code: 'GW_UPSTREAM_UNREACHABLE', servedBy: 'none' });
    expect(answer.headers['banyan-because']).toBe('stage');
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('that answers with an error keeps its answer', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await upstream((_req, res) => res.writeHead(500).end('mine'));
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url, routes: [READ] }));
    const answer = await ask(`${gate.url}/a`);
    expect([answer.status, answer.body.toString(), answer.headers['banyan-served-by']]).toEqual([500, 'mine', 'new']);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('that breaks off is cut, not continued by another', async () => {
    const legacy = await upstream(saying('legacy'));
    const orders = await rawUpstream(
      onceAsked((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    );
    const gate = await front(yaml({ legacy: legacy.url, orders: orders.url, routes: [READ] }));
    const answer = await ask(`${gate.url}/a`);
    expect([answer.status, answer.body.toString(), answer.whole]).toEqual([200, 'half', false]);
    expect(legacy.seen).toEqual([]);
    await settled(gate, 1);
  });

  test('is refused once when legacy is down as well', async () => {
    const gate = await front(yaml({ legacy: await nobody(), orders: await nobody(), routes: [READ] }));
    expect(problem(await ask(`${gate.url}/a`))).toMatchObject({ status: 502, servedBy: 'none' });
    await settled(gate, 1);
  });
});

test('an upstream whose connections are busy answers those who wait, in their turn', async () => {
  const held: ServerResponse[] = [];
  const legacy = await upstream((_req, res) => void held.push(res));
  const gate = await front(yaml({ legacy: legacy.url, settings: 'connections: 2' }));
  const all = Array.from({ length: 5 }, () => ask(`${gate.url}/a`));
  await until(async () => held.length === 2 && (await gate.outstanding()) === 5);
  for (let answered = 0; answered < 5; answered += 1) {
    await until(() => held.length > 0);
    held.shift()?.end('ok');
  }
  expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(legacy.sockets.size).toBe(2);
  await settled(gate, 5);
});
