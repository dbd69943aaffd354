/**
 * Answers how far the read model has come, and waits for it to come further. The leader knows from its last commit and wakes
 * those who wait with it; any other process asks the database, again and again while somebody waits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Watermark } from '@banyan/backbone/core/fence';
import type { Applied, Progress } from './core/applied.ts';
import { freshnessOf, isFresh, type Freshness } from './core/freshness.ts';
import { readApplied } from './reads.ts';

/** What is needed of the `Follower`. */
export interface Leader {
  readonly progress: Progress | null;
  changed(): Promise<void>;
}

export interface FreshnessReader {
  /** Waits until all of `fences` have been applied, at most `waitMs`. */
  read(fences: readonly Watermark[], waitMs: number): Promise<{ readonly fresh: boolean; readonly body: Freshness }>;
}

// A standby's look costs 0.2 ms of the database; a caller's wait is tens of milliseconds.
const LOOK_MS = 5;
// Each holds a timer and a socket. Beyond it the answer comes at once, and the facade asks the owner of the data.
const MAX_WAITING = 1_000;

/** @param now milliseconds since 1970 */
export function createFreshness(pool: pg.Pool, leader: Leader, now: () => number): FreshnessReader {
  let waiting = 0;

  const applied = async (): Promise<readonly Applied[]> => leader.progress?.applied ?? (await readApplied(pool));

  async function read(fences: readonly Watermark[], waitMs: number): ReturnType<FreshnessReader['read']> {
    const deadline = now() + (waiting < MAX_WAITING ? waitMs : 0);
    waiting += 1;
    try {
      for (;;) {
        const changed = leader.progress === null ? null : leader.changed();
        const current = await applied();
        const fresh = isFresh(current, fences);
        const left = deadline - now();
        if (fresh || left <= 0) return { fresh, body: freshnessOf(current, now()) };
        await (changed === null ? delay(Math.min(LOOK_MS, left)) : atMost(changed, left));
      }
    } finally {
      waiting -= 1;
    }
  }

  return { read };
}

async function atMost(event: Promise<void>, limitMs: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([event, delay(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
