import { describe, expect, test } from 'vitest';
import type { Cell, Message, RelationMessage } from '@banyan/cdc/core/pgoutput';
import { toLsn } from '@banyan/backbone/core/lsn';
import { compileRelation, type Relation, type TableFacts } from '@banyan/cdc/core/relation';
import { nowOf, type Event } from '@banyan/cdc/core/source';
import { Translator, type TranslatorOptions } from '@banyan/cdc/core/translate';

const shape: RelationMessage = {
  kind: 'relation',
  oid: 1,
  schema: 'public',
  table: 'things',
  identity: 'd',
  columns: [
    { name: 'id', type: 23, modifier: -1, identity: true },
    { name: 'name', type: 25, modifier: -1, identity: false },
  ],
};
const facts: TableFacts = {
  schema: 'public',
  table: 'things',
  primaryKey: ['id'],
  columns: [
    { name: 'id', notNull: true },
    { name: 'name', notNull: true },
  ],
};
const defaults = new Map([['name', `'it''s'::text`]]);
const modes = { decimal: 'string', binary: 'bytes', interval: 'numeric', unavailable: 'gone' } as const;

function compiled(
  change: Partial<RelationMessage> = {},
  known: TableFacts | null = facts,
  wanted: boolean = true,
): Relation {
  const counts = { c: 0, u: 0, d: 0, r: 0, t: 0 };
  const options = { prefix: 'shop', modes, defaultsForNull: false, defaults, wanted, counts };
  return compileRelation({ ...shape, ...change }, known, new Map(), options);
}

interface Seen {
  readonly op: string;
  readonly key: unknown;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly at: string;
  readonly headers: readonly string[];
}

const begin: Message = { kind: 'begin', commit: toLsn(0x100n), atUs: 1_700_000_000_123_456, xid: 9 };
const end: Message = { kind: 'commit', commit: toLsn(0x100n), end: toLsn(0x120n) };

/** The events of one transaction. */
function eventsOf(
  changes: readonly Message[],
  relation: Relation = compiled(),
  options: Partial<TranslatorOptions> = {},
): Seen[] {
  return rawEventsOf(changes, relation, options).map(seen);
}

function rawEventsOf(changes: readonly Message[], relation: Relation, options: Partial<TranslatorOptions>): Event[] {
  const events: Event[] = [];
  const settings: TranslatorOptions = {
    version: 'v',
    name: 'shop',
    db: 'legacy',
    incarnation: 2,
    skipped: new Set(),
    tombstones: true,
    transactions: false,
    headers: [],
    ownPrefix: 'banyan',
    ...options,
  };
  const translator = new Translator(settings, nowOf(5_000), (event) => events.push(event));
  translator.define(relation);
  for (const message of [begin, ...changes, end]) translator.take(message, '4096', 7_000);
  return events;
}

function seen({ key, value, headers }: Event): Seen {
  const at = headers.find(({ key: name }) => name === 'banyan.position')?.value ?? '';
  const others = headers
    .filter(({ key: name }) => name !== 'banyan.position')
    .map(({ key: name, value: held }) => `${name}=${held}`);
  const parsed = { key: key === null ? null : (JSON.parse(key) as unknown), at, headers: others };
  if (value === null) return { op: 'tombstone', ...parsed };
  const { op, before, after } = JSON.parse(value) as { op: string; before: unknown; after: unknown };
  return { op, before, after, ...parsed };
}

const insert = (...after: Cell[]): Message => ({ kind: 'insert', oid: 1, after });
const row = (...cells: Cell[]) => ({ holds: 'row', cells }) as const;
const key = (...cells: Cell[]) => ({ holds: 'key', cells }) as const;

describe('each change is one event, with its place in the transaction', () => {
  test('an insert, an update, a delete with its tombstone', () => {
    expect(
      eventsOf([
        insert('1', 'a'),
        { kind: 'update', oid: 1, old: null, after: ['1', 'b'] },
        { kind: 'delete', oid: 1, old: key('1', null) },
      ]),
    ).toEqual([
      { op: 'c', key: { id: 1 }, before: null, after: { id: 1, name: 'a' }, at: '2:0/100:0', headers: [] },
      { op: 'u', key: { id: 1 }, before: null, after: { id: 1, name: 'b' }, at: '2:0/100:1', headers: [] },
      { op: 'd', key: { id: 1 }, before: { id: 1, name: "it's" }, after: null, at: '2:0/100:2', headers: [] },
      { op: 'tombstone', key: { id: 1 }, at: '2:0/100:2', headers: [] },
    ]);
  });

  test('a changed key is a delete, its tombstone and a create, and says so in headers', () => {
    const seenEvents = eventsOf([{ kind: 'update', oid: 1, old: key('1', null), after: ['2', 'a'] }, insert('3', 'c')]);
    expect(seenEvents.map(({ op, key: of, at, headers }) => [op, of, at, headers])).toEqual([
      ['d', { id: 1 }, '2:0/100:0', ['__debezium.newkey={"id":2}']],
      ['tombstone', { id: 1 }, '2:0/100:0', ['__debezium.newkey={"id":2}']],
      ['c', { id: 2 }, '2:0/100:1', ['__debezium.oldkey={"id":1}']],
      ['c', { id: 3 }, '2:0/100:2', []],
    ]);
  });

  test('with the full row before, an update whose key is the same stays an update', () => {
    const full = compiled({ identity: 'f', columns: shape.columns.map((column) => ({ ...column, identity: true })) });
    const [event] = eventsOf([{ kind: 'update', oid: 1, old: row('1', 'long'), after: ['1', undefined] }], full);
    expect(event).toMatchObject({ op: 'u', before: { id: 1, name: 'long' }, after: { id: 1, name: 'long' } });
  });

  test('a value that was not sent and is not known stands as the placeholder', () => {
    const [event] = eventsOf([{ kind: 'update', oid: 1, old: null, after: ['1', undefined] }]);
    expect(event).toMatchObject({ op: 'u', after: { id: 1, name: 'gone' } });
  });

  test('a table without a key has events without one', () => {
    const keyless = compiled(
      { identity: 'f', columns: shape.columns.map((column) => ({ ...column, identity: true })) },
      { ...facts, primaryKey: [] },
    );
    const all = eventsOf(
      [insert('1', 'a'), { kind: 'update', oid: 1, old: row('1', 'a'), after: ['2', 'a'] }],
      keyless,
    );
    expect(all.map(({ op, key: of }) => [op, of])).toEqual([
      ['c', null],
      ['u', null],
    ]);
  });

  test('a replica identity by an index that leaves the primary key out makes the key', () => {
    const byIndex = compiled({
      identity: 'i',
      columns: [
        { name: 'id', type: 23, modifier: -1, identity: false },
        { name: 'name', type: 25, modifier: -1, identity: true },
      ],
    });
    const all = eventsOf([insert('1', 'a'), { kind: 'delete', oid: 1, old: key(null, 'a') }], byIndex);
    expect(all.map(({ key: of }) => of)).toEqual([{ name: 'a' }, { name: 'a' }, { name: 'a' }]);
  });

  test('where catalogue and stream disagree on the key, the stream is right', () => {
    const renamed = compiled({}, { ...facts, primaryKey: ['renamed_since'] });
    expect(eventsOf([insert('1', 'a')], renamed)[0]?.key).toEqual({ id: 1 });
  });
});

describe('what is left out leaves no hole in the others’ places', () => {
  test('skipped operations, tombstones switched off, tables that nobody asked for', () => {
    const changes = [insert('1', 'a'), { kind: 'delete', oid: 1, old: key('1', null) }, insert('2', 'b')] as const;
    const places = (relation: Relation, options: Partial<TranslatorOptions>): string[] =>
      eventsOf(changes, relation, options).map(({ op, at }) => `${op} ${at}`);
    expect(places(compiled(), { skipped: new Set(['c']) })).toEqual(['d 2:0/100:1', 'tombstone 2:0/100:1']);
    expect(places(compiled(), { tombstones: false })).toEqual(['c 2:0/100:0', 'd 2:0/100:1', 'c 2:0/100:2']);
    expect(places(compiled({}, facts, false), {})).toEqual([]);
  });

  test('messages of our own', () => {
    const own: Message = {
      kind: 'message',
      transactional: true,
      lsn: toLsn(1n),
      prefix: 'banyan',
      content: new Uint8Array(),
    };
    expect(eventsOf([own, insert('1', 'a')]).map(({ at }) => at)).toEqual(['2:0/100:0']);
  });
});

test('the source block says where and when', () => {
  const [event] = rawEventsOf([insert('1', 'a')], compiled(), {});
  expect((JSON.parse(event?.value ?? '') as { source: unknown }).source).toEqual({
    version: 'v',
    connector: 'postgresql',
    name: 'shop',
    ts_ms: 1_700_000_000_123,
    snapshot: 'false',
    db: 'legacy',
    sequence: '["4096","4096"]',
    ts_us: 1_700_000_000_123_456,
    ts_ns: 1_700_000_000_123_456_000,
    schema: 'public',
    table: 'things',
    txId: 9,
    lsn: 4096,
    xmin: null,
    origin: null,
    origin_lsn: null,
  });
});

test('a transaction that came by replication names its origin', () => {
  const origin: Message = { kind: 'origin', name: 'pg_16389', commit: toLsn(255n) };
  const [event] = rawEventsOf([origin, insert('1', 'a')], compiled(), {});
  expect(event?.value).toContain('"origin":"pg_16389","origin_lsn":255}');
});

test('a column named like something of JavaScript’s is a column', () => {
  const odd = compiled({
    columns: [
      { name: 'id', type: 23, modifier: -1, identity: true },
      { name: '__proto__', type: 25, modifier: -1, identity: false },
    ],
  });
  const [event] = rawEventsOf([insert('1', 'a')], odd, {});
  expect(event?.value).toContain('"after":{"id":1,"__proto__":"a"}');
});

test('a change outside a transaction, or of a table that was not described, is refused', () => {
  const translator = new Translator(
    {
      version: 'v',
      name: 'shop',
      db: 'd',
      incarnation: 1,
      skipped: new Set(),
      tombstones: true,
      transactions: false,
      headers: [],
      ownPrefix: 'banyan',
    },
    nowOf(0),
    () => undefined,
  );
  expect(() => translator.take(insert('1', 'a'), '0', 0)).toThrow('not described');
  translator.define(compiled());
  expect(() => translator.take(insert('1', 'a'), '0', 0)).toThrow('outside a transaction');
});
