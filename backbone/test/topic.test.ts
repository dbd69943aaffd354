import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { murmur2 } from '@banyan/backbone/core/murmur';
import { parsePartitionName, partitionName, partitionOf, refusalOfTopic } from '@banyan/backbone/core/topic';

describe('the hash of a key', () => {
  // Kafka's own: org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Kafka computes', (key, expected) => {
    expect(murmur2(key)).toBe(expected);
  });

  test('is that of the UTF-8 form, as a direct reading of the algorithm over bytes has it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (key) => {
        expect(murmur2(key)).toBe(overBytes(Buffer.from(key, 'utf8')));
      }),
    );
  });
});

/** The same in unlimited integers, cut to 32 bits at each step. */
function overBytes(bytes: Buffer): number {
  const mask = 0xffff_ffffn;
  const m = 0x5bd1e995n;
  let h = (0x9747b28cn ^ BigInt(bytes.length)) & mask;
  let at = 0;
  for (; bytes.length - at >= 4; at += 4) {
    let k = (BigInt(bytes.readUInt32LE(at)) * m) & mask;
    k = ((k ^ (k >> 24n)) * m) & mask;
    h = ((h * m) & mask) ^ k;
  }
  const rest = bytes.subarray(at);
  if (rest.length > 0) {
    for (const [index, byte] of rest.entries()) h ^= BigInt(byte) << BigInt(8 * index);
    h = (h * m) & mask;
  }
  h = ((h ^ (h >> 13n)) * m) & mask;
  return Number(BigInt.asIntN(32, h ^ (h >> 15n)));
}

describe('the partition of a record', () => {
  test('is one of those there are, and for a key always the same', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 256 }), fc.nat(), fc.nat(), (key, partitions, a, b) => {
        const partition = partitionOf(key, partitions, a);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
        expect(partitionOf(key, partitions, b)).toBe(partition);
      }),
    );
  });

  test('drops the sign of the hash as Kafka does, and does not take its absolute value', () => {
    expect(partitionOf('21', 1000, 0)).toBe((-973932308 & 0x7fffffff) % 1000);
    expect(partitionOf('21', 1000, 0)).not.toBe(973932308 % 1000);
  });

  test('without a key goes round', () => {
    expect([0, 1, 2, 3, 4].map((spread) => partitionOf(null, 3, spread))).toEqual([0, 1, 2, 0, 1]);
  });

  test('keys spread evenly enough', () => {
    const counts = [0, 0, 0, 0];
    for (let id = 0; id < 10_000; id += 1) counts[partitionOf(`{"id":${id}}`, 4, 0)]! += 1;
    for (const count of counts) expect(Math.abs(count - 2500)).toBeLessThan(250);
  });
});

describe('the name of a topic', () => {
  test.each(['legacy.public.orders', 'a', 'order-commands', 'A_1', 'x'.repeat(249), '...'])('%s is one', (name) => {
    expect(refusalOfTopic(name, 1)).toBeNull();
  });

  test.each(['', '.', '..', 'x'.repeat(250), 'a b', 'a/b', 'ä', 'a\n', '"', 'a;drop table x', 'a:b'])(
    '%j is none',
    (name) => {
      expect(refusalOfTopic(name, 1)).toMatch(/topic/);
    },
  );

  test.each([0, -1, 1.5, Number.NaN, 257])('%s partitions are refused in words', (partitions) => {
    expect(refusalOfTopic('orders', partitions)).toMatch(/orders wants .* partitions/);
  });

  test('and a partition come back from their name, also where the topic ends like one', () => {
    const topic = fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/);
    fc.assert(
      fc.property(topic, fc.nat(255), (name, partition) => {
        expect(parsePartitionName(partitionName(name, partition))).toEqual({ topic: name, partition });
      }),
    );
    expect(parsePartitionName('orders-1-2')).toEqual({ topic: 'orders-1', partition: 2 });
    expect(parsePartitionName('orders')).toBeNull();
    expect(parsePartitionName('-1')).toBeNull();
  });
});
