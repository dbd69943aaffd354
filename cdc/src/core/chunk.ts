/**
 * How a table is read in chunks: in order of its primary key, each chunk beginning behind the last row of the one before. A
 * table without a key is read in one go.
 */
import { quoteName, quoteTable, type TableName } from './name.ts';

export interface KeyColumn {
  readonly name: string;
  /** As `format_type` writes it: what the bound is cast to, so that it is compared as the column is. */
  readonly type: string;
}

export interface ChunkPlan extends TableName {
  readonly columns: readonly string[];
  /** Empty: one chunk. */
  readonly key: readonly KeyColumn[];
  readonly rows: number;
  /** Leave the rows of tables that inherit from this one to those tables. */
  readonly only: boolean;
}

export interface Query {
  readonly text: string;
  readonly values: readonly string[];
}

/**
 * The next chunk's query. Its rows hold `columns` in order.
 *
 * @param after the key of the last row read, in order of `key`; null at the beginning
 */
export function chunkQuery(plan: ChunkPlan, after: readonly string[] | null): Query {
  // A table can have no columns at all; its rows still count.
  const columns = plan.columns.length === 0 ? 'NULL' : plan.columns.map(quoteName).join(', ');
  const from = `SELECT ${columns} FROM ${plan.only ? 'ONLY ' : ''}${quoteTable(plan)}`;
  if (plan.key.length === 0) return { text: from, values: [] };
  const key = plan.key.map(({ name }) => quoteName(name)).join(', ');
  const bounds = plan.key.map(({ type }, index) => `$${index + 1}::${type}`).join(', ');
  const where = after === null ? '' : ` WHERE (${key}) > (${bounds})`;
  return { text: `${from}${where} ORDER BY ${key} LIMIT ${plan.rows}`, values: after ?? [] };
}
