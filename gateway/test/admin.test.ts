import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { start, type Running, type StartOptions } from '@banyan/gateway/start';
import { small } from './routing/example.ts';

let folder = '';
let path = '';
const running: Running[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-admin-'));
  path = join(folder, 'routing.yaml');
  await writeFile(path, small());
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((facade) => facade.close()));
  await rm(folder, { recursive: true, force: true });
});

const ANY = { host: '127.0.0.1', port: 0 };

async function started(more: Partial<StartOptions> = {}): Promise<Running> {
  const found = await start({ file: path, listen: ANY, admin: ANY, env: {}, token: null, sample: 0, ...more });
  if (found.kind === 'rejected') throw new Error(JSON.stringify(found.problems));
  running.push(found.running);
  return found.running;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Asks with exactly these headers: `fetch` would set its own Host. */
function ask(
  { adminUrl }: Running,
  target: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(adminUrl);
    const req = request({ host: hostname, port, path: target, method, headers, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (part: string) => (text += part));
      res.once('end', () => resolve({ status: res.statusCode, headers: res.headers, text })).once('error', reject);
    });
    req.once('error', reject).end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

function patch(
  facade: Running,
  id: string,
  body: unknown,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Answer> {
  return ask(facade, `/api/routes/${id}`, {
    method: 'PATCH',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const json = ({ text }: Answer): unknown => JSON.parse(text);

describe('who may ask', () => {
  test.each([
    ['localhost', 200],
    ['LOCALHOST:9090', 200],
    ['127.0.0.1:1', 200],
    ['[::1]:9090', 200],
    ['10.1.2.3:9090', 200],
    ['evil.example', 403],
    ['evil.example:9090', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['evil.example#localhost', 403],
    ['[evil]', 403],
  ])('a request to the name %j is answered with %d: names can be rebound, addresses cannot', async (host, status) => {
    const facade = await started();
    expect((await ask(facade, '/healthz', { headers: { host } })).status).toBe(status);
    expect((await ask(facade, '/api/nowhere', { headers: { host } })).status).toBe(status === 200 ? 404 : 403);
    expect((await ask(facade, '/api/routes', { headers: { host } })).status).toBe(status);
  });

  test('the name that it listens on is one of its own', async () => {
    const facade = await started({ admin: { host: 'localhost', port: 0 } });
    expect((await ask(facade, '/api/routes', { headers: { host: 'localhost:1' } })).status).toBe(200);
  });

  test.each([
    ['http://evil.example', 403],
    ['null', 403],
    ['http://127.0.0.1:1', 403],
    ['', 403],
  ])('a page of origin %j gets %d', async (origin, status) => {
    const facade = await started();
    expect((await ask(facade, '/api/routes', { headers: { origin } })).status).toBe(status);
    expect((await patch(facade, 'order-get', { stage: 'new' }, { ...JSON_TYPE, origin })).status).toBe(status);
    expect(await readFile(path, 'utf8')).toBe(small());
  });

  test('its own pages may ask', async () => {
    const facade = await started();
    expect((await ask(facade, '/api/routes', { headers: { origin: facade.adminUrl } })).status).toBe(200);
  });

  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data'],
    ['application/jsonx'],
    [''],
  ])('a change sent as %j, as forms are, is 415', async (type) => {
    const facade = await started();
    expect(
      (await patch(facade, 'order-get', { stage: 'new' }, type === '' ? {} : { 'content-type': type })).status,
    ).toBe(415);
    expect(await readFile(path, 'utf8')).toBe(small());
  });

  test.each(['application/json; charset=utf-8', 'Application/JSON'])('a change sent as %s is taken', async (type) => {
    const facade = await started();
    expect((await patch(facade, 'order-get', { stage: 'new' }, { 'content-type': type })).status).toBe(200);
  });
});

describe('a token', () => {
  const token = 'the token of this test';

  test.each([
    [{}, 401],
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: 'Bearer ' }, 401],
    [{ authorization: token }, 401],
    [{ authorization: `Basic ${token}` }, 401],
    [{ authorization: `Bearer ${token}x` }, 401],
    [{ authorization: `Bearer ${token}` }, 200],
    [{ authorization: `bearer ${token}` }, 200],
  ])('with %j is answered with %d', async (headers, status) => {
    const facade = await started({ token });
    for (const target of ['/api/routes', '/api/status', '/metrics', '/api/explain?path=/']) {
      const answer = await ask(facade, target, { headers });
      expect(answer.status).toBe(status);
      expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
      expect(answer.text).not.toContain(token);
    }
  });

  test('is not asked for by the two health checks, and by everything else', async () => {
    const facade = await started({ token });
    for (const target of ['/healthz', '/readyz', '/healthz?x=1']) expect((await ask(facade, target)).status).toBe(200);
    for (const target of ['/', '/healthz/', '//healthz', '/nowhere', '/api/routes?/healthz'])
      expect((await ask(facade, target)).status).toBe(401);
    expect((await patch(facade, 'order-get', { stage: 'new' })).status).toBe(401);
    expect(await readFile(path, 'utf8')).toBe(small());
  });

  test('is needed for a port that others can reach', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'admin.example'])
      await expect(started({ admin: { host, port: 0 } })).rejects.toMatchObject({ code: 'GW_BAD_CONFIG' });
    const facade = await started({ admin: { host: '0.0.0.0', port: 0 }, token });
    const headers = { host: '192.0.2.1:9090', authorization: `Bearer ${token}` };
    expect((await ask(facade, '/api/routes', { headers })).status).toBe(200);
  });
});

describe('a flip over HTTP', () => {
  test('is written, and in force when it is answered, so that the next can follow', async () => {
    const facade = await started();
    expect(json(await patch(facade, 'order-get', { stage: 'new' }))).toEqual({
      route: 'order-get',
      from: 'legacy',
      stage: 'new',
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      warnings: [],
    });
    expect(json(await ask(facade, '/api/routes'))).toMatchObject({
      generation: 2,
      routes: [{ id: 'order-get', stage: 'new' }],
    });
    for (const stage of ['held', 'retired', 'legacy']) {
      expect((await patch(facade, 'order-get', { stage })).status).toBe(200);
      expect(json(await ask(facade, '/api/routes'))).toMatchObject({ routes: [{ stage }] });
    }
    expect(await readFile(path, 'utf8')).toBe(small());
    expect(json(await patch(facade, 'order-get', { stage: 'legacy' }))).toMatchObject({
      from: 'legacy',
      stage: 'legacy',
    });
  });

  test.each([
    ['order-get', { stage: 'nwe' }, 400],
    ['order-get', { stage: 5 }, 400],
    ['order-get', {}, 400],
    ['order-get', [], 400],
    ['order-get', 'null', 400],
    ['order-get', '"new"', 400],
    ['order-get', '{', 400],
    ['order-get', '', 400],
    ['order-get', { stage: 'new', hash: 5 }, 400],
    ['order-gte', { stage: 'new' }, 404],
    ['__proto__', { stage: 'new' }, 404],
    ['%00', { stage: 'new' }, 404],
    ['order-get', { stage: 'new', hash: '0123456789abcdef' }, 409],
    ['order-get', `{"stage": "new", "pad": "${'x'.repeat(20_000)}"}`, 413],
  ])('of %s with %j is %d', async (id, body, status) => {
    const facade = await started();
    const answer = await patch(facade, id, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(json(answer)).toMatchObject({ status, detail: expect.any(String) });
    expect(await readFile(path, 'utf8')).toBe(small());
  });

  test('with which the file would not be valid is 422', async () => {
    const text = small("  order-list: { match: 'GET /api/orders', stage: legacy }\n");
    await writeFile(path, text);
    const facade = await started();
    const answer = await patch(facade, 'order-list', { stage: 'canary 25%' });
    expect(answer.status).toBe(422);
    expect(json(answer)).toMatchObject({ detail: expect.stringContaining('needs "new:"') });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('over a file that was changed meanwhile is 409, until it has been seen', async () => {
    const facade = await started();
    await writeFile(path, `${small()}# by hand\n`);
    expect(json(await patch(facade, 'order-get', { stage: 'new' }))).toMatchObject({
      status: 409,
      code: 'GW_FILE_CHANGED',
    });
    await expect
      .poll(async () => (await patch(facade, 'order-get', { stage: 'new' })).status, { timeout: 10_000, interval: 100 })
      .toBe(200);
    expect(await readFile(path, 'utf8')).toBe(`${small()}# by hand\n`.replace('stage: legacy', 'stage: new'));
  });

  test('that was written and is not in force, for what has become of another file, says so', async () => {
    const wsdl = join(folder, 'orders.wsdl');
    await copyFile(new URL('soap/fixtures/orders.wsdl', import.meta.url), wsdl);
    await cp(new URL('soap/fixtures/nested', import.meta.url), join(folder, 'nested'), { recursive: true });
    const text = `${small()}wsdls:\n  /s: { file: orders.wsdl }\n`;
    await writeFile(path, text);
    const facade = await started();
    await rm(wsdl);
    const answer = await patch(facade, 'order-get', { stage: 'new' });
    expect([answer.status, json(answer)]).toEqual([
      500,
      {
        type: 'about:blank',
        status: 500,
        code: 'GW_BAD_CONFIG',
        detail: expect.stringMatching(/^order-get: legacy -> new is written, but not in force: .*orders\.wsdl/s),
      },
    ]);
    expect(await readFile(path, 'utf8')).toBe(text.replace('stage: legacy', 'stage: new'));
    expect(json(await ask(facade, '/api/routes'))).toMatchObject({ generation: 1, routes: [{ stage: 'legacy' }] });
  });

  test('of many at once, over one content, one is made', async () => {
    const facade = await started();
    const { hash } = json(await ask(facade, '/api/routes')) as { hash: string };
    const answers = await Promise.all(
      ['new', 'held', 'retired'].map((stage) => patch(facade, 'order-get', { stage, hash })),
    );
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409', '409']);
  });
});

describe('what it tells', () => {
  test('its routes', async () => {
    expect(json(await ask(await started(), '/api/routes'))).toEqual({
      generation: 1,
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      routes: [
        { id: 'order-get', match: 'GET /api/orders/:orderId', stage: 'legacy', effect: 'read', new: 'orders', line: 7 },
      ],
    });
  });

  test.each([
    [
      'path=/api/orders/1',
      { route: 'order-get', stage: 'legacy', params: { orderId: '1' }, decision: { side: 'legacy' } },
    ],
    ['method=POST&path=/api/orders/1', { route: 'default', stage: null }],
    ['path=/api/orders/a%252Fb%3Fx=1', { route: 'order-get', params: { orderId: 'a%2Fb' } }],
    ['path=/a/../b', { route: 'default' }],
    [
      'path=/b&header=X-Customer-Id:%20C-000042&header=a:b',
      { route: 'b', decision: { side: 'new', because: 'canary' } },
    ],
    ['path=/b&ip=192.0.2.3', { route: 'b', decision: { side: 'legacy', because: 'canary' } }],
  ])('what happens to %s', async (query, expected) => {
    await writeFile(
      path,
      small('  b: { match: GET /b, stage: canary 25%, new: orders, sticky: [header:x-customer-id, ip] }\n'),
    );
    const answer = await ask(await started(), `/api/explain?${query}`);
    expect([answer.status, json(answer)]).toEqual([200, expect.objectContaining({ sentence: expect.any(String) })]);
    expect(json(answer)).toMatchObject(expected);
  });

  test.each([
    '',
    'path=orders',
    'path=/a&path=/b',
    'method=GET&method=PUT&path=/a',
    'path=/a&header=nonsense',
    'path=/a&ip=a&ip=b',
  ])('explain with %j is 400', async (query) => {
    expect((await ask(await started(), `/api/explain?${query}`)).status).toBe(400);
  });

  test('the message of a SOAP call is what names its route', async () => {
    await writeFile(path, small('  s: { match: "SOAP /s {u}Get", stage: legacy }\n'));
    expect(json(await ask(await started(), '/api/explain?method=POST&path=/s'))).toMatchObject({
      status: 400,
      code: 'GW_BAD_REQUEST',
    });
  });

  test('its status: the generation, the last rejection until a good file comes, the upstreams', async () => {
    const facade = await started();
    expect(json(await ask(facade, '/api/status'))).toEqual({
      generation: 1,
      hash: expect.any(String),
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      warnings: [],
      rejected: 0,
      lastRejection: null,
      upstreams: [
        {
          name: 'legacy',
          urls: ['http://127.0.0.1:8081'],
          breaker: 'closed',
          outstanding: 0,
          members: [{ url: 'http://127.0.0.1:8081', state: 'up', outstanding: 0 }],
        },
        {
          name: 'orders',
          urls: ['http://127.0.0.1:8082'],
          breaker: 'closed',
          outstanding: 0,
          members: [{ url: 'http://127.0.0.1:8082', state: 'up', outstanding: 0 }],
        },
      ],
      shadows: { held: 0, bytes: 0, lanes: [], dryRuns: [] },
      workers: null,
      stages: { legacy: 1 },
    });
    await writeFile(path, Buffer.concat([Buffer.from(small()), Buffer.from('# caf\xe9\n', 'latin1')]));
    const rejection = async (): Promise<unknown> =>
      (json(await ask(facade, '/api/status')) as { lastRejection: unknown }).lastRejection;
    await expect.poll(rejection, { timeout: 10_000 }).toMatchObject({
      hash: expect.any(String),
      problems: [{ line: 8, column: 6, message: 'the file is not UTF-8 from here on' }],
    });
    await writeFile(path, small());
    await expect.poll(rejection, { timeout: 10_000 }).toBeNull();
    expect(json(await ask(facade, '/api/status'))).toMatchObject({ generation: 1, rejected: 1 });
  });

  test('its health, and that it is no longer ready while it drains', async () => {
    const legacy = createServer();
    const asked = once(legacy, 'request') as Promise<[unknown, ServerResponse]>;
    await once(legacy.listen(0, '127.0.0.1'), 'listening');
    await writeFile(path, small().replace('8081', String((legacy.address() as AddressInfo).port)));
    const facade = await started();
    expect(json(await ask(facade, '/healthz'))).toEqual({ status: 'ok' });
    expect(json(await ask(facade, '/readyz'))).toEqual({ status: 'ready' });
    const answer = fetch(`${facade.url}/slow`);
    const [, res] = await asked;
    const closed = facade.close();
    const draining = await ask(facade, '/readyz');
    expect([draining.status, json(draining)]).toEqual([503, { status: 'draining' }]);
    expect((await ask(facade, '/healthz')).status).toBe(200);
    res.end('late');
    expect(await (await answer).text()).toBe('late');
    await closed;
    legacy.close();
  });

  test.each(['/', '/api', '/api/traffic', '/api/stream', '/api/parity', '/api/routes/order-get', '/metrics/', '/%zz'])(
    'nothing at %s: a problem, and no page',
    async (target) => {
      const answer = await ask(await started(), target);
      expect([400, 404]).toContain(answer.status);
      expect(answer.headers['content-type']).toMatch(/json/);
    },
  );
});

/**
 * Prometheus' text format 0.0.4, as strictly as its own parser: comments, samples, each family told once and before its
 * samples. A value is what Go's ParseFloat takes, to which `Nan`, as prom-client has it of an empty histogram, is a number.
 */
function families(
  text: string,
): Map<string, { type: string; samples: [name: string, labels: string, value: number][] }> {
  const found = new Map<string, { type: string; samples: [string, string, number][] }>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    if (line.startsWith('# HELP ')) continue;
    const [, family, type] = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/.exec(line) ?? [];
    if (family !== undefined && type !== undefined) {
      if (found.has(family)) throw new Error(`${family} twice`);
      found.set(family, { type, samples: [] });
      continue;
    }
    const [, name = '', labels = '', value = ''] =
      /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+-]+|[+-]Inf|Na[Nn])$/.exec(
        line,
      ) ?? [];
    const own = found.get(name) ?? found.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (own === undefined) throw new Error(`no family for: ${line}`);
    own.samples.push([name, labels, value === '+Inf' ? Infinity : Number(value)]);
  }
  return found;
}

describe('metrics', () => {
  test('are Prometheus text, whole and consistent', async () => {
    // Nothing listens on the lowest ports: each request ends as a 502.
    await writeFile(path, small().replace('8081', '1').replace('8082', '2'));
    const facade = await started();
    for (let count = 0; count < 3; count += 1) await (await fetch(`${facade.url}/api/orders/1`)).text();
    await (await fetch(`${facade.url}/elsewhere`)).text();
    const answer = await ask(facade, '/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.text.endsWith('\n')).toBe(true);
    const all = families(answer.text);
    const samples = (name: string): unknown => all.get(name)?.samples;
    expect(samples('banyan_requests_total')).toEqual([
      ['banyan_requests_total', 'route="order-get",side="none",status="502",because="stage"', 3],
      ['banyan_requests_total', 'route="default",side="none",status="502",because="default"', 1],
    ]);
    expect(samples('banyan_config_generation')).toEqual([['banyan_config_generation', '', 1]]);
    expect(samples('banyan_config_rejected_total')).toEqual([['banyan_config_rejected_total', '', 0]]);
    expect(samples('banyan_breaker_state')).toEqual([
      ['banyan_breaker_state', 'upstream="legacy"', 0],
      ['banyan_breaker_state', 'upstream="orders"', 0],
    ]);
    const histogram = all.get('banyan_request_duration_seconds');
    expect(histogram?.type).toBe('histogram');
    const own = histogram?.samples.filter(([, labels]) => labels.startsWith('route="order-get"')) ?? [];
    const buckets = own.filter(([name]) => name.endsWith('_bucket')).map(([, , value]) => value);
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
    expect(buckets.at(-1)).toBe(3);
    expect(own.find(([name]) => name.endsWith('_count'))?.[2]).toBe(3);
    expect(own.find(([name]) => name.endsWith('_sum'))?.[2]).toBeGreaterThan(0);
    expect(all.get('process_cpu_seconds_total')?.type).toBe('counter');
  });
});
