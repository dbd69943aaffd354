/**
 * What ReeferDesk answers out of its database. Each answer about one thing is one statement, so that it shows one moment.
 */
import type pg from 'pg';
import type {
  Address,
  ColdChain,
  Container,
  ContainerHistory,
  ContainerStatus,
  Harbour,
  Order,
  OrderPage,
  Status,
  Voyage,
  VoyageStatus,
} from './core/order.ts';
import type { Filters, Paging } from './core/query.ts';

/** A pool, or a client within a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

// How ReeferDesk has always shown times: UTC, to the minute, no zone.
const minute = (timestamp: string): string => `to_char(${timestamp}, 'YYYY-MM-DD"T"HH24:MI')`;
const minuteOf = (timestamptz: string): string => minute(`${timestamptz} AT TIME ZONE 'UTC'`);
const address = (alias: string): string =>
  `json_build_object('street', ${alias}.street, 'city', ${alias}.city, 'country', ${alias}.country, 'state', ${alias}.state, 'zipcode', ${alias}.zipcode)`;

interface OrderRecord {
  readonly order_id: string;
  readonly product_id: string;
  readonly customer_no: string;
  readonly quantity: number;
  readonly pickup: Address;
  readonly destination: Address;
  readonly pickup_date: string;
  readonly expected_delivery: string;
  readonly status: Status;
  readonly voyage_no: string | null;
  readonly containers: readonly string[];
  readonly items: readonly [number, string, string | null, number, string][];
  readonly total: string;
  readonly currency: string;
  readonly tags: readonly (string | null)[] | null;
  readonly special_instructions: string | null;
  readonly terms?: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

const ORDER = `
  SELECT o.order_id, o.product_id, cu.customer_no, o.quantity, ${address('pa')} AS pickup, ${address('da')} AS destination,
    ${minute('o.pickup_date')} AS pickup_date, ${minute('o.expected_delivery')} AS expected_delivery,
    o.status::text AS status, v.voyage_no,
    ARRAY(SELECT c.container_no FROM order_containers oc JOIN containers c USING (container_id)
          WHERE oc.order_key = o.order_key ORDER BY c.container_no COLLATE "C") AS containers,
    COALESCE((SELECT json_agg(json_build_array(i.line_no, i.sku, i.description, i.quantity, i.unit_price::text)
                              ORDER BY i.line_no)
              FROM order_items i WHERE i.order_key = o.order_key), '[]') AS items,
    o.total::text AS total, o.currency, o.tags, o.special_instructions::text AS special_instructions,
    ${minute('o.created_at')} AS created_at, ${minuteOf('o.updated_at')} AS updated_at`;

const ORDER_FROM = `
  FROM orders o
  JOIN customers cu USING (customer_id)
  JOIN addresses pa ON pa.address_id = o.pickup_address
  JOIN addresses da ON da.address_id = o.destination_address
  LEFT JOIN voyages v USING (voyage_id)`;

function orderOf(row: OrderRecord): Order {
  return {
    orderId: row.order_id,
    productId: row.product_id,
    customerId: row.customer_no,
    quantity: row.quantity,
    pickupAddress: row.pickup,
    destinationAddress: row.destination,
    pickupDate: row.pickup_date,
    expectedDeliveryDate: row.expected_delivery,
    status: row.status,
    voyageId: row.voyage_no,
    containerIds: row.containers,
    items: row.items.map(([lineNo, sku, description, quantity, unitPrice]) => ({
      lineNo,
      sku,
      description,
      quantity,
      unitPrice,
    })),
    total: row.total,
    currency: row.currency,
    tags: row.tags,
    specialInstructions: row.special_instructions,
    terms: row.terms,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

// Postgres has no text with a NUL in it and refuses one as a parameter: nothing can have such a name.
function isName(text: string): boolean {
  return !text.includes('\0');
}

/** The order, or null. */
export async function getOrder(sql: Queryable, orderId: string): Promise<Order | null> {
  if (!isName(orderId)) return null;
  // Named, and so planned once for each connection: six joins take longer to plan than to run.
  const text = `${ORDER}, o.terms ${ORDER_FROM} WHERE o.order_id = $1`;
  const found = await sql.query<OrderRecord>({ name: 'order', text, values: [orderId] });
  const row = found.rows[0];
  return row === undefined ? null : orderOf(row);
}

/** The internal key of a customer, or null. */
export async function customerKey(sql: Queryable, customerId: string): Promise<number | null> {
  if (!isName(customerId)) return null;
  const found = await sql.query<{ customer_id: number }>('SELECT customer_id FROM customers WHERE customer_no = $1', [
    customerId,
  ]);
  return found.rows[0]?.customer_id ?? null;
}

/**
 * A page of orders, without their terms. Which orders are on it is settled: the newest, by creation and then by id as bytes.
 * How they stand within the page is not, and never was: they come as the keys do.
 */
export async function listOrders(sql: Queryable, filters: Filters<Status>, paging: Paging): Promise<OrderPage> {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  if (filters.text !== null) {
    const customer = await customerKey(sql, filters.text);
    if (customer === null) return { orders: [], total: 0 };
    conditions.push(`o.customer_id = $${values.push(customer)}`);
  }
  if (filters.status !== null) conditions.push(`o.status = $${values.push(filters.status)}::order_status`);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const limit = `LIMIT $${values.length + 1} OFFSET $${values.length + 2}`;
  const kind = `${filters.text === null ? '' : ' of customer'}${filters.status === null ? '' : ' in status'}`;
  const found = await sql.query<OrderRecord>({
    name: `orders${kind}`,
    text: `WITH page AS (
        SELECT o.order_key FROM orders o ${where} ORDER BY o.created_at DESC, o.order_id COLLATE "C" DESC ${limit}
      ) ${ORDER} ${ORDER_FROM} JOIN page USING (order_key) ORDER BY o.order_key`,
    values: [...values, paging.size, paging.page * paging.size],
  });
  const counted = await sql.query<{ total: string }>({
    name: `count of orders${kind}`,
    text: `SELECT count(*) AS total FROM orders o ${where}`,
    values,
  });
  return { orders: found.rows.map(orderOf), total: Number(counted.rows[0]?.total) };
}

interface VoyageRecord {
  readonly voyage_no: string;
  readonly vessel: string;
  readonly origin: Harbour;
  readonly destination: Harbour;
  readonly departs: string;
  readonly arrives: string;
  readonly capacity: number;
  readonly booked: number;
  readonly status: VoyageStatus;
}

const harbour = (alias: string): string =>
  `json_build_object('code', ${alias}.code, 'city', ${alias}.city, 'country', ${alias}.country)`;

const VOYAGE = `
  SELECT v.voyage_no, v.vessel, ${harbour('po')} AS origin, ${harbour('pd')} AS destination,
    ${minuteOf('v.departs')} AS departs, ${minuteOf('v.arrives')} AS arrives, v.capacity, v.booked, v.status::text AS status
  FROM voyages v JOIN ports po ON po.port_id = v.origin_port JOIN ports pd ON pd.port_id = v.destination_port`;

function voyageOf(row: VoyageRecord): Voyage {
  return {
    voyageId: row.voyage_no,
    vessel: row.vessel,
    origin: row.origin,
    destination: row.destination,
    departs: row.departs,
    arrives: row.arrives,
    capacity: row.capacity,
    booked: row.booked,
    free: row.capacity - row.booked,
    status: row.status,
  };
}

/** The voyage, or null. */
export async function getVoyage(sql: Queryable, voyageId: string): Promise<Voyage | null> {
  if (!isName(voyageId)) return null;
  const found = await sql.query<VoyageRecord>(`${VOYAGE} WHERE v.voyage_no = $1`, [voyageId]);
  const row = found.rows[0];
  return row === undefined ? null : voyageOf(row);
}

/** Voyages to a city, in a status, by departure and then by id. */
export async function listVoyages(sql: Queryable, filters: Filters<VoyageStatus>): Promise<Voyage[]> {
  if (filters.text !== null && !isName(filters.text)) return [];
  const found = await sql.query<VoyageRecord>(
    `${VOYAGE} WHERE ($1::text IS NULL OR pd.city = $1) AND ($2::voyage_status IS NULL OR v.status = $2)
     ORDER BY v.departs, v.voyage_no COLLATE "C"`,
    [filters.text, filters.status],
  );
  return found.rows.map(voyageOf);
}

/** Containers in a city, in a status, by id. */
export async function listContainers(sql: Queryable, filters: Filters<ContainerStatus>): Promise<Container[]> {
  if (filters.text !== null && !isName(filters.text)) return [];
  const found = await sql.query<Container>(
    `SELECT container_no AS "containerId", type, city, status::text AS status, capacity, tare_kg::text AS "tareKg",
       to_char(last_maintenance, 'YYYY-MM-DD') AS "lastMaintenance", features
     FROM containers
     WHERE ($1::text IS NULL OR city = $1) AND ($2::container_status IS NULL OR status = $2)
     ORDER BY container_no COLLATE "C"`,
    [filters.text, filters.status],
  );
  return found.rows;
}

/** How cold the order's containers were, by container id; null when there is no such order. */
export async function coldChain(sql: Queryable, orderId: string): Promise<ColdChain | null> {
  if (!isName(orderId)) return null;
  // An order without containers still gives one row, of nulls: so one statement tells it from an order that is not there.
  const found = await sql.query<ContainerHistory | { readonly containerId: null }>(
    `SELECT c.container_no AS "containerId", count(r.reading_id)::int AS readings,
       min(r.temperature)::text AS "minTemperature", max(r.temperature)::text AS "maxTemperature",
       round(avg(r.temperature), 2)::text AS "averageTemperature",
       count(*) FILTER (WHERE r.temperature > -15.00)::int AS excursions,
       count(*) FILTER (WHERE NOT r.power)::int AS "powerLosses",
       ${minuteOf('min(r.read_at)')} AS "from", ${minuteOf('max(r.read_at)')} AS "to"
     FROM orders o
     LEFT JOIN order_containers oc USING (order_key)
     LEFT JOIN containers c USING (container_id)
     LEFT JOIN container_readings r USING (container_id)
     WHERE o.order_id = $1
     GROUP BY c.container_no ORDER BY c.container_no COLLATE "C"`,
    [orderId],
  );
  if (found.rows.length === 0) return null;
  return { orderId, containers: found.rows.filter((row) => row.containerId !== null) };
}
