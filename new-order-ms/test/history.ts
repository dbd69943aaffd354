/**
 * Histories of a monolith for tests: what its tables go through, the records that a connector writes of it, and what must be
 * left in the end. Made from numbers, so that fast-check can shrink them.
 */
import { UNAVAILABLE, type Row } from '@banyan/backbone/core/envelope';
import { toLsn } from '@banyan/backbone/core/lsn';
import { formatPosition, POSITION_HEADER, type Position } from '@banyan/backbone/core/position';
import type { Delivery } from '@banyan/new-order-ms/core/project';
import { TABLES, topicOf, WATERMARKS, type Table } from '@banyan/new-order-ms/core/tables';

export function table(name: string): Table {
  const found = TABLES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no table ${name}`);
  return found;
}

/** A whole row of `name` as the envelope carries it, with `values` over defaults that fit. */
export function rowOf(name: string, values: Row): Row {
  const defaults: Record<string, unknown> = {
    integer: 1,
    decimal: '1.00',
    boolean: true,
    text: 'text',
    texts: ['a'],
    json: '{"a": 1.0}',
    timestamp: 1_709_210_096_789_012,
    instant: '2024-02-29T12:34:56.789012Z',
    date: 19_783,
  };
  return {
    ...Object.fromEntries(table(name).columns.map((column) => [column.name, defaults[column.kind]])),
    ...values,
  } as Row;
}

export interface RecordOptions {
  readonly table: string;
  readonly op: string;
  readonly key: Row | null;
  readonly after?: Row | null;
  readonly before?: Row | null;
  /** null: as real Debezium writes it, without the header. */
  readonly at: Position | null;
  readonly partition?: number;
  readonly offset?: bigint;
  readonly snapshot?: string;
}

/** A record of a table's topic. */
export function record(options: RecordOptions): Delivery {
  const { op, after = null, before = null, at, snapshot = op === 'r' ? 'true' : 'false' } = options;
  const source = {
    version: '3.6.3.Final',
    connector: 'postgresql',
    name: 'legacy',
    snapshot,
    schema: 'public',
    table: options.table,
  };
  return {
    topic: topicOf(table(options.table)),
    partition: options.partition ?? 0,
    offset: options.offset ?? 0n,
    key: options.key === null ? null : textOf(options.key),
    value: textOf({
      before,
      after,
      source,
      transaction: null,
      op,
      ts_ms: 1,
      ts_us: 1_000,
      ts_ns: 1_795_414_821_927_178_000,
    }),
    headers: at === null ? [] : [{ key: POSITION_HEADER, value: formatPosition(at) }],
    timestamp: 1_700_000_000_000,
  };
}

/** JSON with big integers bare, as Debezium writes them. */
function textOf(value: object): string {
  const marked = JSON.stringify(value, (_name, one: unknown) => (typeof one === 'bigint' ? `big:${one}` : one));
  return marked.replaceAll(/"big:(-?\d+)"/g, '$1');
}

/** A watermark's record. */
export function mark(options: {
  readonly lsn: string;
  readonly epoch?: string;
  readonly ends: Readonly<Record<string, string>>;
  readonly swept?: { readonly incarnation: number; readonly tables: readonly string[] };
  readonly offset: bigint;
  readonly timestamp?: number;
}): Delivery {
  const { lsn, epoch = '1.1.1', ends, swept, offset, timestamp = 1_700_000_000_000 } = options;
  const value = { source: 'legacy', epoch, lsn, ends, ...(swept !== undefined && { swept }) };
  return { topic: WATERMARKS, partition: 0, offset, key: null, value: JSON.stringify(value), headers: [], timestamp };
}

export function at(lsn: number, index = 0, incarnation = 1): Position {
  return { incarnation, lsn: toLsn(BigInt(lsn)), index };
}

/** One thing that happens to the monolith; `value` tells versions of a row apart. */
export interface Deed {
  readonly kind: 'write' | 'touch' | 'delete' | 'renumber' | 'truncate' | 'chunk' | 'restart';
  readonly table: number;
  readonly key: number;
  readonly value: number;
}

/** The tables that a history uses: one with values that may be missing, one with a key of two columns, one plain. */
const USED = ['orders', 'order_items', 'ports'] as const;

export interface History {
  /** By partition, in order; their offsets count from 0. */
  readonly partitions: ReadonlyMap<string, readonly Delivery[]>;
  /** `<table> <key>` to the row as the envelope would carry it. */
  readonly truth: ReadonlyMap<string, Row>;
}

const PARTITIONS = 2;

/** Runs the deeds on an empty monolith, some of whose rows were there before the stream began. */
export function historyOf(before: readonly number[], deeds: readonly Deed[]): History {
  const monolith = new Monolith();
  for (const key of before) monolith.existing(key);
  for (const deed of deeds) monolith.act(deed);
  monolith.publishExisting();
  return monolith.history();
}

class Monolith {
  readonly #rows = new Map<string, Row>();
  readonly #partitions = new Map<string, Delivery[]>();
  readonly #existing: { readonly name: string; readonly row: Row; readonly at: Position }[] = [];
  #lsn = 100;
  #incarnation = 1;

  /** A row from before the stream: its snapshot record comes late, with the position of the snapshot. */
  existing(key: number): void {
    const name = 'orders';
    const row = this.#row(name, key, 0);
    this.#rows.set(idOf(name, row), row);
    this.#existing.push({ name, row, at: this.#position(this.#existing.length) });
  }

  publishExisting(): void {
    for (const { name, row, at: position } of this.#existing) this.#publish(name, 'r', row, position);
    this.#existing.length = 0;
  }

  act(deed: Deed): void {
    this.#lsn += 10;
    const name = USED[deed.table % USED.length] ?? 'orders';
    const row = this.#row(name, deed.key, deed.value);
    const old = this.#rows.get(idOf(name, row));
    switch (deed.kind) {
      case 'write':
        return this.#write(name, row, old === undefined ? 'c' : 'u');
      case 'touch':
        return old === undefined ? undefined : this.#touch(name, old, deed.value);
      case 'delete':
        return old === undefined ? undefined : this.#delete(name, old, 0);
      case 'renumber':
        return old === undefined ? undefined : this.#renumber(name, old, deed.value);
      case 'truncate':
        return this.#truncate(name);
      case 'chunk':
        return this.#chunk(name);
      case 'restart':
        return this.#restart(deed.value);
    }
  }

  history(): History {
    return { partitions: this.#partitions, truth: this.#rows };
  }

  #write(name: string, row: Row, op: string, index = 0): void {
    this.#rows.set(idOf(name, row), row);
    this.#publish(name, op, row, this.#position(index));
  }

  /** An update that leaves the long text alone: its value is not in the record. */
  #touch(name: string, old: Row, value: number): void {
    const row = name === 'orders' ? { ...old, quantity: value } : { ...old, city: `city ${value}` };
    if (name === 'order_items') return this.#write(name, { ...old, quantity: value }, 'u');
    this.#rows.set(idOf(name, row), row);
    const sent = name === 'orders' ? { ...row, terms: UNAVAILABLE, tags: [UNAVAILABLE] } : row;
    this.#publish(name, 'u', sent, this.#position(0));
  }

  #delete(name: string, row: Row, index: number): void {
    this.#rows.delete(idOf(name, row));
    this.#publish(name, 'd', row, this.#position(index));
  }

  /** A changed key: Debezium writes a deletion and a creation, of one transaction. */
  #renumber(name: string, old: Row, value: number): void {
    const row = { ...old, [table(name).columns[0]?.name ?? '']: 10 + (value % 3) };
    if (this.#rows.has(idOf(name, row))) return;
    this.#delete(name, old, 0);
    this.#write(name, row, 'c', 1);
  }

  #truncate(name: string): void {
    for (const id of this.#rows.keys()) if (id.startsWith(`${name} `)) this.#rows.delete(id);
    const topic = topicOf(table(name));
    this.#append(topic, 0, record({ table: name, op: 't', key: null, at: this.#position(0) }));
  }

  /** An incremental snapshot of the table: rows as they stand now, at the position of the window's closing. */
  #chunk(name: string): void {
    let index = 0;
    for (const [id, row] of this.#rows)
      if (id.startsWith(`${name} `)) this.#publish(name, 'r', row, this.#position(index++));
  }

  /** Continuity is lost: some rows go unseen, LSNs begin anew, a snapshot of everything begins a new incarnation. */
  #restart(value: number): void {
    this.publishExisting();
    this.#incarnation += 1;
    this.#lsn = 50;
    for (const [index, id] of [...this.#rows.keys()].entries()) if (index % 3 === value % 3) this.#rows.delete(id);
    for (const name of USED) this.#chunk(name);
    const ends = Object.fromEntries([...this.#partitions].map(([name, records]) => [name, String(records.length)]));
    const swept = { incarnation: this.#incarnation, tables: USED.map((name) => `public.${name}`) };
    const offset = BigInt(this.#partitions.get(`${WATERMARKS}-0`)?.length ?? 0);
    this.#append(WATERMARKS, 0, mark({ lsn: '0/32', epoch: `1.1.${this.#incarnation}`, ends, swept, offset }));
  }

  #row(name: string, key: number, value: number): Row {
    switch (name) {
      case 'orders':
        return rowOf(name, {
          order_key: key,
          order_id: String(key),
          quantity: value,
          terms: `terms ${value}`,
          tags: [`${value}`],
        });
      case 'order_items':
        return rowOf(name, { order_key: key, line_no: 1, quantity: value });
      default:
        return rowOf(name, { port_id: key, city: `city ${value}` });
    }
  }

  #position(index: number): Position {
    return at(this.#lsn, index, this.#incarnation);
  }

  #publish(name: string, op: string, row: Row, position: Position): void {
    const keys = table(name).columns.slice(0, table(name).keys);
    const key = Object.fromEntries(keys.map((column) => [column.name, row[column.name] ?? null]));
    const after = op === 'd' ? null : row;
    const partition = Number(Object.values(key)[0]) % PARTITIONS;
    this.#append(topicOf(table(name)), partition, record({ table: name, op, key, after, at: position, partition }));
  }

  #append(topic: string, partition: number, delivery: Delivery): void {
    const name = `${topic}-${partition}`;
    const list = this.#partitions.get(name) ?? [];
    list.push({ ...delivery, offset: BigInt(list.length) });
    this.#partitions.set(name, list);
  }
}

/** `<table> <key>`. */
export function idOf(name: string, row: Row): string {
  const keys = table(name).columns.slice(0, table(name).keys);
  return `${name} ${keys.map((column) => JSON.stringify(row[column.name])).join(',')}`;
}

/**
 * A way for the records to arrive: batches of bits of the partitions, sometimes going back to repeat. Ends with everything
 * delivered.
 *
 * @param choices consumed in a circle
 */
export function* deliveries(
  partitions: ReadonlyMap<string, readonly Delivery[]>,
  choices: readonly number[],
): Generator<readonly Delivery[]> {
  let turn = 0;
  const choose = (below: number): number => (choices[turn++ % choices.length] ?? 0) % below;
  const next = new Map([...partitions.keys()].map((name) => [name, 0]));
  const lagging = (): readonly string[] =>
    [...next].filter(([name, at]) => at < (partitions.get(name)?.length ?? 0)).map(([name]) => name);
  // A schedule that only ever goes back would not end.
  for (let steps = 0; lagging().length > 0; steps += 1) {
    const batch: Delivery[] = [];
    for (let bits = choose(3) + 1; bits > 0; bits -= 1) {
      const names = lagging();
      const name = names[choose(Math.max(names.length, 1))];
      if (name === undefined) break;
      const from = next.get(name) ?? 0;
      const taken = (partitions.get(name) ?? []).slice(from, from + choose(4) + 1);
      batch.push(...taken);
      next.set(name, from + taken.length);
    }
    if (batch.length > 0) yield batch;
    if (steps < 200 && choose(5) === 0) {
      const names = [...next.keys()];
      const name = names[choose(names.length)] ?? '';
      next.set(name, Math.max(0, (next.get(name) ?? 0) - choose(6)));
    }
  }
}
