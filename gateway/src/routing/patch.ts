/** What an operator applies by hand where `routing.yaml` cannot be written: a unified diff of one change. */

const CONTEXT_LINES = 3; // As many as `diff -u` gives: enough for `patch` to find the place in a file that has moved on.

/**
 * A unified diff from `before` to `after`, which differ in one place; `patch -p1` and `git apply` take it.
 * @param name of the file, without its folder
 */
export function patchOf(name: string, before: string, after: string): string {
  const old = linesOf(before);
  const next = linesOf(after);
  const least = Math.min(old.length, next.length);
  let head = 0;
  while (head < least && old[head] === next[head]) head += 1;
  let tail = 0;
  while (tail < least - head && old.at(-1 - tail) === next.at(-1 - tail)) tail += 1;
  const from = Math.max(head - CONTEXT_LINES, 0);
  const lead = old.slice(from, head);
  const cut = old.slice(head, old.length - tail);
  const put = next.slice(head, next.length - tail);
  const trail = old.slice(old.length - tail, old.length - tail + CONTEXT_LINES);
  const around = lead.length + trail.length;
  return [
    `--- a/${name}\n`,
    `+++ b/${name}\n`,
    `@@ -${from + 1},${around + cut.length} +${from + 1},${around + put.length} @@\n`,
    ...lead.map((line) => ended(` ${line}`)),
    ...cut.map((line) => ended(`-${line}`)),
    ...put.map((line) => ended(`+${line}`)),
    ...trail.map((line) => ended(` ${line}`)),
  ].join('');
}

const linesOf = (text: string): string[] => text.split(/(?<=\n)/);

const ended = (line: string): string => (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`);
