/**
 * The tables' shapes: what the stream says of them put together with what the catalogue does, compiled into writers. The shape
 * of each captured table is remembered in the checkpoint, so that a change of it is noticed even when nobody was looking.
 */
import { readDefaults, readTable, readTypes, type Table } from './catalogue.ts';
import type { Config } from './config.ts';
import type { RelationMessage } from './core/pgoutput.ts';
import { compileRelation, shapeOf, type Defaults, type Relation, type TableFacts } from './core/relation.ts';
import type { Types } from './core/value.ts';
import { CdcError } from './errors.ts';
import type { Tally } from './tally.ts';
import { connectSql, type Sql } from './wire.ts';

const FIRST_NORMAL_OID = 16_384; // Below are the types that are built in, and do not change.

// Reading a default waits for an ALTER TABLE of its table that is under way. Not for long: few envelopes show one.
const DEFAULTS_LOCK_MS = 200;

interface KnownDefaults {
  /** Of the table when they were read. */
  readonly shape: string;
  readonly defaults: Defaults;
}

export interface ShapesOptions {
  readonly config: Config;
  readonly sql: Sql;
  readonly tally: Tally;
  readonly tables: readonly Table[];
  /** Whether stored generated columns are in the stream. */
  readonly generated: boolean;
  /** Topics that the sink was opened for. */
  readonly topics: ReadonlySet<string>;
  /** Told of a topic that it was not opened for. */
  readonly onNewTopic: (topic: string) => void;
}

export class Shapes {
  readonly #options: ShapesOptions;
  readonly #defaults = new Map<number, KnownDefaults>();
  #types: Types;

  private constructor(options: ShapesOptions, types: Types) {
    this.#options = options;
    this.#types = types;
  }

  static async load(options: ShapesOptions): Promise<Shapes> {
    const shapes = new Shapes(options, await readTypes(options.sql));
    await shapes.#learn(options.tables.map(({ oid, shape }) => ({ oid, shape: shapeOf(shape) })));
    return shapes;
  }

  /** Learns the defaults of tables as they are now. Where a table is being altered, it has none that we know of. */
  async #learn(tables: readonly { readonly oid: number; readonly shape: string }[]): Promise<void> {
    const sql = await connectSql(this.#options.config.database, 'defaults', { lockMs: DEFAULTS_LOCK_MS });
    try {
      for (const { oid, shape } of tables) {
        const defaults = await readDefaults(sql, oid).catch(() => new Map<string, string>());
        this.#defaults.set(oid, { shape, defaults });
      }
    } finally {
      await sql.close();
    }
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
    const shape = shapeOf(message.columns);
    if (this.#defaults.get(message.oid)?.shape !== shape) await this.#learn([{ oid: message.oid, shape }]);
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
      defaults: this.#defaults.get(message.oid)?.defaults ?? new Map(),
      wanted,
      counts: tally.countsOf(`${message.schema}.${message.table}`),
    });
  }
}

/** How the checkpoint names a table: its oid in base 36, to save room. */
export function keyOf({ oid }: Pick<Table, 'oid'>): string {
  return oid.toString(36);
}

/** What the checkpoint remembers of the tables: their shapes. */
export function shapesOf(tables: readonly Table[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tables.map((table) => [keyOf(table), shapeOf(table.shape)]));
}
