import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  noise,
  nobody,
  rawUpstream,
  sha256,
  until,
  upstream,
  valuesOf,
  type Front,
  type Handler,
  type Upstream,
} from './front.ts';

// Writes are sent to the other side only as dry runs, and only once it has proved on that connection that it will do nothing.

const yaml = (legacy: string, orders: string, more = ''): string =>
  `version: 1
upstreams: { legacy: "${legacy}", orders: "${orders}" }
default: legacy
routes:
  book: { match: POST /orders/:id/book, stage: shadow, new: { upstream: orders, path: /v2/:id/book }${more} }
  pay: { match: POST /orders/:id/pay, stage: shadow, new: orders }
`;

/** Does what it is asked, and keeps a book of it. */
interface Ledger extends Upstream {
  /** Writes that were carried out. */
  readonly done: string[];
  /** Writes that were tried for the sake of their answer. */
  readonly tried: string[];
}

async function ledger(how: (req: Parameters<Handler>[0]) => 'honours' | 'ignores' | 'lies'): Promise<Ledger> {
  const done: string[] = [];
  const tried: string[] = [];
  const server = await upstream((req, res) => {
    const dry = req.headers['banyan-dry-run'] === '1' && how(req) !== 'ignores';
    const echo = { 'content-type': 'application/json', ...(dry ? { 'banyan-dry-run': '1' } : {}) };
    req.resume().once('end', () => {
      if (req.method === 'OPTIONS') return void res.writeHead(204, echo).end();
      if (dry && how(req) === 'honours') {
        tried.push(req.url ?? '');
        return void res.writeHead(201, echo).end('{"ok":true}');
      }
      done.push(req.url ?? '');
      res.writeHead(201, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
  });
  return { ...server, done, tried };
}

const legacyLedger = (): Promise<Ledger> => ledger(() => 'ignores');

const dropped = async (gate: Front, reason: string, route = 'book'): Promise<number> =>
  (await gate.metric(`banyan_shadow_dropped_total{route="${route}",reason="${reason}"}`)) ?? 0;
const matched = async (gate: Front, route = 'book'): Promise<number> =>
  (await gate.metric(`banyan_parity_total{route="${route}",verdict="match"}`)) ?? 0;
const turned = async (gate: Front, outcome: string, route = 'book'): Promise<number> =>
  (await gate.metric(`banyan_shadow_dry_run_total{route="${route}",outcome="${outcome}"}`)) ?? 0;

async function dryRuns(gate: Front): Promise<readonly { route: string; state: string; because: string | null }[]> {
  const { body } = await ask(`${gate.adminUrl}/api/status`);
  return (JSON.parse(body.toString()) as { shadows: { dryRuns: Awaited<ReturnType<typeof dryRuns>> } }).shadows.dryRuns;
}

const post = (gate: Front, path: string, body: Buffer | string = '{"seats":1}'): ReturnType<typeof ask> =>
  ask(`${gate.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: 'Bearer x', origin: 'https://shop.example' },
  });

describe('a candidate that honours dry runs', () => {
  test('is asked first, in a way that harms nobody who ignores it, and then sent the write to try', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger(() => 'honours');
    const gate = await front(yaml(legacy.url, orders.url));
    const answer = await post(gate, '/orders/7/book?x=1');
    expect([answer.status, answer.headers['banyan-served-by'], answer.headers['banyan-dry-run']]).toEqual([
      201,
      'legacy',
      undefined,
    ]);
    await until(async () => (await matched(gate)) === 1);
    expect(orders.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'OPTIONS /v2/7/book?x=1',
      'POST /v2/7/book?x=1',
    ]);
    const [question, write] = orders.seen;
    for (const one of [question, write]) {
      expect(valuesOf(one?.rawHeaders ?? [], 'banyan-dry-run')).toEqual(['1']);
      expect(valuesOf(one?.rawHeaders ?? [], 'banyan-shadow')).toEqual(['1']);
      expect(one?.headers.authorization).toBe('Bearer x');
    }
    // No body, and nothing that would have a CORS layer answer in its place.
    expect([question?.bytes, question?.headers['content-length'], question?.headers.origin]).toEqual([
      0,
      undefined,
      undefined,
    ]);
    expect([write?.sha256, write?.headers.origin]).toEqual([sha256('{"seats":1}'), 'https://shop.example']);
    expect([legacy.done, orders.tried, orders.done]).toEqual([['/orders/7/book?x=1'], ['/v2/7/book?x=1'], []]);
    expect(legacy.seen[0]?.headers['banyan-dry-run']).toBeUndefined();
    expect(await gate.metric('banyan_shadow_total{route="book",as="dry-run"}')).toBe(1);
    expect(await dryRuns(gate)).toEqual([{ route: 'book', state: 'proven', because: null }]);
  });

  test('is asked once for each route and connection, and again on every new connection', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger(() => 'honours');
    const gate = await front(yaml(legacy.url, orders.url));
    for (let round = 1; round <= 3; round += 1) {
      await post(gate, `/orders/${round}/book`);
      await until(async () => (await matched(gate)) === round);
    }
    await post(gate, '/orders/1/pay');
    await until(async () => (await matched(gate, 'pay')) === 1);
    const methods = (): string => orders.seen.map(({ method }) => method.charAt(0)).join('');
    expect(methods()).toBe('OPPPOP');
    for (const socket of orders.sockets) socket.destroy();
    await until(() => orders.sockets.size === 0);
    await post(gate, '/orders/4/book');
    await until(async () => (await matched(gate)) === 4);
    expect(methods()).toBe('OPPPOPOP');
    expect(orders.done).toEqual([]);
  });

  test('is sent no write whose body streams', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger(() => 'honours');
    const gate = await front(yaml(legacy.url, orders.url));
    await post(gate, '/orders/7/book', noise(64 * 1024 + 1));
    expect(await dropped(gate, 'body-streamed')).toBe(1);
    expect(orders.seen).toEqual([]);
  });

  test('is not asked what both sides must not do at once', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger(() => 'honours');
    const gate = await front(yaml(legacy.url, orders.url, ', exclusive: true'));
    await post(gate, '/orders/7/book');
    await post(gate, '/orders/7/pay');
    await until(async () => (await matched(gate, 'pay')) === 1);
    expect(orders.seen.map(({ url }) => url)).toEqual(['/orders/7/pay', '/orders/7/pay']);
  });
});

describe('a candidate that', () => {
  test('knows nothing of dry runs gets no write, and is not asked before each', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger(() => 'ignores');
    const gate = await front(yaml(legacy.url, orders.url));
    for (let round = 1; round <= 3; round += 1) {
      expect((await post(gate, `/orders/${round}/book`)).status).toBe(201);
      await until(async () => (await dropped(gate, 'dry-run-unproven')) === round);
    }
    expect(orders.seen.map(({ method }) => method)).toEqual(['OPTIONS']);
    expect([orders.done, legacy.done.length, await turned(gate, 'unproven')]).toEqual([[], 3, 1]);
    expect(await dryRuns(gate)).toEqual([
      { route: 'book', state: 'unproven', because: expect.stringContaining('does not say banyan-dry-run: 1') },
    ]);
  });

  test.each<[string, number, Record<string, string | string[]>]>([
    ['refuses OPTIONS', 405, { 'banyan-dry-run': '1' }],
    ['sends elsewhere', 308, { 'banyan-dry-run': '1', location: '/elsewhere' }],
    ['says 0', 204, { 'banyan-dry-run': '0' }],
    ['says true', 204, { 'banyan-dry-run': 'true' }],
    ['says two things', 204, { 'banyan-dry-run': ['1', '0'] }],
  ])('%s to the question gets no write', async (_what, status, fields) => {
    const legacy = await legacyLedger();
    const orders = await upstream((_req, res) => void res.writeHead(status, fields).end());
    const gate = await front(yaml(legacy.url, orders.url));
    await post(gate, '/orders/7/book');
    await until(async () => (await dropped(gate, 'dry-run-unproven')) === 1);
    expect(orders.seen.map(({ method }) => method)).toEqual(['OPTIONS']);
  });

  test('says that it honours them and does not is found out by its first answer, and gets no more until the file changes', async () => {
    const legacy = await legacyLedger();
    const orders = await ledger((req) => (req.url?.endsWith('/book') ? 'lies' : 'honours'));
    const gate = await front(yaml(legacy.url, orders.url));
    expect((await post(gate, '/orders/1/book')).status).toBe(201);
    await until(async () => (await dropped(gate, 'dry-run-stopped')) === 1);
    for (let round = 2; round <= 4; round += 1) await post(gate, `/orders/${round}/book`);
    expect(await dropped(gate, 'dry-run-stopped')).toBe(4);
    expect(orders.done).toEqual(['/v2/1/book']);
    expect([await turned(gate, 'stopped'), await matched(gate)]).toEqual([1, 0]);
    expect(await dryRuns(gate)).toEqual([
      { route: 'book', state: 'stopped', because: expect.stringContaining('answered 201 to a dry run without') },
    ]);
    // Another route of the same side is another matter.
    await post(gate, '/orders/1/pay');
    await until(async () => (await matched(gate, 'pay')) === 1);
    await gate.turn(`${yaml(legacy.url, orders.url)}# changed\n`);
    await post(gate, '/orders/5/book');
    await until(async () => orders.done.length === 2);
    expect(orders.done).toEqual(['/v2/1/book', '/v2/5/book']);
  });

  test('is found out by the head of its answer, though the rest never comes', async () => {
    const legacy = await legacyLedger();
    const orders = await upstream((req, res) => {
      if (req.method === 'OPTIONS') res.writeHead(204, { 'banyan-dry-run': '1' }).end();
      else res.writeHead(200).write('and then nothing');
    });
    const gate = await front(yaml(legacy.url, orders.url, ', parity: { budget: { time: 1500ms } }'));
    await post(gate, '/orders/7/book');
    await until(async () => (await turned(gate, 'stopped')) === 1);
    await until(async () => (await dropped(gate, 'dry-run-stopped')) === 1);
    expect((await dryRuns(gate)).map(({ state }) => state)).toEqual(['stopped']);
  });

  test('is replaced between the question and the write gets no write', async () => {
    const legacy = await legacyLedger();
    const connections: string[] = [];
    // Answers the question, and closes: whoever answers the next connection is somebody else.
    const orders = await rawUpstream((socket) => {
      const at = connections.push('') - 1;
      socket.on('data', (chunk: Buffer) => {
        connections[at] += chunk.toString('latin1').charAt(0);
        socket.end('HTTP/1.1 204 No Content\r\nbanyan-dry-run: 1\r\nconnection: close\r\n\r\n');
      });
    });
    const gate = await front(yaml(legacy.url, orders.url));
    await post(gate, '/orders/7/book');
    await until(async () => (await dropped(gate, 'dry-run-unproven')) === 1);
    expect(connections.join('')).toMatch(/^O+$/);
  });

  test.each([
    ['hangs at the question', 'OPTIONS'],
    ['hangs at the write', 'POST'],
  ])('%s keeps no caller waiting, and is given a pause', async (_what, method) => {
    const legacy = await legacyLedger();
    const orders = await upstream((req, res) => {
      if (req.method !== method) res.writeHead(204, { 'banyan-dry-run': '1' }).end();
    });
    const gate = await front(yaml(legacy.url, orders.url, ', parity: { budget: { time: 200ms } }'));
    await until(async () => {
      expect((await post(gate, '/orders/7/book')).status).toBe(201);
      return (await dropped(gate, 'breaker')) > 0;
    });
    expect(await gate.metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
  });

  test('is down costs a few attempts, and no caller anything', async () => {
    const legacy = await legacyLedger();
    const gate = await front(yaml(legacy.url, await nobody()));
    await until(async () => {
      expect((await post(gate, '/orders/7/book')).status).toBe(201);
      return (await dropped(gate, 'breaker')) > 0;
    });
    expect(await dropped(gate, 'dry-run-unproven')).toBeGreaterThan(0);
  });
});

test('a write whose answer the caller never had is tried for nothing, and compared with nothing', async () => {
  const legacy = await upstream((req) => {
    req.socket.destroy();
  });
  const orders = await ledger(() => 'honours');
  const gate = await front(yaml(legacy.url, orders.url));
  expect((await post(gate, '/orders/7/book')).status).toBe(502);
  await until(async () => (await dropped(gate, 'control')) === 1);
  expect([await matched(gate), orders.done]).toEqual([0, []]);
});
