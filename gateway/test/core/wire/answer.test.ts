import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Answers, type Listener } from '@banyan/gateway/core/wire/answer';
import { read, text, work, type How } from './reading.ts';

const ok = (...lines: string[]): string => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');
const LENGTH = ok('Content-Length: 5', 'A: b');
const SECOND = ok('Content-Length: 0');

describe('an answer', () => {
  test.each<[string, string, How, object]>([
    ['with a length', `${LENGTH}hello`, {}, { kind: 'whole', status: 200, reason: 'OK', body: 'hello', kept: true }],
    ['without a body', ok('Content-Length: 0'), {}, { kind: 'whole', body: '', kept: true }],
    ['that ends with its connection', `${ok()}hello`, {}, { kind: 'whole', body: 'hello', kept: false }],
    ['that ends with its connection, empty', ok(), {}, { kind: 'whole', body: '', kept: false }],
    [
      'to HEAD',
      LENGTH,
      { method: 'HEAD' },
      { kind: 'whole', body: '', fields: ['Content-Length', '5', 'A', 'b'], kept: false },
    ],
    ['to HEAD that speaks of no body', ok('A: b'), { method: 'HEAD' }, { kind: 'whole', body: '', kept: true }],
    ['of 204', 'HTTP/1.1 204 No Content\r\n\r\n', {}, { kind: 'whole', status: 204, body: '', kept: true }],
    [
      'of 304 with a length',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      {},
      { kind: 'whole', body: '', kept: false },
    ],
    [
      'behind hints',
      `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${LENGTH}hello`,
      {},
      {
        kind: 'whole',
        body: 'hello',
        interim: [
          [103, ['Link', 'x']],
          [100, []],
        ],
      },
    ],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', {}, { kind: 'whole', body: 'ok', kept: false }],
    [
      'with how long it is kept',
      `${ok('Content-Length: 0', 'Keep-Alive: timeout=7')}`,
      {},
      { kind: 'whole', kept: true, idleSeconds: 7 },
    ],
    ['that is cut in its head', LENGTH.slice(0, -1), {}, { kind: 'cut', head: false }],
    ['that is cut in its body', `${LENGTH}hell`, {}, { kind: 'cut', head: true, body: 'hell' }],
    ['of nothing', '', {}, { kind: 'cut', head: false }],
    [
      'that changes the protocol',
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n${SECOND}`,
      {},
      { kind: 'bad' },
    ],
    ['that is none', 'ICY 200 OK\r\n', {}, { kind: 'bad' }],
    ['behind an empty line', `\r\n${LENGTH}hello`, {}, { kind: 'bad' }],
    ['with bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n', {}, { kind: 'bad' }],
  ])('%s is read so, however it is cut', (_what, answer, how, expected) => {
    for (const pieces of [[], [1], [2], [3], [7, 1]]) expect(read(answer, { ...how, pieces })).toMatchObject(expected);
  });

  test.each([
    ['a length', `${LENGTH}hello`],
    ['chunks', `${ok('Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ])('with %s and bytes behind it is whole, and its connection carries no other', (_what, answer) => {
    expect(read(answer)).toMatchObject({ kind: 'whole', kept: true });
    for (const behind of [SECOND, '\r\n', 'x']) expect(read(answer + behind)).toEqual({ ...read(answer), kept: false });
  });

  test('that comes before it is asked for is bad', () => {
    const told: string[] = [];
    const listener: Listener = {
      head: () => told.push('head'),
      data: () => told.push('data'),
      end: () => told.push('end'),
      bad: () => told.push('bad'),
    };
    const answers = new Answers(listener, { text, mostHead: 1_000 });
    answers.take(Buffer.from(SECOND));
    answers.take(Buffer.from(SECOND));
    expect(told).toEqual(['bad']);
  });

  test('may be followed by the next as soon as its end is told of', () => {
    const told: unknown[] = [];
    const listener: Listener = {
      head: ({ status }) => told.push(status),
      data: (bytes) => told.push(Buffer.from(bytes).toString()),
      end: () => answers.begin('GET'),
      bad: (because) => told.push(because),
    };
    const answers: Answers = new Answers(listener, { text, mostHead: 1_000 });
    answers.begin('GET');
    answers.take(Buffer.from(`${LENGTH}hello`));
    expect(answers.began).toBe(false);
    answers.take(Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx'));
    expect(told).toEqual([200, 'hello', 404, 'x']);
  });

  test.each(['head', 'data'] as const)(
    'is told of no more once its listener has had enough of it, at its %s',
    (when) => {
      for (const answer of [
        `${LENGTH}hello`,
        `${ok('Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`,
        `${ok()}hello`,
      ]) {
        const told: string[] = [];
        const tell = (what: string): void => {
          told.push(what);
          if (what === when) answers.stop();
        };
        const listener: Listener = {
          head: () => tell('head'),
          data: () => tell('data'),
          end: () => tell('end'),
          bad: () => tell('bad'),
        };
        const answers: Answers = new Answers(listener, { text, mostHead: 1_000 });
        answers.begin('GET');
        answers.take(Buffer.from(answer));
        expect(answers.finish()).toBe(false);
        expect(told).toEqual(when === 'head' ? ['head'] : ['head', 'data']);
      }
    },
  );
});

describe('what is told', () => {
  const line = fc.constantFrom(
    'Content-Length: 5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'A: b',
    'A: ',
    'A\0: b',
    ' x',
  );
  const status = fc.constantFrom(
    'HTTP/1.1 200 OK',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 204',
    'HTTP/1.1 103 Hints',
    'HTTP/1.1 304 N',
    'HTTP/1.1 101 S',
    'HTTP/1.1 2x0 O',
    'ICY',
  );
  const part = fc.oneof(
    fc.tuple(status, fc.array(line, { maxLength: 4 })).map(([first, lines]) => [first, ...lines, '', ''].join('\r\n')),
    fc.constantFrom(
      'hello',
      '5\r\nhello\r\n',
      '0\r\n\r\n',
      '0\r\nA: b\r\n\r\n',
      '\r\n',
      '\r',
      '\n',
      '2;x\r\nok\r\n',
      'HTTP/1.',
    ),
  );
  test('depends on the bytes alone, never on how they were cut', () => {
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('GET', 'HEAD'),
        (bytes, pieces, method) => {
          // Why something is bad may be seen earlier or later, and bytes behind an answer may come behind its end.
          const plain = (how: How): unknown => {
            const told = read(bytes, { ...how, method });
            return told.kind === 'bad' ? 'bad' : { ...told, kept: null };
          };
          const whole = plain({});
          for (const cut of [[1], pieces]) expect(plain({ pieces: cut })).toEqual(whole);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('a head', () => {
  const most = 1_000;
  const of = (bytes: number): string => {
    const start = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ';
    return `${start}${'x'.repeat(bytes - start.length)}\r\n\r\n`;
  };

  test('has a limit to the byte, however it is cut', () => {
    for (const pieces of [[], [1], [2], [3], [999], [1_000], [1_001], [1_002], [1_003]]) {
      expect(read(of(most), { pieces, mostHead: most })).toMatchObject({ kind: 'whole' });
      expect(read(of(most + 1), { pieces, mostHead: most })).toMatchObject({ kind: 'bad' });
      // Without an end it is not waited for.
      expect(read(of(most + 100).slice(0, -4), { pieces, mostHead: most })).toMatchObject({ kind: 'bad' });
    }
  });

  test('has its limit for itself: hints before it do not count', () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'.repeat(100);
    expect(read(hints + of(most), { mostHead: most })).toMatchObject({ kind: 'whole' });
  });

  test.each([1, 2, 100, 4_096, 100_000])('in pieces of %i bytes costs as much as its bytes', (size) => {
    const answer = of(70_000);
    const before = work.characters;
    expect(read(answer, { pieces: [size] })).toMatchObject({ kind: 'whole' });
    // Each is made a character once; the first look at a piece is a short one.
    expect(work.characters - before).toBeLessThanOrEqual(answer.length);
  });

  test('of a large body costs little more than itself', () => {
    const body = 'x'.repeat(1_000_000);
    const before = work.characters;
    expect(read(`${ok(`Content-Length: ${body.length}`)}${body}`)).toMatchObject({ kind: 'whole' });
    expect(work.characters - before).toBeLessThanOrEqual(2_048);
  });
});
