/**
 * Records between the log and a consumer's handler. Bounded by its users, who ask for {@link Queue.room} before they fetch:
 * what a fetch brings is always taken.
 */
import type { Batch, Entry, PartitionName } from '../transport.ts';

/** A record with its size in bytes of UTF-8: key, value and headers. */
export interface Queued {
  readonly entry: Entry;
  readonly bytes: number;
}

export interface Limits {
  readonly records: number;
  readonly bytes: number;
}

export class Queue {
  #items: Queued[] = [];
  /** Where the first one is: taking does not move the rest. */
  #first = 0;
  #bytes = 0;
  /** What may be waiting: one batch in hand, one here. */
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** How much more may be fetched; 0 or less when full. */
  room(): Limits {
    return { records: this.#limits.records - this.length, bytes: this.#limits.bytes - this.#bytes };
  }

  push(item: Queued): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
  }

  /** The first records up to the limits, at least one; null when there is none. */
  take(): Taken | null {
    if (this.length === 0) return null;
    const { records, bytes } = this.#limits;
    let end = this.#first;
    let size = 0;
    while (end < this.#items.length && end - this.#first < records) {
      const next = size + (this.#items[end]?.bytes ?? 0);
      if (next > bytes && end > this.#first) break;
      size = next;
      end += 1;
    }
    const items = this.#items.slice(this.#first, end);
    this.#bytes -= size;
    this.#first = end;
    if (this.#first === this.#items.length) this.#clear();
    else if (this.#first > 2 * records) this.#compact();
    return { items, batch: batchOf(items) };
  }

  /** Puts back what a handler could not finish: it comes first again. */
  putBack({ items }: Taken): void {
    this.#items = [...items, ...this.#items.slice(this.#first)];
    this.#first = 0;
    for (const { bytes } of items) this.#bytes += bytes;
  }

  /** Forgets the records of partitions that are no longer ours. */
  drop(gone: (name: PartitionName) => boolean): void {
    const kept = this.#items.slice(this.#first).filter(({ entry }) => !gone(nameOf(entry)));
    this.#clear();
    for (const item of kept) this.push(item);
  }

  #clear(): void {
    this.#items = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#first);
    this.#first = 0;
  }
}

export interface Taken {
  readonly items: readonly Queued[];
  readonly batch: Batch;
}

function batchOf(items: readonly Queued[]): Batch {
  const entries = items.map(({ entry }) => entry);
  const next = new Map<PartitionName, bigint>();
  let topic: string | null = null;
  let partition = -1;
  let name = '';
  for (const entry of entries) {
    // Runs of one partition are the rule: its name is made once for each.
    if (entry.topic !== topic || entry.partition !== partition) {
      ({ topic, partition } = entry);
      name = nameOf(entry);
    }
    next.set(name, entry.offset + 1n);
  }
  return { entries, next };
}

function nameOf({ topic, partition }: Entry): PartitionName {
  return `${topic}-${partition}`;
}
