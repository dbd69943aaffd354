/**
 * What a notification of the log says: which offsets were just written, and, where that fits into it, the records themselves,
 * so that a consumer which has everything before them need not ask.
 *
 *   1 <time> <tp>:<base>:<count>,…        the first line; written by the log, which alone knows the bases
 *   [<tp>,<key>,<value>,<headers>,…]      four numbers for each record: lengths in UTF-16 units, -1 for null
 *   <key><value><headers><key>…           the texts, one after the other
 *
 * The last record's value may have the length -2: all that is left. (A watermark's value is made by the log.)
 */

/** Consecutive offsets of one partition, as one transaction wrote them. */
export interface Run {
  readonly tp: number;
  readonly base: bigint;
  readonly count: number;
  /** The records from `base` on; null when they have to be read. */
  readonly rows: readonly CarriedRow[] | null;
}

export interface CarriedRow {
  readonly key: string | null;
  readonly value: string | null;
  /** As the log stores them: JSON, or null for none. */
  readonly headers: string | null;
}

export interface Carried {
  /** Milliseconds since 1970 when it was appended. */
  readonly at: number;
  readonly runs: readonly Run[];
}

const NULL = -1;
const REST = -2;

/** Makes the part of a notification that the producer knows. */
export class Packer {
  readonly #lengths: number[] = [];
  #texts = '';

  /** Adds a record of partition `tp`, in the order of the batch. */
  add(tp: number, row: CarriedRow): void {
    this.#lengths.push(tp, lengthOf(row.key), lengthOf(row.value), lengthOf(row.headers));
    this.#texts += (row.key ?? '') + (row.value ?? '') + (row.headers ?? '');
  }

  /** Ends with a record whose value the log will put behind the text. */
  addOpen(tp: number, key: string): void {
    this.#lengths.push(tp, key.length, REST, NULL);
    this.#texts += key;
  }

  /** What follows the first line. */
  text(): string {
    return `\n[${this.#lengths.join(',')}]\n${this.#texts}`;
  }
}

function lengthOf(text: string | null): number {
  return text === null ? NULL : text.length;
}

const FIRST_LINE = /^1 (\d{1,16}) (\d{1,10}:\d{1,19}:\d{1,9}(?:,\d{1,10}:\d{1,19}:\d{1,9})*)$/;

/** Reads a notification. Returns null when it says nothing that can be used: the consumer has to look. */
export function unpack(payload: string): Carried | null {
  const end = payload.indexOf('\n');
  const line = FIRST_LINE.exec(end === -1 ? payload : payload.slice(0, end));
  if (line === null) return null;
  const rows = end === -1 ? null : unpackRows(payload, end + 1);
  const runs = (line[2] ?? '').split(',').map((part): Run => {
    const [tp, base, count] = part.split(':');
    const own = rows?.get(Number(tp)) ?? null;
    const whole = own !== null && own.length === Number(count);
    return { tp: Number(tp), base: BigInt(base ?? 0), count: Number(count), rows: whole ? own : null };
  });
  return { at: Number(line[1]), runs };
}

/** By `tp`, in order. Null when lengths and texts do not match. */
function unpackRows(payload: string, start: number): ReadonlyMap<number, readonly CarriedRow[]> | null {
  const end = payload.indexOf('\n', start);
  const lengths = end === -1 ? null : readLengths(payload.slice(start, end));
  if (lengths === null) return null;
  const rows = new Map<number, CarriedRow[]>();
  let at = end + 1;
  const take = (length: number | undefined): string | null => {
    if (length === undefined || length === NULL) return null;
    const from = at;
    at = length === REST ? Math.max(at, payload.length) : at + length;
    return payload.slice(from, at);
  };
  for (let index = 0; index < lengths.length; index += 4) {
    const tp = lengths[index] ?? 0;
    const row = { key: take(lengths[index + 1]), value: take(lengths[index + 2]), headers: take(lengths[index + 3]) };
    const own = rows.get(tp);
    if (own === undefined) rows.set(tp, [row]);
    else own.push(row);
  }
  return at === payload.length ? rows : null;
}

function readLengths(line: string): readonly number[] | null {
  if (!/^\[(-?\d{1,10}(,-?\d{1,10})*)?\]$/.test(line)) return null;
  const lengths = JSON.parse(line) as readonly number[];
  const sound = lengths.length % 4 === 0 && lengths.every((length, index) => length >= (index % 4 === 2 ? REST : NULL));
  return sound ? lengths : null;
}
