import { expect, test } from 'vitest';
import { together, type UpstreamStatus } from '@banyan/gateway/core/vitals';

const found = (more: Partial<UpstreamStatus>): UpstreamStatus => ({
  name: 'orders',
  urls: ['http://a', 'http://b'],
  breaker: 'closed',
  outstanding: 1,
  members: [
    { url: 'http://a', state: 'up', outstanding: 1 },
    { url: 'http://b', state: 'up', outstanding: 0 },
  ],
  ...more,
});

test('what several workers have found becomes one: work is added up, and the worst is told of each state', () => {
  const other = found({
    breaker: 'open',
    members: [
      { url: 'http://a', state: 'up', outstanding: 2 },
      { url: 'http://b', state: 'ejected', outstanding: 3 },
    ],
  });
  const expected = found({
    breaker: 'open',
    outstanding: 2,
    members: [
      { url: 'http://a', state: 'up', outstanding: 3 },
      { url: 'http://b', state: 'ejected', outstanding: 3 },
    ],
  });
  expect(together([[found({})], [other]])).toEqual([expected]);
  expect(together([[other], [found({})]])).toEqual([expected]);
  expect(together([[found({})], [found({ name: 'legacy' })]]).map(({ name }) => name)).toEqual(['orders', 'legacy']);
});
