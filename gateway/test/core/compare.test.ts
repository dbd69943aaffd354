import { describe, expect, test } from 'vitest';
import { linesOf } from '@banyan/gateway/core/answer';
import { compare, type Asked } from '@banyan/gateway/core/compare';
import { answer, compareOf, found, rules } from './made.ts';

const failed = (because: string): Asked => ({ kind: 'failed', because });

describe('status', () => {
  test.each<[string, Asked, Asked, string[]]>([
    ['the same', answer({}), answer({}), []],
    [
      'another of the same class: bodies are compared too',
      answer({ status: 200, body: '1' }),
      answer({ status: 201, body: '2' }),
      ['changed status 200 -> 201', 'changed $ 1 -> 2'],
    ],
    [
      'another class: the status is the finding',
      answer({ status: 404, body: '{"error":"x"}', headers: [['cache-control', 'no-store']] }),
      answer({ body: '{"items":[]}' }),
      ['changed status 404 -> 200'],
    ],
    [
      'a candidate that fails where the control did not',
      answer({}),
      answer({ status: 503, type: 'text/html', body: 'x' }),
      ['fatal changed status 200 -> 503'],
    ],
    [
      'a control that fails where the candidate does not',
      answer({ status: 500 }),
      answer({ status: 409 }),
      ['changed status 500 -> 409'],
    ],
    [
      'both fail alike',
      answer({ status: 500, body: '{"a":1}' }),
      answer({ status: 500, body: '{"a":2}' }),
      ['changed $.a 1 -> 2'],
    ],
    ['both fail, differently', answer({ status: 500 }), answer({ status: 502 }), ['changed status 500 -> 502']],
    ['a candidate that was not reached', answer({}), failed('refused'), ['fatal missing status 200 -> -']],
    ['a control that was not reached', failed('refused'), answer({}), ['skipped: control']],
    ['both were not reached', failed('refused'), failed('refused'), ['skipped: control']],
  ])('%s', (_name, control, candidate, expected) => {
    expect(found(control, candidate)).toEqual(expected);
  });

  test('is excused by "status A -> B", also where the candidate failed', () => {
    expect(found(answer({ status: 200 }), answer({ status: 503 }), rules(['status', 'status 200 -> 503']))).toEqual([
      'fatal changed status 200 -> 503 (e0)',
    ]);
    expect(found(answer({ status: 200 }), answer({ status: 404 }), rules(['status', 'status 404 -> 200']))).toEqual([
      'changed status 200 -> 404',
    ]);
  });

  test('says why a candidate was not reached', () => {
    expect(compareOf(answer({}), failed('timed out'))).toMatchObject({ kind: 'compared', detail: 'timed out' });
    expect(compareOf(failed('timed out'), answer({}))).toMatchObject({ kind: 'skipped', detail: 'timed out' });
  });
});

describe('bodies that their content type cannot hold', () => {
  const broken = { kind: 'broken', because: 'not utf-8' } as const;

  test.each<[string, Asked, Asked, string[]]>([
    [
      'bad JSON of the candidate',
      answer({}),
      answer({ body: '{' }),
      ['fatal type $ {} -> "not JSON: the text ends, at line 1, column 2"'],
    ],
    [
      'a repeated key',
      answer({}),
      answer({ body: '{"a":1,"a":1}' }),
      ['fatal type $ {} -> "not JSON: the key \\"a\\" stands twice, at line 1, column 8"'],
    ],
    ['bad UTF-8 of the candidate', answer({}), answer({ body: broken }), ['fatal type $ {} -> "not utf-8"']],
    [
      'also where the status is of another class',
      answer({}),
      answer({ status: 404, body: '{' }),
      ['changed status 200 -> 404', 'fatal type $ {} -> "not JSON: the text ends, at line 1, column 2"'],
    ],
    ['bad JSON of the control', answer({ body: '{' }), answer({}), ['skipped: control']],
    ['bad JSON of both', answer({ body: '{' }), answer({ body: '{' }), ['skipped: control']],
    ['a broken control before a failed candidate', answer({ body: broken }), failed('x'), ['skipped: control']],
    ['text may be anything', answer({ type: 'text/plain', body: '{' }), answer({ type: 'text/plain', body: '{' }), []],
  ])('%s', (_name, control, candidate, expected) => {
    expect(found(control, candidate)).toEqual(expected);
  });

  test('no entry but one of the status excuses a failure', () => {
    const ledger = rules(['$', 'anything']);
    expect(found(answer({}), answer({ body: '{' }), ledger)[0]).not.toContain('(e0)');
    expect(found(answer({ body: '1' }), answer({ body: '2' }), ledger)).toEqual(['changed $ 1 -> 2 (e0)']);
  });
});

describe('bodies', () => {
  const none = { kind: 'none' } as const;
  const binary = (sha256: string): Asked => answer({ type: 'image/png', body: { kind: 'binary', sha256, bytes: 3 } });

  test.each<[string, Asked, Asked, string[]]>([
    ['none on both sides', answer({ body: none }), answer({ body: none }), []],
    ['none at the candidate', answer({ body: '{}' }), answer({ body: none }), ['missing $ {} -> -']],
    ['none at the control', answer({ body: none }), answer({ body: '[]' }), ['extra $ - -> []']],
    ['the same bytes', binary('aa'), binary('aa'), []],
    ['other bytes', binary('aa'), binary('bb'), ['changed $ "sha256:aa (3 bytes)" -> "sha256:bb (3 bytes)"']],
    ['too much to compare', answer({ body: { kind: 'large' } }), answer({}), ['skipped: budget']],
    [
      'too much, and another class: the status is the finding',
      answer({}),
      answer({ status: 404, body: { kind: 'large' } }),
      ['changed status 200 -> 404'],
    ],
    [
      'a vendor’s JSON is JSON',
      answer({ type: 'application/vnd.x+json', body: '{"a":1.0}' }),
      answer({ type: 'application/vnd.x+json', body: '{"a":1}' }),
      [],
    ],
    [
      'JSON against text',
      answer({ body: '{"a":1}' }),
      answer({ type: 'text/plain', body: 'hello' }),
      ['changed headers[\'content-type\'] "application/json" -> "text/plain"', 'type $ {"a":1} -> {"line":["hello"]}'],
    ],
    [
      'the same text under two types',
      answer({ body: '1' }),
      answer({ type: 'text/plain', body: '1' }),
      ['changed headers[\'content-type\'] "application/json" -> "text/plain"'],
    ],
  ])('%s', (_name, control, candidate, expected) => {
    expect(found(control, candidate)).toEqual(expected);
  });

  test('time that is over ends reading and comparing', () => {
    const big = answer({ body: JSON.stringify(Array.from({ length: 20_000 }, (_, index) => index)) });
    const options = { rules: rules(), headers: [], spent: () => true };
    expect(compare(big, big, options)).toEqual({ kind: 'skipped', because: 'budget', detail: '' });
  });
});

describe('text', () => {
  const text = (body: string): Asked => answer({ type: 'text/html', body });

  test.each<[string, string, string, string[]]>([
    ['line ends and a last one do not count', 'a\r\nb\r\n', 'a\nb', []],
    ['lines count from 1', 'a\nb', 'a\nc', ['changed $.line[2] "b" -> "c"']],
    ['a missing line', 'a\nb', 'a', ['missing $.line[2] "b" -> -']],
    ['an extra line', '', 'a', ['extra $.line[1] - -> "a"']],
    ['lines in another order', 'a\nb', 'b\na', ['order $.line']],
    ['white space counts', 'a ', 'a', ['changed $.line[1] "a " -> "a"']],
    ['a blank line is a line', 'a\n\n', 'a\n', ['missing $.line[2] "" -> -']],
  ])('%s', (_name, control, candidate, expected) => {
    expect(found(text(control), text(candidate))).toEqual(expected);
  });

  test('an entry names lines as differences do', () => {
    const ledger = rules(['$.line[2]', 'anything'], ['$.line', 'unordered']);
    expect(found(text('a\nb'), text('a\nc'), ledger)).toEqual(['changed $.line[2] "b" -> "c" (e0)']);
    expect(found(text('a\nb\nc'), text('c\nb\na'), ledger)).toEqual(['order $.line (e1)']);
  });

  test('a carriage return alone ends no line', () => {
    expect(linesOf('a\rb')).toEqual(['a\rb']);
  });

  test('XML is compared as text as long as it has no lift of its own', () => {
    const xml = (body: string): Asked => answer({ type: 'text/xml', body });
    expect(found(xml('<a>1</a>'), xml('<a>2</a>'))).toEqual(['changed $.line[1] "<a>1</a>" -> "<a>2</a>"']);
  });
});

describe('headers', () => {
  const header = (name: string, value: string): Asked =>
    answer({ type: null, body: { kind: 'none' }, headers: [[name, value]] });

  test.each<[string, string, string, boolean]>([
    ['content-type', 'application/json', 'Application/JSON; charset=UTF-8', true],
    ['content-type', 'text/xml', 'text/xml;charset="utf-8"', true],
    [
      'content-type',
      'application/soap+xml; action="A"; charset=utf-8',
      'application/soap+xml;charset=utf-8;action=a',
      true,
    ],
    ['content-type', 'text/xml', 'application/xml', false],
    ['content-type', 'text/plain', 'text/plain; charset=utf-8', false],
    ['content-type', 'application/json', 'application/json; charset=latin1', false],
    ['content-type', 'text/plain; a="x;y=z"', 'text/plain; a="x"; y=z', false],
    ['cache-control', 'private, max-age=60', 'Max-Age="60",private', true],
    ['cache-control', 'private, private', 'private', true],
    ['cache-control', 'max-age=60', 'max-age=61', false],
    ['cache-control', 'private="a, b"', 'private="a", b', false],
  ])('%s %s and %s: %s', (name, control, candidate, expected) => {
    expect(found(header(name, control), header(name, candidate)).length === 0).toBe(expected);
  });

  test.each<[string, string, boolean]>([
    ['/api/orders/1', '/api/orders/1', true],
    ['http://127.0.0.1:8081/api/orders/1', 'http://127.0.0.1:8082/api/orders/1', true],
    ['HTTP://127.0.0.1:8081/api/orders/1', '/api/orders/1', true],
    ['//127.0.0.1:8081/x', '/x', true],
    ['http://127.0.0.1:8081', '/', true],
    ['http://127.0.0.1:8081?a', '/?a', true],
    ['http://127.0.0.1:8081/x', 'http://127.0.0.1:8081/x', false],
    ['http://127.0.0.1:80811/x', '/x', false],
    ['https://127.0.0.1:8081/x', '/x', false],
    ['http://elsewhere/x', 'http://elsewhere/x', true],
    ['/x', '/y', false],
  ])('location %s and %s: %s', (control, candidate, expected) => {
    const side = (origin: string, value: string): Asked =>
      answer({ type: null, body: { kind: 'none' }, status: 302, origin, headers: [['Location', value]] });
    const differences = found(side('http://127.0.0.1:8081', control), side('http://127.0.0.1:8082', candidate));
    expect(differences.length === 0).toBe(expected);
  });

  test('the port that a scheme has anyway does not count', () => {
    const side = (value: string): Asked => answer({ origin: 'http://shop', headers: [['location', value]] });
    expect(found(side('http://SHOP:80/x'), side('/x'))).toEqual([]);
  });

  test('missing and extra ones are told with the values as they were sent', () => {
    expect(found(header('Cache-Control', 'No-Store'), header('Location', '/x'))).toEqual([
      'extra headers[\'location\'] - -> "/x"',
      'missing headers[\'cache-control\'] "No-Store" -> -',
    ]);
  });

  test('others count only when they are asked for, letter by letter', () => {
    expect(found(header('x-a', '1'), header('x-a', '2'))).toEqual([]);
    expect(found(header('x-a', '1'), header('X-A', '2'), rules(), ['x-a'])).toEqual([
      'changed headers[\'x-a\'] "1" -> "2"',
    ]);
  });

  test('are excused by entries', () => {
    const ledger = rules(["headers['Content-Type']", 'pattern ^text/']);
    expect(found(header('content-type', 'text/xml'), header('content-type', 'text/plain'), ledger)).toEqual([
      'changed headers[\'content-type\'] "text/xml" -> "text/plain" (e0)',
    ]);
  });
});

describe('cookies', () => {
  const cookies = (...values: string[]): Asked =>
    answer({ headers: values.map((value) => ['Set-Cookie', value] as const) });

  test.each<[string, string[], string[], string[]]>([
    ['values do not count', ['sid=1; Path=/'], ['sid=2; Path=/'], []],
    [
      'neither do the case and the order of attributes',
      ['sid=1; HttpOnly; SameSite=Lax'],
      ['sid=1; samesite=LAX; httponly'],
      [],
    ],
    ['nor how long they live', ['sid=1; Max-Age=5'], ['sid=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT'], []],
    ['a missing cookie', ['sid=1'], [], ["missing cookies['sid'] {} -> -"]],
    ['an extra cookie', [], ['sid=1; Secure'], ['extra cookies[\'sid\'] - -> {"Secure":true}']],
    ['a missing flag', ['sid=1; HttpOnly'], ['sid=1'], ["missing cookies['sid'].HttpOnly true -> -"]],
    ['an extra flag', ['sid=1'], ['sid=1; Secure'], ["extra cookies['sid'].Secure - -> true"]],
    [
      'another attribute',
      ['sid=1; SameSite=Lax'],
      ['sid=1; SameSite=None'],
      ['changed cookies[\'sid\'].SameSite "lax" -> "none"'],
    ],
    ['another path', ['sid=1; Path=/'], ['sid=1; Path=/api'], ['changed cookies[\'sid\'].Path "/" -> "/api"']],
    ['a dot before a domain says nothing', ['sid=1; Domain=.Example.com'], ['sid=1; Domain=example.com'], []],
    ['the last of two equal ones counts', ['sid=1; Secure', 'sid=2'], ['sid=3'], []],
    [
      'names are told apart by case',
      ['sid=1'],
      ['SID=1'],
      ["missing cookies['sid'] {} -> -", "extra cookies['SID'] - -> {}"],
    ],
    [
      'one name for several paths',
      ['a=1; Path=/x', 'a=1; Path=/y'],
      ['a=1; Path=/x'],
      ['missing cookies[\'a\'][1] {"Path":"/y"} -> -'],
    ],
  ])('%s', (_name, control, candidate, expected) => {
    expect(found(cookies(...control), cookies(...candidate))).toEqual(expected);
  });
});
