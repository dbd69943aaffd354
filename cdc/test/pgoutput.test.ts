import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readMessage, type Cell } from '@banyan/cdc/core/pgoutput';
import * as wal from './support/wal.ts';

function decode(buffer: Buffer): unknown {
  // Within a larger chunk, so that an offset that is forgotten shows.
  const around = Buffer.concat([Buffer.from('before'), buffer, Buffer.from('after')]);
  return readMessage(wal.bytesOf(around), 6, 6 + buffer.length);
}

// Text of any script, and long enough that a length byte lies above 0x7f.
const text = fc.oneof(
  fc.string({ unit: 'binary-ascii' }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constant('x'.repeat(200)),
);
const cell: fc.Arbitrary<Cell> = fc.oneof({ weight: 4, arbitrary: text }, fc.constant(null), fc.constant(undefined));
const cells = fc.array(cell, { maxLength: 12 });
const oid = fc.integer({ min: 1, max: 0x7fff_ffff });

describe('what the server wrote is what is read', () => {
  test('inserts', () => {
    fc.assert(
      fc.property(oid, cells, (table, row) => {
        expect(decode(wal.insert(table, row))).toEqual({ kind: 'insert', oid: table, after: row });
      }),
    );
  });

  test('updates, with and without the row before', () => {
    fc.assert(
      fc.property(oid, fc.constantFrom('K', 'O', null), cells, cells, (table, kind, before, after) => {
        const old = kind === null ? null : { kind, cells: before };
        const expected = old === null ? null : { holds: old.kind === 'K' ? 'key' : 'row', cells: before };
        expect(decode(wal.update(table, old as wal.OldCells | null, after))).toEqual({
          kind: 'update',
          oid: table,
          old: expected,
          after,
        });
      }),
    );
  });

  test('deletes', () => {
    expect(decode(wal.remove(7, { kind: 'K', cells: ['1', null] }))).toEqual({
      kind: 'delete',
      oid: 7,
      old: { holds: 'key', cells: ['1', null] },
    });
  });

  test('the beginning and the end of a transaction, beyond 2^53 and before 2000', () => {
    expect(decode(wal.begin(0xffff_ffff_0000_0001n, -1_000_000n, 4_000_000_000))).toEqual({
      kind: 'begin',
      commit: 0xffff_ffff_0000_0001n,
      atUs: 946_684_799_000_000,
      xid: 4_000_000_000,
    });
    expect(decode(wal.commit(5n, 0x1_0000_0000n))).toEqual({ kind: 'commit', commit: 5n, end: 0x1_0000_0000n });
  });

  test('relations, with names in any script', () => {
    const columns = [
      { name: 'id', type: 23, modifier: -1, identity: true },
      { name: 'größe "✓"', type: 1700, modifier: 786_438, identity: false },
    ];
    const parts = { oid: 99, schema: 'öffentlich', table: 'bestell.ungen', identity: 'f' as const, columns };
    expect(decode(wal.relation(parts))).toEqual({ kind: 'relation', ...parts });
  });

  test('truncates of several tables', () => {
    expect(decode(wal.truncate([3, 2, 1]))).toEqual({ kind: 'truncate', oids: [3, 2, 1] });
  });

  test('logical messages, whose content stays when the chunk is overwritten', () => {
    const parts = { transactional: false, lsn: 77n, prefix: 'app', content: Uint8Array.of(0, 255, 128) };
    const buffer = wal.logicalMessage(parts);
    const read = readMessage(wal.bytesOf(buffer), 0, buffer.length);
    buffer.fill(1);
    expect(read).toEqual({ kind: 'message', ...parts });
  });
});

test('bytes that are no message are refused, never misread', () => {
  expect(() => decode(Buffer.from('?'))).toThrow('unknown');
  expect(() =>
    decode(Buffer.concat([wal.letter('I'), wal.int32(1), wal.letter('N'), wal.int16(1), wal.letter('x')])),
  ).toThrow('unknown');
  const short = wal.insert(1, ['a long enough value']);
  expect(() => readMessage(wal.bytesOf(short), 0, short.length - 4)).toThrow('past the end');
});
