/** The `source` block and the times of an envelope: the parts that do not depend on the row. */
import { textJson } from './value.ts';

/** An event on its way to the sink: what the backbone calls a record on its way in. */
export interface Event {
  readonly topic: string;
  readonly key: string | null;
  /** null is a tombstone. */
  readonly value: string | null;
  readonly headers: readonly Header[];
}

export interface Header {
  readonly key: string;
  readonly value: string;
}

/** Headers whose value is a JSON object; every other one's is a plain string. */
export const KEY_HEADERS: ReadonlySet<string> = new Set(['__debezium.newkey', '__debezium.oldkey']);

export interface Stream {
  /** Of this connector, for `source.version`. */
  readonly version: string;
  /** The topic prefix. */
  readonly name: string;
  readonly db: string;
}

export interface SourceFacts {
  /** Microseconds since 1970. */
  readonly atUs: number;
  /** Debezium's word for the place in a snapshot; `false` when streamed. */
  readonly snapshot: string;
  /** Of the transaction's first record, decimal; null in a snapshot. */
  readonly begin: string | null;
  readonly xid: number | null;
  readonly origin: { readonly name: string; readonly lsn: string } | null;
}

/** The `source` block in pieces: what lies between them differs from change to change. */
export interface SourceJson {
  /** Up to the change's own LSN in `sequence`. */
  readonly head: string;
  /** From there to the names of schema and table. */
  readonly middle: string;
  /** From those to `lsn`. */
  readonly beforeLsn: string;
  readonly tail: string;
}

/** Fields and their order are Debezium's. */
export function sourceJson(stream: Stream, { atUs, snapshot, begin, xid, origin }: SourceFacts): SourceJson {
  const ms = Math.floor(atUs / 1000);
  const first = begin === null ? 'null' : `\\"${begin}\\"`;
  const started = origin === null ? '"origin":null,"origin_lsn":null' : originJson(origin);
  return {
    head:
      `"source":{"version":${textJson(stream.version)},"connector":"postgresql","name":${textJson(stream.name)},` +
      `"ts_ms":${ms},"snapshot":"${snapshot}","db":${textJson(stream.db)},"sequence":"[${first},\\"`,
    middle: `\\"]","ts_us":${atUs},"ts_ns":${atUs}000`,
    beforeLsn: `,"txId":${xid},"lsn":`,
    tail: `,"xmin":null,${started}}`,
  };
}

function originJson({ name, lsn }: { readonly name: string; readonly lsn: string }): string {
  return `"origin":${textJson(name)},"origin_lsn":${lsn}`;
}

/** When the event was made: the end of each envelope. */
export interface Now {
  readonly ms: number;
  /** `"ts_ms":…,"ts_us":…,"ts_ns":…`. */
  readonly json: string;
}

/** @param us microseconds since 1970 */
export function nowOf(us: number): Now {
  const ms = Math.floor(us / 1000);
  return { ms, json: `"ts_ms":${ms},"ts_us":${us},"ts_ns":${us}000` };
}
