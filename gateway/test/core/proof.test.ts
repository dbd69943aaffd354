import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterDryRun, afterQuestion, nextOf, UNASKED, type Proof } from '@banyan/gateway/core/proof';

const proven: Proof = { kind: 'proven', connection: 3 };

describe('a dry run', () => {
  test('is sent only on the connection on which it was proved', () => {
    expect([nextOf(proven, 3, 0), nextOf(proven, 4, 0), nextOf(proven, null, 0)]).toEqual(['send', 'ask', 'ask']);
    expect(nextOf(UNASKED, 3, 0)).toBe('ask');
  });

  test('is not asked about again for half a minute once it was not proved', () => {
    const unproven = afterQuestion({ status: 404, echo: ['1'], connection: 3 }, 1_000);
    expect(unproven).toMatchObject({ kind: 'unproven', at: 1_000 });
    expect([nextOf(unproven, 3, 30_999), nextOf(unproven, 3, 31_000)]).toEqual(['drop', 'ask']);
  });

  test.each([
    [200, ['1'], 'proven'],
    [204, [' 1 '], 'proven'],
    [204, [], 'unproven'],
    [204, ['0'], 'unproven'],
    [204, ['1', '1'], 'unproven'],
    [204, ['1, 1'], 'unproven'],
    [199, ['1'], 'unproven'],
    [301, ['1'], 'unproven'],
    [405, ['1'], 'unproven'],
    [500, ['1'], 'unproven'],
  ] as const)('is proved by a success with the echo alone: %s %j', (status, echo, kind) => {
    expect(afterQuestion({ status, echo, connection: 3 }, 0).kind).toBe(kind);
  });

  test('is stopped by an answer without the echo, whatever its status, and stays so', () => {
    for (const status of [200, 404, 500]) {
      const stopped = afterDryRun(proven, status, []);
      expect(stopped.kind).toBe('stopped');
      expect(nextOf(stopped, 3, Number.MAX_SAFE_INTEGER)).toBe('drop');
    }
    expect(afterDryRun(proven, 500, ['1'])).toBe(proven);
  });

  test('is never sent on a connection that has not proved it, whatever came before', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('question' as const),
        status: fc.constantFrom(200, 204, 404),
        echo: fc.constantFrom(['1'], [], ['0']),
        connection: fc.nat(3),
      }),
      fc.record({ kind: fc.constant('write' as const), echo: fc.constantFrom(['1'], []) }),
      fc.record({ kind: fc.constant('later' as const), ms: fc.nat(60_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(3), (steps, connection) => {
        let proof: Proof = UNASKED;
        let now = 0;
        let last: number | null = null;
        for (const one of steps) {
          if (one.kind === 'later') now += one.ms;
          else if (one.kind === 'question' && nextOf(proof, one.connection, now) === 'ask') {
            proof = afterQuestion(one, now);
            last = one.status < 300 && one.echo[0] === '1' ? one.connection : null;
          } else if (one.kind === 'write' && last !== null && nextOf(proof, last, now) === 'send') {
            proof = afterDryRun(proof, 200, one.echo);
            if (one.echo.length === 0) last = null;
          }
          expect(nextOf(proof, connection, now) !== 'send' || connection === last).toBe(true);
        }
      }),
    );
  });
});
