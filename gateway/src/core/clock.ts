/**
 * The one form in which nearly all services write times, read without an expression: `2026-03-01T08:30:00`, with a fraction or without,
 * in UTC or of no zone. What is not in it, or might be no time, is for others to judge: this says yes or nothing.
 */

/**
 * Whether a text is such a time, of a day that every month has.
 * @returns where its fraction ends, which is where a `Z` stands or its end is; 0: it is not, or it ends in anything else
 */
export function timeEnd(text: string): number {
  if (text.length < 19 || text.length > 40) return 0;
  if (!isDate(text) || text.charCodeAt(10) !== 84 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return 0;
  if (!(two(text, 11) <= 23 && two(text, 14) <= 59 && two(text, 17) <= 59)) return 0;
  let at = 19;
  if (text.charCodeAt(at) === 46) {
    at += 1;
    while (isDigit(text.charCodeAt(at))) at += 1;
    if (at === 20) return 0;
  }
  return at === text.length || (at === text.length - 1 && text.charCodeAt(at) === 90) ? at : 0;
}

/** `2026-03-01`, not of the year 0000, and no later than the 28th. */
function isDate(text: string): boolean {
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false;
  const year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  const day = two(text, 8);
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 28;
}

/** Two digits as a number; NaN when they are none. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at);
  const ones = text.charCodeAt(at + 1);
  return isDigit(tens) && isDigit(ones) ? (tens - 48) * 10 + ones - 48 : NaN;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
