import { UNAVAILABLE, type Row } from '@banyan/backbone/core/envelope';
import { describe, expect, test } from 'vitest';
import { readCells } from '@banyan/new-order-ms/core/cells';
import { parseExact } from '@banyan/new-order-ms/core/json';
import { missableBit } from '@banyan/new-order-ms/core/tables';
import { rowOf, table } from './history.ts';

const orders = table('orders');
const indexOf = (name: string): number => orders.columns.findIndex((column) => column.name === name);

/** The cell of one column of an order. */
function cell(name: string, value: unknown): unknown {
  const read = readCells(orders, rowOf('orders', { [name]: value } as Row));
  return read.kind === 'cells' ? read.cells[indexOf(name)] : read;
}

describe('a row of the envelope', () => {
  test.each([
    ['order_key', 7, 7],
    ['order_key', 9007199254740993n, 9007199254740993n],
    ['order_id', '4711', '4711'],
    ['total', '605.00', '605.00'],
    ['total', '-0.01', '-0.01'],
    ['total', '1E-20', '1E-20'],
    ['total', 'NaN', 'NaN'],
    ['pickup_date', 1_709_210_096_789_012, 762_525_296_789_012],
    ['updated_at', '2024-02-29T07:04:56.789012Z', 762_505_496_789_012],
    ['special_instructions', '{"a": 1.0, "b": 9007199254740993}', '{"a": 1.0, "b": 9007199254740993}'],
    ['special_instructions', 'null', 'null'],
    ['special_instructions', null, null],
    ['tags', ['a', 'b c', null, 'q"uote\\', ''], '{"a","b c",NULL,"q\\"uote\\\\",""}'],
    ['tags', ['NULL'], '{"NULL"}'],
    ['tags', [], '{}'],
    ['tags', null, null],
    ['voyage_id', null, null],
  ])('%s %s becomes its cell', (name, value, expected) => expect(cell(name, value)).toEqual(expected));

  test.each([
    ['order_key', '7', 'orders.order_key does not hold an integer: a string came'],
    ['order_key', 7.5, 'orders.order_key does not hold an integer'],
    ['order_key', 2n ** 63n, 'orders.order_key does not hold an integer'],
    ['order_key', null, 'orders.order_key is NULL'],
    ['total', 605, 'orders.total does not hold a decimal string: a number came'],
    ['total', 'HL6ZGhQ=', 'orders.total does not hold a decimal string'],
    ['total', { scale: 2, value: 'BQ==' }, 'orders.total does not hold a decimal string: an object came'],
    ['pickup_date', '2024-02-29T12:34:56Z', 'orders.pickup_date does not hold microseconds since 1970'],
    ['updated_at', 1_709_210_096_789, 'orders.updated_at does not hold a time with a zone'],
    ['special_instructions', '{"a":', 'orders.special_instructions does not hold a JSON text'],
    ['tags', ['a', 1], 'orders.tags does not hold an array of texts'],
    ['tags', 'a', 'orders.tags does not hold an array of texts'],
    ['status', null, 'orders.status is NULL'],
  ])('%s %s is a misfit, told without its value', (name, value, expected) => {
    expect(cell(name, value)).toMatchObject({ kind: 'misfit', because: expect.stringContaining(expected) as string });
  });

  test('a column that the projection needs and that did not come is a misfit', () => {
    const { terms: _, ...row } = rowOf('orders', {});
    expect(readCells(orders, row)).toMatchObject({
      kind: 'misfit',
      because: 'column orders.terms is missing: it was renamed or dropped in the monolith',
    });
  });

  test('a column that the projection does not know is passed over', () => {
    expect(readCells(orders, rowOf('orders', { loyalty_points: 5 }))).toEqual(readCells(orders, rowOf('orders', {})));
  });

  test('a number that a fast parse may have rounded asks for an exact one', () => {
    const text = JSON.stringify(rowOf('orders', { order_key: 1 })).replace(
      '"order_key":1',
      '"order_key":9007199254740993',
    );
    expect(readCells(orders, JSON.parse(text) as Row)).toEqual({ kind: 'inexact' });
    expect(readCells(orders, parseExact(text) as Row)).toMatchObject({ kind: 'cells' });
  });

  test('a value that was not sent is null, and its bit is set', () => {
    const read = readCells(orders, rowOf('orders', { terms: UNAVAILABLE, tags: [UNAVAILABLE] }));
    const bits = missableBit(orders, indexOf('terms')) | missableBit(orders, indexOf('tags'));
    expect(read).toMatchObject({ kind: 'cells', missing: bits });
    expect(read.kind === 'cells' && read.cells[indexOf('terms')]).toBeNull();
  });

  test('a key cannot be missing', () => {
    expect(cell('order_key', UNAVAILABLE)).toMatchObject({ kind: 'misfit' });
    expect(cell('total', UNAVAILABLE)).toMatchObject({ kind: 'misfit' });
  });
});
