import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressIn, networkOf, within } from '@banyan/gateway/core/network';

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

describe('an address as everybody writes it', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::', '::'],
    ['1::', '1::'],
    ['fe80::1%eth0', 'fe80::1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s', (text, written) => {
    expect(addressIn(text)).toBe(written);
  });

  test.each([
    '010.0.0.1',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '1.2.3.4::1',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '12345::',
  ])('is not %s', (text) => {
    expect(addressIn(text)).toBeNull();
  });

  const near = fc.array(fc.constantFrom('0', '1', 'f', 'ffff', '10', '255', '256', ':', ':', '::', '.', '.', 'g'), {
    maxLength: 17,
  });
  test('is one exactly when node says so, however it is written, and is then written in one way', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          near.map((parts) => parts.join('')),
          fc.ipV4(),
          fc.ipV6(),
        ),
        (text) => {
          const written = addressIn(text);
          expect(written !== null).toBe(isIP(text) !== 0);
          if (written === null) return;
          expect(isIP(written)).not.toBe(0);
          expect(addressIn(written)).toBe(written);
          expect(within(networks(written), text)).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
