import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expand, formatMatch, formatPath, readMatch, readPath } from '@banyan/gateway/core/pattern';
import type { Match } from '@banyan/gateway/core/table';

function read(text: string): Match {
  const found = readMatch(text);
  if (found.kind === 'bad') throw new Error(`${text}: ${found.because}`);
  return found.value;
}

describe('reading a match', () => {
  test.each<[string, Match]>([
    [
      'GET /api/orders/:orderId',
      {
        kind: 'rest',
        methods: ['GET'],
        path: [
          { kind: 'literal', text: 'api' },
          { kind: 'literal', text: 'orders' },
          { kind: 'param', name: 'orderId' },
        ],
      },
    ],
    ['GET|HEAD /', { kind: 'rest', methods: ['GET', 'HEAD'], path: [{ kind: 'literal', text: '' }] }],
    ['ANY /*', { kind: 'rest', methods: 'any', path: [{ kind: 'rest' }] }],
    [
      'M-SEARCH  /a%20b/',
      {
        kind: 'rest',
        methods: ['M-SEARCH'],
        path: [
          { kind: 'literal', text: 'a b' },
          { kind: 'literal', text: '' },
        ],
      },
    ],
    [
      'SOAP /soap/OrderService GetOrder',
      { kind: 'soap', path: '/soap/OrderService', namespace: null, name: 'GetOrder' },
    ],
    ['SOAP /s {urn:x}Get', { kind: 'soap', path: '/s', namespace: 'urn:x', name: 'Get' }],
    ['SOAP /s {}Get', { kind: 'soap', path: '/s', namespace: '', name: 'Get' }],
    ['SOAP /s Ärger.2', { kind: 'soap', path: '/s', namespace: null, name: 'Ärger.2' }],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    ['', 'expected "METHOD /path"'],
    ['GET', 'expected "METHOD /path"'],
    ['/api/orders', 'expected "METHOD /path"'],
    ['get /a', '"get" is not a method'],
    ['GET| /a', '"" is not a method'],
    ['GET|GET /a', 'names a method twice'],
    ['GET,HEAD /a', '"GET,HEAD" is not a method'],
    ['ANY|GET /a', '"ANY"'],
    ['SOAP|GET /a', '"SOAP"'],
    ['GET a', 'a path starts with "/"'],
    ['GET http://h/a', 'a path starts with "/"'],
    ['GET /a b', 'no spaces'],
    ['GET /a?b=1', 'no query'],
    ['GET /a#b', 'no fragment'],
    ['GET /*/a', 'only at the end'],
    ['GET /a*', 'a segment of its own'],
    ['GET /:', 'not a parameter'],
    ['GET /:a-b', 'not a parameter'],
    ['GET /:1', 'not a parameter'],
    ['GET /:a/:a', '":a" occurs twice'],
    ['GET /a/../b', 'no "." and ".."'],
    ['GET /a/%2e%2E/b', 'no "." and ".."'],
    ['GET /.', 'no "." and ".."'],
    ['GET /100%', 'is not percent-encoded'],
    ['GET /%ff', 'is not percent-encoded'],
    ['GET /a/\ud800', 'is not well-formed'],
    [`GET ${'/a'.repeat(65)}`, 'at most 64 segments'],
    ['SOAP /s', 'expected "SOAP /path Operation"'],
    ['SOAP /s Get Order', 'expected "SOAP /path Operation"'],
    ['SOAP s Get', 'literal and starts with "/"'],
    ['SOAP /s/:x Get', 'literal and starts with "/"'],
    ['SOAP /s/* Get', 'literal and starts with "/"'],
    ['SOAP /s?wsdl Get', 'literal and starts with "/"'],
    ['SOAP /s 1Get', '"1Get" is not the name of an element'],
    ['SOAP /s x:Get', '"x:Get" is not the name of an element'],
    ['SOAP /s {urn:x}', '"" is not the name of an element'],
    ['SOAP /s {urn:x', 'is not the name of an element'],
  ])('%j is refused', (text, because) => {
    const found = readMatch(text);
    expect(found.kind === 'bad' ? found.because : found).toContain(because);
  });

  test('reads any text without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^(GET|SOAP|ANY) .*$/)),
        (text) => {
          expect(['ok', 'bad']).toContain(readMatch(text).kind);
        },
      ),
    );
  });
});

const literal = fc
  .string({ unit: fc.constantFrom('a', 'Z', '9', '/', '%', ' ', ':', '*', '?', '#', '.', '~', 'é', '😀', ';', '=') })
  .filter((text) => text !== '.' && text !== '..');

describe('writing a match', () => {
  test('what is written is read back as the same match, whatever characters its segments hold', () => {
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 5 }), fc.boolean(), (texts, open) => {
        const path = [
          ...texts.map((text) => ({ kind: 'literal' as const, text })),
          { kind: 'param' as const, name: 'id' },
          ...(open ? [{ kind: 'rest' as const }] : []),
        ];
        const match: Match = { kind: 'rest', methods: ['GET', 'PUT'], path };
        expect(read(formatMatch(match))).toEqual(match);
      }),
    );
  });

  test.each(['SOAP /s Get', 'SOAP /s {urn:x}Get', 'SOAP /s {}Get', 'ANY /*', 'GET|HEAD /a/:b/*', 'GET /a%2Fb/'])(
    '%s stays as it is',
    (text) => {
      expect(formatMatch(read(text))).toBe(text);
    },
  );
});

describe("a successor's own path", () => {
  const path = (text: string): ReturnType<typeof read> & { kind: 'rest' } => {
    const found = readPath(text);
    if (found.kind === 'bad') throw new Error(found.because);
    return { kind: 'rest', methods: 'any', path: found.value };
  };

  test('takes parameters as they came, so that an encoded slash stays in its segment', () => {
    expect(expand(path('/v2/orders/:id/lines').path, new Map([['id', 'a%2Fb%20c']]))).toBe(
      '/v2/orders/a%2Fb%20c/lines',
    );
  });

  test('takes what a final * stood for, with its slashes', () => {
    expect(expand(path('/v2/*').path, new Map([['*', 'a/b%2Fc/']]))).toBe('/v2/a/b%2Fc/');
    expect(expand(path('/v2/*').path, new Map([['*', '']]))).toBe('/v2/');
  });

  test('keeps the characters that a path may hold as they are, and encodes all others', () => {
    expect(expand(path("/v1/orders:batchGet/a@b/x;v=1,2/(it's)!$&+~/é %25").path.slice(0), new Map())).toBe(
      "/v1/orders:batchGet/a@b/x;v=1,2/(it's)!$&+~/%C3%A9%20%25",
    );
  });

  test('is read back from what is written', () => {
    expect(formatPath(path('/v2/:a/%2A/*').path)).toBe('/v2/:a/%2A/*');
  });
});
