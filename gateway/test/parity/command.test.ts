import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parity } from '@banyan/gateway/command/parity';
import { json, listen, listener, type Handler, type Scripted } from './sides.ts';

let folder = '';
const open: Scripted[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-parity-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((side) => side.close()));
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command against two scripted sides. */
async function runOn(
  control: Handler,
  candidate: Handler,
  corpus: string,
  ...flags: string[]
): ReturnType<typeof started> {
  const [one, other] = await Promise.all([listen(control), listen(candidate)]);
  open.push(one, other);
  const routing = `
version: 1
upstreams: { legacy: '${one.url}', orders: '${other.url}' }
default: legacy
routes:
  order-get: { match: 'GET /api/orders/:orderId', stage: legacy, new: orders }
differences:
  money:
    routes: [order-get]
    at: $.total
    allow: same number
    why: the monolith prints numbers
    owner: orders-team
    until: 2999-06-30
`;
  await writeFile(join(folder, 'routing.yaml'), routing);
  await writeFile(join(folder, 'a.http'), corpus);
  return started('run', '--corpus', folder, '--routing', join(folder, 'routing.yaml'), ...flags);
}

async function started(
  ...args: string[]
): Promise<{ code: number; said: readonly string[]; complained: readonly string[] }> {
  const terminal = listener();
  const code = await parity(args, terminal);
  return { code, said: terminal.said, complained: terminal.complained };
}

const bodies =
  (...texts: string[]): Handler =>
  (req, res) =>
    json(res, texts[Number(req.url?.split('/').at(-1))] ?? '{}');

const THREE = '### one\nGET /api/orders/0\n### two\nGET /api/orders/1\n### three\nGET /api/elsewhere';
const control = bodies('{"total":605}', '{"total":9007199254740993,"a":[1,{"b":null}]}');

describe('banyan parity run --json', () => {
  test('prints what the contract says', async () => {
    const candidate = bodies('{"total":"605.00"}', '{"total":9007199254740992,"a":[1,{"b":"x"}]}');
    const { code, said } = await runOn(control, candidate, THREE, '--json');
    expect(code).toBe(1);
    expect(said).toHaveLength(1);
    // A number beyond 2^53 comes out with all its digits.
    expect(said[0]).toContain('"control":9007199254740993,"candidate":9007199254740992');
    expect(JSON.parse(said[0] ?? '')).toEqual({
      summary: { match: 0, declared: 1, noise: 0, stale: 0, mismatch: 1, error: 0, skipped: 1 },
      skipped: { 'no route': 1 },
      results: [
        {
          name: 'one',
          route: 'order-get',
          verdict: 'declared',
          differences: [{ path: '$.total', kind: 'type', control: 605, candidate: '605.00', excusedBy: 'money' }],
        },
        {
          name: 'two',
          route: 'order-get',
          verdict: 'mismatch',
          differences: [
            {
              path: '$.total',
              kind: 'changed',
              control: 9007199254740992,
              candidate: 9007199254740992,
              excusedBy: null,
            },
            { path: '$.a[1].b', kind: 'type', control: null, candidate: 'x', excusedBy: null },
          ],
        },
        { name: 'three', route: 'default', verdict: 'skipped', differences: [], because: 'no route' },
      ],
    });
  });

  test('cuts long values', async () => {
    const long = (letter: string): Handler => bodies(JSON.stringify({ total: letter.repeat(100_000) }));
    const { said } = await runOn(long('a'), long('b'), 'GET /api/orders/0', '--json');
    expect(said[0]?.length).toBeLessThan(10_000);
    expect(said[0]).toContain('aaa…');
  });
});

describe('banyan parity run', () => {
  test('prints a line for each request that is no plain match, and the sums', async () => {
    const candidate = bodies('{"total":"605.00"}', '{"total":1,"a":[1]}');
    const { code, said } = await runOn(control, candidate, THREE);
    expect(code).toBe(1);
    const file = join(folder, 'a.http');
    expect(said).toEqual([
      `declared  order-get        one  ${file}:2`,
      '          excused: money 1',
      `mismatch  order-get        two  ${file}:4`,
      '          changed  $.total  9007199254740993 -> 1',
      '          missing  $.a[1]  {"b":null} -> nothing',
      `skipped: no route default          three  ${file}:6`,
      '',
      '3 requests: declared 1, mismatch 1, skipped 1',
      'skipped: no route 1',
      'excused by: money 1',
    ]);
  });

  test('shows control characters of an answer as escapes', async () => {
    const { said } = await runOn(bodies('{"a":"\\u001b[31m\\u202e"}'), bodies('{"a":1}'), 'GET /api/orders/0');
    // eslint-disable-next-line no-control-regex -- What must not be there.
    expect(said.join('\n')).not.toMatch(/[\u001b\u202e]/);
    expect(said.join('\n')).toContain('\\u001b[31m\\u{202e}');
  });

  test.each<[string, Handler, Handler, string, number]>([
    ['0 when all match', control, control, 'GET /api/orders/0', 0],
    ['0 when what differs is declared', control, bodies('{"total":"605.0"}'), 'GET /api/orders/0', 0],
    ['0 when some were skipped and the rest match', control, control, '### a\nGET /api/orders/0\n### b\nGET /x', 0],
    ['1 on an error', control, (_, res) => json(res, '{}', 500), 'GET /api/orders/0', 1],
    ['1 when nothing was compared', control, control, 'GET /x', 1],
  ])('exits %s', async (...[, one, other, corpus, code]) => {
    expect((await runOn(one, other, corpus)).code).toBe(code);
  });
});

describe('used wrongly', () => {
  test.each([
    [['run'], '--corpus is missing'],
    [['run', '--corpus', '.', '--repeat', '0'], '--repeat takes a number from 1 to 10'],
    [['run', '--corpus', '.', '--repeat', '2x'], '--repeat takes a number'],
    [['run', '--corpus', '.', '--concurrency', '1000'], '--concurrency takes a number from 1 to 64'],
    [['run', '--corpus', '.', '--writes'], '--writes is not supported yet'],
    [['run', '--corpus', '.', '--nonsense'], '--nonsense'],
    [['run', '--corpus', '.', 'word'], 'one argument too many'],
    [['record'], 'banyan parity record is not supported yet'],
    [['dance'], 'banyan parity has no command "dance"'],
    [[], 'banyan parity has no command ""'],
  ])('%j exits 2: %s', async (args, message) => {
    const { code, complained } = await started(...args);
    expect(code).toBe(2);
    expect(complained.join('\n')).toContain(message);
    expect(complained.join('\n')).toContain('usage: banyan parity run --corpus PATH');
  });

  test('a routing file that is not valid exits 2, with its problems', async () => {
    await writeFile(join(folder, 'routing.yaml'), 'version: 1\n');
    await writeFile(join(folder, 'a.http'), 'GET /');
    const { code, complained } = await started('run', '--corpus', folder, '--routing', join(folder, 'routing.yaml'));
    expect(code).toBe(2);
    expect(complained.join('\n')).toContain('error');
  });

  test('a corpus that is not understood, and a control that is down, are thrown for the command to say', async () => {
    const ok: Handler = (_, res) => json(res, '{}');
    await expect(runOn(ok, ok, 'GOT')).rejects.toMatchObject({ code: 'GW_BAD_CORPUS' });
    const down = await listen(ok);
    await down.close();
    await writeFile(
      join(folder, 'routing.yaml'),
      `version: 1\nupstreams: { legacy: '${down.url}', orders: '${down.url}' }\ndefault: legacy\nroutes:\n  a: { match: GET /a, stage: legacy, new: orders }\n`,
    );
    await writeFile(join(folder, 'a.http'), 'GET /a');
    const run = started('run', '--corpus', folder, '--routing', join(folder, 'routing.yaml'));
    await expect(run).rejects.toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' });
  });
});
