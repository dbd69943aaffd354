/**
 * Which instant a date and time in ISO 8601's and RFC 3339's forms names: to the last digit of its fraction, and in a named
 * zone where the text names none. The calendar is computed here, since the core cannot name `Date`; what a zone's clocks
 * said is asked of `Intl`, which is a table.
 */

import { timeEnd } from './clock.ts';

/** A unit that instants are cut to before they are compared. */
export type Grain = 'instant' | 'second' | 'minute' | 'hour' | 'day';

interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Whole seconds since 1970-01-01T00:00Z, and the digits after the point without zeros at their end. */
interface Instant {
  readonly seconds: number;
  readonly fraction: string;
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,40}))?)?)?/;
const OFFSET = /^([+-])(\d{2})(?::?(\d{2}))?$/;
const SECONDS: Readonly<Record<Grain, number>> = { instant: 1, second: 1, minute: 60, hour: 3600, day: 86_400 };
const MAX_TEXT_CHARS = 80; // The longest form that is read has 69.

/**
 * Whether two texts name the same instant, cut to `grain`.
 * @param zone of texts that name none: an offset (`+02:00`) or an IANA name; null is UTC
 * @returns false also when one of them is no date
 */
export function sameInstant(one: string, other: string, zone: string | null, grain: Grain): boolean {
  const ours = instantsOf(one, zone);
  const theirs = instantsOf(other, zone);
  return ours.some((mine) => theirs.some((its) => cut(mine, grain) === cut(its, grain)));
}

function cut(instant: Instant, grain: Grain): string {
  if (grain === 'instant') return `${instant.seconds}.${instant.fraction}`;
  return String(Math.floor(instant.seconds / SECONDS[grain]));
}

/**
 * The same instant in UTC as `2026-03-01T08:30:00.5`, without a zone: to the last digit of its fraction, or cut to the minute.
 * A text that names no zone is taken for UTC.
 * @returns null when `text` is no date and time, or its year in UTC has not four digits
 */
export function utcOf(text: string, grain: 'instant' | 'minute'): string | null {
  const end = timeEnd(text);
  return end > 0 ? ofUsual(text, end, grain) : utcOfAny(text, grain);
}

/** Of a time that is in UTC as it stands. */
function ofUsual(text: string, end: number, grain: 'instant' | 'minute'): string {
  if (grain === 'minute') return `${text.slice(0, 16)}:00`;
  const fraction = withoutTrailingZeros(text.slice(20, end));
  return fraction === '' ? text.slice(0, 19) : `${text.slice(0, 19)}.${fraction}`;
}

/** The same of any text: the slow one, which the other must agree with. */
export function utcOfAny(text: string, grain: 'instant' | 'minute'): string | null {
  const [instant] = text.includes('T') || text.includes('t') ? instantsOf(text, null) : [];
  if (instant === undefined) return null;
  const { seconds, fraction } = instant;
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const day = dayOf(days);
  if (day === null) return null;
  const clock = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}`;
  if (grain === 'minute') return `${day}T${clock}:00`;
  return `${day}T${clock}:${two(rest % 60)}${fraction === '' ? '' : `.${fraction}`}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** The day so many days after 1970-01-01; the inverse of `secondsOf`, in years that begin in March. */
function dayOf(days: number): string | null {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  const year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0);
  if (year < 1 || year > 9999) return null;
  return `${String(year).padStart(4, '0')}-${two(month < 10 ? month + 3 : month - 9)}-${two(day)}`;
}

/** What is wrong with `zone:`, or null. */
export function problemOfZone(zone: string): string | null {
  if (OFFSET.test(zone)) return offsetOf(zone) === null ? `"${zone}" is not an offset from UTC` : null;
  return clockOf(zone) === null
    ? `"${zone}" is not a time zone: write an offset (+02:00) or an IANA name (Europe/Berlin)`
    : null;
}

/** None when `text` is no date; two where a zone's clocks were set back and showed that time twice. */
function instantsOf(text: string, zone: string | null): readonly Instant[] {
  if (text.length > MAX_TEXT_CHARS) return [];
  const parts = DATE.exec(text);
  if (parts === null) return [];
  const [whole, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = parts;
  const civil: Civil = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
  if (!isReal(civil)) return [];
  const local = secondsOf(civil);
  const written = text.slice(whole.length);
  // A date alone has no zone of its own.
  if (written !== '' && parts[4] === undefined) return [];
  const digits = withoutTrailingZeros(fraction);
  return offsets(written, zone, local).map((offset) => ({ seconds: local - offset, fraction: digits }));
}

function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1;
  return digits.slice(0, end);
}

/** 60 seconds are a leap second, which RFC 3339 allows: it names the instant at which the next minute begins. */
function isReal(civil: Civil): boolean {
  const { year, month, day, hour, minute, second } = civil;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return false;
  return hour <= 23 && minute <= 59 && second <= 60;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

// Days before each month of a year that begins in March, so that the leap day comes last.
function secondsOf(civil: Civil): number {
  const year = civil.month <= 2 ? civil.year - 1 : civil.year;
  const month = (civil.month + 9) % 12;
  const days = Math.floor((153 * month + 2) / 5) + civil.day - 1;
  const years = year * 365 + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400);
  // 719,468 days lie between 0000-03-01 and 1970-01-01.
  return (years + days - 719_468) * 86_400 + civil.hour * 3600 + civil.minute * 60 + civil.second;
}

/** Seconds that the zone is ahead of UTC; none when what follows the time is no zone. */
function offsets(written: string, zone: string | null, local: number): readonly number[] {
  if (written === 'Z' || written === 'z') return [0];
  if (written !== '') return one(offsetOf(written));
  if (zone === null) return [0];
  return OFFSET.test(zone) ? one(offsetOf(zone)) : offsetsIn(zone, local);
}

const one = (offset: number | null): readonly number[] => (offset === null ? [] : [offset]);

function offsetOf(text: string): number | null {
  const [, sign, hours, minutes = '0'] = OFFSET.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59) return null;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

/** The offsets with which the zone's clocks show `local`: a day before and after hold both sides of any change. */
function offsetsIn(zone: string, local: number): readonly number[] {
  const clock = clockOf(zone);
  if (clock === null) return [];
  const tried = new Set([local - 86_400, local + 86_400].map((moment) => shown(clock, moment) - moment));
  const fit = [...tried].filter((offset) => shown(clock, local - offset) === local);
  // A time that the clocks left out: read with the offset from before they were set, as Java and Temporal do.
  return fit.length > 0 ? fit : [...tried].slice(0, 1);
}

function shown(clock: Intl.DateTimeFormat, seconds: number): number {
  const parts = new Map(clock.formatToParts(seconds * 1000).map((part) => [part.type, Number(part.value)]));
  const value = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return secondsOf({
    year: value('year'),
    month: value('month'),
    day: value('day'),
    hour: value('hour'),
    minute: value('minute'),
    second: value('second'),
  });
}

const clocks = new Map<string, Intl.DateTimeFormat | null>();

/** Null when no such zone is known. Kept, since making one costs a thousand times what using one does. */
function clockOf(zone: string): Intl.DateTimeFormat | null {
  const known = clocks.get(zone);
  if (known !== undefined) return known;
  const clock = makeClock(zone);
  if (clocks.size < 100) clocks.set(zone, clock); // Zones come from the file; a hundred are more than any file names.
  return clock;
}

function makeClock(timeZone: string): Intl.DateTimeFormat | null {
  const two = '2-digit';
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
    });
  } catch (error) {
    if (error instanceof RangeError) return null; // What Intl says of a zone that it does not know.
    throw error;
  }
}
