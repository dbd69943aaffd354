/**
 * The reads, each one statement, so that an answer shows one moment of the read model. They go through the views of `read`,
 * which show the living rows of the live copy.
 *
 * Topics are applied side by side, so an order can be here before its customer or its addresses are. Until they are, it is
 * not shown, as if it had not arrived: half an order would be an answer that was never true. It has its place in a page and in
 * its `total` already, for to look for the parts of every order that is counted or passed over would cost ten times as much.
 */
import type pg from 'pg';
import type { Printed } from './core/answer.ts';
import type { Applied } from './core/applied.ts';
import type { ContainerFilter, OrderFilter, Page, VoyageFilter } from './core/request.ts';
import { appliedOf } from './database.ts';

const address = (alias: string, prefix: string): string =>
  ['street', 'city', 'country', 'state', 'zipcode'].map((name) => `${alias}.${name} AS ${prefix}_${name}`).join(', ');

/** Of an order `o` and what {@link PARTS} joins to it. */
const COLUMNS = `o.order_id, o.product_id, u.customer_no, o.quantity, ${address('p', 'pickup')}, ${address('d', 'destination')},
  o.pickup_date, o.expected_delivery, o.status, v.voyage_no, o.total, o.currency, to_json(o.tags) AS tags,
  o.special_instructions, o.created_at, o.updated_at`;

/** One look-up by key for each part, whatever the planner believes about the tables (it may never have seen them analysed). */
const part = (table: string, alias: string, key: string, value: string): string =>
  `JOIN LATERAL (SELECT * FROM read.${table} WHERE ${key} = o.${value} LIMIT 1) ${alias} ON true`;

const PARTS = `${part('customers', 'u', 'customer_id', 'customer_id')}
  ${part('addresses', 'p', 'address_id', 'pickup_address')}
  ${part('addresses', 'd', 'address_id', 'destination_address')}
  LEFT ${part('voyages', 'v', 'voyage_id', 'voyage_id')}`;

/** The lists of the order with this key; JSON already. */
const lists = (key: string): string => `
  (SELECT json_agg(c.container_no ORDER BY c.container_no)
     FROM read.order_containers l JOIN read.containers c USING (container_id)
    WHERE l.order_key = ${key}) AS container_ids,
  (SELECT string_agg(json_strip_nulls(row_to_json(i))::text, ',' ORDER BY i."lineNo")
     FROM (SELECT line_no AS "lineNo", sku, description, quantity, unit_price::text AS "unitPrice"
             FROM read.order_items WHERE order_key = ${key}) i) AS items`;

/** The order, or null. */
export async function getOrder(pool: pg.Pool, orderId: string): Promise<Printed | null> {
  if (!isName(orderId)) return null;
  const rows = await ask(pool, {
    name: 'order',
    text: `SELECT ${COLUMNS}, o.terms, ${lists('o.order_key')} FROM read.orders o ${PARTS} WHERE o.order_id = $1`,
    values: [orderId],
  });
  return rows[0] ?? null;
}

export interface OrderPage {
  readonly rows: readonly Printed[];
  /** Of all pages. */
  readonly total: string;
  /** Whether there is such a customer; true where none was asked for. */
  readonly known: boolean;
}

/** A page of orders, the newest first, without their terms. */
export async function listOrders(pool: pg.Pool, filter: Omit<OrderFilter, keyof Page>, page: Page): Promise<OrderPage> {
  const { customerId, status } = filter;
  if (customerId !== null && !isName(customerId)) return { rows: [], total: '0', known: false };
  const values: (string | number)[] = [];
  const conditions: string[] = [];
  let known = 'true';
  if (customerId !== null) {
    const customer = `read.customers WHERE customer_no = $${values.push(customerId)}`;
    conditions.push(`o.customer_id = (SELECT customer_id FROM ${customer} LIMIT 1)`);
    known = `EXISTS (SELECT FROM ${customer})`;
  }
  if (status !== null) conditions.push(`o.status = $${values.push(status)}`);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const limit = `LIMIT $${values.push(page.size)} OFFSET $${values.push(page.page * page.size)}`;
  const rows = await ask(pool, {
    name: `orders${customerId === null ? '' : ' of a customer'}${status === null ? '' : ' in a status'}`,
    // The count gives one row, also for a page without orders. The page is found on an index alone, before anything is joined:
    // pages far behind pass over very many orders.
    text: `SELECT n.matching, n.known, page.*
      FROM (SELECT count(*) AS matching, ${known} AS known FROM read.orders o ${where}) n
      LEFT JOIN (SELECT ${COLUMNS}, ${lists('o.order_key')}
        FROM (SELECT * FROM read.orders o ${where} ORDER BY o.created_at DESC, o.order_id DESC ${limit}) o ${PARTS}) page ON true
      ORDER BY page.created_at DESC, page.order_id DESC`,
    values,
  });
  const found = rows.filter((row) => row['order_id'] !== null);
  return { rows: found, total: rows[0]?.['matching'] ?? '0', known: rows[0]?.['known'] === 't' };
}

const harbour = (alias: string, prefix: string): string =>
  ['code', 'city', 'country'].map((name) => `${alias}.${name} AS ${prefix}_${name}`).join(', ');

/** Voyages to a city, in a status, by departure and then by id. */
export async function listVoyages(pool: pg.Pool, { destination, status }: VoyageFilter): Promise<readonly Printed[]> {
  if (destination !== null && !isName(destination)) return [];
  return ask(pool, {
    name: 'voyages',
    text: `SELECT v.voyage_no, v.vessel, ${harbour('a', 'origin')}, ${harbour('b', 'destination')}, v.departs, v.arrives,
        v.capacity, v.booked, v.capacity - v.booked AS free, v.status
      FROM read.voyages v JOIN read.ports a ON a.port_id = v.origin_port JOIN read.ports b ON b.port_id = v.destination_port
      WHERE ($1::text IS NULL OR b.city = $1) AND ($2::text IS NULL OR v.status = $2)
      ORDER BY v.departs, v.voyage_no`,
    values: [destination, status],
  });
}

/** Containers in a city, in a status, by id. */
export async function listContainers(pool: pg.Pool, { city, status }: ContainerFilter): Promise<readonly Printed[]> {
  if (city !== null && !isName(city)) return [];
  return ask(pool, {
    name: city === null ? 'containers' : 'containers in a city',
    text: `SELECT container_no, type, city, status, capacity, tare_kg, last_maintenance, to_json(features) AS features
      FROM read.containers
      WHERE ${city === null ? '$1::text IS NULL' : 'city = $1'} AND ($2::text IS NULL OR status = $2)
      ORDER BY container_no`,
    values: [city, status],
  });
}

/** How cold the order's containers were, by container id; null when there is no such order. */
export async function coldChain(pool: pg.Pool, orderId: string): Promise<readonly Printed[] | null> {
  if (!isName(orderId)) return null;
  const rows = await ask(pool, {
    name: 'cold chain',
    // An order without containers still gives one row.
    text: `SELECT c.container_no, r.* FROM read.orders o
      LEFT JOIN (read.order_containers l JOIN read.containers c USING (container_id)) ON l.order_key = o.order_key
      LEFT JOIN LATERAL (
        SELECT count(*) AS readings, min(temperature) AS coldest, max(temperature) AS warmest,
          round(avg(temperature), 2) AS average, count(*) FILTER (WHERE temperature > -15.00) AS excursions,
          count(*) FILTER (WHERE NOT power) AS power_losses, min(read_at) AS first_at, max(read_at) AS last_at
        FROM read.container_readings WHERE container_id = c.container_id) r ON true
      WHERE o.order_id = $1 ORDER BY c.container_no`,
    values: [orderId],
  });
  return rows.length === 0 ? null : rows;
}

/** How far the live copy has come, as the database has it. */
export async function readApplied(pool: pg.Pool): Promise<readonly Applied[]> {
  const rows = await ask(pool, {
    name: 'applied',
    text: 'SELECT source, epoch, lsn, record_offset, record_ms FROM read.applied',
    values: [],
  });
  return rows.map((row) => appliedOf(row as Record<string, string>));
}

/** Whether the live copy has applied the source's first snapshot. */
export async function isSnapshotOver(pool: pg.Pool): Promise<boolean> {
  const rows = await ask(pool, { name: 'snapshot', text: 'SELECT over FROM read.snapshot', values: [] });
  return rows[0]?.['over'] === 't';
}

interface Question {
  /** Prepared once per connection. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly (string | number | null)[];
}

async function ask(pool: pg.Pool, { name, text, values }: Question): Promise<readonly Printed[]> {
  const { rows } = await pool.query<Record<string, string | null>>({ name, text, values: [...values] });
  return rows;
}

/** Postgres has no text with a NUL in it, and refuses one as a parameter: nothing can have such a name. */
function isName(text: string): boolean {
  return !text.includes('\0');
}
