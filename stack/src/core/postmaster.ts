/**
 * What a data directory says of its server, read from the two small files that Postgres keeps there. Pure: the shell reads
 * the files and asks the operating system; here is only what their text means.
 */

/** The server that wrote `postmaster.pid`; it may be long dead. `port` is null until the server has chosen it. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number | null;
}

/** Reads `postmaster.pid`: the pid on line 1, the port on line 4. Returns null when `text` does not begin with a pid. */
export function parsePostmaster(text: string): Postmaster | null {
  const lines = text.split('\n');
  const pid = Math.abs(Number(lines[0]?.trim() || 'none')); // A single-user server writes its pid negated.
  if (!Number.isSafeInteger(pid) || pid === 0) return null;
  const port = Number(lines[3]?.trim() || 'none');
  return { pid, port: Number.isSafeInteger(port) && port > 0 ? port : null };
}

/** Who started the server of a data directory: kept beside it, so that a later start can tell a left-over from a stranger. */
export interface Owner {
  readonly postmaster: number;
  /** Pid of the process that started it. */
  readonly starter: number;
  /** When that process began, in the operating system's own words; tells it from a later process with the same pid. */
  readonly startedAt: string;
}

/** Reads the JSON of an {@link Owner}. Returns null when `text` is none, as after a crash in the middle of writing it. */
export function parseOwner(text: string): Owner | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { postmaster, starter, startedAt } = value as Partial<Record<string, unknown>>;
  if (typeof postmaster !== 'number' || typeof starter !== 'number' || typeof startedAt !== 'string') return null;
  return { postmaster, starter, startedAt };
}

/** What the shell found out about a data directory's server. */
export interface Sighting {
  /** From `postmaster.pid`; null when there is no such file. */
  readonly postmaster: Postmaster | null;
  /** What runs under that pid: nothing, a Postgres that works in this very directory, or some other process that has the pid by now. */
  readonly process: 'none' | 'postgres' | 'other';
  readonly owner: Owner | null;
  /** Whether the process that the owner names still runs, and is not this process. */
  readonly starterRunning: boolean;
}

/** What to do before a server is started on a data directory. */
export type Eviction =
  /** Also with a file whose process is dead: Postgres removes that itself, once it has seen that its shared memory is free. */
  | { readonly kind: 'nothing'; readonly because: 'no-server' }
  /** Postgres would take whatever has the pid by now for a live server. */
  | { readonly kind: 'remove-file'; readonly because: 'pid-reused' }
  | { readonly kind: 'stop'; readonly pid: number; readonly because: 'starter-died' }
  | { readonly kind: 'refuse'; readonly pid: number; readonly because: 'starter-runs' | 'not-ours' };

/** Decides between starting at once, clearing away what a killed stack left, and keeping hands off. */
export function evict(seen: Sighting): Eviction {
  if (seen.postmaster === null || seen.process === 'none') return { kind: 'nothing', because: 'no-server' };
  if (seen.process === 'other') return { kind: 'remove-file', because: 'pid-reused' };
  const { pid } = seen.postmaster;
  if (seen.owner?.postmaster !== pid) return { kind: 'refuse', pid, because: 'not-ours' };
  return seen.starterRunning
    ? { kind: 'refuse', pid, because: 'starter-runs' }
    : { kind: 'stop', pid, because: 'starter-died' };
}

/** Reads `PG_VERSION` (`18`). Returns null when `text` is no major version. */
export function parseMajor(text: string): number | null {
  const major = /^(\d{1,3})(\.\d+)?$/.exec(text.trim())?.[1];
  return major === undefined ? null : Number(major);
}

/** Reads what `postgres --version` prints (`postgres (PostgreSQL) 18.4`). Returns null when there is no version in it. */
export function parseBanner(text: string): number | null {
  const major = /\(PostgreSQL\) (\d{1,3})/.exec(text)?.[1];
  return major === undefined ? null : Number(major);
}
