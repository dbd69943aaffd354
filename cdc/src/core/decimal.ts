/** `numeric` and `money`, in the three ways of `decimal.handling.mode`. Results are JSON text. */
import { base64, integerBytes } from './binary.ts';

export type DecimalMode = 'string' | 'precise' | 'double';

const MONEY_SCALE = 2; // Debezium's money.fraction.digits
const SPECIAL = new Set(['NaN', 'Infinity', '-Infinity']);

/** @param scale of the column; null where it is declared without one, and each value has its own */
export function decimalJson(mode: DecimalMode, scale: number | null): (text: string) => string {
  switch (mode) {
    case 'string':
      return (text) => `"${text}"`;
    case 'double':
      return doubleJson;
    case 'precise':
      // Kafka Connect's Decimal cannot say NaN; Debezium writes null.
      return (text) => (SPECIAL.has(text) ? 'null' : preciseJson(text, scale));
  }
}

/** @param mode as of {@link decimalJson}; `lc_monetary` is C: the connector sets it */
export function moneyJson(mode: DecimalMode): (text: string) => string {
  const write = decimalJson(mode, MONEY_SCALE);
  return (text) => write(text.replace(/[$,]/g, ''));
}

/** A `real` or `double precision`, too: what JSON has no number for is a string, as Debezium writes it. */
export function floatJson(text: string): string {
  return SPECIAL.has(text) ? `"${text}"` : text;
}

function doubleJson(text: string): string {
  if (SPECIAL.has(text)) return `"${text}"`;
  const value = Number(text);
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function preciseJson(text: string, scale: number | null): string {
  const dot = text.indexOf('.');
  const written = dot < 0 ? 0 : text.length - dot - 1;
  const digits = dot < 0 ? text : text.slice(0, dot) + text.slice(dot + 1);
  if (scale === null) return `{"scale":${written},"value":"${base64(integerBytes(BigInt(digits)))}"}`;
  // A negative scale (numeric(5,-2)) rounds to the left of the point.
  const unscaled = scale >= written ? BigInt(digits + '0'.repeat(scale - written)) : shorten(digits, written - scale);
  return `"${base64(integerBytes(unscaled))}"`;
}

/** Drops digits that the column's scale guarantees to be zero. */
function shorten(digits: string, count: number): bigint {
  return BigInt(digits) / 10n ** BigInt(count);
}
