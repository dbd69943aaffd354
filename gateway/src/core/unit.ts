/** Quantities of `routing.yaml` that carry their unit: durations in milliseconds, sizes in bytes. */

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Reads `50ms`, `5s`, `15m`, `1h`, `1d` as milliseconds. Returns null when `text` is no duration. */
export function parseDuration(text: string): number | null {
  const [, digits, unit] = DURATION.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : MILLISECONDS[unit];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
}

const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const SIZE = /^(\d{1,9})(B|KiB|MiB|GiB)$/;

/** Reads `64KiB`, `1MiB` as bytes. Returns null when `text` is no size. */
export function parseSize(text: string): number | null {
  const [, digits, unit] = SIZE.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : BYTES[unit];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
}
