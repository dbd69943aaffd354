/**
 * How the lines of an order become other lines. ReeferDesk renumbers: after an update lines count from 1 without gaps, and a
 * line that stays keeps its row under a new number.
 */
import type { DraftItem } from './draft.ts';

/** A line as it shall be, under its new number. */
export interface PlannedLine {
  readonly lineNo: number;
  readonly item: DraftItem;
}

export interface LinePlan {
  /** Old numbers of lines that go. */
  readonly remove: readonly number[];
  /** Lines that stay under another number. */
  readonly move: readonly { readonly from: number; readonly to: number }[];
  /** What is to stand in lines that stay; numbers after the moves. */
  readonly keep: readonly PlannedLine[];
  readonly add: readonly PlannedLine[];
}

/**
 * Plans an update. An item that names an old line's number is that line; all others are new.
 *
 * @param existing the numbers of the lines as they are
 * @param wanted the lines as they shall be, in their order; no number twice
 */
export function planLines(existing: readonly number[], wanted: readonly DraftItem[]): LinePlan {
  const old = new Set(existing);
  const move: { from: number; to: number }[] = [];
  const keep: PlannedLine[] = [];
  const add: PlannedLine[] = [];
  for (const [index, item] of wanted.entries()) {
    const line = { lineNo: index + 1, item };
    if (item.lineNo === null || !old.delete(item.lineNo)) {
      add.push(line);
      continue;
    }
    keep.push(line);
    if (item.lineNo !== line.lineNo) move.push({ from: item.lineNo, to: line.lineNo });
  }
  return { remove: [...old], move, keep, add };
}
