import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networkOf, within } from '@banyan/gateway/core/network';

const networks = (...texts: readonly string[]): NonNullable<ReturnType<typeof networkOf>>[] =>
  texts.map((text) => networkOf(text) ?? expect.unreachable(text));

describe('an address', () => {
  test.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '::1', false],
    ['::1', '::1', true],
    ['fc00::/7', 'fd12:3456::1', true],
    ['fc00::/7', 'fe80::1', false],
    ['2001:db8::/32', '2001:DB8:0:0:1::', true],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.9.9.1', true],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['10.0.0.0/8', 'localhost', false],
    ['10.0.0.0/8', '10.0.0.256', false],
    ['10.0.0.0/8', '10.0.0', false],
    ['::/0', ':::', false],
    ['::/0', '1:2:3:4:5:6:7:8:9', false],
    ['::/0', '', false],
  ])('of %s: %s is %s', (network, address, expected) => {
    expect(within(networks(network), address)).toBe(expected);
  });

  test.each(['10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/8/8', 'a', '10.0.0.0/', '::1::', '::ffff:10.0.0.0/95'])(
    '%s is no network',
    (text) => {
      expect(networkOf(text)).toBeNull();
    },
  );

  test('is in a network when node says so', () => {
    const v4 = fc.ipV4();
    const v6 = fc.ipV6().filter((text) => isIP(text) === 6 && !/^::ffff:/i.test(text));
    const pair = fc.oneof(
      fc.tuple(v4, v4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(v6, v6, fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(pair, ([base, address, bits]) => {
        const list = new BlockList();
        const family = isIP(base) === 4 ? 'ipv4' : 'ipv6';
        list.addSubnet(base, bits, family);
        for (const asked of [address, base])
          expect(within(networks(`${base}/${bits}`), asked)).toBe(list.check(asked, family));
      }),
    );
  });
});
