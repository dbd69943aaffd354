/** The stack with stand-ins for its services (programs/): starting, failing, restarting and stopping, in real processes. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alive as runs } from '@banyan/stack/processes';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { free } from '../../test/support/free.ts';
import { run, type Running } from '../../test/support/processes.ts';

const program = fileURLToPath(new URL('programs/stack.mjs', import.meta.url));
const READY = /^ready http/;
const GONE_LIMIT_MS = 20_000; // The reaper's grace for each of a handful of processes.
let folder: string;
let stacks: Running[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-stack-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  stacks = [];
});
afterEach(async () => {
  for (const stack of stacks) await stack.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Standin {
  readonly name: string;
  readonly args?: readonly string[];
  readonly limitMs?: number;
}

interface Started {
  readonly stack: Running;
  /** Ports by name of service. */
  readonly ports: Readonly<Record<string, number>>;
}

async function start(standins: readonly Standin[], more: Record<string, unknown> = {}): Promise<Started> {
  const services = await Promise.all(standins.map(async (each) => ({ args: [], ...each, port: await free() })));
  const plan = JSON.stringify({ services, dataDir: join(folder, 'data'), ...more });
  const stack = run(process.execPath, [program, plan]);
  stacks.push(stack);
  return { stack, ports: Object.fromEntries(services.map(({ name, port }) => [name, port])) };
}

/** Pids that the processes printed of themselves, in order. */
function pidsIn(output: string, word = 'pid'): number[] {
  return [...output.matchAll(new RegExp(`\\| ${word} (\\d+)$`, 'gm'))].map((match) => Number(match[1]));
}

async function gone(pids: readonly number[]): Promise<void> {
  expect(pids.length).toBeGreaterThan(0);
  await vi.waitFor(() => expect(pids.filter(runs)).toEqual([]), { timeout: GONE_LIMIT_MS, interval: 50 });
}

/** Lines that match, in the order in which they came. */
function linesOf(stack: Running, pattern: RegExp): string[] {
  return stack
    .output()
    .split('\n')
    .filter((line) => pattern.test(line));
}

test('each waits for the one before, and they stop in the reverse order', async () => {
  const { stack } = await start([{ name: 'one' }, { name: 'two' }, { name: 'three' }]);
  await stack.line(READY);
  expect(linesOf(stack, /\| ready http|serves/).map((line) => line.replace(/ *\| /, ' ').slice(0, 17))).toEqual([
    'one ready http://',
    'stack one serves ',
    'two ready http://',
    'stack two serves ',
    'three ready http:',
    'stack three serve',
  ]);
  expect(await stack.stop('SIGINT')).toBe(0);
  expect(linesOf(stack, /told to stop/).map((line) => line.split(' ')[0])).toEqual(['three', 'two', 'one']);
  await gone(pidsIn(stack.output()));
});

test('lines carry the name of their process, and JSON comes out as words', async () => {
  const { stack } = await start([{ name: 'one' }]);
  expect(await stack.line(/a line of pino/)).toBe('one      | WARN  a line of pino n=1');
});

test('a service that says it could not start ends the start, with its own words', async () => {
  const { stack } = await start([{ name: 'one' }, { name: 'two', args: ['--refuse'] }, { name: 'three' }]);
  expect(await stack.exited).toBe(2);
  expect(stack.output()).toContain('STACK_SERVICE_FAILED');
  expect(linesOf(stack, /^stack .*the flux of the standin is missing: plug it in/)).toHaveLength(1);
  expect(stack.output()).not.toMatch(/^three/m);
  await gone(pidsIn(stack.output()));
});

test('a service that crashes again and again ends the start, with its last lines', async () => {
  const { stack } = await start([{ name: 'one' }, { name: 'two', args: ['--crash'] }]);
  expect(await stack.exited).toBe(2);
  expect(linesOf(stack, /two ended \(exit code 7\), end \d in a row; next try in/)).toHaveLength(4);
  expect(linesOf(stack, /^stack .*two ended 5 times in a row \(at last: exit code 7\)/)).toHaveLength(1);
  expect(linesOf(stack, /^stack .*about to fall/).length).toBeGreaterThan(0);
  await gone(pidsIn(stack.output()));
});

test('a service that crashes at first and then not is waited for', async () => {
  const file = join(folder, 'mended');
  const { stack } = await start([{ name: 'one', args: ['--crash-until', file] }]);
  await stack.line(/one ended \(exit code 7\), end 2 in a row/);
  await writeFile(file, '');
  expect(await stack.line(READY)).toBe('ready http://127.0.0.1:1');
});

test('once it is up, a process that was killed comes back, and the others stay', async () => {
  const { stack, ports } = await start([{ name: 'one' }, { name: 'two' }]);
  await stack.line(READY);
  const [one = 0, two = 0] = pidsIn(stack.output());
  process.kill(one, 'SIGKILL');
  await stack.line(/one ended \(killed by SIGKILL\), end 1 in a row; next try in 0.25 s/);
  await stack.line(/one serves again/);
  const response = await fetch(`http://127.0.0.1:${ports['one']}/readyz`);
  expect(response.status).toBe(200);
  expect(pidsIn(stack.output())).toHaveLength(3);
  expect(runs(two)).toBe(true);
});

test("what is waited for is shown, in the service's own words", async () => {
  const file = join(folder, 'busy');
  await writeFile(file, '');
  const { stack } = await start([{ name: 'one', args: ['--unready', file] }]);
  expect(await stack.line(/waiting for one/)).toMatch(
    /^stack {4}\| waiting for one \(\d+\.\d s\): \{"waiting":"for a file to go"\}$/,
  );
  await rm(file);
  await stack.line(READY);
});

test('a service that never serves ends the start when its time is over', async () => {
  const file = join(folder, 'busy');
  await writeFile(file, '');
  const { stack } = await start([{ name: 'one', args: ['--unready', file], limitMs: 1_000 }]);
  expect(await stack.exited).toBe(2);
  expect(stack.output()).toContain('one does not serve after 1 s');
  await gone(pidsIn(stack.output()));
});

test('a stop in the middle of a start ends it, with nothing left', async () => {
  const file = join(folder, 'busy');
  await writeFile(file, '');
  const { stack } = await start([{ name: 'one' }, { name: 'two', args: ['--unready', file] }]);
  await stack.line(/^two .*ready/);
  expect(await stack.stop()).toBe(0);
  expect(linesOf(stack, READY)).toEqual([]);
  await gone(pidsIn(stack.output()));
});

test('a process that does not listen to SIGTERM is killed, with what it started', async () => {
  const { stack } = await start([{ name: 'one', args: ['--deaf', '--brood'] }]);
  await stack.line(READY);
  expect(await stack.stop('SIGTERM', 10_000)).toBe(0);
  await gone([...pidsIn(stack.output()), ...pidsIn(stack.output(), 'brood')]);
});

test('a process that ends takes what it started along', async () => {
  const { stack } = await start([{ name: 'one', args: ['--brood'] }]);
  await stack.line(READY);
  const [one = 0] = pidsIn(stack.output());
  const brood = pidsIn(stack.output(), 'brood');
  expect(brood.filter(runs)).toHaveLength(1);
  process.kill(one, 'SIGKILL');
  await stack.line(/one serves again/);
  await gone(brood);
});

test('a stack that was killed leaves nothing behind, and the next start waits for that', async () => {
  const postgresPort = await free();
  const standins = [
    { name: 'one', args: ['--brood'] },
    { name: 'two', args: ['--deaf'] },
  ];
  const { stack } = await start(standins, { postgresPort });
  await stack.line(READY);
  const pids = [...pidsIn(stack.output()), ...pidsIn(stack.output(), 'brood')];
  const [, postmaster] = /\[(\d+)\] LOG: {2}starting PostgreSQL/.exec(stack.output()) ?? [];
  process.kill(stack.pid, 'SIGKILL');
  const next = await start(standins, { postgresPort });
  await next.stack.line(/waiting for what an earlier stack left behind/);
  await next.stack.line(READY);
  await gone([...pids, Number(postmaster)]);
  expect(await next.stack.stop()).toBe(0);
});

test('Postgres that was killed comes back on its port', async () => {
  const postgresPort = await free();
  const { stack } = await start([{ name: 'one' }], { postgresPort });
  await stack.line(READY);
  const [, postmaster] = /\[(\d+)\] LOG: {2}starting PostgreSQL/.exec(stack.output()) ?? [];
  process.kill(Number(postmaster), 'SIGKILL');
  await stack.line(/postgres serves again/);
  expect(linesOf(stack, new RegExp(`listening on IPv4 address "127.0.0.1", port ${postgresPort}`))).toHaveLength(2);
  expect(await stack.stop()).toBe(0);
});

test('what keeps Postgres from starting ends the start, under its own code', async () => {
  const file = join(folder, 'data', 'postgres');
  await mkdir(join(folder, 'data'));
  await writeFile(file, 'a file where a folder is to be');
  const { stack } = await start([{ name: 'one' }], { postgresPort: await free() });
  expect(await stack.exited).toBe(2);
  expect(stack.output()).toContain(`cannot start (STACK_DATA_DIR_FOREIGN): ${file}`);
  expect(stack.output()).not.toMatch(/^one/m);
});

test('a second stack on the same folder is refused, and the first runs on', async () => {
  const { stack, ports } = await start([{ name: 'one' }]);
  await stack.line(READY);
  const second = await start([{ name: 'one' }]);
  expect(await second.stack.exited).toBe(2);
  expect(second.stack.output()).toContain(`process ${stack.pid}`);
  expect((await fetch(`http://127.0.0.1:${ports['one']}/readyz`)).status).toBe(200);
});
