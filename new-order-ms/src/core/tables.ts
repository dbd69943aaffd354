/**
 * What the read model keeps of the monolith: the tables, and of each the columns that the REST contract shows, filters or
 * joins by. A column that is not named here may come, go and change in the monolith as it likes; one that is named may not.
 */

/** How a column travels: its form in the envelope, and its type in the read model. */
export type Kind = 'integer' | 'decimal' | 'boolean' | 'text' | 'texts' | 'json' | 'timestamp' | 'instant' | 'date';

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** NULL is refused: the monolith promises that it does not come. */
  readonly required: boolean;
}

/** A table of the monolith, by the same name in the read model. */
export interface Table {
  readonly name: string;
  /** The columns of the primary key come first. */
  readonly columns: readonly Column[];
  /** How many columns the key has. */
  readonly keys: number;
  /** Columns of each index, as SQL. Only living rows are indexed. */
  readonly indexes: readonly string[];
}

/** The topic prefix: the logical name of the monolith's database. */
export const SOURCE = 'legacy';
const SCHEMA = 'public';

/** Where watermarks come; one partition. */
export const WATERMARKS: string = `${SOURCE}.watermarks`;

/**
 * Counted up when the tables or the meaning of their columns change: a copy of another shape cannot be followed, only rebuilt.
 */
export const SHAPE = 1;

/** `!`: required, as in the monolith's schema. */
type Columns = Readonly<Record<string, Kind | `${Kind}!`>>;

function table(name: string, keys: number, columns: Columns, indexes: readonly string[] = []): Table {
  const list = Object.entries(columns).map(([label, kind]): Column => {
    const required = kind.endsWith('!');
    return { name: label, kind: (required ? kind.slice(0, -1) : kind) as Kind, required };
  });
  return { name, keys, columns: list, indexes };
}

const ports = table('ports', 1, { port_id: 'integer!', code: 'text!', city: 'text!', country: 'text!' });

const customers = table('customers', 1, { customer_id: 'integer!', customer_no: 'text!' }, ['customer_no']);

const addresses = table('addresses', 1, {
  address_id: 'integer!',
  street: 'text!',
  city: 'text!',
  country: 'text!',
  state: 'text',
  zipcode: 'text!',
});

const voyages = table('voyages', 1, {
  voyage_id: 'integer!',
  voyage_no: 'text!',
  vessel: 'text!',
  origin_port: 'integer!',
  destination_port: 'integer!',
  departs: 'instant!',
  arrives: 'instant!',
  capacity: 'integer!',
  booked: 'integer!',
  status: 'text!',
});

const containers = table(
  'containers',
  1,
  {
    container_id: 'integer!',
    container_no: 'text!',
    type: 'text!',
    city: 'text!',
    status: 'text!',
    capacity: 'integer!',
    tare_kg: 'decimal!',
    last_maintenance: 'date',
    features: 'texts!',
  },
  ['city, container_no'],
);

const readings = table(
  'container_readings',
  1,
  {
    reading_id: 'integer!',
    container_id: 'integer!',
    read_at: 'instant!',
    temperature: 'decimal!',
    power: 'boolean!',
  },
  ['container_id'],
);

const orders = table(
  'orders',
  1,
  {
    order_key: 'integer!',
    order_id: 'text!',
    product_id: 'text!',
    customer_id: 'integer!',
    quantity: 'integer!',
    pickup_address: 'integer!',
    pickup_date: 'timestamp!',
    destination_address: 'integer!',
    expected_delivery: 'timestamp!',
    status: 'text!',
    voyage_id: 'integer',
    total: 'decimal!',
    currency: 'text!',
    special_instructions: 'json',
    terms: 'text',
    tags: 'texts',
    created_at: 'timestamp!',
    updated_at: 'instant!',
  },
  [
    'order_id',
    'created_at DESC, order_id DESC',
    'customer_id, created_at DESC, order_id DESC',
    'status, created_at DESC, order_id DESC',
  ],
);

const items = table('order_items', 2, {
  order_key: 'integer!',
  line_no: 'integer!',
  sku: 'text!',
  description: 'text',
  quantity: 'integer!',
  unit_price: 'decimal!',
});

const loads = table('order_containers', 2, { order_key: 'integer!', container_id: 'integer!' });

/** All of them. Parents stand before children, as in the monolith's own transactions. */
export const TABLES: readonly Table[] = [
  ports,
  customers,
  addresses,
  voyages,
  containers,
  readings,
  orders,
  items,
  loads,
];

/** The topic that carries a table's changes. */
export function topicOf(one: Table): string {
  return `${SOURCE}.${SCHEMA}.${one.name}`;
}

/** What the projection reads: every table's topic, and the watermarks. */
export const TOPICS: readonly string[] = [...TABLES.map(topicOf), WATERMARKS];

const byTopic: ReadonlyMap<string, Table> = new Map(TABLES.map((one) => [topicOf(one), one]));
const byQualifiedName: ReadonlyMap<string, Table> = new Map(TABLES.map((one) => [`${SCHEMA}.${one.name}`, one]));

/** The table whose changes a topic carries; null when it is none of ours. */
export function tableOfTopic(topic: string): Table | null {
  return byTopic.get(topic) ?? null;
}

/** The table that a watermark's sweep names (`public.orders`); null when it is none of ours. */
export function tableOfName(qualified: string): Table | null {
  return byQualifiedName.get(qualified) ?? null;
}

const MISSABLE: ReadonlySet<Kind> = new Set(['text', 'texts', 'json']);

/**
 * A column's bit in the masks that say which values are missing, or 0 when it cannot be missing. An update leaves out a value
 * that Postgres keeps outside the row (TOAST) when it did not change. Key columns are always there.
 *
 * @param index of the column in `columns`
 */
export function missableBit(one: Table, index: number): number {
  const column = one.columns[index];
  if (column === undefined || index < one.keys || !MISSABLE.has(column.kind)) return 0;
  return 1 << index;
}
