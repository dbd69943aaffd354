/**
 * `/freshness`: how far the read model has come, and whether that is far enough for a caller who holds a fence.
 */
import { covers, parseFences, writeWatermark, type Watermark, type WatermarkJson } from '@banyan/backbone/core/fence';
import type { Applied } from './applied.ts';

/** This read model's name in fences and in `routing.yaml`. */
export const MODEL = 'orders';

export interface Freshness {
  readonly model: string;
  readonly applied: readonly WatermarkJson[];
  /**
   * The age of the oldest applied watermark, in milliseconds: whatever was committed before it is here. An upper bound, for
   * nothing need have been committed since. Before the first watermark: the time since 1970.
   */
  readonly lagMs: number;
}

/** @param now milliseconds since 1970 */
export function freshnessOf(applied: readonly Applied[], now: number): Freshness {
  const watermarks = applied.map(({ watermark }) => writeWatermark(watermark));
  return { model: MODEL, applied: watermarks, lagMs: lagOf(applied, now) };
}

/** The age of the oldest applied watermark, in milliseconds: see {@link Freshness}. */
export function lagOf(applied: readonly Applied[], now: number): number {
  const oldest = applied.length === 0 ? 0 : Math.min(...applied.map(({ timestamp }) => timestamp));
  return Math.max(0, Math.round(now - oldest));
}

/** Whether the model has applied every fence. */
export function isFresh(applied: readonly Applied[], fences: readonly Watermark[]): boolean {
  const watermarks = applied.map(({ watermark }) => watermark);
  return fences.every((fence) => covers(watermarks, fence));
}

export type Question =
  | { readonly kind: 'question'; readonly fences: readonly Watermark[]; readonly waitMs: number }
  | { readonly kind: 'refused'; readonly because: string };

const WAIT = /^(\d{1,9})(ms|s)$/;
// Longer than any route waits for its read model; a caller who is gone must not hold us for ever.
const MAX_WAIT_MS = 5_000;

/**
 * Reads `atLeast` and `wait`; null where the caller left one out. Fences of other models do not concern this one. A wait
 * beyond 5 s is taken as 5 s.
 */
export function readQuestion(atLeast: string | null, wait: string | null): Question {
  const all = atLeast === null ? [] : parseFences(atLeast);
  if (atLeast !== null && all.length !== atLeast.split(',').length)
    return { kind: 'refused', because: 'atLeast is not a fence' };
  const duration = wait === null ? ['', '0', 'ms'] : WAIT.exec(wait);
  if (duration === null) return { kind: 'refused', because: 'wait is not a duration such as 50ms' };
  const waitMs = Number(duration[1]) * (duration[2] === 's' ? 1_000 : 1);
  const fences = all.filter(({ model }) => model === MODEL).map(({ at }) => at);
  return { kind: 'question', fences, waitMs: Math.min(waitMs, MAX_WAIT_MS) };
}
