import type { Row } from '@banyan/backbone/core/envelope';
import { Applier } from '@banyan/new-order-ms/apply';
import { TABLES, WATERMARKS } from '@banyan/new-order-ms/core/tables';
import { openSession } from '@banyan/new-order-ms/database';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nextOf, openDesk, type Desk } from './desk.ts';
import { at, deliveries, historyOf, mark, record, rowOf, table, type Deed } from './history.ts';
import type { Delivery } from '@banyan/new-order-ms/core/project';

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk.drop());

const write = (name: string, values: Row, lsn: number, op = 'c'): Delivery => {
  const after = rowOf(name, values);
  const keys = table(name).columns.slice(0, table(name).keys);
  const key = Object.fromEntries(keys.map((column) => [column.name, after[column.name] ?? null]));
  return record({ table: name, op, key, after: op === 'd' ? null : after, at: at(lsn) });
};

const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom('write', 'write', 'touch', 'touch', 'delete', 'renumber', 'truncate', 'chunk', 'restart'),
  table: fc.nat(2),
  key: fc.nat(3),
  value: fc.nat(5),
});

test('however a history arrives, the tables end as the monolith ended', async () => {
  const property = fc.asyncProperty(
    fc.uniqueArray(fc.nat(3)),
    fc.array(deed, { maxLength: 30 }),
    fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 }),
    async (before, deeds, schedule) => {
      const fresh = await openDesk();
      try {
        const { partitions, truth } = historyOf(before, deeds);
        // Repeated records come under new offsets: nothing but their positions can tell that they are old.
        for (const batch of deliveries(partitions, schedule)) await fresh.apply(batch);
        const shown = await fresh.rows(`
          SELECT 'orders', order_key, quantity, terms, tags[1] FROM read.orders UNION ALL
          SELECT 'order_items', order_key, quantity, line_no::text, sku FROM read.order_items UNION ALL
          SELECT 'ports', port_id, NULL, code, city FROM read.ports`);
        const expected = [...truth.entries()].map(([id, row]) => expectedRow(id.split(' ')[0] ?? '', row));
        expect(sorted(shown)).toEqual(sorted(expected));
      } finally {
        await fresh.drop();
      }
    },
  );
  await fc.assert(property, { numRuns: 25 });
}, 120_000);

const sorted = (rows: readonly (readonly unknown[])[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row)).toSorted();

function expectedRow(name: string, row: Row): readonly (string | null)[] {
  const text = (value: unknown): string => String(value);
  switch (name) {
    case 'orders':
      return [
        name,
        text(row['order_key']),
        text(row['quantity']),
        text(row['terms']),
        text((row['tags'] as string[])[0]),
      ];
    case 'order_items':
      return [name, text(row['order_key']), text(row['quantity']), text(row['line_no']), text(row['sku'])];
    default:
      return [name, text(row['port_id']), null, text(row['code']), text(row['city'])];
  }
}

describe('values', () => {
  test('of every kind arrive as they stand in the monolith', async () => {
    await desk.apply([
      write(
        'orders',
        {
          order_key: 9007199254740993n,
          order_id: 'é ✓ "\\',
          pickup_date: -1,
          expected_delivery: 253_402_300_799_999_999n,
          total: '-0.10',
          special_instructions: '{"k": [1, 1.0, {"z": null}], "n": 9007199254740993}',
          tags: ['a', 'b c', null, '', 'NULL', '{,}', 'q"\\'],
          created_at: 9_223_372_036_825_200_000n,
          updated_at: '0001-01-01T00:00:00.000000Z',
          voyage_id: null,
          terms: null,
        },
        10,
      ),
      write('containers', { last_maintenance: -719_162, tare_kg: '2300.000', features: [] }, 10),
      write('container_readings', { temperature: 'NaN', power: false, read_at: '-infinity' }, 10),
    ]);
    expect(
      await desk.rows(`SELECT order_key, order_id, pickup_date, expected_delivery, total, special_instructions,
        to_json(tags), created_at, updated_at, voyage_id, terms FROM read.orders`),
    ).toEqual([
      [
        '9007199254740993',
        'é ✓ "\\',
        '1969-12-31 23:59:59.999999',
        '9999-12-31 23:59:59.999999',
        '-0.10',
        '{"k": [1, 1.0, {"z": null}], "n": 9007199254740993}',
        '["a","b c",null,"","NULL","{,}","q\\"\\\\"]',
        'infinity',
        '0001-01-01 00:00:00+00',
        null,
        null,
      ],
    ]);
    expect(await desk.rows('SELECT last_maintenance, tare_kg, features FROM read.containers')).toEqual([
      ['0001-01-01', '2300.000', '{}'],
    ]);
    expect(await desk.rows('SELECT temperature, power, read_at FROM read.container_readings')).toEqual([
      ['NaN', 'f', '-infinity'],
    ]);
  });

  test('of ten megabytes arrive whole', async () => {
    const terms = 'Ä'.repeat(5 * 1024 * 1024);
    await desk.apply([write('orders', { terms }, 10)]);
    expect(await desk.rows('SELECT octet_length(terms), md5(terms) = md5($1) FROM read.orders', [terms])).toEqual([
      [String(10 * 1024 * 1024), 't'],
    ]);
  });

  test('every table takes a row, and shows it', async () => {
    await desk.apply(TABLES.map(({ name }) => write(name, {}, 10)));
    for (const { name } of TABLES)
      expect([name, await desk.rows(`SELECT count(*) FROM read.${name}`)]).toEqual([name, [['1']]]);
  });
});

describe('a long text that an update did not carry', () => {
  const gap = { terms: '__debezium_unavailable_value' };
  const terms = (): Promise<readonly (readonly (string | null)[])[]> =>
    desk.rows('SELECT terms, quantity FROM read.orders');

  test('stays as it is stored', async () => {
    await desk.apply([write('orders', { terms: 'long' }, 10)]);
    await desk.apply([write('orders', { ...gap, quantity: 2 }, 20, 'u')]);
    expect(await terms()).toEqual([['long', '2']]);
  });

  test('is the one of the change before it in the same batch', async () => {
    await desk.apply([write('orders', { terms: 'long' }, 10), write('orders', { ...gap, quantity: 2 }, 20, 'u')]);
    expect(await terms()).toEqual([['long', '2']]);
  });

  test('is filled in by an earlier change that comes late, once', async () => {
    await desk.apply([write('orders', { ...gap, quantity: 2 }, 20, 'u')]);
    expect(await terms()).toEqual([[null, '2']]);
    await desk.apply([write('orders', { terms: 'long', quantity: 1 }, 10, 'r')]);
    expect(await terms()).toEqual([['long', '2']]);
    await desk.apply([write('orders', { terms: 'longer', quantity: 1 }, 12, 'r')]);
    expect(await terms()).toEqual([['long', '2']]);
  });

  test('is still known to be missing by the next process', async () => {
    await desk.apply([write('orders', { ...gap, quantity: 2 }, 20, 'u')]);
    const next = new Applier(desk.session, desk.copy, new Map());
    await next.load();
    const late = { ...write('orders', { terms: 'long' }, 10, 'r'), offset: 1n };
    await next.apply({ entries: [late], next: nextOf([late]) });
    expect(await terms()).toEqual([['long', '2']]);
  });
});

describe('rows that are gone', () => {
  test('are not revived by a snapshot row that comes late', async () => {
    await desk.apply([write('ports', {}, 20, 'd')]);
    await desk.apply([write('ports', {}, 10, 'r')]);
    expect(await desk.rows('SELECT * FROM read.ports')).toEqual([]);
  });

  test('stay away after a truncation, but for those that came after it', async () => {
    const truncation = record({ table: 'ports', op: 't', key: null, at: at(20) });
    await desk.apply([write('ports', { port_id: 1 }, 10), write('ports', { port_id: 2 }, 30)]);
    await desk.apply([truncation]);
    await desk.apply([write('ports', { port_id: 3 }, 15), write('ports', { port_id: 4 }, 25)]);
    expect(await desk.rows('SELECT port_id FROM read.ports ORDER BY 1')).toEqual([['2'], ['4']]);
    expect(await desk.rows(`SELECT count(*) FROM ${desk.copy.name}.ports`)).toEqual([['2']]);
  });

  test('are swept once the snapshot that did not have them has arrived', async () => {
    const renewed = record({
      table: 'ports',
      op: 'r',
      key: null,
      after: rowOf('ports', { port_id: 2 }),
      at: at(5, 0, 2),
    });
    const swept = { incarnation: 2, tables: ['public.ports'] };
    await desk.apply([write('ports', { port_id: 1 }, 10), write('ports', { port_id: 2 }, 11)]);
    await desk.apply([mark({ lsn: '0/5', epoch: '1.1.2', ends: { 'legacy.public.ports-0': '3' }, swept, offset: 0n })]);
    expect(await desk.rows('SELECT port_id FROM read.ports ORDER BY 1')).toEqual([['1'], ['2']]);
    await desk.apply([renewed]);
    expect(await desk.rows('SELECT port_id FROM read.ports ORDER BY 1')).toEqual([['2']]);
    expect(await desk.rows('SELECT epoch, lsn FROM read.applied')).toEqual([['1.1.2', '0/5']]);
  });
});

describe('a batch', () => {
  const bad = write('ports', { city: 'a\u0000b' }, 20);

  test('is applied whole or not at all', async () => {
    await desk.apply([write('customers', {}, 5)]);
    await expect(desk.apply([write('addresses', {}, 10), bad])).rejects.toMatchObject({
      code: 'ORD_BAD_RECORD',
      retryable: false,
    });
    expect(await desk.rows('SELECT * FROM read.addresses')).toEqual([]);
    expect(await desk.rows(`SELECT partition, next, records FROM read.checkpoints WHERE next > 0`)).toEqual([
      ['legacy.public.customers-0', '1', '1'],
    ]);
    expect([...desk.applier.progress.next].filter(([, next]) => next > 0n)).toEqual([
      ['legacy.public.customers-0', 1n],
    ]);
  });

  test('that failed does not keep the next one from being applied', async () => {
    await expect(desk.apply([bad])).rejects.toThrow('invalid byte sequence');
    const good = write('ports', {}, 30);
    await desk.applier.apply({ entries: [good], next: nextOf([good]) });
    expect(await desk.rows('SELECT city FROM read.ports')).toEqual([['text']]);
  });

  test('that comes again is passed over, and counted once', async () => {
    const entries = [
      { ...write('ports', {}, 10), offset: 0n },
      { ...write('ports', {}, 20, 'u'), offset: 1n },
    ];
    await desk.applier.resume(['legacy.public.ports-0']);
    expect(await desk.applier.apply({ entries, next: nextOf(entries) })).toEqual({
      records: 2,
      rows: new Map([['ports', 1]]),
    });
    expect(await desk.applier.apply({ entries, next: nextOf(entries) })).toEqual({ records: 0, rows: new Map() });
    expect(await desk.rows('SELECT next, records FROM read.checkpoints')).toEqual([['2', '2']]);
  });

  test('of a writer who no longer is the only one is refused, and changes nothing', async () => {
    await desk.apply([write('ports', { city: 'Oslo' }, 10)]);
    const session = await openSession(desk.url, { applicationName: 'other', durable: false, pipeline: true });
    try {
      const other = new Applier(session, desk.copy, new Map());
      await other.load();
      await desk.apply([write('ports', { city: 'Bergen' }, 20, 'u')]);
      const late = { ...write('ports', { city: 'Late' }, 30, 'u'), offset: 1n };
      await expect(other.apply({ entries: [late], next: nextOf([late]) })).rejects.toMatchObject({ code: 'ORD_MOVED' });
      expect(await desk.rows('SELECT city FROM read.ports')).toEqual([['Bergen']]);
    } finally {
      await session.close();
    }
  });
});

describe('watermarks', () => {
  test('move with the rows, and are read again by the next process while they wait', async () => {
    const ends = { 'legacy.public.ports-0': '2' };
    await desk.apply([write('ports', {}, 10), mark({ lsn: '0/20', ends, offset: 0n, timestamp: 77 })]);
    expect(await desk.rows('SELECT * FROM read.applied')).toEqual([]);
    expect(desk.applier.progress.applied).toEqual([]);
    expect(await desk.rows('SELECT over FROM read.snapshot')).toEqual([['f']]);
    const next = new Applier(desk.session, desk.copy, new Map());
    await next.load();
    expect(await next.resume([`${WATERMARKS}-0`])).toEqual(new Map([[`${WATERMARKS}-0`, 0n]]));
    await desk.apply([write('ports', {}, 20, 'u')]);
    expect(await desk.rows('SELECT source, epoch, lsn, record_ms FROM read.applied')).toEqual([
      ['legacy', '1.1.1', '0/20', '77'],
    ]);
    expect(await desk.rows(`SELECT next FROM read.checkpoints WHERE partition = $1`, [`${WATERMARKS}-0`])).toEqual([
      ['1'],
    ]);
    expect(await desk.rows('SELECT over FROM read.snapshot')).toEqual([['t']]);
  });

  test('every partition that is asked for has an answer, from the beginning where none was read', async () => {
    await desk.apply([write('ports', {}, 10)]);
    const asked = ['legacy.public.ports-0', 'legacy.public.orders-3'];
    expect(await desk.applier.resume(asked)).toEqual(
      new Map([
        ['legacy.public.ports-0', 1n],
        ['legacy.public.orders-3', 0n],
      ]),
    );
  });
});
