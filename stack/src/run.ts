/**
 * One run of one process of the stack, from its start to its end: a service (a Node program of this repository), or Postgres.
 * The supervisor sees both through the same few promises, none of which rejects.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { cut } from './core/lines.ts';
import { COULD_NOT_START } from './core/restart.ts';
import { StackError } from './errors.ts';
import { guard } from './guard.ts';
import { startPostgres, type PostgresOptions } from './postgres.ts';
import { settles, signal } from './processes.ts';

/** How a process ended. `code` is null when a signal ended it, or when it could not even be started. */
export interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was started. */
export interface Run {
  /** Resolves when it serves; to false when it ended before. */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<End>;
  /** Its last lines, for the message when it does not come up. */
  tail(): readonly string[];
  /** Why it could not start, where that is known better than from its lines; null otherwise. */
  reason(): StackError | null;
  /** What it says of itself while it does not serve yet; empty when it says nothing. */
  status(): string;
  /** Asks it to stop, makes it stop when its time is over, and resolves when it has ended. */
  stop(): Promise<void>;
  /** Makes it stop at once. */
  kill(): void;
}

/** A Node program that prints `ready http://…` when it listens, and answers its readiness URL with 200 when it serves. */
export interface Service {
  readonly name: string;
  /** The program and its arguments. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readyUrl: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopLimitMs: number;
}

/** Takes one line of output. */
export type Print = (line: string) => void;

const TAIL_LINES = 15; // An error with its cause and where it came from.
const STATUS_CHARACTERS = 200; // Of an answer that is there to say why, in a line.
const PROBE_LIMIT_MS = 2_000; // Of a local answer that takes a millisecond; longer means that the service is stuck.
const PROBE_EVERY_MS = 100; // Cheap for both, and no noticeable delay of the start.
const READY_LINE = /^ready https?:\/\//;

/** Starts a service in a process group of its own, so that a Ctrl-C in the terminal does not reach it before its turn. */
export function runService(service: Service, print: Print): Run {
  const child = spawn(process.execPath, ['--enable-source-maps', ...service.args], {
    env: service.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? 0;
  if (pid !== 0) guard().watch(pid, 'SIGTERM');
  let over = false;
  const ended = endOf(child).then((end) => {
    over = true;
    guard().forget(pid);
    return end;
  });
  const tail = keepTail();
  let announce = (): void => undefined;
  const announced = new Promise<void>((resolve) => (announce = resolve));
  const take = (line: string): void => {
    tail.take(line);
    print(line);
    if (READY_LINE.test(line)) announce();
  };
  for (const stream of [child.stdout, child.stderr]) readLines(stream, take);
  let status = '';
  const probe = async (): Promise<boolean> => {
    const answer = await ask(service.readyUrl);
    status = answer.words;
    return answer.ok;
  };
  const kill = (): void => void (over || pid === 0 || signal(-pid, 'SIGKILL'));
  return {
    ended,
    kill,
    tail: () => tail.lines(),
    reason: () => null,
    status: () => status,
    ready: serving(announced, ended, probe),
    stop: async () => {
      if (!over && pid !== 0) signal(pid, 'SIGTERM');
      if (!(await settles(ended, service.stopLimitMs))) kill();
      await ended;
    },
  };
}

/** Starts Postgres. */
export function runPostgres(options: PostgresOptions, print: Print): Run {
  const cancel = new AbortController();
  const tail = keepTail();
  const onLog = (line: string): void => {
    tail.take(line);
    print(line);
  };
  let reason: StackError | null = null;
  const started = startPostgres({ ...options, onLog, cancel: cancel.signal }).catch((error: unknown) => {
    if (error instanceof StackError) {
      reason = error;
      return COULD_NOT_START;
    }
    // A cancelled start; or a bug, and then it matters where.
    if (!cancel.signal.aborted) onLog(String(error instanceof Error ? error.stack : error));
    return 1;
  });
  return {
    ready: started.then((server) => typeof server === 'object'),
    ended: started.then(async (server) => ({
      code: typeof server === 'object' ? await server.exited : server,
      signal: null,
    })),
    tail: () => tail.lines(),
    reason: () => reason,
    status: () => '',
    stop: async () => {
      cancel.abort();
      const server = await started;
      if (typeof server === 'object') await server.stop();
    },
    kill: () => {
      cancel.abort();
      void started.then((server) => (typeof server === 'object' ? server.stop('immediate') : undefined));
    },
  };
}

interface Tail {
  take(line: string): void;
  lines(): readonly string[];
}

function keepTail(): Tail {
  let kept: readonly string[] = [];
  return {
    take: (line) => (kept = [...kept, line].slice(-TAIL_LINES)),
    lines: () => kept,
  };
}

/** The line says that it is this process which answers, and not one that had the port before. */
async function serving(announced: Promise<void>, ended: Promise<End>, probe: () => Promise<boolean>): Promise<boolean> {
  let over = false;
  const end = ended.then(() => (over = true));
  await Promise.race([announced, end]);
  while (!over) {
    if (await probe()) return !over;
    await Promise.race([delay(PROBE_EVERY_MS), end]);
  }
  return false;
}

interface Answer {
  readonly ok: boolean;
  readonly words: string;
}

async function ask(url: string): Promise<Answer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const words = (await response.text()).slice(0, STATUS_CHARACTERS);
    return { ok: response.ok, words: words.replace(/\s+/g, ' ').trim() };
  } catch {
    return { ok: false, words: '' }; // Not listening yet, or not any more: the process's end is reported elsewhere.
  }
}

function readLines(stream: Readable, take: Print): void {
  let pending = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const result = cut(pending, chunk);
    pending = result.pending;
    result.lines.forEach(take);
  });
  stream.on('end', () => {
    if (pending !== '') take(pending);
  });
}

/** Waits for the output to be read as well, so that the last lines are there when the end is told. */
function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<End> {
  return new Promise((resolve) => {
    // What it started and left behind would hold its port, and its output open.
    child.once('exit', () => void signal(-(child.pid ?? 0), 'SIGKILL'));
    child.once('close', (code, name) => resolve({ code, signal: name }));
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}
