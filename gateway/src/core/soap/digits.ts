/**
 * Decimal numbers as texts, between the forms of XML Schema (`+012.`, `.5`) and of JSON (`1.2e3`): every digit is kept, and nothing
 * passes through a float that would not come back.
 */

/**
 * Characters of a number in plain notation. Exponents can ask for billions of zeros, and what reads all digits of a long number often
 * takes time that grows with their square. The widest real columns have 1,000 digits.
 */
export const MAX_DIGITS = 1_100;

/** Digits with which a float tells any two numbers apart. */
export const FLOAT_DIGITS = 15;

const PLAIN = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const LEXICAL = /^([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))$/;
const EXPONENT = /^(-?)([0-9]+)(?:\.([0-9]+))?[eE]([+-]?[0-9]{1,9})$/;

/** An `xsd:decimal` in JSON's grammar, without an exponent: `+012.` is `12`, `.50` is `0.50`, `-0` is `0`. Null: it is none. */
export function plainOf(text: string): string | null {
  if (text.length > MAX_DIGITS) return null;
  // Most are; only a minus in front of nothing is looked at again.
  if (PLAIN.test(text) && text.charCodeAt(0) !== 45) return text;
  const [all, sign = '', whole = '', fraction = '', alone = ''] = LEXICAL.exec(text) ?? [];
  return all === undefined ? null : signed(sign === '-', whole, fraction + alone);
}

/** A number of JSON without an exponent. Null: it would have more than {@link MAX_DIGITS}. */
export function expanded(text: string): string | null {
  const [all, sign = '', whole = '', fraction = '', power = '0'] = EXPONENT.exec(text) ?? [];
  if (all === undefined) return text.length > MAX_DIGITS || /[eE]/.test(text) ? null : plainOf(text);
  const exponent = Number(power);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (digits.length + Math.abs(exponent) > MAX_DIGITS) return null;
  if (point <= 0) return signed(sign === '-', '0', '0'.repeat(-point) + digits);
  const padded = digits.padEnd(point, '0');
  return signed(sign === '-', padded.slice(0, point), padded.slice(point));
}

function signed(negative: boolean, whole: string, fraction: string): string {
  const digits = whole.slice(zerosBefore(whole)) || '0';
  const text = fraction === '' ? digits : `${digits}.${fraction}`;
  return negative && /[1-9]/.test(text) ? `-${text}` : text;
}

function zerosBefore(digits: string): number {
  let at = 0;
  while (at < digits.length && digits.charCodeAt(at) === 48) at += 1;
  return at;
}

/** `12.50` without the zeros that say nothing: `12.5`. */
export function shortened(plain: string): string {
  const point = plain.indexOf('.');
  if (point === -1) return plain;
  let end = plain.length;
  while (plain.charCodeAt(end - 1) === 48) end -= 1;
  return plain.slice(0, end - 1 === point ? point : end);
}

/** How many digits a number has, and how many of them behind the point: of the number, not of its spelling. */
export function counted(plain: string): { readonly total: number; readonly fraction: number } {
  const [whole = '', fraction = ''] = shortened(plain).replace('-', '').split('.');
  const leading = whole.length - zerosBefore(whole);
  return { total: leading > 0 ? leading + fraction.length : fraction.length, fraction: fraction.length };
}

/** Which of two plain numbers is greater: negative, zero or positive, as a comparison for sorting. */
export function compared(one: string, other: string): number {
  if (one.length <= FLOAT_DIGITS && other.length <= FLOAT_DIGITS) return Number(one) - Number(other);
  const [mine, its] = [one.startsWith('-'), other.startsWith('-')];
  if (mine !== its) return mine ? -1 : 1;
  return mine ? comparedPositive(other.slice(1), one.slice(1)) : comparedPositive(one, other);
}

function comparedPositive(one: string, other: string): number {
  const [mine = '', myFraction = ''] = one.split('.');
  const [its = '', itsFraction = ''] = other.split('.');
  if (mine.length !== its.length) return mine.length - its.length;
  if (mine !== its) return mine < its ? -1 : 1;
  const width = Math.max(myFraction.length, itsFraction.length);
  const [left, right] = [myFraction.padEnd(width, '0'), itsFraction.padEnd(width, '0')];
  return left === right ? 0 : left < right ? -1 : 1;
}
