/** Names of tables: how they are written in SQL, in configuration, and in topics. */

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** An identifier for SQL: quoted always, so that no name can be anything else. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"public"."orders"`, for SQL. */
export function quoteTable({ schema, table }: TableName): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

/** A string literal for the replication protocol's commands, which take no parameters. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `public.orders`, as people write it: in configuration, logs, metrics, `swept`. */
export function plainName({ schema, table }: TableName): string {
  return `${schema}.${table}`;
}

/** `<prefix>.<schema>.<table>`; what Kafka does not allow in a topic becomes `_`, as Debezium does it. */
export function topicOf(prefix: string, { schema, table }: TableName): string {
  return topicName(`${prefix}.${schema}.${table}`);
}

/** A topic's name, with `_` for what Kafka does not allow. */
export function topicName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_');
}
