import { afterEach, describe, expect, test } from 'vitest';
import { printPath } from '@banyan/gateway/core/path';
import { run, type Result } from '@banyan/gateway/parity/run';
import { entryOf } from '../core/made.ts';
import { json, listen, pathOf, route, world, type Handler, type Scripted } from './sides.ts';

const open: Scripted[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((side) => side.close()));
});

async function sides(control: Handler, candidate: Handler): Promise<readonly [Scripted, Scripted]> {
  const both = await Promise.all([listen(control), listen(candidate)]);
  open.push(...both);
  return both;
}

const orders = route('order', 'GET|HEAD|POST /api/orders/:orderId', { effect: 'read' });

/** What came of each request, in short. */
function brief(results: readonly Result[]): string[] {
  return results.map(({ verdict, because, findings }) => {
    const paths = findings.map(
      ({ path, excusedBy }) => `${printPath(path)}${excusedBy === null ? '' : `(${excusedBy})`}`,
    );
    return [because === null ? verdict : `${verdict}: ${because}`, ...paths].join(' ');
  });
}

async function judged(control: Handler, candidate: Handler, corpus = 'GET /api/orders/1'): Promise<string[]> {
  const [one, other] = await sides(control, candidate);
  return brief(await run(world({ control: one.url, candidate: other.url, routes: [orders], corpus })));
}

describe('verdicts of answers that really came', () => {
  test('the same answer is a match', async () => {
    expect(
      await judged(
        (_, res) => json(res, '{"a":1.0}'),
        (_, res) => json(res, '{"a":1}'),
      ),
    ).toEqual(['match']);
  });

  test('another answer is a mismatch at its place', async () => {
    expect(
      await judged(
        (_, res) => json(res, '{"a":[1,2]}'),
        (_, res) => json(res, '{"a":[1,3]}'),
      ),
    ).toEqual(['mismatch $.a[1]']);
  });

  test('a candidate that is down is an error', async () => {
    const [control, candidate] = await sides(
      (_, res) => json(res, '{}'),
      () => undefined,
    );
    await candidate.close();
    const options = world({
      control: control.url,
      candidate: candidate.url,
      routes: [orders],
      corpus: 'GET /api/orders/1',
    });
    const [result] = await run(options);
    expect(result).toMatchObject({ verdict: 'error', detail: `${candidate.url}: nothing listens there` });
  });

  test('a candidate that does not answer in time is an error, a control one is skipped', async () => {
    const quick: Handler = (_, res) => json(res, '{}');
    const slow: Handler = () => undefined;
    for (const [control, candidate, expected] of [
      [quick, slow, 'error status'],
      [slow, quick, 'skipped: control'],
    ] as const) {
      const [one, other] = await sides(control, candidate);
      const timeout = { headersMs: 1500 };
      const options = world({
        control: one.url,
        candidate: other.url,
        routes: [orders],
        corpus: 'GET /api/orders/1',
        timeout,
      });
      expect(brief(await run(options))).toEqual([expected]);
    }
  });

  test('a body that trickles for ever ends when its time is over', async () => {
    const trickle: Handler = (_, res) => {
      res.writeHead(200, { 'content-type': 'text/plain' });
      const timer = setInterval(() => res.write('x'), 20);
      res.on('close', () => clearInterval(timer));
    };
    const [one, other] = await sides((_, res) => json(res, '{}'), trickle);
    const timeout = { connectMs: 1000, headersMs: 1500, bodyMs: 1000 };
    const options = world({
      control: one.url,
      candidate: other.url,
      routes: [orders],
      corpus: 'GET /api/orders/1',
      timeout,
    });
    expect(brief(await run(options))).toEqual(['error status']);
  });

  test('a body that is cut off is an error', async () => {
    const cut: Handler = (_, res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      res.write('{"a":', () => res.destroy());
    };
    expect(await judged((_, res) => json(res, '{}'), cut)).toEqual(['error status']);
  });

  test('broken UTF-8, a repeated key and brackets without end are errors', async () => {
    const bodies = ['{"a":"\xff"}', '{"a":1,"a":1}', '['.repeat(1_000_000)];
    const raw: Handler = (req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(Buffer.from(bodies[Number(req.url?.at(-1))] ?? '', 'latin1'));
    };
    const corpus = '### a\nGET /api/orders/0\n### b\nGET /api/orders/1\n### c\nGET /api/orders/2';
    expect(await judged((_, res) => json(res, '{}'), raw, corpus)).toEqual(['error $', 'error $', 'error $']);
  });

  test('ten megabytes that nest, and a million keys, get a verdict', async () => {
    const nested = '['.repeat(5_000_000) + ']'.repeat(5_000_000);
    const keys = (last: number): string =>
      `{${Array.from({ length: 100_000 }, (_, index) => `"key${index}":${index}`).join(',')},"__proto__":${last}}`;
    const answer =
      (last: number): Handler =>
      (req, res) =>
        json(res, req.url === '/api/orders/0' ? nested : keys(last));
    const corpus = '### a\nGET /api/orders/0\n### b\nGET /api/orders/1';
    expect(await judged(answer(1), answer(2), corpus)).toEqual(['skipped: budget', 'mismatch $.__proto__']);
  });

  test('redirects are compared, not followed; each side’s own origin does not count', async () => {
    const redirect: Handler = (req, res) => res.writeHead(302, { location: `http://${req.headers.host}/there` }).end();
    const [one, other] = await sides(redirect, redirect);
    const options = world({ control: one.url, candidate: other.url, routes: [orders], corpus: 'GET /api/orders/1' });
    expect(brief(await run(options))).toEqual(['match']);
    expect(one.seen).toEqual(['GET /api/orders/1', 'GET /api/orders/1']);
  });

  test('HEAD has no body, whatever its content type says', async () => {
    expect(
      await judged(
        (_, res) => json(res, '{"a":1}'),
        (_, res) => json(res, '{"a":2}'),
        'HEAD /api/orders/1',
      ),
    ).toEqual(['match']);
  });
});

describe('noise', () => {
  const counter = (): Handler => {
    let count = 0;
    return (_, res) => {
      count += 1;
      json(res, `{"seq":${count},"a":1}`);
    };
  };

  test('is found by asking the control twice', async () => {
    expect(await judged(counter(), (_, res) => json(res, '{"seq":0,"a":1}'))).toEqual(['noise $.seq(noise)']);
    expect(await judged(counter(), (_, res) => json(res, '{"seq":0,"a":2}'))).toEqual(['mismatch $.seq(noise) $.a']);
  });

  test('is not looked for when the control is asked once', async () => {
    const [one, other] = await sides(counter(), (_, res) => json(res, '{"seq":0,"a":1}'));
    const options = world({ control: one.url, candidate: other.url, routes: [orders], corpus: 'GET /api/orders/1' });
    expect(brief(await run({ ...options, repeat: 1 }))).toEqual(['mismatch $.seq']);
    expect(one.seen).toHaveLength(1);
    expect(other.seen).toHaveLength(1);
  });
});

describe('what is sent', () => {
  test('goes out as it is written, to both sides', async () => {
    const ok: Handler = (_, res) => json(res, '{}');
    const [one, other] = await sides(ok, ok);
    const targets = ['/api/orders/a%2Fb?x=%zz&y=+&&', '/api/orders/%31', '/api/orders/..', '/api/orders/%C3%A4?'];
    const corpus = targets.map((target) => `### x\nGET ${target}`).join('\n');
    const all = route('all', 'GET /*');
    await run({
      ...world({ control: one.url, candidate: other.url, routes: [all], corpus }),
      concurrency: 1,
      repeat: 1,
    });
    const sent = targets.filter((target) => !target.endsWith('..')).map((target) => `GET ${target}`);
    expect(one.seen).toEqual(sent);
    expect(other.seen).toEqual(sent);
  });

  test('headers go as they are written, but for those of the connection and the facade’s own', async () => {
    const heard: string[][] = [];
    const ok: Handler = (req, res) => {
      heard.push(req.rawHeaders);
      json(res, '{}');
    };
    const [one, other] = await sides(ok, (_, res) => json(res, '{}'));
    const corpus = 'GET /api/orders/1\nX-A: 1\nX-A: 2\nHost: evil\nbanyan-override: s new\nContent-Length: 9';
    await run({ ...world({ control: one.url, candidate: other.url, routes: [orders], corpus }), repeat: 1 });
    const [fields = []] = heard;
    expect(fields.join(' ')).toContain('X-A 1 X-A 2');
    expect(fields.join(' ')).not.toMatch(/evil|banyan|content-length/i);
  });

  test('the candidate gets the path and the headers that the route’s "new" names', async () => {
    const heard: (string | undefined)[] = [];
    const [one, other] = await sides(
      (_, res) => json(res, '{}'),
      (req, res) => {
        heard.push(req.headers['x-tenant'] as string);
        json(res, '{}');
      },
    );
    const successor = {
      upstream: 'orders',
      path: pathOf('/v2/orders/:orderId'),
      headers: [['X-Tenant', 'a']],
      bridge: null,
    } as const;
    const moved = route('order', 'GET /api/orders/:orderId', { successor });
    const corpus = 'GET /api/orders/a%2Fb?x=1\nx-tenant: b';
    await run(world({ control: one.url, candidate: other.url, routes: [moved], corpus }));
    expect(other.seen).toEqual(['GET /v2/orders/a%2Fb?x=1']);
    expect(heard).toEqual(['a']);
  });

  test('only reads are sent', async () => {
    const ok: Handler = (_, res) => json(res, '{}');
    const [one, other] = await sides(ok, ok);
    const routes = [
      route('create', 'POST /api/orders', { effect: 'write' }),
      route('search', 'POST /api/search', { effect: 'read' }),
      route('counting-read', 'GET /api/next', { effect: 'write' }),
      route('everything', 'ANY /api/any', { effect: 'write' }),
    ];
    const requests = ['POST /api/orders', 'POST /api/search', 'GET /api/next', 'GET /api/any', 'POST /api/any'];
    const corpus = requests.map((line) => `### x\n${line}`).join('\n');
    const results = await run(world({ control: one.url, candidate: other.url, routes, corpus }));
    expect(brief(results)).toEqual([
      'skipped: not a read',
      'match',
      'skipped: not a read',
      'match',
      'skipped: not a read',
    ]);
    expect(new Set(other.seen)).toEqual(new Set(['POST /api/search', 'GET /api/any']));
  });

  test('no more requests at a time than allowed', async () => {
    let now = 0;
    let most = 0;
    const counting: Handler = (_, res) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        json(res, '{}');
      }, 5);
    };
    const [one, other] = await sides(counting, (_, res) => json(res, '{}'));
    const corpus = Array.from({ length: 20 }, (_, index) => `###\nGET /api/orders/${index}`).join('\n');
    const options = world({ control: one.url, candidate: other.url, routes: [orders], corpus });
    const results = await run({ ...options, concurrency: 3, repeat: 1 });
    expect(results.map(({ item }) => item.request.target)).toEqual(
      Array.from({ length: 20 }, (_, index) => `/api/orders/${index}`),
    );
    expect(most).toBeLessThanOrEqual(3);
  });
});

describe('what is not compared', () => {
  test('is skipped with its reason', async () => {
    const ok: Handler = (_, res) => json(res, '{}');
    const [one, other] = await sides(ok, ok);
    const routes = [orders, route('alone', 'GET /api/alone', { successor: null })];
    const corpus = '### a\nGET /nowhere\n### b\nGET /api/alone\n### c\nGET /api/orders/1';
    const results = await run(world({ control: one.url, candidate: other.url, routes, corpus }));
    expect(brief(results)).toEqual(['skipped: no route', 'skipped: no candidate', 'match']);
    expect(results.map((result) => result.route)).toEqual(['default', 'alone', 'order']);
    expect(other.seen).toEqual(['GET /api/orders/1']);
  });

  test('a control that does not listen ends the run', async () => {
    const [one, other] = await sides(
      () => undefined,
      () => undefined,
    );
    await one.close();
    const options = world({ control: one.url, candidate: other.url, routes: [orders], corpus: 'GET /api/orders/1' });
    await expect(run(options)).rejects.toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' });
  });
});

test('the ledger excuses on its routes and until its day', async () => {
  const [one, other] = await sides(
    (_, res) => json(res, '{"a":1,"b":1}'),
    (_, res) => json(res, '{"a":2,"b":1}'),
  );
  const corpus = 'GET /api/orders/1';
  const entry = entryOf('loose', '$.a', 'anything', { routes: ['order'], until: '2026-11-24' });
  const options = world({ control: one.url, candidate: other.url, routes: [orders], corpus, differences: [entry] });
  expect(brief(await run(options))).toEqual(['declared $.a(loose)']);
  expect(brief(await run({ ...options, today: '2026-11-25' }))).toEqual(['mismatch $.a']);
});
