/**
 * Keeps one process running: starts it, starts it again after it ended by itself, tells the operator, and gives up where
 * `core/restart.ts` says so. It obeys; the choice is made there.
 */
import { afterExit, exitWords, type Next, type Phase } from './core/restart.ts';
import { StackError } from './errors.ts';
import type { End, Print, Run } from './run.ts';

/** A process under supervision. */
export interface Supervised {
  readonly name: string;
  /** Resolves when it serves for the first time. Never rejects; stays pending when it never does. */
  readonly ready: Promise<void>;
  /** Resolves when it is given up, with its own reason, or a STACK_SERVICE_FAILED that holds its last lines. */
  readonly gaveUp: Promise<StackError>;
  /** What it says of itself while it does not serve yet. */
  status(): string;
  /** Resolves when it has ended, and will not be started again. */
  stop(): Promise<void>;
  /** Makes it end at once; to be followed, or preceded, by `stop`. */
  kill(): void;
}

export interface Supervision {
  readonly name: string;
  /** Starts it, at first and each time again. */
  readonly start: () => Run;
  /** Asked when it has ended. */
  readonly phase: () => Phase;
  /** Takes the operator's lines. */
  readonly print: Print;
}

/** Starts the process and keeps it running until `stop`. */
export function supervise({ name, start, phase, print }: Supervision): Supervised {
  let stopping = false;
  let wake = (): void => undefined;
  let firstServed = (): void => undefined;
  let giveUp = (_error: StackError): void => undefined;
  const ready = new Promise<void>((resolve) => (firstServed = resolve));
  const gaveUp = new Promise<StackError>((resolve) => (giveUp = resolve));
  let run = start();

  const live = async (): Promise<void> => {
    for (let failures = 0; ;) {
      const watch = watchReadiness(run, () => {
        firstServed();
        if (failures > 0) print(`${name} serves again`);
      });
      const end = await run.ended;
      if (stopping) return;
      const next = afterExit(failures, { ...end, servedMs: watch.servedMs() }, phase());
      if (next.kind === 'give-up') return giveUp(run.reason() ?? failure(name, end, next, run.tail()));
      failures = next.failures;
      print(`${name} ended (${exitWords(end)}), end ${failures} in a row; next try in ${next.afterMs / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, next.afterMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (isOver()) return;
      run = start();
    }
  };
  const isOver = (): boolean => stopping; // Asked across an await, which the compiler does not see.
  const life = live();
  return {
    name,
    ready,
    gaveUp,
    status: () => run.status(),
    stop: async () => {
      stopping = true;
      wake();
      await run.stop();
      await life;
    },
    kill: () => {
      stopping = true;
      wake();
      run.kill();
    },
  };
}

/** Notes when a run began to serve. */
function watchReadiness(run: Run, onServed: () => void): { servedMs(): number | null } {
  let since: number | null = null;
  void run.ready.then((serves) => {
    if (!serves) return;
    since = performance.now();
    onServed();
  });
  return { servedMs: () => (since === null ? null : performance.now() - since) };
}

function failure(name: string, end: End, next: Next & { kind: 'give-up' }, tail: readonly string[]): StackError {
  const what =
    next.because === 'could-not-start'
      ? `${name} could not start (${exitWords(end)})`
      : `${name} ended ${next.failures} times in a row (at last: ${exitWords(end)})`;
  const lines = tail.length === 0 ? ' without a word.' : `:\n${tail.map((line) => `  ${line}`).join('\n')}`;
  return new StackError('STACK_SERVICE_FAILED', `${what}${lines}`);
}
