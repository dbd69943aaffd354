import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { see, type Fields } from '@banyan/gateway/core/field';
import { networkOf } from '@banyan/gateway/core/network';
import type { Network, Trust } from '@banyan/gateway/core/table';
import { cameOf, type Came } from '@banyan/gateway/core/trust';

const nobody: Trust = { kind: 'none' };
const everybody: Trust = { kind: 'all' };
const inside: Trust = {
  kind: 'networks',
  networks: ['10.0.0.0/8', 'fc00::/7'].map(networkOf).filter((one): one is Network => one !== null),
};
const PROXY = '10.0.0.1';

const came = (peer: string, fields: Fields, trust: Trust): Came => {
  const all = ['Host', 'inner:8080', ...fields];
  return cameOf(peer, see(all), all, trust);
};

describe('without trust', () => {
  const spoofed = [
    'X-Forwarded-For',
    '1.1.1.1',
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Host',
    'x',
    'Forwarded',
    'for=2.2.2.2',
  ];

  test.each([
    ['in nobody', nobody, '203.0.113.9'],
    ['in who asks', inside, '203.0.113.9'],
  ])('%s, what a request says of its caller counts for nothing', (_what, trust, peer) => {
    expect(came(peer, spoofed, trust)).toEqual({
      address: peer,
      scheme: 'http',
      host: 'inner:8080',
      told: false,
      chain: peer,
      forwarded: `for=${peer};host="inner:8080";proto=http`,
    });
  });

  test('an address of IPv6 is quoted, one of IPv4 in disguise is not, and a zone is left out', () => {
    expect(came('2001:db8::1', [], nobody).forwarded).toBe('for="[2001:db8::1]";host="inner:8080";proto=http');
    expect(came('::ffff:192.0.2.7', [], nobody)).toMatchObject({ address: '192.0.2.7', chain: '192.0.2.7' });
    expect(came('fe80::1%eth0', [], nobody).chain).toBe('fe80::1');
  });

  test('a request without a host says nothing of one', () => {
    expect(cameOf('192.0.2.7', see([]), [], nobody)).toMatchObject({
      host: null,
      forwarded: 'for=192.0.2.7;proto=http',
    });
  });

  test('a connection that is there no more has an unknown end', () => {
    expect(came('unknown', [], everybody)).toMatchObject({ address: 'unknown', chain: 'unknown' });
  });
});

describe('the caller is the first from the end that is not trusted', () => {
  test.each<[string, string, string]>([
    ['203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['203.0.113.9, 10.9.9.9', '203.0.113.9', '203.0.113.9, 10.9.9.9, 10.0.0.1'],
    ['6.6.6.6, 203.0.113.9, 10.9.9.9', '203.0.113.9', '203.0.113.9, 10.9.9.9, 10.0.0.1'],
    ['10.2.2.2, 10.9.9.9', '10.2.2.2', '10.2.2.2, 10.9.9.9, 10.0.0.1'],
    ['203.0.113.9:4711', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['2001:DB8::1', '2001:db8::1', '2001:db8::1, 10.0.0.1'],
    ['[2001:db8::1]', '2001:db8::1', '2001:db8::1, 10.0.0.1'],
    ['[2001:db8::1]:443', '2001:db8::1', '2001:db8::1, 10.0.0.1'],
    ['::ffff:203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['  203.0.113.9\t,\t10.9.9.9 ', '203.0.113.9', '203.0.113.9, 10.9.9.9, 10.0.0.1'],
    ['junk, 10.9.9.9', '10.9.9.9', '10.9.9.9, 10.0.0.1'],
    ['203.0.113.9, junk, 10.9.9.9', '10.9.9.9', '10.9.9.9, 10.0.0.1'],
    ['203.0.113.9, , 10.9.9.9', '10.9.9.9', '10.9.9.9, 10.0.0.1'],
    ['203.0.113.9, junk', '10.0.0.1', '10.0.0.1'],
    ['203.0.113.9,', '10.0.0.1', '10.0.0.1'],
    ['', '10.0.0.1', '10.0.0.1'],
    [',', '10.0.0.1', '10.0.0.1'],
    ['unknown', '10.0.0.1', '10.0.0.1'],
    ['203.0.113.9\r\nx: y', '10.0.0.1', '10.0.0.1'],
    ['203.0.113.9:port', '10.0.0.1', '10.0.0.1'],
    ['010.0.0.9', '10.0.0.1', '10.0.0.1'],
    ['[203.0.113.9]', '10.0.0.1', '10.0.0.1'],
    ['fe80::1%eth0', '10.0.0.1', '10.0.0.1'],
    ['1'.repeat(100_000), '10.0.0.1', '10.0.0.1'],
  ])('of %j: %s', (said, address, chain) => {
    expect(came(PROXY, ['X-Forwarded-For', said], inside)).toMatchObject({ address, chain });
  });

  test('over several fields, in their order', () => {
    const fields = ['x-forwarded-for', '203.0.113.9', 'X-Forwarded-For', '10.9.9.9'];
    expect(came(PROXY, fields, inside).chain).toBe('203.0.113.9, 10.9.9.9, 10.0.0.1');
  });

  test('and where everybody is, the first of all', () => {
    expect(came('203.0.113.1', ['x-forwarded-for', '1.1.1.1, 2.2.2.2'], everybody)).toMatchObject({
      address: '1.1.1.1',
      chain: '1.1.1.1, 2.2.2.2, 203.0.113.1',
    });
  });

  test('of at most 32: a longer chain of proxies is none', () => {
    const long = Array.from({ length: 1_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    expect(came(PROXY, ['x-forwarded-for', long.join(',')], inside).chain).toBe([...long.slice(-32), PROXY].join(', '));
  });
});

describe('the scheme and the host', () => {
  const said = (proto: string, host: string): string[] => ['x-forwarded-proto', proto, 'x-forwarded-host', host];

  test.each<[string, string, readonly [string, string], readonly [string, string]]>([
    ['one of each', '203.0.113.9', ['https', 'shop.example'], ['https', 'shop.example']],
    ['in capitals', '203.0.113.9', ['HTTPS', 'Shop.example:443'], ['https', 'Shop.example:443']],
    ['one of each, and two hops', '203.0.113.9, 10.9.9.9', ['https', 'shop.example'], ['https', 'shop.example']],
    ['one for each hop', '203.0.113.9, 10.9.9.9', ['https, http', 'shop.example, b'], ['https', 'shop.example']],
    ['more than hops: the caller has said the first', '203.0.113.9', ['http, https', 'evil, b'], ['https', 'b']],
    ['none that is one', '203.0.113.9', ['gopher', 'a b'], ['http', 'inner:8080']],
    ['with an end of line', '203.0.113.9', ['https\r\nx', 'a\r\nx: y'], ['http', 'inner:8080']],
    ['of a chain that is junk', 'junk', ['https', 'shop.example'], ['https', 'shop.example']],
  ])('%s', (_what, chain, [proto, host], [scheme, named]) => {
    const fields = ['x-forwarded-for', chain, ...said(proto, host)];
    expect(came(PROXY, fields, inside)).toMatchObject({ scheme, host: named });
  });

  test('are those of the trusted proxy also where it names no address', () => {
    expect(came(PROXY, said('https', 'shop.example'), inside)).toEqual({
      address: PROXY,
      scheme: 'https',
      host: 'shop.example',
      told: true,
      chain: PROXY,
      forwarded: 'for=10.0.0.1;host="shop.example";proto=https',
    });
  });
});

describe('Forwarded', () => {
  const through = (text: string, peer = PROXY): Came => came(peer, ['Forwarded', text], inside);

  test('says all that the three others say', () => {
    expect(
      through('for="[2001:DB8::1]:4711";proto=https;by=203.0.113.43;host="shop.example:8443", For=10.9.9.9'),
    ).toEqual({
      address: '2001:db8::1',
      scheme: 'https',
      host: 'shop.example:8443',
      told: true,
      chain: '2001:db8::1, 10.9.9.9, 10.0.0.1',
      forwarded:
        'for="[2001:db8::1]";host="shop.example:8443";proto=https, for=10.9.9.9, for=10.0.0.1;host="inner:8080";proto=http',
    });
  });

  test.each([
    ['for=6.6.6.6, for=203.0.113.9;proto=https', '203.0.113.9'],
    ['for="203.0.113.9:80"', '203.0.113.9'],
    ['for="\\2\\03.0.113.9"', '203.0.113.9'],
    ['proto=https ; for=203.0.113.9 ;', '203.0.113.9'],
    ['for=203.0.113.9;for=6.6.6.6', '203.0.113.9'],
    ['for=203.0.113.9:80', PROXY],
    ['for=[2001:db8::1]', PROXY],
    ['for=_hidden', PROXY],
    ['for=unknown', PROXY],
    ['for=203.0.113.9, for=unknown', PROXY],
    ['for="203.0.113.9', PROXY],
    ['for=203.0.113.9, "', PROXY],
    ['for = 203.0.113.9', PROXY],
    ['203.0.113.9', PROXY],
    ['proto=https', PROXY],
    [`for=203.0.113.9;x="${'y'.repeat(10_000)}"`, PROXY],
  ])('%s: the caller is %s', (text, address) => {
    expect(through(text).address).toBe(address);
  });

  test('is not asked where there is an X-Forwarded-For: a proxy that sets one passes the other on as it came', () => {
    const fields = ['Forwarded', 'for=6.6.6.6;host=evil;proto=https', 'X-Forwarded-For', '203.0.113.9'];
    expect(came(PROXY, fields, inside)).toMatchObject({ address: '203.0.113.9', host: 'inner:8080', scheme: 'http' });
  });
});

test('whatever a proxy passes on, what goes on is a chain of addresses that ends with the connection, and one line', () => {
  const hop = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('10.1.1.1', 'fd00::1', 'unknown', '', '_x', '"', 'for=', '[::1]:1', '1.1.1.1:1', '\r\nx: y'),
    fc.string({ maxLength: 8 }),
  );
  const list = fc.array(hop, { maxLength: 6 }).map((hops) => hops.join(', '));
  const elements = fc.array(
    fc.tuple(fc.constantFrom('for', 'host', 'proto', 'by'), hop, fc.constantFrom(';', ',', ', ')),
  );
  const forwarded = elements.map((pairs) => pairs.map(([name, value, end]) => `${name}="${value}"${end}`).join(''));
  fc.assert(
    fc.property(list, list, fc.option(forwarded), fc.boolean(), (chain, others, text, all) => {
      const fields = text === null ? ['x-forwarded-for', chain] : ['forwarded', text];
      const found = came(
        PROXY,
        [...fields, 'x-forwarded-host', others, 'x-forwarded-proto', others],
        all ? everybody : inside,
      );
      const hops = found.chain.split(', ');
      expect(hops.map((one) => isIP(one) === 0)).toEqual(hops.map(() => false));
      expect([hops[0], hops.at(-1)]).toEqual([found.address, PROXY]);
      expect(found.forwarded).toMatch(/^for=[\x21-\x7e]+(?:, for=[\x21-\x7e]+)*$/);
      expect(found.host).toMatch(/^[\w.~%:[\]-]+$/);
      // What goes on says again what was found, to a facade that trusts this one.
      const again = came(PROXY, ['x-forwarded-for', found.chain], everybody);
      expect([again.address, again.chain]).toEqual([found.address, `${found.chain}, ${PROXY}`]);
      expect(came(PROXY, ['forwarded', found.forwarded], everybody)).toMatchObject({
        address: found.address,
        scheme: found.scheme,
        host: found.host,
      });
    }),
    { numRuns: 2_000 },
  );
});
