import { describe, expect, test } from 'vitest';
import { readContainerFilter, readOrderFilter, readPage, readVoyageFilter } from '@banyan/new-order-ms/core/request';

describe('a page', () => {
  test.each([
    [{}, { page: 0, size: 20 }],
    [
      { page: '3', size: '100' },
      { page: 3, size: 100 },
    ],
    [
      { page: '1000000', size: '1' },
      { page: 1_000_000, size: 1 },
    ],
    [{ page: '007' }, { page: 7, size: 20 }],
    [
      { sort: 'x', limit: ['1', '2'] },
      { page: 0, size: 20 },
    ],
  ])('%j is page and size %j', (query, expected) =>
    expect(readPage(query)).toEqual({ kind: 'asked', value: expected }),
  );

  test.each([
    [{ page: '-1' }, 'Invalid page: -1'],
    [{ page: '' }, 'Invalid page: '],
    [{ page: '1.0' }, 'Invalid page: 1.0'],
    [{ page: '1e3' }, 'Invalid page: 1e3'],
    [{ page: ' 1' }, 'Invalid page:  1'],
    [{ page: '٣' }, 'Invalid page: ٣'],
    [{ page: '1000001' }, 'Invalid page: 1000001'],
    [{ page: '00000001' }, 'Invalid page: 00000001'],
    [{ size: '0' }, 'Invalid size: 0'],
    [{ size: '101' }, 'Invalid size: 101'],
    [{ size: 'all' }, 'Invalid size: all'],
    [{ page: 'x', size: 'y' }, 'Invalid page: x'],
    [{ page: ['0', '0'] }, 'Parameter page given more than once'],
    [{ page: 'x', size: ['1', '1'] }, 'Parameter size given more than once'],
  ])('%j is refused: %s', (query, because) => expect(readPage(query)).toEqual({ kind: 'refused', because }));
});

describe('a filter of orders', () => {
  test.each([
    [{}, { customerId: null, status: null, page: 0, size: 20 }],
    [
      { customerId: 'C-000042', status: 'BooKed' },
      { customerId: 'C-000042', status: 'booked', page: 0, size: 20 },
    ],
    [{ customerId: '' }, { customerId: '', status: null, page: 0, size: 20 }],
  ])('%j', (query, value) => expect(readOrderFilter(query)).toEqual({ kind: 'asked', value }));

  test.each([
    [{ status: '' }, 'Invalid status: '],
    [{ status: 'lost' }, 'Invalid status: lost'],
    [{ status: 'boo\u212Aed' }, 'Invalid status: boo\u212Aed'],
    [{ status: ['created', 'created'] }, 'Parameter status given more than once'],
    [{ customerId: ['a', 'b'], status: 'lost' }, 'Parameter customerId given more than once'],
    [{ status: 'lost', page: 'x' }, 'Invalid status: lost'],
    [{ page: 'x', size: 'y' }, 'Invalid page: x'],
  ])('%j is refused: %s', (query, because) => expect(readOrderFilter(query)).toEqual({ kind: 'refused', because }));
});

test('voyages and containers have statuses of their own', () => {
  expect(readVoyageFilter({ destination: 'Oslo', status: 'DEPARTED' })).toEqual({
    kind: 'asked',
    value: { destination: 'Oslo', status: 'departed' },
  });
  expect(readContainerFilter({ city: 'Oslo', status: 'In_Transit' })).toEqual({
    kind: 'asked',
    value: { city: 'Oslo', status: 'in_transit' },
  });
  expect(readVoyageFilter({ status: 'booked' })).toEqual({ kind: 'refused', because: 'Invalid status: booked' });
  expect(readContainerFilter({ status: 'in-transit' })).toEqual({
    kind: 'refused',
    because: 'Invalid status: in-transit',
  });
});
