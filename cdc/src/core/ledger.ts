/**
 * What has been received and what of it is safe: the one place that knows which position may be confirmed to Postgres.
 *
 *   received ──▶ queued for the sink ──▶ durable in the sink, with its checkpoint ──▶ confirmed
 *
 * Its promises, whatever the order of calls:
 * - `reached` never stands behind a change that is not durable, nor inside an open transaction;
 * - a keepalive's position counts only once every transaction received before it is durable (an idle database then lets its
 *   WAL go, and a fence can be met without a commit);
 * - `confirmed` is the last position whose checkpoint is in the sink. It never runs ahead of the checkpoint, so that a slot
 *   found ahead of its checkpoint was certainly moved by somebody else.
 */
import type { Lsn } from '@banyan/backbone/core/lsn';

interface Mark {
  position: Lsn;
  /** How many events had been queued, since the beginning, when this position was reached. */
  readonly events: number;
}

export class Ledger {
  #confirmed: Lsn;
  #reached: Lsn;
  #received: Lsn;
  #queued = 0;
  #durable = 0;
  #open = false;
  /** Positions waiting for their events, in order of both. */
  #marks: Mark[] = [];
  #first = 0;

  /** @param from where the checkpoint stands */
  constructor(from: Lsn) {
    this.#confirmed = from;
    this.#reached = from;
    this.#received = from;
  }

  /** May be told to Postgres: durable, and with its checkpoint. */
  get confirmed(): Lsn {
    return this.#confirmed;
  }

  /** Everything up to here is durable; its checkpoint may still have to be written. */
  get reached(): Lsn {
    return this.#reached;
  }

  /** Everything up to here has come, durable or not. */
  get received(): Lsn {
    return this.#received;
  }

  /** Whether a transaction has begun and not ended. */
  get open(): boolean {
    return this.#open;
  }

  /** Whether nothing is under way: every event durable, no transaction open. */
  get settled(): boolean {
    return !this.#open && this.#queued === this.#durable;
  }

  /** Events handed over so far. */
  get queued(): number {
    return this.#queued;
  }

  begin(): void {
    this.#open = true;
  }

  /** `count` events went into the queue. */
  queue(count: number): void {
    this.#queued += count;
  }

  /** @param end behind the commit record */
  commit(end: Lsn): void {
    this.#open = false;
    this.#mark(end);
  }

  /** The server has sent everything up to `position`. Within a transaction this says nothing yet. */
  keepalive(position: Lsn): void {
    if (!this.#open) this.#mark(position);
  }

  /** What may be written as the checkpoint beside the first `events` events. */
  through(events: number): Lsn {
    let position = this.#reached;
    for (let index = this.#first; index < this.#marks.length; index += 1) {
      const mark = this.#marks[index];
      if (mark === undefined || mark.events > events) break;
      if (mark.position > position) position = mark.position;
    }
    return position;
  }

  /** The first `events` events are durable in the sink, and `checkpoint` with them. */
  durable(events: number, checkpoint: Lsn): void {
    this.#durable = Math.max(this.#durable, events);
    this.#advance();
    if (checkpoint > this.#confirmed) this.#confirmed = checkpoint;
  }

  #mark(position: Lsn): void {
    if (position > this.#received) this.#received = position;
    const last = this.#marks.at(-1);
    if (last !== undefined && last.events === this.#queued && this.#marks.length > this.#first) {
      if (position > last.position) last.position = position;
    } else this.#marks.push({ position, events: this.#queued });
    this.#advance();
  }

  #advance(): void {
    for (;;) {
      const mark = this.#marks[this.#first];
      if (mark === undefined || mark.events > this.#durable) break;
      if (mark.position > this.#reached) this.#reached = mark.position;
      this.#first += 1;
    }
    if (this.#first > 1024 || this.#first === this.#marks.length) {
      // In blocks: shifting one at a time would move the whole array at each commit.
      this.#marks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
