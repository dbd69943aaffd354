/**
 * The log lines of the services as a person reads them: cut from the stream, one line's JSON (pino's) turned into words, the
 * name of the service in front. What is not JSON passes as it is.
 */

/** Where a stream of text stands: what has come of the line that is not finished. */
export type Pending = string;

/** A longer line is cut in pieces: a service that prints without line ends must not fill this process's memory. */
export const LONGEST_LINE = 16_384;

/** Takes the next piece of a stream and returns the lines that are now whole. */
export function cut(pending: Pending, chunk: string): { readonly lines: readonly string[]; readonly pending: Pending } {
  const lines: string[] = [];
  const parts = (pending + chunk).split(/\r?\n/);
  let rest = parts.pop() ?? '';
  lines.push(...parts);
  while (rest.length > LONGEST_LINE) {
    lines.push(rest.slice(0, LONGEST_LINE));
    rest = rest.slice(LONGEST_LINE);
  }
  return { lines, pending: rest };
}

const LEVELS: ReadonlyMap<number, string> = new Map([
  [10, 'TRACE'],
  [20, 'DEBUG'],
  [30, 'INFO'],
  [40, 'WARN'],
  [50, 'ERROR'],
  [60, 'FATAL'],
]);

const ERROR_LEVEL = 50;
const STACK_LINES = 12; // Enough to reach from the library into our own code.

// The same on every line of a process, or said by the prefix already.
const DROPPED: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'name', 'v']);

/**
 * One line for a person. A JSON line of pino becomes `INFO  message key=value`, with the trace of an error on lines of its
 * own; anything else comes back unchanged.
 */
export function readable(line: string): readonly string[] {
  const record = parseRecord(line);
  if (record === null) return [line];
  const level = LEVELS.get(Number(record['level'])) ?? 'INFO';
  const message = typeof record['msg'] === 'string' ? record['msg'] : '';
  const fields = Object.entries(record)
    .filter(([key]) => !DROPPED.has(key))
    .map(([key, value]) => `${key}=${inWords(value)}`);
  const first = [level.padEnd(5), message, ...fields].filter((part) => part !== '').join(' ');
  return [first, ...(Number(record['level']) >= ERROR_LEVEL ? traceOf(record['err']) : [])];
}

/** Puts the name in front, in a column of `width` characters. */
export function prefixed(name: string, width: number, line: string): string {
  return `${name.padEnd(width)} | ${line}`;
}

type JsonRecord = Readonly<Record<string, unknown>>;

function parseRecord(line: string): JsonRecord | null {
  if (!line.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === 'object' && value !== null && 'level' in value && 'time' in value;
    return isRecord ? (value as unknown as JsonRecord) : null;
  } catch {
    return null;
  }
}

function inWords(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string')
    return JSON.stringify(value.message);
  return JSON.stringify(value);
}

function traceOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null || !('stack' in error) || typeof error.stack !== 'string') return [];
  return error.stack.split('\n').slice(0, STACK_LINES);
}
