/**
 * What a row of active checks says of a URL: up until `fall` checks in a row have failed, down until `rise` in a row have
 * succeeded. It starts up, so that a facade serves before its first check.
 */

export interface Health {
  readonly up: boolean;
  /** Checks in a row that contradict `up`. */
  readonly against: number;
}

export const HEALTHY: Health = { up: true, against: 0 };

export function checked(
  { up, against }: Health,
  ok: boolean,
  { fall, rise }: { readonly fall: number; readonly rise: number },
): Health {
  if (ok === up) return { up, against: 0 };
  return against + 1 >= (up ? fall : rise) ? { up: !up, against: 0 } : { up, against: against + 1 };
}
