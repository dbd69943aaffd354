/**
 * Processes that come up one after another and go down in the reverse order. A stack is up as a whole or not at all: while it
 * starts, one process that cannot is the end of all; once it is up, each is restarted for as long as it takes.
 */
import type { Phase } from './core/restart.ts';
import { codes, StackError } from './errors.ts';
import type { Print, Run } from './run.ts';
import { supervise, type Supervised } from './supervisor.ts';

export interface Stack {
  /** Aborted when the stack is asked to stop. */
  readonly cancel: AbortSignal;
  /**
   * Starts a process and waits until it serves, telling the operator what it waits for.
   * @param limitMs how long it may take
   * @throws StackError STACK_SERVICE_FAILED when it, or one that was started before, does not come up; the abort's reason when
   *   the stack is asked to stop meanwhile
   */
  start(name: string, start: () => Run, limitMs: number): Promise<void>;
}

const PROGRESS_EVERY_MS = 2_000; // Often enough to see that something moves, seldom enough to be read.

/**
 * Brings a stack up, keeps it until SIGINT, SIGTERM or SIGHUP, and takes it down. A second signal kills what is left.
 *
 * @param bringUp starts the processes in order; returns the line to end with, `ready http://…`
 * @param print takes the operator's lines
 * @param say takes the last line as it is
 * @returns the exit code: 0 after a signal, 2 when it could not start, 1 for a bug
 */
export async function operate(bringUp: (stack: Stack) => Promise<string>, print: Print, say: Print): Promise<number> {
  const cancel = new AbortController();
  const members: Supervised[] = [];
  let phase: Phase = 'starting';
  const onSignal = (name: NodeJS.Signals): void => {
    if (cancel.signal.aborted) {
      print(`${name} again: killing what is left`);
      for (const member of members) member.kill();
      return;
    }
    print(`${name}: stopping (again to kill)`);
    cancel.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  const start = async (name: string, run: () => Run, limitMs: number): Promise<void> => {
    cancel.signal.throwIfAborted();
    const member = supervise({ name, start: run, phase: () => phase, print });
    members.push(member);
    await comesUp(member, members, { limitMs, print, cancel: cancel.signal });
  };
  try {
    const last = await bringUp({ cancel: cancel.signal, start });
    phase = 'up';
    say(last);
    await aborted(cancel.signal);
    return 0;
  } catch (error) {
    if (cancel.signal.aborted) return 0;
    print(wordsOf(error));
    return error instanceof StackError ? codes[error.code].exit : 1;
  } finally {
    await takeDown(members, print);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, onSignal);
  }
}

interface Wait {
  readonly limitMs: number;
  readonly print: Print;
  readonly cancel: AbortSignal;
}

async function comesUp(member: Supervised, members: readonly Supervised[], wait: Wait): Promise<void> {
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
  const progress = setInterval(() => {
    const status = member.status();
    wait.print(`waiting for ${member.name} (${seconds()} s)${status === '' ? '' : `: ${status}`}`);
  }, PROGRESS_EVERY_MS);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<StackError>((resolve) => {
    const words = `${member.name} does not serve after ${wait.limitMs / 1000} s; its own lines above say more.`;
    timer = setTimeout(() => resolve(new StackError('STACK_SERVICE_FAILED', words)), wait.limitMs);
  });
  try {
    const gaveUp = members.map((each) => each.gaveUp);
    const stopped = aborted(wait.cancel);
    const outcome = await Promise.race([member.ready, stopped, late, ...gaveUp]);
    wait.cancel.throwIfAborted();
    if (outcome instanceof StackError) throw outcome;
    wait.print(`${member.name} serves (after ${seconds()} s)`);
  } finally {
    clearInterval(progress);
    clearTimeout(timer);
  }
}

async function takeDown(members: readonly Supervised[], print: Print): Promise<void> {
  const began = performance.now();
  for (const member of [...members].reverse()) await member.stop();
  if (members.length > 0) print(`stopped in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function wordsOf(error: unknown): string {
  if (error instanceof StackError) return `cannot start (${error.code}): ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
