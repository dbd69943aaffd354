import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { free } from '../../test/support/free.ts';
import { ask, until, upstream, type Upstream } from './front.ts';
import { startProcess, type Standalone } from './standalone.ts';

// Two facades behind a load balancer, as docs/operations.md has them: what callers notice when one is killed, and when both are
// restarted in turn. The load is an open loop: a request leaves every few milliseconds, whatever became of those before.

const missing = spawnSync('haproxy', ['-v']).status !== 0;
if (missing && process.env['CI'] === 'true') throw new Error('haproxy is not installed: .ci/run installs it');
if (missing)
  process.stdout.write('skipped: two facades behind haproxy, which is not installed (apt-get install haproxy)\n');

const EVERY_MS = 1_000 / 300;
// How long an upstream takes: so that a killed facade has some requests in its hands.
const WORK_MS = 20;
// Longer than haproxy needs to see that `readyz` says 503: two checks, 200 ms apart, on a busy machine.
const DRAIN_DELAY = '2s';

const configuration = (port: number, facades: readonly Standalone[]): string => `
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch 1
frontend in
  bind 127.0.0.1:${port}
  default_backend facades
backend facades
  balance roundrobin
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
  default-server check inter 200ms fall 1 rise 1
${facades.map(({ port: own, adminUrl }, at) => `  server facade${at} 127.0.0.1:${own} check port ${new URL(adminUrl).port}`).join('\n')}
`;

interface Sent {
  readonly id: string;
  readonly at: number;
  ended: number;
  /** `ok`, or what came instead. */
  outcome: string;
}

interface Setup {
  readonly url: string;
  readonly facades: Standalone[];
  /** One for each facade: they tell which requests each had in its hands. */
  readonly behind: readonly Upstream[];
  readonly start: (at: number, ports: readonly [number, number]) => Promise<Standalone>;
}

async function balanced(): Promise<Setup> {
  const answering = (): Promise<Upstream> =>
    upstream((req, res) => {
      req.resume().once('end', () => setTimeout(() => res.end('ok'), WORK_MS));
    });
  const behind = await Promise.all([answering(), answering()]);
  const start = (at: number, ports?: readonly [number, number]): Promise<Standalone> =>
    startProcess(
      `version: 1\nupstreams: { legacy: '${behind[at]?.url ?? ''}' }\ndefault: legacy\n`,
      ['--drain-delay', DRAIN_DELAY],
      ports === undefined ? {} : { ports },
    );
  const facades = [await start(0), await start(1)];
  const port = await free();
  const folder = await mkdtemp(join(tmpdir(), 'banyan-haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, configuration(port, facades));
  const haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  onTestFinished(async () => {
    if (haproxy.exitCode === null && haproxy.signalCode === null) {
      haproxy.kill('SIGKILL');
      await once(haproxy, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  // Both are known to be up when each has been asked.
  await until(async () => {
    await ask(url).catch(() => undefined);
    return behind.every(({ seen }) => seen.length > 0);
  });
  return { url, facades, behind, start };
}

/** Sends a request every few milliseconds until told to stop; late ones are made up for. */
function openLoop(url: string): { readonly sent: readonly Sent[]; readonly stop: () => Promise<void> } {
  const agent = new Agent({ keepAlive: true });
  const sent: Sent[] = [];
  const under = new Set<Promise<void>>();
  const begun = performance.now();
  const send = (): void => {
    const one: Sent = { id: `r-${sent.length}`, at: performance.now(), ended: Infinity, outcome: 'never' };
    sent.push(one);
    const asking = ask(url, { agent, headers: { 'x-request-id': one.id } })
      .then(
        ({ status, whole }) => (one.outcome = status === 200 && whole ? 'ok' : `${status} ${whole ? 'whole' : 'cut'}`),
      )
      .catch((error: unknown) => (one.outcome = String(error)))
      .then(() => {
        one.ended = performance.now();
        under.delete(asking);
      });
    under.add(asking);
  };
  const timer = setInterval(() => {
    while (sent.length * EVERY_MS < performance.now() - begun) send();
  }, 1);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    await Promise.all(under);
    agent.destroy();
  };
  onTestFinished(stop);
  return { sent, stop };
}

const failures = (sent: readonly Sent[]): readonly Sent[] => sent.filter(({ outcome }) => outcome !== 'ok');

const tell = (what: string, sent: readonly Sent[]): void => {
  const failed = failures(sent);
  process.stdout.write(
    `${what}: ${sent.length} sent, ${failed.length} failed ${failed.map(({ outcome }) => outcome).join(', ')}\n`,
  );
};

describe.skipIf(missing)('two facades behind haproxy, 300 requests a second', () => {
  test('one that is killed fails the requests in its hands, and no other', async () => {
    const { url, facades, behind } = await balanced();
    const { sent, stop } = openLoop(url);
    await until(() => sent.length > 600);
    const killed = facades[0];
    await killed?.running.stop('SIGKILL');
    const dead = performance.now();
    await until(() => sent.filter(({ at }) => at > dead).length > 900);
    await stop();
    tell('killed', sent);
    const failed = failures(sent);
    // In its hands: on their way when it died, and with it, as its own upstream saw them come; or between the two.
    const reached = new Set(behind[1]?.seen.map(({ headers }) => headers['x-request-id']));
    expect(failed.filter(({ at }) => at > dead)).toEqual([]);
    expect(failed.filter(({ id }) => reached.has(id))).toEqual([]);
    const under = sent.filter(({ at, ended }) => at <= dead && ended > dead - WORK_MS * 10);
    expect(failed.every((one) => under.includes(one))).toBe(true);
    // Some must have been there, or nothing was shown.
    expect(behind[0]?.seen.length).toBeGreaterThan(100);
  });

  test('a restart of both, one after the other, fails none', async () => {
    const { url, facades, behind, start } = await balanced();
    const { sent, stop } = openLoop(url);
    await until(() => sent.length > 300);
    for (const at of [0, 1]) {
      const old = facades[at];
      if (old === undefined) throw new Error('there are two');
      expect(await old.running.stop()).toBe(0);
      await start(at, [old.port, Number(new URL(old.adminUrl).port)]);
      const seen = behind[at]?.seen.length ?? 0;
      // The balancer has seen that it is back.
      await until(() => (behind[at]?.seen.length ?? 0) > seen + 100);
    }
    await stop();
    tell('restarted', sent);
    expect(failures(sent)).toEqual([]);
  });
});
