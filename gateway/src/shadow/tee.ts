/** Where a caller's answer is listened to while it passes. */
import type { Fields } from '../core/field.ts';

/** Never throws, never waits, and changes nothing of what it is shown. */
export interface Tee {
  /** The answer's head, as the upstream sent it. */
  head(status: number, fields: Fields): void;
  /** A part of its body; it may be kept, not changed. */
  data(chunk: Buffer): void;
}
