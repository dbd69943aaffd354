/**
 * The embedded backbone: a log of partitioned topics in a Postgres database. It keeps the promises of `transport.ts`, and one
 * more: a batch, its producer's checkpoint and its watermark enter the log together or not at all.
 *
 * A session each for every producer, consumer and replay; one for listening; one for everything else.
 */
import { startConsumer } from './log/consumer.ts';
import { openListener, type Listener } from './log/listener.ts';
import { openProducer } from './log/producer.ts';
import { extents } from './log/read.ts';
import { replay } from './log/replay.ts';
import { DETACH_TIMEOUT_MS, dropExpired } from './log/retention.ts';
import { layoutOf, prepareLayout, type Layout } from './log/schema.ts';
import { connect, type Session } from './log/session.ts';
import { createTopics, extendPartition, findTopics } from './log/topics.ts';
import { BackboneError } from './errors.ts';
import type {
  Backbone,
  Consumer,
  ConsumerOptions,
  Entry,
  Offsets,
  Producer,
  ReplayOptions,
  TopicSpec,
} from './transport.ts';

export interface LogOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** How the sessions are named in `pg_stat_activity`; their kind is added. Default `banyan`. */
  readonly applicationName?: string;
  /** Where the log's tables are. Several logs can share a database. Default `banyan_log`. */
  readonly schema?: string;
  /** Offsets per segment of the topics that this process creates: what retention drops at a time. Default 1,000,000. */
  readonly segmentRecords?: number;
  /** How often expired segments are looked for. null: this process never does. Default one minute. */
  readonly retentionEveryMs?: number | null;
  /** Told of what went wrong in the background and is being tried again. Default: nobody. */
  readonly onTrouble?: (error: unknown) => void;
}

const SEGMENT_RECORDS = 1_000_000;
const RETENTION_EVERY_MS = 60_000;

/**
 * Opens the log, and makes its tables where there are none.
 *
 * @throws BackboneError BACKBONE_UNREACHABLE, BACKBONE_BAD_CONFIG, BACKBONE_NEWER_SCHEMA
 */
export async function openLog(options: LogOptions): Promise<Backbone> {
  const log = new Log(options);
  await log.open();
  return log;
}

class Log implements Backbone {
  readonly #options: LogOptions;
  readonly #layout: Layout;
  /** For everything that is short: topics, extents, segments. Opened again when it was lost. */
  #common: Promise<Session> | null = null;
  #listener: Promise<Listener> | null = null;
  readonly #open = new Set<{ close(): Promise<void> }>();
  readonly #extending = new Map<number, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** The round of retention that is under way. */
  #round: Promise<void> | null = null;
  #closed = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#layout = layoutOf(options.schema ?? 'banyan_log');
  }

  async open(): Promise<void> {
    const session = await this.#session();
    try {
      await prepareLayout(session, this.#layout);
    } catch (error) {
      await session.close();
      throw error;
    }
    const every = this.#options.retentionEveryMs === undefined ? RETENTION_EVERY_MS : this.#options.retentionEveryMs;
    if (every === null) return;
    this.#timer = setInterval(() => {
      this.#round ??= this.#retain().finally(() => {
        this.#round = null;
      });
    }, every);
    this.#timer.unref(); // The log is no reason for a process to stay.
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    await createTopics(await this.#session(), this.#layout, specs, this.#options.segmentRecords ?? SEGMENT_RECORDS);
  }

  async producer(id: string, topics: readonly string[]): Promise<Producer> {
    const session = await this.#connect('producer', true);
    const extend = (tp: number, next: bigint): Promise<void> => this.#extend(tp, next);
    try {
      const onClosed = (): boolean => this.#open.delete(producer);
      const producer = await openProducer({ session, layout: this.#layout, id, topics, extend, onClosed });
      return await this.#hold(producer);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    const listener = await this.#listen();
    // Not durable: the offsets of a group that a crash of the server forgets are records delivered once more.
    const open = (onLost: () => void): Promise<Session> => this.#connect('consumer', false, onLost);
    const onEnded = (): boolean => this.#open.delete(consumer);
    const shell = { layout: this.#layout, listener, connect: open, onEnded };
    const consumer: Consumer = await startConsumer({ ...options, ...shell });
    return this.#hold(consumer);
  }

  async ends(topics: readonly string[]): Promise<Offsets> {
    return this.#extents(topics, ({ next }) => next);
  }

  async starts(topics: readonly string[]): Promise<Offsets> {
    return this.#extents(topics, ({ start }) => start);
  }

  async *replay(options: ReplayOptions): AsyncGenerator<Entry, void> {
    const session = await this.#hold(await this.#connect('replay', false));
    try {
      yield* replay(session, this.#layout, options);
    } finally {
      this.#open.delete(session);
      await session.close();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#open].map((held) => held.close()));
    await this.#round;
    const rest = [this.#listener, this.#common].map(async (opening) => (await opening?.catch(() => null))?.close());
    await Promise.all(rest);
  }

  async #extents(
    topics: readonly string[],
    pick: (extent: { readonly start: bigint; readonly next: bigint }) => bigint,
  ): Promise<Offsets> {
    const session = await this.#session();
    const places = (await findTopics(session, this.#layout, topics)).flatMap((topic) => topic.places);
    const found = await extents(
      session,
      this.#layout,
      places.map(({ tp }) => tp),
    );
    const byTp = new Map(found.map((extent) => [extent.tp, extent]));
    return new Map(places.map(({ tp, name }) => [name, pick(byTp.get(tp) ?? { start: 0n, next: 0n })]));
  }

  /** Once at a time for each partition: every batch near the end of a segment asks for it. */
  #extend(tp: number, next: bigint): Promise<void> {
    const under = this.#extending.get(tp);
    if (under !== undefined) return under;
    const work = this.#session()
      .then((session) => extendPartition(session, this.#layout, tp, next))
      .catch((error: unknown) => {
        this.#options.onTrouble?.(error);
        throw error;
      })
      .finally(() => this.#extending.delete(tp));
    this.#extending.set(tp, work);
    return work;
  }

  async #retain(): Promise<void> {
    try {
      const session = await this.#connect('retention', true, undefined, DETACH_TIMEOUT_MS);
      try {
        await dropExpired(session, this.#layout);
      } finally {
        await session.close();
      }
    } catch (error) {
      this.#options.onTrouble?.(error);
    }
  }

  #session(): Promise<Session> {
    const opening = this.#common ?? this.#connect('common', true);
    this.#common = opening;
    return opening.then(
      (session) => {
        if (!session.lost || this.#closed) return session;
        if (this.#common === opening) this.#common = null;
        return this.#session();
      },
      (error: unknown) => {
        if (this.#common === opening) this.#common = null;
        throw error;
      },
    );
  }

  #listen(): Promise<Listener> {
    this.#listener ??= openListener({
      url: this.#options.url,
      applicationName: this.#name('listener'),
      layout: this.#layout,
      onTrouble: (error) => this.#options.onTrouble?.(error),
    }).catch((error: unknown) => {
      this.#listener = null;
      throw error;
    });
    return this.#listener;
  }

  async #connect(kind: string, durable: boolean, onLost?: () => void, statementTimeoutMs?: number): Promise<Session> {
    if (this.#closed) throw closed();
    return connect({
      url: this.#options.url,
      applicationName: this.#name(kind),
      durable,
      ...(onLost !== undefined && { onLost }),
      ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
    });
  }

  /** So that `close` closes it; also when that came while it was being opened. */
  async #hold<T extends { close(): Promise<void> }>(held: T): Promise<T> {
    if (this.#closed) {
      await held.close();
      throw closed();
    }
    this.#open.add(held);
    return held;
  }

  #name(kind: string): string {
    return `${this.#options.applicationName ?? 'banyan'} log ${kind}`;
  }
}

function closed(): BackboneError {
  return new BackboneError('BACKBONE_CLOSED', 'the backbone was closed');
}
