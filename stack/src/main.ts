/**
 * `npm start`: the whole example on one machine (contract: commands). Reads the environment, takes the data folder, and hands
 * over to the stack; the exit code is 0 after a signal and 2 when something could not start.
 */
import { fileURLToPath } from 'node:url';
import { bringUp } from './bring.ts';
import { readConfig } from './config.ts';
import { prefixed, readable } from './core/lines.ts';
import { guard } from './guard.ts';
import { lock } from './lock.ts';
import { operate } from './stack.ts';

const WIDTH = 8; // Of the longest name, `postgres`.

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const printOf = (name: string) => (line: string) => {
  for (const part of readable(line)) say(prefixed(name, WIDTH, part));
};
// Several lines of one message stay together under one name.
const print = (text: string): void => text.split('\n').forEach((line) => say(prefixed('stack', WIDTH, line)));

// A terminal that was closed, or a pipe that ends: going on without output beats ending without a clean stop.
process.stdout.on('error', () => undefined);

// npm hands a SIGTERM to the shell between it and this process, which dies of it and tells nobody; a killed npm tells nobody
// either. Whoever stopped npm meant the stack.
const PARENT_CHECK_MS = 500; // Well within the 10 s that a stop may take; a look costs a system call.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  watch.unref();
}

const root = fileURLToPath(new URL('../../', import.meta.url));
let unlock = async (): Promise<void> => undefined;

process.exitCode = await operate(
  async (stack) => {
    const config = readConfig(process.env, process.cwd());
    unlock = await lock(config.dataDir, guard().pid, () => print('waiting for what an earlier stack left behind'));
    return bringUp(stack, { config, root, env: process.env, print, printOf });
  },
  print,
  say,
);
await unlock();
