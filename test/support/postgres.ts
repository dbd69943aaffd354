/**
 * One Postgres for the whole test run (vitest's globalSetup). Tests take a database of their own from it: see scratch.ts.
 * It does not sync to disk: a test that kills a server starts one of its own with `startPostgres`.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '@banyan/stack/postgres';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser's URL of the database `postgres` on the shared server. */
    postgresUrl: string;
  }
}

const FLAGS = [
  'fsync=off',
  'full_page_writes=off',
  'max_connections=300', // Pools of ten in a few dozen tests at once.
  'max_wal_senders=100',
  'max_replication_slots=100',
];

/** Starts the server, provides its URL, and returns what stops it and removes its files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-test-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), port: 0, password: 'test', flags: FLAGS });
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  };
}
