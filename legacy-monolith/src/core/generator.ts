/**
 * ReeferDesk's data, made up: customers and their orders in every status, on the fleet's voyages and containers. Pure and
 * repeatable: the same amounts give the same rows, and no clock is asked.
 */
import type { Amounts, CustomerRow, ItemRow, OrderContainerRow, OrderRow } from './rows.ts';
import { DAY, HOUR, MINUTE, timestampText, type Micros } from './calendar.ts';
import { LARGEST_PRICE_CENTS, LARGEST_TOTAL_CENTS, moneyText, readCents } from './money.ts';
import { at, chanceOf, type Chance } from './chance.ts';
import { company, description, noise, products, specialInstructions, tags } from './prose.ts';
import {
  FIRST_DAY,
  PRESENT,
  busyContainer,
  busyContainers,
  containerCapacity,
  departure,
  destinationOf,
  isCalledOff,
  voyageFrom,
} from './fleet.ts';
import { ports } from './ports.ts';
import { raw } from './json.ts';

/**
 * Added to an order's number to make its internal key. Public ids and internal keys must not be equal by chance: whoever
 * takes one for the other shall notice.
 */
export const KEY_OFFSET = 1000;

const CUSTOMER_TABLE = 10;
const ORDER_TABLE = 11;

/** An order with the rows that hang on it. */
export interface OrderRows {
  readonly order: OrderRow;
  readonly items: readonly ItemRow[];
  readonly containers: readonly OrderContainerRow[];
}

/** What an order takes of a voyage; the part that voyages must know before they are written. */
interface Allocation {
  readonly status: string;
  /** The voyage's number; null unless the order is assigned or spoilt. */
  readonly voyage: number | null;
  readonly containers: readonly number[];
  readonly quantity: number;
  readonly created: Micros;
}

/** How many addresses there are: several in each city, and five orders share one. */
export function addressCount(amounts: Amounts): number {
  return Math.max(ports.length * 3, Math.ceil(amounts.orders / 5 / ports.length) * ports.length);
}

/**
 * Refuses amounts that cannot make a consistent world.
 * @throws RangeError naming the amount
 */
export function checkAmounts(amounts: Amounts): void {
  const least: Amounts = { orders: 0, customers: amounts.orders > 0 ? 1 : 0, voyages: 40, containers: 20, readings: 0 };
  for (const name of ['orders', 'customers', 'voyages', 'containers', 'readings'] as const) {
    // Ten million of anything is far beyond what a seed is for, and keeps numbers within int4.
    if (!Number.isInteger(amounts[name]) || amounts[name] < least[name] || amounts[name] > 10_000_000) {
      throw new RangeError(`${name} must be a whole number from ${least[name]} to 10000000, not ${amounts[name]}`);
    }
  }
}

/** Units booked on each voyage by the orders that are on it; index 0 is unused. */
export function bookedUnits(amounts: Amounts): readonly number[] {
  const booked = Array<number>(amounts.voyages + 1).fill(0);
  for (let n = 1; n <= amounts.orders; n += 1) {
    const { voyage, quantity } = allocationOf(amounts, n, chanceOf(ORDER_TABLE, n));
    if (voyage !== null) booked[voyage] = at(booked, voyage) + quantity;
  }
  return booked;
}

/** Customer `n`, from 1. */
export function customerRow(n: number): CustomerRow {
  const chance = chanceOf(CUSTOMER_TABLE, n);
  return {
    customer_id: n,
    customer_no: `C-${String(n).padStart(6, '0')}`,
    name: company(chance),
    email: chance.percent(25) ? null : `desk${n}@customer.example`,
    credit_limit: chance.pick([null, '0.00', '0.01', '9999999999.99', moneyText(chance.below(100_000_000))]),
    active: !chance.percent(8),
    created: timestampText(FIRST_DAY - chance.below(2000) * DAY + chance.below(1_000_000_000)),
  };
}

/** Order `n`, from 1, with its lines and containers. Every fiftieth carries terms above 8 kB. */
export function orderRows(amounts: Amounts, n: number): OrderRows {
  const chance = chanceOf(ORDER_TABLE, n);
  const { status, voyage, containers, quantity, created } = allocationOf(amounts, n, chance);
  const pickup =
    voyage === null
      ? created + chance.between(3, 60) * DAY + chance.below(1440) * MINUTE
      : departure(amounts, voyage) - chance.between(1, 6) * DAY;
  const items = itemsOf(chance, n + KEY_OFFSET);
  const order: OrderRow = {
    order_key: n + KEY_OFFSET,
    order_id: String(n),
    product_id: chance.pick(products),
    customer_id: customerOf(chance, amounts.customers),
    quantity,
    pickup_address: chance.between(1, addressCount(amounts)),
    pickup_date: timestampText(pickup),
    destination_address: destinationAddress(chance, amounts, voyage),
    expected_delivery: timestampText(pickup + chance.between(4, 50) * DAY + chance.below(86_400) * 1_000_000),
    status,
    voyage_id: voyage,
    total: totalOf(chance, items),
    currency: chance.pick(['EUR', 'EUR', 'EUR', 'USD', 'JPY', 'DKK']),
    special_instructions: instructionsOf(chance),
    terms: termsOf(chance, n),
    tags: tags(chance),
    created_at: timestampText(created),
    updated_at: `${timestampText(created + chance.below(30 * 24) * HOUR + chance.below(3_600_000_000))}Z`,
  };
  return {
    order,
    items,
    containers: containers.map((container) => ({
      order_key: n + KEY_OFFSET,
      container_id: container,
      assigned_at: `${timestampText(created + chance.below(48) * HOUR)}Z`,
    })),
  };
}

function allocationOf(amounts: Amounts, n: number, chance: Chance): Allocation {
  const created = createdAt(chance, n);
  const wanted = statusOf(chance);
  if (wanted !== 'assigned' && wanted !== 'spoilt') {
    return { status: wanted, voyage: null, containers: [], quantity: chance.between(1, 120), created };
  }
  const first = Math.max(1, voyageFrom(amounts, created + 7 * DAY));
  const drawn = Math.min(amounts.voyages - 1, first + chance.below(Math.max(1, Math.floor(amounts.voyages / 8))));
  const voyage = isCalledOff(drawn) ? drawn + 1 : drawn;
  const containers = [...new Set(drawContainers(chance, amounts))];
  const room = containers.reduce((sum, container) => sum + containerCapacity(container), 0);
  // What has not sailed cannot have spoilt.
  const status = wanted === 'spoilt' && departure(amounts, voyage) >= PRESENT ? 'assigned' : wanted;
  return { status, voyage, containers, quantity: chance.between(1, room), created };
}

function drawContainers(chance: Chance, amounts: Amounts): number[] {
  return Array.from({ length: chance.pick([1, 1, 1, 2, 2, 3, 5]) }, () =>
    busyContainer(chance.below(busyContainers(amounts))),
  );
}

// Orders come in every 26 minutes for a year, then the year begins again. In every tenth group of ten, all come at once: only
// the id tells which is newer.
function createdAt(chance: Chance, n: number): Micros {
  const group = Math.floor(n / 10);
  const together = group % 10 === 0;
  const minutes = ((together ? group * 10 : n) * 26) % (364 * 1440);
  const jitter = chance.below(40 * 60) * 1_000_000 + chance.below(1_000_000);
  return FIRST_DAY + minutes * MINUTE + (together ? 0 : jitter);
}

function statusOf(chance: Chance): string {
  const draw = chance.below(100);
  if (draw < 30) return 'created';
  if (draw < 36) return 'booked';
  if (draw < 72) return 'assigned';
  if (draw < 80) return 'rejected';
  return draw < 91 ? 'cancelled' : 'spoilt';
}

// The last twentieth of the customers and every tenth never ordered; of the rest a few order most.
function customerOf(chance: Chance, customers: number): number {
  const ordering = Math.max(1, Math.floor(customers * 0.95));
  const skewed = chance.percent(40) ? chance.below(Math.min(ordering, 50)) : chance.below(ordering);
  const customer = skewed + 1;
  return customer % 10 === 0 ? customer - 1 : customer;
}

// A voyage goes to its port's city; address n lies in the city of port n modulo their number (see `addressRow`).
function destinationAddress(chance: Chance, amounts: Amounts, voyage: number | null): number {
  const count = addressCount(amounts);
  if (voyage === null) return chance.between(1, count);
  const port = destinationOf(voyage) - 1;
  const turn = chance.below(Math.floor(count / ports.length));
  return port === 0 ? (turn + 1) * ports.length : turn * ports.length + port;
}

function itemsOf(chance: Chance, key: number): ItemRow[] {
  const count = chance.pick([0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 8, 12]);
  return Array.from({ length: count }, (_unused, index): ItemRow => {
    const edge = chance.percent(3);
    return {
      order_key: key,
      line_no: index + 1,
      sku: `${chance.pick(['SKU', 'sku', 'ÅÄÖ', "O'K"])}-${chance.between(1, 9999)}`,
      description: description(chance),
      quantity: edge ? 1 : chance.between(1, 500),
      unit_price: moneyText(
        edge ? chance.pick([0, 1, -1, 10, -550, LARGEST_PRICE_CENTS, -LARGEST_PRICE_CENTS]) : chance.between(1, 50_000),
      ),
    };
  });
}

// An order without lines has a total all the same: ReeferDesk once had no lines. Those totals are the edges of what fits.
function totalOf(chance: Chance, items: readonly ItemRow[]): string {
  if (items.length === 0) {
    return moneyText(
      chance.pick([0, 1, -1, 10, -10, 60_500, 100_000_000_010, LARGEST_TOTAL_CENTS, -LARGEST_TOTAL_CENTS]),
    );
  }
  const cents = items.reduce((sum, item) => sum + item.quantity * (readCents(item.unit_price) ?? 0), 0);
  return moneyText(cents);
}

function instructionsOf(chance: Chance): OrderRow['special_instructions'] {
  const text = specialInstructions(chance);
  return text === null ? null : raw(text);
}

function termsOf(chance: Chance, n: number): string | null {
  if (n % 50 === 0) return `Terms of order ${n}. ${noise(chance, chance.between(8_500, 14_000))}`;
  return chance.pick([null, null, '', 'FOB', 'CIF "Rotterdam"', "Buyer's risk;\nno returns.", '免責事項 🧾']);
}
