/**
 * The connector: one session after another until it is told to stop, or until something is wrong that waiting does not cure.
 *
 *   starting ─▶ snapshot ─▶ streaming ─▶ stopping
 *      ▲            │            │
 *      └── waiting ◀┴────────────┘   after a failure, with backoff
 */
import type { WatermarkJson } from '@banyan/backbone/core/fence';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { backoff } from './core/backoff.ts';
import type { Glob } from './core/glob.ts';
import type { Header } from './core/source.ts';
import { CdcError, mayRetry } from './errors.ts';
import { Session } from './session.ts';
import type { OpenSink } from './sink.ts';
import { Tally, type Readings } from './tally.ts';

/** `source.version` of the events. */
const SOURCE_VERSION = 'banyan-0.1.0';
const STEADY_MS = 30_000; // A session that lived this long was no failure: the next backoff begins at its beginning.

export type Phase = 'starting' | 'waiting' | 'snapshot' | 'streaming' | 'stopping';

export interface ConnectorOptions {
  readonly config: Config;
  readonly openSink: OpenSink;
  readonly log: Logger;
  /** Called once, when the first session streams or copies. */
  readonly onReady: () => void;
  /** On every event. */
  readonly headers: readonly Header[];
}

export class Connector {
  readonly tally: Tally;

  readonly #options: ConnectorOptions;
  readonly #stop = new AbortController();
  /** Topics of tables that only the stream knows. */
  readonly #moreTopics = new Set<string>();
  #phase: Phase = 'starting';
  #because = 'connecting for the first time';
  #session: Session | null = null;
  #announced = false;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.tally = new Tally(() => this.#readings());
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Why it is in this phase; empty while it streams. */
  get because(): string {
    return this.#because;
  }

  /**
   * Runs until `stop`.
   * @throws CdcError when no further attempt can help; any other error is a bug
   */
  async run(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      const startedAt = performance.now();
      const error = await this.#live();
      if (signal.aborted) break;
      this.tally.failed(error instanceof CdcError ? error.code : 'ended');
      failures = performance.now() - startedAt > STEADY_MS ? 1 : failures + 1;
      const waitMs = backoff(failures, Math.random());
      this.#enter('waiting', error?.message ?? 'the server closed the stream');
      log.warn({ attempt: failures, waitMs }, `session ended: ${this.#because}`);
      await this.#rest(waitMs);
    }
    this.#enter('stopping', 'stopping');
  }

  /** Lets `run` finish what is complete, confirm it, and return. */
  stop(): void {
    this.#enter('stopping', 'stopping');
    this.#stop.abort();
  }

  /** @throws CdcError CDC_SOURCE_LOST while there is no session */
  async watermark(): Promise<WatermarkJson> {
    if (this.#session === null) throw new CdcError('CDC_SOURCE_LOST', this.#because);
    return this.#session.watermark();
  }

  /**
   * Reads captured tables again while they stream.
   * @returns their names; empty when the globs choose none
   * @throws CdcError CDC_SOURCE_LOST while nothing is streamed
   */
  reread(globs: readonly Glob[]): readonly string[] {
    if (this.#session === null) throw new CdcError('CDC_SOURCE_LOST', this.#because);
    return this.#session.reread(globs);
  }

  /** One session. @returns why it ended, where trying again may help; null when nothing was wrong */
  async #live(): Promise<CdcError | null> {
    const { config, openSink, log, headers } = this.#options;
    this.#session = new Session({
      config,
      openSink,
      log,
      headers,
      tally: this.tally,
      moreTopics: this.#moreTopics,
      signal: this.#stop.signal,
      strict: !this.#announced,
      stream: { version: SOURCE_VERSION, name: config.topicPrefix, db: config.database.database },
      onPhase: (phase) => {
        this.#enter(phase, phase === 'snapshot' ? 'the initial snapshot is under way' : '');
        this.#ready();
      },
    });
    try {
      await this.#session.run();
      return null;
    } catch (error) {
      if (this.#stop.signal.aborted) return null;
      if (mayRetry(error)) return error as CdcError;
      throw error;
    } finally {
      this.#session = null;
    }
  }

  #enter(phase: Phase, because: string): void {
    if (this.#stop.signal.aborted && phase !== 'stopping') return;
    this.#phase = phase;
    this.#because = because;
  }

  #ready(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#options.onReady();
  }

  #readings(): Readings {
    const session = this.#session;
    const oldestUs = session?.oldestUs ?? null;
    return {
      lagSeconds: oldestUs === null ? 0 : Math.max(0, Date.now() - oldestUs / 1000) / 1000,
      lagBytes: session?.lagBytes ?? null,
      queued: session?.queued ?? 0,
      streaming: this.#phase === 'streaming',
      retainedBytes: session?.slot?.retainedBytes ?? null,
      safeBytes: session?.slot?.safeBytes ?? null,
      rereading: session?.rereading ?? 0,
    };
  }

  #rest(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }
}
