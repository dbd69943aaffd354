/**
 * The tables' shapes: what the stream says of them put together with what the catalogue does, compiled into writers. The shape
 * of each captured table is remembered in the checkpoint, so that a change of it is noticed even when nobody was looking.
 */
import { readTable, readTypes, type Table } from './catalogue.ts';
import type { Config } from './config.ts';
import type { RelationMessage } from './core/pgoutput.ts';
import { compileRelation, shapeOf, type Relation, type TableFacts } from './core/relation.ts';
import type { Types } from './core/value.ts';
import { CdcError } from './errors.ts';
import type { Tally } from './tally.ts';
import type { Sql } from './wire.ts';

const FIRST_NORMAL_OID = 16_384; // Below are the types that are built in, and do not change.

export interface ShapesOptions {
  readonly config: Config;
  readonly sql: Sql;
  readonly tally: Tally;
  /** Whether stored generated columns are in the stream. */
  readonly generated: boolean;
  /** Topics that the sink was opened for. */
  readonly topics: ReadonlySet<string>;
  /** Told of a topic that it was not opened for. */
  readonly onNewTopic: (topic: string) => void;
}

export class Shapes {
  readonly #options: ShapesOptions;
  #types: Types;

  private constructor(options: ShapesOptions, types: Types) {
    this.#options = options;
    this.#types = types;
  }

  static async load(options: ShapesOptions): Promise<Shapes> {
    return new Shapes(options, await readTypes(options.sql));
  }

  /**
   * A relation as the stream announced it.
   * @throws CdcError CDC_TABLES_CHANGED when the sink has no topic for it yet
   */
  async describe(message: RelationMessage): Promise<Relation> {
    const { config, sql, generated, topics, onNewTopic } = this.#options;
    if (message.columns.some(({ type }) => type >= FIRST_NORMAL_OID && !this.#types.has(type)))
      this.#types = await readTypes(sql);
    const facts = await readTable(sql, message.oid, { viaRoot: config.viaRoot, generated });
    const relation = this.#compile(message, facts);
    if (relation.wanted && !topics.has(relation.topic)) {
      onNewTopic(relation.topic);
      throw new CdcError(
        'CDC_TABLES_CHANGED',
        `${relation.name} is new among the tables; the sink is opened again with its topic`,
      );
    }
    return relation;
  }

  /** A relation as the catalogue has it now, for reading its rows. */
  ofTable(table: Table): Relation {
    const { oid, schema, table: name, identity, shape } = table;
    return this.#compile({ kind: 'relation', oid, schema, table: name, identity, columns: shape }, table);
  }

  #compile(message: RelationMessage, facts: TableFacts | null): Relation {
    const { config, tally } = this.#options;
    const wanted = config.tables.some((glob) => glob.matches(message));
    return compileRelation(message, facts, this.#types, {
      prefix: config.topicPrefix,
      modes: config.modes,
      defaultsForNull: config.defaultsForNull,
      wanted,
      counts: tally.countsOf(`${message.schema}.${message.table}`),
    });
  }
}

/** What the checkpoint remembers: shapes by the tables' oids, in base 36 to save room. */
export function shapesOf(tables: readonly Table[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tables.map(({ oid, shape }) => [oid.toString(36), shapeOf(shape)]));
}
