/** A batch on its way into the log: checked against the limits, placed on partitions, and turned into columns. */
import { BackboneError } from '../errors.ts';
import { Packer } from '../core/carry.ts';
import { packHeaders, refusalOfText } from '../core/record.ts';
import { partitionOf } from '../core/topic.ts';
import type { Outgoing } from '../transport.ts';
import type { Want } from './append.ts';
import { int4Array, textArray } from './array.ts';
import type { Topic } from './topics.ts';

// A row of 10 MB is a real thing; beyond this, something else than a row was meant.
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
// A quarter of what one message of Postgres' protocol can hold, and of what one statement should cost the server in memory.
const MAX_BATCH_BYTES = 256 * 1024 * 1024;
/** NOTIFY's payload must be shorter than 8,000 bytes. The log checks that exactly; this leaves room for its own line. */
export const CARRY_BYTES: number = 7_600;
// Four lengths and their commas.
const CARRY_OVERHEAD_BYTES = 16;

/** A batch as columns: one index, one record. */
interface Columns {
  readonly tps: number[];
  /** Place among the batch's records of the same partition, from 0. */
  readonly ranks: number[];
  /** Of key, value and headers in UTF-8. */
  readonly sizes: number[];
  readonly keys: (string | null)[];
  readonly keyBytes: number[];
  readonly values: (string | null)[];
  readonly valueBytes: number[];
  readonly headers: (string | null)[];
  readonly headerBytes: number[];
}

export interface Placed {
  /** As the statement takes them. */
  readonly columns: readonly Buffer[];
  readonly wants: readonly Want[];
  /** The records as a notification carries them; null when they are too large for one. */
  readonly packer: Packer | null;
  /** Of the packer's text, roughly from above. */
  readonly packedBytes: number;
}

/**
 * @param spread counts the records without a key, over all batches of a producer
 * @throws BackboneError BACKBONE_TOO_LARGE, BACKBONE_BAD_TEXT, naming the record
 */
export function place(batch: readonly Outgoing[], topics: ReadonlyMap<string, Topic>, spread: () => number): Placed {
  const columns: Columns = {
    tps: [],
    ranks: [],
    sizes: [],
    keys: [],
    keyBytes: [],
    values: [],
    valueBytes: [],
    headers: [],
    headerBytes: [],
  };
  const counts = new Map<number, { count: number; readonly partitions: number }>();
  let total = 0;
  for (const record of batch) {
    const { key, topic } = record;
    const headers = packHeaders(record.headers);
    const size = append(columns, record, headers);
    total += size;
    if (total > MAX_BATCH_BYTES) throw tooLarge('a batch', MAX_BATCH_BYTES, 'send it in parts');
    const places = topics.get(topic)?.places ?? [];
    const { tp } = places[partitionOf(key, places.length, key === null ? spread() : 0)] ?? { tp: 0 };
    const count = counts.get(tp) ?? { count: 0, partitions: places.length };
    columns.tps.push(tp);
    columns.ranks.push(count.count);
    count.count += 1;
    counts.set(tp, count);
  }
  const wants = [...counts].map(([tp, { count, partitions }]) => ({ tp, count, partitions }));
  const packedBytes = total + batch.length * CARRY_OVERHEAD_BYTES;
  return { columns: encode(columns), wants, packer: packedBytes < CARRY_BYTES ? pack(columns) : null, packedBytes };
}

function encode(columns: Columns): readonly Buffer[] {
  return [
    int4Array(columns.tps),
    int4Array(columns.ranks),
    int4Array(columns.sizes),
    textArray(columns.keys, columns.keyBytes),
    textArray(columns.values, columns.valueBytes),
    textArray(columns.headers, columns.headerBytes),
  ];
}

/** Adds what does not depend on the partition. Returns the record's size in bytes. */
function append(columns: Columns, { topic, key, value }: Outgoing, headers: string | null): number {
  const keyBytes = measure(key, topic, 'key');
  const valueBytes = measure(value, topic, 'value');
  const headerBytes = measure(headers, topic, 'headers');
  const size = keyBytes + valueBytes + headerBytes;
  if (size > MAX_RECORD_BYTES)
    throw tooLarge(`a record of topic ${topic} (${size} bytes)`, MAX_RECORD_BYTES, 'split it');
  columns.keys.push(key);
  columns.keyBytes.push(keyBytes);
  columns.values.push(value);
  columns.valueBytes.push(valueBytes);
  columns.headers.push(headers);
  columns.headerBytes.push(headerBytes);
  columns.sizes.push(size);
  return size;
}

function measure(text: string | null, topic: string, part: string): number {
  if (text === null) return 0;
  const refusal = refusalOfText(text);
  if (refusal !== null) {
    throw new BackboneError(
      'BACKBONE_BAD_TEXT',
      `a record of topic ${topic} cannot be sent: in its ${part}, ${refusal}`,
    );
  }
  return Buffer.byteLength(text, 'utf8');
}

function pack(columns: Columns): Packer {
  const packer = new Packer();
  for (const [index, tp] of columns.tps.entries()) {
    const [key, value, headers] = [columns.keys[index], columns.values[index], columns.headers[index]];
    packer.add(tp, { key: key ?? null, value: value ?? null, headers: headers ?? null });
  }
  return packer;
}

function tooLarge(what: string, limit: number, remedy: string): BackboneError {
  return new BackboneError('BACKBONE_TOO_LARGE', `${what} is above the limit of ${limit / 1024 / 1024} MiB: ${remedy}`);
}
