/**
 * What each comparison of a run comes to. A verdict is the worst of an answer's differences: error, mismatch, stale, noise,
 * declared, match; the ledger is asked first, noise second.
 *
 * Noise needs evidence. A place is noise where the control was seen to differ from itself: in the answers to this very request,
 * or elsewhere on its route in this run, there only while the candidate does not differ significantly more often than the
 * control does. So verdicts are fixed when the run is over. Nothing that says "the candidate failed" is ever noise.
 */
import type { Comparison, Skip } from './compare.ts';
import type { Finding } from './difference.ts';
import { printPath, type Path } from './path.ts';

export type Verdict = 'match' | 'declared' | 'noise' | 'stale' | 'mismatch' | 'error' | 'skipped';

/** From the best to the worst; `skipped` stands apart. */
export const VERDICTS: readonly Verdict[] = ['match', 'declared', 'noise', 'stale', 'mismatch', 'error', 'skipped'];

/** One request of a run. */
export interface Observation {
  readonly route: string;
  readonly comparison: Comparison;
  /** Paths, as {@link printPath} and {@link shapeOf} write them, at which the control differed from itself; null when it was not asked twice. */
  readonly noise: { readonly paths: ReadonlySet<string>; readonly shapes: ReadonlySet<string> } | null;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** `excusedBy` is the id of an entry, `noise`, or null. */
  readonly findings: readonly Finding[];
  /** Why it was skipped; null otherwise. */
  readonly because: Skip | null;
  /** More for people, or empty. */
  readonly detail: string;
}

/** The word that stands for the id of an entry where noise excuses a difference. */
export const NOISE = 'noise';

/**
 * A path for counting: every index but a last one becomes `*`, since records of a list are alike. A last index stays, for what
 * stands side by side in a tuple (`[time, value]`) is not: one noisy field never hides another.
 */
export function shapeOf(path: Path): string {
  const steps = path.steps.map((step, depth) =>
    typeof step === 'number' && depth < path.steps.length - 1 ? '*' : step,
  );
  return printPath({ root: path.root, steps });
}

/** Judges all requests of a run together, in their order. */
export function judge(observations: readonly Observation[]): readonly Judgement[] {
  const tallies = tally(observations);
  return observations.map((observation) => judgeOne(observation, tallies));
}

function judgeOne({ route, comparison, noise }: Observation, tallies: ReadonlyMap<string, Tally>): Judgement {
  if (comparison.kind === 'skipped')
    return { verdict: 'skipped', findings: [], because: comparison.because, detail: comparison.detail };
  const findings = comparison.findings.map((finding): Finding => {
    if (finding.excusedBy !== null || finding.fatal) return finding;
    const isNoise = (noise?.paths.has(printPath(finding.path)) ?? false) || isNoisy(tallies.get(keyOf(route, finding)));
    return isNoise ? { ...finding, excusedBy: NOISE } : finding;
  });
  return { verdict: worst(findings), findings, because: null, detail: comparison.detail };
}

/** The verdict that a list of differences amounts to. */
export function worst(findings: readonly Finding[]): Verdict {
  let level = 0;
  for (const { excusedBy, fatal } of findings) level = Math.max(level, VERDICTS.indexOf(verdictOf(excusedBy, fatal)));
  return VERDICTS[level] ?? 'error';
}

function verdictOf(excusedBy: string | null, fatal: boolean): Verdict {
  if (excusedBy === null) return fatal ? 'error' : 'mismatch';
  return excusedBy === NOISE ? 'noise' : 'declared';
}

/** How often, on one route and at one shape, the candidate and the control itself differed from the control. */
interface Tally {
  asked: number;
  differed: number;
  differedFromItself: number;
}

const keyOf = (route: string, { path }: Finding): string => `${route}\n${shapeOf(path)}`;

function tally(observations: readonly Observation[]): ReadonlyMap<string, Tally> {
  const asked = new Map<string, number>();
  const tallies = new Map<string, Tally>();
  const add = (key: string, what: 'differed' | 'differedFromItself'): void => {
    const known = tallies.get(key) ?? { asked: 0, differed: 0, differedFromItself: 0 };
    known[what] += 1;
    tallies.set(key, known);
  };
  for (const { route, comparison, noise } of observations) {
    if (noise === null || comparison.kind === 'skipped') continue;
    asked.set(route, (asked.get(route) ?? 0) + 1);
    const counted = comparison.findings.filter(({ excusedBy }) => excusedBy === null);
    for (const key of new Set(counted.map((finding) => keyOf(route, finding)))) add(key, 'differed');
    for (const shape of noise.shapes) add(`${route}\n${shape}`, 'differedFromItself');
  }
  for (const [key, counts] of tallies) counts.asked = asked.get(key.slice(0, key.indexOf('\n'))) ?? 0;
  return tallies;
}

// One-sided, at 95 %: a difference that noise makes likely one time in twenty is taken for noise.
const SIGNIFICANT = 1.645;

/** Whether the candidate differs no more often than noise alone explains (a test of two proportions, pooled). */
function isNoisy(counts: Tally | undefined): boolean {
  if (counts === undefined || counts.differedFromItself === 0) return false;
  const { asked, differed, differedFromItself } = counts;
  if (differed <= differedFromItself) return true;
  const pooled = (differed + differedFromItself) / (2 * asked);
  const deviation = Math.sqrt((pooled * (1 - pooled) * 2) / asked);
  return (differed - differedFromItself) / asked < SIGNIFICANT * deviation;
}
