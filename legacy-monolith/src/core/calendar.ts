/**
 * Dates as text, without a clock and without zones: ReeferDesk keeps UTC by convention and shows minutes. The Gregorian
 * calendar is computed here, since the core cannot name `Date`.
 */

/** Microseconds since 1970-01-01T00:00 UTC; an integer, exact from the year 1685 to 2255. */
export type Micros = number;

export const MINUTE: Micros = 60_000_000;
export const HOUR: Micros = 60 * MINUTE;
export const DAY: Micros = 24 * HOUR;

/** Midnight of a day of the Gregorian calendar. `month` counts from 1. */
export function midnight(year: number, month: number, day: number): Micros {
  return daysFromCivil(year, month, day) * DAY;
}

/** `2026-03-01`. */
export function dateText(micros: Micros): string {
  const { year, month, day } = civilFromDays(Math.floor(micros / DAY));
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** `2026-03-01T08:30:00.000000`, as Postgres reads a timestamp without a zone. */
export function timestampText(micros: Micros): string {
  const ofDay = micros - Math.floor(micros / DAY) * DAY;
  const seconds = Math.floor(ofDay / 1_000_000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => pad(part, 2));
  return `${dateText(micros)}T${clock.join(':')}.${pad(ofDay % 1_000_000, 6)}`;
}

// A second is allowed, since SOAP's dateTime has one, and dropped, since ReeferDesk keeps minutes.
const MINUTE_TEXT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::\d{2}(?:\.\d{1,9})?)?Z?$/;

/**
 * Reads a date and time as ReeferDesk's clients write it: `2026-03-01T08:30`, UTC by convention. Seconds are cut off and a
 * `Z` is allowed.
 *
 * @returns the same minute in ReeferDesk's form; null when `text` is no such minute (a 30th of February, an offset)
 */
export function readMinute(text: string): string | null {
  const parts = MINUTE_TEXT.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute] = parts.slice(1, 6).map(Number) as [number, number, number, number, number];
  if (year === 0 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59) return null;
  const back = civilFromDays(daysFromCivil(year, month, day));
  return back.day === day && back.month === month ? text.slice(0, 16) : null;
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": https://howardhinnant.github.io/date_algorithms.html
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
