import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { claimOf } from '@banyan/gateway/core/jwt';

const jwt = (payload: unknown, more = ''): string =>
  `eyJhbGciOiJub25lIn0.${Buffer.from(JSON.stringify(payload)).toString('base64url')}${more}.c2ln`;

describe('a claim of a token', () => {
  test('is read by its name, whatever it holds', () => {
    expect(claimOf(jwt({ sub: 'C-42' }), ['sub'])).toBe('C-42');
    expect(claimOf(jwt({ id: 42, admin: true }), ['id'])).toBe('42');
    expect(claimOf(jwt({ id: 42, admin: true }), ['admin'])).toBe('true');
  });

  test('is read through others, and under a name with dots', () => {
    expect(claimOf(jwt({ realm: { user: { id: 'a' } } }), ['realm', 'user', 'id'])).toBe('a');
    expect(claimOf(jwt({ 'https://example.com/id': 'b' }), ['https://example', 'com/id'])).toBe('b');
  });

  test.each<[string, string, readonly string[]]>([
    ['that is not there', jwt({ sub: 'a' }), ['id']],
    ['that is an object', jwt({ sub: { a: 1 } }), ['sub']],
    ['that is null', jwt({ sub: null }), ['sub']],
    ['of a prototype', jwt({}), ['constructor', 'name']],
    ['below one that is text', jwt({ sub: 'abc' }), ['sub', 'length']],
    ['of a list', jwt([1, 2]), ['length', 'x']],
    ['of what is no token', 'abc', ['sub']],
    ['of nothing', '', ['sub']],
    ['of a payload that is no JSON', `a.${Buffer.from('{').toString('base64url')}.b`, ['sub']],
    ['of a token beyond 16 KiB', jwt({ sub: 'a', pad: 'x'.repeat(20_000) }), ['sub']],
  ])('%s is none', (_name, token, path) => {
    expect(claimOf(token, path)).toBeNull();
  });

  test('survives every way of writing it: as Buffer reads base64url and UTF-8, so do we', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
        fc.boolean(),
        (sub, padded) => {
          const token = jwt({ sub }, padded ? '==' : '');
          expect(claimOf(token, ['sub'])).toBe(sub);
        },
      ),
    );
  });

  test('of bytes that are no UTF-8 is read as TextDecoder reads them, up to how many U+FFFD there are', () => {
    const squeeze = (text: string): string => text.replaceAll(/\ufffd+/g, '\ufffd');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const clean = bytes.filter((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c);
        const token = `a.${Buffer.concat([Buffer.from('{"sub":"'), clean, Buffer.from('"}')]).toString('base64url')}.b`;
        expect(squeeze(claimOf(token, ['sub']) ?? 'none')).toBe(squeeze(new TextDecoder().decode(clean)));
      }),
    );
  });

  test('of anything at all is text or none', () => {
    fc.assert(
      fc.property(fc.string(), (token) => {
        expect([null, 'string']).toContain(claimOf(token, ['sub']) === null ? null : 'string');
      }),
    );
  });
});
