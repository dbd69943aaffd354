/**
 * Turns the stream's messages into events, as Debezium's Postgres connector writes them. Where an event stands (its position)
 * follows from the WAL alone: the same transaction read again gives the same positions, whatever was skipped or configured.
 *
 *   insert ─▶ c            update ─▶ u, or, where the key changed, d + tombstone + c
 *   delete ─▶ d + tombstone        truncate ─▶ t for each table        logical message ─▶ m
 */
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { POSITION_HEADER } from '@banyan/backbone/core/position';
import { base64 } from './binary.ts';
import { topicName } from './name.ts';
import type { Begin, Cells, LogicalMessage, Message, OldRow, RelationMessage, Truncate } from './pgoutput.ts';
import { filledIn, type Relation } from './relation.ts';
import { sourceJson, type Event, type Header, type Now, type SourceJson, type Stream } from './source.ts';
import { textJson } from './value.ts';

export type Skippable = 'c' | 'u' | 'd' | 't';

export interface TranslatorOptions extends Stream {
  readonly incarnation: number;
  readonly skipped: ReadonlySet<Skippable>;
  /** A null value after each delete, so that a compacted topic forgets the key. */
  readonly tombstones: boolean;
  /** Debezium's `provide.transaction.metadata`. */
  readonly transactions: boolean;
  /** On every change. */
  readonly headers: readonly Header[];
  /** Logical messages of this prefix are the connector's own, and not published. */
  readonly ownPrefix: string;
}

/** What the reader of the stream has to know of a message, beyond its events. */
export type Heard =
  | { readonly kind: 'change' }
  | { readonly kind: 'begin' }
  | { readonly kind: 'commit'; readonly end: Lsn; readonly atUs: number }
  /** A logical message that belongs to no transaction. */
  | { readonly kind: 'message' }
  /** A table's shape: compile it, and `define` it before the next message. */
  | { readonly kind: 'shape'; readonly message: RelationMessage }
  /** A message of our own. */
  | { readonly kind: 'signal'; readonly content: Uint8Array; readonly commit: Lsn };

const CHANGE: Heard = { kind: 'change' };
const BEGIN: Heard = { kind: 'begin' };
const MESSAGE: Heard = { kind: 'message' };

/** Told of each change before its event is emitted: the row before or after it, or `all` for a truncate. */
export type Watch = (relation: Relation, cells: Cells | 'all', commit: Lsn) => void;

interface Transaction {
  readonly begin: Begin;
  readonly firstLsn: string;
  readonly positionHead: string;
  source: SourceJson;
  index: number;
  /** For transaction metadata: events so far, all and by table. */
  events: number;
  readonly byTable: Map<string, number>;
}

export class Translator {
  /** Set by the reader at each chunk: when its events are made. */
  now: Now;
  /** Set while rows are read again. */
  watch: Watch | null = null;

  readonly #options: TranslatorOptions;
  readonly #emit: (event: Event) => void;
  readonly #relations = new Map<number, Relation>();
  #transaction: Transaction | null = null;

  /** @param emit is given the events in order */
  constructor(options: TranslatorOptions, now: Now, emit: (event: Event) => void) {
    this.#options = options;
    this.now = now;
    this.#emit = emit;
  }

  define(relation: Relation): void {
    this.#relations.set(relation.oid, relation);
  }

  relation(oid: number): Relation | null {
    return this.#relations.get(oid) ?? null;
  }

  /**
   * Takes the next message of the stream.
   * @param lsn where the message's record begins, decimal
   * @param sentUs the server's clock when it sent it, microseconds since 1970
   */
  take(message: Message, lsn: string, sentUs: number): Heard {
    switch (message.kind) {
      case 'insert': {
        const relation = this.#open(message.oid);
        this.#create(relation, message.after, { lsn });
        return CHANGE;
      }
      case 'update':
        this.#update(this.#open(message.oid), message.old, { after: message.after, lsn });
        return CHANGE;
      case 'delete':
        this.#delete(this.#open(message.oid), message.old, { lsn });
        return CHANGE;
      case 'begin':
        this.#begin(message, lsn);
        return BEGIN;
      case 'commit':
        return this.#end(message.end, lsn);
      case 'relation':
        return { kind: 'shape', message };
      case 'truncate':
        this.#truncate(message, lsn);
        return CHANGE;
      case 'message':
        return this.#message(message, lsn, sentUs);
      case 'origin':
        this.#origin(message.name, message.commit);
        return CHANGE;
      case 'type':
        return CHANGE;
    }
  }

  #begin(begin: Begin, lsn: string): void {
    const { incarnation } = this.#options;
    this.#transaction = {
      begin,
      firstLsn: lsn,
      positionHead: `${incarnation}:${formatLsn(begin.commit)}:`,
      source: sourceJson(this.#options, {
        atUs: begin.atUs,
        snapshot: 'false',
        begin: lsn,
        xid: begin.xid,
        origin: null,
      }),
      index: 0,
      events: 0,
      byTable: new Map(),
    };
  }

  #origin(name: string, commit: Lsn): void {
    const transaction = this.#current();
    const { atUs, xid } = transaction.begin;
    const origin = { name, lsn: String(commit) };
    transaction.source = sourceJson(this.#options, {
      atUs,
      snapshot: 'false',
      begin: transaction.firstLsn,
      xid,
      origin,
    });
  }

  #create(relation: Relation, after: Cells, how: { readonly lsn: string; readonly header?: Header }): void {
    const index = this.#next();
    if (!relation.wanted) return;
    this.#watched(relation, after);
    if (this.#options.skipped.has('c') && how.header === undefined) return;
    this.#change(relation, {
      op: 'c',
      before: 'null',
      after: relation.row(after),
      key: relation.key(after),
      index,
      ...how,
    });
  }

  #update(relation: Relation, old: OldRow | null, { after: sent, lsn }: { after: Cells; lsn: string }): void {
    const after = filledIn(sent, old);
    const key = relation.key(after);
    const oldKey = old === null ? key : relation.key(old.cells);
    if (relation.wanted && this.#options.skipped.has('u')) {
      this.#next();
      if (oldKey !== key) this.#next();
      if (old !== null) this.#watched(relation, old.cells);
      this.#watched(relation, after);
      return;
    }
    if (old !== null && key !== null && oldKey !== null && oldKey !== key) {
      this.#delete(relation, old, { lsn, header: { key: '__debezium.newkey', value: key } });
      this.#create(relation, after, { lsn, header: { key: '__debezium.oldkey', value: oldKey } });
      return;
    }
    const index = this.#next();
    if (!relation.wanted) return;
    this.#watched(relation, after);
    const before = old !== null && old.holds === 'row' ? relation.oldRow(old) : 'null';
    this.#change(relation, { op: 'u', before, after: relation.row(after), key, index, lsn });
  }

  #delete(relation: Relation, old: OldRow, how: { readonly lsn: string; readonly header?: Header }): void {
    const index = this.#next();
    if (!relation.wanted) return;
    this.#watched(relation, old.cells);
    if (this.#options.skipped.has('d') && how.header === undefined) return;
    const key = relation.key(old.cells);
    const headers = this.#change(relation, {
      op: 'd',
      before: relation.oldRow(old),
      after: 'null',
      key,
      index,
      ...how,
    });
    if (this.#options.tombstones) this.#emit({ topic: relation.topic, key, value: null, headers });
  }

  #truncate({ oids }: Truncate, lsn: string): void {
    for (const oid of oids) {
      const relation = this.#open(oid);
      const index = this.#next();
      if (!relation.wanted) continue;
      this.#watched(relation, 'all');
      if (this.#options.skipped.has('t')) continue;
      this.#change(relation, { op: 't', before: 'null', after: 'null', key: null, index, lsn });
    }
  }

  /** @returns the headers of the event, for its tombstone */
  #change(relation: Relation, change: Change): readonly Header[] {
    const { op, before, after, key, index, lsn, header } = change;
    const transaction = this.#current();
    const { source } = transaction;
    const place = this.#options.transactions ? this.#place(transaction, relation.name, lsn) : 'null';
    relation.counts[op] += 1;
    const value =
      `{"before":${before},"after":${after},${source.head}${lsn}${source.middle}${relation.sourceJson}` +
      `${source.beforeLsn}${lsn}${source.tail},"transaction":${place},"op":"${op}",${this.now.json}}`;
    const position = { key: POSITION_HEADER, value: transaction.positionHead + index };
    const headers = this.#headers(position, header);
    this.#emit({ topic: relation.topic, key, value, headers });
    return headers;
  }

  #headers(position: Header, header: Header | undefined): readonly Header[] {
    const { headers } = this.#options;
    if (header !== undefined) return [header, ...headers, position];
    return headers.length === 0 ? [position] : [...headers, position];
  }

  #message(message: LogicalMessage, lsn: string, sentUs: number): Heard {
    const transaction = message.transactional ? this.#current() : null;
    const commit = transaction?.begin.commit ?? message.lsn;
    // Our own come and go without leaving a trace in the positions of others.
    if (message.prefix === this.#options.ownPrefix) return { kind: 'signal', content: message.content, commit };
    const source =
      transaction?.source ??
      sourceJson(this.#options, { atUs: sentUs, snapshot: 'false', begin: lsn, xid: null, origin: null });
    const index = transaction === null ? 0 : this.#next();
    const place =
      transaction === null || !this.#options.transactions ? 'null' : this.#place(transaction, 'message', lsn);
    const prefix = textJson(message.prefix);
    this.#emit({
      topic: topicName(`${this.#options.name}.message`),
      key: `{"prefix":${prefix}}`,
      value:
        `{"op":"m","ts_ms":${this.now.ms},${source.head}${lsn}${source.middle},"schema":"","table":""` +
        `${source.beforeLsn}${lsn}${source.tail},"transaction":${place},` +
        `"message":{"prefix":${prefix},"content":"${base64(message.content)}"}}`,
      headers: [{ key: POSITION_HEADER, value: `${this.#options.incarnation}:${formatLsn(commit)}:${index}` }],
    });
    return transaction === null ? MESSAGE : CHANGE;
  }

  /** The `transaction` block of a change. The transaction's BEGIN is published before its first change: none for an empty one. */
  #place(transaction: Transaction, table: string, lsn: string): string {
    const { begin, byTable } = transaction;
    if (transaction.events === 0) {
      const value = { event_count: null, data_collections: null };
      this.#bracket(transaction, 'BEGIN', { lsn, rest: value });
    }
    transaction.events += 1;
    const inTable = (byTable.get(table) ?? 0) + 1;
    byTable.set(table, inTable);
    return `{"id":"${begin.xid}:${lsn}","total_order":${transaction.events},"data_collection_order":${inTable}}`;
  }

  #end(end: Lsn, lsn: string): Heard {
    const transaction = this.#current();
    if (transaction.events > 0) this.#summary(transaction, lsn);
    this.#transaction = null;
    return { kind: 'commit', end, atUs: transaction.begin.atUs };
  }

  #summary(transaction: Transaction, lsn: string): void {
    const collections = [...transaction.byTable].map(([table, count]) => {
      return { data_collection: table, event_count: count };
    });
    const rest = { event_count: transaction.events, data_collections: collections };
    this.#bracket(transaction, 'END', { lsn, rest });
  }

  #bracket({ begin }: Transaction, status: 'BEGIN' | 'END', { lsn, rest }: { lsn: string; rest: object }): void {
    const id = `${begin.xid}:${lsn}`;
    this.#emit({
      topic: topicName(`${this.#options.name}.transaction`),
      key: JSON.stringify({ id }),
      value: JSON.stringify({ status, id, ...rest, ts_ms: Math.floor(begin.atUs / 1000) }),
      headers: [],
    });
  }

  #watched(relation: Relation, cells: Cells | 'all'): void {
    if (this.watch !== null) this.watch(relation, cells, this.#current().begin.commit);
  }

  #current(): Transaction {
    if (this.#transaction === null) throw new TranslateError('a change came outside a transaction');
    return this.#transaction;
  }

  #next(): number {
    const transaction = this.#current();
    const { index } = transaction;
    transaction.index += 1;
    return index;
  }

  #open(oid: number): Relation {
    const relation = this.#relations.get(oid);
    if (relation === undefined) throw new TranslateError(`a change came for relation ${oid}, which was not described`);
    return relation;
  }
}

interface Change {
  readonly op: 'c' | 'u' | 'd' | 't';
  readonly before: string;
  readonly after: string;
  readonly key: string | null;
  readonly index: number;
  readonly lsn: string;
  readonly header?: Header;
}

/** The stream is not in the order that pgoutput promises: nothing sound can be made of it. */
export class TranslateError extends Error {
  override name = 'TranslateError';
}
