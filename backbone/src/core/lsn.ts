/**
 * A position in Postgres' write-ahead log. Everything that says "at or after this write" in Banyan (checkpoints, fences,
 * watermarks) is one of these, and is compared as a 64-bit integer: the text form does not sort.
 */

/** Bytes from the start of the WAL, 0 to 2^64 - 1. Ordered with `<`, never as text. */
export type Lsn = bigint & { readonly __brand: 'Lsn' };

const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Reads Postgres' `16/B374D848` form. Returns null when `text` is not an LSN. */
export function parseLsn(text: string): Lsn | null {
  const parts = TEXT.exec(text);
  if (parts === null) return null;
  return ((BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`)) as Lsn;
}

/** Writes Postgres' form: upper case, no leading zeros (`0/1A2B3C8`). The inverse of {@link parseLsn}. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/**
 * Mints an LSN from an unsigned 64-bit integer, as the replication protocol sends it.
 * @throws RangeError when `value` does not fit into 64 bits
 */
export function toLsn(value: bigint): Lsn {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is not a 64-bit WAL position`);
  return value as Lsn;
}

/** The later of two positions. */
export function later(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

const PAGE_BYTES = 8192n; // XLOG_BLCKSZ; fixed in every packaged Postgres
const SHORT_HEADER_BYTES = 24n; // SizeOfXLogShortPHD
const LONG_HEADER_BYTES = 40n; // SizeOfXLogLongPHD, on the first page of a segment

/**
 * Turns `pg_current_wal_insert_lsn()` into a position that a commit can reach. Right after a record that ends exactly on a
 * page, the insert position stands past the next page's header; no commit of an idle database ever gets there.
 *
 * @param segmentBytes `wal_segment_size` in bytes; a power of two
 */
export function reachable(insert: Lsn, segmentBytes: bigint): Lsn {
  if (insert % segmentBytes === LONG_HEADER_BYTES) return toLsn(insert - LONG_HEADER_BYTES);
  if (insert % PAGE_BYTES === SHORT_HEADER_BYTES) return toLsn(insert - SHORT_HEADER_BYTES);
  return insert;
}
