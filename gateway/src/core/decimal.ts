/**
 * Exact decimal numbers, as text writes them: whether two name the same number, and how far they lie apart. Nothing passes
 * through a float.
 */

/** The number `digits` × 10^`exponent`. */
export interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

// JSON's grammar of a number (RFC 8259, section 6).
const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

// Differences are counted with as many digits as the numbers span, so `1e999999999` must not be written out. PostgreSQL's
// numeric, the widest that a database gives, has 131,072 + 16,383.
const MAX_SPAN_DIGITS = 150_000;
// An exponent beyond a float's integers is compared as text.
const MAX_EXPONENT_DIGITS = 15;

/** Whether `text` is a number in JSON's grammar. */
export function isNumeric(text: string): boolean {
  return NUMBER.test(text);
}

/**
 * One spelling for each number: `1.0`, `1` and `1e0` become the same text, and so do `-0` and `0`.
 * @param text a number in JSON's grammar; other text is returned as it is
 */
export function canonical(text: string): string {
  const parts = NUMBER.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = trimmed(whole + fraction);
  if (digits.text === '') return '0';
  const plain = exponent.replace(/^([+-]?)0+(?=[0-9])/, '$1').replace(/^\+/, '');
  const shift = digits.zeros - fraction.length;
  // An absurd exponent stays beside its shift: two spellings of one such number may then differ, which hides nothing.
  const scale = plain.length > MAX_EXPONENT_DIGITS ? `${plain}:${shift}` : String(Number(plain) + shift);
  return `${sign}${digits.text}e${scale}`;
}

/** Digits without zeros on either side, and how many zeros stood at the end. */
function trimmed(digits: string): { readonly text: string; readonly zeros: number } {
  let start = 0;
  while (start < digits.length && digits.charCodeAt(start) === 48) start += 1;
  let end = digits.length;
  while (end > start && digits.charCodeAt(end - 1) === 48) end -= 1;
  return { text: digits.slice(start, end), zeros: digits.length - end };
}

/** Reads a number in JSON's grammar. Returns null when `text` is none, or one too long to calculate with. */
export function parseDecimal(text: string): Decimal | null {
  if (text.length > MAX_SPAN_DIGITS) return null;
  const parts = NUMBER.exec(text);
  if (parts === null) return null;
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts;
  const exponent = Number(power) - fraction.length;
  if (!Number.isSafeInteger(exponent)) return null;
  const digits = BigInt(whole + fraction);
  return { digits: sign === '-' ? -digits : digits, exponent };
}

/**
 * Whether two numbers lie no further apart than `most`, the edge included. Null when they span more digits than are worth
 * counting: then nothing is known.
 */
export function within(one: Decimal, other: Decimal, most: Decimal): boolean | null {
  const parts = [one, other, most].filter((part) => part.digits !== 0n);
  const low = Math.min(...parts.map((part) => part.exponent));
  const high = Math.max(...parts.map((part) => part.exponent));
  if (parts.length === 0) return true;
  if (high - low > MAX_SPAN_DIGITS) return null;
  const scaled = (part: Decimal): bigint =>
    part.digits === 0n ? 0n : part.digits * 10n ** BigInt(part.exponent - low);
  const apart = scaled(one) - scaled(other);
  return (apart < 0n ? -apart : apart) <= scaled(most);
}
