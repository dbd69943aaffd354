/**
 * The same SQL, and the same events as Debezium 3.6.3 wrote for it: 40 steps, recorded with `decimal.handling.mode: precise`
 * and transaction metadata. What is not compared is what cannot be equal (times, WAL positions, transaction ids) and what
 * `deliberate` lists, each with its reason.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import type { Event } from '@banyan/cdc/core/source';
import { KEY_HEADERS } from '@banyan/cdc/core/source';
import { parseExact, query, startConnector, type Started } from './support/connector.ts';
import { until } from './support/until.ts';
import { schemaSql, steps, type Recorded } from './support/debezium.ts';

const recorded = steps(parseExact);

let database: Scratch;
let started: Started;

beforeAll(async () => {
  database = await scratch();
  await query(database.url, schemaSql);
  started = startConnector(database.url, {
    settings: {
      'decimal.handling.mode': 'precise',
      'provide.transaction.metadata': true,
      'converter.replace.null.with.default': true,
      'snapshot.max.threads': 1,
    },
  });
  await until('the snapshot', () => started.connector.phase === 'streaming');
});

afterAll(async () => {
  await started.stop();
  await database.drop();
});

describe('events are those that Debezium 3.6.3 wrote', () => {
  test.each(recorded)('$name', async ({ name, sql, events }) => {
    const { sink } = started;
    const from = name === 'snapshot' ? 0 : sink.events.length;
    if (name !== 'snapshot') {
      await query(database.url, sql);
      await query(database.url, 'INSERT INTO cdc_marker VALUES ($1)', [name]);
      await until(`the marker of ${name}`, () => markerAt(sink.events, name) > 0);
    }
    // What Debezium would not write at all: the rows of an altered table, read again.
    const streamed = sink.events.slice(from).filter(({ value }) => !value?.includes('"snapshot":"incremental"'));
    const ours = streamed.map(asRecorded);
    const marked = ours.findIndex(({ topic }) => topic === 'shop.public.cdc_marker');
    // The marker's own transaction: BEGIN before it, END behind it.
    const own = marked < 0 ? ours : ours.slice(0, marked - 1);
    const theirs = events.map(deliberate).map(settled);
    expect(own.map(settled)).toEqual(theirs);
    // The order of the fields, too.
    expect(JSON.stringify(own.map(settled))).toBe(JSON.stringify(theirs));
  });
});

function markerAt(events: readonly Event[], name: string): number {
  const at = events.findIndex(({ topic, value }) => topic === 'shop.public.cdc_marker' && value?.includes(`"${name}"`));
  return events[at + 1] === undefined ? -1 : at;
}

function asRecorded({ topic, key, value, headers }: Event): Recorded {
  return {
    topic,
    key: key === null ? null : parseExact(key),
    value: value === null ? null : parseExact(value),
    headers: headers.map((header) => ({
      key: header.key,
      value: KEY_HEADERS.has(header.key) ? parseExact(header.value) : header.value,
    })),
  };
}

/** Where Debezium's value is wrong, ours is this. */
function deliberate(event: Recorded): Recorded {
  const text = JSON.stringify(event)
    // An infinite date: Debezium's number overflows, and lies before 1970. Ours is the greatest date, as Postgres has it.
    .replace('"c_date":-2147472692', '"c_date":2147483647')
    // A Java object's default name and address in memory.
    .replace(/"io\.debezium\.[\w.]+\$LogicalDecodingMessageId@[0-9a-f]+"/, '"message"');
  return JSON.parse(text) as Recorded;
}

type Json = Readonly<Record<string, unknown>>;

const TIMES = ['ts_ms', 'ts_us', 'ts_ns'];
const PLACES = [...TIMES, 'lsn', 'txId', 'version', 'db'];

/** Without what cannot be equal. */
function settled({ topic, key, value, headers }: Recorded): Recorded {
  const kept = headers.filter(({ key: name }) => !name.startsWith('__debezium.context.') && name !== 'banyan.position');
  if (topic === 'shop.transaction') {
    return { topic, key: { id: '?' }, value: { ...(value as Json), id: '?', ts_ms: '?' }, headers: kept };
  }
  return { topic, key, value: value === null ? null : settledValue(value as Json), headers: kept };
}

function settledValue(value: Json): Json {
  const source = value['source'] as Json;
  const transaction = value['transaction'] as Json | null;
  return {
    ...masked(value, TIMES),
    source: { ...masked(source, PLACES), sequence: String(source['sequence']).replaceAll(/\d+/g, '?') },
    transaction: transaction === null ? null : { ...transaction, id: '?' },
  };
}

/** The fields are there or not as before, in their places; only what they hold is hidden. */
function masked(value: Json, fields: readonly string[]): Json {
  return Object.fromEntries(
    Object.entries(value).map(([field, held]) => [field, fields.includes(field) ? typeof held : held]),
  );
}
