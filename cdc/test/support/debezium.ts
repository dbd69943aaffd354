/** The recorded steps: SQL, and what Debezium 3.6.3 wrote for it. */
import { readFileSync, readdirSync } from 'node:fs';

export interface Step {
  readonly name: string;
  readonly sql: string;
  readonly events: readonly Recorded[];
}

export interface Recorded {
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly { readonly key: string; readonly value: unknown }[];
}

const folder = new URL('../fixtures/debezium/', import.meta.url);

export const schemaSql: string = readFileSync(new URL('schema.sql', folder), 'utf8');

/** Every step in order, the snapshot first (without SQL). `parse` reads its JSON. */
export function steps(parse: (text: string) => unknown): readonly Step[] {
  const sql = new Map(JSON.parse(readFileSync(new URL('steps.json', folder), 'utf8')) as [string, string][]);
  const files = readdirSync(new URL('schemas_false/', folder)).toSorted();
  return files.map((file) => {
    const recorded = parse(readFileSync(new URL(`schemas_false/${file}`, folder), 'utf8')) as Omit<Step, 'sql'>;
    return { name: recorded.name, events: recorded.events, sql: sql.get(recorded.name) ?? '' };
  });
}
