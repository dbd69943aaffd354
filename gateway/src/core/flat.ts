/** Looking into flat arrays of fields, and leaving some out. Names are given in lower case; those of a message may have any. */
import type { Fields } from './field.ts';

/** The value of the first field of this name; null when there is none. */
export function fieldOf(fields: Fields, name: string): string | null {
  for (let index = 0; index < fields.length; index += 2)
    if (isNamed(fields[index], name)) return fields[index + 1] ?? '';
  return null;
}

/** The values of all fields of this name, in their order. */
export function valuesOf(fields: Fields, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < fields.length; index += 2)
    if (isNamed(fields[index], name)) values.push(fields[index + 1] ?? '');
  return values;
}

/** The fields but for those of these names. */
export function without(fields: Fields, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, fields[index + 1] ?? '');
  }
  return kept;
}

/** Most names are told apart by their length alone. */
function isNamed(own: string | undefined, name: string): boolean {
  return own !== undefined && own.length === name.length && own.toLowerCase() === name;
}
