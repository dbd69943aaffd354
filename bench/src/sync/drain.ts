/** How fast a backlog of single-row transactions is worked off. */
import { connect, type Follower } from './place.ts';
import type { Last } from './latency.ts';

const BACKLOG = 100_000;
export const DRAIN_LIMIT_MS = 180_000;

/** 100,000 transactions of one row, while nobody follows. Only this writer does not wait for the disk. */
export async function backlog(url: string, last: Last): Promise<void> {
  const writer = await connect(url);
  await writer.query('SET synchronous_commit = off');
  await writer.query(`DO $$ BEGIN FOR i IN ${last.id + 1}..${last.id + BACKLOG} LOOP
    INSERT INTO container_readings (reading_id, container_id, read_at, temperature, humidity, power) VALUES (i, 1 + i % 100, now(), -18.25, 55.5, true);
    COMMIT; END LOOP; END $$`);
  await writer.end();
  last.id += BACKLOG;
}

/**
 * Starts the follower. @returns rows a second between the first sight of progress and the last row
 * @throws when it does not get there in time
 */
export async function drain(follower: Follower, first: number, last: number): Promise<number> {
  const starting = follower.start();
  let begun: { readonly at: number; readonly id: number } | null = null;
  const deadline = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const id = await reached(follower);
    const at = performance.now();
    if (begun === null && id > first) begun = { at, id };
    if (id >= last && begun !== null) {
      await starting;
      return ((last - begun.id) * 1_000) / (at - begun.at);
    }
    if (at > deadline) throw new Error(`${follower.name} stands at ${id} of ${last}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** The greatest `reading_id` that the target shows; 0 when it shows none. */
export async function reached({ target, relation }: Follower): Promise<number> {
  const { rows } = await target.query<{ id: string | null }>(`SELECT max(reading_id) AS id FROM ${relation}`);
  return Number(rows[0]?.id ?? 0);
}
