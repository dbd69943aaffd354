/** A canary on real facades: replicas and a restarted one move the same callers, and nobody goes back when the share grows. */
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startProcess } from './standalone.ts';

const KEYS: readonly string[] = Array.from({ length: 2_000 }, (_, n) => `C-${String(n).padStart(6, '0')}`);
const LIMIT_MS = 120_000;

async function upstream(name: string): Promise<string> {
  const server = createServer((_req, res) => void res.end(name));
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Who of `KEYS` is answered by new. */
async function moved(url: string): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const sides = await Promise.all(KEYS.map(async (key) => [key, await sideOf(url, key, agent)] as const));
  agent.destroy();
  return sides.filter(([, side]) => side === 'new').map(([key]) => key);
}

async function sideOf(url: string, key: string, agent: Agent): Promise<string> {
  const asking = get(`${url}/api/orders/1`, { agent, headers: { 'x-customer-id': key } });
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += String(chunk);
  // Who answered says it itself.
  expect([answer.headers['banyan-served-by'], answer.headers['banyan-because']]).toEqual([body, 'canary']);
  return body;
}

test(
  'two replicas, and one that is started again, move the same callers; from 1% to 5%, 25% and 100% nobody moves back',
  async () => {
    const [legacy, orders] = [await upstream('legacy'), await upstream('new')];
    const at = (share: string): string => `version: 1
upstreams: { legacy: '${legacy}', orders: '${orders}' }
default: legacy
routes:
  order-get:
    match: GET /api/orders/:id
    stage: canary ${share}
    new: orders
    sticky: [header:x-customer-id, ip]
`;
    let before: readonly string[] = [];
    for (const share of ['1%', '5%', '25%', '100%']) {
      const first = await startProcess(at(share));
      const second = await startProcess(at(share));
      const here = await moved(first.url);
      expect(await moved(second.url)).toEqual(here);
      await first.running.stop('SIGKILL');
      const again = await startProcess(at(share));
      expect(await moved(again.url)).toEqual(here);
      expect(before.filter((key) => !here.includes(key))).toEqual([]);
      before = here;
      await Promise.all([second, again].map(({ running }) => running.stop('SIGKILL')));
    }
    expect(before).toEqual(KEYS);
  },
  LIMIT_MS,
);
