/**
 * Hears the log's notifications for all consumers of one backbone, on a connection of its own. A dead LISTEN socket stalls
 * without a word: its end is handled, it is asked for a sign of life, and the consumers look once a second in any case.
 */
import pg from 'pg';
import { unpack, type Carried } from '../core/carry.ts';
import type { BackboneError } from '../errors.ts';
import { backoffMs, Bell } from './bell.ts';
import type { Layout } from './schema.ts';
import { connect, type Session, type SessionOptions } from './session.ts';

const SIGN_OF_LIFE_EVERY_MS = 5_000;
const SIGN_OF_LIFE_WITHIN_MS = 5_000;

export interface Hearer {
  /** Called for each notification that could be read. */
  hear(carried: Carried): void;
  /** Something may have been missed: look. */
  look(): void;
}

export interface Listener {
  /** @returns what ends it */
  join(hearer: Hearer): () => void;
  close(): Promise<void>;
}

export type ListenerOptions = Pick<SessionOptions, 'url' | 'applicationName'> & {
  readonly layout: Layout;
  /** Told of each loss of the connection, and of each failed attempt to have it again. */
  readonly onTrouble: (error: unknown) => void;
};

/** @throws BackboneError as `connect` does */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const listener = new LogListener(options);
  await listener.open();
  return listener;
}

class LogListener implements Listener {
  readonly #options: ListenerOptions;
  readonly #hearers = new Set<Hearer>();
  readonly #bell = new Bell();
  #session: Session | null = null;
  #closing = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#session = await this.#connect();
    this.#ended = this.#keep();
  }

  join(hearer: Hearer): () => void {
    this.#hearers.add(hearer);
    return () => this.#hearers.delete(hearer);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#bell.ring();
    await this.#ended;
    await this.#session?.close();
  }

  async #connect(): Promise<Session> {
    const { url, applicationName, layout, onTrouble } = this.#options;
    const session = await connect({
      url,
      applicationName,
      durable: false,
      statementTimeoutMs: SIGN_OF_LIFE_WITHIN_MS,
      onNotification: (payload) => this.#hear(payload),
      onLost: (error: BackboneError) => {
        if (!this.#closing) onTrouble(error);
        this.#bell.ring();
      },
    });
    await session.query({ text: `listen ${pg.escapeIdentifier(layout.name)}` });
    return session;
  }

  #hear(payload: string): void {
    const carried = unpack(payload);
    for (const hearer of this.#hearers) {
      if (carried === null) hearer.look();
      else hearer.hear(carried);
    }
  }

  /** Until closed: a sign of life every few seconds, and another connection when there is none. */
  async #keep(): Promise<void> {
    let failures = 0;
    while (!this.#closing) {
      try {
        if (this.#session === null || this.#session.lost) {
          this.#session = await this.#connect();
          for (const hearer of this.#hearers) hearer.look();
        } else await this.#session.query({ text: 'select 1' });
        failures = 0;
        await this.#bell.wait(SIGN_OF_LIFE_EVERY_MS);
      } catch (error) {
        failures += 1;
        this.#options.onTrouble(error);
        await this.#bell.wait(backoffMs(failures));
      }
    }
  }
}
