/**
 * Fills an empty ReeferDesk database with made-up data, in one transaction: for the first start, for tests and for benches
 * alike. Run alone: `node legacy-monolith/dist/seed.js --orders 20000 --customers 2000` with DATABASE_URL_LEGACY set.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ClientBase } from 'pg';
import type { Amounts } from './core/rows.ts';
import { addressCount, bookedUnits, checkAmounts, customerRow, orderRows, type OrderRows } from './core/generator.ts';
import { addressRow, containerRow, portRow, readingRow, voyageRow } from './core/fleet.ts';
import { connect, createSchema, inTransaction, lockSetup } from './database.ts';
import { ReeferError, codes, wordsOf } from './errors.ts';
import { write, type Writable } from './core/json.ts';
import { at } from './core/chance.ts';
import { ports } from './core/ports.ts';
import { readSeedConfig } from './config.ts';

/** How much to make. `orders` and `customers` may be 0; the fleet is the same size for any of them unless it is said. */
export interface SeedOptions extends Partial<Amounts> {
  readonly orders: number;
  readonly customers: number;
}

/** What came of it. */
export type SeedOutcome =
  | { readonly kind: 'seeded'; readonly rows: number; readonly milliseconds: number }
  | { readonly kind: 'kept'; readonly because: 'customers-exist' };

const FLEET = { voyages: 300, containers: 1_500, readings: 10_000 } as const;

// One statement carries this many rows: about a megabyte of JSON, and few enough round trips.
const BATCH_ROWS = 2_000;

/**
 * Seeds the database unless it has customers already. Runs a transaction of its own on `client`; the tables must exist
 * (`createSchema`). The same options give the same rows, internal keys included.
 *
 * @throws RangeError when the amounts make no consistent world
 */
export async function seed(client: ClientBase, options: SeedOptions): Promise<SeedOutcome> {
  const amounts: Amounts = { ...FLEET, ...options };
  checkAmounts(amounts);
  const started = performance.now();
  const rows = await inTransaction(client, async () => {
    await lockSetup(client);
    const customers = await client.query('SELECT 1 FROM customers LIMIT 1');
    return customers.rows.length > 0 ? null : fill(client, amounts);
  });
  if (rows === null) return { kind: 'kept', because: 'customers-exist' };
  await client.query('ANALYZE ports, customers, addresses, voyages, containers');
  await client.query('ANALYZE container_readings, orders, order_items, order_containers');
  return { kind: 'seeded', rows, milliseconds: Math.round(performance.now() - started) };
}

async function fill(client: ClientBase, amounts: Amounts): Promise<number> {
  const booked = bookedUnits(amounts);
  let rows = 0;
  rows += await insertAll(client, 'ports', ports.length, portRow);
  rows += await insertAll(client, 'customers', amounts.customers, customerRow);
  rows += await insertAll(client, 'addresses', addressCount(amounts), addressRow);
  rows += await insertAll(client, 'voyages', amounts.voyages, (n) => voyageRow(amounts, n, at(booked, n)));
  rows += await insertAll(client, 'containers', amounts.containers, containerRow);
  rows += await insertAll(client, 'container_readings', amounts.readings, (n) => readingRow(amounts, n));
  for (const batch of batches(amounts.orders)) {
    const orders = batch.map((n): OrderRows => orderRows(amounts, n));
    const items = orders.flatMap((one) => one.items);
    const containers = orders.flatMap((one) => one.containers);
    await insert(
      client,
      'orders',
      orders.map((one) => one.order),
    );
    await insert(client, 'order_items', items);
    await insert(client, 'order_containers', containers);
    rows += orders.length + items.length + containers.length;
  }
  await advanceSequences(client);
  return rows;
}

/** The numbers 1 to `count`, in lists of at most BATCH_ROWS. */
function* batches(count: number): Generator<readonly number[]> {
  for (let first = 1; first <= count; first += BATCH_ROWS) {
    yield Array.from({ length: Math.min(BATCH_ROWS, count - first + 1) }, (_unused, index) => first + index);
  }
}

async function insertAll(
  client: ClientBase,
  table: Table,
  count: number,
  rowOf: (n: number) => object,
): Promise<number> {
  for (const batch of batches(count)) await insert(client, table, batch.map(rowOf));
  return count;
}

const tables = {
  ports: 'port_id',
  customers: 'customer_id',
  addresses: 'address_id',
  voyages: 'voyage_id',
  containers: 'container_id',
  container_readings: 'reading_id',
  orders: 'order_key',
  order_items: null,
  order_containers: null,
} as const satisfies Record<string, string | null>;
type Table = keyof typeof tables;

// Every column of every table is in the rows, so the record set fits the table as it is.
async function insert(client: ClientBase, table: Table, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  const sql = `INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1::json)`;
  await client.query(sql, [write(rows as readonly Writable[])]);
}

async function advanceSequences(client: ClientBase): Promise<void> {
  for (const [table, key] of Object.entries(tables)) {
    if (key === null) continue;
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), m) FROM (SELECT max(${key}) AS m FROM ${table}) AS s WHERE m IS NOT NULL`,
      [table, key],
    );
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { orders: { type: 'string' }, customers: { type: 'string' } } });
  const config = readSeedConfig(values);
  const client = await connect(config.databaseUrl);
  try {
    await createSchema(client);
    const outcome = await seed(client, { orders: config.orders, customers: config.customers });
    process.stdout.write(
      outcome.kind === 'seeded'
        ? `seeded ${config.orders} orders of ${config.customers} customers: ${outcome.rows} rows in ${outcome.milliseconds} ms\n`
        : 'left alone: the database has customers already\n',
    );
    return 0;
  } finally {
    await client.end();
  }
}

function isCommand(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

if (isCommand()) {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.stderr.write(`${wordsOf(error)}\n`);
      process.exitCode = error instanceof ReeferError ? codes[error.code].exit : 2;
    },
  );
}
