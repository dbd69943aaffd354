/**
 * What may stand behind the `?` of a read: pages, and filters that are exact. What is wrong is said in the sentences of the
 * REST contract.
 */
import type { Reading } from './reading.ts';

/** A query string's parameters: a list where one was given more than once. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Paging {
  /** Counts from 0. */
  readonly page: number;
  readonly size: number;
}

const LAST_PAGE = 1_000_000;
const LARGEST_PAGE = 100; // A page of a hundred orders is about 200 kB.
const DEFAULT_PAGE = 20;

/** The first of `names` that the query gives more than once, as a refusal; null when there is none. */
function repeated(
  query: Query,
  names: readonly string[],
): { readonly kind: 'refused'; readonly because: string } | null {
  const name = names.find((one) => Array.isArray(query[one]));
  return name === undefined ? null : { kind: 'refused', because: `Parameter ${name} given more than once` };
}

function one(query: Query, name: string): string | null {
  const value = query[name];
  return typeof value === 'string' ? value : null;
}

/** Reads `page` and `size`. */
export function readPaging(query: Query): Reading<Paging> {
  const twice = repeated(query, ['page', 'size']);
  if (twice !== null) return twice;
  const page = numberIn(one(query, 'page') ?? '0', 0, LAST_PAGE);
  if (page === null) return { kind: 'refused', because: `Invalid page: ${one(query, 'page')}` };
  const size = numberIn(one(query, 'size') ?? String(DEFAULT_PAGE), 1, LARGEST_PAGE);
  if (size === null) return { kind: 'refused', because: `Invalid size: ${one(query, 'size')}` };
  return { kind: 'read', value: { page, size } };
}

function numberIn(text: string, least: number, most: number): number | null {
  if (!/^\d{1,7}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}

/** Filters as they were asked for; null where any value will do. */
export interface Filters<S extends string> {
  readonly text: string | null;
  readonly status: S | null;
}

/**
 * Reads one exact filter and a status, whose letters' case does not count.
 *
 * @param name the exact filter's parameter
 * @param known the statuses that there are
 */
export function readFilters<S extends string>(query: Query, name: string, known: readonly S[]): Reading<Filters<S>> {
  const twice = repeated(query, [name, 'status']);
  if (twice !== null) return twice;
  const given = one(query, 'status');
  const status = given === null ? null : readStatus(given, known);
  if (given !== null && status === null) return { kind: 'refused', because: `Invalid status: ${given}` };
  return { kind: 'read', value: { text: one(query, name), status } };
}

/** The status that `text` names in letters of any case; null when there is none. */
export function readStatus<S extends string>(text: string, known: readonly S[]): S | null {
  // Letters of ASCII only: the Kelvin sign is a K in lower case, and no status.
  const lower = /^[A-Za-z_]+$/.test(text) ? text.toLowerCase() : '';
  return known.find((status) => status === lower) ?? null;
}
