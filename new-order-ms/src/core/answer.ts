/**
 * The JSON of the REST contract, from rows as Postgres prints them. Decimals stay the digits that are stored, documents are put
 * in as they are, so that no number passes through a float. A field without a value is left out.
 */
import { shown } from './calendar.ts';
import type { Page } from './request.ts';

/** A row of a read: every value as Postgres prints it, null for NULL. */
export type Printed = Readonly<Record<string, string | null>>;

/** `{"error": …}` */
export function errorAnswer(sentence: string): string {
  return JSON.stringify({ error: sentence });
}

/** @param row of `ORDER` in `reads.ts`; `terms` only where they were asked for */
export function orderAnswer(row: Printed): string {
  return object([
    ['orderId', text(row['order_id'])],
    ['productId', text(row['product_id'])],
    ['customerId', text(row['customer_no'])],
    ['quantity', given(row['quantity'])],
    ['pickupAddress', address(row, 'pickup')],
    ['destinationAddress', address(row, 'destination')],
    ['pickupDate', time(row['pickup_date'])],
    ['expectedDeliveryDate', time(row['expected_delivery'])],
    ['status', text(row['status'])],
    ['voyageId', text(row['voyage_no'])],
    ['containerIds', row['container_ids'] ?? '[]'],
    ['items', `[${row['items'] ?? ''}]`],
    ['total', text(row['total'])],
    ['currency', text(row['currency'])],
    ['tags', given(row['tags'])],
    ['specialInstructions', given(row['special_instructions'])],
    ['terms', text(row['terms'])],
    ['createdAt', time(row['created_at'])],
    ['updatedAt', time(row['updated_at'])],
  ]);
}

/** @param total of all pages */
export function pageAnswer(rows: readonly Printed[], { page, size }: Page, total: string): string {
  return `{"items":[${rows.map(orderAnswer).join(',')}],"page":${page},"size":${size},"total":${total}}`;
}

/** All voyages that were asked for. */
export function voyagesAnswer(rows: readonly Printed[]): string {
  return list(rows.map(voyage));
}

function voyage(row: Printed): string {
  return object([
    ['voyageId', text(row['voyage_no'])],
    ['vessel', text(row['vessel'])],
    ['origin', harbour(row, 'origin')],
    ['destination', harbour(row, 'destination')],
    ['departs', time(row['departs'])],
    ['arrives', time(row['arrives'])],
    ['capacity', given(row['capacity'])],
    ['booked', given(row['booked'])],
    ['free', given(row['free'])],
    ['status', text(row['status'])],
  ]);
}

/** All containers that were asked for. */
export function containersAnswer(rows: readonly Printed[]): string {
  return list(rows.map(container));
}

function container(row: Printed): string {
  return object([
    ['containerId', text(row['container_no'])],
    ['type', text(row['type'])],
    ['city', text(row['city'])],
    ['status', text(row['status'])],
    ['capacity', given(row['capacity'])],
    ['tareKg', text(row['tare_kg'])],
    ['lastMaintenance', text(row['last_maintenance'])],
    ['features', given(row['features'])],
  ]);
}

/** @param rows one for each container; a single one without a container for an order that has none */
export function coldChainAnswer(orderId: string, rows: readonly Printed[]): string {
  const containers = rows.filter((row) => row['container_no'] !== null);
  // Never too warm, and never without power. No reading is no complaint.
  const compliant = containers.every((row) => row['excursions'] === '0' && row['power_losses'] === '0');
  return object([
    ['orderId', text(orderId)],
    ['compliant', String(compliant)],
    ['containers', `[${containers.map(history).join(',')}]`],
  ]);
}

function history(row: Printed): string {
  return object([
    ['containerId', text(row['container_no'])],
    ['readings', given(row['readings'])],
    ['minTemperature', number(row['coldest'])],
    ['maxTemperature', number(row['warmest'])],
    ['averageTemperature', number(row['average'])],
    ['excursions', given(row['excursions'])],
    ['powerLosses', given(row['power_losses'])],
    ['from', time(row['first_at'])],
    ['to', time(row['last_at'])],
  ]);
}

function address(row: Printed, prefix: string): string {
  return object(
    ['street', 'city', 'country', 'state', 'zipcode'].map((name) => [name, text(row[`${prefix}_${name}`])] as const),
  );
}

function harbour(row: Printed, prefix: string): string {
  return object(['code', 'city', 'country'].map((name) => [name, text(row[`${prefix}_${name}`])] as const));
}

function list(items: readonly string[]): string {
  return `{"items":[${items.join(',')}],"total":${items.length}}`;
}

/** JSON text, or null for what is to be left out. */
type Fragment = string | null;

function object(members: readonly (readonly [name: string, value: Fragment])[]): string {
  const written = members.flatMap(([name, value]) => (value === null ? [] : [`"${name}":${value}`]));
  return `{${written.join(',')}}`;
}

function text(value: string | null | undefined): Fragment {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** What is JSON already: an integer, a document, a list that Postgres made. */
function given(value: string | null | undefined): Fragment {
  return value ?? null;
}

function time(value: string | null | undefined): Fragment {
  return value === null || value === undefined ? null : JSON.stringify(shown(value));
}

/** A decimal as a JSON number, without zeros that do not count. A numeric may be NaN, which JSON is not. */
function number(value: string | null | undefined): Fragment {
  if (value === null || value === undefined || !/^-?\d+(\.\d+)?$/.test(value)) return null;
  const short = value.includes('.') ? value.replace(/\.?0+$/, '') : value;
  return short === '-0' ? '0' : short;
}
