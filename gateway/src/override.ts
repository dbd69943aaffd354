/** A tester's wish for one side: `banyan-override: <secret> legacy|new` (routing.yaml `overrides:`). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Fields } from './core/field.ts';
import { fieldOf } from './core/flat.ts';
import type { Side } from './core/side.ts';

/** Null when nobody asks, when the secret is wrong, and where the file names none. */
export function overrideOf(fields: Fields, secret: string | null): Side | null {
  if (secret === null) return null;
  const [, given, side] = /^(\S+) (legacy|new)$/.exec(fieldOf(fields, 'banyan-override')?.trim() ?? '') ?? [];
  if (given === undefined || (side !== 'legacy' && side !== 'new')) return null;
  // Of equal length, so that neither the length nor the place of the first difference shows in the time it takes.
  return timingSafeEqual(digest(given), digest(secret)) ? side : null;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
