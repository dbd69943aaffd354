/**
 * Holds the fast scanner against the slow one: the same message, each cut in its own way, under the same limits, must come to the
 * same verdict. What fails is made as small as it goes on failing.
 */
import { detect } from '@banyan/gateway/core/soap/charset';
import { LIMITS, type Limits } from '@banyan/gateway/core/soap/limits';
import { QuickScanner } from '@banyan/gateway/core/soap/quick';
import { Scanner, type ScanOptions, type Step } from '@banyan/gateway/core/soap/scan';
import { Decoder } from '@banyan/gateway/soap/decode';
import { messageOf } from './grammar.ts';
import { Random } from './random.ts';
import { ORDERS } from './samples.ts';

export interface Disagreement {
  /** What makes it again: `new Random(seed)`. */
  readonly seed: number;
  readonly text: string;
  readonly slow: unknown;
  readonly quick: unknown;
}

export interface Tally {
  readonly disagreement: Disagreement | null;
  /** How often each verdict was come to. */
  readonly verdicts: ReadonlyMap<string, number>;
  readonly inputs: number;
}

/** Tries `inputs` messages, or as many as it takes to find a disagreement. */
export function fuzz(seed: number, inputs: number): Tally {
  const verdicts = new Map<string, number>();
  for (let input = 0; input < inputs; input += 1) {
    const own = (seed + Math.imul(input, 0x9e37_79b1)) >>> 0;
    const random = new Random(own);
    const options = optionsOf(random);
    const text = random.once(4) ? sent(random, messageOf(random)) : messageOf(random);
    const cuts = random.below(2 ** 31);
    const found = compare(text, options, cuts);
    const kind = nameOf(found.step);
    verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
    if (!found.same)
      return { disagreement: { seed: own, ...shrink(text, options, cuts) }, verdicts, inputs: input + 1 };
  }
  return { disagreement: null, verdicts, inputs };
}

const nameOf = (step: Step): string => (step.kind === 'refused' ? step.refusal.because : step.kind);

function optionsOf(random: Random): ScanOptions {
  const small: Limits = {
    ...LIMITS,
    headCharacters: random.pick([16, 32, 256]) * 1024,
    tagCharacters: random.pick([200, 16 * 1024, 20_000]),
    depth: random.pick([4, 6, 12]),
    attributes: random.pick([3, 10]),
  };
  return {
    limits: random.once(3) ? small : LIMITS,
    check: random.once(4) ? 'operation' : 'whole',
    isOperation: (namespace, name) => namespace === ORDERS && (name === 'GetOrder' || name === 'CancelOrder'),
  };
}

/** What is left of a message that was sent in some charset, and lost or gained bytes on the way: as the facade would decode it. */
function sent(random: Random, text: string): string {
  const bytes = encoded(random, text);
  for (let count = random.below(3); count > 0 && bytes.length > 0; count -= 1)
    bytes[random.below(bytes.length)] = random.below(256);
  const found = detect(
    bytes,
    random.once(2) ? null : random.pick(['utf-8', 'iso-8859-1', 'windows-1252', 'utf-16']),
    true,
  );
  if (found.kind !== 'charset') return text;
  return new Decoder(found.charset).write(bytes).text;
}

function encoded(random: Random, text: string): Buffer {
  switch (random.below(4)) {
    case 0:
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 1:
      return Buffer.from(text, 'latin1');
    default:
      return Buffer.from(text);
  }
}

interface Comparison {
  readonly same: boolean;
  readonly step: Step;
  readonly slow: unknown;
  readonly quick: unknown;
}

function compare(text: string, options: ScanOptions, cuts: number): Comparison {
  const slow = new Scanner(options);
  const quick = new QuickScanner(options);
  const random = new Random(cuts);
  const step = feed(slow, pieces(random, text));
  const other = feed(quick, pieces(random, text));
  const [expected, got] = [verdictOf(step, slow.version), verdictOf(other, quick.version)];
  return { same: JSON.stringify(expected) === JSON.stringify(got), step, slow: expected, quick: got };
}

function feed(scanner: Scanner | QuickScanner, chunks: readonly string[]): Step {
  for (const chunk of chunks) scanner.write(chunk);
  return scanner.end();
}

/** A verdict without the words: those are each scanner's own. */
function verdictOf(step: Step, version: string | null): unknown {
  return step.kind === 'refused' ? { because: step.refusal.because, known: step.known, version } : { step, version };
}

/** Cut in as many places as chance has it: none, few, or everywhere. */
function pieces(random: Random, text: string): readonly string[] {
  if (random.once(3)) return [text];
  if (random.once(8) && text.length < 2_000) return text.split('');
  const chunks: string[] = [];
  const most = random.pick([8, 100, 1_000, 20_000]);
  for (let at = 0; at < text.length;) {
    const to = at + random.below(most);
    chunks.push(text.slice(at, to));
    at = to;
  }
  return chunks;
}

/** Leaves out what it can do without, in ever smaller pieces. */
function shrink(given: string, options: ScanOptions, cuts: number): Omit<Disagreement, 'seed'> {
  let text = given;
  for (let size = 2 ** Math.ceil(Math.log2(text.length + 1)); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < text.length;) {
      const less = (text.slice(0, at) + text.slice(at + size)).toWellFormed();
      if (less.length >= text.length || compare(less, options, cuts).same) at += size;
      else text = less;
    }
  }
  const { slow, quick } = compare(text, options, cuts);
  return { text, slow, quick };
}
