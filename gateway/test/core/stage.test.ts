import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPercent, formatStage, parsePercent, parseStage, type Stage } from '@banyan/gateway/core/stage';
import { parseDuration } from '@banyan/gateway/core/unit';

/** Shares that the file can say: four decimals of a percent. */
const share = fc.integer({ min: 0, max: 1_000_000 }).map((millionth) => millionth / 1_000_000);
const stage: fc.Arbitrary<Stage> = fc.oneof(
  fc.constantFrom<Stage>({ kind: 'legacy' }, { kind: 'new' }, { kind: 'retired' }, { kind: 'held' }, { kind: 'gone' }),
  share.map((sample): Stage => ({ kind: 'shadow', sample })),
  share.map((of): Stage => ({ kind: 'canary', share: of })),
);

/** The share or sample of a stage that has one, else 0. */
function amountOf(read: Stage | null): number {
  if (read?.kind === 'shadow') return read.sample;
  return read?.kind === 'canary' ? read.share : 0;
}

describe('stages', () => {
  test('every stage is read back as it was written', () => {
    fc.assert(
      fc.property(stage, (written) => {
        const read = parseStage(formatStage(written));
        expect(read?.kind).toBe(written.kind);
        expect(amountOf(read)).toBeCloseTo(amountOf(written), 10);
        expect(read === null ? null : formatStage(read)).toBe(formatStage(written));
      }),
    );
  });

  test.each<[string, Stage]>([
    ['legacy', { kind: 'legacy' }],
    ['  new ', { kind: 'new' }],
    ['shadow', { kind: 'shadow', sample: 1 }],
    ['shadow 10%', { kind: 'shadow', sample: 0.1 }],
    ['canary 25%', { kind: 'canary', share: 0.25 }],
    ['canary   25 %', { kind: 'canary', share: 0.25 }],
    ['canary\t0%', { kind: 'canary', share: 0 }],
    ['canary 100%', { kind: 'canary', share: 1 }],
    ['canary 0.0001%', { kind: 'canary', share: 0.000001 }],
  ])('%j is a stage', (text, expected) => {
    expect(parseStage(text)).toEqual(expected);
  });

  test.each([
    '',
    ' ',
    'legcay',
    'Legacy',
    'new 10%',
    'held 1%',
    'canary',
    'canary10%',
    'canary 10',
    'canary 1 0%',
    'canary 1 0 0 %',
    'canary 10 % %',
    'canary 101%',
    'canary 100.0001%',
    'canary -1%',
    'canary 1e1%',
    'canary 10%%',
    'canary .5%',
    'canary 5.%',
    'canary 0.00001%',
    'shadow ten%',
    'canary ٢٥%',
    'legacy new',
    '__proto__',
    'constructor',
  ])('%j is no stage: what is nearly right moves no traffic', (text) => {
    expect(parseStage(text)).toBeNull();
  });

  test('no text at all makes a stage outside its range, or throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(canary|shadow) ?[0-9.]{0,6} ?%?$/)), (text) => {
        const amount = amountOf(parseStage(text));
        expect(amount >= 0 && amount <= 1).toBe(true);
      }),
    );
  });

  test('percentages keep four decimals', () => {
    expect(formatPercent(0.333333)).toBe('33.3333%');
    expect(parsePercent('33.3333%')).toBeCloseTo(0.333333, 12);
    expect(formatPercent(0.1 + 0.2)).toBe('30%');
  });
});

describe('durations', () => {
  test.each([
    ['50ms', 50],
    ['5s', 5_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    [' 2s ', 2_000],
    ['0s', 0],
  ])('%j is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '5', '5 s', 's', '-1s', '1.5s', '5S', '5sec', '1h30m', '1234567890ms', '5s\n6s', '١s'])(
    '%j is no duration: a number without its unit says nothing',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});
