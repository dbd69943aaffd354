import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

// The seed and the number can be given, to make a failure again: BANYAN_FUZZ_SEED, BANYAN_FUZZ_INPUTS.
const PROVE = process.env['BANYAN_PROVE'] === 'true';
const INPUTS = Number(process.env['BANYAN_FUZZ_INPUTS'] ?? (PROVE ? 1_200_000 : 6_000));
// Always the same in the ordinary suite, which must not fail by chance; another one in each long run.
const SEED = Number(process.env['BANYAN_FUZZ_SEED'] ?? (PROVE ? Date.now() % 2 ** 32 : 20_261_101));

test(
  `the fast scanner says what the slow one says, of ${INPUTS} messages (seed ${SEED})`,
  { timeout: 60_000 + INPUTS * 5 },
  () => {
    const began = performance.now();
    const { disagreement, verdicts, inputs } = fuzz(SEED, INPUTS);
    expect(disagreement).toBeNull();
    if (PROVE) {
      const told = [...verdicts].sort(([, one], [, other]) => other - one).map(([kind, count]) => `${kind} ${count}`);
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      process.stdout.write(`fuzz: ${inputs} inputs, seed ${SEED}, ${seconds} s: ${told.join(', ')}\n`);
    }
    // Each verdict is come to: the messages are neither all good nor all broken in the same way.
    const seen = new Set(verdicts.keys());
    for (const kind of [
      'found',
      'empty-body',
      'GW_SOAP_MALFORMED',
      'GW_SOAP_DOCTYPE',
      'GW_SOAP_SHAPE',
      'GW_SOAP_VERSION',
      'GW_SOAP_NOT_AN_ENVELOPE',
      'GW_SOAP_NAME',
      'GW_SOAP_LIMIT',
      'GW_SOAP_ACTION',
      'GW_SOAP_HEAD_TOO_LARGE',
    ])
      expect(seen).toContain(kind);
    expect(verdicts.get('found')).toBeGreaterThan(INPUTS / 10);
  },
);
