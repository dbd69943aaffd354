/** The supervisor with runs that the test ends as it likes; real processes are in stack.e2e.test.ts. */
import type { Phase } from '@banyan/stack/core/restart';
import type { End, Run } from '@banyan/stack/run';
import { supervise, type Supervised } from '@banyan/stack/supervisor';
import { beforeEach, expect, test, vi } from 'vitest';

interface Script extends Run {
  serve(): void;
  end(end: End): void;
}

let runs: Script[];
let lines: string[];
let phase: Phase;

beforeEach(() => {
  runs = [];
  lines = [];
  phase = 'starting';
});

function script(): Script {
  let serve = (_serves: boolean): void => undefined;
  let end = (_end: End): void => undefined;
  const ready = new Promise<boolean>((resolve) => (serve = resolve));
  const ended = new Promise<End>((resolve) => (end = resolve));
  const stop = async (): Promise<void> => end({ code: 0, signal: null });
  const run: Script = {
    ready,
    ended,
    tail: () => ['its last line'],
    reason: () => null,
    status: () => `run ${runs.length}`,
    stop,
    kill: () => end({ code: null, signal: 'SIGKILL' }),
    serve: () => serve(true),
    end: (how) => {
      serve(false);
      end(how);
    },
  };
  runs.push(run);
  return run;
}

function start(): Supervised {
  return supervise({ name: 'it', start: script, phase: () => phase, print: (line) => lines.push(line) });
}

async function nth(count: number): Promise<Script> {
  return vi.waitUntil(() => runs[count - 1], { timeout: 10_000 });
}

test('it is ready once its run serves', async () => {
  const it = start();
  (await nth(1)).serve();
  await it.ready;
  expect(it.status()).toBe('run 1');
  await it.stop();
  expect(runs).toHaveLength(1);
});

test('a run that ends is followed by another, and that it serves again is told', async () => {
  const it = start();
  (await nth(1)).end({ code: 1, signal: null });
  (await nth(2)).serve();
  await it.ready;
  await it.stop();
  expect(lines).toEqual(['it ended (exit code 1), end 1 in a row; next try in 0.25 s', 'it serves again']);
});

test('who is stopped while it waits for its next try does not get it', async () => {
  const it = start();
  (await nth(1)).end({ code: 1, signal: null });
  await vi.waitUntil(() => lines.length === 1);
  await it.stop();
  expect(runs).toHaveLength(1);
});

test('an end that was asked for is no crash', async () => {
  const it = start();
  (await nth(1)).serve();
  await it.ready;
  it.kill();
  await it.stop();
  expect(lines).toEqual([]);
  expect(runs).toHaveLength(1);
});

test('who could not start is given up, with the last lines', async () => {
  const it = start();
  (await nth(1)).end({ code: 2, signal: null });
  await expect(it.gaveUp).resolves.toMatchObject({
    code: 'STACK_SERVICE_FAILED',
    message: 'it could not start (exit code 2):\n  its last line',
  });
  await it.stop();
});

test('the phase that counts is that of the end, not that of the start', async () => {
  const it = start();
  const first = await nth(1);
  phase = 'up';
  first.end({ code: 2, signal: null });
  await nth(2);
  await it.stop();
  expect(lines).toHaveLength(1);
});
