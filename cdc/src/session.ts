/**
 * One life of the connection to the source: look, decide, prepare, copy where it has to be, then stream until something
 * breaks. Everything that a session knows begins with the sink's checkpoint; nothing is carried over from the one before.
 */
import type { WatermarkJson } from '@banyan/backbone/core/fence';
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import { readSlot, type SlotRow } from './catalogue.ts';
import type { Config } from './config.ts';
import { epochOf, writeCheckpoint, type Checkpoint, type SnapshotState } from './core/checkpoint.ts';
import { Ledger } from './core/ledger.ts';
import { plainName, quoteLiteral, quoteName } from './core/name.ts';
import { nowOf, type Header, type Stream } from './core/source.ts';
import { Translator } from './core/translate.ts';
import { CdcError } from './errors.ts';
import { Fences } from './fence.ts';
import {
  decide,
  look,
  makeSlot,
  prepare,
  topicsOf,
  type Found,
  type Looking,
  type NewSlot,
  type Opened,
} from './prepare.ts';
import { Publisher, type Stamp } from './publisher.ts';
import { Reader } from './reader.ts';
import { Shapes, shapesOf } from './shapes.ts';
import type { OpenSink } from './sink.ts';
import { snapshot } from './snapshot.ts';
import type { Tally } from './tally.ts';
import { connectReplication, connectSql, type Replication, type Sql } from './wire.ts';

/** Logical messages with this prefix are the connector's own. */
const OWN_PREFIX = 'banyan';
const DRAIN_MS = 3_000; // Of the five seconds that a stop may take: the rest is for closing connections.
const TICK_MS = 1_000; // How often the slow heartbeat is looked at.
const TICKS_PER_SLOT_LOOK = 10;
const LONGEST_STATUS_MS = 10_000; // Well within the usual wal_sender_timeout of a minute.

export interface SessionOptions {
  readonly config: Config;
  readonly openSink: OpenSink;
  readonly log: Logger;
  readonly tally: Tally;
  readonly stream: Stream;
  /** On every event. */
  readonly headers: readonly Header[];
  /** Topics of tables that only the stream knows: renamed since, or dropped. Added to when another one shows up. */
  readonly moreTopics: Set<string>;
  readonly onPhase: (phase: 'snapshot' | 'streaming') => void;
  /** Aborted: finish what is complete, confirm it, return. */
  readonly signal: AbortSignal;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #closers: (() => Promise<void>)[] = [];
  #ledger: Ledger | null = null;
  #publisher: Publisher | null = null;
  #fences: Fences | null = null;
  #reader: Reader | null = null;
  #slot: SlotRow | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Resolves when stopped, or when the server has closed the stream. @throws CdcError when something is wrong */
  async run(): Promise<void> {
    const { config, signal } = this.#options;
    try {
      const sql = await this.#open(connectSql(config.database, 'catalogue'));
      const replication = await this.#open(connectReplication(config.database));
      const abort = (): void => void Promise.all([replication.close(), sql.close()]);
      signal.addEventListener('abort', abort, { once: true });
      const started = await this.#start(sql, replication);
      signal.removeEventListener('abort', abort);
      if (!signal.aborted) await this.#stream(started);
    } finally {
      for (const close of this.#closers.toReversed()) await close().catch(() => undefined);
    }
  }

  /** @throws CdcError CDC_SOURCE_LOST */
  watermark(): Promise<WatermarkJson> {
    if (this.#fences === null) throw new CdcError('CDC_SOURCE_LOST', 'the connection to the source is being prepared');
    return this.#fences.take();
  }

  /** When the oldest commit received that is not durable was made, microseconds since 1970; null when there is none. */
  get oldestUs(): number | null {
    return this.#publisher?.oldestUs ?? null;
  }

  get queued(): number {
    return this.#publisher?.queued ?? 0;
  }

  /** WAL between the server's end, as far as we know, and what is durable; null while nothing is streamed. */
  get lagBytes(): number | null {
    if (this.#reader === null || this.#ledger === null) return null;
    return Math.max(0, Number(this.#reader.serverEnd - this.#ledger.reached));
  }

  get slot(): SlotRow | null {
    return this.#slot;
  }

  async #open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.#closers.push(() => opened.close());
    return opened;
  }

  async #start(sql: Sql, replication: Replication): Promise<Started> {
    const { config, log, openSink, moreTopics, tally } = this.#options;
    const looking: Looking = { config, sql, replication, log };
    const found = await look(looking);
    const topics = new Set([...topicsOf(config, found.tables), ...moreTopics]);
    const opened = await decide(looking, found, () => openSink([...topics]));
    this.#closers.push(() => opened.sink.close());
    await prepare(looking, found);
    const shapes = await Shapes.load({
      config,
      sql,
      tally,
      topics,
      generated: found.generated,
      onNewTopic: (topic) => moreTopics.add(topic),
    });
    const base = { looking, found, opened, shapes };
    return opened.decision.kind === 'begin'
      ? this.#begin(base, opened.decision)
      : this.#resume(base, opened.decision.from);
  }

  async #resume(base: Base, from: Lsn): Promise<Started> {
    const { opened, found } = base;
    const checkpoint: Checkpoint = {
      system: found.system.system,
      timeline: found.system.timeline,
      incarnation: opened.decision.incarnation,
      lsn: from,
      snapshot: opened.checkpoint?.snapshot ?? 'none',
      tables: opened.checkpoint?.tables ?? shapesOf(found.tables),
    };
    this.#options.log.info(`going on from ${formatLsn(from)}, incarnation ${checkpoint.incarnation}`);
    this.#publish(base, checkpoint);
    await this.#watch(base, checkpoint);
    return { ...base, checkpoint };
  }

  async #begin(base: Base, decision: Begin): Promise<Started> {
    const { looking, found } = base;
    this.#options.log[decision.because === 'first-start' ? 'info' : 'warn'](`${decision.because}: ${decision.says}`);
    const slot = await makeSlot(looking, decision);
    const checkpoint: Checkpoint = {
      system: found.system.system,
      timeline: found.system.timeline,
      incarnation: decision.incarnation,
      lsn: slot.consistentPoint,
      snapshot: decision.snapshot ? 'running' : 'none',
      tables: shapesOf(found.tables),
    };
    const publisher = this.#publish(base, checkpoint);
    // Said before the first row: whatever is interrupted from here on is begun anew, as the next incarnation.
    await publisher.restamp(this.#stamp(checkpoint, checkpoint.snapshot), null);
    await this.#watch(base, checkpoint);
    if (decision.snapshot) await this.#copy(base, { checkpoint, slot });
    return { ...base, checkpoint: { ...checkpoint, snapshot: decision.snapshot ? 'done' : 'none' } };
  }

  #publish(base: Base, checkpoint: Checkpoint): Publisher {
    const ledger = new Ledger(checkpoint.lsn);
    const publisher = new Publisher(
      {
        sink: base.opened.sink,
        ledger,
        clock: () => performance.now(),
        onDurable: () => this.#reader?.confirm(),
      },
      this.#stamp(checkpoint, checkpoint.snapshot),
    );
    this.#ledger = ledger;
    this.#publisher = publisher;
    this.#closers.push(() => publisher.close());
    return publisher;
  }

  #stamp(checkpoint: Checkpoint, state: SnapshotState): Stamp {
    return {
      source: this.#options.config.topicPrefix,
      epoch: epochOf(checkpoint),
      checkpoint: (lsn) => writeCheckpoint({ ...checkpoint, lsn, snapshot: state }),
      watermarks: state !== 'running',
    };
  }

  /** Makes `/watermark` answer. */
  async #watch({ found }: Base, checkpoint: Checkpoint): Promise<void> {
    const { config, log } = this.#options;
    const sql = await this.#open(connectSql(config.database, 'watermark'));
    const fences = new Fences({
      sql,
      log,
      source: config.topicPrefix,
      epoch: epochOf(checkpoint),
      prefix: OWN_PREFIX,
      version: found.server.version,
      segmentBytes: found.server.segmentBytes,
      reached: () => this.#ledger?.reached ?? checkpoint.lsn,
      onWanted: (lsn) => this.#want(lsn),
    });
    this.#fences = fences;
    this.#closers.push(async () => fences.close());
  }

  #want(lsn: Lsn): void {
    const publisher = this.#publisher;
    if (publisher === null) return;
    if (lsn > publisher.wanted) publisher.wanted = lsn;
    publisher.kick();
  }

  async #copy(base: Base, { checkpoint, slot }: { checkpoint: Checkpoint; slot: NewSlot }): Promise<void> {
    const { config, log, tally, stream, headers, signal, onPhase } = this.#options;
    const publisher = this.#publisher;
    if (publisher === null || slot.snapshotName === null) return;
    onPhase('snapshot');
    const { tables } = base.found;
    const copying = snapshot({
      address: config.database,
      name: slot.snapshotName,
      consistentPoint: slot.consistentPoint,
      stream,
      headers,
      incarnation: checkpoint.incarnation,
      threads: config.snapshotThreads,
      fetchRows: config.fetchRows,
      log,
      signal,
      sources: tables.map((table) => ({ table, relation: base.shapes.ofTable(table) })),
      now: () => nowOf(nowUs()),
      emit: (event) => {
        publisher.add(event);
        publisher.complete(null);
        publisher.kick();
        return publisher.full ? publisher.room() : null;
      },
      onProgress: (progress) => tally.progress(progress),
    });
    await Promise.race([copying, publisher.failed]);
    const swept = { incarnation: checkpoint.incarnation, tables: tables.map(plainName) };
    await publisher.restamp(this.#stamp(checkpoint, 'done'), swept);
    log.info('snapshot complete');
  }

  async #stream({ looking, shapes, checkpoint }: Started): Promise<void> {
    const { config, stream: name, headers, onPhase } = this.#options;
    const [ledger, publisher] = [this.#ledger, this.#publisher];
    if (ledger === null || publisher === null) return;
    const stream = await looking.replication.start(
      `START_REPLICATION SLOT ${quoteName(config.slot)} LOGICAL ${formatLsn(ledger.confirmed)} ` +
        `(proto_version '1', publication_names ${quoteLiteral(quoteName(config.publication))}, messages 'true')`,
    );
    const translator = new Translator(
      {
        ...name,
        headers,
        ownPrefix: OWN_PREFIX,
        incarnation: checkpoint.incarnation,
        skipped: config.skipped,
        tombstones: config.tombstones,
        transactions: config.transactions,
      },
      nowOf(nowUs()),
      (event) => publisher.add(event),
    );
    const reader = new Reader({
      stream,
      translator,
      publisher,
      ledger,
      clockUs: nowUs,
      statusMs: await this.#statusMs(looking.sql),
      describe: (message) => shapes.describe(message),
      onSignal: () => undefined,
    });
    this.#reader = reader;
    onPhase('streaming');
    const tick = this.#tick(looking.sql, publisher);
    try {
      await this.#until(reader, publisher);
    } finally {
      clearInterval(tick);
      reader.stop();
      reader.close();
      await stream.finish();
    }
  }

  /** Waits for the end of the stream, of the sink, or for the word to stop; then there is a last batch to finish. */
  async #until(reader: Reader, publisher: Publisher): Promise<void> {
    const { signal } = this.#options;
    publisher.kick();
    const reading = reader.read();
    reading.catch(() => undefined); // When the race is over, its end is no news.
    await Promise.race([reading, publisher.failed, aborted(signal)]);
    if (!signal.aborted) return;
    reader.stop();
    await Promise.race([publisher.drain(), within(DRAIN_MS)]);
  }

  async #statusMs(sql: Sql): Promise<number> {
    const [row] = await sql.rows(`SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'`);
    const timeoutMs = Number(row?.[0] ?? 0);
    return timeoutMs === 0 ? LONGEST_STATUS_MS : Math.min(LONGEST_STATUS_MS, Math.max(1, timeoutMs / 4));
  }

  #tick(sql: Sql, publisher: Publisher): NodeJS.Timeout {
    let ticks = 0;
    return setInterval(() => {
      publisher.kick();
      if (ticks % TICKS_PER_SLOT_LOOK === 0) void this.#lookAtSlot(sql);
      ticks += 1;
    }, TICK_MS);
  }

  async #lookAtSlot(sql: Sql): Promise<void> {
    // Only its figures: whether it still serves is found out by the stream itself.
    this.#slot = await readSlot(sql, this.#options.config.slot).catch(() => null);
  }
}

interface Base {
  readonly looking: Looking;
  readonly found: Found;
  readonly opened: Opened;
  readonly shapes: Shapes;
}

interface Started extends Base {
  readonly checkpoint: Checkpoint;
}

type Begin = Extract<Opened['decision'], { kind: 'begin' }>;

function nowUs(): number {
  return Date.now() * 1000;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function within(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
