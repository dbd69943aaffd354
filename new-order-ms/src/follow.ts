/**
 * Keeps the live copy of the read model up to date. Of all processes that are told to, one **leads**: it holds the copy's
 * advisory lock on the very connection that it writes with, so that a leader who lost its connection has lost the lock and the
 * power to write in the same moment. The others stand by, serve reads, and take over within a second.
 *
 * ```
 * starting ──▶ standby ──▶ following ──(connection lost, copy swapped, backbone away)──▶ starting
 *                              └──(a record that cannot be taken)──▶ halted
 * ```
 *
 * Halted, the process stays up, serves the last state, and says why in `/readyz`; its freshness stands still, so that the
 * facade sends callers to the owner of the data. If it ended instead, a supervisor would start it again, into the same record,
 * for ever, and the reason would drown in the log.
 */
import type { Backbone } from '@banyan/backbone/transport';
import type { Logger } from 'pino';
import { Applier, type Effect } from './apply.ts';
import { consume, mayPass, partitionsOf } from './consume.ts';
import { COPIES_CHANNEL, liveCopy, lockCopy, type Copy } from './copies.ts';
import type { Progress } from './core/applied.ts';
import { TOPICS } from './core/tables.ts';
import { openSession, translate, type Session } from './database.ts';
import { OrdersError, wordsOf } from './errors.ts';

export type Standing =
  | { readonly kind: 'starting'; readonly because: string }
  | { readonly kind: 'standby'; readonly because: string }
  | { readonly kind: 'following' }
  | { readonly kind: 'halted'; readonly because: string };

export interface FollowerOptions {
  readonly databaseUrl: string;
  readonly backbone: Backbone;
  readonly log: Logger;
  readonly onEffect?: (effect: Effect, progress: Progress, seconds: number) => void;
}

/** How often a standby tries for the lock, and a leader looks whether a swap was announced that it did not hear of. */
const LOOK_MS = 1_000;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 5_000;

export class Follower {
  readonly #options: FollowerOptions;
  readonly #stopping = new AbortController();
  #standing: Standing = { kind: 'starting', because: 'the service is starting' };
  #applier: Applier | null = null;
  #run: Promise<void> | null = null;
  #wake: () => void = () => undefined;
  #changed: Promise<void>;
  #announce: () => void = () => undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#changed = this.#renew();
  }

  get standing(): Standing {
    return this.#standing;
  }

  /**
   * How far the live copy has come, as the leader that we are knows it; null in every other standing. Gone in the moment in
   * which the connection is: a crash of the database may have taken back what we remember.
   */
  get progress(): Progress | null {
    return this.#applier?.progress ?? null;
  }

  /** As the applier's; 0 where we do not lead. */
  get incompleteTables(): number {
    return this.#applier?.incompleteTables ?? 0;
  }

  /** Resolves at the next change of `progress`. */
  changed(): Promise<void> {
    return this.#changed;
  }

  start(): void {
    this.#run ??= this.#follow();
  }

  /** Finishes the batch in hand and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#run;
  }

  async #follow(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#term(() => (backoffMs = FIRST_BACKOFF_MS));
      } catch (error) {
        if (!mayPass(error)) return this.#halt(error);
        this.#stand({ kind: 'starting', because: wordsOf(error) });
        this.#options.log.warn({ error: wordsOf(error) }, 'the projection was interrupted, and is started again');
        await this.#pause(backoffMs);
        backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS);
      }
    }
  }

  #halt(error: unknown): void {
    const because = `the projection has stopped: ${wordsOf(error)}`;
    this.#stand({ kind: 'halted', because });
    this.#options.log.error({ error: wordsOf(error) }, 'the projection has stopped; the last state is being served');
  }

  /** One connection's time, from opening it to losing it, or to the copy's retirement. */
  async #term(onProgress: () => void): Promise<void> {
    const { databaseUrl } = this.#options;
    const session = await openSession(databaseUrl, {
      applicationName: 'orders-projection',
      durable: false,
      pipeline: true,
      onNotification: () => this.#wake(),
    });
    try {
      await asked(session.client.query(`LISTEN ${COPIES_CHANNEL}`));
      const copy = await this.#lockLiveCopy(session);
      if (copy !== null) await this.#lead(session, copy, onProgress);
    } finally {
      this.#applier = null;
      this.#tell();
      await session.close().catch(() => undefined); // A broken connection is closed already.
    }
  }

  /** Waits until the live copy is ours to write. Null: the service is stopping. */
  async #lockLiveCopy(session: Session): Promise<Copy | null> {
    while (!this.#stopping.signal.aborted) {
      const copy = await asked(liveCopy(session.client));
      if (await asked(lockCopy(session, copy))) return copy;
      this.#stand({ kind: 'standby', because: `another process keeps ${copy.name} up to date` });
      await this.#pause(LOOK_MS);
    }
    return null;
  }

  async #lead(session: Session, copy: Copy, onProgress: () => void): Promise<void> {
    const { backbone, log } = this.#options;
    const applier = new Applier(session, copy, partitionsOf(await backbone.ends(TOPICS)));
    await applier.load();
    const ended = { lost: false };
    void session.lost.then(() => {
      ended.lost = true;
      this.#applier = null;
      this.#wake();
    });
    const consumer = await consume(backbone, applier, {
      onEffect: (effect, seconds) => {
        this.#options.onEffect?.(effect, applier.progress, seconds);
        this.#tell();
        onProgress();
      },
      onRetry: (error) => log.warn({ error: wordsOf(error) }, 'a batch is tried again'),
    });
    if (!ended.lost) this.#applier = applier;
    this.#stand({ kind: 'following' });
    this.#tell();
    log.info({ copy: copy.name }, 'following');
    try {
      while (!this.#stopping.signal.aborted) {
        if (!ended.lost) await Promise.race([consumer.over, this.#pause(LOOK_MS)]);
        if (ended.lost) throw new OrdersError('ORD_LOST', 'The connection to the read model broke.');
        if (consumer.failure !== null) throw consumer.failure;
        if ((await asked(liveCopy(session.client))).number !== copy.number) return;
      }
    } finally {
      await consumer.close();
    }
  }

  /** Ends early when there is something to look at. */
  #pause(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopping.signal.aborted) this.#wake();
    });
  }

  #stand(standing: Standing): void {
    this.#standing = standing;
  }

  #renew(): Promise<void> {
    return new Promise((resolve) => {
      this.#announce = resolve;
    });
  }

  #tell(): void {
    const announce = this.#announce;
    this.#changed = this.#renew();
    announce();
  }
}

/** A statement of the projection's own connection: what the driver throws, in our words. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw translate(error, 'cannot ask the read model');
  }
}
