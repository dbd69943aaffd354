/**
 * Makes the publication, and keeps it to the tables that were asked for. What it may do to others is looked at first: a table
 * without a replica identity is never published.
 */
import type { Publication, Table } from './catalogue.ts';
import type { Config } from './config.ts';
import { identityProblems } from './core/identity.ts';
import { plainName, quoteName, quoteTable } from './core/name.ts';
import { CdcError } from './errors.ts';
import type { Sql } from './wire.ts';

const GENERATED_SINCE = 180_000; // publish_generated_columns came with Postgres 18

/** @throws CdcError CDC_NO_IDENTITY naming every table, with the statement to run */
export function assertIdentities(tables: readonly Table[]): void {
  const problems = identityProblems(tables);
  if (problems.length === 0) return;
  const lines = problems.map(({ says, statement }) => `  ${says}. Run: ${statement}`);
  throw new CdcError(
    'CDC_NO_IDENTITY',
    `nothing was published: once published, the application's own UPDATEs and DELETEs of these tables would fail:\n${lines.join('\n')}\n` +
      '(A primary key is better where there can be one. Or leave the tables out under "tables".)',
  );
}

/** Whether the table could be captured. */
export function publishable(table: Table): boolean {
  return table.readable && identityProblems([table]).length === 0;
}

/** @throws CdcError CDC_PRIVILEGES naming every table that our role may not read, with what to run */
export function assertReadable(tables: readonly Table[], role: string): void {
  const closed = tables.filter(({ readable }) => !readable);
  if (closed.length === 0) return;
  const schemas = [...new Set(closed.map(({ schema }) => schema))].map(quoteName).join(', ');
  const names = closed.map(quoteTable).join(', ');
  throw new CdcError(
    'CDC_PRIVILEGES',
    `the role "${role}" may not read ${closed.map(plainName).join(', ')}. Have run:\n` +
      `  GRANT USAGE ON SCHEMA ${schemas} TO ${quoteName(role)};\n  GRANT SELECT ON ${names} TO ${quoteName(role)};`,
  );
}

/** What has to be run so that the publication fits; empty when it does. */
export function publicationChanges(
  config: Pick<Config, 'publication' | 'viaRoot'>,
  found: Publication | null,
  tables: readonly Table[],
  version: number,
): readonly string[] {
  if (tables.length === 0) return [];
  const name = quoteName(config.publication);
  // ONLY: the tables that inherit from one are listed, or not, in their own right.
  const list = tables.map((table) => (table.partitioned ? '' : 'ONLY ') + quoteTable(table)).join(', ');
  const generated = version >= GENERATED_SINCE;
  if (found === null) {
    const options = `publish_via_partition_root = ${config.viaRoot}${generated ? ', publish_generated_columns = stored' : ''}`;
    return [`CREATE PUBLICATION ${name} FOR TABLE ${list} WITH (${options})`];
  }
  const changes: string[] = [];
  const missing = tables.some(({ oid }) => !found.tables.has(oid));
  const extra = !found.wide && found.tables.size > tables.length;
  if (missing || extra) changes.push(`ALTER PUBLICATION ${name} SET TABLE ${list}`);
  if (found.leavesOut.length > 0)
    changes.push(`ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate')`);
  if (found.viaRoot !== config.viaRoot)
    changes.push(`ALTER PUBLICATION ${name} SET (publish_via_partition_root = ${config.viaRoot})`);
  return changes;
}

/** Whether the publication serves as it is, if not exactly: it may hold tables that nobody asked for. */
export function serves(config: Pick<Config, 'viaRoot'>, found: Publication | null, tables: readonly Table[]): boolean {
  return (
    found !== null &&
    found.leavesOut.length === 0 &&
    found.viaRoot === config.viaRoot &&
    tables.every(({ oid }) => found.tables.has(oid))
  );
}

/**
 * Runs `changes`.
 * @throws CdcError CDC_PRIVILEGES with the statements, for whoever may run them
 */
export async function publish(sql: Sql, changes: readonly string[], tables: readonly Table[]): Promise<void> {
  try {
    for (const change of changes) await sql.rows(change);
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_PRIVILEGES') throw error;
    throw new CdcError(
      'CDC_PRIVILEGES',
      `${error.message}\nThe publication has to be made by an owner of ${tables.map(plainName).join(', ')}. Have run:\n` +
        changes.map((change) => `  ${change};`).join('\n'),
      { cause: error },
    );
  }
}
