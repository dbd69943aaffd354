import { describe, expect, test } from 'vitest';
import type { Comparison } from '@banyan/gateway/core/compare';
import type { Finding } from '@banyan/gateway/core/difference';
import { printPath, type Step } from '@banyan/gateway/core/path';
import { judge, shapeOf, worst, type Observation } from '@banyan/gateway/core/verdict';
import { compareOf, answer, rules } from './made.ts';

const finding = (excusedBy: string | null, fatal = false, steps: readonly Step[] = ['a']): Finding => ({
  path: { root: '$', steps },
  kind: 'changed',
  control: 1,
  candidate: 2,
  excusedBy,
  fatal,
});

const compared = (...findings: Finding[]): Comparison => ({ kind: 'compared', findings, detail: '' });

function observation(comparison: Comparison, ...noisy: (readonly Step[])[]): Observation {
  const paths = noisy.map((steps) => ({ root: '$', steps }) as const);
  return {
    route: 'r',
    comparison,
    noise: { paths: new Set(paths.map(printPath)), shapes: new Set(paths.map(shapeOf)) },
  };
}

const verdicts = (...observations: Observation[]): string[] => judge(observations).map(({ verdict }) => verdict);

describe('a verdict is the worst of the differences', () => {
  test.each([
    [[], 'match'],
    [[finding('e')], 'declared'],
    [[finding('e'), finding('noise')], 'noise'],
    [[finding('e'), finding('noise'), finding(null)], 'mismatch'],
    [[finding(null), finding(null, true)], 'error'],
    [[finding('e', true)], 'declared'],
  ])('%j', (findings, verdict) => {
    expect(worst(findings)).toBe(verdict);
  });

  test('what was not compared is skipped, with its reason', () => {
    const skipped: Comparison = { kind: 'skipped', because: 'control', detail: 'it timed out' };
    expect(judge([{ route: 'r', comparison: skipped, noise: null }])).toEqual([
      { verdict: 'skipped', findings: [], because: 'control', detail: 'it timed out' },
    ]);
  });
});

describe('noise', () => {
  test('is a difference where the control differs from itself in the same request', () => {
    const [judgement] = judge([observation(compared(finding(null)), ['a'])]);
    expect(judgement?.verdict).toBe('noise');
    expect(judgement?.findings[0]?.excusedBy).toBe('noise');
  });

  test('is not a difference elsewhere: one noisy field never hides another', () => {
    expect(verdicts(observation(compared(finding(null), finding(null, false, ['b'])), ['a']))).toEqual(['mismatch']);
    expect(verdicts(observation(compared(finding(null, false, ['a', 'b'])), ['a']))).toEqual(['mismatch']);
    expect(verdicts(observation(compared(finding(null, false, [1])), [0]))).toEqual(['mismatch']);
  });

  test('is never a path that was not seen to differ from itself, whatever the counts', () => {
    const all = Array.from({ length: 500 }, (_, index) =>
      observation(compared(...(index === 0 ? [finding(null)] : []))),
    );
    expect(verdicts(...all)[0]).toBe('mismatch');
  });

  test('is never that the candidate failed', () => {
    const failure: Finding = { ...finding(null, true), path: { root: 'status', steps: [] } };
    const noise = { paths: new Set(['status']), shapes: new Set(['status']) };
    expect(judge([{ route: 'r', comparison: compared(failure), noise }])[0]?.verdict).toBe('error');
  });

  test('leaves to the ledger what the ledger excuses', () => {
    expect(verdicts(observation(compared(finding('e')), ['a']))).toEqual(['declared']);
  });

  test('seen in one request counts in the others of its route, also before it was seen', () => {
    const quiet = (): Observation => observation(compared());
    expect(verdicts(observation(compared(finding(null))), quiet(), observation(compared(), ['a']))).toEqual([
      'noise',
      'match',
      'match',
    ]);
  });

  test('seen on one route says nothing of another', () => {
    const other = { ...observation(compared(), ['a']), route: 'other' };
    expect(verdicts(observation(compared(finding(null))), other)).toEqual(['mismatch', 'match']);
  });

  test('seen in one element of a list counts in the others', () => {
    const at = (index: number): readonly Step[] => ['items', index, 'seq'];
    expect(verdicts(observation(compared(finding(null, false, at(7)))), observation(compared(), at(0)))).toEqual([
      'noise',
      'match',
    ]);
  });

  test('explains no more differences than it makes', () => {
    const differs = Array.from({ length: 100 }, () => observation(compared(finding(null))));
    const once = observation(compared(finding(null)), ['a']);
    // The control moved once in a hundred; the candidate differs always.
    expect(new Set(verdicts(...differs.slice(1), once).slice(0, 99))).toEqual(new Set(['mismatch']));
    // The control moved in every second request: then so may the candidate.
    const half = differs.map((one, index) => (index % 2 === 0 ? observation(compared(), ['a']) : one));
    expect(new Set(verdicts(...half))).toEqual(new Set(['match', 'noise']));
  });

  test('needs the control to have been asked twice', () => {
    expect(judge([{ route: 'r', comparison: compared(finding(null)), noise: null }])[0]?.verdict).toBe('mismatch');
  });
});

test('an index in the middle of a path stands for its list, a last one for itself', () => {
  expect(shapeOf({ root: '$', steps: ['items', 3, 'rows', 0, 1] })).toBe(
    shapeOf({ root: '$', steps: ['items', 4, 'rows', 9, 1] }),
  );
  expect(shapeOf({ root: '$', steps: ['rows', 0, 1] })).not.toBe(shapeOf({ root: '$', steps: ['rows', 0, 2] }));
});

test('a comparison goes through to its verdict', () => {
  const ledger = rules(['$.day', 'same instant']);
  const control = answer({ body: '{"day":"2026-03-01T08:30","n":1}' });
  const candidate = answer({ body: '{"day":"2026-03-01T08:30:00Z","n":2}' });
  const [judgement] = judge([{ route: 'r', comparison: compareOf(control, candidate, ledger), noise: null }]);
  expect(judgement?.verdict).toBe('mismatch');
  expect(judgement?.findings.map(({ excusedBy }) => excusedBy)).toEqual(['e0', null]);
});
