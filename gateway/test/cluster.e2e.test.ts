import { readFile, rename, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  answerTo,
  ask,
  noise,
  observed,
  open,
  sha256,
  until,
  upstream,
  wire,
  type Answer,
  type Upstream,
} from './front.ts';
import { banyan } from './program.ts';
import { startProcess, type Standalone } from './standalone.ts';

// A facade of several processes: what callers notice of a worker's death (nothing, but for the requests in its hands), of a
// renewal (nothing), of a flip (all of it at once).

const WORKERS = ['--workers', '2'];

const alone = (legacy: string, more = ''): string =>
  `version: 1\nupstreams: { legacy: '${legacy}' }\ndefault: legacy\n${more}`;

interface Row {
  readonly worker: string;
  readonly pid: number;
  readonly phase: string;
  readonly generation: number | null;
  readonly connections: number;
}

async function status({ adminUrl }: Standalone): Promise<{ generation: number; workers: readonly Row[] }> {
  const { body } = await ask(`${adminUrl}/api/status`);
  return JSON.parse(body.toString()) as { generation: number; workers: readonly Row[] };
}

const serving = async (facade: Standalone): Promise<readonly Row[]> =>
  (await status(facade)).workers.filter(({ phase, generation }) => phase === 'serving' && generation !== null);

/** The sum of a counter over its rows. */
const counted = ({ adminUrl }: Standalone): Promise<number> => observed(adminUrl).ended();

/** Asks without a pause on as many connections as given, until told to stop; what came of each request. */
function load(
  url: string,
  { callers, keepAlive }: { readonly callers: number; readonly keepAlive: boolean },
): { readonly stop: () => Promise<void>; readonly answered: () => number; readonly failed: string[] } {
  const agent = new Agent({ keepAlive, maxSockets: callers });
  let over = false;
  let answered = 0;
  const failed: string[] = [];
  const one = async (): Promise<void> => {
    while (!over) {
      try {
        const { status: code, whole } = await ask(url, { agent });
        if (code === 200 && whole) answered += 1;
        else failed.push(`${code} ${whole ? 'whole' : 'cut'}`);
      } catch (error) {
        failed.push(String(error));
      }
    }
  };
  const all = Array.from({ length: callers }, one);
  const stop = async (): Promise<void> => {
    over = true;
    await Promise.all(all);
    agent.destroy();
  };
  onTestFinished(stop);
  return { stop, answered: () => answered, failed };
}

const ok = (): Promise<Upstream> =>
  upstream((req, res) => {
    req.resume().once('end', () => res.end('ok'));
  });

describe('several workers', () => {
  test('serve one port, and are told as one: counts add up, and stay when a worker is gone', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    for (let index = 0; index < 40; index += 1) expect((await ask(`${facade.url}/${index}`)).status).toBe(200);
    const rows = await serving(facade);
    expect(rows.map(({ worker, generation }) => [worker, generation])).toEqual([
      ['1', 1],
      ['2', 1],
    ]);
    expect(await counted(facade)).toBe(40);
    const told = await banyan(['status', '--admin', new URL(facade.adminUrl).host]);
    for (const { worker, pid } of rows) expect(told.out).toMatch(new RegExp(`^${worker} +${pid} +serving +1 `, 'm'));
    const { metric } = observed(facade.adminUrl);
    expect(await metric('banyan_workers')).toBe(2);
    expect(await metric('banyan_worker_crashes_total')).toBe(0);
    expect(await metric('banyan_request_duration_seconds_count{route="default",side="legacy"}')).toBe(40);
    for (const worker of ['1', '2', 'primary'])
      expect(await metric(`process_resident_memory_bytes{worker="${worker}"}`)).toBeGreaterThan(1e6);

    process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    await until(async () => (await metric('banyan_worker_crashes_total')) === 1);
    expect(await counted(facade)).toBe(40);
    await until(async () => (await serving(facade)).length === 2);
    for (let index = 0; index < 10; index += 1) await ask(facade.url);
    expect(await counted(facade)).toBe(50);
    expect(await facade.running.stop()).toBe(0);
  });

  test('count a worker once that dies while another is slow to answer a scrape', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    for (let index = 0; index < 20; index += 1) await ask(facade.url);
    expect(await counted(facade)).toBe(20);
    const [one, other] = await serving(facade);
    process.kill(other?.pid ?? 0, 'SIGSTOP');
    const scrape = counted(facade);
    // It has said its figures by the time that the primary answers something else, and dies while the other is waited for.
    await ask(`${facade.adminUrl}/healthz`);
    process.kill(one?.pid ?? 0, 'SIGKILL');
    const told = await scrape;
    process.kill(other?.pid ?? 0, 'SIGCONT');
    expect(told).toBe(20);
    expect(await facade.running.stop()).toBe(0);
  });

  test('share connections evenly', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    await Promise.all(Array.from({ length: 20 }, () => ask(facade.url, { agent })));
    expect((await serving(facade)).map(({ connections }) => connections)).toEqual([10, 10]);
    agent.destroy();
    await until(async () => (await serving(facade)).every(({ connections }) => connections === 0));
  });

  test('meet callers as one process does: bodies both ways, other protocols, heads that do not come', async () => {
    const body = noise(3_000_000);
    const legacy = await upstream((req, res) => {
      if (req.method !== 'POST') return void res.end('ok');
      res.writeHead(200);
      req.pipe(res);
    });
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const answer = await ask(`${facade.url}/echo`, { method: 'POST', body });
    expect(answer.sha256).toBe(sha256(body));

    // A protocol that the facade does not speak: the request is read again as an ordinary one, on the same connection.
    const other = await wire(facade.port);
    other.send('GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n');
    await other.sees(/HTTP\/1\.1 200 /);

    const slow = await wire(facade.port);
    slow.send('GET / HTTP/1.1\r\nHost:');
    expect(await slow.closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('one that is killed takes along nothing but the requests in its hands', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const callers = 8;
    const fresh = load(`${facade.url}/fresh`, { callers, keepAlive: false });
    for (let round = 1; round <= 5; round += 1) {
      const before = fresh.answered();
      await until(() => fresh.answered() > before + 50);
      const [row] = await serving(facade);
      process.kill(row?.pid ?? 0, 'SIGKILL');
      await until(async () => {
        const rows = await serving(facade);
        return rows.length === 2 && rows.every(({ pid }) => pid !== row?.pid);
      }, 30_000);
    }
    await fresh.stop();
    // Each of them had at most as many requests in its hands as there are callers.
    process.stdout.write(`5 workers killed: ${fresh.answered()} answered, ${fresh.failed.length} failed\n`);
    expect(fresh.failed.length).toBeLessThanOrEqual(5 * callers);
    expect(fresh.failed.filter((what) => !/socket hang up|ECONNRESET/.test(what))).toEqual([]);
  });

  test(
    'a renewal under load loses no request, on kept connections and on fresh ones',
    { timeout: 120_000 },
    async () => {
      const legacy = await ok();
      const facade = await startProcess(alone(legacy.url), WORKERS);
      const before = await serving(facade);
      const kept = load(`${facade.url}/kept`, { callers: 8, keepAlive: true });
      const fresh = load(`${facade.url}/fresh`, { callers: 4, keepAlive: false });
      await until(() => kept.answered() > 100 && fresh.answered() > 100);
      process.kill(facade.running.pid, 'SIGUSR2');
      await facade.running.line(/every worker has been replaced/);
      const rows = await serving(facade);
      expect(rows.map(({ worker }) => worker).toSorted()).toEqual(['1', '2']);
      expect(rows.filter(({ pid }) => before.some((old) => old.pid === pid))).toEqual([]);
      await Promise.all([kept.stop(), fresh.stop()]);
      process.stdout.write(`renewed: ${kept.answered()} kept and ${fresh.answered()} fresh answered\n`);
      expect([...kept.failed, ...fresh.failed]).toEqual([]);
      expect(await counted(facade)).toBe(kept.answered() + fresh.answered());
      expect(await facade.running.stop()).toBe(0);
    },
  );

  test('a request that is under way when its worker is renewed comes to its end', async () => {
    let finish: () => void = () => undefined;
    const legacy = await upstream((_req, res) => {
      res.write('half ');
      finish = () => res.end('whole');
    });
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const answers: Promise<Answer>[] = [ask(`${facade.url}/stream`)];
    await until(() => legacy.seen.length === 1);
    process.kill(facade.running.pid, 'SIGUSR2');
    await until(async () => (await status(facade)).workers.some(({ phase }) => phase === 'leaving'));
    finish();
    expect((await answers[0])?.whole).toBe(true);
    await facade.running.line(/every worker has been replaced/);
  });

  test('a flip is in force in each of them within a second, and by the time PATCH has answered', async () => {
    const legacy = await upstream((_req, res) => res.end('legacy'));
    const orders = await upstream((_req, res) => res.end('new'));
    const yaml = (stage: string): string =>
      `version: 1\nupstreams: { legacy: '${legacy.url}', orders: '${orders.url}' }\ndefault: legacy\n` +
      `routes:\n  get: { match: GET /o, new: orders, stage: ${stage} }\n`;
    const facade = await startProcess(yaml('legacy'), WORKERS);
    const each = async (): Promise<readonly string[]> =>
      (await Promise.all(Array.from({ length: 8 }, () => ask(`${facade.url}/o`)))).map(({ body }) => body.toString());
    expect(await each()).toEqual(Array(8).fill('legacy'));
    const headers = { 'content-type': 'application/json' };
    for (const stage of ['new', 'legacy', 'new']) {
      const body = JSON.stringify({ stage });
      const { status: code } = await ask(`${facade.adminUrl}/api/routes/get`, { method: 'PATCH', headers, body });
      expect([code, await each()]).toEqual([200, Array(8).fill(stage)]);
    }
    const generation = (await status(facade)).generation;
    await writeFile(`${facade.file}.next`, yaml('legacy'));
    await rename(`${facade.file}.next`, facade.file);
    const begun = performance.now();
    await until(async () => (await status(facade)).generation > generation);
    process.stdout.write(`in force after ${Math.round(performance.now() - begun)} ms\n`);
    expect((await serving(facade)).map((row) => row.generation)).toEqual([generation + 1, generation + 1]);
    expect(await each()).toEqual(Array(8).fill('legacy'));
  });

  test('a worker that is replaced while the file is broken serves by the last good one', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    await writeFile(facade.file, 'version: 7\n');
    await facade.running.line(/routing file rejected/);
    for (const { pid } of await serving(facade)) process.kill(pid, 'SIGKILL');
    // Nobody is left for a moment: who asks then waits, and is served.
    expect((await ask(facade.url)).status).toBe(200);
    expect((await serving(facade)).every(({ generation }) => generation === 1)).toBe(true);
  });

  test('SIGHUP reads the file again, and leaves pools and breakers alone that it does not change', async () => {
    const legacy = await ok();
    const broken = await upstream((_req, res) => res.writeHead(500).end());
    const yaml = (stage: string): string =>
      `version: 1\nupstreams:\n  legacy: '${legacy.url}'\n  orders: { url: '${broken.url}', breaker: { errors: 50%, volume: 4, window: 60s, reset: 60s } }\n` +
      `default: legacy\nroutes:\n  get: { match: GET /o, new: orders, stage: ${stage}, fallback: never }\n`;
    const facade = await startProcess(yaml('new'), WORKERS);
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    onTestFinished(() => agent.destroy());
    const { metric } = observed(facade.adminUrl);
    await until(async () => {
      await ask(`${facade.url}/o`, { agent });
      return (await metric('banyan_breaker_state{upstream="orders"}')) === 2;
    });
    await Promise.all([ask(facade.url, { agent }), ask(facade.url, { agent })]);
    const before = [...legacy.sockets];
    const text = await readFile(facade.file, 'utf8');
    await writeFile(facade.file, `${text}# the same, said again\n`);
    process.kill(facade.running.pid, 'SIGHUP');
    await facade.running.line(/routing file accepted/);
    expect(await metric('banyan_breaker_state{upstream="orders"}')).toBe(2);
    await Promise.all([ask(facade.url, { agent }), ask(facade.url, { agent })]);
    expect([...legacy.sockets].filter((socket) => !before.includes(socket))).toEqual([]);
  });

  test('told to stop they finish what they have in hand; a signal to all of the group is no other than one to the primary', async () => {
    const finish: (() => void)[] = [];
    const legacy = await upstream((_req, res) => void finish.push(() => res.end('done')));
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const waiting = [ask(`${facade.url}/a`), ask(`${facade.url}/b`)];
    await until(() => finish.length === 2);
    for (const { pid } of await serving(facade)) process.kill(pid, 'SIGTERM');
    const stopped = facade.running.stop();
    await until(async () => (await ask(`${facade.adminUrl}/readyz`)).status === 503);
    await expect(ask(facade.url)).rejects.toThrow(/ECONNREFUSED/);
    for (const end of finish) end();
    expect((await Promise.all(waiting)).map(({ body, headers }) => [body.toString(), headers.connection])).toEqual(
      Array(2).fill(['done', 'close']),
    );
    expect(await stopped).toBe(0);
  });

  test('end with their primary, however it ends', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), WORKERS);
    const rows = await serving(facade);
    await facade.running.stop('SIGKILL');
    const lives = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await until(() => rows.every(({ pid }) => !lives(pid)));
    expect(rows.length).toBe(2);
  });

  test('one that cannot come up ends the start with exit code 2', async () => {
    const options = {
      env: { NODE_OPTIONS: '--import=data:text/javascript,if(process.send)process.exit(7)' },
    };
    await expect(startProcess(alone('http://127.0.0.1:9'), WORKERS, options)).rejects.toThrow(
      /worker \d of 2 could not come up: exit code 7/,
    );
  });
});

describe('the end of a process', () => {
  test('waits for load balancers to look, when it is told how long they take', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url), ['--drain-delay', '2s']);
    const begun = performance.now();
    const stopped = facade.running.stop();
    await until(async () => (await ask(`${facade.adminUrl}/readyz`)).status === 503);
    // Still taken, on a connection that is not to be kept.
    const answer = await ask(facade.url, { agent: new Agent({ keepAlive: true }) });
    expect([answer.status, answer.headers.connection]).toEqual([200, 'close']);
    expect(await stopped).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(1_900);
  });

  test('is at once when a second signal comes', async () => {
    const legacy = await upstream(() => undefined);
    for (const more of [[], WORKERS]) {
      legacy.seen.length = 0;
      const facade = await startProcess(alone(legacy.url), more);
      const outgoing = open(facade.url);
      outgoing.end();
      const cut = answerTo(outgoing).catch(() => 'cut');
      await until(() => legacy.seen.length === 1);
      process.kill(facade.running.pid, 'SIGTERM');
      await until(async () => (await ask(`${facade.adminUrl}/readyz`)).status === 503);
      const begun = performance.now();
      expect(await facade.running.stop('SIGINT')).toBeNull();
      expect(performance.now() - begun).toBeLessThan(3_000);
      expect(await cut).toBe('cut');
    }
  });

  test('SIGUSR2 to a facade without workers says that there are none', async () => {
    const legacy = await ok();
    const facade = await startProcess(alone(legacy.url));
    process.kill(facade.running.pid, 'SIGUSR2');
    await facade.running.line(/there are no workers to replace/);
    expect((await ask(facade.url)).status).toBe(200);
  });
});
