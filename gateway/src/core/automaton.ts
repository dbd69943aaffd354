/**
 * Finds a regular expression in a text in time proportional to the text's length times the pattern's, whatever both are: all
 * ways through the pattern are followed at once (Thompson's simulation), so there is nothing to go back to.
 */
import { isWord, type Assertion, type Range, type Regex } from './regex.ts';

/** One instruction of a compiled pattern; numbers are places in the program. */
type Instruction =
  | { readonly kind: 'set'; readonly ranges: readonly Range[]; readonly next: number }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'fork'; readonly to: readonly number[] }
  | { readonly kind: 'found' };

/** A compiled pattern. It begins at the last instruction. */
export type Program = readonly Instruction[];

const MAX_INSTRUCTIONS = 1500; // Times the longest value that is looked at: some tenths of a second at the very worst.

/** Compiles a pattern. Returns null when its counts make it too long. */
export function compileRegex(regex: Regex): Program | null {
  const program: Instruction[] = [{ kind: 'found' }];
  const entry = emit(program, regex, 0);
  if (program.length > MAX_INSTRUCTIONS) return null;
  program.push({ kind: 'fork', to: [entry] });
  return program;
}

/** Adds what matches `regex` and goes on at `next`; returns where it begins. */
function emit(program: Instruction[], regex: Regex, next: number): number {
  if (program.length > MAX_INSTRUCTIONS) return next;
  switch (regex.kind) {
    case 'set':
      return program.push({ kind: 'set', ranges: regex.ranges, next }) - 1;
    case 'assert':
      return program.push({ kind: 'assert', what: regex.what, next }) - 1;
    case 'cat':
      return regex.parts.reduceRight((after, part) => emit(program, part, after), next);
    case 'alt':
      return program.push({ kind: 'fork', to: regex.options.map((option) => emit(program, option, next)) }) - 1;
    case 'repeat':
      return repeated(program, regex, next);
  }
}

function repeated(program: Instruction[], regex: Extract<Regex, { kind: 'repeat' }>, next: number): number {
  const { body, min, max } = regex;
  let entry = next;
  if (max === null) entry = endless(program, body, next);
  for (let round = min; max !== null && round < max && program.length <= MAX_INSTRUCTIONS; round += 1)
    entry = program.push({ kind: 'fork', to: [emit(program, body, entry), next] }) - 1;
  for (let round = 0; round < min && program.length <= MAX_INSTRUCTIONS; round += 1) entry = emit(program, body, entry);
  return entry;
}

function endless(program: Instruction[], body: Regex, next: number): number {
  const fork = program.push({ kind: 'found' }) - 1; // Its targets are known once the body is there.
  program[fork] = { kind: 'fork', to: [emit(program, body, fork), next] };
  return fork;
}

/** Whether the pattern is found anywhere in `text`, as `RegExp.test` says it with the `u` flag. */
export function finds(program: Program, text: string): boolean {
  const seen = new Int32Array(program.length).fill(-1);
  let current: number[] = [];
  let before: number | undefined;
  for (let at = 0; ;) {
    const code = text.codePointAt(at);
    current.push(program.length - 1); // The pattern may begin anywhere.
    const next: number[] = [];
    if (settle(program, { places: current, seen, at, before, code }, next)) return true;
    if (code === undefined) return false;
    current = next;
    before = code;
    at += code > 0xffff ? 2 : 1;
  }
}

interface Moment {
  readonly places: number[];
  /** The position at which each instruction was last reached. */
  readonly seen: Int32Array;
  readonly at: number;
  readonly before: number | undefined;
  readonly code: number | undefined;
}

/** Follows everything that takes no character, then the sets that take this one. Says whether the end was found. */
function settle(program: Program, moment: Moment, next: number[]): boolean {
  const { places, seen, at, code } = moment;
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    if (seen[place] === at) continue;
    seen[place] = at;
    const instruction = program[place];
    if (instruction === undefined || instruction.kind === 'found') return true;
    if (instruction.kind === 'fork') places.push(...instruction.to);
    else if (instruction.kind === 'assert') {
      if (holds(instruction.what, moment)) places.push(instruction.next);
    } else if (code !== undefined && holdsSet(instruction.ranges, code)) next.push(instruction.next);
  }
  return false;
}

function holds(what: Assertion, { before, code }: Moment): boolean {
  switch (what) {
    case 'start':
      return before === undefined;
    case 'end':
      return code === undefined;
    case 'boundary':
      return isWord(before) !== isWord(code);
    case 'inside':
      return isWord(before) === isWord(code);
  }
}

function holdsSet(ranges: readonly Range[], code: number): boolean {
  for (const [from, to] of ranges) if (code >= from && code <= to) return true;
  return false;
}
