/**
 * One place in which two answers differ: where, how, both values, and what excuses it.
 */
import type { Json } from './json.ts';
import type { Path } from './path.ts';

/**
 * `missing`: only the control has it. `extra`: only the candidate. `changed`: another value. `type`: a value of another type,
 * null being one. `order`: the same elements in another order, said once, of the list.
 */
export type Kind = 'missing' | 'extra' | 'changed' | 'type' | 'order';

export interface Difference {
  readonly path: Path;
  readonly kind: Kind;
  /** Undefined where that side has nothing. */
  readonly control: Json | undefined;
  readonly candidate: Json | undefined;
}

/** A difference after the ledger was asked. */
export interface Finding extends Difference {
  /** The id of the entry that excuses it; null when none does. */
  readonly excusedBy: string | null;
  /** Whether it says that the candidate failed, rather than that it answered otherwise. */
  readonly fatal: boolean;
}
