/**
 * Where the connector stands: kept by the sink, beside what it published. It says which stream it belongs to (system, timeline,
 * incarnation), how far that stream is safe, and whether the first copy is done.
 */
import { formatLsn, parseLsn, type Lsn } from '@banyan/backbone/core/lsn';

/** `running`: an initial snapshot was under way. `done`: it is complete. `none`: there was to be none. */
export type SnapshotState = 'running' | 'done' | 'none';

export interface Checkpoint {
  /** `pg_control`'s identifier of the cluster, decimal. */
  readonly system: string;
  readonly timeline: number;
  readonly incarnation: number;
  /** Behind the last commit that is safe in the sink. */
  readonly lsn: Lsn;
  readonly snapshot: SnapshotState;
  /** The shape of each captured table when its rows were last read or streamed: `schema.table` to a short hash. */
  readonly tables: Readonly<Record<string, string>>;
}

/** The epoch of a watermark: fences of another one are void. */
export function epochOf(at: Pick<Checkpoint, 'system' | 'timeline' | 'incarnation'>): string {
  return `${at.system}.${at.timeline}.${at.incarnation}`;
}

/** The JSON text that the sink keeps. */
export function writeCheckpoint(checkpoint: Checkpoint): string {
  const { system, timeline, incarnation, snapshot, tables } = checkpoint;
  return JSON.stringify({
    version: 1,
    system,
    timeline,
    incarnation,
    lsn: formatLsn(checkpoint.lsn),
    snapshot,
    tables,
  });
}

/** The inverse of {@link writeCheckpoint}. @returns null when `text` is no checkpoint of this connector */
export function readCheckpoint(text: string): Checkpoint | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { version, system, timeline, incarnation, lsn, snapshot, tables } = value as Partial<Record<string, unknown>>;
  if (version !== 1 || typeof system !== 'string' || typeof lsn !== 'string') return null;
  if (!isCount(timeline) || !isCount(incarnation)) return null;
  if (snapshot !== 'running' && snapshot !== 'done' && snapshot !== 'none') return null;
  const at = parseLsn(lsn);
  if (at === null || !isShapes(tables)) return null;
  return { system, timeline, incarnation, lsn: at, snapshot, tables };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}

function isShapes(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((shape) => typeof shape === 'string')
  );
}
