/**
 * Compares one pair of answers: what the comparison thread does, and nothing that needs the facade. The bytes of bodies become text
 * here, so that undoing a coding does not take the facade's time either.
 */
import { headerOf, type Answer } from '../core/answer.ts';
import { compare, type Asked, type Skip } from '../core/compare.ts';
import type { Rules } from '../core/excuse.ts';
import { worst, type Verdict } from '../core/verdict.ts';
import { readBody } from '../parity/body.ts';
import type { Half } from './question.ts';

/** One side's answer, and its own address. */
export interface Sent {
  readonly half: Half;
  readonly origin: string;
}

/** Legacy's answer and new's, whichever of them the caller had: a difference is declared from the one to the other. */
export interface Task {
  readonly legacy: Sent;
  readonly successor: Sent;
  readonly rules: Rules;
}

/** `because` says why it was skipped; null otherwise. */
export interface Judged {
  readonly verdict: Verdict;
  readonly because: Skip | null;
}

// docs/parity.md: what one live comparison may take.
const BUDGET_MS = 50;
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** @param clock milliseconds of the time that counts: of this thread's, where it is known, so that waiting for a processor does not */
export async function judge({ legacy, successor, rules }: Task, clock: () => number): Promise<Judged> {
  const control = await askedOf(legacy);
  const candidate = await askedOf(successor);
  const end = clock() + BUDGET_MS;
  const comparison = compare(control, candidate, { rules, headers: [], spent: () => clock() > end });
  if (comparison.kind === 'skipped') return { verdict: 'skipped', because: comparison.because };
  return { verdict: worst(comparison.findings), because: null };
}

async function askedOf({ half, origin }: Sent): Promise<Asked> {
  switch (half.kind) {
    case 'failed':
      return { kind: 'failed', because: half.because };
    case 'late':
      return { kind: 'failed', because: `${origin}: no whole answer within ${half.limitMs} ms` };
    case 'large':
    case 'answered': {
      const headers: [string, string][] = [];
      for (let index = 0; index < half.fields.length; index += 2)
        headers.push([half.fields[index] ?? '', half.fields[index + 1] ?? '']);
      const bare: Answer = { status: half.status, headers, body: { kind: 'large' }, origin };
      if (half.kind === 'large') return { kind: 'answered', answer: bare };
      const { buffer, byteOffset, byteLength } = half.body;
      // From another thread it comes as bytes that are no Buffer.
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      const body = await readBody(bytes, (name) => headerOf(bare, name), MAX_BODY_BYTES);
      return { kind: 'answered', answer: { ...bare, body } };
    }
    default:
      return half satisfies never;
  }
}
