import { expect, test } from 'vitest';
import { readFilters, readPaging, type Query } from '@banyan/legacy-monolith/core/query';
import { containerStatuses, statuses } from '@banyan/legacy-monolith/core/order';

test.each<[Query, object]>([
  [{}, { kind: 'read', value: { page: 0, size: 20 } }],
  [
    { page: '1000000', size: '100' },
    { kind: 'read', value: { page: 1_000_000, size: 100 } },
  ],
  [{ page: '1000001' }, { kind: 'refused', because: 'Invalid page: 1000001' }],
  [{ page: '' }, { kind: 'refused', because: 'Invalid page: ' }],
  [{ page: '-1' }, { kind: 'refused', because: 'Invalid page: -1' }],
  [{ page: ' 1' }, { kind: 'refused', because: 'Invalid page:  1' }],
  [{ page: '1e2' }, { kind: 'refused', because: 'Invalid page: 1e2' }],
  [{ page: '٣' }, { kind: 'refused', because: 'Invalid page: ٣' }],
  [{ size: '0' }, { kind: 'refused', because: 'Invalid size: 0' }],
  [{ size: '101' }, { kind: 'refused', because: 'Invalid size: 101' }],
  [{ size: ['1', '1'] }, { kind: 'refused', because: 'Parameter size given more than once' }],
  [
    { page: 'x', size: 'y' },
    { kind: 'refused', because: 'Invalid page: x' },
  ],
  [
    { colour: ['a', 'b'], page: '2' },
    { kind: 'read', value: { page: 2, size: 20 } },
  ],
])('paging of %j', (query, expected) => {
  expect(readPaging(query)).toEqual(expected);
});

test.each<[Query, object]>([
  [{}, { kind: 'read', value: { text: null, status: null } }],
  [
    { status: 'BooKed', customerId: '' },
    { kind: 'read', value: { text: '', status: 'booked' } },
  ],
  [{ status: '' }, { kind: 'refused', because: 'Invalid status: ' }],
  [{ status: 'lost' }, { kind: 'refused', because: 'Invalid status: lost' }],
  [{ status: 'boo\u212aed' }, { kind: 'refused', because: 'Invalid status: boo\u212aed' }],
  [{ status: ['booked', 'booked'] }, { kind: 'refused', because: 'Parameter status given more than once' }],
  [{ customerId: ['a', 'b'] }, { kind: 'refused', because: 'Parameter customerId given more than once' }],
])('filters of %j', (query, expected) => {
  expect(readFilters(query, 'customerId', statuses)).toEqual(expected);
});

test('a status of two words is one', () => {
  expect(readFilters({ status: 'In_Transit' }, 'city', containerStatuses)).toMatchObject({
    value: { status: 'in_transit' },
  });
});
