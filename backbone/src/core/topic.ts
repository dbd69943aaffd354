/**
 * Topics and partitions by name, and where a key goes. Both transports place keys alike, because both use this: a consumer can
 * be moved from one to the other without a key changing its partition.
 */
import { murmur2 } from './murmur.ts';

const NAME = /^[a-zA-Z0-9._-]{1,249}$/; // Kafka's own rule, so that every name fits both transports.
const MAX_PARTITIONS = 256; // Each is a table in the log; more are a sign of a mistake in a number.

/** Why a topic cannot be, in words; null when it can. */
export function refusalOfTopic(name: string, partitions: number): string | null {
  if (!NAME.test(name)) return `a topic's name is 1 to 249 of a-z A-Z 0-9 . _ -, and ${JSON.stringify(name)} is not`;
  if (name === '.' || name === '..') return `a topic cannot be named ${JSON.stringify(name)}`;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    return `topic ${name} wants ${partitions} partitions; 1 to ${MAX_PARTITIONS} are possible`;
  }
  return null;
}

/** `<topic>-<partition>`. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** The inverse of {@link partitionName}. Returns null when `name` is none. */
export function parsePartitionName(name: string): { readonly topic: string; readonly partition: number } | null {
  const parts = /^([a-zA-Z0-9._-]{1,249})-(\d{1,9})$/.exec(name);
  return parts === null ? null : { topic: parts[1] ?? '', partition: Number(parts[2]) };
}

/**
 * The partition of a record: by the key's hash as Kafka's clients compute it, or, without a key, by `spread`.
 *
 * @param spread any whole number; successive ones fill the partitions in turn
 */
export function partitionOf(key: string | null, partitions: number, spread: number): number {
  if (partitions === 1) return 0;
  const number = key === null ? spread : murmur2(key);
  return (number & 0x7fff_ffff) % partitions;
}
