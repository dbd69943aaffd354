/**
 * The change envelope as Debezium's Postgres connector writes it (JSON, schemas off), so that either end can be swapped for
 * the real thing. Field names and their order on the wire are Debezium 3.6's.
 */

/** `c` create, `u` update, `d` delete, `r` read by a snapshot, `t` truncate, `m` logical message. */
export type Op = 'c' | 'u' | 'd' | 'r' | 't' | 'm';

/** What stands for a TOASTed value that the WAL did not carry because the update left it alone. */
export const UNAVAILABLE = '__debezium_unavailable_value';

/** Where and when a change happened. Times are of the commit; `lsn` is the record's own (not the commit's). */
export interface Source {
  readonly version: string;
  readonly connector: 'postgresql';
  /** The topic prefix: the logical name of the source. */
  readonly name: string;
  readonly ts_ms: number;
  /** Debezium's words: `first`, `first_in_data_collection`, `true`, `last_in_data_collection`, `last`, `incremental`, or `false` when streamed. */
  readonly snapshot: string;
  readonly db: string;
  /** A JSON array in a string: `["<previous commit lsn>","<lsn>"]`, decimal. */
  readonly sequence: string;
  readonly ts_us: number;
  readonly ts_ns: number;
  readonly schema: string;
  readonly table: string;
  readonly txId: number | null;
  readonly lsn: number | null;
  readonly xmin: number | null;
}

/** Column values as they stand in the envelope. Integers beyond 2^53 are bigint once parsed exactly. */
export type Value = null | boolean | number | bigint | string | readonly Value[] | { readonly [key: string]: Value };

/** A row by column name. Made without a prototype, so that a column named `__proto__` is a column. */
export type Row = { readonly [column: string]: Value };

/** One change. `before` is null for `c` and `r`, and where the replica identity does not hold the old row; `after` is null for `d` and `t`. */
export interface Envelope {
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: Source;
  readonly transaction: {
    readonly id: string;
    readonly total_order: number;
    readonly data_collection_order: number;
  } | null;
  readonly op: Op;
  readonly ts_ms: number;
  readonly ts_us: number;
  readonly ts_ns: number;
}
