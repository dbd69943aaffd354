import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  noise,
  nobody,
  open,
  rawUpstream,
  readAnswer,
  say,
  saying,
  until,
  upstream,
  wire,
  type Answer,
  type Front,
} from './front.ts';

// What is sent again, what is not, and for how long: reads on connections that were closed under them, fallbacks within legacy's
// budget, and the time that a request may take in all.

const problem = (answer: Answer): Record<string, unknown> =>
  JSON.parse(answer.body.toString()) as Record<string, unknown>;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers the first request of each connection and ends it, in the way given, at the second. */
async function forgetful(how: 'closes' | 'resets'): Promise<{ requests: string[]; count: () => number; url: string }> {
  const requests: string[] = [];
  const made = await rawUpstream((socket: Socket) => {
    let count = 0;
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (!/^[A-Z]+ \//.test(text)) return;
      requests.push(text.slice(0, text.indexOf(' ')));
      count += 1;
      if (count === 1) socket.write(OK);
      else if (how === 'closes') socket.end();
      else socket.resetAndDestroy();
    });
  });
  return Object.assign(made, { requests });
}

const again = (gate: Front): Promise<number | null> =>
  gate.metric('banyan_upstream_again_total{upstream="legacy",how="fresh"}');

describe('a kept connection that ends under a request', () => {
  const yaml = (url: string): string =>
    `version: 1\nupstreams: { legacy: "${url}" }\ndefault: legacy\nroutes:\n  search: { match: POST /search, effect: read, stage: legacy }\n  touch: { match: GET /touch, effect: write, stage: legacy }\n`;

  test.each([
    ['GET', '/a', undefined, 'closes'],
    ['GET', '/a', undefined, 'resets'],
    ['OPTIONS', '/a', undefined, 'resets'],
    ['TRACE', '/a', undefined, 'closes'],
    ['POST', '/search', 'small', 'resets'],
  ] as const)('is no error to a %s %s, which is sent once more on a fresh one', async (method, path, body, how) => {
    const legacy = await forgetful(how);
    const gate = await front(yaml(legacy.url));
    expect((await ask(`${gate.url}/a`)).status).toBe(200);
    const answer = await ask(`${gate.url}${path}`, { method, body });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    expect(legacy.requests).toEqual(['GET', method, method]);
    expect([legacy.count(), await again(gate)]).toEqual([2, 1]);
    expect([await gate.ended('status="200"'), await gate.outstanding()]).toEqual([2, 0]);
  });

  test.each([
    ['POST', '/a', 'small', 'closes'],
    ['POST', '/a', 'small', 'resets'],
    ['DELETE', '/a', undefined, 'resets'],
    ['GET', '/touch', undefined, 'closes'],
  ] as const)('is an error that tells a %s %s that it may have been carried out', async (method, path, body, how) => {
    const legacy = await forgetful(how);
    const gate = await front(yaml(legacy.url));
    expect((await ask(`${gate.url}/a`)).status).toBe(200);
    const answer = await ask(`${gate.url}${path}`, { method, body });
    expect(problem(answer)).toMatchObject({
      status: 502,
      code: 'GW_UPSTREAM_BROKEN',
      carriedOut: 'maybe',
      detail: 'Upstream legacy closed the connection before it answered. It may have been carried out.',
    });
    expect(legacy.requests).toEqual(['GET', method]);
    expect([legacy.count(), await again(gate)]).toEqual([1, 0]);
  });

  test('is an error to a read whose body is gone', async () => {
    const legacy = await forgetful('closes');
    const gate = await front(yaml(legacy.url));
    expect((await ask(`${gate.url}/a`)).status).toBe(200);
    const answer = await ask(`${gate.url}/search`, { method: 'POST', body: noise(1_000), chunked: true });
    expect(problem(answer)).toMatchObject({ code: 'GW_UPSTREAM_BROKEN', carriedOut: 'maybe' });
    expect(legacy.requests).toEqual(['GET', 'POST']);
  });

  test('is an error to a read when the fresh one ends as well: there is no third', async () => {
    let requests = 0;
    const legacy = await rawUpstream((socket) => {
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write(OK);
        else socket.resetAndDestroy();
      });
    });
    const gate = await front(yaml(legacy.url));
    expect((await ask(`${gate.url}/a`)).status).toBe(200);
    expect(problem(await ask(`${gate.url}/a`))).toMatchObject({ code: 'GW_UPSTREAM_BROKEN', carriedOut: 'maybe' });
    expect([requests, legacy.count()]).toEqual([3, 2]);
  });

  test('is an error to a read once a byte of the answer has come', async () => {
    let requests = 0;
    const legacy = await rawUpstream((socket) => {
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write(OK);
        else socket.end('H');
      });
    });
    const gate = await front(yaml(legacy.url));
    expect((await ask(`${gate.url}/a`)).status).toBe(200);
    expect(problem(await ask(`${gate.url}/a`))).toMatchObject({ status: 502, carriedOut: 'maybe' });
    expect(requests).toBe(2);
  });

  test.each(['closes', 'resets'] as const)('(%s) before a write was sent is no error to the write', async (how) => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url));
    for (let count = 0; count < 20; count += 1) {
      expect((await ask(`${gate.url}/a`)).status).toBe(200);
      // On its way to the facade before the write is.
      for (const socket of legacy.sockets) {
        if (how === 'closes') socket.end();
        else socket.resetAndDestroy();
      }
      expect((await ask(`${gate.url}/b`, { method: 'POST', body: 'a' })).status).toBe(200);
    }
    expect(legacy.seen.filter(({ method }) => method === 'POST').length).toBe(20);
  });

  test('is told of in the fault of a SOAP call', async () => {
    const legacy = await rawUpstream((socket) => socket.once('data', () => socket.end()));
    const gate = await front(
      `version: 1\nupstreams: { legacy: "${legacy.url}" }\ndefault: legacy\nroutes:\n  get: { match: "SOAP /s {urn:x}Get", stage: legacy }\n`,
    );
    const body =
      '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><Get xmlns="urn:x"/></e:Body></e:Envelope>';
    const answer = await ask(`${gate.url}/s`, { method: 'POST', body, headers: { 'content-type': 'text/xml' } });
    expect(answer.body.toString()).toContain('It may have been carried out.');
    expect(answer.body.toString()).toContain('GW_UPSTREAM_BROKEN');
  });
});

describe('the time that a request may take in all', () => {
  const yaml = (legacy: string, orders: string, total: string): string =>
    `version: 1\nupstreams:\n  legacy: { url: "${legacy}" }\n  orders: { url: "${orders}", timeout: { total: ${total}, headers: 20s } }\ndefault: legacy\nroutes:\n  read: { match: GET /a, stage: new, new: orders }\n  write: { match: POST /a, stage: new, new: orders }\n`;

  test('ends a write that waits for its answer, and tells what is known', async () => {
    const orders = await upstream(() => undefined);
    const gate = await front(yaml(await nobody(), orders.url, '200ms'));
    const answer = await ask(`${gate.url}/a`, { method: 'POST', body: 'a' });
    expect(problem(answer)).toMatchObject({ status: 504, code: 'GW_UPSTREAM_TIMEOUT', carriedOut: 'maybe' });
    await until(() => orders.seen[0]?.left === true);
    expect(await gate.outstanding('orders')).toBe(0);
  });

  test('leaves nothing for a fallback when it is over', async () => {
    const orders = await upstream(() => undefined);
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url, orders.url, '200ms'));
    expect(problem(await ask(`${gate.url}/a`))).toMatchObject({ status: 504, code: 'GW_UPSTREAM_TIMEOUT' });
    expect(legacy.seen).toEqual([]);
    expect(await gate.metric('banyan_fallback_total{route="read",because="unreachable"}')).toBeNull();
  });

  test('leaves a fallback what remains of it', async () => {
    const legacy = await upstream(() => undefined);
    const gate = await front(yaml(legacy.url, await nobody(), '300ms'));
    // Legacy alone would wait for five seconds.
    const began = performance.now();
    expect(problem(await ask(`${gate.url}/a`))).toMatchObject({ status: 504, code: 'GW_UPSTREAM_TIMEOUT' });
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(legacy.seen.length).toBe(1);
    await until(async () => (await gate.outstanding()) === 0);
  });

  test('has begun when the request arrived: a body that took it all leaves nothing to send it in', async () => {
    const orders = await upstream();
    const gate = await front(yaml(await nobody(), orders.url, '100ms'));
    const outgoing = open(`${gate.url}/a`, { method: 'POST', headers: { 'content-length': 2 } });
    const answer = new Promise<Answer>((resolve) =>
      outgoing.once('response', (incoming) => void readAnswer(incoming).then(resolve)),
    );
    outgoing.write('a');
    const began = performance.now();
    await until(() => performance.now() - began > 150);
    outgoing.end('b');
    expect(problem(await answer)).toMatchObject({ status: 504, code: 'GW_UPSTREAM_TIMEOUT', carriedOut: 'no' });
    expect(orders.seen).toEqual([]);
  });

  test('cuts an answer that is under way, which looks cut', async () => {
    const orders = await upstream((_req, res) => {
      const drip = setInterval(() => res.write('.'), 20);
      res.once('close', () => clearInterval(drip));
    });
    const gate = await front(yaml(await nobody(), orders.url, '300ms'));
    const answer = await ask(`${gate.url}/a`);
    expect([answer.status, answer.whole]).toEqual([200, false]);
    expect(answer.body.length).toBeGreaterThan(0);
    await until(() => orders.seen[0]?.left === true);
  });

  test('is held against an upstream that took it, and not against one whose caller did', async () => {
    const settings = (url: string): string =>
      yaml(url, url, '300ms').replace('headers: 20s }', 'headers: 20s }, breaker: { volume: 2, reset: 1m }');
    const slow = await upstream(() => undefined);
    const hangs = await front(settings(slow.url));
    for (let count = 0; count < 2; count += 1)
      expect((await ask(`${hangs.url}/a`, { method: 'POST', body: 'a' })).status).toBe(504);
    expect(await hangs.metric('banyan_breaker_state{upstream="orders"}')).toBe(2);
    const body = noise(30_000_000);
    const quick = await upstream((_req, res) => res.end(body));
    const gate = await front(settings(quick.url));
    for (let count = 0; count < 3; count += 1) {
      const client = await wire(gate.port);
      client.socket.pause();
      client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(async () => (await gate.ended()) === count + 1);
      client.socket.destroy();
    }
    expect(quick.seen.length).toBe(3);
    expect(await gate.metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
  });

  test('is no limit to an answer that is whole in time', async () => {
    const orders = await upstream(saying('new'));
    const gate = await front(yaml(await nobody(), orders.url, '10s'));
    expect((await ask(`${gate.url}/a`)).body.toString()).toBe('new');
  });
});

describe('legacy', () => {
  const yaml = (legacy: string, orders: string, breaker = ''): string =>
    `version: 1\nupstreams:\n  legacy: { url: "${legacy}", spare: { rate: 5, share: 0% } }\n  orders: { url: "${orders}"${breaker} }\ndefault: legacy\nroutes:\n  read: { match: GET /a, stage: new, new: orders }\n`;

  test('is given no more reads that new cannot answer than it has to spare, and the others are told to come back', async () => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url, await nobody(), ', breaker: { volume: 1000 }'));
    const began = performance.now();
    const answers: Answer[] = [];
    for (let count = 0; count < 60; count += 1) answers.push(await ask(`${gate.url}/a`));
    const seconds = (performance.now() - began) / 1_000;
    const served = answers.filter(({ status }) => status === 200).length;
    expect(served).toBeGreaterThanOrEqual(5);
    expect(served).toBeLessThanOrEqual(5 + 5 * seconds + 1);
    expect(legacy.seen.length).toBe(served);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([502, '1']);
      expect(problem(answer)).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE', carriedOut: 'no' });
    }
    expect(await gate.metric('banyan_fallback_total{route="read",because="unreachable"}')).toBe(served);
    expect(await gate.metric('banyan_fallback_withheld_total{route="read",because="unreachable"}')).toBe(60 - served);
  });

  test('is spared as well when the breaker of new is open, which what it answered has opened', async () => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url, await nobody(), ', breaker: { volume: 2, reset: 1m }'));
    const answers: Answer[] = [];
    for (let count = 0; count < 40; count += 1) answers.push(await ask(`${gate.url}/a`));
    // Its first two failures were hidden by legacy's answers, and counted all the same.
    expect(answers.slice(0, 3).map(({ status, headers }) => [status, headers['banyan-because']])).toEqual([
      [200, 'unreachable'],
      [200, 'unreachable'],
      [200, 'breaker-open'],
    ]);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(problem(answer)).toMatchObject({ code: 'GW_BREAKER_OPEN' });
      expect(answer.headers['retry-after']).toBe('5');
    }
    expect(legacy.seen.length).toBe(40 - refused.length);
    const withheld = await gate.metric('banyan_fallback_withheld_total{route="read",because="breaker-open"}');
    expect(withheld).toBe(refused.length);
  });

  test('is asked for no more upgrades than for reads, and the others are told to come back', async () => {
    const legacy = await upstream(saying('legacy'));
    const breaker = ', breaker: { volume: 8, reset: 1m }';
    const gate = await front(yaml(legacy.url, await nobody(), breaker));
    const upgrade = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n';
    const answers: string[] = [];
    for (let count = 0; count < 20; count += 1) answers.push(await say(gate.port, upgrade));
    const having = (status: number): string[] => answers.filter((text) => text.startsWith(`HTTP/1.1 ${status} `));
    const [served, failed, refused] = [having(200), having(502), having(503)];
    expect([legacy.seen.length, served.length + failed.length + refused.length]).toEqual([served.length, 20]);
    for (const text of [...failed, ...refused]) expect(text).toMatch(/\r\nretry-after: \d/);
    const withheld = async (because: string): Promise<number> =>
      (await gate.metric(`banyan_fallback_withheld_total{route="read",because="${because}"}`)) ?? 0;
    expect([await withheld('unreachable'), await withheld('breaker-open')]).toEqual([failed.length, refused.length]);
  });
});
