import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checked, HEALTHY, type Health } from '@banyan/gateway/core/health';

const limits = { fall: 3, rise: 2 };
const after = (checks: string, from: Health = HEALTHY): boolean =>
  checks.split('').reduce((state, check) => checked(state, check === '+', limits), from).up;

describe('checks', () => {
  test.each([
    ['', true],
    ['--', true],
    ['---', false],
    ['--+--', true],
    ['--+---', false],
    ['---+', false],
    ['---+-+', false],
    ['---++', true],
    ['---++--', true],
  ])('%s leave it up: %s', (checks, up) => {
    expect(after(checks)).toBe(up);
  });

  test('turn it exactly after as many in a row as the file says', () => {
    expect(() =>
      fc.assert(
        fc.property(
          fc.array(fc.boolean()),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
          (all, fall, rise) => {
            let state = HEALTHY;
            let row = 0;
            for (const ok of all) {
              row = ok === state.up ? 0 : row + 1;
              const turns = row === (state.up ? fall : rise);
              const next = checked(state, ok, { fall, rise });
              if ((next.up !== state.up) !== turns) return false;
              if (turns) row = 0;
              state = next;
            }
            return true;
          },
        ),
      ),
    ).not.toThrow();
  });
});
