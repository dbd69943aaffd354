/**
 * What the tests of the comparator make: trees of JSON text, entries, answers, and differences as one line each.
 */
import type { Answer, Body } from '@banyan/gateway/core/answer';
import { compare, type Asked, type Comparison } from '@banyan/gateway/core/compare';
import type { Finding } from '@banyan/gateway/core/difference';
import type { Rules } from '@banyan/gateway/core/excuse';
import { print, type Json } from '@banyan/gateway/core/json';
import { parseAllow, problemOfEntry, type Entry } from '@banyan/gateway/core/ledger';
import { parseJson } from '@banyan/gateway/core/parse';
import { parseAt, printPath } from '@banyan/gateway/core/path';
import { compareTrees } from '@banyan/gateway/core/tree';

export const never = (): boolean => false;

/** The tree of a JSON text, or of a value without numbers that a float cannot hold. */
export function tree(value: unknown): Json {
  const parsed = parseJson(typeof value === 'string' ? value : JSON.stringify(value));
  if (parsed.kind !== 'parsed') throw new Error(`${parsed.kind}: ${parsed.because}`);
  return parsed.value;
}

/** Entries written `[at, allow]`, named e0, e1 … */
export function rules(...written: readonly (readonly [at: string, allow: string])[]): Rules {
  return { entries: written.map(([at, allow], index) => entryOf(`e${index}`, at, allow)) };
}

export function entryOf(id: string, written: string, allowed: string, more: Partial<Entry> = {}): Entry {
  const at = parseAt(written);
  const allow = parseAllow(allowed);
  if ('error' in at) throw new Error(at.error);
  if ('error' in allow) throw new Error(allow.error);
  const entry = { id, routes: ['r'], at, allow, zone: null, why: '-', owner: '-', until: '2999-12-31', ...more };
  const problem = problemOfEntry(entry);
  if (problem !== null) throw new Error(problem);
  return entry;
}

/** `changed $.a 1 -> 2 (e0)`: what a difference says, on one line. */
export function line({ path, kind, control, candidate, excusedBy, fatal }: Finding): string {
  const text = (value: Json | undefined): string => (value === undefined ? '-' : print(value));
  const values = kind === 'order' ? '' : ` ${text(control)} -> ${text(candidate)}`;
  return `${fatal ? 'fatal ' : ''}${kind} ${printPath(path)}${values}${excusedBy === null ? '' : ` (${excusedBy})`}`;
}

/** The differences of two bodies. */
export function differences(control: unknown, candidate: unknown, with_: Rules = rules()): readonly string[] {
  const found = compareTrees(tree(control), tree(candidate), { rules: with_, base: 0, spent: never });
  if (found === null) throw new Error('out of time');
  return found.map(line);
}

interface Made {
  readonly status?: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly type?: string | null;
  readonly body?: Body | string;
  readonly origin?: string;
}

/** An answer; JSON unless `type` says otherwise. */
export function answer({
  status = 200,
  headers = [],
  type = 'application/json',
  body = '{}',
  origin = 'http://side',
}: Made): Asked {
  const made: Answer = {
    status,
    headers: type === null ? headers : [['Content-Type', type], ...headers],
    body: typeof body === 'string' ? { kind: 'text', text: body } : body,
    origin,
  };
  return { kind: 'answered', answer: made };
}

/** How two answers compare. */
export function compareOf(
  control: Asked,
  candidate: Asked,
  with_: Rules = rules(),
  headers: readonly string[] = [],
): Comparison {
  return compare(control, candidate, { rules: with_, headers, spent: never });
}

/** The differences of two answers; what they were skipped for when they were. */
export function found(
  control: Asked,
  candidate: Asked,
  with_: Rules = rules(),
  headers: readonly string[] = [],
): readonly string[] {
  const comparison = compareOf(control, candidate, with_, headers);
  return comparison.kind === 'skipped' ? [`skipped: ${comparison.because}`] : comparison.findings.map(line);
}
