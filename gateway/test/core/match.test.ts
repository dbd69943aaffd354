import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collisions, compile, match } from '@banyan/gateway/core/match';
import { readMatch } from '@banyan/gateway/core/pattern';
import type { Route, Segment } from '@banyan/gateway/core/table';
import { routeOf } from '../tables.ts';

const routes = (...patterns: readonly string[]): Route[] =>
  patterns.map((pattern) => routeOf({ id: pattern, match: parsed(pattern) }));

function parsed(pattern: string): Route['match'] {
  const read = readMatch(pattern);
  if (read.kind === 'bad') throw new Error(`${pattern}: ${read.because}`);
  return read.value;
}

const found = (patterns: readonly string[], method: string, path: string): string | null =>
  match(compile(routes(...patterns)), method, path)?.route.id ?? null;

const paramsOf = (pattern: string, path: string): Record<string, string> =>
  Object.fromEntries(match(compile(routes(pattern)), 'GET', path)?.params ?? [['none', 'matched']]);

/** Higher is more specific; compared from the left. */
const RANK = { literal: 2, param: 1, rest: 0 } as const;

/**
 * The rule of docs/routing.md, as slowly and plainly as it can be said: of all routes that match, the one whose path is more
 * specific at the first segment where they differ; on one path, the one that names the method.
 */
function slowly(table: readonly Route[], method: string, path: string): Route | null {
  const parts = path.slice(1).split('/').map(decodedOrNull);
  if (parts.some((part) => part === '.' || part === '..')) return null;
  const all = table.filter(
    ({ match: own }) =>
      own.kind === 'rest' &&
      (own.methods === 'any' || own.methods.includes(method)) &&
      fits(own.path, parts, path.slice(1).split('/')),
  );
  return all.toSorted(bySpecificity)[0] ?? null;
}

function decodedOrNull(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

function fits(pattern: readonly Segment[], parts: readonly (string | null)[], raw: readonly string[]): boolean {
  if (pattern.at(-1)?.kind === 'rest' ? parts.length < pattern.length : parts.length !== pattern.length) return false;
  return pattern.every((segment, index) => {
    if (segment.kind === 'rest') return true;
    return segment.kind === 'param' ? raw[index] !== '' : parts[index] === segment.text;
  });
}

function bySpecificity(a: Route, b: Route): number {
  if (a.match.kind !== 'rest' || b.match.kind !== 'rest') return 0;
  for (const [index, segment] of a.match.path.entries()) {
    const other = b.match.path[index];
    if (other === undefined) break;
    if (other.kind !== segment.kind) return RANK[other.kind] - RANK[segment.kind];
  }
  return Number(a.match.methods === 'any') - Number(b.match.methods === 'any');
}

describe('the most specific path wins', () => {
  const segment = fc.constantFrom('a', 'b', ':x', ':y', '%61', 'a%2Fb', '');
  const pattern = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'GET|HEAD', 'ANY'),
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    )
    .map(([methods, segments, open]) => `${methods} /${[...segments, ...(open ? ['*'] : [])].join('/')}`)
    .filter((text) => readMatch(text).kind === 'ok');
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c', '%61', '%2561', 'a%2Fb', 'a%2fb', '%zz', '%25zz', '', '.', '%2E%2e'), {
      minLength: 1,
      maxLength: 6,
    })
    .map((parts) => `/${parts.join('/')}`);

  test('as a scan over all routes says, whatever the order of the file', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(pattern, { maxLength: 12 }).chain((some) => {
          const table = withoutCollisions(routes(...some));
          return fc.tuple(fc.constant(table), fc.shuffledSubarray(table, { minLength: table.length }));
        }),
        fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE'),
        path,
        ([table, shuffled], method, asked) => {
          const expected = slowly(table, method, asked)?.id ?? null;
          expect(match(compile(table), method, asked)?.route.id ?? null).toBe(expected);
          expect(match(compile(shuffled), method, asked)?.route.id ?? null).toBe(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('two routes collide exactly when some request would be matched by both with nothing to choose by', () => {
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const [a, b] = routes(one, other);
        if (a === undefined || b === undefined) return;
        expect(collisions([a, b]).length > 0).toBe(alike(a, b));
      }),
      { numRuns: 2_000 },
    );
  });
});

function alike(a: Route, b: Route): boolean {
  if (a.match.kind !== 'rest' || b.match.kind !== 'rest') return false;
  const shape = (path: readonly Segment[]): string =>
    JSON.stringify(path.map((segment) => (segment.kind === 'literal' ? `=${segment.text}` : segment.kind)));
  if (shape(a.match.path) !== shape(b.match.path)) return false;
  const { methods } = b.match;
  if (a.match.methods === 'any' || methods === 'any') return a.match.methods === methods;
  return a.match.methods.some((method) => methods.includes(method));
}

function withoutCollisions(table: readonly Route[]): Route[] {
  const kept: Route[] = [];
  for (const route of table) if (kept.every((other) => !alike(route, other))) kept.push(route);
  return kept;
}

describe('a segment is matched whole', () => {
  test.each([
    ['GET /api/orders', '/api/orders', true],
    ['GET /api/orders', '/api/orders-archive', false],
    ['GET /api/orders', '/api/orders/', false],
    ['GET /api/orders', '/api/order', false],
    ['GET /api/orders', '/api//orders', false],
    ['GET /api/orders', '/API/orders', false],
    ['GET /api/orders/', '/api/orders/', true],
    ['GET /api/orders/:id', '/api/orders/', false],
    ['GET /api/orders/:id', '/api/orders', false],
    ['GET /api/orders/:id', '/api/orders/1/lines', false],
    ['GET /:a/:b', '/x/y', true],
    ['GET /files/*', '/files/', true],
    ['GET /files/*', '/files/a/b/c', true],
    ['GET /files/*', '/files', false],
    ['GET /files/*', '/filesystem', false],
    ['GET /*', '/', true],
    ['GET /', '/', true],
    ['GET /', '//', false],
    ['GET /*', '*', false],
    ['GET /*', '', false],
  ])('%s on %s: %j', (pattern, path, expected) => {
    expect(found([pattern], 'GET', path) !== null).toBe(expected);
  });
});

describe('encodings', () => {
  test.each([
    ['/api/%6Frders', true],
    ['/api/%6frders', true],
    ['/%61%70%69/orders', true],
    ['/api%2Forders', false],
    ['/api/orders%2F', false],
    ['/api/orders%00', false],
    ['/api/%zz', false],
    ['/api/%256Frders', false],
  ])('%s is /api/orders: %j', (path, expected) => {
    expect(found(['GET /api/orders'], 'GET', path) !== null).toBe(expected);
  });

  test('an encoded slash stays in its segment', () => {
    expect(found(['GET /a/:x', 'GET /a/:x/:y'], 'GET', '/a/b%2Fc')).toBe('GET /a/:x');
    expect(found(['GET /a%2Fb', 'GET /a/b'], 'GET', '/a%2fb')).toBe('GET /a%2Fb');
  });

  test('what does not decode equals no literal, and can still be a parameter', () => {
    expect(found(['GET /%25zz'], 'GET', '/%zz')).toBeNull();
    expect(found(['GET /%25zz'], 'GET', '/%25zz')).toBe('GET /%25zz');
    expect(found(['GET /%25zz', 'GET /:x'], 'GET', '/%zz')).toBe('GET /:x');
    expect(found(['GET /:x'], 'GET', '/%ff')).toBe('GET /:x');
  });

  test('parameters are handed on as they came', () => {
    expect(paramsOf('GET /a/:x/b/:y', '/a/1%2F2/b/%zz')).toEqual({ x: '1%2F2', y: '%zz' });
    expect(paramsOf('GET /a/:x/*', '/a/%C3%A9/p%2Fq//r/')).toEqual({ x: '%C3%A9', '*': 'p%2Fq//r/' });
    expect(paramsOf('GET /*', '/')).toEqual({ '*': '' });
    expect(Object.entries(paramsOf('GET /:__proto__', '/x'))).toEqual([['__proto__', 'x']]);
  });

  test('names of things that every object has are literals like any other', () => {
    expect(found(['GET /constructor'], 'GET', '/constructor')).toBe('GET /constructor');
    expect(found(['GET /a'], 'GET', '/constructor')).toBeNull();
    expect(found(['GET /a'], 'GET', '/__proto__')).toBeNull();
    expect(found(['GET /a'], 'constructor', '/a')).toBeNull();
  });
});

describe('dot segments', () => {
  const long = '/x'.repeat(70);
  test.each([
    '/a/..',
    '/a/../b',
    '/./a',
    '/a/.',
    '/a/%2e%2e/b',
    '/a/%2E/b',
    '/a/.%2e/b',
    `${long}/../b`,
    `${long}/%2e%2e`,
  ])('%s matches nothing, so the default decides what it means', (path) => {
    expect(found(['ANY /*', 'ANY /a/*', 'ANY /a/:x/:y'], 'GET', path)).toBeNull();
  });

  test.each(['/a/...', '/a/.b', '/a/b.', '/a/..b', '/a/%2e%2e%2e', `${long}/a.b`])('%s has none', (path) => {
    expect(found(['ANY /*'], 'GET', path)).toBe('ANY /*');
  });
});

describe('methods', () => {
  const table = ['ANY /a', 'GET /a', 'POST|PUT /a', 'GET /b', 'DELETE /:x', 'PATCH /*'];
  test.each([
    ['GET', '/a', 'GET /a'],
    ['PUT', '/a', 'POST|PUT /a'],
    ['OPTIONS', '/a', 'ANY /a'],
    ['HEAD', '/a', 'ANY /a'],
    ['get', '/a', 'ANY /a'],
    ['DELETE', '/a', 'ANY /a'],
    ['HEAD', '/b', null],
    // A more specific path that does not take the method leaves the request to one that does.
    ['DELETE', '/b', 'DELETE /:x'],
    ['PATCH', '/b', 'PATCH /*'],
    ['PATCH', '/b/c', 'PATCH /*'],
    ['PURGE', '/b', null],
    ['ANY', '/b', null],
    ['', '/b', null],
  ])('%s %s is %j', (method, path, expected) => {
    expect(found(table, method, path)).toBe(expected);
  });
});

describe('long paths', () => {
  const params = (count: number): string => Array.from({ length: count }, (_, index) => `/:p${index}`).join('');

  test.each([
    [`GET ${params(64)}`, 64, true],
    [`GET ${params(64)}`, 65, false],
    [`GET ${params(64)}`, 66, false],
    [`GET ${params(63)}/*`, 63, false],
    [`GET ${params(63)}/*`, 64, true],
    [`GET ${params(63)}/*`, 500, true],
    ['GET /x/*', 5_000, true],
    ['GET /x/:y', 5_000, false],
  ])('%s takes %d segments: %j', (pattern, segments, expected) => {
    expect(found([pattern], 'GET', '/x'.repeat(segments)) !== null).toBe(expected);
  });

  test('a * hands on all that remains, however much', () => {
    expect(paramsOf('GET /x/*', '/x'.repeat(500))['*']).toBe('x/'.repeat(498) + 'x');
  });
});
