import { describe, expect, test } from 'vitest';
import { see } from '@banyan/gateway/core/field';
import { absolute, isHost, rename } from '@banyan/gateway/core/host';
import { flawOf } from '@banyan/gateway/core/hygiene';

describe('a host', () => {
  test.each([
    'a',
    'shop.example',
    'SHOP.example:8080',
    'shop.example:',
    'a_b-c~d.e',
    'caf%C3%A9.example',
    '127.0.0.1:1',
    '[::1]',
    '[2001:DB8::1]:443',
    'x'.repeat(253),
  ])('may be %s', (text) => {
    expect(isHost(text)).toBe(true);
  });

  test.each([
    '',
    ' a',
    'a b',
    'a,b',
    'a, a',
    'user@a',
    'user:pass@a',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'a:b',
    'a:80:80',
    'a:123456',
    'a:+80',
    ':80',
    'a\tb',
    'a\0',
    'a\r\nx: y',
    'é',
    'a"b',
    "a'b",
    'a;b',
    'a<b>',
    '[::1',
    '::1',
    '[]',
    '[::1]a',
    '[::1%25eth0]',
    '[v1.a]',
    'http://a',
    'x'.repeat(261),
  ])('is not %j', (text) => {
    expect(isHost(text)).toBe(false);
  });
});

describe('a target in absolute form', () => {
  test.each([
    ['http://b/a?c', 'b', '/a?c'],
    ['HTTPS://B:1/a', 'B:1', '/a'],
    ['http://b', 'b', '/'],
    ['http://b?c', 'b', '/?c'],
    ['http://u@b/a', 'u@b', '/a'],
    ['http:///a', '', '/a'],
    ['ftp://b/a', '', '/'],
    ['b', '', '/'],
  ])('%s is %j and %s', (url, authority, target) => {
    expect(absolute(url)).toEqual({ authority, target });
  });

  test('names the host, where there is one that it can replace', () => {
    const fields = ['Accept', '*/*', 'host', 'a', 'X-Host', 'a'];
    rename(fields, 'b');
    expect(fields).toEqual(['Accept', '*/*', 'host', 'b', 'X-Host', 'a']);
    const bad = ['host', 'a b'];
    rename(bad, 'b');
    expect(bad).toEqual(['host', 'a b']);
  });
});

describe('a request that two readers could understand in two ways', () => {
  test.each([
    ['HTTP/1.1 with a host', ['host', 'a'], '1.1', null],
    ['HTTP/1.0 without', [], '1.0', null],
    ['HTTP/1.1 without', [], '1.1', 'A request of HTTP/1.1 names its Host.'],
    ['a host that is none', ['host', 'a b'], '1.1', 'The host that the request names is none.'],
    ['a host that is none, in HTTP/1.0', ['host', ''], '1.0', 'The host that the request names is none.'],
    ['HTTP/2.0', ['host', 'a'], '2.0', 'The facade speaks HTTP/1.1 and HTTP/1.0.'],
    ['HTTP/0.9', [], '0.9', 'The facade speaks HTTP/1.1 and HTTP/1.0.'],
    ['chunks in HTTP/1.0', ['transfer-encoding', 'chunked'], '1.0', 'A request of HTTP/1.0 has no Transfer-Encoding.'],
    ['two hosts', ['host', 'a', 'host', 'a'], '1.1', 'A request names one Host.'],
  ])('%s', (_what, fields, version, flaw) => {
    expect(flawOf(see(fields), version)).toBe(flaw);
  });
});
