/**
 * Builds a second copy of the read model from the beginning of the topics, beside the live one, and swaps it in when it has
 * caught up. The service serves and follows the live copy meanwhile, and then takes the new one over.
 *
 * Killed at any moment it leaves the live copy as it was: run again, it goes on with the half-built copy where its checkpoints
 * stand. The swap is one transaction; a copy that was retired, and not dropped yet, is dropped by the next run.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Backbone, Offsets } from '@banyan/backbone/transport';
import { Applier } from './apply.ts';
import { consume, partitionsOf, type Consuming } from './consume.ts';
import {
  announce,
  buildingCopy,
  dropRetired,
  ensureCopies,
  lockCopy,
  lockRebuild,
  seedCheckpoints,
  swap,
  type Copy,
  type Standstill,
} from './copies.ts';
import { grouped, progressLine, reaches, sumOf } from './core/building.ts';
import { isFresh } from './core/freshness.ts';
import { TOPICS } from './core/tables.ts';
import { openSession, translate, withSession, type Session } from './database.ts';
import { OrdersError } from './errors.ts';

export interface RebuildOptions {
  readonly databaseUrl: string;
  readonly backbone: Backbone;
  /** Drop what an earlier rebuild left, and begin again. */
  readonly afresh: boolean;
  /** Begin with the oldest record that is held: right only when all tables were snapshot anew since. */
  readonly fromOldest: boolean;
  /** Takes a line for the operator. */
  readonly say: (line: string) => void;
}

const LINE_MS = 1_000;
// The live copy stands still while the new one catches up with it: a thousand records are some tens of milliseconds.
const NEAR_RECORDS = 1_000n;
const STANDSTILL_LIMIT_MS = 5_000;
const LOOK_MS = 5;
// Readers that keep a view for long make the swap wait; after a minute of them something is wrong.
const SWAP_LIMIT_MS = 60_000;
const SWAP_PAUSE_MS = 50;

/**
 * @throws OrdersError ORD_REBUILDING when another rebuild is running, ORD_HISTORY_GONE when the backbone has dropped records,
 *   ORD_BUSY when the copies could not be swapped, and what a projection throws when a record cannot be taken
 */
export async function rebuild(options: RebuildOptions): Promise<void> {
  await ensureCopies(options.databaseUrl);
  await withSession(options.databaseUrl, { applicationName: 'orders-rebuild', durable: true }, async (operator) => {
    if (!(await lockRebuild(operator)))
      throw new OrdersError('ORD_REBUILDING', 'Another rebuild is running: wait for it, or stop it.');
    const starts = await checkHistory(options);
    for (const name of await dropRetired(operator.client)) options.say(`${name}: dropped, an earlier rebuild left it`);
    const { copy, resumed } = await buildingCopy(operator.client, options.afresh);
    await seedCheckpoints(operator.client, copy, starts);
    options.say(`${copy.name}: ${resumed ? 'going on where an earlier rebuild was cut off' : 'building'}`);
    await build(operator, copy, options);
    await announce(operator.client); // Our lock on it is gone: the service need not wait for its next look.
    for (const name of await dropRetired(operator.client)) options.say(`${name}: dropped`);
  });
}

/** @returns the oldest offsets */
async function checkHistory({ backbone, fromOldest }: RebuildOptions): Promise<Offsets> {
  const starts = await backbone.starts(TOPICS);
  const gone = [...starts].filter(([, start]) => start > 0n).map(([name]) => name);
  if (gone.length === 0 || fromOldest) return starts;
  const message = `The backbone no longer holds the beginning of ${gone.join(', ')}: records were dropped by retention, and a copy built from the rest would lack rows. Snapshot all tables anew (POST /snapshots of the connector), and then run \`npx orders rebuild --from-oldest\`.`;
  throw new OrdersError('ORD_HISTORY_GONE', message);
}

async function build(operator: Session, copy: Copy, options: RebuildOptions): Promise<void> {
  const { backbone, databaseUrl, say } = options;
  const session = await openSession(databaseUrl, { applicationName: 'orders-rebuild', durable: false, pipeline: true });
  try {
    if (!(await lockCopy(session, copy)))
      throw new OrdersError('ORD_REBUILDING', `Another process writes ${copy.name}: wait for it, or stop it.`);
    const applier = new Applier(session, copy, partitionsOf(await backbone.ends(TOPICS)));
    await applier.load();
    const consumer = await consume(backbone, applier, { onEffect: () => undefined, onRetry: () => undefined });
    try {
      const building: Under = { operator, copy, applier, consumer, session };
      await catchUp(building, options);
      await swapIn(building, say);
    } finally {
      await consumer.close();
    }
  } finally {
    await session.close().catch(() => undefined); // A broken connection is closed already.
  }
}

/** What is at work. */
interface Under {
  readonly operator: Session;
  readonly copy: Copy;
  readonly applier: Applier;
  readonly consumer: Consuming;
  readonly session: Session;
}

async function catchUp(under: Under, { backbone, say }: RebuildOptions): Promise<void> {
  const { applier, copy, consumer } = under;
  let before = sumOf(applier.progress.next.values());
  for (let at = performance.now(); ;) {
    await Promise.race([consumer.over, delay(LINE_MS)]);
    failIfOver(consumer);
    const done = sumOf(applier.progress.next.values());
    const total = sumOf((await backbone.ends(TOPICS)).values());
    const now = performance.now();
    say(progressLine({ copy: copy.name, done, total, lately: done - before, elapsedMs: now - at }));
    if (total - done <= NEAR_RECORDS) return;
    [before, at] = [done, now];
  }
}

async function swapIn({ operator, copy, applier, consumer }: Under, say: (line: string) => void): Promise<void> {
  const deadline = performance.now() + SWAP_LIMIT_MS;
  for (;;) {
    if (await trySwap()) break;
    failIfOver(consumer);
    if (performance.now() > deadline)
      throw new OrdersError(
        'ORD_BUSY',
        `${copy.name} is complete, but readers did not let go of the live copy: run the command again.`,
      );
    await delay(SWAP_PAUSE_MS);
  }
  say(`${copy.name}: live, with ${grouped(sumOf(applier.progress.next.values()))} records`);

  async function trySwap(): Promise<boolean> {
    try {
      return await swap(operator.client, copy, (live) => level(live));
    } catch (error) {
      throw translate(error, `cannot make ${copy.name} the live copy`);
    }
  }

  /** Waits until the new copy stands where the live one does, which stands still, and has applied what that has. */
  async function level(live: Standstill): Promise<boolean> {
    const limit = performance.now() + STANDSTILL_LIMIT_MS;
    const fences = live.applied.map(({ watermark }) => watermark);
    while (!reaches(applier.progress.next, live.next) || !isFresh(applier.progress.applied, fences)) {
      if (consumer.failure !== null || performance.now() > limit) return false;
      await Promise.race([consumer.over, delay(LOOK_MS)]);
    }
    // Told to others only once it is on disk: what is not yet, goes there with the swap's own COMMIT.
    return true;
  }
}

function failIfOver({ failure }: Consuming): void {
  if (failure !== null) throw failure;
}
