import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn } from '@banyan/backbone/core/lsn';
import { epochOf, readCheckpoint, writeCheckpoint } from '@banyan/cdc/core/checkpoint';
import { chunkQuery } from '@banyan/cdc/core/chunk';
import { partingPoint } from '@banyan/cdc/core/history';
import { identityProblems } from '@banyan/cdc/core/identity';
import { Markers } from '@banyan/cdc/core/marker';
import { quoteLiteral, quoteTable, topicOf } from '@banyan/cdc/core/name';
import { readReport, verdictOn } from '@banyan/cdc/core/report';
import { shapeOf } from '@banyan/cdc/core/relation';
import { readKeepalive, writeStatus } from '@banyan/cdc/core/walsender';
import * as wal from './support/wal.ts';

describe('reading a table in chunks', () => {
  const plan = {
    schema: 'public',
    table: 'order "items"',
    columns: ['order_id', 'line_no', 'sku'],
    key: [
      { name: 'order_id', type: 'bigint' },
      { name: 'line_no', type: 'integer' },
    ],
    rows: 500,
    only: true,
  };

  test('the first chunk has no bound, the next begins behind the last key, as parameters', () => {
    const head = 'SELECT "order_id", "line_no", "sku" FROM ONLY "public"."order ""items"""';
    const tail = 'ORDER BY "order_id", "line_no" LIMIT 500';
    expect(chunkQuery(plan, null)).toEqual({ text: `${head} ${tail}`, values: [] });
    expect(chunkQuery(plan, ['7', "x'"])).toEqual({
      text: `${head} WHERE ("order_id", "line_no") > ($1::bigint, $2::integer) ${tail}`,
      values: ['7', "x'"],
    });
  });

  test('a table without a key, or without columns, is read in one go', () => {
    expect(chunkQuery({ ...plan, key: [], columns: [], only: false }, null).text).toBe(
      'SELECT NULL FROM "public"."order ""items"""',
    );
  });
});

describe('where a row stands in a snapshot', () => {
  /** Reads tables in order and lists what was said of each row. */
  function said(tables: readonly (readonly string[])[]): string[] {
    const markers = new Markers<string>();
    const all = tables.flatMap((rows, table) => [
      ...rows.flatMap((row) => markers.next(table, row)),
      ...markers.end(table),
    ]);
    return [...all, ...markers.finish()].map(({ row, marker }) => `${row} ${marker}`);
  }

  test('as Debezium says it', () => {
    expect(said([['a1', 'a2', 'a3'], [], ['b1'], ['c1', 'c2'], []])).toEqual([
      'a1 first',
      'a2 true',
      'a3 last_in_data_collection',
      'b1 last_in_data_collection',
      'c1 first_in_data_collection',
      'c2 last',
    ]);
  });

  test('every row once, in order within its table, and one of them the last', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }), (sizes) => {
        const tables = sizes.map((size, table) => Array.from({ length: size }, (_, row) => `${table}.${row}`));
        const result = said(tables);
        expect(result.map((line) => line.split(' ')[0])).toEqual(tables.flat());
        expect(result.filter((line) => line.endsWith(' last'))).toHaveLength(tables.flat().length > 0 ? 1 : 0);
      }),
    );
  });
});

describe('tables that must not be published', () => {
  const sound = { schema: 'public', table: 't', identity: 'd', servingKey: true, identityIndex: false } as const;

  test.each([
    [{}, null],
    [{ servingKey: false }, 'no-primary-key'],
    [{ servingKey: false, identity: 'f' }, null],
    [{ identity: 'n' }, 'identity-nothing'],
    [{ identity: 'i', identityIndex: true }, null],
    [{ identity: 'i' }, 'identity-index-gone'],
  ] as const)('%j: %s', (change, because) => {
    expect(identityProblems([{ ...sound, ...change }])[0]?.because ?? null).toBe(because);
  });

  test('the remedy is a statement that can be run', () => {
    expect(identityProblems([{ ...sound, table: 'odd "one"', servingKey: false }])[0]?.statement).toBe(
      'ALTER TABLE "public"."odd ""one""" REPLICA IDENTITY FULL;',
    );
    expect(identityProblems([{ ...sound, identity: 'n' }])[0]?.statement).toContain('REPLICA IDENTITY DEFAULT');
  });
});

describe('the checkpoint', () => {
  const checkpoint = {
    system: '7301234567890123456',
    timeline: 2,
    incarnation: 3,
    lsn: toLsn(0x1_0000_00ffn),
    snapshot: 'done',
    tables: { cn3: 'k2j9' },
  } as const;

  test('is read back as it was written', () => {
    expect(readCheckpoint(writeCheckpoint(checkpoint))).toEqual(checkpoint);
    expect(epochOf(checkpoint)).toBe('7301234567890123456.2.3');
  });

  test.each(['', '{', 'null', '[]', '{"version":2}', writeCheckpoint(checkpoint).replace('1/FF', 'x')])(
    '%s is none',
    (text) => {
      expect(readCheckpoint(text)).toBeNull();
    },
  );
});

test('the shape of a table changes with its columns, and with nothing else', () => {
  const column = { name: 'a', type: 23, modifier: -1, identity: true };
  expect(shapeOf([column])).toBe(shapeOf([{ ...column, identity: false }]));
  const shapes = [
    [column],
    [{ ...column, name: 'b' }],
    [{ ...column, type: 20 }],
    [{ ...column, modifier: 4 }],
    [column, column],
  ];
  expect(new Set(shapes.map(shapeOf)).size).toBe(shapes.length);
});

test('names are quoted, and topics cleaned', () => {
  expect(quoteTable({ schema: 'a"b', table: 'c' })).toBe('"a""b"."c"');
  expect(quoteLiteral("it's")).toBe("'it''s'");
  expect(topicOf('shop', { schema: 'public', table: 'größe' })).toBe('shop.public.gr__e');
});

test('a timeline’s end is found in the history, or not', () => {
  const file = '1\t0/3000150\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-01\n';
  expect(partingPoint(file, 1)).toBe(0x3000150n);
  expect(partingPoint(file, 2)).toBe(0x1_0000_00a0n);
  expect(partingPoint(file, 3)).toBeNull();
});

describe('what is said to the walsender, and by it', () => {
  test('a status update holds positions and the clock since 2000', () => {
    const status = Buffer.from(writeStatus({ write: toLsn(7n), flush: toLsn(5n), atUs: 946_684_800_000_001 }));
    expect(status.toString('hex')).toBe(
      `64${'00000026'}72${'0000000000000007'}${'0000000000000005'}${'0000000000000005'}${'0000000000000001'}00`,
    );
  });

  test('a position that is only seen is written, and flushed nowhere', () => {
    const status = Buffer.from(writeStatus({ write: toLsn(7n), flush: null, atUs: 946_684_800_000_000 }));
    expect([status.readBigUInt64BE(6), status.readBigUInt64BE(14)]).toEqual([7n, 0n]);
  });

  test('a keepalive says where the server is, and whether it waits', () => {
    const body = Buffer.concat([wal.letter('k'), wal.int64(99n), wal.int64(0n), Buffer.from([1])]);
    expect(readKeepalive(wal.bytesOf(body), 0)).toEqual({ position: 99n, replyRequested: true });
  });

  test('an error says its code and its words', () => {
    const body = Buffer.concat([
      ...['SERROR', 'C55000', 'Mcan no longer', 'Dinvalidated'].map(wal.cstring),
      Buffer.alloc(1),
    ]);
    expect(readReport(wal.bytesOf(body), 0, body.length)).toEqual({
      code: '55000',
      message: 'can no longer (invalidated)',
    });
  });

  test.each([
    ['57P03', 'retry', 'starting'],
    ['57P01', 'retry', 'stopping'],
    ['ECONNREFUSED', 'retry', 'lost'],
    ['53300', 'retry', 'busy'],
    ['55006', 'retry', 'slot-busy'],
    ['28P01', 'fatal', 'unauthorised'],
    ['28000', 'fatal', 'unauthorised'],
    ['3D000', 'fatal', 'no-database'],
    ['42501', 'fatal', 'privileges'],
    ['', 'retry', 'unknown'],
  ])('%s: %s, %s', (code, kind, because) => {
    expect(verdictOn(code)).toEqual({ kind, because });
  });
});
