/** Processes of a benchmark: started (pinned to a core where `taskset` is there), measured through /proc, stopped. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  /** Resolves with the first line of standard output that matches. */
  line(pattern: RegExp): Promise<string>;
  /** CPU that all its threads have used so far, in microseconds; Linux only. */
  cpuUs(): number;
  /** Resident memory in MiB. */
  rssMiB(): number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The core to run on; null: any. */
  readonly core?: number | null;
}

const pins = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const LINE_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

/** Starts `node` with these arguments. What it says on standard error is shown when it ends badly. */
export function startNode(args: readonly string[], { env = {}, core = null }: StartOptions = {}): Process {
  const pinned = core !== null && pins;
  const command = pinned ? 'taskset' : process.execPath;
  const full = pinned ? ['-c', String(core), process.execPath, ...args] : [...args];
  const child = spawn(command, full, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err = (err + chunk.toString()).slice(-4_000)));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  return {
    pid,
    line: (pattern) => lineOf(child, { said: () => out, complained: () => err, pattern }),
    cpuUs: () => cpuUs(pid),
    rssMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    stop: () => stop(child),
  };
}

function lineOf(
  child: ChildProcess,
  how: { said: () => string; complained: () => string; pattern: RegExp },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const settle = (result: string | Error): void => {
      clearTimeout(timer);
      child.stdout?.off('data', look);
      if (typeof result === 'string') resolve(result);
      else reject(result);
    };
    const look = (): void => {
      const found = how
        .said()
        .split('\n')
        .find((line) => how.pattern.test(line));
      if (found !== undefined) settle(found);
    };
    const timer = setTimeout(
      () => settle(new Error(`no line ${how.pattern} in time: ${how.complained()}`)),
      LINE_LIMIT_MS,
    );
    child.stdout?.on('data', look);
    child.once('exit', (code) => settle(new Error(`ended with ${code} before ${how.pattern}: ${how.complained()}`)));
    look();
  });
}

/** All threads, to the nanosecond: utime and stime count ticks of 10 ms. */
function cpuUs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1_000;
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** Runs `node` with these arguments to its end. @returns what it printed */
export async function runNode(args: readonly string[], options: StartOptions = {}): Promise<string> {
  const child = startNode(args, options);
  return child.line(/\S/);
}
