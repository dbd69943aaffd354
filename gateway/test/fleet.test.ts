import { describe, expect, onTestFinished, test } from 'vitest';
import { readRouting } from '@banyan/gateway/routing';
import { Server } from '@banyan/gateway/upstream';
import {
  ask,
  front,
  noise,
  nobody,
  rawUpstream,
  saying,
  until,
  upstream,
  wire,
  type Answer,
  type Front,
} from './front.ts';

// Several URLs behind one name: who gets a request, who is left out, and what goes on to another.

const quoted = (urls: readonly string[]): string => urls.map((url) => `"${url}"`).join(', ');

const table = (urls: readonly string[], settings = ''): string =>
  `version: 1\nupstreams:\n  legacy: { url: [${quoted(urls)}]${settings && `, ${settings}`} }\ndefault: legacy\n`;

const up = (gate: Front, url: string): Promise<number | null> =>
  gate.metric(`banyan_upstream_up{upstream="legacy",url="${url}"}`);

const again = (gate: Front, how: string): Promise<number | null> =>
  gate.metric(`banyan_upstream_again_total{upstream="legacy",how="${how}"}`);

const statesOf = async (gate: Front): Promise<string[]> => {
  const { body } = await ask(`${gate.adminUrl}/api/status`);
  const { upstreams } = JSON.parse(body.toString()) as { upstreams: { members: { state: string }[] }[] };
  return upstreams.flatMap(({ members }) => members.map(({ state }) => state));
};

const problem = (answer: Answer): object => JSON.parse(answer.body.toString()) as object;

describe('requests', () => {
  test('are shared evenly by URLs that answer at once', async () => {
    const servers = await Promise.all([upstream(), upstream(), upstream()]);
    const gate = await front(table(servers.map(({ url }) => url)));
    for (let count = 0; count < 30; count += 1) expect((await ask(`${gate.url}/a`)).status).toBe(200);
    expect(servers.map(({ seen }) => seen.length)).toEqual([10, 10, 10]);
  });

  test('go where the fewest are in hand', async () => {
    const held: (() => void)[] = [];
    const servers = await Promise.all(
      [0, 1].map(() =>
        upstream((req, res) => (req.url === '/hold' ? void held.push(() => res.end('held')) : void res.end('ok'))),
      ),
    );
    const gate = await front(table(servers.map(({ url }) => url)));
    const waiting = ask(`${gate.url}/hold`);
    await until(() => held.length === 1);
    for (let count = 0; count < 10; count += 1) expect((await ask(`${gate.url}/a`)).status).toBe(200);
    expect(servers.map(({ seen }) => seen.length).toSorted((a, b) => a - b)).toEqual([1, 10]);
    held[0]?.();
    expect((await waiting).body.toString()).toBe('held');
  });
});

describe('a URL on which nobody listens', () => {
  test.each([
    ['GET', undefined, false],
    ['POST', noise(100), false],
    ['POST', noise(200_000), false],
    ['POST', noise(100), true],
  ] as const)('costs nobody an answer (%s)', async (method, body, chunked) => {
    const well = await upstream(saying('well'));
    const dead = await nobody();
    const gate = await front(table([dead, well.url]));
    for (let count = 0; count < 8; count += 1) {
      const answer = await ask(`${gate.url}/a`, { method, body, chunked });
      expect([answer.status, answer.body.toString()]).toEqual([200, 'well']);
    }
    expect(well.seen.map(({ state, bytes }) => [state, bytes])).toEqual(Array(8).fill(['whole', body?.length ?? 0]));
    // Three moved on; then it was left out.
    expect(await again(gate, 'elsewhere')).toBe(3);
    expect([await up(gate, dead), await up(gate, well.url)]).toEqual([0, 1]);
    expect(await statesOf(gate)).toEqual(['ejected', 'up']);
    expect([await gate.ended(), await gate.ended('status="200"'), await gate.outstanding()]).toEqual([8, 8, 0]);
  });

  test('costs no upgrade its connection', async () => {
    const well = await rawUpstream((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
        socket.on('data', (chunk) => socket.write(chunk));
      });
    });
    const dead = await nobody();
    const gate = await front(table([dead, well.url]));
    for (let count = 0; count < 8; count += 1) {
      const client = await wire(gate.port);
      client.send('GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
      await client.sees(/^HTTP\/1\.1 101 /);
      client.send('hello');
      await client.sees(/hello$/);
      client.socket.destroy();
    }
    expect([well.count(), await again(gate, 'elsewhere')]).toEqual([8, 3]);
    expect([await gate.ended('status="101"'), await gate.outstanding()]).toEqual([8, 0]);
  });

  test('is tried again after a while, and is in when it answers', async () => {
    const well = await upstream(saying('well'));
    const late = await upstream(saying('late'));
    const { port } = late;
    await late.close();
    const gate = await front(table([late.url, well.url]));
    await until(async () => {
      await ask(`${gate.url}/a`);
      return (await up(gate, late.url)) === 0;
    });
    await new Promise<void>((resolve) => late.server.listen(port, '127.0.0.1', resolve));
    await until(async () => (await ask(`${gate.url}/a`)).body.toString() === 'late');
    expect(await up(gate, late.url)).toBe(1);
  });

  test('is an error that says so when there is no other, whatever their number', async () => {
    const gate = await front(table([await nobody(), await nobody()]));
    for (let count = 0; count < 8; count += 1)
      expect(problem(await ask(`${gate.url}/a`, { method: 'POST', body: 'a' }))).toMatchObject({
        status: 502,
        code: 'GW_UPSTREAM_UNREACHABLE',
        carriedOut: 'no',
        detail: 'Upstream legacy cannot be reached. Nothing was sent.',
      });
    // The last one is never taken out.
    expect((await statesOf(gate)).toSorted()).toEqual(['ejected', 'up']);
  });
});

describe('health checks', () => {
  const HEALTH = 'health: { path: /readyz, every: 100ms, fall: 2, rise: 2 }';

  /** A server whose health can be turned. */
  async function server(
    name: string,
  ): Promise<Awaited<ReturnType<typeof upstream>> & { well: boolean; checks: number }> {
    const state = { well: true, checks: 0 };
    const made = await upstream((req, res) => {
      if (req.url !== '/readyz') return void res.end(name);
      state.checks += 1;
      res.writeHead(state.well ? 200 : 503).end();
    });
    return Object.assign(state, made);
  }

  test('take a URL out and bring it back, and its name with it', async () => {
    const [a, b] = [await server('a'), await server('b')];
    const gate = await front(table([a.url, b.url], HEALTH));
    expect(await up(gate, a.url)).toBe(1);
    a.well = false;
    await until(async () => (await up(gate, a.url)) === 0);
    expect(await statesOf(gate)).toEqual(['down', 'up']);
    for (let count = 0; count < 6; count += 1) expect((await ask(`${gate.url}/a`)).body.toString()).toBe('b');
    a.well = true;
    await until(async () => (await up(gate, a.url)) === 1);
    const bodies = new Set<string>();
    for (let count = 0; count < 6; count += 1) bodies.add((await ask(`${gate.url}/a`)).body.toString());
    expect(bodies).toEqual(new Set(['a', 'b']));
  });

  test('of which all fail leave all of them in use', async () => {
    const [a, b] = [await server('a'), await server('b')];
    const gate = await front(table([a.url, b.url], HEALTH));
    a.well = b.well = false;
    await until(async () => (await up(gate, a.url)) === 0 && (await up(gate, b.url)) === 0);
    const bodies = new Set<string>();
    for (let count = 0; count < 6; count += 1) bodies.add((await ask(`${gate.url}/a`)).body.toString());
    expect(bodies).toEqual(new Set(['a', 'b']));
  });

  test('go on through a change of the file that leaves the upstream alone, and end with it', async () => {
    const [a, b, other] = [await server('a'), await server('b'), await upstream(saying('other'))];
    const gate = await front(table([a.url, b.url], HEALTH));
    a.well = false;
    await until(async () => (await up(gate, a.url)) === 0);
    await gate.turn(`${table([a.url, b.url], HEALTH)}routes:\n  one: { match: GET /one, stage: legacy }\n`);
    expect(await up(gate, a.url)).toBe(0);
    const before = a.checks;
    await until(() => a.checks > before + 2);
    await gate.turn(table([other.url]));
    expect((await ask(`${gate.url}/a`)).body.toString()).toBe('other');
    // Retired: at most the check that was under way still comes.
    const last = [a.checks, b.checks];
    const asked = Date.now();
    await until(() => Date.now() - asked > 600);
    expect([a.checks, b.checks].map((count, index) => count - (last[index] ?? 0) <= 1)).toEqual([true, true]);
    expect(await up(gate, a.url)).toBeNull();
  });

  test('that hang are failures, and never two at once', async () => {
    let open = 0;
    let most = 0;
    const hanging = await rawUpstream((socket) => {
      open += 1;
      most = Math.max(most, open);
      socket.resume().once('close', () => (open -= 1));
    });
    const well = await server('well');
    const gate = await front(
      table([hanging.url, well.url], 'health: { path: /readyz, every: 100ms, fall: 1, rise: 1 }'),
    );
    await until(async () => (await up(gate, hanging.url)) === 0);
    expect(most).toBe(1);
    expect(await up(gate, well.url)).toBe(1);
  });
});

test('an upstream that is dead slow sheds what it cannot take at once, over all of its URLs', async () => {
  const held: (() => void)[] = [];
  const slow = (): ReturnType<typeof upstream> => upstream((_req, res) => void held.push(() => res.end('ok')));
  const [a, b] = [await slow(), await slow()];
  const gate = await front(table([a.url, b.url], 'connections: 2, timeout: { headers: 30s }'));
  // Two connections to each of two, and as many waiting as may wait.
  const most = 2 * 2 + 1_024;
  const waiting = Array.from({ length: most }, () => ask(`${gate.url}/a`));
  await until(async () => (await gate.outstanding()) === most);
  const shed = await ask(`${gate.url}/a`);
  expect([shed.status, shed.headers['retry-after'], problem(shed)]).toEqual([
    503,
    '1',
    expect.objectContaining({ code: 'GW_OVERLOADED' }),
  ]);
  expect([a.sockets.size, b.sockets.size]).toEqual([2, 2]);
  let over = false;
  const all = Promise.all(waiting).finally(() => (over = true));
  await until(() => {
    for (const answer of held.splice(0)) answer();
    return over;
  });
  expect(new Set((await all).map(({ status }) => status))).toEqual(new Set([200]));
  expect(await gate.outstanding()).toBe(0);
});

describe('callers who leave while they wait for a connection', () => {
  test('cost it nothing', async () => {
    const held: (() => void)[] = [];
    let connections = 0;
    const slow = await upstream((_req, res) => void held.push(() => res.end('ok')));
    slow.server.on('connection', () => (connections += 1));
    const gate = await front(table([slow.url], 'connections: 1, timeout: { headers: 30s }'));
    const first = ask(`${gate.url}/first`);
    await until(() => held.length === 1);
    const client = await wire(gate.port);
    client.send('GET /left HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10));
    await until(async () => (await gate.outstanding()) === 11);
    client.socket.destroy();
    await until(async () => (await gate.outstanding()) === 1);
    const last = ask(`${gate.url}/last`);
    await until(async () => (await gate.outstanding()) === 2);
    held[0]?.();
    await until(() => held.length === 2);
    held[1]?.();
    expect([(await first).status, (await last).status]).toEqual([200, 200]);
    expect(slow.seen.map(({ url }) => url)).toEqual(['/first', '/last']);
    expect(connections).toBe(1);
  });

  test('leave their places in the queue to others', async () => {
    const held: (() => void)[] = [];
    const slow = await upstream((_req, res) => void held.push(() => res.end('ok')));
    const gate = await front(table([slow.url], 'connections: 1, timeout: { headers: 30s }'));
    const first = ask(`${gate.url}/first`);
    await until(() => held.length === 1);
    for (let left = 1_024; left > 0; left -= 128) {
      const client = await wire(gate.port);
      client.send('GET /left HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(128));
      await until(async () => (await gate.outstanding()) === 129);
      client.socket.destroy();
      await until(async () => (await gate.outstanding()) === 1);
    }
    held[0]?.();
    expect((await first).status).toBe(200);
    const next = ask(`${gate.url}/next`);
    await until(() => held.length === 2);
    held[1]?.();
    expect((await next).status).toBe(200);
  });
});

test('a URL that is taken out is told of, and so is its return', () => {
  const turns: string[] = [];
  const loaded = readRouting(table(['http://127.0.0.1:1', 'http://127.0.0.1:2']), {}, '2026-01-01');
  const legacy = loaded.kind === 'accepted' ? loaded.table.upstreams.get('legacy') : undefined;
  if (legacy === undefined) throw new Error('the table has no such upstream');
  const server = new Server(legacy, ({ state, left }) => turns.push(`${state} ${left}`));
  onTestFinished(() => server.destroy());
  const [first] = server.members;
  if (first === undefined) throw new Error('the upstream has no URL');
  for (let count = 0; count < 3; count += 1) server.broke(first);
  server.answered(first);
  server.answered(first);
  expect(turns).toEqual(['ejected 1', 'up 2']);
});
