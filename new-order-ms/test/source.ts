/**
 * Stands where the monolith and its connector stand: random transactions on a few tables, written to a real log as the
 * connector writes them, with positions and watermarks; and what must be left of them.
 */
import type { Row } from '@banyan/backbone/core/envelope';
import { formatLsn, toLsn } from '@banyan/backbone/core/lsn';
import { openLog } from '@banyan/backbone/log';
import type { Backbone, Outgoing, Producer, TopicSpec } from '@banyan/backbone/transport';
import { TOPICS, WATERMARKS } from '@banyan/new-order-ms/core/tables';
import pg from 'pg';
import { at, record, rowOf, table } from './history.ts';

export const EPOCH = '7301.1.1';

/** Two partitions for each table, one for the watermarks, as the connector would create them. */
export function topicSpecs(partitions = 2, retentionMs: number | null = null): readonly TopicSpec[] {
  return TOPICS.map((name) => ({
    name,
    partitions: name === WATERMARKS ? 1 : partitions,
    cleanup: 'delete' as const,
    retentionMs,
  }));
}

const SPREAD = 300; // Keys are few, so that rows are changed, deleted and made again.
const TABLES = ['orders', 'order_items', 'ports'] as const;

export class Source {
  readonly backbone: Backbone;
  readonly #producer: Producer;
  readonly #truth = new Map<string, Row>();
  #lsn = 1_000;
  #turn = 1;
  #sent = 0;

  constructor(backbone: Backbone, producer: Producer) {
    this.backbone = backbone;
    this.#producer = producer;
  }

  static async open(url: string, partitions = 2): Promise<Source> {
    const backbone = await openLog({ url, retentionEveryMs: null });
    await backbone.createTopics(topicSpecs(partitions));
    return new Source(backbone, await backbone.producer('connector', TOPICS));
  }

  /** Where the source stands, as a fence of the model `orders`. */
  get fence(): string {
    return `orders=legacy.${EPOCH}.${this.lsn}`;
  }

  get lsn(): string {
    return formatLsn(toLsn(BigInt(this.#lsn)));
  }

  /** How many records of tables have been written. */
  get sent(): number {
    return this.#sent;
  }

  /** The parents without which no order is shown. */
  async parents(): Promise<void> {
    const parents = [
      this.#change('customers', 'c', rowOf('customers', { customer_id: 1, customer_no: 'C-000001' })),
      this.#change('addresses', 'c', rowOf('addresses', { address_id: 1 })),
    ];
    await this.send(parents);
  }

  /** `count` transactions of one row, in one batch, with a watermark behind them. */
  async work(count: number): Promise<void> {
    await this.send(Array.from({ length: count }, () => this.#random()));
  }

  /** One order, written. */
  async order(key: number, values: Row = {}): Promise<void> {
    await this.send([this.#change('orders', 'c', this.#row('orders', key, values))]);
  }

  async send(records: readonly Outgoing[], watermark = true): Promise<void> {
    const mark = { topic: WATERMARKS, at: { source: 'legacy', epoch: EPOCH, lsn: this.lsn } };
    await this.#producer.send(records, watermark ? { watermark: mark } : {});
    this.#sent += records.length;
  }

  async close(): Promise<void> {
    await this.backbone.close();
  }

  /** What the read model must show, in the form of {@link shownIn}. */
  expected(): readonly string[] {
    return [...this.#truth].map(([id, row]) => lineOf(id.split(' ')[0] ?? '', row)).toSorted();
  }

  #random(): Outgoing {
    const name = TABLES[this.#dice(TABLES.length)] ?? 'orders';
    const row = this.#row(name, this.#dice(SPREAD), {});
    const there = this.#truth.has(idOf(name, row));
    if (there && this.#dice(4) === 0) return this.#change(name, 'd', row);
    return this.#change(name, there ? 'u' : 'c', row);
  }

  #row(name: string, key: number, values: Row): Row {
    const version = this.#lsn;
    switch (name) {
      case 'orders': {
        const parents = { customer_id: 1, pickup_address: 1, destination_address: 1, voyage_id: null };
        return rowOf(name, { order_key: key, order_id: String(key), quantity: version, ...parents, ...values });
      }
      case 'order_items':
        return rowOf(name, { order_key: key, line_no: 1 + (version % 3), quantity: version, ...values });
      default:
        return rowOf(name, { port_id: key, city: `city ${version}`, ...values });
    }
  }

  #change(name: string, op: string, row: Row): Outgoing {
    this.#lsn += 8;
    if (op === 'd') this.#truth.delete(idOf(name, row));
    else if ((TABLES as readonly string[]).includes(name)) this.#truth.set(idOf(name, row), row);
    const keys = table(name).columns.slice(0, table(name).keys);
    const key = Object.fromEntries(keys.map((column) => [column.name, row[column.name] ?? null]));
    return record({ table: name, op, key, after: op === 'd' ? null : row, at: at(this.#lsn) });
  }

  /** A linear congruential generator: the same history in every run. */
  #dice(below: number): number {
    this.#turn = (this.#turn * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(this.#turn / 65_536) % below;
  }
}

function idOf(name: string, row: Row): string {
  const keys = table(name).columns.slice(0, table(name).keys);
  return `${name} ${keys.map((column) => JSON.stringify(row[column.name])).join(',')}`;
}

function lineOf(name: string, row: Row): string {
  switch (name) {
    case 'orders':
      return JSON.stringify([name, row['order_key'], row['order_id'], row['quantity']]);
    case 'order_items':
      return JSON.stringify([name, row['order_key'], row['line_no'], row['quantity']]);
    default:
      return JSON.stringify([name, row['port_id'], row['city'], row['code']]);
  }
}

/** What a read model shows of the tables that {@link Source} works on. */
export async function shownIn(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(`
      SELECT json_build_array('orders', order_key, order_id, quantity)::text AS line FROM read.orders UNION ALL
      SELECT json_build_array('order_items', order_key, line_no, quantity)::text FROM read.order_items UNION ALL
      SELECT json_build_array('ports', port_id, city, code)::text FROM read.ports`);
    return rows.map(({ line }) => JSON.stringify(JSON.parse(line))).toSorted();
  } finally {
    await client.end();
  }
}

/** How many records of tables the live copy has counted. */
export async function recordsIn(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ sum: string }>('SELECT sum(records) FROM read.checkpoints');
    return Number(rows[0]?.sum);
  } finally {
    await client.end();
  }
}
