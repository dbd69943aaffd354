import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Ration } from '@banyan/gateway/core/ration';
import { buildFacade } from '@banyan/gateway/facade';
import { explainRest, NOBODY } from '@banyan/gateway/explain';
import { Generations } from '@banyan/gateway/generation';
import { Metrics } from '@banyan/gateway/metrics';
import { factsOf } from '@banyan/gateway/obey';
import { readRouting } from '@banyan/gateway/routing';
import { Verdicts } from '@banyan/gateway/shadow/compare';
import { Shadows } from '@banyan/gateway/shadow/shadows';
import { answerTo, ask, nobody, open, saying, until, upstream } from './front.ts';

// What one line of the access log says.

interface Line {
  readonly [key: string]: unknown;
  readonly ms: Readonly<Record<'wait' | 'head' | 'body' | 'total', number | null>>;
}

async function logged(
  yaml: string,
  logHeaders: readonly string[] = [],
): Promise<{ url: string; generations: Generations; text: () => string; line: () => Promise<Line> }> {
  const loaded = readRouting(`version: 1\n${yaml}`, {}, '2026-01-01');
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems));
  const generations = await Generations.open(loaded, 0);
  const metrics = new Metrics();
  let text = '';
  const log = pino(new PassThrough().on('data', (chunk: Buffer) => (text += chunk.toString())));
  const shadows = new Shadows({ metrics, log, comparer: new Verdicts(metrics, log), out: () => false });
  const app = buildFacade({
    generations,
    observer: { metrics, log, sample: 1, failures: new Ration(100), logHeaders, closing: () => false },
    shadows,
    publicUrl: () => 'http://facade.example',
    idleMs: 10_000,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    shadows.close();
    await app.close();
    generations.fleet.destroy();
  });
  const line = async (): Promise<Line> => {
    await until(() => text.includes('"answered"'));
    return JSON.parse(text.split('\n', 1).join('')) as Line;
  };
  return { url, generations, text: () => text, line };
}

const sides = (legacy: string, orders: string, route: string): string =>
  `upstreams: { legacy: '${legacy}', orders: '${orders}' }\ndefault: legacy\nroutes:\n  get: { match: GET /o/:id, new: orders, ${route} }\n`;

test('a line tells the decision as explain does, who was asked, and how long each part took', async () => {
  const legacy = await upstream();
  let finish: () => void = () => undefined;
  const orders = await upstream((req, res) => {
    req.resume();
    setTimeout(() => res.write('12345'), 50);
    finish = () => void setTimeout(() => res.end('67890'), 30);
  });
  const { url, generations, line } = await logged(sides(legacy.url, orders.url, 'stage: new'));
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const outgoing = open(`${url}/o/7?token=abc`, { headers: { traceparent, host: 'facade.example' } });
  // Only once the caller has the head, and the facade with it: the time of the body cannot have begun later.
  outgoing.once('response', () => finish());
  outgoing.end();
  const answer = await answerTo(outgoing);
  const told = await line();
  const explained = explainRest(
    generations.current.table,
    { method: 'GET', target: '/o/7', asking: NOBODY },
    factsOf(generations.fleet),
  );
  expect(told).toMatchObject({
    requestId: answer.headers['x-request-id'],
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    caller: '127.0.0.1',
    method: 'GET',
    path: '/o/7',
    status: 200,
    route: 'get',
    side: 'new',
    because: 'stage',
    fellBack: false,
    upstream: orders.url,
    bytes: { in: 0, out: 10 },
  });
  expect(told['decision']).toEqual(explained.decision);
  const { wait, head, body, total } = told.ms;
  expect(head).toBeGreaterThan(45);
  expect(body).toBeGreaterThan(25);
  expect((wait ?? NaN) + (head ?? NaN) + (body ?? NaN)).toBeCloseTo(total ?? NaN, 0);
});

test('a read that legacy answered in place of new says so, beside what had been decided', async () => {
  const legacy = await upstream(saying('from legacy'));
  const { url, line } = await logged(sides(legacy.url, await nobody(), 'stage: new'));
  await ask(`${url}/o/7`);
  expect(await line()).toMatchObject({
    side: 'legacy',
    because: 'unreachable',
    fellBack: true,
    upstream: legacy.url,
    decision: { side: 'new', because: 'stage', fallback: { side: 'legacy', because: 'unreachable' } },
  });
});

test('what did not come to an upstream has no times of it', async () => {
  const { url, line } = await logged(sides(await nobody(), await nobody(), 'stage: held'));
  await ask(`${url}/o/7`);
  expect(await line()).toMatchObject({
    status: 503,
    code: 'GW_HELD',
    upstream: null,
    bytes: { in: 0, out: 0 },
    ms: { wait: null, head: null, body: null },
  });
});

test.each([
  ['of a length', false, 5],
  ['of a megabyte', false, 1_000_000],
  ['of no known length', true, 200_000],
])('the bytes of a body %s are counted', async (_what, chunked, bytes) => {
  const legacy = await upstream();
  const { url, line } = await logged(`upstreams: { legacy: '${legacy.url}' }\ndefault: legacy\n`);
  await ask(`${url}/up`, { method: 'POST', body: 'x'.repeat(bytes), chunked });
  expect(await line()).toMatchObject({ bytes: { in: bytes, out: 2 } });
});

const SECRET = 'correct-horse-battery-staple';

test('no field of a request is logged that was not named, and none that lets somebody in, even when it is', async () => {
  const legacy = await upstream((req, res) => {
    req.resume();
    res.setHeader('set-cookie', `session=${SECRET}`);
    res.statusCode = 500;
    res.end();
  });
  const headers = {
    authorization: `Bearer ${SECRET}`,
    'proxy-authorization': `Basic ${SECRET}`,
    cookie: `session=${SECRET}`,
    cookie2: SECRET,
    'banyan-override': `${SECRET} new`,
    'x-api-key': SECRET,
    'x-tenant': 'north',
    'user-agent': `agent/${'9'.repeat(1_000)}`,
  };
  const named = ['authorization', 'proxy-authorization', 'cookie', 'banyan-override', 'x-tenant', 'user-agent'];
  const { url, line, text } = await logged(`upstreams: { legacy: '${legacy.url}' }\ndefault: legacy\n`, named);
  await ask(`${url}/a?password=${SECRET}`, { headers });
  expect(await line()).toMatchObject({ headers: { 'x-tenant': 'north' } });
  expect(text()).not.toContain(SECRET);
  expect(text()).not.toContain('9'.repeat(500));
});

test('a field that comes twice is shown as one, and a path beyond measure is cut', async () => {
  const legacy = await upstream();
  const { url, line } = await logged(`upstreams: { legacy: '${legacy.url}' }\ndefault: legacy\n`, ['x-tenant']);
  const outgoing = open(`${url}/${'a'.repeat(20_000)}`, { headers: { 'x-tenant': ['a', 'b'] } });
  outgoing.end();
  await answerTo(outgoing);
  const told = await line();
  expect(told['headers']).toEqual({ 'x-tenant': 'a, b' });
  expect(String(told['path']).length).toBeLessThan(2_000);
});

test('a trace that comes is passed on with what its vendors say of it; what was said of another is not', async () => {
  const legacy = await upstream();
  const { url } = await logged(`upstreams: { legacy: '${legacy.url}' }\ndefault: legacy\n`);
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const state = ['a=1', 'b=2'];
  const asking = async (
    headers: Record<string, string | string[]>,
  ): Promise<(typeof legacy.seen)[number]['headers']> => {
    legacy.seen.length = 0;
    const outgoing = open(url, { headers });
    outgoing.end();
    await answerTo(outgoing);
    return legacy.seen[0]?.headers ?? {};
  };
  expect(await asking({ traceparent, tracestate: state })).toMatchObject({ traceparent, tracestate: 'a=1, b=2' });
  // A later version may have more parts (Trace Context, section 3.2.4); it goes on as it came, or starts anew: never half.
  for (const broken of ['00-0-0-00', `${traceparent}-`, traceparent.toUpperCase(), `ff${traceparent.slice(2)}`]) {
    const went = await asking({ traceparent: broken, tracestate: state });
    expect(went['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(went['traceparent']).not.toContain('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(went).not.toHaveProperty('tracestate');
  }
  const started = await asking({ tracestate: state });
  expect(started['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(started).not.toHaveProperty('tracestate');
});
