/**
 * The backbone as its users see it: topics of partitions of records, written by producers and read by consumer groups. Two
 * implementations obey it: the log in Postgres (`log/`, the embedded default) and Kafka. Promises of both:
 *
 * - order within a partition, and the same key always in the same partition;
 * - **no order across partitions or topics**, and no transaction boundaries;
 * - at least once: what `onBatch` did not finish is delivered again. Exactly once in effect is the consumer's own doing: it
 *   keeps its offsets beside its rows (`resume`);
 * - offsets rise but may have gaps.
 */
import type { WatermarkJson, WatermarkRecord } from './core/fence.ts';
import type { Header } from './core/record.ts';

export type { Header } from './core/record.ts';

/** A record on its way in. `key: null` spreads over the partitions; `value: null` is a tombstone. */
export interface Outgoing {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly Header[];
}

/** A record as it stands in the log. `timestamp` is milliseconds since 1970 when it was appended. */
export interface Entry extends Outgoing {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
}

/** `<topic>-<partition>`: how a partition is named in maps and in `ends`. */
export type PartitionName = string;

/** Next offsets by partition: to be written (of a log) or to be read (of a consumer). */
export type Offsets = ReadonlyMap<PartitionName, bigint>;

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** `compact`: the last value of each key is kept for good; a transport without compaction keeps everything. */
  readonly cleanup: 'delete' | 'compact';
  /** Records older than this may be dropped. null: never. */
  readonly retentionMs: number | null;
}

export interface SendOptions {
  /**
   * Where the producer stands in its own source once this batch is durable; opaque to the transport, at most 8 KiB. The log
   * stores it in the batch's own transaction; Kafka after the batch (so a crash between repeats the batch).
   */
  readonly checkpoint?: string;
  /**
   * Adds a {@link WatermarkRecord} to `topic` whose `ends` name every partition that this producer has written or was opened
   * for, as they stand after the batch, save those of `topic` itself. It goes to the first partition, with `at.source` as its
   * key. In the log in the same transaction.
   */
  readonly watermark?: {
    readonly topic: string;
    readonly at: WatermarkJson;
    readonly swept?: NonNullable<WatermarkRecord['swept']>;
  };
}

/** One writer. Opening a second one under the same `id` fences the first: its next `send` throws BACKBONE_FENCED. */
export interface Producer {
  /** The checkpoint that stood in the log when this producer was opened; null when there was none. */
  readonly checkpoint: string | null;
  /**
   * Appends the batch, atomically in the log. Resolves when it is durable, with the next offsets of the partitions touched.
   * An empty batch is allowed: it moves the checkpoint, or writes a watermark. Batches that are sent without waiting go one
   * after the other, in the order of the calls.
   *
   * After BACKBONE_UNREACHABLE the batch may or may not have been written, and this producer is finished (each further `send`
   * throws the same): open another one under the same id, whose `checkpoint` says which it was. After every other error but
   * BACKBONE_FENCED nothing was written, and the producer goes on.
   *
   * @throws BackboneError BACKBONE_FENCED, BACKBONE_NO_TOPIC, BACKBONE_TOO_LARGE (a record above 64 MiB, a batch above 256),
   * BACKBONE_BAD_TEXT (0x00, half a surrogate pair), BACKBONE_UNREACHABLE, BACKBONE_BUSY, BACKBONE_CLOSED
   */
  send(batch: readonly Outgoing[], options?: SendOptions): Promise<Offsets>;
  close(): Promise<void>;
}

export interface Batch {
  /** In order within each partition; whatever had queued up, up to the consumer's limits. Never empty. */
  readonly entries: readonly Entry[];
  /** What to store: the next offset to read of each partition in this batch. */
  readonly next: Offsets;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a partition without a stored offset begins. */
  readonly start: 'earliest' | 'latest';
  /**
   * For consumers that keep their offsets beside their rows: asked at each assignment; a partition that is not in the answer
   * uses the group's own offset, then `start`. Without it, the group's offset is used.
   */
  readonly resume?: (partitions: readonly PartitionName[]) => Promise<Offsets>;
  /**
   * Called one batch at a time. Resolved: its effects are durable, and the group's offset moves (while the next batch is being
   * handled: a crash can repeat finished batches). Thrown: `onError`, then its records again, in a batch that may hold more.
   */
  readonly onBatch: (batch: Batch) => Promise<void>;
  /**
   * Told of each failure, of the handler or of the transport. `retry` waits and goes on from the last finished batch; `stop`
   * ends the consumer: `done` rejects with the error. Default: `retry`, with a backoff of 50 ms to 5 s; but `stop` for what
   * waiting does not mend (BACKBONE_OFFSET_GONE, BACKBONE_OFFSET_AHEAD).
   */
  readonly onError?: (error: unknown, failures: number) => 'retry' | 'stop';
  /** Default 2,000 records: more only costs memory (measured, docs/adr/0003). */
  readonly maxRecords?: number;
  /** Default 16 MiB of keys, values and headers; one larger record still comes, alone. */
  readonly maxBytes?: number;
}

export interface Consumer {
  /** Settles when the consumer has ended: resolved after `close`, rejected after `stop`. */
  readonly done: Promise<void>;
  /** Finishes the batch in hand, then ends. */
  close(): Promise<void>;
}

export interface ReplayOptions {
  readonly topic: string;
  /** All partitions when absent. */
  readonly partition?: number;
  /** First offset; default the oldest. */
  readonly from?: bigint;
  /** Offset to stop before; default the end as it stands at the call. */
  readonly to?: bigint;
  /** Only records of this key. */
  readonly key?: string;
}

export interface Backbone {
  /** Idempotent. Partitions can grow, never shrink; growing moves keys, and is refused unless the topic is empty. */
  createTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** @param topics what the producer writes to: the partitions named in its watermarks' `ends` */
  producer(id: string, topics: readonly string[]): Promise<Producer>;
  consume(options: ConsumerOptions): Promise<Consumer>;
  /** Next offset to be written, of every partition of `topics`. */
  ends(topics: readonly string[]): Promise<Offsets>;
  /** Oldest offset still held, of every partition of `topics`. */
  starts(topics: readonly string[]): Promise<Offsets>;
  /** A bounded read outside any group, in order within each partition. */
  replay(options: ReplayOptions): AsyncIterable<Entry>;
  /** Closes every producer and consumer that is still open, each with the batch in hand finished. */
  close(): Promise<void>;
}
