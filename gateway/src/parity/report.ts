/**
 * What a run found, as JSON for machines and as lines for people. Values are cut to a length at which they can be read; paths
 * and kinds never.
 */
import type { Finding } from '../core/difference.ts';
import { numberOf, print, type Json } from '../core/json.ts';
import { printPath } from '../core/path.ts';
import { VERDICTS, type Verdict } from '../core/verdict.ts';
import type { Result } from './run.ts';

const MAX_JSON_CHARS = 4096; // As much of a value as tells what it was; whole bodies would make reports of gigabytes.
const MAX_LINE_CHARS = 60;
const MAX_SHOWN = 20; // Differences of one request; the JSON has them all.

/** 0: compared, and nothing found; 1: a mismatch, an error, or nothing compared at all. */
export function exitCodeOf(results: readonly Result[]): 0 | 1 {
  const counts = countsOf(results);
  const isBad = counts.mismatch > 0 || counts.error > 0 || counts.skipped === results.length;
  return isBad ? 1 : 0;
}

function countsOf(results: readonly Result[]): Record<Verdict, number> {
  const counts = { match: 0, declared: 0, noise: 0, stale: 0, mismatch: 0, error: 0, skipped: 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}

/** How often each reason or id occurs, in the order of their first. */
function tally(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

const skips = (results: readonly Result[]): ReadonlyMap<string, number> =>
  tally(results.flatMap(({ because }) => because ?? []));

/**
 * `{"summary": {"match": n, …}, "results": [{"name", "route", "verdict", "differences": […]}]}`. A result that was skipped or
 * failed also has `because`; `skipped` counts the reasons.
 */
export function toJson(results: readonly Result[]): string {
  const numbers = (counts: Iterable<readonly [string, number]>): Json =>
    new Map([...counts].map(([word, count]) => [word, numberOf(String(count))]));
  return print(
    new Map<string, Json>([
      ['summary', numbers(Object.entries(countsOf(results)))],
      ['skipped', numbers(skips(results))],
      ['results', results.map(resultJson)],
    ]),
  );
}

function resultJson({ item, route, verdict, findings, because, detail }: Result): Json {
  const reason = [because, detail].filter((part) => part !== null && part !== '').join(': ');
  const members: (readonly [string, Json])[] = [
    ['name', item.request.name],
    ['route', route],
    ['verdict', verdict],
    ['differences', findings.map(differenceJson)],
  ];
  return new Map(reason === '' ? members : [...members, ['because', reason]]);
}

function differenceJson({ path, kind, control, candidate, excusedBy }: Finding): Json {
  return new Map<string, Json>([
    ['path', printPath(path)],
    ['kind', kind],
    ['control', cut(control)],
    ['candidate', cut(candidate)],
    ['excusedBy', excusedBy],
  ]);
}

/** A value, or the beginning of its text; null for nothing, as the kind then says. */
function cut(value: Json | undefined): Json {
  if (value === undefined) return null;
  const text = print(value, MAX_JSON_CHARS);
  return text.length <= MAX_JSON_CHARS ? value : `${text.slice(0, MAX_JSON_CHARS)}…`;
}

/** A line for each request that is no plain match, its differences below it, and the sums. */
export function toLines(results: readonly Result[]): readonly string[] {
  const lines = results.filter(({ verdict }) => verdict !== 'match').flatMap(resultLines);
  const counts = countsOf(results);
  const sums = VERDICTS.filter((verdict) => counts[verdict] > 0).map((verdict) => `${verdict} ${counts[verdict]}`);
  const reasons = [...skips(results)].map(([reason, count]) => `${reason} ${count}`);
  const used = tally(
    results.flatMap(({ findings }) => [...new Set(findings.flatMap(({ excusedBy }) => excusedBy ?? []))]),
  );
  return [
    ...lines,
    ...(lines.length > 0 ? [''] : []),
    `${results.length} requests: ${sums.join(', ')}`,
    ...(reasons.length > 0 ? [`skipped: ${reasons.join(', ')}`] : []),
    ...(used.size > 0 ? [`excused by: ${[...used].map(([id, count]) => `${id} ${count}`).join(', ')}`] : []),
    ...(counts.skipped === results.length ? ['nothing was compared'] : []),
  ];
}

function resultLines(result: Result): readonly string[] {
  const { item, route, verdict, findings, because, detail } = result;
  const reason = because === null ? '' : `: ${because}`;
  const more = detail === '' ? '' : ` (${plain(detail)})`;
  const where = `${item.file}:${item.request.line}`;
  const head = `${(verdict + reason).padEnd(9)} ${route.padEnd(16)} ${plain(item.request.name)}${more}  ${plain(where)}`;
  const open = findings.filter(({ excusedBy }) => excusedBy === null);
  const shown = open.slice(0, MAX_SHOWN).map(differenceLine);
  const rest = open.length > MAX_SHOWN ? [`          … and ${open.length - MAX_SHOWN} more differences`] : [];
  const excused = [...tally(findings.flatMap(({ excusedBy }) => excusedBy ?? []))];
  const declared =
    excused.length === 0 ? [] : [`          excused: ${excused.map(([id, count]) => `${id} ${count}`).join(', ')}`];
  return [head, ...shown, ...rest, ...declared];
}

/** `changed  $.total  605 -> 606`: one difference for people. */
export function differenceLine({ path, kind, control, candidate }: Finding): string {
  const values = kind === 'order' ? '' : `  ${valueText(control)} -> ${valueText(candidate)}`;
  return `          ${kind.padEnd(8)} ${plain(printPath(path))}${values}`;
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const text = print(value, MAX_LINE_CHARS);
  return plain(text.length <= MAX_LINE_CHARS ? text : `${text.slice(0, MAX_LINE_CHARS)}…`);
}

/** What a side sent must not steer the terminal: control and format characters are shown as escapes. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
