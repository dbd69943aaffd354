/** Quantities of `routing.yaml` that carry their unit: durations in milliseconds. */

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Reads `50ms`, `5s`, `15m`, `1h`, `1d` as milliseconds. Returns null when `text` is no duration. */
export function parseDuration(text: string): number | null {
  const [, digits, unit] = DURATION.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : MILLISECONDS[unit];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
}
