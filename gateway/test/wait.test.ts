import { describe, expect, test } from 'vitest';
import { ask, front, noise, say, saying, until, upstream, wire } from './front.ts';

// Requests that wait for a connection to their upstream: in vain, in turn, and behind others that cannot be sent at all.

const table = (url: string, connections: number, headers = '600ms'): string =>
  `version: 1\nupstreams: { legacy: { url: "${url}", connections: ${connections}, timeout: { connect: 500ms, headers: ${headers} } } }\ndefault: legacy\n`;

describe('a request that cannot be sent', () => {
  test.each([
    ['two hosts', 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'],
    [
      'two hosts and a long body',
      `POST /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
    ],
  ])('(%s) takes no connection away from those that can', async (_what, bad) => {
    const legacy = await upstream(saying('ok'));
    const gate = await front(table(legacy.url, 2));
    for (let index = 0; index < 6; index += 1) {
      expect(await say(gate.port, bad)).toMatch(/^HTTP\/1\.1 400 [^]*GW_BAD_REQUEST/);
      expect((await ask(`${gate.url}/good`)).status).toBe(200);
    }
    expect(legacy.seen.map(({ url }) => url)).toEqual(Array(6).fill('/good'));
    expect(await gate.metric('banyan_breaker_state{upstream="legacy"}')).toBe(0);
    expect([await gate.ended(), await gate.outstanding()]).toEqual([12, 0]);
  });

  test('does not hold up those that wait behind it', async () => {
    const held: (() => void)[] = [];
    const legacy = await upstream((req, res) => {
      if (req.url === '/slow') held.push(() => res.end('slow'));
      else res.end('ok');
    });
    const gate = await front(table(legacy.url, 1, '10s'));
    const slow = ask(`${gate.url}/slow`);
    await until(() => held.length === 1);
    const bad = [0, 1, 2].map(() =>
      say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'),
    );
    await until(async () => (await gate.outstanding()) === 4);
    const good = [0, 1, 2].map(() => ask(`${gate.url}/good`));
    await until(async () => (await gate.outstanding()) === 7);
    held[0]?.();
    expect((await slow).body.toString()).toBe('slow');
    expect((await Promise.all(good)).map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const text of await Promise.all(bad)) expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect([await gate.ended(), await gate.outstanding()]).toEqual([7, 0]);
  });
});

test('a body that waited for a connection in vain is never sent', async () => {
  const busy = await upstream((req, res) => {
    if (req.url !== '/hang') req.resume().once('end', () => res.end('ok'));
  });
  const gate = await front(table(busy.url, 1));
  // Two hang for 600 ms each, one after the other; who comes third waits for 1,100.
  const hanging = [ask(`${gate.url}/hang`)];
  await until(() => busy.seen.length === 1);
  hanging.push(ask(`${gate.url}/hang`));
  await until(async () => (await gate.outstanding()) === 2);
  const late = [noise(200_000), noise(3_000)].map((body) =>
    ask(`${gate.url}/late`, { method: 'POST', body, chunked: true }),
  );
  expect((await Promise.all([...hanging, ...late])).map(({ status }) => status)).toEqual([504, 504, 504, 504]);
  expect((await ask(`${gate.url}/next`)).status).toBe(200);
  expect(busy.seen.map(({ url }) => url)).toEqual(['/hang', '/hang', '/next']);
  expect([await gate.ended(), await gate.outstanding()]).toEqual([5, 0]);
});

test('a caller who pipelines an upgrade behind an answer that it reads slowly gets both', async () => {
  const body = noise(8_000_000);
  const legacy = await upstream((_req, res) => res.end(body));
  const gate = await front(table(legacy.url, 8));
  const client = await wire(gate.port);
  client.socket.pause();
  client.send(
    'GET /big HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nok',
  );
  await until(async () => (await gate.outstanding()) === 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.socket.resume();
  expect((await client.closed).length).toBeGreaterThan(2 * body.length);
  expect([await gate.ended('status="200"'), await gate.outstanding()]).toEqual([2, 0]);
});
