/** A database for one test, on the shared server. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, vi } from 'vitest';

export interface Scratch {
  /** Superuser's URL of this database. */
  readonly url: string;
  readonly name: string;
  /** Removes its replication slots and the database, whoever is still connected. */
  drop(): Promise<void>;
}

const SLOT_LIMIT_MS = 10_000; // A walsender that was told to go may be in the middle of a send.

/** Creates an empty database. */
export async function scratch(): Promise<Scratch> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const server = inject('postgresUrl');
  await query(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, name, drop: () => drop(server, name) };
}

async function drop(server: string, name: string): Promise<void> {
  await vi.waitFor(() => dropSlots(server, name), { timeout: SLOT_LIMIT_MS, interval: 50 });
  await query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

async function dropSlots(server: string, name: string): Promise<void> {
  const mine = 'FROM pg_replication_slots WHERE database = $1';
  await query(server, `SELECT pg_terminate_backend(active_pid) ${mine} AND active`, [name]);
  await query(server, `SELECT pg_drop_replication_slot(slot_name) ${mine} AND NOT active AND NOT temporary`, [name]);
  const left = await query(server, `SELECT slot_name ${mine}`, [name]);
  if (left.length > 0) throw new Error(`${name} still has replication slots`);
}

async function query(url: string, text: string, values: readonly string[] = []): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
