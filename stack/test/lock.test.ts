import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lock } from '@banyan/stack/lock';
import { startedAt } from '@banyan/stack/processes';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
let other: ChildProcess;
let waited: number;
const wait = (): void => void (waited += 1);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-lock-'));
  other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  waited = 0;
});
afterEach(async () => {
  other.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const pidOf = (child: ChildProcess): number => child.pid ?? 0;
const dead = { pid: 2 ** 22 + 1, startedAt: '1' }; // Above the largest pid that Linux hands out.

async function leave(stack: object, reaper: object): Promise<void> {
  await writeFile(join(folder, 'stack.lock'), JSON.stringify({ stack, reaper }));
}

test('a free folder is taken, and given back', async () => {
  const dataDir = join(folder, 'new', 'data');
  const release = await lock(dataDir, pidOf(other), wait);
  expect(JSON.parse(await readFile(join(dataDir, 'stack.lock'), 'utf8'))).toMatchObject({
    stack: { pid: process.pid },
    reaper: { pid: other.pid },
  });
  await release();
  await expect(readFile(join(dataDir, 'stack.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a folder of a stack that runs is refused, naming it', async () => {
  await leave({ pid: other.pid, startedAt: await startedAt(pidOf(other)) }, dead);
  await expect(lock(folder, pidOf(other), wait)).rejects.toMatchObject({
    code: 'STACK_DATA_DIR_IN_USE',
    message: expect.stringContaining(`process ${other.pid}`),
  });
});

test.each([
  ['a dead stack', dead],
  ['a process that had its pid before', { pid: process.ppid, startedAt: 'in another life' }],
])('the lock of %s is taken over', async (_name, holder) => {
  await leave(holder, dead);
  await lock(folder, pidOf(other), wait);
  expect(waited).toBe(0);
});

test('a lock that was half written is taken over', async () => {
  await writeFile(join(folder, 'stack.lock'), '{"stack":{"pi');
  await lock(folder, pidOf(other), wait);
  expect(JSON.parse(await readFile(join(folder, 'stack.lock'), 'utf8'))).toMatchObject({ stack: { pid: process.pid } });
});

test('the reaper of a dead stack is waited for', async () => {
  await leave(dead, { pid: other.pid, startedAt: await startedAt(pidOf(other)) });
  await lock(folder, process.pid, () => {
    wait();
    other.kill('SIGKILL');
  });
  expect(waited).toBe(1);
  expect(other.signalCode ?? (await new Promise((resolve) => other.once('exit', (_code, name) => resolve(name))))).toBe(
    'SIGKILL',
  );
});

test('a folder that cannot be made is said', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(lock(join(folder, 'file', 'data'), pidOf(other), wait)).rejects.toMatchObject({
    code: 'STACK_PERMISSION',
    message: expect.stringContaining('set DATA_DIR to a folder of yours'),
  });
});
