/**
 * The queue between the stream and the sink. Whatever has queued up while one batch was on its way is the next batch: no timer
 * stands in the way of an event. A transaction leaves whole where it is small; a large one leaves in pieces, and the
 * checkpoint stays before it until its commit is durable.
 */
import type { WatermarkRecord } from '@banyan/backbone/core/fence';
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Ledger } from './core/ledger.ts';
import { watermarking } from './core/pace.ts';
import type { Event } from './core/source.ts';
import type { Sink } from './sink.ts';

// More only costs memory (measured: batches of 500 to 2,000 are as fast as of 5,000).
const BATCH_EVENTS = 2_000;
const BATCH_CHARACTERS = 8 * 1024 * 1024;
// Up to here a transaction is kept together, so that most of them become visible at once.
const OPEN_EVENTS = 1_000;
const OPEN_CHARACTERS = 1024 * 1024;
// Above this the socket is not read: two full batches, so that the sink never waits for the stream.
const QUEUE_EVENTS = 5_000;
const QUEUE_CHARACTERS = 16 * 1024 * 1024;
const EVENT_CHARACTERS = 100; // Topic and headers, which most events share or keep short.

/** What a position looks like in the sink. */
export interface Stamp {
  readonly source: string;
  readonly epoch: string;
  readonly checkpoint: (lsn: Lsn) => string;
  /** Not while an initial snapshot runs: nothing can be said of a half-copied model. */
  readonly watermarks: boolean;
}

export interface PublisherOptions {
  readonly sink: Sink;
  readonly ledger: Ledger;
  /** Milliseconds of a clock that only runs forward. */
  readonly clock: () => number;
  /** Called when something became durable. */
  readonly onDurable: () => void;
}

type Swept = NonNullable<WatermarkRecord['swept']>;

export class Publisher {
  /** Rejects when the sink has failed; nothing is sent after that. */
  readonly failed: Promise<never>;
  /** The greatest position that anybody was given. */
  wanted: Lsn = 0n as Lsn;

  readonly #options: PublisherOptions;
  #stamp: Stamp;
  #swept: Swept | null = null;
  #queue: Event[] = [];
  #first = 0;
  #characters = 0;
  /** How many of the queued events belong to complete transactions. */
  #complete = 0;
  /** Handed to the sink, since the beginning. */
  #taken = 0;
  #published: Lsn = 0n as Lsn;
  #publishedAt = Number.NEGATIVE_INFINITY; // A session begins with a watermark: its epoch may be a new one.
  #running: Promise<void> | null = null;
  #closed = false;
  /** A batch has to go, if an empty one. */
  #forced = false;
  #waiting: (() => void)[] = [];
  #durable = 0;
  #commits: { readonly events: number; readonly atUs: number }[] = [];
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: PublisherOptions, stamp: Stamp) {
    this.#options = options;
    this.#stamp = stamp;
    this.failed = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => undefined); // Whoever waits hears of it; nobody may be waiting yet.
  }

  /** Whether the stream should wait. */
  get full(): boolean {
    return this.#queue.length - this.#first >= QUEUE_EVENTS || this.#characters >= QUEUE_CHARACTERS;
  }

  get queued(): number {
    return this.#queue.length - this.#first;
  }

  /** When the oldest commit that is not durable yet was made, microseconds since 1970; null when all are. */
  get oldestUs(): number | null {
    return this.#commits[0]?.atUs ?? null;
  }

  add(event: Event): void {
    this.#queue.push(event);
    this.#characters += sizeOf(event);
    this.#options.ledger.queue(1);
  }

  /** Takes an event that belongs to no transaction. A promise means: no more, until it has settled. */
  offer(event: Event): Promise<void> | null {
    this.add(event);
    this.complete(null);
    this.kick();
    return this.full ? this.room() : null;
  }

  /**
   * What is queued is complete, and may leave.
   * @param atUs of the commit, microseconds since 1970; null where there is none (a snapshot's rows)
   */
  complete(atUs: number | null): void {
    const queued = this.#queue.length - this.#first;
    if (atUs !== null && queued > this.#complete) this.#commits.push({ events: this.#taken + queued, atUs });
    this.#complete = queued;
  }

  /** Starts sending, where there is something to send and nothing on its way. */
  kick(): void {
    if (this.#running !== null || this.#closed || !this.#due()) return;
    this.#running = this.#run();
  }

  /** Resolves when the queue has room again. */
  async room(): Promise<void> {
    while (this.full) {
      this.kick();
      await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), this.failed]);
    }
  }

  /** Sends every complete transaction, then moves the checkpoint to what was reached. */
  async drain(): Promise<void> {
    await this.#idle();
    const { reached, confirmed } = this.#options.ledger;
    if (reached > confirmed && this.queued === 0) await this.#force();
  }

  /** From now on positions look like this. Resolves when a batch has said it, and `swept` with it. */
  async restamp(stamp: Stamp, swept: Swept | null): Promise<void> {
    await this.#idle();
    this.#stamp = stamp;
    this.#swept = swept;
    await this.#force();
  }

  async #force(): Promise<void> {
    this.#forced = true;
    await this.#idle();
  }

  /** Resolves when nothing is left that may leave. */
  async #idle(): Promise<void> {
    for (;;) {
      this.kick();
      if (this.#running === null) return;
      await Promise.race([this.#running, this.failed]);
    }
  }

  /** Resolves when everything that is queued now is durable. @throws the sink's error */
  async settled(): Promise<void> {
    const events = this.#taken + this.queued;
    while (this.#durable < events) {
      this.kick();
      await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), this.failed]);
    }
  }

  /** The next batch goes soon, if an empty one: the checkpoint has something new to say. */
  note(swept: Swept | null): void {
    if (swept !== null) this.#swept = { ...swept, tables: [...(this.#swept?.tables ?? []), ...swept.tables] };
    this.#forced = true;
    this.kick();
  }

  /** Sends nothing more. Resolves when what was on its way has arrived, or has failed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      // One turn later, so that everything the chunk in hand holds goes into the batch.
      await Promise.resolve();
      while (!this.#closed && this.#due()) await this.#send(this.#take());
    } catch (error) {
      this.#closed = true;
      this.#reject(error);
    } finally {
      this.#running = null;
    }
  }

  #due(): boolean {
    return this.#forced || this.#ready() > 0 || this.#watermarkDue();
  }

  #watermarkDue(): boolean {
    if (!this.#stamp.watermarks) return false;
    const { ledger, clock, sink } = this.#options;
    const verdict = watermarking({
      reached: ledger.reached,
      published: this.#published,
      wanted: sink.watermarks ? this.wanted : this.#published,
      ageMs: clock() - this.#publishedAt,
    });
    return verdict.kind === 'publish';
  }

  /** How many events may leave now. */
  #ready(): number {
    const queued = this.#queue.length - this.#first;
    if (this.#complete > 0) return Math.min(this.#complete, BATCH_EVENTS);
    const large = queued >= OPEN_EVENTS || this.#characters >= OPEN_CHARACTERS;
    return large ? Math.min(queued, BATCH_EVENTS) : 0;
  }

  #take(): readonly Event[] {
    const most = this.#ready();
    let characters = 0;
    let count = 0;
    while (count < most) {
      const event = this.#queue[this.#first + count];
      if (event === undefined) break;
      const size = sizeOf(event);
      if (count > 0 && characters + size > BATCH_CHARACTERS) break;
      characters += size;
      count += 1;
    }
    const batch = this.#queue.slice(this.#first, this.#first + count);
    this.#first += count;
    this.#taken += count;
    this.#characters -= characters;
    this.#complete = Math.max(0, this.#complete - count);
    // In blocks: moving the rest at each batch would cost as much as it holds.
    if (this.#first >= QUEUE_EVENTS || this.#first === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
    return batch;
  }

  async #send(batch: readonly Event[]): Promise<void> {
    const { sink, ledger, clock, onDurable } = this.#options;
    const { source, epoch, checkpoint, watermarks } = this.#stamp;
    const taken = this.#taken;
    const at = ledger.through(taken);
    const swept = this.#swept;
    // Taken now: what comes while the batch is on its way is the next one's to say.
    this.#swept = null;
    this.#forced = false;
    const marks = watermarks && (at > this.#published || swept !== null);
    await sink.send(batch, {
      checkpoint: checkpoint(at),
      watermark: marks && (sink.watermarks || swept !== null) ? { source, epoch, lsn: formatLsn(at) } : null,
      swept,
    });
    if (marks) {
      this.#published = at;
      this.#publishedAt = clock();
    }
    this.#durable = taken;
    ledger.durable(taken, at);
    let done = 0;
    while ((this.#commits[done]?.events ?? Number.POSITIVE_INFINITY) <= taken) done += 1;
    if (done > 0) this.#commits.splice(0, done);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    onDurable();
  }
}

function sizeOf(event: Event): number {
  return EVENT_CHARACTERS + (event.value?.length ?? 0) + (event.key?.length ?? 0);
}
