/** The line that says how far a snapshot has come. */

export interface Progress {
  readonly tablesDone: number;
  readonly tables: number;
  readonly rows: number;
  /** By the planner's statistics; null when it has none for some table. */
  readonly estimatedRows: number | null;
  readonly elapsedMs: number;
}

/** `snapshot: 3 of 9 tables, 1,200,000 rows of about 4,000,000, 85,000 rows/s, about 33 s left`. */
export function progressLine(progress: Progress): string {
  const { tablesDone, tables, rows, estimatedRows, elapsedMs } = progress;
  const of = estimatedRows === null ? '' : ` of about ${grouped(Math.max(estimatedRows, rows))}`;
  const left = secondsLeft(progress);
  const ending = left === null ? 'time left unknown' : `about ${duration(left)} left`;
  const rate = elapsedMs > 0 ? Math.round((rows * 1000) / elapsedMs) : 0;
  return `snapshot: ${tablesDone} of ${tables} tables, ${grouped(rows)} rows${of}, ${grouped(rate)} rows/s, ${ending}`;
}

/** At the rate so far; null while that cannot be told. */
export function secondsLeft({ rows, estimatedRows, elapsedMs }: Progress): number | null {
  if (estimatedRows === null || rows === 0 || elapsedMs <= 0) return null;
  return Math.round((Math.max(0, estimatedRows - rows) * elapsedMs) / rows / 1000);
}

function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
