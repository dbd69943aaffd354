/** Real processes for end-to-end tests: started, waited for by what they print, and stopped by their pid. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export { alive } from '@banyan/stack/processes';

export interface Running {
  readonly pid: number;
  /** Everything printed so far, both streams, in the order of arrival. */
  output(): string;
  /**
   * Resolves with the first line (already printed or still to come) that matches.
   * @throws Error with all the output, when `limitMs` pass or the process ends before
   */
  line(pattern: RegExp, limitMs?: number): Promise<string>;
  /** The exit code; null when a signal ended it. Settles after all of its output has been read. */
  readonly exited: Promise<number | null>;
  /** Sends the signal (default SIGTERM) and resolves with the exit code. With `limitMs` (default 15 s) over: SIGKILL, and an Error. */
  stop(signal?: NodeJS.Signals, limitMs?: number): Promise<number | null>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a process group of its own, which `stop` then signals as a whole. */
  readonly detached?: boolean;
}

const LINE_LIMIT_MS = 60_000; // A whole stack's start on a busy machine with two cores.
const STOP_LIMIT_MS = 15_000; // The stack promises 10 s.

/** Starts `command` with this process's environment and `env` over it. Its standard input is empty. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const { env = {}, cwd, detached = false } = options;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  const tell = (): void => watchers.forEach((watcher) => watcher());
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (text) => {
      lines.push(text);
      tell();
    });
  let ended = false;
  const exited = exitOf(child).then((code) => {
    ended = true;
    tell();
    return code;
  });
  const output = (): string => lines.join('\n');
  const waitForLine = (pattern: RegExp, limitMs: number = LINE_LIMIT_MS): Promise<string> =>
    new Promise((resolve, reject) => {
      const settle = (result: string | Error): void => {
        clearTimeout(timer);
        watchers.delete(look);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      const look = (): void => {
        const found = lines.find((text) => pattern.test(text));
        if (found !== undefined) settle(found);
        else if (ended) settle(new Error(`${command} ended before it printed ${pattern}:\n${output()}`));
      };
      const late = (): void => settle(new Error(`${command} did not print ${pattern} in ${limitMs} ms:\n${output()}`));
      const timer = setTimeout(late, limitMs);
      watchers.add(look);
      look();
    });
  const stop = (signal: NodeJS.Signals = 'SIGTERM', limitMs: number = STOP_LIMIT_MS): Promise<number | null> =>
    stopChild({ child, exited, detached, output }, signal, limitMs);
  return { pid: child.pid ?? 0, output, line: waitForLine, exited, stop };
}

interface Stoppable {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly detached: boolean;
  output(): string;
}

async function stopChild(running: Stoppable, signal: NodeJS.Signals, limitMs: number): Promise<number | null> {
  const { child, exited, detached } = running;
  const send = (name: NodeJS.Signals): void => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    if (detached) process.kill(-child.pid, name);
    else child.kill(name);
  };
  let late = false;
  send(signal);
  const timer = setTimeout(() => {
    late = true;
    send('SIGKILL');
  }, limitMs);
  const code = await exited;
  clearTimeout(timer);
  if (late)
    throw new Error(`process ${child.pid} did not stop within ${limitMs} ms of ${signal}:\n${running.output()}`);
  return code;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}
