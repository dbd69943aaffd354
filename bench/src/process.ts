/** Processes of a benchmark: started (pinned to a core where `taskset` is there), measured through /proc, stopped. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export interface Process {
  readonly pid: number;
  /** Resolves with the first line of standard output that matches. */
  line(pattern: RegExp): Promise<string>;
  /** CPU that it and everything it has started have used so far, in microseconds, threads included; Linux only. */
  cpuUs(): number;
  /** Resident memory of the same, in MiB. Pages that they share count each time. */
  rssMiB(): number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The core to run on; null: any. */
  readonly core?: number | null;
}

/** Whether processes can be pinned to two cores. */
export const pins: boolean = spawnSync('taskset', ['-c', '0,1', 'true']).status === 0 && cpus().length > 1;
const LINE_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
// What a program says at its start; later lines (a sampled access log) are read and forgotten.
const SAID_CHARACTERS = 64 * 1024;

/** Starts `node` with these arguments. What it says on standard error is shown when it ends badly. */
export function startNode(args: readonly string[], { env = {}, core = null }: StartOptions = {}): Process {
  const [command, full] = pinned(process.execPath, args, core);
  const child = spawn(command, full, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (out.length < SAID_CHARACTERS) out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => (err = (err + chunk.toString()).slice(-4_000)));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  return {
    pid,
    line: (pattern) => lineOf(child, { said: () => out, complained: () => err, pattern }),
    cpuUs: () => cpuUs(pid),
    rssMiB: () => rssMiB(pid),
    stop: () => stop(child),
  };
}

function pinned(program: string, args: readonly string[], core: number | null): [command: string, args: string[]] {
  if (core === null || !pins) return [program, [...args]];
  return ['taskset', ['-c', String(core), program, ...args]];
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

/** To the nanosecond: utime and stime count ticks of 10 ms. */
function cpuUs(pid: number): number {
  let us = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    us += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1_000;
    for (const child of childrenOf(pid, task)) us += cpuUs(child);
  }
  return us;
}

function rssMiB(pid: number): number {
  let mib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  for (const task of readdirSync(`/proc/${pid}/task`)) for (const child of childrenOf(pid, task)) mib += rssMiB(child);
  return mib;
}

function childrenOf(pid: number, task: string): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
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

/** Runs a program to its end. @returns what it printed @throws when it ends with another code than 0, or not in time */
export function runProgram(
  program: string,
  args: readonly string[],
  core: number | null,
  limitMs: number,
): Promise<string> {
  const [command, full] = pinned(program, args, core);
  return new Promise((resolve, reject) => {
    execFile(command, full, { timeout: limitMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} failed: ${stderr.slice(-1_000)}`, { cause: error }));
    });
  });
}
