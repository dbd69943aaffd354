import { Pool } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { connection } from '@banyan/gateway/shadow/connection';
import { ask, front, noise, until, upstream, wire } from './front.ts';

// Requests that wait for a connection to their upstream: in vain, in turn, and behind others that cannot be sent at all.

const table = (url: string, connections: number, headers = '600ms'): string =>
  `version: 1\nupstreams: { legacy: { url: "${url}", connections: ${connections}, timeout: { connect: 500ms, headers: ${headers} } } }\ndefault: legacy\n`;

test('requests that undici will not send take no connection away from those that it will, and hold none of them up', async () => {
  const held: (() => void)[] = [];
  const legacy = await upstream((req, res) => {
    if (req.url === '/slow') held.push(() => res.end('slow'));
    else res.end('ok');
  });
  const pool = new Pool(legacy.url, { connections: 1, pipelining: 1, factory: connection });
  onTestFinished(() => pool.destroy());
  const outcome = (path: string, headers: string[] = []): Promise<number | string> =>
    pool.request({ path, method: 'GET', headers }).then(
      async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      },
      (error: Error) => error.name,
    );
  const twice = ['host', 'a', 'host', 'b'];
  const slow = outcome('/slow');
  await until(() => held.length === 1);
  const waiting = ['/bad', '/bad', '/good', '/bad', '/good'].map((path) => outcome(path, path === '/bad' ? twice : []));
  held[0]?.();
  expect(await slow).toBe(200);
  const refused = 'InvalidArgumentError';
  expect(await Promise.all(waiting)).toEqual([refused, refused, 200, refused, 200]);
  for (let index = 0; index < 3; index += 1) {
    expect(await outcome('/bad', twice)).toBe(refused);
    expect(await outcome('/good')).toBe(200);
  }
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
