import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { point } from '@banyan/gateway/core/canary';

const KEYS = 100_000;

/** Keys as callers have them: numbers that follow each other, mail addresses, addresses of one network, UUIDs, words in Chinese. */
const KINDS: Readonly<Record<string, (n: number) => string>> = {
  'numbers that follow each other': (n) => String(n),
  'customer numbers': (n) => `C-${String(n).padStart(6, '0')}`,
  'mail addresses': (n) => `user.${n}@example.com`,
  'addresses of one network': (n) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
  'identifiers with the counter first': (n) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
  'names in another script': (n) => `客户${n}`,
};

describe('the point of a caller', () => {
  test.each(Object.entries(KINDS))('is spread evenly over %s: within half a point of every share', (_name, key) => {
    const points = Array.from({ length: KEYS }, (_, n) => point('default', key(n)));
    for (const share of [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) {
      const below = points.filter((at) => at < share).length / KEYS;
      expect(Math.abs(below - share)).toBeLessThan(0.005);
    }
  });

  test('is in [0, 1), so that 0% is nobody and 100% is everybody, whatever the key', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 3_000 }), (cohort, key) => {
        const at = point(cohort, key);
        expect(at).toBeGreaterThanOrEqual(0);
        expect(at).toBeLessThan(1);
        expect(point(cohort, key)).toBe(at);
      }),
    );
  });

  test('is the same for ever: callers must not change sides with a new version of the program', () => {
    const known = [
      ['default', 'C-000042'],
      ['reports', 'C-000042'],
      ['default', ''],
      ['default', '客户'],
    ] as const;
    expect(known.map(([cohort, key]) => point(cohort, key).toFixed(9))).toMatchInlineSnapshot(`
      [
        "0.216705405",
        "0.061409103",
        "0.028168395",
        "0.298446370",
      ]
    `);
  });

  test('of another cohort is another one: who is moved first by the one is not by the other', () => {
    const both = Array.from({ length: KEYS }, (_, n) => `C-${n}`).filter(
      (key) => point('default', key) < 0.1 && point('reports', key) < 0.1,
    );
    expect(both.length / KEYS).toBeGreaterThan(0.005);
    expect(both.length / KEYS).toBeLessThan(0.015);
  });

  test('does not mix cohort and key up', () => {
    expect(point('ab', 'c')).not.toBe(point('a', 'bc'));
  });
});
