/**
 * The ledger of declared differences: what may differ between control and candidate, by whom it was declared, why, and until
 * when. The only way to excuse a difference.
 */

/** One way in which two values may differ. */
export type Allow = { readonly kind: 'anything' };

export interface Entry {
  readonly id: string;
  readonly routes: readonly string[];
  readonly at: string;
  readonly allow: Allow;
  readonly why: string;
  readonly owner: string;
  /** The last day on which it excuses, `2027-06-30`, in UTC. */
  readonly until: string;
}
