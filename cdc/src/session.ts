/**
 * One life of the connection to the source: look, decide, prepare, copy where it has to be, then stream until something
 * breaks. Everything that a session knows begins with the sink's checkpoint; nothing is carried over from the one before.
 */
import type { WatermarkJson } from '@banyan/backbone/core/fence';
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import { readTable, type SlotRow } from './catalogue.ts';
import type { Config } from './config.ts';
import { epochOf, writeCheckpoint, type Checkpoint, type SnapshotState } from './core/checkpoint.ts';
import type { Glob } from './core/glob.ts';
import { Ledger } from './core/ledger.ts';
import { plainName } from './core/name.ts';
import type { Header, Stream } from './core/source.ts';
import { CdcError } from './errors.ts';
import { Fences } from './fence.ts';
import { OWN_PREFIX, Streaming, now, type Standing } from './streaming.ts';
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
import { Shapes, keyOf, shapesOf } from './shapes.ts';
import type { OpenSink } from './sink.ts';
import { snapshot } from './snapshot.ts';
import type { Tally } from './tally.ts';
import { connectReplication, connectSql, type Replication, type Sql } from './wire.ts';

const SHAPE_BYTES = 20; // An oid and a hash in base 36, with their quotes, colon and comma.
const CHECKPOINT_REST_BYTES = 300; // Everything else in a checkpoint.

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
  /** See {@link Looking}. */
  readonly strict: boolean;
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
  #streaming: Streaming | null = null;
  /** What the next checkpoint says of the tables' shapes. */
  #remembered = new Map<string, string>();
  #shapeRoom = 0;

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

  /**
   * Reads captured tables again while they stream.
   * @returns their names; empty when the globs choose none
   * @throws CdcError CDC_SOURCE_LOST while nothing is streamed
   */
  reread(globs: readonly Glob[]): readonly string[] {
    if (this.#streaming === null) throw new CdcError('CDC_SOURCE_LOST', 'nothing is streamed yet');
    return this.#streaming.reread(globs);
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
    const end = this.#streaming?.serverEnd ?? null;
    return end === null || this.#ledger === null ? null : Math.max(0, Number(end - this.#ledger.reached));
  }

  get slot(): SlotRow | null {
    return this.#streaming?.slot ?? null;
  }

  /** Tables that are being read again, or wait for it. */
  get rereading(): number {
    return this.#streaming?.rereading ?? 0;
  }

  async #open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.#closers.push(() => opened.close());
    return opened;
  }

  async #start(sql: Sql, replication: Replication): Promise<Started> {
    const { config, log, openSink, moreTopics, tally, strict } = this.#options;
    const looking: Looking = { config, sql, replication, log, strict };
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
      tables: found.tables,
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
    const checkpoint: Standing = {
      system: found.system.system,
      timeline: found.system.timeline,
      incarnation: opened.decision.incarnation,
      lsn: from,
      snapshot: opened.checkpoint?.snapshot ?? 'none',
    };
    const known = opened.checkpoint?.tables ?? shapesOf(found.tables);
    this.#remembered = new Map(Object.entries(known));
    this.#options.log.info(`going on from ${formatLsn(from)}, incarnation ${checkpoint.incarnation}`);
    this.#publish(base, checkpoint);
    await this.#watch(base, checkpoint);
    return { ...base, checkpoint };
  }

  async #begin(base: Base, decision: Begin): Promise<Started> {
    const { looking, found } = base;
    this.#options.log[decision.because === 'first-start' ? 'info' : 'warn'](`${decision.because}: ${decision.says}`);
    const slot = await makeSlot(looking, decision);
    const checkpoint: Standing = {
      system: found.system.system,
      timeline: found.system.timeline,
      incarnation: decision.incarnation,
      lsn: slot.consistentPoint,
      snapshot: decision.snapshot ? 'running' : 'none',
    };
    this.#remembered = new Map(Object.entries(shapesOf(found.tables)));
    const publisher = this.#publish(base, checkpoint);
    // Said before the first row: whatever is interrupted from here on is begun anew, as the next incarnation.
    await publisher.restamp(this.#stamp(checkpoint, checkpoint.snapshot), null);
    await this.#watch(base, checkpoint);
    if (decision.snapshot) await this.#copy(base, { checkpoint, slot });
    return { ...base, checkpoint };
  }

  #publish(base: Base, checkpoint: Standing): Publisher {
    const ledger = new Ledger(checkpoint.lsn);
    const publisher = new Publisher(
      {
        sink: base.opened.sink,
        ledger,
        clock: () => performance.now(),
        onDurable: () => this.#streaming?.confirm(),
      },
      this.#stamp(checkpoint, checkpoint.snapshot),
    );
    this.#ledger = ledger;
    this.#publisher = publisher;
    this.#shapeRoom = base.opened.sink.checkpointBytes - CHECKPOINT_REST_BYTES;
    this.#closers.push(() => publisher.close());
    return publisher;
  }

  #stamp(checkpoint: Standing, state: SnapshotState): Stamp {
    return {
      source: this.#options.config.topicPrefix,
      epoch: epochOf(checkpoint),
      checkpoint: (lsn) => writeCheckpoint({ ...checkpoint, lsn, snapshot: state, tables: this.#shapes() }),
      watermarks: state !== 'running',
    };
  }

  /** Shapes for the checkpoint; none where they would not fit. */
  #shapes(): Checkpoint['tables'] {
    return this.#remembered.size * SHAPE_BYTES <= this.#shapeRoom ? Object.fromEntries(this.#remembered) : {};
  }

  /** Makes `/watermark` answer. */
  async #watch({ found }: Base, checkpoint: Standing): Promise<void> {
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

  async #copy(base: Base, { checkpoint, slot }: { checkpoint: Standing; slot: NewSlot }): Promise<void> {
    const { config, log, tally, stream, headers, signal, onPhase } = this.#options;
    const publisher = this.#publisher;
    if (publisher === null || slot.snapshotName === null) return;
    onPhase('snapshot');
    const { tables, generated } = base.found;
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
      now,
      look: (oid) => readTable(base.looking.sql, oid, { viaRoot: config.viaRoot, generated }),
      emit: (event) => publisher.offer(event),
      onProgress: (progress) => tally.progress(progress),
    });
    const altered = await Promise.race([copying, publisher.failed]);
    // Forgotten for now: the stream reads them again beside itself, and sweeps them then.
    for (const table of altered) this.#remembered.delete(keyOf(table));
    const whole = tables.filter((table) => !altered.includes(table));
    const swept = { incarnation: checkpoint.incarnation, tables: whole.map(plainName) };
    await publisher.restamp(this.#stamp(checkpoint, 'done'), swept);
    log.info('snapshot complete');
  }

  async #stream({ looking, found, shapes, checkpoint }: Started): Promise<void> {
    const [ledger, publisher] = [this.#ledger, this.#publisher];
    if (ledger === null || publisher === null) return;
    this.#streaming = new Streaming({
      ...this.#options,
      looking,
      found,
      shapes,
      ledger,
      publisher,
      checkpoint,
      remembered: this.#remembered,
    });
    await this.#streaming.run();
  }
}

interface Base {
  readonly looking: Looking;
  readonly found: Found;
  readonly opened: Opened;
  readonly shapes: Shapes;
}

interface Started extends Base {
  readonly checkpoint: Standing;
}

type Begin = Extract<Opened['decision'], { kind: 'begin' }>;
