import { once } from 'node:events';
import { Agent, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ask, noise, observed, open, until, upstream, wire } from './front.ts';
import { startProcess } from './standalone.ts';

// The facade as a process of its own: what it takes of memory, and how it ends.

const alone = (legacy: string): string =>
  `version: 1\nupstreams: { legacy: { url: "${legacy}", timeout: { headers: 60s, body: 60s } } }\ndefault: legacy\n`;

describe('a process', () => {
  const rss = async (adminUrl: string): Promise<number> =>
    (await observed(adminUrl).metric('process_resident_memory_bytes')) ?? NaN;

  test.each(['up', 'down'])('streams 200 MiB %s in flat memory', { timeout: 60_000 }, async (way) => {
    const piece = noise(1024 * 1024);
    const pieces = 200;
    const legacy = await upstream((req, res) => {
      if (way === 'up') return void req.resume().once('end', () => res.end('ok'));
      res.writeHead(200, { 'content-length': piece.length * pieces });
      void pour(res);
    });
    async function pour(to: NodeJS.WritableStream): Promise<void> {
      for (let index = 0; index < pieces; index += 1) if (!to.write(piece)) await once(to, 'drain');
      to.end();
    }
    const { url, adminUrl } = await startProcess(alone(legacy.url));
    await ask(url);
    legacy.seen.length = 0;
    const before = await rss(adminUrl);
    let peak = before;
    let over = false;
    const watching = (async () => {
      while (!over) peak = Math.max(peak, await rss(adminUrl));
    })();
    const outgoing = open(
      `${url}/a`,
      way === 'up' ? { method: 'POST', headers: { 'content-length': piece.length * pieces } } : {},
    );
    let bytes = 0;
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    if (way === 'up') await pour(outgoing);
    else outgoing.end();
    const [incoming] = await answered;
    for await (const chunk of incoming) bytes += (chunk as Buffer).length;
    over = true;
    await watching;
    expect(way === 'up' ? legacy.seen[0]?.bytes : bytes).toBe(piece.length * pieces);
    const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
    process.stdout.write(`200 MiB ${way}: RSS ${megabytes(before)} MB before, ${megabytes(peak)} MB at most\n`);
    expect(peak - before).toBeLessThan(100 * 1024 * 1024);
  });

  test('told to stop finishes what it has in hand, takes nothing new, and exits 0', async () => {
    const finish: (() => void)[] = [];
    const legacy = await upstream((req, res) => {
      if (req.url === '/stream') res.write('half ');
      finish.push(() => res.end('whole'));
    });
    const { running, url, adminUrl, port } = await startProcess(alone(legacy.url));
    const agent = new Agent({ keepAlive: true });
    const waiting = [ask(`${url}/a`, { agent }), ask(`${url}/b`), ask(`${url}/stream`, { agent })];
    await until(() => finish.length === 3);
    const idle = await wire(port);
    const stopped = running.stop();
    await until(async () => (await ask(`${adminUrl}/readyz`)).status === 503);
    await expect(ask(`${url}/new`)).rejects.toThrow(/ECONNREFUSED/);
    await idle.closed;
    // A while later: what is in hand is not hurried.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const end of finish) end();
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status, whole }) => [status, whole])).toEqual(Array(3).fill([200, true]));
    expect(answers.map(({ headers }) => headers.connection)).toEqual(['close', 'close', 'keep-alive']);
    const begun = performance.now();
    expect(await stopped).toBe(0);
    expect(performance.now() - begun).toBeLessThan(3_000);
    agent.destroy();
  });

  test('told to stop exits 0 within ten seconds even with requests that hang', { timeout: 40_000 }, async () => {
    const legacy = await upstream((req, res) => {
      if (req.url === '/stream') res.write('half');
    });
    const { running, url, port } = await startProcess(alone(legacy.url));
    const hanging = [ask(`${url}/a`).catch(() => 'cut'), ask(`${url}/stream`)];
    const sender = await wire(port);
    sender.send('POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf');
    await until(() => legacy.seen.length === 3);
    const begun = performance.now();
    expect(await running.stop()).toBe(0);
    expect(performance.now() - begun).toBeLessThan(10_000);
    const [one, two] = await Promise.all(hanging);
    expect(one).toBe('cut');
    expect(two).toMatchObject({ status: 200, whole: false });
    expect(running.output()).not.toMatch(/uncaught|unhandled/i);
  });
});
