/**
 * A change as the projection applies it, and how the changes of a batch are compacted before they cost a statement.
 *
 * The rule that compacting may not break: a row ends as the change with the greatest position left it, and a value which that
 * change did not carry (TOAST) is the one of the greatest earlier change that did.
 */
import { comparePositions, type Position } from '@banyan/backbone/core/position';
import type { Cell } from './cells.ts';

export interface Change {
  /** The primary key's cells, joined: equal for equal keys. */
  readonly key: string;
  readonly position: Position;
  /** By column of the table. Of a deletion the key alone, and nulls. */
  readonly cells: readonly Cell[];
  /** Bits (`missableBit`) of the cells that the change did not carry. */
  readonly missing: number;
  readonly deleted: boolean;
}

/**
 * Reduces changes, in whatever order, to rounds: each round holds a key at most once, and applied one after the other they
 * leave what all the changes would have left. One round, unless updates came without some of their values.
 */
export function compact(changes: readonly Change[]): readonly (readonly Change[])[] {
  const latest = new Map<string, Change>();
  const piles = new Map<string, Change[]>();
  for (const change of changes) {
    const other = latest.get(change.key);
    const order = other === undefined ? 1 : comparePositions(change.position, other.position);
    const winner = order > 0 || other === undefined ? change : other;
    latest.set(change.key, winner);
    if (winner.missing === 0) {
      piles.delete(change.key); // A whole change hides everything before it.
    } else if (other !== undefined) {
      const pile = piles.get(change.key);
      if (pile === undefined) piles.set(change.key, [other, change]);
      else pile.push(change);
    }
  }
  const rounds: Change[][] = [];
  for (const [key, change] of latest) {
    const pile = piles.get(key);
    const layers = pile === undefined ? [change] : layersOf(pile);
    for (const [depth, layer] of layers.entries()) (rounds[depth] ??= []).push(layer);
  }
  return rounds;
}

/** The latest change, and below it those earlier ones that carry what it lacks; the earliest first. */
function layersOf(changes: readonly Change[]): readonly Change[] {
  const descending = changes.toSorted((a, b) => comparePositions(b.position, a.position));
  const layers: Change[] = [];
  let needed = ~0;
  for (const change of descending) {
    if ((needed & ~change.missing) === 0) continue;
    layers.push(change);
    needed &= change.missing;
    if (needed === 0) break;
  }
  return layers.reverse();
}
