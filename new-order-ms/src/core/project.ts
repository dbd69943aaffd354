/**
 * The projection: a batch of envelopes in, what has to be done to the read model out. Pure: the same batch gives the same plan,
 * and `apply.ts` does nothing that is not in it.
 *
 * Every change carries its position in the monolith's stream, and every statement is guarded by it, so the order in which
 * topics and partitions arrive does not matter, nor how often a record comes. A record that cannot be taken stops everything:
 * what comes after it could depend on it.
 */
import type { Envelope, Row, Value } from '@banyan/backbone/core/envelope';
import { readWatermark } from '@banyan/backbone/core/fence';
import { toLsn } from '@banyan/backbone/core/lsn';
import { comparePositions, parsePosition, POSITION_HEADER, type Position } from '@banyan/backbone/core/position';
import type { Mark, Sweep } from './applied.ts';
import { readCells, type Cell, type Cells } from './cells.ts';
import { compact, type Change } from './change.ts';
import { parseExact } from './json.ts';
import { TABLES, TOPICS, WATERMARKS, tableOfName, tableOfTopic, type Table } from './tables.ts';

/** A record as the backbone delivers it. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  /** Milliseconds since 1970 when it was appended. */
  readonly timestamp: number;
}

/** What the projection has to know besides the batch. */
export interface World {
  /** By `topic-partition`: the greatest incarnation that a record of it has had. */
  readonly incarnations: ReadonlyMap<string, number>;
  /** By topic: how many partitions it has. */
  readonly partitions: ReadonlyMap<string, number>;
}

/** What a batch does to one table. */
export interface TableWork {
  readonly table: Table;
  /** Rows before this position are gone, and none of them may come any more (TRUNCATE, or a sweep). */
  readonly floor: Position | null;
  /** To be applied one after the other; a key is at most once in each. */
  readonly rounds: readonly (readonly Change[])[];
}

export interface Plan {
  readonly tables: readonly TableWork[];
  readonly marks: readonly Mark[];
  /** By `topic-partition`: the greatest incarnation seen in this batch. */
  readonly incarnations: ReadonlyMap<string, number>;
  /** A record of real Debezium, which has no watermarks, said that the source's snapshot is over. */
  readonly snapshotOver: boolean;
}

export type Halt = {
  readonly kind: 'halt';
  readonly code: 'ORD_SCHEMA_CHANGED' | 'ORD_BAD_RECORD' | 'ORD_MIXED_SOURCES';
  readonly because: string;
};

export type Projected = { readonly kind: 'plan'; readonly plan: Plan } | Halt;

/** `topic-partition`, as offsets are keyed. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Turns a batch (in order within each partition) into a plan, or says why it cannot be taken. */
export function project(batch: readonly Delivery[], world: World): Projected {
  const draft: Draft = {
    changes: new Map(),
    floors: new Map(),
    marks: [],
    incarnations: new Map(),
    snapshotOver: false,
  };
  for (const delivery of batch) {
    const refusal = take(delivery, world, draft);
    if (refusal !== null)
      return { kind: 'halt', code: refusal.code, because: `${whereIs(delivery)}: ${refusal.because}` };
  }
  const tables = TABLES.flatMap((table): readonly TableWork[] => {
    const floor = draft.floors.get(table) ?? null;
    const changes = draft.changes.get(table) ?? [];
    return floor === null && changes.length === 0 ? [] : [{ table, floor, rounds: compact(changes) }];
  });
  const { marks, incarnations, snapshotOver } = draft;
  return { kind: 'plan', plan: { tables, marks, incarnations, snapshotOver } };
}

/** A plan with what the watermarks that it satisfied sweep away. */
export function withSweeps(plan: Plan, sweeps: readonly Sweep[]): Plan {
  if (sweeps.length === 0) return plan;
  const tables = TABLES.flatMap((table): readonly TableWork[] => {
    const work = plan.tables.find((one) => one.table === table) ?? { table, floor: null, rounds: [] };
    let { floor } = work;
    for (const { incarnation } of sweeps.filter((sweep) => sweep.tables.includes(table)))
      floor = laterOf(floor, { incarnation, lsn: toLsn(0n), index: 0 });
    return floor === null && work.rounds.length === 0 ? [] : [{ ...work, floor }];
  });
  return { ...plan, tables };
}

interface Draft {
  readonly changes: Map<Table, Change[]>;
  readonly floors: Map<Table, Position>;
  readonly marks: Mark[];
  readonly incarnations: Map<string, number>;
  snapshotOver: boolean;
}

type Refusal = { readonly code: Halt['code']; readonly because: string };

function take(delivery: Delivery, world: World, draft: Draft): Refusal | null {
  if (delivery.value === null) return null; // A tombstone: compaction's, not ours. The deletion came before it.
  if (delivery.topic === WATERMARKS) return takeMark(delivery, delivery.value, draft);
  const table = tableOfTopic(delivery.topic);
  if (table === null) return null;
  const position = positionOf(delivery, world, draft);
  if ('because' in position) return position;
  return takeChange({ delivery, value: delivery.value, table, position, world, draft });
}

function positionOf(delivery: Delivery, world: World, draft: Draft): Position | Refusal {
  const name = partitionName(delivery.topic, delivery.partition);
  const seen = draft.incarnations.get(name) ?? world.incarnations.get(name) ?? 0;
  const header = delivery.headers.find(({ key }) => key === POSITION_HEADER);
  if (header === undefined) {
    // Debezium tells no commit LSN. A key stays in its partition, so there the offset orders changes as well.
    if (seen === 0) return { incarnation: 0, lsn: toLsn(delivery.offset), index: 0 };
    const because = `there is no header ${POSITION_HEADER}, though earlier records had it: two kinds of connector wrote into one topic. Give each its own topic prefix`;
    return { code: 'ORD_MIXED_SOURCES', because };
  }
  const position = parsePosition(header.value);
  if (position === null) return bad(`the header ${POSITION_HEADER} is not a position`);
  if (position.incarnation > seen) draft.incarnations.set(name, position.incarnation);
  return position;
}

interface Taking {
  readonly delivery: Delivery;
  readonly value: string;
  readonly table: Table;
  readonly position: Position;
  readonly world: World;
  readonly draft: Draft;
}

function takeChange(taking: Taking): Refusal | null {
  const { delivery, value, table, position, draft } = taking;
  const envelope = parse(value);
  if (envelope === null) return bad('the value is not an envelope');
  noteSnapshot(envelope, position, draft);
  switch (envelope.op) {
    case 'c':
    case 'r':
    case 'u':
      return takeRow(taking, envelope);
    case 'd':
      return takeDeletion(taking, envelope);
    case 't':
      return takeTruncation(delivery, taking);
    case 'm':
      return null; // A logical message: none of ours.
    default:
      envelope.op satisfies never;
      return bad(`the operation ${JSON.stringify(envelope.op)} of table ${table.name} is unknown`);
  }
}

function takeRow({ table, position, value, draft }: Taking, { after }: Envelope): Refusal | null {
  if (after === null) return bad('there is no row after the change');
  let read = readCells(table, after);
  if (read.kind === 'inexact') read = exactCells(table, value);
  if (read.kind !== 'cells') return { code: 'ORD_SCHEMA_CHANGED', because: reasonOf(read) };
  const { cells, missing } = read;
  add(draft, table, { key: keyOf(table, cells), position, cells, missing, deleted: false });
  return null;
}

/** The key of the record names the row: what stood before may be unknown (replica identity DEFAULT). */
function takeDeletion({ delivery, table, position, draft }: Taking, { before }: Envelope): Refusal | null {
  const key = delivery.key === null ? before : (parseValue(delivery.key) as Row | null);
  if (typeof key !== 'object' || key === null) return bad('the deletion names no key');
  let read = readCells(table, key, table.keys);
  if (read.kind === 'inexact') read = readCells(table, parseExact(delivery.key ?? '') as Row, table.keys);
  if (read.kind !== 'cells') return { code: 'ORD_SCHEMA_CHANGED', because: reasonOf(read) };
  const cells = table.columns.map((_, index) => read.cells[index] ?? null);
  add(draft, table, { key: keyOf(table, cells), position, cells, missing: 0, deleted: true });
  return null;
}

function takeTruncation(delivery: Delivery, { table, position, world, draft }: Taking): Refusal | null {
  const partitions = world.partitions.get(delivery.topic) ?? 1;
  // Offsets of different partitions cannot be compared: nobody knows which rows the truncation was to remove.
  if (position.incarnation === 0 && partitions > 1)
    return bad(
      `a TRUNCATE without a position, in a topic of ${partitions} partitions; give the topic one, or snapshot anew`,
    );
  draft.floors.set(table, laterOf(draft.floors.get(table) ?? null, position));
  return null;
}

function takeMark(delivery: Delivery, text: string, draft: Draft): Refusal | null {
  const value = parseValue(text);
  const watermark = readWatermark(value);
  if (watermark === null || delivery.partition !== 0) return bad('the record is not a watermark of partition 0');
  const { ends, swept } = value as { ends?: unknown; swept?: unknown };
  const read = endsOf(ends);
  const sweep = sweepOf(swept);
  if (read === null || sweep === undefined) return bad('the watermark names no ends, or not what was swept');
  draft.marks.push({ watermark, ends: read, sweep, offset: delivery.offset, timestamp: delivery.timestamp });
  return null;
}

/** Ends of topics that we do not read do not concern us; the watermarks' own we have reached by reading this one. */
function endsOf(ends: unknown): ReadonlyMap<string, bigint> | null {
  if (typeof ends !== 'object' || ends === null) return null;
  const read = new Map<string, bigint>();
  for (const [name, end] of Object.entries(ends)) {
    if (typeof end !== 'string' || !/^\d{1,19}$/.test(end)) return null;
    const topic = name.slice(0, name.lastIndexOf('-'));
    if (topic !== WATERMARKS && TOPICS.includes(topic)) read.set(name, BigInt(end));
  }
  return read;
}

function sweepOf(swept: unknown): Sweep | null | undefined {
  if (swept === undefined || swept === null) return null;
  if (typeof swept !== 'object') return undefined;
  const { incarnation, tables } = swept as { incarnation?: unknown; tables?: unknown };
  if (typeof incarnation !== 'number' || !Number.isSafeInteger(incarnation) || !Array.isArray(tables)) return undefined;
  const ours = tables.map((name) => (typeof name === 'string' ? tableOfName(name) : null));
  return { incarnation, tables: ours.filter((table) => table !== null) };
}

function noteSnapshot(envelope: Envelope, position: Position, draft: Draft): void {
  if (position.incarnation > 0) return;
  const { snapshot } = envelope.source ?? {};
  if (snapshot === 'false' || snapshot === 'last') draft.snapshotOver = true;
}

function add(draft: Draft, table: Table, change: Change): void {
  const list = draft.changes.get(table);
  if (list === undefined) draft.changes.set(table, [change]);
  else list.push(change);
}

function keyOf(table: Table, cells: readonly Cell[]): string {
  return table.keys === 1 ? String(cells[0]) : cells.slice(0, table.keys).map(String).join(',');
}

function exactCells(table: Table, value: string): Cells {
  const { after } = parseExact(value) as { after?: Row | null };
  return readCells(table, after ?? {});
}

function parse(text: string): Envelope | null {
  const value = parseValue(text);
  const shaped = typeof value === 'object' && value !== null && 'op' in value && 'after' in value && 'before' in value;
  return shaped ? (value as unknown as Envelope) : null;
}

function parseValue(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}

function reasonOf(read: Exclude<Cells, { kind: 'cells' }>): string {
  return read.kind === 'misfit' ? read.because : 'a number is beyond 64 bits';
}

function laterOf(a: Position | null, b: Position): Position {
  return a === null || comparePositions(b, a) > 0 ? b : a;
}

function bad(because: string): Refusal {
  return { code: 'ORD_BAD_RECORD', because };
}

function whereIs({ topic, partition, offset }: Delivery): string {
  return `${partitionName(topic, partition)} at offset ${offset}`;
}
