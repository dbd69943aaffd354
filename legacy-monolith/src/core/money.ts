/**
 * Money in whole cents, so that sums are exact; as text on both sides, since neither JSON's numbers nor XML's doubles hold
 * every amount.
 */

/** What numeric(12,2) holds: 9,999,999,999.99. */
export const LARGEST_TOTAL_CENTS = 999_999_999_999;
/** What numeric(10,2) holds: 99,999,999.99. */
export const LARGEST_PRICE_CENTS = 9_999_999_999;

/** `605.00` of 60500. `cents` is an integer. */
export function moneyText(cents: number): string {
  const whole = Math.abs(cents);
  return `${cents < 0 ? '-' : ''}${Math.floor(whole / 100)}.${String(whole % 100).padStart(2, '0')}`;
}

// Ten digits before the point keep every sum of lines below 2^53 cents. Further zeros say nothing and are allowed.
const DECIMAL = /^([+-]?)(\d{1,10})(?:\.(\d{0,2})0*)?$/;

/** Reads a decimal of at most two digits after the point. Returns null for anything else, exponents included. */
export function readCents(decimal: string): number | null {
  const parts = DECIMAL.exec(decimal);
  if (parts === null) return null;
  const cents = Number(parts[2]) * 100 + Number((parts[3] ?? '').padEnd(2, '0'));
  return parts[1] === '-' ? 0 - cents : cents;
}
