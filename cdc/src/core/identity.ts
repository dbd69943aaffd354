/**
 * Whether tables may be published. Postgres refuses an UPDATE or DELETE on a published table that has no replica identity, so
 * publishing one breaks the application that owns it. This is looked at before the publication is touched.
 */
import { plainName, quoteTable, type TableName } from './name.ts';
import type { Identity } from './pgoutput.ts';

export interface IdentityFacts extends TableName {
  readonly identity: Identity;
  /** Whether there is a primary key that can serve (a deferrable one cannot). */
  readonly servingKey: boolean;
  /** Whether the index named by REPLICA IDENTITY USING INDEX is still there. */
  readonly identityIndex: boolean;
}

export interface IdentityProblem extends TableName {
  readonly because: 'no-primary-key' | 'identity-nothing' | 'identity-index-gone';
  readonly says: string;
  /** What to run. */
  readonly statement: string;
}

/** The tables whose own UPDATEs and DELETEs would fail once they are published; empty when all may be. */
export function identityProblems(tables: readonly IdentityFacts[]): readonly IdentityProblem[] {
  return tables.flatMap((facts) => {
    const because = obstacle(facts);
    if (because === null) return [];
    const { schema, table } = facts;
    return [
      {
        schema,
        table,
        because,
        says: `${plainName(facts)}: ${words[because]}`,
        statement: `ALTER TABLE ${quoteTable(facts)} REPLICA IDENTITY ${because === 'identity-nothing' && facts.servingKey ? 'DEFAULT' : 'FULL'};`,
      },
    ];
  });
}

function obstacle({ identity, servingKey, identityIndex }: IdentityFacts): IdentityProblem['because'] | null {
  switch (identity) {
    case 'f':
      return null;
    case 'd':
      return servingKey ? null : 'no-primary-key';
    case 'n':
      return 'identity-nothing';
    case 'i':
      return identityIndex ? null : 'identity-index-gone';
  }
}

const words: Readonly<Record<IdentityProblem['because'], string>> = {
  'no-primary-key': 'has no primary key (or a deferrable one), and so no replica identity',
  'identity-nothing': 'has REPLICA IDENTITY NOTHING',
  'identity-index-gone': 'has a replica identity index that is gone',
};
