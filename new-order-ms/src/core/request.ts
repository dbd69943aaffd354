/**
 * What a read of the REST contract asks for, from its query parameters. Refusals are values, and their sentences are part of the
 * contract: both sides of a route have to say the same.
 */

/** A query string's parameters, decoded: a list where one was given more than once. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export type Refused = { readonly kind: 'refused'; readonly because: string };

export type Asked<T> = { readonly kind: 'asked'; readonly value: T } | Refused;

export interface Page {
  /** Counted from 0. */
  readonly page: number;
  /** Orders in a page. */
  readonly size: number;
}

export interface OrderFilter extends Page {
  readonly customerId: string | null;
  /** In lower case. */
  readonly status: string | null;
}

export interface VoyageFilter {
  /** The city of the destination's port. */
  readonly destination: string | null;
  readonly status: string | null;
}

export interface ContainerFilter {
  readonly city: string | null;
  readonly status: string | null;
}

const ORDER_STATUSES = ['created', 'booked', 'assigned', 'rejected', 'cancelled', 'spoilt'];
const VOYAGE_STATUSES = ['scheduled', 'departed', 'arrived', 'cancelled'];
const CONTAINER_STATUSES = ['empty', 'assigned', 'loaded', 'in_transit', 'maintenance'];

const MAX_PAGE = 1_000_000;
const MAX_SIZE = 100;
const DEFAULT_SIZE = 20;

/** `GET /api/orders?customerId=&status=&page=&size=` */
export function readOrderFilter(query: Query): Asked<OrderFilter> {
  const filter = readFilter(query, 'customerId', ORDER_STATUSES);
  if (filter.kind === 'refused') return filter;
  const page = readPage(query);
  if (page.kind === 'refused') return page;
  const { text: customerId, status } = filter.value;
  return asked({ ...page.value, customerId, status });
}

/** `GET /api/voyages?destination=&status=` */
export function readVoyageFilter(query: Query): Asked<VoyageFilter> {
  const filter = readFilter(query, 'destination', VOYAGE_STATUSES);
  return filter.kind === 'refused' ? filter : asked({ destination: filter.value.text, status: filter.value.status });
}

/** `GET /api/containers?city=&status=` */
export function readContainerFilter(query: Query): Asked<ContainerFilter> {
  const filter = readFilter(query, 'city', CONTAINER_STATUSES);
  return filter.kind === 'refused' ? filter : asked({ city: filter.value.text, status: filter.value.status });
}

/** `?page=&size=` */
export function readPage(query: Query): Asked<Page> {
  const twice = repeated(query, ['page', 'size']);
  if (twice !== null) return twice;
  const page = readNumber(query['page'], { least: 0, most: MAX_PAGE, absent: 0 });
  if (page === null) return refused(`Invalid page: ${one(query, 'page')}`);
  const size = readNumber(query['size'], { least: 1, most: MAX_SIZE, absent: DEFAULT_SIZE });
  if (size === null) return refused(`Invalid size: ${one(query, 'size')}`);
  return asked({ page, size });
}

interface Filter {
  readonly text: string | null;
  readonly status: string | null;
}

/** One exact filter, and a status. */
function readFilter(query: Query, name: string, known: readonly string[]): Asked<Filter> {
  const twice = repeated(query, [name, 'status']);
  if (twice !== null) return twice;
  const given = one(query, 'status');
  const status = given === null ? null : readStatus(given, known);
  if (given !== null && status === null) return refused(`Invalid status: ${given}`);
  return asked({ text: one(query, name), status });
}

function repeated(query: Query, names: readonly string[]): Refused | null {
  const name = names.find((candidate) => Array.isArray(query[candidate]));
  return name === undefined ? null : refused(`Parameter ${name} given more than once`);
}

function one(query: Query, name: string): string | null {
  const value = query[name];
  return typeof value === 'string' ? value : null;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly absent: number;
}

function readNumber(text: Query[string], { least, most, absent }: Bounds): number | null {
  if (text === undefined) return absent;
  const value = typeof text === 'string' && /^\d{1,7}$/.test(text) ? Number(text) : -1;
  return value >= least && value <= most ? value : null;
}

/** The case of the letters does not count; ASCII's letters, for the Kelvin sign is a K in lower case. */
function readStatus(text: string, known: readonly string[]): string | null {
  const status = /^[A-Za-z_]+$/.test(text) ? text.toLowerCase() : '';
  return known.includes(status) ? status : null;
}

function asked<T>(value: T): Asked<T> {
  return { kind: 'asked', value };
}

function refused(because: string): Refused {
  return { kind: 'refused', because };
}
