/**
 * How far one route's traffic has moved, as the operator writes it in `routing.yaml`. Parsing is strict: a stage that is
 * nearly right must not move traffic.
 */

export type Stage =
  | { readonly kind: 'legacy' }
  /** `sample` is the share of reads that new is asked as well, 0 to 1. */
  | { readonly kind: 'shadow'; readonly sample: number }
  /** `share` is the share of callers that new answers, 0 (nobody) to 1 (everybody). */
  | { readonly kind: 'canary'; readonly share: number }
  | { readonly kind: 'new' }
  | { readonly kind: 'retired' }
  | { readonly kind: 'held' }
  | { readonly kind: 'gone' };

export const STAGES: readonly Stage['kind'][] = ['legacy', 'shadow', 'canary', 'new', 'retired', 'held', 'gone'];

const PERCENT = /^(\d{1,3}(?:\.\d{1,4})?)\s?%$/;

/** Reads `25%` as 0.25. Returns null when `text` is not a percentage from 0% to 100%. */
export function parsePercent(text: string): number | null {
  const digits = PERCENT.exec(text.trim())?.[1];
  if (digits === undefined) return null;
  const share = Number(digits) / 100;
  return share <= 1 ? share : null;
}

/** Writes 0.25 as `25%`, with at most four decimals: the inverse of {@link parsePercent}. */
export function formatPercent(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}

/** Reads `legacy`, `shadow`, `shadow 10%`, `canary 25%` … Returns null when `text` is no stage. */
export function parseStage(text: string): Stage | null {
  const [, word, amount = ''] = /^(\w+)(?:\s+(.+))?$/.exec(text.trim()) ?? [];
  switch (word) {
    case 'legacy':
    case 'new':
    case 'retired':
    case 'held':
    case 'gone':
      return amount === '' ? { kind: word } : null;
    case 'shadow': {
      const sample = amount === '' ? 1 : parsePercent(amount);
      return sample === null ? null : { kind: 'shadow', sample };
    }
    case 'canary': {
      const share = parsePercent(amount);
      return share === null ? null : { kind: 'canary', share };
    }
    default:
      return null;
  }
}

/** Writes a stage as it stands in `routing.yaml`: the inverse of {@link parseStage}. */
export function formatStage(stage: Stage): string {
  switch (stage.kind) {
    case 'shadow':
      return stage.sample === 1 ? 'shadow' : `shadow ${formatPercent(stage.sample)}`;
    case 'canary':
      return `canary ${formatPercent(stage.share)}`;
    default:
      return stage.kind;
  }
}
