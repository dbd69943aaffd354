/** Which of a request's fields the access log may show: those that an operator names, and never one that lets somebody in. */

// What lets a caller in, by its standard or by this facade. An operator cannot name these: a log is read by more people than may
// act for its callers.
const SECRET: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'banyan-override',
]);

// Long enough for what tells requests apart; a log line is no place for a token of 8 KiB.
const MAX_VALUE = 256;

/** @param name in lower case */
export function isSecret(name: string): boolean {
  return SECRET.has(name.replaceAll('_', '-'));
}

/**
 * The named fields of a request that it has, several of one name joined, long ones cut; null when it has none of them.
 *
 * @param raw names and values in turn
 * @param names in lower case
 */
export function shown(raw: readonly string[], names: readonly string[]): Record<string, string> | null {
  if (names.length === 0) return null;
  const found: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? '';
    if (!names.includes(name) || isSecret(name)) continue;
    const before = found[name];
    found[name] = cut(before === undefined ? (raw[at + 1] ?? '') : `${before}, ${raw[at + 1] ?? ''}`);
  }
  return Object.keys(found).length === 0 ? null : found;
}

/** Text of a caller, no longer than a line of a log wants it. */
export function cut(text: string, most: number = MAX_VALUE): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
