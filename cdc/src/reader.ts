/**
 * The loop that everything else hangs on: chunk, message, event, queue. Its guarantees:
 *
 * - events enter the queue in the order of the WAL, and a commit is noted behind its last event;
 * - while the queue is full the socket is not read: the server waits, and no memory is taken. Status updates go on meanwhile,
 *   so that the server does not take us for dead;
 * - what is confirmed is what the ledger says, never what was received.
 */
import { later, type Lsn } from '@banyan/backbone/core/lsn';
import { decimal64 } from './core/bytes.ts';
import type { Ledger } from './core/ledger.ts';
import { readMessage, type Message, type RelationMessage } from './core/pgoutput.ts';
import type { Relation } from './core/relation.ts';
import { nowOf } from './core/source.ts';
import type { Heard, Translator } from './core/translate.ts';
import {
  KEEPALIVE,
  WAL_DATA,
  WAL_DATA_HEADER_BYTES,
  microseconds,
  readKeepalive,
  writeStatus,
  type Keepalive,
} from './core/walsender.ts';
import { CdcError } from './errors.ts';
import type { Publisher } from './publisher.ts';
import type { WalStream } from './wire.ts';

const COPY_DATA = 0x64; // 'd'
const COPY_DONE = 0x63; // 'c'
const COMMAND_COMPLETE = 0x43; // 'C'
const ERROR = 0x45; // 'E'

// The slot may follow this late; a status for each commit would wake the server for each.
const CONFIRM_INTERVAL_MS = 100;

export interface ReaderOptions {
  readonly stream: WalStream;
  readonly translator: Translator;
  readonly publisher: Publisher;
  readonly ledger: Ledger;
  /** Compiles a table's shape. The stream waits for it. */
  readonly describe: (message: RelationMessage) => Promise<Relation>;
  /** A message of our own, at its place in the stream. */
  readonly onSignal: (content: Uint8Array, commit: Lsn) => void;
  /** Longest time between two status updates. */
  readonly statusMs: number;
  /** Microseconds since 1970. */
  readonly clockUs: () => number;
}

export class Reader {
  /** As far as the server's WAL is known to go. */
  serverEnd: Lsn = 0n as Lsn;
  readonly #options: ReaderOptions;
  readonly #timer: NodeJS.Timeout;
  #lastStatusAt = 0;
  #told: Lsn | null = null;
  #late: NodeJS.Timeout | null = null;
  #stopped = false;
  #between: (() => void)[] = [];

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#status(), options.statusMs);
  }

  /**
   * Reads until the server ends the stream, or `stop` was called.
   * @throws CdcError when it breaks
   */
  async read(): Promise<void> {
    const { stream, publisher, translator, clockUs } = this.#options;
    const { framer } = stream;
    for (;;) {
      while (framer.next()) {
        const pending = this.#frame();
        if (pending === 'ended') return;
        if (pending !== null) await pending;
      }
      publisher.kick();
      if (publisher.full) await publisher.room();
      const chunk = await stream.chunk();
      if (chunk === null || this.#stopped) return;
      translator.now = nowOf(clockUs());
      framer.push(chunk);
    }
  }

  /** Resolves when no transaction is open: at once, or at the next commit. */
  between(): Promise<void> | null {
    if (!this.#options.ledger.open) return null;
    return new Promise((resolve) => this.#between.push(resolve));
  }

  /** Takes nothing more off the socket. */
  stop(): void {
    this.#stopped = true;
  }

  /** What is durable may be confirmed: soon, if not at once. */
  confirm(): void {
    if (this.#told === this.#options.ledger.confirmed || this.#late !== null) return;
    const wait = CONFIRM_INTERVAL_MS - (performance.now() - this.#lastStatusAt);
    if (wait <= 0) this.#status();
    else
      this.#late = setTimeout(() => {
        this.#late = null;
        this.#status();
      }, wait);
  }

  /** Tells the server where we are, a last time. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#late !== null) clearTimeout(this.#late);
    this.#late = null;
    this.#status();
  }

  #frame(): Promise<void> | 'ended' | null {
    const { framer } = this.#options.stream;
    switch (framer.type) {
      case COPY_DATA:
        return this.#copyData();
      case ERROR:
        throw this.#options.stream.failure();
      case COPY_DONE:
      case COMMAND_COMPLETE:
        return 'ended';
      default: // Notices and parameter changes may come at any time, and mean nothing here.
        return null;
    }
  }

  #copyData(): Promise<void> | null {
    const { framer } = this.#options.stream;
    const { bytes, start } = framer;
    switch (bytes.array[start]) {
      case WAL_DATA:
        return this.#walData();
      case KEEPALIVE:
        this.#keepalive(readKeepalive(bytes, start));
        return null;
      default:
        return null;
    }
  }

  #walData(): Promise<void> | null {
    const { stream, translator, publisher, ledger, describe, onSignal } = this.#options;
    const { bytes, start, end } = stream.framer;
    const message = readMessage(bytes, start + WAL_DATA_HEADER_BYTES, end);
    const heard = this.#take(message, decimal64(bytes.view, start + 1), microseconds(bytes.view, start + 17));
    switch (heard.kind) {
      case 'change':
        return null;
      case 'begin':
        ledger.begin();
        return null;
      case 'commit':
        this.serverEnd = later(this.serverEnd, heard.end);
        ledger.commit(heard.end);
        publisher.complete(heard.atUs);
        if (this.#between.length > 0) return this.#pause();
        return null;
      case 'message':
        publisher.complete(translator.now.ms * 1000);
        return null;
      case 'shape':
        return describe(heard.message).then((relation) => translator.define(relation));
      case 'signal':
        onSignal(heard.content, heard.commit);
        return null;
    }
  }

  /** @throws CdcError CDC_VALUE: nothing is skipped, so that nothing is missing in silence */
  #take(message: Message, lsn: string, sentUs: number): Heard {
    const { translator } = this.#options;
    try {
      return translator.take(message, lsn, sentUs);
    } catch (error) {
      const table = 'oid' in message ? (translator.relation(message.oid)?.name ?? `relation ${message.oid}`) : '';
      const what = `the ${message.kind} ${table === '' ? '' : `on ${table} `}at WAL position ${lsn}`;
      throw new CdcError('CDC_VALUE', `${what} cannot be put into an envelope: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Lets those in who waited for the end of the transaction; the next one begins behind what they do at once. */
  async #pause(): Promise<void> {
    const waiting = this.#between;
    this.#between = [];
    for (const resolve of waiting) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #keepalive({ position, replyRequested }: Keepalive): void {
    const { ledger, stream, clockUs } = this.#options;
    this.serverEnd = later(this.serverEnd, position);
    ledger.keepalive(position);
    if (!replyRequested) return;
    // A server that stops waits until we have its last position. We have it, if nothing is under way; but the slot must not
    // pass the checkpoint, which a server that stops may no longer be able to take. So: written, not flushed.
    if (ledger.settled && position > ledger.confirmed) {
      stream.send(writeStatus({ write: position, flush: null, atUs: clockUs() }));
      this.#told = null;
    } else this.#status();
  }

  #status(): void {
    const { ledger, stream, clockUs } = this.#options;
    const { confirmed } = ledger;
    stream.send(writeStatus({ write: confirmed, flush: confirmed, atUs: clockUs() }));
    this.#told = confirmed;
    this.#lastStatusAt = performance.now();
  }
}
