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
  /**
   * How long all of it has been ready to run and has not run, in microseconds: the time that its core spent on others. Linux only.
   */
  waitedUs(): number;
  /** What it said last on standard error. */
  complaints(): string;
  /** Whether it has ended. */
  readonly ended: boolean;
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
export function startNode(args: readonly string[], options: StartOptions = {}): Process {
  return startProgram(process.execPath, args, options);
}

/** Starts a program. It is killed with this process, should that end before `stop` was called. */
export function startProgram(
  program: string,
  args: readonly string[],
  { env = {}, core = null }: StartOptions = {},
): Process {
  const [command, full] = pinned(program, args, core);
  const child = spawn(command, full, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  outliveNone(child);
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
    cpuUs: () => scheduled(pid, 0),
    waitedUs: () => scheduled(pid, 1),
    rssMiB: () => rssMiB(pid),
    complaints: () => err,
    get ended() {
      return hasEnded(child);
    },
    stop: () => stop(child),
  };
}

const running = new Set<ChildProcess>();

function outliveNone(child: ChildProcess): void {
  if (running.size === 0 && process.listenerCount('exit', killAll) === 0) {
    process.on('exit', killAll);
    process.once('SIGINT', () => process.exit(130));
    process.once('SIGTERM', () => process.exit(143));
  }
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

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

/** Microseconds on a core (0) or waiting for one (1). To the nanosecond: utime and stime count ticks of 10 ms. */
function scheduled(pid: number, column: 0 | 1): number {
  let us = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    us += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[column]) / 1_000;
    for (const child of childrenOf(pid, task)) us += scheduled(child, column);
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
  if (hasEnded(child)) return Promise.resolve();
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
