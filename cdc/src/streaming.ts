/**
 * From START_REPLICATION to the end of the stream: the reader, what is read again beside it, and the looks that are taken now
 * and then at the slot, the tables and the age of the last watermark.
 */
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { readSlot, readTable, readTables, type SlotRow, type Table } from './catalogue.ts';
import type { Checkpoint } from './core/checkpoint.ts';
import { driftOf } from './core/drift.ts';
import { select, type Glob } from './core/glob.ts';
import type { Ledger } from './core/ledger.ts';
import { plainName, quoteLiteral, quoteName } from './core/name.ts';
import { shapeOf, type Relation } from './core/relation.ts';
import type { RelationMessage } from './core/pgoutput.ts';
import { nowOf, type Now } from './core/source.ts';
import { Translator } from './core/translate.ts';
import type { Found, Looking } from './prepare.ts';
import type { Publisher } from './publisher.ts';
import { Reader } from './reader.ts';
import { Rereads } from './reread.ts';
import type { SessionOptions } from './session.ts';
import { keyOf, type Shapes } from './shapes.ts';
import type { WalStream } from './wire.ts';

/** Logical messages with this prefix are the connector's own. */
export const OWN_PREFIX = 'banyan';
const DRAIN_MS = 3_000; // Of the five seconds that a stop may take: the rest is for closing connections.
const TICK_MS = 1_000; // How often the slow heartbeat is looked at.
const TICKS_PER_LOOK = 10; // An altered table, a lagging slot: minutes would be long, seconds are not needed.
const LONGEST_STATUS_MS = 10_000; // Well within the usual wal_sender_timeout of a minute.

export interface StreamingOptions extends SessionOptions {
  readonly looking: Looking;
  readonly found: Found;
  readonly shapes: Shapes;
  readonly ledger: Ledger;
  readonly publisher: Publisher;
  readonly checkpoint: Standing;
  /** What the next checkpoint says of the tables' shapes: written here. A table that is not in it has still to be read. */
  readonly remembered: Map<string, string>;
}

/** A checkpoint but for the shapes, which change while it stands. */
export type Standing = Omit<Checkpoint, 'tables'>;

export class Streaming {
  readonly #options: StreamingOptions;
  /** The captured tables as they were last looked at, by oid. */
  readonly #tables: Map<number, Table>;
  /** Not read before in this incarnation. */
  readonly #fresh = new Set<number>();
  #reader: Reader | null = null;
  #rereads: Rereads | null = null;
  #slot: SlotRow | null = null;

  constructor(options: StreamingOptions) {
    this.#options = options;
    this.#tables = new Map(options.found.tables.map((table) => [table.oid, table]));
  }

  /** As far as the server's WAL is known to go; null before anything came. */
  get serverEnd(): Lsn | null {
    return this.#reader?.serverEnd ?? null;
  }

  get slot(): SlotRow | null {
    return this.#slot;
  }

  /** Tables that are being read again, or wait for it. */
  get rereading(): number {
    return this.#rereads?.pending ?? 0;
  }

  /** Reads the captured tables that the globs choose again. @returns their names; empty when they choose none */
  reread(globs: readonly Glob[]): readonly string[] {
    const { chosen } = select(globs, [...this.#tables.values()]);
    for (const table of chosen) this.#rereads?.add(table, 'somebody asked for it');
    return chosen.map(plainName);
  }

  /** Resolves when stopped, or when the server has ended the stream. @throws CdcError */
  async run(): Promise<void> {
    const { config, looking, ledger, publisher, onPhase } = this.#options;
    const statusMs = await this.#statusMs();
    const stream = await looking.replication.start(
      `START_REPLICATION SLOT ${quoteName(config.slot)} LOGICAL ${formatLsn(ledger.confirmed)} ` +
        `(proto_version '1', publication_names ${quoteLiteral(quoteName(config.publication))}, messages 'true')`,
    );
    const { reader, rereads } = this.#assemble(stream, statusMs);
    this.#reader = reader;
    this.#rereads = rereads;
    onPhase('streaming');
    this.#recall(rereads);
    const tick = this.#tick();
    try {
      await this.#until(reader, publisher);
    } finally {
      clearInterval(tick);
      await rereads.close();
      reader.stop();
      reader.close();
      await stream.finish();
    }
  }

  /** The next status update should say it. */
  confirm(): void {
    this.#reader?.confirm();
  }

  #assemble(stream: WalStream, statusMs: number): { readonly reader: Reader; readonly rereads: Rereads } {
    const { config, headers, checkpoint, publisher, ledger } = this.#options;
    const translator = new Translator(
      {
        ...this.#options.stream,
        headers,
        ownPrefix: OWN_PREFIX,
        incarnation: checkpoint.incarnation,
        skipped: config.skipped,
        tombstones: config.tombstones,
        transactions: config.transactions,
      },
      now(),
      (event) => publisher.add(event),
    );
    const reader = new Reader({
      stream,
      translator,
      publisher,
      ledger,
      statusMs,
      clockUs: nowUs,
      describe: (message) => this.#describe(message),
      onSignal: () => undefined,
    });
    return { reader, rereads: this.#rereadsFor(translator, reader) };
  }

  #rereadsFor(translator: Translator, reader: Reader): Rereads {
    const { config, headers, checkpoint, ledger, publisher, shapes, log, stream } = this.#options;
    return new Rereads({
      address: config.database,
      slot: config.slot,
      incarnation: checkpoint.incarnation,
      stream,
      headers,
      fetchRows: config.fetchRows,
      ledger,
      now,
      log,
      look: (oid) => this.#look(oid),
      relationOf: (table) => shapes.ofTable(table),
      watch: (watch) => {
        translator.watch = watch;
      },
      between: () => reader.between(),
      emit: (event) => publisher.offer(event),
      nudge: () => this.#nudge(),
      settled: () => publisher.settled(),
      onDone: (table) => this.#remember(table),
    });
  }

  async #describe(message: RelationMessage): Promise<Relation> {
    const known = this.#tables.get(message.oid);
    const relation = await this.#options.shapes.describe(message);
    // Not as we know it: there was an ALTER TABLE, or the stream is still before one.
    if (known !== undefined && shapeOf(known.shape) !== relation.shape) void this.#lookAround();
    return relation;
  }

  #look(oid: number): Promise<Table | null> {
    const { looking, config, found } = this.#options;
    return readTable(looking.sql, oid, { viaRoot: config.viaRoot, generated: found.generated });
  }

  async #nudge(): Promise<void> {
    await this.#options.looking.sql.rows(`SELECT pg_logical_emit_message(true, $1::text, '')`, [OWN_PREFIX]);
  }

  /** What was to be read again before this session, or has changed since the last. */
  #recall(rereads: Rereads): void {
    const { checkpoint, remembered, config, log } = this.#options;
    if (config.snapshot === 'never') return;
    if (remembered.size === 0 && checkpoint.snapshot !== 'none') {
      log.warn('the checkpoint knows no shapes of tables: what was altered while nobody looked goes unnoticed');
      return;
    }
    for (const table of this.#tables.values()) {
      const before = remembered.get(keyOf(table));
      if (before === undefined) {
        this.#fresh.add(table.oid);
        rereads.add(table, 'it was not read to its end before');
      } else if (before !== shapeOf(table.shape)) rereads.add(table, 'its columns have changed since');
    }
  }

  #remember(table: Table): void {
    const { remembered, publisher, checkpoint } = this.#options;
    remembered.set(keyOf(table), shapeOf(table.shape));
    // The sweep of this incarnation's first copy had to leave it out.
    const swept = this.#fresh.delete(table.oid) && checkpoint.incarnation > 1;
    publisher.note(swept ? { incarnation: checkpoint.incarnation, tables: [plainName(table)] } : null);
  }

  /** Compares the tables with what they were. */
  async #lookAround(): Promise<void> {
    const { looking, config, found, log } = this.#options;
    try {
      const all = await readTables(looking.sql, { viaRoot: config.viaRoot, generated: found.generated });
      for (const table of all) {
        const before = this.#tables.get(table.oid);
        if (before !== undefined) this.#compare(before, table);
        this.#tables.set(table.oid, table);
      }
    } catch (error) {
      log.debug({ error }, 'could not look at the tables; there is another look in a moment');
    }
  }

  #compare(before: Table, table: Table): void {
    const drift = driftOf(before, table);
    if (drift.kind === 'same' || this.#options.config.snapshot === 'never') return;
    if (drift.kind === 'read') this.#rereads?.add(table, drift.because);
    else if (this.#options.remembered.get(keyOf(table)) === shapeOf(before.shape)) this.#remember(table);
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
    await this.#rereads?.close();
    await Promise.race([publisher.drain(), within(DRAIN_MS)]);
  }

  async #statusMs(): Promise<number> {
    const { sql } = this.#options.looking;
    const [row] = await sql.rows(`SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'`);
    const timeoutMs = Number(row?.[0] ?? 0);
    return timeoutMs === 0 ? LONGEST_STATUS_MS : Math.min(LONGEST_STATUS_MS, Math.max(1, timeoutMs / 4));
  }

  #tick(): NodeJS.Timeout {
    let ticks = 0;
    return setInterval(() => {
      this.#options.publisher.kick();
      if (ticks % TICKS_PER_LOOK === 0) void Promise.all([this.#lookAtSlot(), this.#lookAround()]);
      ticks += 1;
    }, TICK_MS);
  }

  async #lookAtSlot(): Promise<void> {
    const { looking, config } = this.#options;
    // Only its figures: whether it still serves is found out by the stream itself.
    this.#slot = await readSlot(looking.sql, config.slot).catch(() => null);
  }
}

/** Microseconds since 1970. */
function nowUs(): number {
  return Date.now() * 1000;
}

/** When an event that is made now was made. */
export function now(): Now {
  return nowOf(nowUs());
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
