/**
 * Passive ejection: a URL whose connections fail one after the other is left out for a while, each time for twice as long as the
 * time before, up to a limit. An answer, whatever it says, proves that its server is there, and all is forgotten.
 */

/** Connections that fail in a row before a URL is taken out: one may be chance, a restart breaks many at once. */
export const IN_A_ROW = 3;
/** The first time out, in milliseconds: what a process takes to be started again. */
export const FIRST_OUT_MS = 1_000;
/** The longest time out, in milliseconds: a server that is back is not left waiting for more than this. */
export const LONGEST_OUT_MS = 30_000;

export interface Ejection {
  /** Failures since the last answer, or since it was taken out. */
  readonly failures: number;
  /** How often in a row it has been taken out. */
  readonly times: number;
  /** Out until then, in milliseconds of the caller's clock; 0: in. */
  readonly until: number;
}

/** In, and nothing to be said against it. */
export const CALM: Ejection = { failures: 0, times: 0, until: 0 };

export const isOut = (ejection: Ejection, now: number): boolean => ejection.until > now;

/** @param last whether no other URL is in: the last one is never taken out */
export function broke(ejection: Ejection, now: number, last: boolean): Ejection {
  // What was under way when it was taken out says nothing new.
  if (isOut(ejection, now)) return ejection;
  const failures = ejection.failures + 1;
  // Back from its first time out it has to prove itself at once.
  const limit = ejection.times === 0 ? IN_A_ROW : 1;
  if (failures < limit || last) return { ...ejection, failures: Math.min(failures, IN_A_ROW) };
  const times = ejection.times + 1;
  return { failures: 0, times, until: now + Math.min(LONGEST_OUT_MS, FIRST_OUT_MS * 2 ** Math.min(times - 1, 16)) };
}
