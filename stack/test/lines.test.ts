import { cut, LONGEST_LINE, prefixed, readable } from '@banyan/stack/core/lines';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('lines come out whole however the stream was cut', () => {
  const line = fc.string({ maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, ' '));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(60)), (lines, sizes) => {
      let rest = lines.map((text) => `${text}\n`).join('');
      let pending = '';
      const seen: string[] = [];
      for (const size of [...sizes, rest.length]) {
        const result = cut(pending, rest.slice(0, size));
        rest = rest.slice(size);
        pending = result.pending;
        seen.push(...result.lines);
      }
      expect(seen).toEqual(lines);
      expect(pending).toBe('');
    }),
  );
});

test('a line without an end is cut rather than kept', () => {
  const result = cut('', 'x'.repeat(2 * LONGEST_LINE + 5));
  expect(result.lines.map((line) => line.length)).toEqual([LONGEST_LINE, LONGEST_LINE]);
  expect(result.pending).toBe('xxxxx');
});

test.each([
  ['plain text passes', 'ready http://127.0.0.1:8081', ['ready http://127.0.0.1:8081']],
  ['JSON that is no log record passes', '{"a":1}', ['{"a":1}']],
  ['broken JSON passes', '{"level":30,"time"', ['{"level":30,"time"']],
  [
    'a record becomes words, without what every line repeats',
    '{"level":30,"time":1,"pid":2,"hostname":"h","name":"cdc","msg":"copied","rows":2000,"table":"public.orders"}',
    ['INFO  copied rows=2000 table=public.orders'],
  ],
  ['values with blanks are quoted', '{"level":40,"time":1,"msg":"slow","why":"a b"}', ['WARN  slow why="a b"']],
  [
    'a warning has the message of its error',
    '{"level":40,"time":1,"msg":"again","err":{"type":"Error","message":"gone away","stack":"Error: gone away\\n  at x"}}',
    ['WARN  again err="gone away"'],
  ],
  [
    'an error has its trace too',
    '{"level":50,"time":1,"msg":"bad","err":{"message":"gone","stack":"Error: gone\\n    at x"}}',
    ['ERROR bad err="gone"', 'Error: gone', '    at x'],
  ],
])('%s', (_name, line, expected) => expect(readable(line)).toEqual(expected));

test('a record is never lost, whatever stands in it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(readable(text).length).toBeGreaterThan(0);
    }),
  );
});

test('the name stands in a column', () => expect(prefixed('cdc', 8, 'x')).toBe('cdc      | x'));
