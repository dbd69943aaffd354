/**
 * Answers `/watermark`: a position of the source at or after every commit that was acknowledged before the question came. The
 * question goes to the database after the caller's came in; callers who come while it is on its way share the next one.
 *
 * A position handed out must be reached. Where the WAL alone does not bring the stream there in a moment (commits that were
 * not flushed, another database's WAL), a flushed message of our own does.
 */
import type { WatermarkJson } from '@banyan/backbone/core/fence';
import { formatLsn, parseLsn, reachable, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import { CdcError } from './errors.ts';
import type { Sql } from './wire.ts';

// A keepalive follows a flush within a millisecond or two. Past that, nothing is coming.
const PATIENCE_MS = 3;
// While the stream is behind our last message, another one would not bring it on.
const BEHIND_MS = 50;
const FLUSHED_MESSAGE_SINCE = 170_000; // pg_logical_emit_message has a parameter for it from 17 on

export interface FenceOptions {
  readonly sql: Sql;
  readonly source: string;
  readonly epoch: string;
  readonly version: number;
  readonly segmentBytes: bigint;
  readonly prefix: string;
  readonly reached: () => Lsn;
  /** Told of each position that is handed out, before it is. */
  readonly onWanted: (lsn: Lsn) => void;
  readonly log: Logger;
}

export class Fences {
  readonly #options: FenceOptions;
  #asking: Promise<WatermarkJson> | null = null;
  #next: Promise<WatermarkJson> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #wanted: Lsn = 0n as Lsn;
  /** Behind our last message. */
  #pushed: Lsn = 0n as Lsn;
  #closed = false;

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** @throws CdcError CDC_SOURCE_LOST */
  take(): Promise<WatermarkJson> {
    // The one on its way was asked before this caller came: its answer may be too old for them.
    this.#next ??= this.#after(this.#asking);
    return this.#next;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #after(before: Promise<unknown> | null): Promise<WatermarkJson> {
    await before?.catch(() => undefined);
    this.#asking = this.#next;
    this.#next = null;
    return this.#ask();
  }

  async #ask(): Promise<WatermarkJson> {
    const { sql, source, epoch, segmentBytes, onWanted } = this.#options;
    const [row] = await sql.rows('SELECT pg_current_wal_insert_lsn()');
    const insert = parseLsn(row?.[0] ?? '');
    if (insert === null) throw new CdcError('CDC_SOURCE_LOST', 'the source did not say where its WAL ends');
    const lsn = reachable(insert, segmentBytes);
    if (lsn > this.#wanted) this.#wanted = lsn;
    onWanted(lsn);
    this.#watch();
    return { source, epoch, lsn: formatLsn(lsn) };
  }

  /** Looks again in a moment whether the stream has come to what was handed out. */
  #watch(): void {
    if (this.#timer !== null || this.#closed || this.#covered()) return;
    const wait = this.#options.reached() < this.#pushed ? BEHIND_MS : PATIENCE_MS;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#covered()) return;
      if (this.#options.reached() < this.#pushed) this.#watch();
      else void this.#push();
    }, wait);
  }

  /** Whether everything handed out is reached, or will be: the WAL up to our last message is flushed. */
  #covered(): boolean {
    return this.#options.reached() >= this.#wanted || this.#pushed >= this.#wanted;
  }

  /** Writes WAL of our own, flushed, so that the walsender gets past whatever it waits for. */
  async #push(): Promise<void> {
    const { sql, version, prefix, segmentBytes, log } = this.#options;
    const call = version >= FLUSHED_MESSAGE_SINCE ? `(false, $1::text, '', true)` : `(true, $1::text, '')`;
    try {
      const [row] = await sql.rows(`SELECT pg_logical_emit_message${call}`, [prefix]);
      const end = parseLsn(row?.[0] ?? '');
      if (end !== null) this.#pushed = reachable(end, segmentBytes);
    } catch (error) {
      log.warn({ error }, 'could not write a heartbeat: fences of an idle source are met late');
    }
    this.#watch();
  }
}
