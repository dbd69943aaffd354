/**
 * Dates and times: from Postgres' text (DateStyle ISO, IntervalStyle postgres, TimeZone UTC: the connector sets them) to what
 * Debezium writes with `time.precision.mode: adaptive`. Results are JSON text. Exact for the whole range of the types: where a
 * number of microseconds exceeds 2^53 it is computed as a bigint, and still written bare.
 */

const DAY_US = 86_400_000_000;
const SAFE_DAYS = 104_249; // 2^53 microseconds: until the year 2255
const MONTH_US = 2_629_800_000_000n; // Debezium's average month of 30.4375 days
const DAY_US_BIG = 86_400_000_000n;

// What pgjdbc, and so Debezium, makes of infinity.
const INFINITE_TIMESTAMP_US = { infinity: '9223372036825200000', '-infinity': '-9223372036832400000' };
const INFINITE_TIMESTAMP_MS = { infinity: '9223372036825200', '-infinity': '-9223372036832400' };
// Postgres' own values of infinity; Debezium's streamed ones overflow into the past.
const INFINITE_DATE = { infinity: '2147483647', '-infinity': '-2147483648' };

/** The text is none of its type's. */
export class TemporalError extends Error {
  override name = 'TemporalError';
}

/** `date`: days since 1970-01-01. */
export function dateJson(text: string): string {
  if (text === 'infinity' || text === '-infinity') return INFINITE_DATE[text];
  return String(daysOf(parseDate(text)));
}

/** `timestamp`: microseconds, or with a precision of 0 to 3 milliseconds, since 1970-01-01 00:00 of nowhere in particular. */
export function timestampJson(precision: number): (text: string) => string {
  const inMilliseconds = precision >= 0 && precision <= 3;
  const infinite = inMilliseconds ? INFINITE_TIMESTAMP_MS : INFINITE_TIMESTAMP_US;
  return (text) => {
    if (text === 'infinity' || text === '-infinity') return infinite[text];
    const space = text.indexOf(' ');
    const days = daysOf(parseDate(text, space));
    const us = timeUs(text, space + 1);
    if (inMilliseconds) return String(days * 86_400_000 + Math.trunc(us / 1000));
    if (days < SAFE_DAYS && days > -SAFE_DAYS) return String(days * DAY_US + us);
    return String(BigInt(days) * DAY_US_BIG + BigInt(us));
  };
}

/** `timestamptz`: ISO 8601 in UTC, with as many fractional digits as the column's precision (6 where it has none). */
export function zonedTimestampJson(precision: number): (text: string) => string {
  const digits = precision < 0 ? 6 : precision;
  return (text) => {
    if (text === 'infinity' || text === '-infinity') return `"${text}"`;
    const space = text.indexOf(' ');
    const zone = zoneStart(text, space + 9);
    const iso = `${isoDate(text, space)}T${text.slice(space + 1, space + 9)}`;
    if (text.slice(zone, zone + 3) !== '+00') throw new TemporalError(`${text} is not in UTC`);
    return `"${iso}${fraction(text.slice(space + 9, zone), digits)}Z"`;
  };
}

/** `time`: microseconds, or with a precision of 0 to 3 milliseconds, since midnight. */
export function timeJson(precision: number): (text: string) => string {
  const inMilliseconds = precision >= 0 && precision <= 3;
  return (text) => {
    const us = timeUs(text, 0);
    return String(inMilliseconds ? Math.trunc(us / 1000) : us);
  };
}

/** `timetz`: ISO 8601, moved to UTC; fractional digits only where there are any. */
export function zonedTimeJson(text: string): string {
  const zone = zoneStart(text, 8);
  const offset = offsetSeconds(text.slice(zone));
  const moved = (((timeUs(text.slice(0, zone), 0) - offset * 1_000_000) % DAY_US) + DAY_US) % DAY_US;
  const seconds = Math.trunc(moved / 1_000_000);
  const parts = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60, seconds % 60];
  return `"${parts.map((part) => pad(part, 2)).join(':')}${text.slice(8, zone)}Z"`;
}

/** `interval` as a number: microseconds, with Debezium's average month. */
export function intervalJson(text: string): string {
  if (text === 'infinity') return '9223372036854775807';
  if (text === '-infinity') return '-9223372036854775808';
  const { months, days, us } = parseInterval(text);
  return String(BigInt(months) * MONTH_US + BigInt(days) * DAY_US_BIG + BigInt(us));
}

/** `interval` as ISO 8601, in the form that Debezium writes: every part, zero or not. */
export function intervalIsoJson(text: string): string {
  if (text === 'infinity' || text === '-infinity') return `"${text}"`;
  const { months, days, us } = parseInterval(text);
  const [years, rest] = [Math.trunc(months / 12), months % 12];
  const hours = Math.trunc(us / 3_600_000_000);
  const minutes = Math.trunc(us / 60_000_000) % 60;
  const inMinute = us % 60_000_000;
  const decimals = pad(Math.abs(inMinute % 1_000_000), 6).replace(/0+$/, '');
  const sign = inMinute < 0 && inMinute > -1_000_000 ? '-' : '';
  const seconds = `${sign}${Math.trunc(inMinute / 1_000_000)}${decimals === '' ? '' : `.${decimals}`}`;
  return `"P${years}Y${rest}M${days}DT${hours}H${minutes}M${seconds}S"`;
}

interface CalendarDate {
  /** Astronomical: 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Reads `2024-02-29`, `12024-01-01`; `text` may end in ` BC`. */
function parseDate(text: string, end: number = text.length): CalendarDate {
  const first = text.indexOf('-');
  const written = Number(text.slice(0, first));
  const month = Number(text.slice(first + 1, first + 3));
  const day = Number(text.slice(first + 4, first + 6));
  if (first < 4 || first > end || Number.isNaN(written + month + day)) throw new TemporalError(`${text} is no date`);
  return { year: text.endsWith('BC') ? 1 - written : written, month, day };
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar, which is Postgres'. */
function daysOf({ year, month, day }: CalendarDate): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.trunc((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.trunc(ofEra / 4) - Math.trunc(ofEra / 100) + ofYear - 719_468;
}

/** The date as Java's ISO formatter writes it: a sign where the year has not four digits or is before year 0. */
function isoDate(text: string, end: number): string {
  if (end === 10 && !text.endsWith('BC')) return text.slice(0, 10);
  const { year, month, day } = parseDate(text, end);
  const sign = year < 0 ? '-' : year > 9999 ? '+' : '';
  return `${sign}${pad(Math.abs(year), 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** Microseconds since midnight of `HH:MM:SS[.ffffff]` at `at`; 24:00:00 is a time, too. */
function timeUs(text: string, at: number): number {
  const seconds = two(text, at) * 3600 + two(text, at + 3) * 60 + two(text, at + 6);
  let us = seconds * 1_000_000;
  if (text.charCodeAt(at + 8) !== 0x2e) return checked(us, text);
  for (let index = at + 9, unit = 100_000; unit >= 1; index += 1, unit /= 10) {
    const digit = text.charCodeAt(index) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    us += digit * unit;
  }
  return checked(us, text);
}

function checked(us: number, text: string): number {
  if (us >= 0 && us <= DAY_US) return us;
  throw new TemporalError(`${text} has no time of day`);
}

function two(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30;
}

/** Where the zone of a time begins, looking from `from`. */
function zoneStart(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2b || code === 0x2d) return at;
  }
  throw new TemporalError(`${text} has no zone`);
}

/** `+02`, `-03:30`, `+05:53:28`. */
function offsetSeconds(zone: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = zone.slice(1).split(':').map(Number);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}

/** @param written `` or `.5`; Postgres drops trailing zeros */
function fraction(written: string, digits: number): string {
  if (digits === 0) return '';
  return `.${written.slice(1).padEnd(digits, '0').slice(0, digits)}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

interface Interval {
  readonly months: number;
  readonly days: number;
  readonly us: number;
}

/** `1 year 2 mons 3 days 04:05:06.789`, `-1 days +02:03:00`, `00:00:00`. */
function parseInterval(text: string): Interval {
  let months = 0;
  let days = 0;
  for (const [, amount, unit] of text.matchAll(/([+-]?\d+) (year|mon|day)s?/g)) {
    if (unit === 'year') months += Number(amount) * 12;
    else if (unit === 'mon') months += Number(amount);
    else days += Number(amount);
  }
  const [, sign, hours, minutes, seconds, decimals] = /([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  if (hours === undefined) return { months, days, us: 0 };
  const whole = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000;
  const us = whole + Number((decimals ?? '').padEnd(6, '0'));
  return { months, days, us: sign === '-' ? -us : us };
}
