/** A whole ReeferDesk in process, on a scratch database with a small seed. */
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import type pg from 'pg';
import { connect, createSchema, openPool } from '@banyan/legacy-monolith/database';
import { build } from '@banyan/legacy-monolith/app';
import { seed } from '@banyan/legacy-monolith/seed';
import { scratch, type Scratch } from '../../test/support/scratch.ts';

export interface TestDesk {
  readonly app: FastifyInstance;
  readonly pool: pg.Pool;
  readonly database: Scratch;
  close(): Promise<void>;
}

/** What the desk's clock says. */
export const NOW = '2026-03-01T08:30';

/** Starts one; nothing listens until the test says so. */
export async function openDesk(orders = 400, customers = 60): Promise<TestDesk> {
  const database = await scratch();
  const client = await connect(database.url);
  await createSchema(client);
  await seed(client, { orders, customers });
  await client.end();
  const pool = openPool(database.url);
  const app = await build({
    pool,
    logger: pino({ level: 'silent' }),
    now: () => new Date(`${NOW}:59.999Z`),
    publicUrl: () => app.listeningOrigin,
  });
  return {
    app,
    pool,
    database,
    close: async () => {
      await app.close();
      await pool.end();
      await database.drop();
    },
  };
}
