/**
 * What a client wants an order to be: read from JSON or from SOAP, checked field by field, and refused with a sentence about
 * the first thing that is wrong. Fields that are ReeferDesk's own (`orderId`, `status`, `total` …) may be there and do not
 * count, so that an answer can be sent back as an update.
 */
import type { Address } from './order.ts';
import type { Reading } from './reading.ts';
import { LARGEST_PRICE_CENTS, LARGEST_TOTAL_CENTS, moneyText, readCents } from './money.ts';
import { readMinute } from './calendar.ts';

/** Where JSON stands: in `document`, under `path`. Postgres takes it out, so that its numbers keep their digits. */
export interface JsonPlace {
  readonly document: string;
  readonly path: readonly string[];
}

export interface DraftItem {
  /** The line that this was in the stored order; null for a new one. */
  readonly lineNo: number | null;
  readonly sku: string;
  readonly description: string | null;
  readonly quantity: number;
  readonly unitPrice: string;
}

export interface Draft {
  readonly productId: string;
  readonly customerId: string;
  readonly quantity: number;
  readonly pickupAddress: Address;
  readonly destinationAddress: Address;
  readonly pickupDate: string;
  readonly expectedDeliveryDate: string;
  readonly items: readonly DraftItem[];
  /** The sum of the lines. */
  readonly total: string;
  readonly currency: string;
  readonly tags: readonly (string | null)[] | null;
  readonly specialInstructions: JsonPlace | null;
  readonly terms: string | null;
}

// A line, a lot, a label: longer ones are mistakes, and would not fit on the bill of lading.
const NAME_LIMIT_CHARS = 200;
const DESCRIPTION_LIMIT_CHARS = 4_000;
const TERMS_LIMIT_CHARS = 500_000; // Half of the body limit.
const ITEMS_LIMIT = 100;
const TAGS_LIMIT = 50;
const QUANTITY_LIMIT = 1_000_000;

/**
 * Reads an order that a client wants.
 *
 * @param given an object as `JSON.parse` makes it, or the same out of XML with every leaf a text
 * @param instructions where special instructions stand, should there be any
 */
export function readDraft(given: unknown, instructions: JsonPlace): Reading<Draft> {
  try {
    return { kind: 'read', value: draftOf(fields(given, 'order'), instructions) };
  } catch (error) {
    if (error instanceof Wrong) return { kind: 'refused', because: error.message };
    throw error;
  }
}

// Thrown and caught in this file alone: reading some thirty fields without it would be mostly plumbing.
class Wrong extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function draftOf(given: Fields, instructions: JsonPlace): Draft {
  const draft = {
    productId: name(given, 'productId'),
    customerId: name(given, 'customerId'),
    quantity: quantity(given, 'quantity', ''),
    pickupAddress: addressOf(given, 'pickupAddress'),
    destinationAddress: addressOf(given, 'destinationAddress'),
    pickupDate: minute(given, 'pickupDate'),
    expectedDeliveryDate: minute(given, 'expectedDeliveryDate'),
    items: itemsOf(given['items'] ?? []),
    currency: currencyOf(given['currency']),
    tags: tagsOf(given['tags']),
    specialInstructions: (given['specialInstructions'] ?? null) === null ? null : instructions,
    terms: optionalText(given['terms'], 'terms', TERMS_LIMIT_CHARS),
  };
  if (draft.expectedDeliveryDate < draft.pickupDate) {
    throw new Wrong('expectedDeliveryDate must not be before pickupDate');
  }
  return { ...draft, total: totalOf(draft.items) };
}

function fields(given: unknown, what: string): Fields {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Fields;
  throw new Wrong(`${what} must be an object`);
}

function list(given: unknown, what: string, limit: number): readonly unknown[] {
  if (!Array.isArray(given)) throw new Wrong(`${what} must be a list`);
  if (given.length > limit) throw new Wrong(`${what} must have at most ${limit} entries`);
  return given;
}

function text(given: unknown, what: string, limit: number): string {
  if (typeof given !== 'string') throw new Wrong(`${what} must be a string`);
  if (given.length > limit) throw new Wrong(`${what} must have at most ${limit} characters`);
  // Postgres stores neither.
  if (given.includes('\0') || !given.isWellFormed()) throw new Wrong(`${what} has a character that cannot be stored`);
  return given;
}

function optionalText(given: unknown, what: string, limit: number): string | null {
  return given === null || given === undefined ? null : text(given, what, limit);
}

function name(given: Fields, field: string, prefix = ''): string {
  const value = text(given[field], prefix + field, NAME_LIMIT_CHARS);
  if (value === '') throw new Wrong(`${prefix}${field} must not be empty`);
  return value;
}

function minute(given: Fields, field: string): string {
  const value = given[field];
  const read = typeof value === 'string' ? readMinute(value) : null;
  if (read === null) throw new Wrong(`${field} must be a date and time such as 2026-03-01T08:30`);
  return read;
}

// XML has only text, JSON has numbers: both are read from their digits.
function digits(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : null;
}

function wholeNumber(value: unknown): number | null {
  const written = digits(value);
  return written !== null && /^\+?\d{1,9}$/.test(written) ? Number(written) : null;
}

function quantity(given: Fields, field: string, prefix: string): number {
  const value = wholeNumber(given[field]);
  if (value === null || value < 1 || value > QUANTITY_LIMIT) {
    throw new Wrong(`${prefix}${field} must be a whole number from 1 to ${QUANTITY_LIMIT}`);
  }
  return value;
}

function addressOf(given: Fields, field: string): Address {
  const address = fields(given[field], field);
  return {
    street: text(address['street'], `${field}.street`, NAME_LIMIT_CHARS),
    city: name(address, 'city', `${field}.`),
    country: name(address, 'country', `${field}.`),
    state: optionalText(address['state'], `${field}.state`, NAME_LIMIT_CHARS),
    zipcode: text(address['zipcode'], `${field}.zipcode`, NAME_LIMIT_CHARS),
  };
}

function itemsOf(given: unknown): DraftItem[] {
  const items = list(given, 'items', ITEMS_LIMIT).map((entry, index) => itemOf(entry, `items[${index}]`));
  const numbers = items.flatMap((item) => (item.lineNo === null ? [] : [item.lineNo]));
  if (new Set(numbers).size < numbers.length) throw new Wrong('items must not name the same lineNo twice');
  return items;
}

function itemOf(given: unknown, place: string): DraftItem {
  const item = fields(given, place);
  const lineNo = item['lineNo'] ?? null;
  const number = lineNo === null ? null : wholeNumber(lineNo);
  if (lineNo !== null && number === null) throw new Wrong(`${place}.lineNo must be a whole number`);
  const cents = readCents(digits(item['unitPrice']) ?? '');
  if (cents === null || Math.abs(cents) > LARGEST_PRICE_CENTS) {
    throw new Wrong(
      `${place}.unitPrice must be an amount with at most two decimals, up to ${moneyText(LARGEST_PRICE_CENTS)}`,
    );
  }
  return {
    lineNo: number,
    sku: name(item, 'sku', `${place}.`),
    description: optionalText(item['description'], `${place}.description`, DESCRIPTION_LIMIT_CHARS),
    quantity: quantity(item, 'quantity', `${place}.`),
    unitPrice: moneyText(cents),
  };
}

function totalOf(items: readonly DraftItem[]): string {
  // Each product is at most 1e16 cents, beyond what a double holds exactly: hence bigint.
  const cents = items.reduce((sum, item) => sum + BigInt(item.quantity) * BigInt(readCents(item.unitPrice) ?? 0), 0n);
  const magnitude = cents < 0n ? -cents : cents;
  if (magnitude > BigInt(LARGEST_TOTAL_CENTS)) {
    throw new Wrong(`The total of all items must not be above ${moneyText(LARGEST_TOTAL_CENTS)}`);
  }
  return moneyText(Number(cents));
}

function currencyOf(given: unknown): string {
  if (given === null || given === undefined) return 'EUR';
  if (typeof given === 'string' && /^[A-Z]{3}$/.test(given)) return given;
  throw new Wrong('currency must be three capital letters');
}

function tagsOf(given: unknown): (string | null)[] | null {
  if (given === null || given === undefined) return null;
  return list(given, 'tags', TAGS_LIMIT).map((tag, index) => optionalText(tag, `tags[${index}]`, NAME_LIMIT_CHARS));
}
