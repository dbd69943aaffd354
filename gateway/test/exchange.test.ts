import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Ration } from '@banyan/gateway/core/ration';
import { buildFacade } from '@banyan/gateway/facade';
import { Generations } from '@banyan/gateway/generation';
import { Metrics } from '@banyan/gateway/metrics';
import { readRouting } from '@banyan/gateway/routing';
import { Verdicts } from '@banyan/gateway/shadow/compare';
import { Shadows } from '@banyan/gateway/shadow/shadows';
import { ask, nobody, until, upstream, type Handler } from './front.ts';

// Lines of failures in a second.
const FAILURES = 3;

// What the access log says of how a request ended.

type Line = Readonly<Record<string, unknown>>;

async function logged(
  handler: Handler | null,
  sample: number,
  more = '',
): Promise<{ url: string; lines: readonly Line[]; metrics: () => Promise<string> }> {
  const legacy = handler === null ? await nobody() : (await upstream(handler)).url;
  const loaded = readRouting(
    `version: 1\nupstreams: { legacy: '${legacy}' }\ndefault: legacy\n${more}`,
    {},
    '2026-01-01',
  );
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems));
  const generations = await Generations.open(loaded, 0);
  const metrics = new Metrics();
  const lines: Line[] = [];
  const log = pino(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Line);
        done();
      },
    }),
  );
  const app = buildFacade({
    generations,
    observer: { metrics, log, sample, failures: new Ration(FAILURES), closing: () => false },
    shadows: new Shadows({ metrics, log, comparer: new Verdicts(metrics, log), out: () => false }),
    publicUrl: () => 'http://facade.example',
    idleMs: 10_000,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await app.close();
    generations.fleet.destroy();
  });
  return { url, lines, metrics: () => metrics.text(generations) };
}

const WARN = 40;
const INFO = 30;

test('an answer that was cut off in the middle is logged as such, sampled or not', async () => {
  const { url, lines } = await logged((_req, res) => {
    res.writeHead(200, { 'content-length': 100 });
    res.write('half', () => res.destroy());
  }, 0);
  const answer = await ask(`${url}/a?secret=1`);
  expect([answer.status, answer.whole]).toEqual([200, false]);
  await until(() => lines.length > 0);
  expect(lines).toEqual([
    expect.objectContaining({
      level: WARN,
      msg: 'answered',
      method: 'GET',
      path: '/a',
      status: 200,
      code: 'GW_UPSTREAM_BROKEN',
      route: 'default',
      side: 'legacy',
      because: 'default',
      requestId: answer.headers['x-request-id'],
    }),
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});

test('every 5xx is logged: the one of an upstream without a code, the one of the facade with its own', async () => {
  const broken = await logged((_req, res) => res.writeHead(503).end(), 0);
  await ask(`${broken.url}/a`);
  await until(() => broken.lines.length > 0);
  expect(broken.lines).toEqual([expect.objectContaining({ level: WARN, status: 503, side: 'legacy' })]);
  expect(broken.lines[0]).not.toHaveProperty('code');

  const down = await logged(null, 0);
  await ask(`${down.url}/a`);
  await until(() => down.lines.length > 0);
  expect(down.lines).toEqual([
    expect.objectContaining({ level: WARN, status: 502, side: 'none', code: 'GW_UPSTREAM_UNREACHABLE' }),
  ]);
});

test('of a storm of failures so many have lines, the sample of the others, and the next line says how many had none', async () => {
  const { url, lines, metrics } = await logged((_req, res) => res.writeHead(503).end(), 0);
  let asked = 0;
  // Until one second has had more than it may, and another has begun.
  await until(async () => {
    await ask(`${url}/a`);
    asked += 1;
    return lines.some((line) => 'untold' in line);
  });
  const told = lines.filter(({ msg }) => msg === 'answered').length;
  const untold = lines.reduce((sum, line) => sum + Number('untold' in line ? line['untold'] : 0), 0);
  expect(told).toBeGreaterThan(FAILURES);
  expect(told + untold).toBe(asked);
  // By legacy, and by its breaker once that is open.
  const counted = (await metrics()).matchAll(/^banyan_requests_total\{.*status="503".*\} (\d+)$/gm);
  expect([...counted].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(asked);
});

test('what went well, and what its caller did wrong, is logged as often as the sample says, and always counted', async () => {
  const routes = 'routes:\n  g: { match: GET /gone, stage: gone }\n';
  for (const sample of [0, 1]) {
    const { url, lines, metrics } = await logged((_req, res) => res.end('ok'), sample, routes);
    await ask(`${url}/a`);
    await ask(`${url}/gone`);
    await until(async () => {
      const text = await metrics();
      return text.includes('status="200",because="default"} 1') && text.includes('status="410",because="gone"} 1');
    });
    expect(lines.map(({ level, status }) => [level, status])).toEqual(
      sample === 0
        ? []
        : [
            [INFO, 200],
            [INFO, 410],
          ],
    );
  }
});
