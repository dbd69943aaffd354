import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  answerTo,
  ask,
  front,
  noise,
  nobody,
  open,
  rawUpstream,
  readAnswer,
  sha256,
  until,
  upstream,
  valuesOf,
  type Front,
  type Handler,
} from './front.ts';

// Requests that the other side is asked as well: what reaches it, what becomes of both answers, and that no caller notices.

interface Made {
  readonly stage?: string;
  readonly match?: string;
  /** More keys of the route, each on a line of its own. */
  readonly more?: readonly string[];
  readonly orders?: string;
  readonly rest?: string;
}

function yaml(legacy: string, orders: string, made: Made = {}): string {
  const { stage = 'shadow', match = 'ANY /a/*', more = [], rest = '' } = made;
  return [
    'version: 1',
    `upstreams: { legacy: "${legacy}", orders: ${made.orders ?? `"${orders}"`} }`,
    'default: legacy',
    'routes:',
    `  a:`,
    `    match: ${match}`,
    '    effect: read',
    `    stage: ${stage}`,
    '    new: orders',
    ...more.map((line) => `    ${line}`),
    rest,
    '',
  ].join('\n');
}

const json =
  (body: string, headers: Record<string, string> = {}): Handler =>
  (req, res) => {
    req.resume().once('end', () => res.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body));
  };

const dropped = async (gate: Front, reason: string, route = 'a'): Promise<number> =>
  (await gate.metric(`banyan_shadow_dropped_total{route="${route}",reason="${reason}"}`)) ?? 0;
const verdicts = async (gate: Front, verdict: string, route = 'a'): Promise<number> =>
  (await gate.metric(`banyan_parity_total{route="${route}",verdict="${verdict}"}`)) ?? 0;

async function status(gate: Front): Promise<{ held: number; bytes: number; lanes: { state: string; for: string }[] }> {
  const { body } = await ask(`${gate.adminUrl}/api/status`);
  return (JSON.parse(body.toString()) as { shadows: Awaited<ReturnType<typeof status>> }).shadows;
}

/** Nothing is kept for anybody any more. */
const settled = (gate: Front): Promise<void> =>
  until(async () => {
    const { held, bytes } = await status(gate);
    return held === 0 && bytes === 0;
  });

describe('a read that is shadowed', () => {
  test('reaches the other side with its fields and its body, marked, once the caller has its answer', async () => {
    let release: () => void = () => undefined;
    const legacy = await upstream((req, res) => {
      req.resume().once('end', () => {
        res.writeHead(200, { 'content-type': 'application/json', 'x-odd': 'yes' });
        res.write('{"total":');
        release = () => res.end('1}');
      });
    });
    const orders = await upstream(json('{ "total": 1.0 }'));
    const gate = await front(yaml(legacy.url, orders.url));
    const asking = ask(`${gate.url}/a/1%2F2?q=%zz`, {
      method: 'POST',
      body: 'the question',
      headers: { authorization: 'Bearer x', 'banyan-shadow': 'mine', 'banyan-dry-run': '1', 'x-request-id': 'r-1' },
    });
    await until(() => legacy.seen.length === 1);
    // Legacy has begun to answer, and nobody else has been asked.
    expect(orders.seen).toEqual([]);
    release();
    const answer = await asking;
    expect([answer.status, answer.body.toString(), answer.headers['x-odd']]).toEqual([200, '{"total":1}', 'yes']);
    expect(answer.headers['banyan-served-by']).toBe('legacy');
    await until(async () => (await verdicts(gate, 'match')) === 1);
    const [control, copy] = [legacy.seen[0], orders.seen[0]];
    expect([copy?.method, copy?.url, copy?.sha256]).toEqual(['POST', '/a/1%2F2?q=%zz', sha256('the question')]);
    const told = (fields: readonly string[]): string[] =>
      fields
        .flatMap((name, index) => (index % 2 === 0 ? [`${name.toLowerCase()}: ${fields[index + 1]}`] : []))
        .filter((field) => !/^(?:connection|keep-alive|banyan-shadow):/.test(field))
        .toSorted();
    expect(told(copy?.rawHeaders ?? [])).toEqual(told(control?.rawHeaders ?? []));
    expect(valuesOf(copy?.rawHeaders ?? [], 'banyan-shadow')).toEqual(['1']);
    expect(copy?.headers['banyan-dry-run']).toBeUndefined();
    expect(control?.headers['banyan-shadow']).toBeUndefined();
    expect(await gate.metric('banyan_shadow_total{route="a",as="read"}')).toBe(1);
    expect(orders.seen).toHaveLength(1);
    await settled(gate);
  });

  test('goes out on the path and with the headers that its route has for new', async () => {
    const legacy = await upstream(json('{}'));
    const orders = await upstream(json('{}'));
    const gate = await front(
      yaml(legacy.url, orders.url, { match: 'GET /a/:id' }).replace(
        'new: orders',
        'new: { upstream: orders, path: /v2/:id, headers: { x-tenant: north } }',
      ),
    );
    await ask(`${gate.url}/a/7?x=1`);
    await until(() => orders.seen.length === 1);
    expect([orders.seen[0]?.url, orders.seen[0]?.headers['x-tenant']]).toEqual(['/v2/7?x=1', 'north']);
    expect(legacy.seen[0]?.headers['x-tenant']).toBeUndefined();
  });

  test('is told the Host that its upstream is to be told', async () => {
    const legacy = await upstream(json('{}'));
    const orders = await upstream(json('{}'));
    const told = `{ url: "${orders.url}", host: orders.internal }`;
    const gate = await front(yaml(legacy.url, '', { orders: told }));
    await ask(`${gate.url}/a/1`, { headers: { host: 'shop.example' } });
    await until(() => orders.seen.length === 1);
    expect([legacy.seen[0]?.headers.host, orders.seen[0]?.headers.host]).toEqual(['shop.example', 'orders.internal']);
  });

  test('is compared: declared differences are told from others, and a candidate that fails from one that answers', async () => {
    const legacy = await upstream(json('{"at":"2026-11-24T10:00Z","total":1,"word":"aa"}'));
    let answer: Handler = json('{"at":"2026-11-24T10:00:00.000Z","total":1,"word":"aa"}');
    const orders = await upstream((req, res, seen) => answer(req, res, seen));
    const rest = [
      'differences:',
      '  precise: { routes: [a], at: $.at, allow: same instant, why: minutes, owner: us, until: 2999-01-01 }',
      "  worded: { routes: [a], at: $.word, allow: 'pattern ^a+$', why: words, owner: us, until: 2999-01-01 }",
    ].join('\n');
    const gate = await front(yaml(legacy.url, orders.url, { rest }));
    const after = async (next: Handler, verdict: string): Promise<void> => {
      answer = next;
      const before = await verdicts(gate, verdict);
      await ask(`${gate.url}/a/1`);
      await until(async () => (await verdicts(gate, verdict)) === before + 1);
    };
    await after(answer, 'declared');
    await after(json('{"at":"2026-11-24T10:00Z","total":1,"word":"aa"}'), 'match');
    await after(json('{"at":"2026-11-24T10:00Z","total":2,"word":"aa"}'), 'mismatch');
    await after(json('{"at":"2026-11-24T10:00Z","total":1,"word":"a"}'), 'declared');
    await after(json('{"at":"2026-11-24T10:00Z","total":1,"word":"b"}'), 'mismatch');
    await after((_req, res) => res.writeHead(500).end(), 'error');
    await after((_req, res) => void res.socket?.destroy(), 'error');
    await after(json('{"at":'), 'error');
    await after((_req, res) => {
      const packed = gzipSync('{"total":1,"word":"aa","at":"2026-11-24T10:00Z"}');
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(packed);
    }, 'match');
    expect(await gate.metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
  });

  test('is asked of legacy when new answers, and compared from legacy to new all the same', async () => {
    const legacy = await upstream(json('{"date":1}'));
    const orders = await upstream(json('{"day":1}'));
    const rest =
      'differences:\n  renamed: { routes: [a], at: $.date, allow: renamed to $.day, why: w, owner: us, until: 2999-01-01 }';
    const gate = await front(yaml(legacy.url, orders.url, { stage: 'new', more: ['parity: { sample: 100% }'], rest }));
    expect((await ask(`${gate.url}/a/1`)).body.toString()).toBe('{"day":1}');
    await until(async () => (await verdicts(gate, 'declared')) === 1);
    expect(legacy.seen[0]?.headers['banyan-shadow']).toBe('1');
    await gate.turn(yaml(legacy.url, orders.url, { stage: 'canary 0%', more: ['parity: { sample: 100% }'], rest }));
    expect((await ask(`${gate.url}/a/1`)).body.toString()).toBe('{"date":1}');
    await until(async () => (await verdicts(gate, 'declared')) === 2);
    expect(orders.seen[1]?.headers['banyan-shadow']).toBe('1');
  });

  test('is not asked a second time where the file says so, or where it falls back', async () => {
    const legacy = await upstream(json('{}'));
    const orders = await upstream(json('{}'));
    const gate = await front(yaml(legacy.url, orders.url, { stage: 'shadow 0%' }));
    await ask(`${gate.url}/a/1`);
    await gate.turn(yaml(legacy.url, orders.url, { stage: 'canary 0%' }));
    await ask(`${gate.url}/a/1`);
    await gate.turn(yaml(legacy.url, orders.url, { stage: 'new' }));
    await ask(`${gate.url}/a/1`);
    await gate.turn(yaml(legacy.url, await nobody(), { stage: 'new', more: ['parity: { sample: 100% }'] }));
    const answer = await ask(`${gate.url}/a/1`);
    expect(answer.headers['banyan-because']).toBe('unreachable');
    expect(await dropped(gate, 'control')).toBe(1);
    expect([legacy.seen.length, orders.seen.length]).toEqual([3, 1]);
    await settled(gate);
  });

  test('of no body at all, answered without one: HEAD, 204 and 304', async () => {
    const answers: Handler = (req, res) => {
      if (req.url === '/a/204') return void res.writeHead(204).end();
      if (req.url === '/a/304') return void res.writeHead(304, { 'content-length': '5', etag: '"x"' }).end();
      res.writeHead(200, { 'content-length': '5' }).end();
    };
    const legacy = await upstream(answers);
    const orders = await upstream(answers);
    const gate = await front(yaml(legacy.url, orders.url));
    await ask(`${gate.url}/a/200`, { method: 'HEAD' });
    await ask(`${gate.url}/a/204`);
    await ask(`${gate.url}/a/304`);
    await until(async () => (await verdicts(gate, 'match')) === 3);
    expect(orders.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'HEAD /a/200',
      'GET /a/204',
      'GET /a/304',
    ]);
  });
});

test('a SOAP operation that is declared a read is shadowed; one that is not is a write', async () => {
  const envelope = (name: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x:${name} xmlns:x="urn:x"/></s:Body></s:Envelope>`;
  const legacy = await upstream();
  const orders = await upstream();
  const gate = await front(`version: 1
upstreams: { legacy: "${legacy.url}", orders: "${orders.url}" }
default: legacy
routes:
  get: { match: "SOAP /soap/X {urn:x}Get", effect: read, stage: shadow, new: orders }
  put: { match: "SOAP /soap/X {urn:x}Put", stage: shadow, new: orders }
`);
  const call = (name: string): ReturnType<typeof ask> =>
    ask(`${gate.url}/soap/X`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml', soapaction: '""' },
      body: envelope(name),
    });
  expect((await call('Get')).body.toString()).toBe('ok');
  await until(async () => (await verdicts(gate, 'match', 'get')) === 1);
  expect((await call('Put')).body.toString()).toBe('ok');
  await until(async () => (await dropped(gate, 'dry-run-unproven', 'put')) === 1);
  expect(orders.seen.map(({ method, sha256: hash }) => [method, hash])).toEqual([
    ['POST', sha256(envelope('Get'))],
    ['OPTIONS', sha256('')],
  ]);
});

test.each(['direct', 'http-proxy'])(
  'by the forwarder %s answers pass as they are, and reads are shadowed',
  async (way) => {
    const body = noise(200_000);
    const answers: Handler = (req, res) =>
      void req.resume().once('end', () => res.writeHead(200, { 'content-type': 'image/png', etag: '"x"' }).end(body));
    const legacy = await upstream(answers);
    const orders = await upstream(answers);
    const gate = await front(yaml(legacy.url, orders.url, { rest: `forwarder: ${way}` }));
    for (const method of ['GET', 'POST']) {
      const answer = await ask(`${gate.url}/a/1`, method === 'POST' ? { method, body: 'x' } : {});
      expect([answer.sha256, answer.whole, answer.headers.etag]).toEqual([sha256(body), true, '"x"']);
    }
    await until(async () => (await verdicts(gate, 'match')) === 2);
    expect(orders.seen.map(({ headers }) => headers['banyan-shadow'])).toEqual(['1', '1']);
  },
);

describe('a candidate that behaves badly', () => {
  const hang: Handler = (req) => void req.resume();
  const drip: Handler = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => res.write(' '), 20);
    res.once('close', () => clearInterval(timer));
  };
  const flood: Handler = (_req, res) => {
    const chunk = Buffer.alloc(256 * 1024, 'x');
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': String(4 * 1024 ** 3) });
    const more = (): void => {
      while (!res.destroyed && res.write(chunk));
      if (!res.destroyed) res.once('drain', more);
    };
    more();
  };

  test.each<[string, Handler, string, string]>([
    ['hangs', hang, 'error', 'budget'],
    ['drips', drip, 'error', 'budget'],
    ['answers gigabytes', flood, 'skipped', 'too-large'],
  ])('that %s: the answer is there while it still does, is what it was, and the rest ends', async (...row) => {
    const [, handler, verdict, reason] = row;
    const body = noise(300_000);
    const legacy = await upstream((_req, res) => void res.writeHead(200, { 'x-odd': '1' }).end(body));
    const orders = await upstream(handler);
    const gate = await front(
      yaml(legacy.url, orders.url, { more: ['parity: { budget: { time: 1500ms, size: 1MiB } }'] }),
    );
    const plain = await ask(`${legacy.url}/a/1`);
    const answer = await ask(`${gate.url}/a/1`);
    expect([answer.status, answer.sha256, answer.whole, answer.headers['x-odd']]).toEqual([
      200,
      plain.sha256,
      true,
      '1',
    ]);
    await until(async () => (await verdicts(gate, verdict)) === 1);
    expect(await dropped(gate, reason)).toBe(1);
    expect((await gate.metric('banyan_breaker_state{upstream="orders"}')) ?? 0).toBe(0);
    // Given up: its connection is closed.
    await until(() => orders.seen[0]?.left === true);
    await settled(gate);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['resets', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['answers garbage', (socket) => socket.once('data', () => socket.end('no HTTP at all\r\n\r\n'))],
    [
      'breaks off in the middle',
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')),
    ],
    [
      'switches protocols unasked',
      (socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')),
    ],
  ])("that %s is an error of its own, and nothing of the caller's", async (_what, behave) => {
    const legacy = await upstream(json('{"a":1}'));
    const orders = await rawUpstream(behave);
    const gate = await front(yaml(legacy.url, orders.url));
    for (let round = 1; round <= 3; round += 1) {
      expect((await ask(`${gate.url}/a/1`)).body.toString()).toBe('{"a":1}');
      await until(async () => (await verdicts(gate, 'error')) === round);
    }
    await settled(gate);
  });

  test('that is down costs nearly nothing: after a few it is given a pause, and its callers are not', async () => {
    const legacy = await upstream(json('{"a":1}'));
    const gate = await front(yaml(legacy.url, await nobody()));
    for (let round = 1; round <= 5; round += 1) {
      await ask(`${gate.url}/a/1`);
      await until(async () => (await verdicts(gate, 'error')) === round);
    }
    for (let round = 0; round < 20; round += 1) expect((await ask(`${gate.url}/a/1`)).body.toString()).toBe('{"a":1}');
    expect(await dropped(gate, 'breaker')).toBeGreaterThan(0);
    await until(async () => (await verdicts(gate, 'error')) + (await dropped(gate, 'breaker')) === 25);
    // The upstream's own breaker has heard of nothing.
    expect(await gate.metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
    await settled(gate);
  });

  test('at one of its addresses is asked at the others', async () => {
    const legacy = await upstream(json('{"a":1}'));
    const orders = await upstream(json('{"a":1}'));
    const urls = `{ url: ["${await nobody()}", "${orders.url}"] }`;
    const gate = await front(yaml(legacy.url, '', { orders: urls }));
    for (let round = 1; round <= 30; round += 1) {
      await ask(`${gate.url}/a/1`);
      await until(async () => (await verdicts(gate, 'match')) + (await verdicts(gate, 'error')) === round);
    }
    // Five failures, then a pause, at the end of which there may have been one more.
    expect(await verdicts(gate, 'match')).toBeGreaterThanOrEqual(20);
    expect(await dropped(gate, 'breaker')).toBe(0);
  });

  test('that comes back is asked again when its pause is over', async () => {
    const legacy = await upstream(json('{"a":1}'));
    let well = false;
    const orders = await upstream((req, res, seen) => (well ? json('{"a":1}')(req, res, seen) : void res.destroy()));
    const gate = await front(yaml(legacy.url, orders.url));
    await until(async () => {
      await ask(`${gate.url}/a/1`);
      return (await dropped(gate, 'breaker')) > 0;
    });
    expect((await status(gate)).lanes.map((lane) => lane.state)).toContain('paused');
    well = true;
    await until(async () => {
      await ask(`${gate.url}/a/1`);
      return (await verdicts(gate, 'match')) > 0;
    });
    await until(async () => (await status(gate)).lanes.every((lane) => lane.state === 'open'));
  });
});

describe('what does not fit', () => {
  test('a body that streams is not sent a second time, and one of 64 KiB is', async () => {
    const legacy = await upstream();
    const orders = await upstream();
    const gate = await front(yaml(legacy.url, orders.url));
    const whole = noise(64 * 1024);
    await ask(`${gate.url}/a/whole`, { method: 'POST', body: whole });
    await ask(`${gate.url}/a/large`, { method: 'POST', body: noise(64 * 1024 + 1) });
    await ask(`${gate.url}/a/chunked`, { method: 'POST', body: 'x', chunked: true });
    await until(async () => (await verdicts(gate, 'match')) === 1);
    expect(orders.seen.map(({ url, sha256: hash }) => [url, hash])).toEqual([['/a/whole', sha256(whole)]]);
    expect(legacy.seen).toHaveLength(3);
    expect(await dropped(gate, 'body-streamed')).toBe(2);
  });

  test("an answer beyond the route's budget: the other side is spared, and the caller has it whole", async () => {
    const legacy = await upstream((req, res) => void res.end(noise(req.url === '/a/fits' ? 4_096 : 4_097)));
    const orders = await upstream((_req, res) => void res.end(noise(4_096)));
    const gate = await front(yaml(legacy.url, orders.url, { more: ['parity: { budget: { size: 4KiB } }'] }));
    const large = await ask(`${gate.url}/a/large`);
    expect([large.sha256, large.whole]).toEqual([sha256(noise(4_097)), true]);
    await ask(`${gate.url}/a/fits`);
    await until(async () => (await verdicts(gate, 'match')) === 1);
    expect(orders.seen.map(({ url }) => url)).toEqual(['/a/fits']);
    expect(await dropped(gate, 'too-large')).toBe(1);
    await settled(gate);
  });

  test('more than may wait is dropped at once, and counted', async () => {
    const legacy = await upstream(json('{}'));
    const orders = await upstream((req) => void req.resume());
    const gate = await front(yaml(legacy.url, orders.url, { more: ['parity: { budget: { time: 1m } }'] }));
    // Eight are under way, 256 wait, and the rest has no place.
    const all = Array.from({ length: 300 }, () => ask(`${gate.url}/a/1`));
    for (const answer of await Promise.all(all)) expect(answer.status).toBe(200);
    await until(async () => (await dropped(gate, 'queue-full')) >= 300 - 8 - 256);
    expect(orders.seen.length).toBeLessThanOrEqual(8);
    expect((await status(gate)).held).toBeLessThanOrEqual(8 + 256);
    await gate.close();
  });

  test('a caller who leaves is nobody to compare with', async () => {
    const legacy = await upstream((_req, res) => void res.writeHead(200).write('half'));
    const orders = await upstream();
    const gate = await front(yaml(legacy.url, orders.url));
    const outgoing = open(`${gate.url}/a/1`);
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await once(incoming, 'data');
    outgoing.destroy();
    await until(async () => (await dropped(gate, 'abandoned')) === 1);
    expect(orders.seen).toEqual([]);
    await settled(gate);
  });

  test('neither is an answer that was cut', async () => {
    const legacy = await upstream((_req, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('half', () => res.destroy());
    });
    const orders = await upstream();
    const gate = await front(yaml(legacy.url, orders.url));
    expect((await ask(`${gate.url}/a/1`)).whole).toBe(false);
    await until(async () => (await dropped(gate, 'control')) === 1);
    expect(orders.seen).toEqual([]);
  });
});

test('a facade that drains ends its shadows at once, and its callers as they come', async () => {
  let answer: () => void = () => undefined;
  const legacy = await upstream((req, res) => {
    if (req.url === '/a/slow') answer = () => res.end('late, and whole');
    else res.end('ok');
  });
  const orders = await upstream((req) => void req.resume());
  const gate = await front(yaml(legacy.url, orders.url));
  await ask(`${gate.url}/a/1`);
  await until(() => orders.seen.length === 1);
  const outgoing = open(`${gate.url}/a/slow`);
  outgoing.end();
  const slow = answerTo(outgoing);
  await until(() => legacy.seen.length === 2);
  const closing = gate.close();
  await until(() => orders.sockets.size === 0);
  expect(orders.seen[0]?.left).toBe(true);
  answer();
  const late = await slow;
  expect([late.body.toString(), late.whole]).toEqual(['late, and whole', true]);
  await closing;
  // Its answer came while the facade drained: nobody was asked about it.
  expect(orders.seen).toHaveLength(1);
});

test('an upgrade is never shadowed', async () => {
  const legacy = await upstream();
  legacy.server.on(
    'upgrade',
    (_req, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'),
  );
  const orders = await upstream();
  const gate = await front(yaml(legacy.url, orders.url));
  const outgoing = open(`${gate.url}/a/1`, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect((await readAnswer(incoming)).status).toBe(400);
  await ask(`${gate.url}/a/2`);
  await until(() => orders.seen.length === 1);
  expect(orders.seen.map(({ url }) => url)).toEqual(['/a/2']);
});
