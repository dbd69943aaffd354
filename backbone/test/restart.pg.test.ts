import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackboneError } from '@banyan/backbone/errors';
import { openLog } from '@banyan/backbone/log';
import type { Backbone, Producer } from '@banyan/backbone/transport';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import { all, gather, LIMIT_MS, record, topic } from './support/world.ts';

let folder: string;
let postgres: EmbeddedPostgres;
const troubles: unknown[] = [];

async function start(port: number): Promise<EmbeddedPostgres> {
  return startPostgres({ dataDir: join(folder, 'postgres'), port, password: 'test' });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-restart-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  postgres = await start(0);
});

afterAll(async () => {
  await postgres.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});

/** Counts up, opening a new producer whenever the one it has is finished, and asks its checkpoint where it was. */
async function countUp(log: Backbone, name: string, until: () => boolean): Promise<number> {
  let next = 0;
  let producer: Producer | null = null;
  while (!until()) {
    try {
      if (producer === null) {
        producer = await log.producer(`counter of ${name}`, [name]);
        next = Number(producer.checkpoint ?? 0);
      }
      await producer.send([record(name, String(next), String(next))], { checkpoint: String(next + 1) });
      next += 1;
    } catch (error) {
      if (!(error instanceof BackboneError) || !error.retry) throw error;
      await producer?.close();
      producer = null;
    }
  }
  await producer?.close();
  return next;
}

test.each(['fast', 'immediate', 'killed'] as const)(
  'a server that is stopped (%s) and started again in the middle of everything costs no record and doubles none',
  { timeout: 120_000 },
  async (mode) => {
    const log = await openLog({
      url: postgres.url,
      retentionEveryMs: null,
      onTrouble: (error) => troubles.push(error),
    });
    const name = `topic-${mode}`;
    await log.createTopics([topic(name)]);
    const got = await gather(log, { topics: [name], group: `group-${mode}` });
    let enough = false;
    const counting = countUp(log, name, () => enough);
    for (let round = 1; round <= 2; round += 1) {
      await got.count(round * 200);
      const { port } = postgres;
      if (mode === 'killed') {
        process.kill(postgres.pid, 'SIGKILL');
        await postgres.exited;
      } else await postgres.stop(mode);
      postgres = await start(port);
    }
    await got.count(600);
    enough = true;
    const total = await counting;
    const numbers = Array.from({ length: total }, (_, index) => String(index));
    expect((await all(log, name)).map(({ value }) => value)).toEqual(numbers);
    await expect.poll(() => new Set(got.values()).size, { timeout: LIMIT_MS }).toBe(total);
    // Records can come again after a restart, but none before those that go before it.
    const first = [...new Set(got.values())];
    expect(first).toEqual(numbers);
    await log.close();
  },
);
