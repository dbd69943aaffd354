/**
 * What clients change. Each command is one transaction: it locks the order, asks `decide`, and writes what was decided.
 * Locks are taken in one order everywhere (order, voyages by key, containers by key), so that no two commands wait for each
 * other.
 */
import type pg from 'pg';
import type { Address, Order, Status } from './core/order.ts';
import type { Draft } from './core/draft.ts';
import { decide, obstacleTo, type Change, type ContainerOffer, type VoyageOffer } from './core/life.ts';
import { customerKey, getOrder, type Queryable } from './reads.ts';
import { ReeferError, codeOf, wordsOf } from './errors.ts';
import { addLines, updateLines } from './items.ts';
import { inTransaction } from './database.ts';

/** What became of a command. */
export type Written =
  | { readonly kind: 'done'; readonly order: Order }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly because: string }
  | { readonly kind: 'refused'; readonly status: Status; readonly because: string };

interface Locked {
  readonly key: number;
  readonly orderId: string;
  readonly status: Status;
  readonly quantity: number;
  readonly voyage: number | null;
}

/** Takes a new order in. Its id is its key in digits. */
export async function createOrder(pool: pg.Pool, draft: Draft): Promise<Written> {
  return transact(pool, async (sql) => {
    const customer = await customerKey(sql, draft.customerId);
    if (customer === null) return { kind: 'invalid', because: `Customer ${draft.customerId} not found` };
    const made = await sql.query<{ order_key: number; order_id: string }>(
      `INSERT INTO orders (order_key, order_id, product_id, customer_id, quantity, pickup_address, pickup_date,
         destination_address, expected_delivery, total, currency, special_instructions, terms, tags)
       SELECT key, key::text, $1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF($10::jsonb #> $11::text[], 'null'), $12, $13
       FROM nextval(pg_get_serial_sequence('orders', 'order_key')) AS key
       RETURNING order_key, order_id`,
      await columnsOf(sql, draft, customer),
    );
    const order = made.rows[0];
    if (order === undefined) throw new ReeferError('RD_BROKEN_DATA', 'An order was inserted and did not come back');
    await addLines(sql, order.order_key, draft.items);
    return done(sql, order.order_id);
  });
}

/** Makes an order what the draft says. Its customer may change, its id and its status do not. */
export async function updateOrder(pool: pg.Pool, orderId: string, draft: Draft): Promise<Written> {
  return transact(pool, async (sql) => {
    const order = await lockOrder(sql, orderId);
    if (order === null) return { kind: 'missing' };
    const outcome = decide({ kind: 'update' }, order);
    if (outcome.kind === 'refused') return { ...outcome, status: order.status };
    const customer = await customerKey(sql, draft.customerId);
    if (customer === null) return { kind: 'invalid', because: `Customer ${draft.customerId} not found` };
    await sql.query(
      `UPDATE orders SET product_id = $1, customer_id = $2, quantity = $3, pickup_address = $4, pickup_date = $5,
         destination_address = $6, expected_delivery = $7, total = $8, currency = $9,
         special_instructions = NULLIF($10::jsonb #> $11::text[], 'null'), terms = $12, tags = $13, updated_at = now()
       WHERE order_key = $14`,
      [...(await columnsOf(sql, draft, customer)), order.key],
    );
    await updateLines(sql, order.key, draft.items);
    return done(sql, orderId);
  });
}

/** Books an order: it is assigned to a voyage and containers, or rejected when there are none. */
export async function bookOrder(pool: pg.Pool, orderId: string): Promise<Written> {
  return transact(pool, async (sql) => {
    const order = await lockOrder(sql, orderId);
    if (order === null) return { kind: 'missing' };
    const obstacle = obstacleTo('book', order);
    if (obstacle !== null) return { kind: 'refused', status: order.status, because: obstacle };
    const voyages = await lockVoyages(sql, order);
    const containers = await lockContainers(sql, order);
    const outcome = decide({ kind: 'book', voyages, containers }, order);
    if (outcome.kind === 'refused') return { ...outcome, status: order.status };
    await apply(sql, order, outcome.status, outcome.change);
    return done(sql, orderId);
  });
}

/** Cancels an order and gives back what it held. */
export async function cancelOrder(pool: pg.Pool, orderId: string): Promise<Written> {
  return transact(pool, async (sql) => {
    const order = await lockOrder(sql, orderId);
    if (order === null) return { kind: 'missing' };
    const outcome = decide({ kind: 'cancel' }, order);
    if (outcome.kind === 'refused') return { ...outcome, status: order.status };
    await apply(sql, order, outcome.status, outcome.change);
    return done(sql, orderId);
  });
}

// jsonb takes less than JSON does: no \u0000 and no lone surrogate (22P05, 22P02), no number of 200,000 digits (22003), no
// endless nesting (54001), no string beyond its limits (54000).
const JSONB_REFUSALS: ReadonlySet<string> = new Set(['22P05', '22P02', '22003', '54001', '54000']);

async function transact(pool: pg.Pool, work: (sql: pg.ClientBase) => Promise<Written>): Promise<Written> {
  const client = await pool.connect();
  let broken = false;
  try {
    return await inTransaction(client, () => work(client));
  } catch (error) {
    if (JSONB_REFUSALS.has(codeOf(error) ?? '')) {
      return { kind: 'invalid', because: `specialInstructions cannot be stored: ${wordsOf(error)}` };
    }
    broken = true; // Whatever state it is in, the next request gets a fresh one.
    throw error;
  } finally {
    client.release(broken);
  }
}

async function done(sql: Queryable, orderId: string): Promise<Written> {
  const order = await getOrder(sql, orderId);
  if (order === null) throw new ReeferError('RD_BROKEN_DATA', `Order ${orderId} was written and is not there`);
  return { kind: 'done', order };
}

async function lockOrder(sql: Queryable, orderId: string): Promise<Locked | null> {
  if (orderId.includes('\0')) return null;
  const found = await sql.query<Locked>(
    `SELECT order_key AS key, order_id AS "orderId", status::text AS status, quantity, voyage_id AS voyage
     FROM orders WHERE order_id = $1 FOR NO KEY UPDATE`,
    [orderId],
  );
  return found.rows[0] ?? null;
}

async function columnsOf(sql: Queryable, draft: Draft, customer: number): Promise<unknown[]> {
  return [
    draft.productId,
    customer,
    draft.quantity,
    await addressKey(sql, draft.pickupAddress),
    draft.pickupDate,
    await addressKey(sql, draft.destinationAddress),
    draft.expectedDeliveryDate,
    draft.total,
    draft.currency,
    draft.specialInstructions?.document ?? null,
    draft.specialInstructions?.path ?? null,
    draft.terms,
    draft.tags,
  ];
}

// Addresses are shared by orders, so one is never edited: another address is another row.
async function addressKey(sql: Queryable, address: Address): Promise<number> {
  const values = [address.street, address.city, address.country, address.state, address.zipcode];
  const found = await sql.query<{ address_id: number }>(
    `WITH known AS (
       SELECT address_id FROM addresses
       WHERE street = $1 AND city = $2 AND country = $3 AND state IS NOT DISTINCT FROM $4::text AND zipcode = $5
       ORDER BY address_id LIMIT 1
     ), made AS (
       INSERT INTO addresses (street, city, country, state, zipcode)
       SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM known) RETURNING address_id
     )
     SELECT address_id FROM known UNION ALL SELECT address_id FROM made`,
    values,
  );
  const row = found.rows[0];
  if (row === undefined) throw new ReeferError('RD_BROKEN_DATA', 'An address was inserted and did not come back');
  return row.address_id;
}

async function lockVoyages(sql: Queryable, order: Locked): Promise<VoyageOffer[]> {
  const found = await sql.query<VoyageOffer>(
    `SELECT v.voyage_id AS key, v.capacity - v.booked AS free, (v.departs AT TIME ZONE 'UTC')::text AS departs
     FROM orders o
     JOIN addresses a ON a.address_id = o.destination_address
     JOIN ports p ON p.city = a.city
     JOIN voyages v ON v.destination_port = p.port_id
     WHERE o.order_key = $1 AND v.status = 'scheduled' AND v.departs > o.pickup_date AT TIME ZONE 'UTC'
       AND v.capacity - v.booked >= $2
     ORDER BY v.voyage_id FOR NO KEY UPDATE OF v`,
    [order.key, order.quantity],
  );
  return found.rows;
}

async function lockContainers(sql: Queryable, order: Locked): Promise<ContainerOffer[]> {
  const found = await sql.query<ContainerOffer>(
    `SELECT c.container_id AS key, c.capacity
     FROM orders o JOIN addresses a ON a.address_id = o.pickup_address JOIN containers c ON c.city = a.city
     WHERE o.order_key = $1 AND c.status = 'empty' ORDER BY c.container_id FOR NO KEY UPDATE OF c`,
    [order.key],
  );
  return found.rows;
}

async function apply(sql: Queryable, order: Locked, status: Status, change: Change): Promise<void> {
  if (change.kind === 'assigned') await load(sql, order, change.voyage, change.containers);
  if (change.kind === 'cancelled' && change.release) await unload(sql, order);
  const voyage = change.kind === 'assigned' ? change.voyage : null;
  await sql.query('UPDATE orders SET status = $1, voyage_id = $2, updated_at = now() WHERE order_key = $3', [
    status,
    voyage,
    order.key,
  ]);
}

async function load(sql: Queryable, order: Locked, voyage: number, containers: readonly number[]): Promise<void> {
  await sql.query('UPDATE voyages SET booked = booked + $1 WHERE voyage_id = $2', [order.quantity, voyage]);
  await sql.query(`UPDATE containers SET status = 'assigned' WHERE container_id = ANY($1::int[])`, [containers]);
  await sql.query(
    'INSERT INTO order_containers (order_key, container_id) SELECT $1, container FROM unnest($2::int[]) AS container',
    [order.key, containers],
  );
}

async function unload(sql: Queryable, order: Locked): Promise<void> {
  await sql.query('UPDATE voyages SET booked = booked - $1 WHERE voyage_id = $2', [order.quantity, order.voyage]);
  const held = await sql.query<{ container_id: number }>(
    `SELECT c.container_id FROM containers c JOIN order_containers oc USING (container_id)
     WHERE oc.order_key = $1 ORDER BY c.container_id FOR NO KEY UPDATE OF c`,
    [order.key],
  );
  await sql.query('DELETE FROM order_containers WHERE order_key = $1', [order.key]);
  // A container that another order still counts on is not empty.
  await sql.query(
    `UPDATE containers AS c SET status = 'empty'
     WHERE c.container_id = ANY($1::int[]) AND NOT EXISTS (
       SELECT FROM order_containers oc JOIN orders o USING (order_key)
       WHERE oc.container_id = c.container_id AND o.status = 'assigned')`,
    [held.rows.map((row) => row.container_id)],
  );
}
