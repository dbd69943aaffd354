/** `npx orders status`: the copies of the read model, and how far each has come. */
import type { Backbone } from '@banyan/backbone/transport';
import { formatLsn } from '@banyan/backbone/core/lsn';
import type { ClientBase } from 'pg';
import { appliedIn, findCopies, offsetsOf, type CopyState } from './copies.ts';
import { grouped, sumOf } from './core/building.ts';
import { quote } from './core/statement.ts';
import { TOPICS } from './core/tables.ts';

export interface CopyStatus {
  readonly copy: string;
  readonly state: CopyState;
  readonly shape: number;
  /** On disk, indexes included. */
  readonly bytes: number;
  /** Records of the backbone that it has not read; null for a retired copy. */
  readonly behind: number | null;
  /** By source: the WAL position that has been applied. */
  readonly applied: Readonly<Record<string, string>>;
}

/** Asks the database and the backbone. Throws what they throw. */
export async function statusOf(client: ClientBase, backbone: Backbone): Promise<readonly CopyStatus[]> {
  const end = sumOf((await backbone.ends(TOPICS)).values());
  const statuses: CopyStatus[] = [];
  for (const copy of await findCopies(client)) {
    const { rows } = await client.query<{ bytes: string }>(
      `SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS bytes FROM pg_class
       WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'`,
      [quote(copy.name)],
    );
    const next = sumOf((await offsetsOf(client, copy)).values());
    const applied = await appliedIn(client, copy);
    statuses.push({
      copy: copy.name,
      state: copy.state,
      shape: copy.shape,
      bytes: Number(rows[0]?.bytes),
      behind: copy.state === 'retired' ? null : Math.max(0, Number(end - next)),
      applied: Object.fromEntries(applied.map(({ watermark }) => [watermark.source, formatLsn(watermark.lsn)])),
    });
  }
  return statuses;
}

const MEGABYTE = 1_048_576;

/** One line for each copy. */
export function statusLines(statuses: readonly CopyStatus[]): readonly string[] {
  return statuses.map(({ copy, state, shape, bytes, behind, applied }) => {
    const positions = Object.entries(applied).map(([source, lsn]) => `${source} ${lsn}`);
    const parts = [
      state,
      `shape ${shape}`,
      `${grouped(Math.ceil(bytes / MEGABYTE))} MiB`,
      ...(behind === null ? [] : [`${grouped(behind)} records behind`]),
      positions.length === 0 ? 'no watermark applied' : `applied ${positions.join(', ')}`,
    ];
    return `${copy}: ${parts.join(', ')}`;
  });
}
