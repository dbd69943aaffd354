import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { homeOf, hostFor, rehome, withHost } from '@banyan/gateway/core/home';
import type { Upstream } from '@banyan/gateway/core/table';
import { upstreamOf } from '../tables.ts';

const legacy = (more: Partial<Upstream> = {}): Upstream =>
  upstreamOf('legacy', {
    urls: ['http://legacy.internal:8081', 'https://10.0.0.7'],
    rewrite: { location: true, cookies: true },
    ...more,
  });

describe('the Host that an upstream is told', () => {
  test.each([
    [{ kind: 'caller' } as const, null],
    [{ kind: 'own' } as const, 'legacy.internal:8081'],
    [{ kind: 'name', name: 'shop.example:8443' } as const, 'shop.example:8443'],
  ])('%j', (host, expected) => {
    expect(hostFor(legacy({ host }), 'http://legacy.internal:8081')).toBe(expected);
  });

  test('stands where the caller’s stood, once', () => {
    expect(withHost(['A', '1', 'hOsT', 'a', 'B', 'Host'], 'own')).toEqual(['A', '1', 'hOsT', 'own', 'B', 'Host']);
    expect(withHost(['A', '1'], 'own')).toEqual(['A', '1', 'host', 'own']);
  });
});

/** What becomes of one field. */
const home = (name: string, value: string, upstream = legacy(), publicUrl = 'https://shop.example'): string => {
  const found = homeOf(upstream);
  return (found === null ? [name, value] : rehome([name, value], found, publicUrl))[1] ?? '';
};

describe('a Location', () => {
  test.each([
    ['http://legacy.internal:8081/orders/1?a#b', 'https://shop.example/orders/1?a#b'],
    ['HTTP://Legacy.Internal:8081/x', 'https://shop.example/x'],
    ['http://legacy.internal:8081', 'https://shop.example'],
    ['http://legacy.internal:8081?next', 'https://shop.example?next'],
    ['https://10.0.0.7:443/x', 'https://shop.example/x'],
    ['https://10.0.0.7/x', 'https://shop.example/x'],
    ['//legacy.internal:8081/x', 'https://shop.example/x'],
  ])('to the upstream itself, %s, leads to the facade', (given, expected) => {
    expect(home('Location', given)).toBe(expected);
  });

  test.each([
    '/orders/1',
    'orders/1',
    '?a',
    '',
    'http://legacy.internal/x',
    'http://legacy.internal:80810/x',
    'https://legacy.internal:8081/x',
    'http://legacy.internal:8081.evil.example/x',
    'http://user@legacy.internal:8081/x',
    'https://elsewhere.example/?to=http://legacy.internal:8081/',
    'mailto:a@legacy.internal',
  ])('that is relative or leads elsewhere, %s, stays', (given) => {
    expect(home('Location', given)).toBe(given);
  });

  test('keeps the path that callers know the facade by', () => {
    const at = (publicUrl: string): string => home('location', 'http://legacy.internal:8081/x', legacy(), publicUrl);
    expect(at('https://shop.example/api')).toBe('https://shop.example/api/x');
    expect(at('https://shop.example/api/')).toBe('https://shop.example/api/x');
  });

  test('to the name that the upstream is told is its own, by either scheme', () => {
    const named = legacy({ host: { kind: 'name', name: 'erp.example' } });
    for (const scheme of ['http', 'https'])
      expect(home('Location', `${scheme}://erp.example/x`, named)).toBe('https://shop.example/x');
    expect(home('Location', 'http://erp.example/x')).toBe('http://erp.example/x');
  });
});

describe('a cookie', () => {
  test.each([
    ['a=1; Domain=legacy.internal; Path=/', 'a=1; Path=/'],
    ['a=1;domain = .LEGACY.internal;Secure', 'a=1;Secure'],
    ['a=1; Path=/; Domain=10.0.0.7', 'a=1; Path=/'],
    ['a=1; Domain=legacy.internal; Domain=legacy.internal', 'a=1'],
  ])('of the upstream’s own host, %s, becomes the facade’s', (given, expected) => {
    expect(home('Set-Cookie', given)).toBe(expected);
  });

  test.each([
    'a=1',
    'domain=legacy.internal',
    'a=1; Domain=example.com',
    'a=1; Domain=internal',
    'a=1; Domain=sub.legacy.internal',
    'a=1; Domain=',
    'a=1; Domain',
    'a="x; y"; Path=/;;',
  ])('of anybody else’s, %s, stays as it is', (given) => {
    expect(home('Set-Cookie', given)).toBe(given);
  });
});

test('only what was asked for is rewritten', () => {
  const rewrite = (location: boolean, cookies: boolean): Upstream => legacy({ rewrite: { location, cookies } });
  const [url, cookie] = ['http://legacy.internal:8081/', 'a=1; Domain=legacy.internal'];
  expect(homeOf(rewrite(false, false))).toBeNull();
  expect(home('Location', url, rewrite(false, true))).toBe(url);
  expect(home('Set-Cookie', cookie, rewrite(true, false))).toBe(cookie);
});

test('every other field passes, in its order and spelling', () => {
  const fields = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 8 });
  fc.assert(
    fc.property(fields, (given) => {
      const flat = given.filter(([name]) => !/^(location|set-cookie)$/i.test(name)).flat();
      const found = homeOf(legacy());
      expect(found === null ? null : rehome(flat, found, 'https://shop.example')).toEqual(flat);
    }),
  );
});
