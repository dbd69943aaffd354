/**
 * Sees to it that a stack killed with SIGKILL leaves no process behind: one small program (reaper.ts), which knows the pids
 * of everything that was started, holds the other end of a pipe and stops them when the pipe breaks.
 *
 * One for all, rather than a wrapper around each child, because it costs one process instead of one per service, leaves the
 * services' own standard streams and IPC alone, and covers Postgres, which cannot be wrapped without taking its signals.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { StackError } from './errors.ts';

/** Tells the reaper what there is to clear up. Both calls are immediate and never throw once the reaper runs. */
export interface Guard {
  /** Of the reaper. */
  readonly pid: number;
  /** @param pid leader of a process group of its own; @param signal what asks it to stop */
  watch(pid: number, signal: NodeJS.Signals): void;
  /** To be called as soon as the process has ended: its pid may be given to another. */
  forget(pid: number): void;
}

let running: Guard | null = null;

/**
 * The guard of this process; its reaper is started at the first call and ends with this process.
 * @throws StackError STACK_NOT_BUILT when the stack has not been built
 */
export function guard(): Guard {
  running ??= start();
  return running;
}

function start(): Guard {
  // Beside src/ as well as beside dist/, so that it is found from the tests, which run the sources.
  const program = fileURLToPath(new URL('../dist/reaper.js', import.meta.url));
  if (!existsSync(program))
    throw new StackError(
      'STACK_NOT_BUILT',
      `${program} is missing: the stack has not been built. Run "npm run build".`,
    );
  const reaper = spawn(process.execPath, [program], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const pipe = reaper.stdin;
  // A reaper that was killed takes the protection with it and nothing else: what it guards runs on.
  reaper.on('error', () => undefined);
  pipe.on('error', () => undefined);
  reaper.unref();
  if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
  return {
    pid: reaper.pid ?? 0,
    watch: (pid, signal) => void pipe.write(`+ ${pid} ${signal}\n`),
    forget: (pid) => void pipe.write(`- ${pid}\n`),
  };
}
