/**
 * From a row of the envelope to the cells of the read model, column by column. Total: what does not fit is said, never guessed
 * at, so that a column that was renamed or retyped in the monolith stops the projection instead of filling it with nonsense.
 */
import { UNAVAILABLE, type Row, type Value } from '@banyan/backbone/core/envelope';
import { dateOfDays, timestampOfMicros, timestampOfText, type Whole } from './calendar.ts';
import { missableBit, type Column, type Kind, type Table } from './tables.ts';

/**
 * A value as it goes to Postgres: a whole number (a bigint beyond 2^53) for integers and, in Postgres' own binary form, for
 * dates and times; text for the rest (an array of texts as Postgres' array literal).
 */
export type Cell = null | Whole | boolean | string;

/**
 * `inexact`: a number that is needed came out of a fast parse beyond 2^53; parse exactly and ask again.
 * `misfit`: the row is not what the projection needs; `because` names the column.
 */
export type Cells =
  | { readonly kind: 'cells'; readonly cells: readonly Cell[]; readonly missing: number }
  | { readonly kind: 'inexact' }
  | { readonly kind: 'misfit'; readonly because: string };

const INEXACT = Symbol('inexact');
const MISFIT = Symbol('misfit');
type Read = Cell | typeof INEXACT | typeof MISFIT;

/**
 * Reads the first `count` columns of `table` from `row`: all of them of a whole row, `table.keys` of a record's key.
 * A value that was not sent is null, with its bit set in `missing`.
 */
export function readCells(table: Table, row: Row, count: number = table.columns.length): Cells {
  const cells: Cell[] = [];
  let missing = 0;
  for (let index = 0; index < count; index += 1) {
    const column = table.columns[index];
    if (column === undefined) break;
    const value = row[column.name];
    const cell = isUnavailable(value) ? absent(table, index) : read(column, value);
    if (cell === INEXACT) return { kind: 'inexact' };
    if (cell === MISFIT) return { kind: 'misfit', because: misfit(table, column, value) };
    if (cell === null && isUnavailable(value)) missing |= missableBit(table, index);
    cells.push(cell);
  }
  return { kind: 'cells', cells, missing };
}

function absent(table: Table, index: number): Read {
  return missableBit(table, index) === 0 ? MISFIT : null;
}

function isUnavailable(value: Value | undefined): boolean {
  return value === UNAVAILABLE || (Array.isArray(value) && value.length === 1 && value[0] === UNAVAILABLE);
}

function read(column: Column, value: Value | undefined): Read {
  if (value === undefined) return MISFIT;
  if (value === null) return column.required ? MISFIT : null;
  return readers[column.kind](value);
}

const MAX_INTEGER = 9_223_372_036_854_775_807n; // int8, whatever the monolith's own width: it may widen a key.
const DECIMAL = /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity)$/;

const readers: Readonly<Record<Kind, (value: Value) => Read>> = {
  integer: (value) => whole(value, fitting),
  decimal: (value) => (typeof value === 'string' && DECIMAL.test(value) ? value : MISFIT),
  boolean: (value) => (typeof value === 'boolean' ? value : MISFIT),
  text: (value) => (typeof value === 'string' ? value : MISFIT),
  texts,
  json,
  timestamp: (value) => whole(value, timestampOfMicros),
  instant: (value) => (typeof value === 'string' ? (timestampOfText(value) ?? MISFIT) : MISFIT),
  date: (value) => whole(value, dateOfDays),
};

function whole(value: Value, convert: (value: Whole) => Whole | null): Read {
  if (typeof value === 'bigint') return convert(value) ?? MISFIT;
  if (typeof value !== 'number' || !Number.isInteger(value)) return MISFIT;
  return Number.isSafeInteger(value) ? (convert(value) ?? MISFIT) : INEXACT;
}

function fitting(value: Whole): Whole | null {
  if (typeof value === 'number') return value;
  return value <= MAX_INTEGER && value >= -MAX_INTEGER - 1n ? value : null;
}

function json(value: Value): Read {
  if (typeof value !== 'string') return MISFIT;
  try {
    JSON.parse(value);
    return value;
  } catch {
    return MISFIT; // It will be put into answers as it is, and so has to be JSON.
  }
}

function texts(value: Value): Read {
  if (!Array.isArray(value)) return MISFIT;
  const elements: string[] = [];
  for (const element of value as readonly Value[]) {
    if (element === null) elements.push('NULL');
    else if (typeof element === 'string') elements.push(`"${element.replace(/["\\]/g, '\\$&')}"`);
    else return MISFIT;
  }
  return `{${elements.join(',')}}`;
}

function misfit(table: Table, column: Column, value: Value | undefined): string {
  const name = `${table.name}.${column.name}`;
  if (value === undefined) return `column ${name} is missing: it was renamed or dropped in the monolith`;
  if (value === null) return `column ${name} is NULL, which it may not be`;
  // The kind of the value is told, never the value: it may be somebody's address.
  const came = Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  return `column ${name} does not hold ${forms[column.kind]}: ${came} came that is none; its type was changed in the monolith`;
}

const forms: Readonly<Record<Kind, string>> = {
  integer: 'an integer',
  decimal: 'a decimal string',
  boolean: 'a boolean',
  text: 'a text',
  texts: 'an array of texts',
  json: 'a JSON text',
  timestamp: 'microseconds since 1970',
  instant: 'a time with a zone',
  date: 'days since 1970',
};
