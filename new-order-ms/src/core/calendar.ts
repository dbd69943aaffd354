/**
 * Dates and times between three forms: as Debezium's envelope carries them, as Postgres keeps them in binary (microseconds or
 * days since 2000-01-01), and as the REST contract shows them. The proleptic Gregorian calendar throughout, as Postgres.
 */

const EPOCH_DAYS = 10_957; // 2000-01-01, in days since 1970-01-01
const MICROS_A_DAY = 86_400_000_000;
const EPOCH_MICROS = EPOCH_DAYS * MICROS_A_DAY;

/** A number where it is exact, a bigint beyond: most are numbers, at a tenth of the cost. */
export type Whole = number | bigint;

/** Postgres' binary forms of `infinity` and `-infinity`. */
const INFINITE_MICROS = { plus: 9_223_372_036_854_775_807n, minus: -9_223_372_036_854_775_808n };
const INFINITE_DAYS = { plus: 2_147_483_647, minus: -2_147_483_648 };

// What Postgres accepts: 4714-11-24 BC to 294276-12-31 for timestamps, to 5874897-12-31 for dates (src/include/datatype/timestamp.h).
const MIN_MICROS = -211_813_488_000_000_000n;
const END_MICROS = 9_223_371_331_200_000_000n;
const MIN_DAYS = -2_451_545;
const END_DAYS = 2_145_031_949;

// Debezium writes an infinite `timestamp` as these microseconds (pgjdbc's own markers). An infinite date comes as Postgres'
// own number; Debezium wraps it to 32 bits when it streams.
const DEBEZIUM_PLUS_MICROS = 9_223_372_036_825_200_000n;
const DEBEZIUM_MINUS_MICROS = -9_223_372_036_832_400_000n;
const DEBEZIUM_PLUS_DAYS = -2_147_472_692;
const DEBEZIUM_MINUS_DAYS = -2_147_472_691;

/**
 * A `timestamp` of the envelope in Postgres' binary form.
 * @param micros since 1970-01-01
 * @returns null when Postgres has no such timestamp
 */
export function timestampOfMicros(micros: Whole): Whole | null {
  if (typeof micros === 'number') {
    const at = micros - EPOCH_MICROS;
    return Number.isSafeInteger(at) ? at : timestampOfMicros(BigInt(micros));
  }
  if (micros === DEBEZIUM_PLUS_MICROS) return INFINITE_MICROS.plus;
  if (micros === DEBEZIUM_MINUS_MICROS) return INFINITE_MICROS.minus;
  return inRange(micros - BigInt(EPOCH_MICROS));
}

function inRange(at: bigint): bigint | null {
  return at >= MIN_MICROS && at < END_MICROS ? at : null;
}

const INSTANT =
  /^([+-]?\d{4,7})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d)(?::?(\d\d))?)$/;
// Up to 2100 and down to 1900 there is no doubt that microseconds are exact as a number.
const NEAR_DAYS = 36_500;

/**
 * A `timestamptz` of the envelope (`2026-03-01T08:30:00.123456Z`, `infinity`) in Postgres' binary form.
 * @returns null when the text is none, or Postgres has no such timestamp
 */
export function timestampOfText(text: string): Whole | null {
  if (text === 'infinity') return INFINITE_MICROS.plus;
  if (text === '-infinity') return INFINITE_MICROS.minus;
  const parts = INSTANT.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = ''] = parts;
  const [, , , , , , , , sign, offsetHours = '0', offsetMinutes = '0', offsetSeconds = '0'] = parts;
  const days = daysOf(Number(year), Number(month), Number(day));
  if (days === null || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 59) return null;
  const offset = secondsOf(offsetHours, offsetMinutes, offsetSeconds) * (sign === '-' ? -1 : 1);
  const micros =
    (secondsOf(hour ?? '', minute ?? '', second) - offset) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  const since = days - EPOCH_DAYS;
  if (since < NEAR_DAYS && since > -NEAR_DAYS) return since * MICROS_A_DAY + micros;
  return inRange(BigInt(since) * BigInt(MICROS_A_DAY) + BigInt(micros));
}

/**
 * A `date` of the envelope in Postgres' binary form.
 * @param days since 1970-01-01
 * @returns null when Postgres has no such date
 */
export function dateOfDays(days: Whole): number | null {
  const since = Number(days); // Exact wherever Postgres has a date.
  if (since === INFINITE_DAYS.plus || since === DEBEZIUM_PLUS_DAYS) return INFINITE_DAYS.plus;
  if (since === INFINITE_DAYS.minus || since === DEBEZIUM_MINUS_DAYS) return INFINITE_DAYS.minus;
  const at = since - EPOCH_DAYS;
  return at >= MIN_DAYS && at < END_DAYS ? at : null;
}

function secondsOf(hours: string, minutes: string, seconds: string): number {
  return (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01, or null when the calendar has no such day. Year 0 is 1 BC. */
function daysOf(year: number, month: number, day: number): number | null {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const length = (MONTH_DAYS[month - 1] ?? 0) + (month === 2 && leap ? 1 : 0);
  if (day < 1 || day > length) return null;
  // Years that begin in March put the leap day last; eras of 400 years are all alike (Howard Hinnant, days_from_civil).
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const PRINTED = /^(\d{4,})-(\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/;

/**
 * What Postgres prints for a timestamp (DateStyle ISO, TimeZone UTC) as the contract shows it: RFC 3339 in UTC, milliseconds,
 * what is below them cut off. What has no such form (`infinity`, years before Christ) is shown as Postgres prints it.
 */
export function shown(printed: string): string {
  const parts = PRINTED.exec(printed);
  if (parts === null) return printed;
  const [, year, day, time, fraction = ''] = parts;
  return `${year}-${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
}
