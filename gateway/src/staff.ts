/** One worker process, as the primary sees it: what it was told, what it has said, and whether it is alive. */
import type { Worker } from 'node:cluster';
import type { SendHandle } from 'node:child_process';
import type { Socket } from 'node:net';
import { lasting, shared, type Family } from './core/family.ts';
import type { Phase } from './core/roster.ts';
import { Handed, handleOf } from './hand.ts';
import { isMessage, type Report, type ToPrimary, type ToWorker } from './ipc.ts';

/** What the primary hears. */
export interface Ear {
  /** Once: it listens, and is to be told what to do. */
  here(): void;
  up(): void;
  /** Once, when the process is gone and everything that it said has been heard. */
  gone(how: string): void;
}

export class Staff {
  readonly place: number;
  readonly startedAt: number = performance.now();
  readonly handed: Handed = new Handed();
  /** Why it could not come up, in its own words; null when it has not said. */
  failure: string | null = null;
  closed = 0;
  /** Whether it was told by which file to begin. */
  begun = false;
  phase: Phase = 'starting';
  readonly #worker: Worker;
  readonly #asked = new Map<number, (answer: ToPrimary | null) => void>();
  #asks = 0;
  #last: readonly Family[] = [];

  constructor(worker: Worker, place: number, ear: Ear) {
    this.place = place;
    this.#worker = worker;
    worker.on('message', (message: unknown) => {
      if (isMessage(message)) this.#hear(message as ToPrimary, ear);
    });
    // Not `exit`: its last words may come after that. And not `disconnect`, which does not come while something waits to be sent.
    worker.process.once('close', (code, signal) => {
      for (const answer of this.#asked.values()) answer(null);
      ear.gone(signal ?? `exit code ${code}`);
    });
    // What cannot be sent was for a worker that is gone.
    worker.on('error', () => undefined);
  }

  get pid(): number | null {
    return this.#worker.process.pid ?? null;
  }

  say(message: ToWorker): void {
    if (this.#worker.isConnected()) this.#worker.send(message, undefined, () => undefined);
  }

  /** Hands a connection over; it stays open here until the worker has taken it. */
  hand(id: number, socket: Socket): void {
    this.handed.add(id, socket);
    const message: ToWorker = { kind: 'connection', id };
    if (this.#worker.isConnected()) this.#worker.send(message, handleOf(socket) as SendHandle, () => undefined);
  }

  /** Null when it has not answered within `limitMs`. */
  report(limitMs: number): Promise<Report | null> {
    return this.#ask((id) => ({ kind: 'report', id }), limitMs).then((answer) => {
      if (answer?.kind !== 'report') return null;
      this.#last = answer.report.families;
      return this.phase === 'leaving' ? { ...answer.report, families: shared(answer.report.families) } : answer.report;
    });
  }

  /** Null when the file is in force there; else why it is not. */
  adopt(text: string, number: number, limitMs: number): Promise<string | null> {
    return this.#ask((id) => ({ kind: 'adopt', id, text, number }), limitMs).then((answer) =>
      answer?.kind === 'adopted' ? answer.problem : `it has not answered within ${limitMs} ms`,
    );
  }

  /** What it had counted when it last said so. */
  counted(): readonly Family[] {
    return lasting(this.#last);
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL');
  }

  #ask(make: (id: number) => ToWorker, limitMs: number): Promise<ToPrimary | null> {
    const id = (this.#asks += 1);
    return new Promise((resolve) => {
      const answer = (message: ToPrimary | null): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(message);
      };
      const timer = setTimeout(answer, limitMs, null);
      this.#asked.set(id, answer);
      this.say(make(id));
    });
  }

  #hear(message: ToPrimary, ear: Ear): void {
    switch (message.kind) {
      case 'here':
        return ear.here();
      case 'up':
        return ear.up();
      case 'failed':
        this.failure = message.message;
        return;
      case 'took':
        return this.handed.took(message.id);
      case 'closed':
        this.closed = message.count;
        return;
      case 'adopted':
      case 'report':
        return this.#asked.get(message.id)?.(message);
      case 'bye':
        this.#last = message.families;
        return;
      default:
        return message satisfies never;
    }
  }
}
