/**
 * Compares two answers to one request: status, headers that matter, body as a tree. Pure and total: whatever the two sides
 * sent, there is a list of differences or a reason why the pair cannot be compared.
 *
 * Bodies and headers are compared only where both statuses are of one class (2xx with 2xx): an order and an error message
 * have nothing to do with each other, and the status is the finding. A body that cannot be read is found either way.
 */
import { lift, type Answer, type Lifted } from './answer.ts';
import type { Difference, Finding } from './difference.ts';
import { excuseOf, type Rules } from './excuse.ts';
import { compareHeaders } from './header.ts';
import type { Json } from './json.ts';
import { compareTrees } from './tree.ts';

/** What asking one side came to. A side that `failed` was not reached, timed out, or broke off in the middle. */
export type Asked =
  { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'failed'; readonly because: string };

/** Why a request was not compared: the words are shown and counted. */
export type Skip = 'no route' | 'no candidate' | 'not a read' | 'control' | 'budget';

export type Comparison =
  /** `detail` says why the candidate failed, or is empty. */
  | { readonly kind: 'compared'; readonly findings: readonly Finding[]; readonly detail: string }
  /** `detail` says more for people, or is empty. */
  | { readonly kind: 'skipped'; readonly because: Skip; readonly detail: string };

export interface CompareOptions {
  readonly rules: Rules;
  /** Names of headers that are compared besides those that always are, in lower case. */
  readonly headers: readonly string[];
  /** Whether the time for this comparison is over; asked now and then. */
  readonly spent: () => boolean;
}

/** Compares what the control and the candidate came to. */
export function compare(control: Asked, candidate: Asked, options: CompareOptions): Comparison {
  if (control.kind === 'failed') return { kind: 'skipped', because: 'control', detail: control.because };
  const ours = lift(control.answer, options.spent);
  if (ours.kind === 'broken') return { kind: 'skipped', because: 'control', detail: ours.because };
  if (candidate.kind === 'failed')
    return {
      kind: 'compared',
      findings: judged([unreached(control.answer)], options.rules),
      detail: candidate.because,
    };
  const theirs = lift(candidate.answer, options.spent);
  return compareAnswers({ answer: control.answer, body: ours }, { answer: candidate.answer, body: theirs }, options);
}

interface Side {
  readonly answer: Answer;
  readonly body: Lifted;
}

type Judged = Difference & { readonly fatal: boolean };

function compareAnswers(control: Side, candidate: Side, options: CompareOptions): Comparison {
  const { rules } = options;
  const detail = candidate.body.kind === 'broken' ? candidate.body.because : '';
  const found: Judged[] = [...compareStatus(control.answer.status, candidate.answer.status)];
  if (candidate.body.kind === 'broken') found.push(broken(control.body, detail));
  if (classOf(control.answer.status) !== classOf(candidate.answer.status))
    return { kind: 'compared', findings: judged(found, rules), detail };
  for (const difference of compareHeaders(control.answer, candidate.answer, options.headers))
    found.push({ ...difference, fatal: false });
  const inBody = candidate.body.kind === 'broken' ? [] : compareBodies(control, candidate, options);
  if (inBody === null) return { kind: 'skipped', because: 'budget', detail: '' };
  return { kind: 'compared', findings: [...judged(found, rules), ...inBody], detail };
}

const classOf = (status: number): number => Math.floor(status / 100);

function judged(found: readonly Judged[], rules: Rules): readonly Finding[] {
  return found.map((one) => ({ ...one, excusedBy: excuse(one, rules) }));
}

/** A candidate that failed is excused by `status A -> B` alone. */
function excuse(difference: Judged, rules: Rules): string | null {
  return difference.fatal && difference.path.root !== 'status' ? null : excuseOf(rules, difference);
}

function compareStatus(control: number, candidate: number): readonly Judged[] {
  if (control === candidate) return [];
  const fatal = candidate >= 500 && control < 500;
  return [{ path: { root: 'status', steps: [] }, kind: 'changed', control, candidate, fatal }];
}

function unreached(control: Answer): Judged {
  return {
    path: { root: 'status', steps: [] },
    kind: 'missing',
    control: control.status,
    candidate: undefined,
    fatal: true,
  };
}

function broken(control: Lifted, because: string): Judged {
  return { path: { root: '$', steps: [] }, kind: 'type', control: rootOf(control), candidate: because, fatal: true };
}

const rootOf = (lifted: Lifted): Json | undefined => (lifted.kind === 'tree' ? lifted.root : undefined);

/** Null when it would take more than may be spent. */
function compareBodies(control: Side, candidate: Side, options: CompareOptions): readonly Finding[] | null {
  const [ours, theirs] = [control.body, candidate.body];
  if (ours.kind === 'beyond' || theirs.kind === 'beyond') return null;
  const [mine, its] = [rootOf(ours), rootOf(theirs)];
  if (mine === undefined && its === undefined) return [];
  const path = { root: '$', steps: [] } as const;
  const found = (difference: Difference): readonly Finding[] =>
    judged([{ ...difference, fatal: false }], options.rules);
  if (mine === undefined || its === undefined)
    return found({ path, kind: mine === undefined ? 'extra' : 'missing', control: mine, candidate: its });
  if (ours.kind !== 'tree' || theirs.kind !== 'tree' || ours.form === theirs.form)
    return compareTrees(mine, its, {
      rules: options.rules,
      base: ours.kind === 'tree' ? ours.base : 0,
      spent: options.spent,
    });
  // Two forms have no common tree. That the Content-Types differ is said of the headers, so the same text is no more to say.
  return sameText(control.answer, candidate.answer) ? [] : found({ path, kind: 'type', control: mine, candidate: its });
}

const sameText = ({ body: one }: Answer, { body: other }: Answer): boolean =>
  one.kind === 'text' && other.kind === 'text' && one.text === other.text;
