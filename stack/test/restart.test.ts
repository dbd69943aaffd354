import { afterExit, CRASHES_IN_A_ROW, exitWords, type Exit, type Next, type Phase } from '@banyan/stack/core/restart';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const crash: Exit = { code: 1, signal: null, servedMs: null };
const refusal: Exit = { code: 2, signal: null, servedMs: null };

test.each<[string, [number, Exit, Phase], Next]>([
  [
    'a first crash is followed by a quick try',
    [0, crash, 'starting'],
    { kind: 'restart', afterMs: 250, failures: 1, because: 'ended' },
  ],
  [
    'each further crash doubles the wait',
    [2, crash, 'up'],
    { kind: 'restart', afterMs: 1_000, failures: 3, because: 'ended' },
  ],
  ['the wait is bounded', [50, crash, 'up'], { kind: 'restart', afterMs: 5_000, failures: 51, because: 'ended' }],
  [
    'who says that it could not start is believed while the stack starts',
    [0, refusal, 'starting'],
    { kind: 'give-up', failures: 1, because: 'could-not-start' },
  ],
  [
    'the same code from one that had served is a crash',
    [0, { ...refusal, servedMs: 5 }, 'starting'],
    { kind: 'restart', afterMs: 250, failures: 1, because: 'ended' },
  ],
  [
    'who says so once the stack is up is tried again: what it needs may come back',
    [0, refusal, 'up'],
    { kind: 'restart', afterMs: 250, failures: 1, because: 'ended' },
  ],
  [
    'a process that crashes again and again ends the start',
    [CRASHES_IN_A_ROW - 1, crash, 'starting'],
    { kind: 'give-up', failures: CRASHES_IN_A_ROW, because: 'crashes-in-a-row' },
  ],
  [
    'one that served for long begins to count anew',
    [30, { code: null, signal: 'SIGKILL', servedMs: 60_000 }, 'up'],
    { kind: 'restart', afterMs: 250, failures: 1, because: 'ended' },
  ],
])('%s', (_name, [failures, exit, phase], expected) => expect(afterExit(failures, exit, phase)).toEqual(expected));

const anyExit = fc.record<Exit>({
  code: fc.option(fc.integer({ min: 0, max: 255 })),
  signal: fc.option(fc.constantFrom('SIGKILL', 'SIGSEGV')),
  servedMs: fc.option(fc.nat()),
});

test('a stack that is up never gives a process up, and never waits longer than five seconds', () => {
  fc.assert(
    fc.property(fc.array(anyExit, { minLength: 1, maxLength: 200 }), (exits) => {
      let failures = 0;
      for (const exit of exits) {
        const next = afterExit(failures, exit, 'up');
        expect(next.kind).toBe('restart');
        const afterMs = next.kind === 'restart' ? next.afterMs : Number.NaN;
        expect(afterMs).toBeGreaterThanOrEqual(250);
        expect(afterMs).toBeLessThanOrEqual(5_000);
        failures = next.failures;
      }
    }),
  );
});

test('a start ends after a bounded number of crashes, whatever the codes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 5, maxLength: 5 }), (codes) => {
      let failures = 0;
      const kinds = codes.map((code) => {
        const next = afterExit(failures, { code, signal: null, servedMs: null }, 'starting');
        failures = next.failures;
        return next.kind;
      });
      expect(kinds).toContain('give-up');
    }),
  );
});

test.each([
  [{ code: 1, signal: null }, 'exit code 1'],
  [{ code: null, signal: 'SIGKILL' }, 'killed by SIGKILL'],
  [{ code: null, signal: null }, 'killed'],
])('%o reads "%s"', (exit, words) => expect(exitWords(exit)).toBe(words));
