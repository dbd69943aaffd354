/**
 * Re-reading a table while its changes go on streaming. The rows are read as they stood at one commit position, the
 * **point** (Postgres exports such a moment together with a temporary slot: every commit before the point is in it, and none
 * from the point on). What the stream has brought since the point is newer than the rows, so:
 *
 *   watch begins ──▶ point is known ──▶ stream has come to the point ──▶ rows are emitted ──▶ done
 *
 * - keys are watched from before the point is taken, each with its last commit, so that nothing slips between;
 * - no row is emitted before the stream has come to the point: an older change would follow the newer row;
 * - a row is emitted only if no change to its key, from the point on, went before it. One that comes later overrides it;
 * - a truncate from the point on makes every row void.
 *
 * A row's position is just below the point: above every change that it holds, below every change that it does not.
 */
import type { Lsn } from '@banyan/backbone/core/lsn';

export class Window {
  readonly #limit: number;
  readonly #changed = new Map<string, Lsn>();
  #truncated: Lsn | null = null;
  #point: Lsn | null = null;
  #overflown = false;

  /** @param limit keys that may be remembered; beyond it the reading has to be begun anew */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** More keys have changed than can be remembered. Nothing can be told any more. */
  get overflown(): boolean {
    return this.#overflown;
  }

  /** The stream has brought a change to `key`. */
  change(key: string, commit: Lsn): void {
    if (this.#point !== null && commit < this.#point) return;
    this.#changed.set(key, commit);
    if (this.#changed.size > this.#limit) this.#overflown = true;
  }

  /** The stream has brought a truncate. */
  truncate(commit: Lsn): void {
    this.#truncated = commit;
  }

  /** Fixes the moment as of which the rows are read. */
  at(point: Lsn): void {
    this.#point = point;
    for (const [key, commit] of this.#changed) if (commit < point) this.#changed.delete(key);
  }

  /**
   * Whether a row may be emitted now.
   * @throws RangeError before the point is known, or after too many keys have changed
   */
  admits(key: string): boolean {
    if (this.#point === null || this.#overflown) throw new RangeError('the window cannot tell');
    return !this.void && !this.#changed.has(key);
  }

  /** Whether no row may be emitted any more. */
  get void(): boolean {
    return this.#point !== null && this.#truncated !== null && this.#truncated >= this.#point;
  }
}
