/**
 * Writes JSON text in which numbers and whole documents may be given as they stand in the database: `605.5` of a numeric,
 * `{"a": 1.0}` of a jsonb. Nothing passes through a float, so no digit is lost.
 */

/** JSON text that is put into the output as it is. Only mint it from what Postgres printed, or from {@link plain}. */
export interface Raw {
  readonly kind: 'raw';
  readonly text: string;
}

/** What {@link write} can write. A member that is undefined is left out. */
export type Writable =
  null | boolean | number | string | Raw | readonly Writable[] | { readonly [name: string]: Writable | undefined };

/** Marks text as JSON already. */
export function raw(text: string): Raw {
  return { kind: 'raw', text };
}

/**
 * A decimal as a JSON number, without what does not count: `605.00` is `605`, `12.50` is `12.5`, `-0.00` is `0`. JSON has no
 * NaN and no infinity, which a numeric may be: they become null.
 *
 * @param decimal as Postgres prints a numeric: digits, perhaps a sign and a fraction, no exponent
 */
export function plain(decimal: string): Raw {
  if (!/^-?\d+(\.\d+)?$/.test(decimal)) return raw('null');
  const short = decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
  return raw(short === '-0' ? '0' : short);
}

/** The JSON text of `value`, without white space. */
export function write(value: Writable): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(write).join(',')}]`;
  if (isRaw(value)) return value.text;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${write(member)}`);
  }
  return `{${members.join(',')}}`;
}

function isList(value: object): value is readonly Writable[] {
  return Array.isArray(value);
}

// An object of our own that happens to say `kind: 'raw'` cannot reach this: client JSON is never written back from objects.
function isRaw(value: object): value is Raw {
  return 'kind' in value && value.kind === 'raw' && 'text' in value && typeof value.text === 'string';
}
