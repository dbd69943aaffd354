/**
 * How many reads of others an upstream may be given because they fail: a token bucket that fills at `perSecond`, or at `share` of
 * the upstream's own recent rate where that is more, and holds what one second brings. So a new side that fails adds at most this
 * to what legacy carries already, and cannot double it.
 */

export interface Budget {
  readonly tokens: number;
  /** When `tokens` was true, in milliseconds of the caller's clock. */
  readonly at: number;
  /** Since when own requests are counted for the next rate, and how many there had been by then. */
  readonly since: number;
  readonly counted: number;
  /** Of the last whole window: own requests per millisecond. */
  readonly rate: number;
}

export interface Spare {
  readonly perSecond: number;
  /** 0 to 1. */
  readonly share: number;
}

/** A rate is measured over at least this many milliseconds: long enough to mean something, short enough to be recent. */
export const WINDOW_MS = 1_000;
/** What came in more than this many milliseconds is no recent rate: it is as if there were none. */
export const STALE_MS = 10_000;

export const fullBudget = (spare: Spare, now: number): Budget => ({
  tokens: spare.perSecond,
  at: now,
  since: now,
  counted: 0,
  rate: 0,
});

/** @param own the upstream's own requests since it began, those of others left out */
export function refilled(budget: Budget, spare: Spare, now: number, own: number): Budget {
  const elapsed = now - budget.since;
  const measured = elapsed >= WINDOW_MS;
  const rate = !measured ? budget.rate : elapsed > STALE_MS ? 0 : (own - budget.counted) / elapsed;
  const perMs = Math.max(spare.perSecond / 1_000, spare.share * rate);
  return {
    tokens: Math.min(perMs * 1_000, budget.tokens + perMs * (now - budget.at)),
    at: now,
    since: measured ? now : budget.since,
    counted: measured ? own : budget.counted,
    rate,
  };
}

export const hasToken = (budget: Budget): boolean => budget.tokens >= 1;

/** Takes one; to be asked only of a budget that has one. */
export const taken = (budget: Budget): Budget => ({ ...budget, tokens: budget.tokens - 1 });
