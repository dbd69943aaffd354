/**
 * JSON as trees that lose nothing: numbers keep every digit and are equal by value (`1.0`, `1` and `1e0`; `-0` and `0`), strings
 * are compared by code unit, objects are Maps, so that `__proto__` is a key like any other.
 */
import { canonical } from './decimal.ts';

/** A number whose text is not the plain form of a safe integer. */
export class Exact {
  /** As it was written, in JSON's grammar. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON value. A `number` is a safe integer, and never `-0`; every other number is {@link Exact}. */
export type Json = null | boolean | number | string | Exact | readonly Json[] | ReadonlyMap<string, Json>;

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** Which of JSON's six types a value has; null is a type. */
export function typeOf(json: Json): JsonType {
  if (json === null) return 'null';
  if (json instanceof Exact) return 'number';
  if (json instanceof Map) return 'object';
  if (Array.isArray(json)) return 'array';
  const type = typeof json;
  return type === 'boolean' || type === 'number' || type === 'string' ? type : 'object';
}

/** Whether `json` is a list. (`Array.isArray` does not narrow read-only lists.) */
export function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

/** Whether `json` is an object. */
export function isObject(json: Json): json is ReadonlyMap<string, Json> {
  return json instanceof Map;
}

/** A number as JSON writes it; null when `json` is none. */
export function numberText(json: Json | undefined): string | null {
  if (json instanceof Exact) return json.text;
  return typeof json === 'number' ? String(json) : null;
}

/** Makes a number of its text, which must be in JSON's grammar. */
export function numberOf(text: string): Json {
  // Fifteen digits always fit a float. The text must come back as it was, so `-0`, `1.0` and `1e3` stay text.
  if (text.length <= 15) {
    const value = Number(text);
    if (Number.isInteger(value) && String(value) === text) return value;
  }
  return new Exact(text);
}

/** Whether two values that are neither lists nor objects are equal. */
export function sameScalar(one: Json, other: Json): boolean {
  if (one === other) return true;
  const [mine, its] = [numberText(one), numberText(other)];
  return mine !== null && its !== null && (mine === its || canonical(mine) === canonical(its));
}

/** One text for all equal values, and different texts for different ones. Members are sorted, so their order is not kept. */
export function digest(json: Json): string {
  if (isList(json)) return `[${json.map(digest).join(',')}]`;
  if (isObject(json)) {
    const keys = [...json.keys()].toSorted();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${digest(json.get(key) ?? null)}`).join(',')}}`;
  }
  const number = numberText(json);
  return number === null ? JSON.stringify(json) : canonical(number);
}

/**
 * Writes JSON text without white space, numbers as they were read. The result is JSON unless it was cut.
 * @param most characters after which nothing more is written, about
 */
export function print(json: Json, most: number = Infinity): string {
  const parts: string[] = [];
  let written = 0;
  const put = (text: string): void => {
    parts.push(text);
    written += text.length;
  };
  const walk = (value: Json): void => {
    if (written > most) return;
    if (isList(value)) {
      put('[');
      for (const [index, element] of value.entries()) {
        if (written > most) return;
        if (index > 0) put(',');
        walk(element);
      }
      put(']');
    } else if (isObject(value)) {
      put('{');
      let first = true;
      for (const [key, member] of value) {
        if (written > most) return;
        put(`${first ? '' : ','}${JSON.stringify(key)}:`);
        first = false;
        walk(member);
      }
      put('}');
    } else put(scalarText(value, most));
  };
  walk(json);
  return parts.join('');
}

function scalarText(value: null | boolean | number | string | Exact, most: number): string {
  if (value instanceof Exact) return value.text;
  return JSON.stringify(typeof value === 'string' && value.length > most ? value.slice(0, most) : value);
}
