import type { Row } from '@banyan/backbone/core/envelope';
import { toLsn } from '@banyan/backbone/core/lsn';
import { describe, expect, test } from 'vitest';
import { project, withSweeps, type Delivery, type Plan, type World } from '@banyan/new-order-ms/core/project';
import { POSITION_HEADER } from '@banyan/backbone/core/position';
import { at, mark, record, rowOf, table } from './history.ts';

const calm: World = { incarnations: new Map(), partitions: new Map() };

function planOf(batch: readonly Delivery[], world: World = calm): Plan {
  const projected = project(batch, world);
  if (projected.kind === 'halt') throw new Error(projected.because);
  return projected.plan;
}

/** What a plan does to the ports: `key@lsn:index` of each change, `-` before a deletion, by round. */
function portsOf(plan: Plan): readonly (readonly string[])[] {
  const work = plan.tables.find((one) => one.table.name === 'ports');
  return (work?.rounds ?? []).map((round) =>
    round.map(({ key, position, deleted }) => `${deleted ? '-' : ''}${key}@${position.lsn}:${position.index}`),
  );
}

const port = (op: string, id: number, lsn: number, index = 0): Delivery =>
  record({
    table: 'ports',
    op,
    key: { port_id: id },
    after: op === 'd' ? null : rowOf('ports', { port_id: id }),
    at: at(lsn, index),
  });

describe('a batch', () => {
  test.each([
    ['one change of each key', [port('c', 1, 10), port('c', 2, 10, 1)], [['1@10:0', '2@10:1']]],
    ['the last change of a key alone', [port('c', 1, 10), port('u', 1, 20), port('u', 1, 30)], [['1@30:0']]],
    ['the later index of one transaction', [port('c', 1, 10, 0), port('u', 1, 10, 1)], [['1@10:1']]],
    ['a deletion after what it deletes', [port('c', 1, 10), port('d', 1, 20)], [['-1@20:0']]],
    ['a row that comes again after its deletion', [port('d', 1, 20), port('c', 1, 30)], [['1@30:0']]],
    ['a snapshot row that came late: not at all', [port('u', 1, 20), port('r', 1, 10)], [['1@20:0']]],
    ['a late snapshot row of what is dead: not at all', [port('d', 1, 20), port('r', 1, 10)], [['-1@20:0']]],
    ['a change that came twice: once', [port('u', 1, 20), port('u', 1, 20)], [['1@20:0']]],
    ['an update of a row never seen', [port('u', 1, 20)], [['1@20:0']]],
  ])('keeps %s', (_name, batch, expected) => expect(portsOf(planOf(batch))).toEqual(expected));

  test('a tombstone, a foreign topic and a logical message do nothing', () => {
    const tombstone = { ...port('d', 1, 10), value: null };
    const foreign = { ...port('c', 1, 10), topic: 'legacy.public.invoices' };
    const message = record({ table: 'ports', op: 'm', key: null, at: at(10) });
    expect(planOf([tombstone, foreign, message]).tables).toEqual([]);
  });

  test('an update without its long values waits upon the change before it, in rounds', () => {
    const order = (op: string, lsn: number, values: Row): Delivery =>
      record({
        table: 'orders',
        op,
        key: { order_key: 1 },
        after: rowOf('orders', { order_key: 1, ...values }),
        at: at(lsn),
      });
    const gap = { terms: '__debezium_unavailable_value' };
    const plan = planOf([order('c', 10, {}), order('u', 20, gap), order('u', 30, gap)]);
    const rounds = plan.tables[0]?.rounds.map((round) => round.map(({ position }) => Number(position.lsn)));
    expect(rounds).toEqual([[10], [30]]);
  });

  test('a deletion takes its key from the record, for the row before may be unknown', () => {
    const deletion = record({ table: 'order_items', op: 'd', key: { order_key: 5, line_no: 2 }, at: at(10) });
    const change = planOf([deletion]).tables[0]?.rounds[0]?.[0];
    expect(change).toMatchObject({ key: '5,2', deleted: true, cells: [5, 2, null, null, null, null] });
  });

  test('keys beyond 2^53 stay apart', () => {
    const big = (last: string): Delivery => {
      const one = record({
        table: 'ports',
        op: 'c',
        key: { port_id: 1 },
        after: rowOf('ports', { port_id: 1 }),
        at: at(10),
      });
      return { ...one, value: one.value?.replace('"port_id":1', `"port_id":900719925474099${last}`) ?? null };
    };
    expect(portsOf(planOf([big('2'), big('3')]))).toEqual([['9007199254740992@10:0', '9007199254740993@10:0']]);
    const gone = { ...record({ table: 'ports', op: 'd', key: null, at: at(20) }), key: '{"port_id":9007199254740993}' };
    expect(portsOf(planOf([gone]))).toEqual([['-9007199254740993@20:0']]);
  });

  test('a truncation raises the floor of its table, the highest one', () => {
    const truncation = (lsn: number): Delivery => record({ table: 'ports', op: 't', key: null, at: at(lsn) });
    expect(planOf([truncation(30), truncation(20)]).tables).toEqual([
      { table: table('ports'), floor: at(30), rounds: [] },
    ]);
  });

  test('a sweep is a floor at the beginning of its incarnation, beside what the batch does', () => {
    const swept = planOf([port('c', 1, 10)]);
    const plan = withSweeps(swept, [{ incarnation: 3, tables: [table('ports'), table('voyages')] }]);
    const floor = { incarnation: 3, lsn: toLsn(0n), index: 0 };
    expect(plan.tables.map((work) => [work.table.name, work.floor, work.rounds.length])).toEqual([
      ['ports', floor, 1],
      ['voyages', floor, 0],
    ]);
  });
});

describe('records without a position, as Debezium writes them', () => {
  const row = (offset: bigint, snapshot = 'false'): Delivery =>
    record({
      table: 'ports',
      op: 'u',
      key: { port_id: 1 },
      after: rowOf('ports', { port_id: 1 }),
      at: null,
      offset,
      snapshot,
    });

  test('the offset in their partition is their position', () => {
    const plan = planOf([row(7n), row(9n), row(8n)]);
    expect(plan.tables[0]?.rounds[0]?.[0]?.position).toEqual({ incarnation: 0, lsn: 9n, index: 0 });
  });

  test('the snapshot is over with its last record, or with the first that was streamed', () => {
    expect(planOf([row(1n, 'first'), row(2n, 'true')]).snapshotOver).toBe(false);
    expect(planOf([row(1n, 'last')]).snapshotOver).toBe(true);
    expect(planOf([row(1n, 'false')]).snapshotOver).toBe(true);
  });

  test('a truncation is refused where the topic has several partitions, whose offsets say nothing about each other', () => {
    const truncation = record({ table: 'ports', op: 't', key: null, at: null, offset: 5n });
    const several = { ...calm, partitions: new Map([['legacy.public.ports', 3]]) };
    expect(project([truncation], several)).toMatchObject({ kind: 'halt', code: 'ORD_BAD_RECORD' });
    expect(planOf([truncation]).tables[0]?.floor).toEqual({ incarnation: 0, lsn: 5n, index: 0 });
  });

  test('after records with positions they stop the projection: two connectors wrote into one topic', () => {
    const seen = { ...calm, incarnations: new Map([['legacy.public.ports-0', 1]]) };
    expect(project([row(1n)], seen)).toMatchObject({ kind: 'halt', code: 'ORD_MIXED_SOURCES' });
    expect(project([port('c', 1, 10), row(1n)], calm)).toMatchObject({ kind: 'halt', code: 'ORD_MIXED_SOURCES' });
  });
});

describe('what cannot be taken stops everything, and says where', () => {
  const dropped = rowOf('ports', { port_id: 1 }) as Record<string, unknown>;
  delete dropped['city'];

  test.each([
    [
      'ORD_SCHEMA_CHANGED',
      'column ports.city is missing',
      { ...port('c', 1, 10), value: JSON.stringify({ before: null, after: dropped, op: 'c' }) },
    ],
    ['ORD_BAD_RECORD', 'the value is not an envelope', { ...port('c', 1, 10), value: 'x' }],
    ['ORD_BAD_RECORD', 'the value is not an envelope', { ...port('c', 1, 10), value: '[]' }],
    ['ORD_BAD_RECORD', 'the operation "z"', record({ table: 'ports', op: 'z', key: null, at: at(1) })],
    ['ORD_BAD_RECORD', 'there is no row after', record({ table: 'ports', op: 'c', key: { port_id: 1 }, at: at(1) })],
    ['ORD_BAD_RECORD', 'the deletion names no key', record({ table: 'ports', op: 'd', key: null, at: at(1) })],
    ['ORD_SCHEMA_CHANGED', 'column ports.port_id', record({ table: 'ports', op: 'd', key: { id: 1 }, at: at(1) })],
    [
      'ORD_BAD_RECORD',
      'is not a position',
      { ...port('c', 1, 10), headers: [{ key: POSITION_HEADER, value: '1:xyz:0' }] },
    ],
    ['ORD_BAD_RECORD', 'is not a watermark', { ...mark({ lsn: '0/1', ends: {}, offset: 0n }), value: '{}' }],
    [
      'ORD_BAD_RECORD',
      'names no ends',
      { ...mark({ lsn: '0/1', ends: {}, offset: 0n }), value: '{"source":"legacy","epoch":"1","lsn":"0/1"}' },
    ],
  ])('%s: %s', (code, because, delivery) => {
    const projected = project([port('c', 9, 5), { ...delivery, offset: 42n }], calm);
    expect(projected).toMatchObject({ kind: 'halt', code, because: expect.stringContaining(because) as string });
    expect(projected.kind === 'halt' && projected.because).toContain('at offset 42');
  });
});

describe('watermarks', () => {
  test('only the ends of topics that are read count, and not those of the watermarks themselves', () => {
    const ends = { 'legacy.public.orders-0': '5', 'legacy.public.invoices-0': '9', 'legacy.watermarks-0': '3' };
    const [read] = planOf([mark({ lsn: '0/10', ends, offset: 7n })]).marks;
    expect(read).toMatchObject({ watermark: { source: 'legacy', epoch: '1.1.1', lsn: 16n }, offset: 7n, sweep: null });
    expect([...(read?.ends ?? [])]).toEqual([['legacy.public.orders-0', 5n]]);
  });

  test('a sweep names the tables that we keep', () => {
    const swept = { incarnation: 2, tables: ['public.orders', 'public.invoices'] };
    const [read] = planOf([mark({ lsn: '0/10', ends: {}, swept, offset: 7n })]).marks;
    expect(read?.sweep).toEqual({ incarnation: 2, tables: [table('orders')] });
  });
});
