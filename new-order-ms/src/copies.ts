/**
 * The copies of the read model: which there are, which is live, and how one takes another's place.
 *
 * ```
 * building ──(swap: one transaction)──▶ live ──(the next swap)──▶ retired ──▶ dropped
 * ```
 *
 * The views in the schema `read` are repointed, the old copy's checkpoints removed and the new one's state set in one
 * transaction: whatever is read before it comes from the old copy, whatever is read after it from the new one, and the old
 * copy can never move again, so that no freshness told before the swap is untrue after it.
 */
import type { ClientBase } from 'pg';
import type { Applied } from './core/applied.ts';
import { createCopy, createView, quote } from './core/statement.ts';
import { SHAPE, TABLES } from './core/tables.ts';
import { appliedOf, inTransaction, withSession, type Session } from './database.ts';
import { codeOf, OrdersError } from './errors.ts';

export type CopyState = 'building' | 'live' | 'retired';

export interface Copy {
  /** Counts the copies from 1; also the second key of its writer's advisory lock. */
  readonly number: number;
  /** The schema: `read_<number>`. */
  readonly name: string;
  readonly state: CopyState;
  /** The program's `SHAPE` that made it. */
  readonly shape: number;
  /**
   * Under which it reads the backbone. Its own: a second read model that reads the same topics must not share their partitions
   * with this one.
   */
  readonly group: string;
}

/** Told on every change of a copy's state. */
export const COPIES_CHANNEL = 'orders_copies';

// 'ORDS' in ASCII. With 0: who may make, swap or drop copies, for moments; with -1: the one rebuild; with a number: the one writer of that copy.
const LOCK_CLASS = 0x4f_52_44_53;
const SETUP_LOCK = 0;
const REBUILD_LOCK = -1;

/** The tables of a copy, beside those of the monolith, that are shown under `read`. */
const SHOWN = {
  applied: 'source, epoch, lsn, record_offset, record_ms',
  checkpoints: 'partition, next, incarnation, records',
  snapshot: 'over',
} as const;

/**
 * Makes the schema `read` and a first, empty, live copy where there is none. Any number of processes may do this at once.
 * @returns the live copy
 * @throws OrdersError ORD_DATABASE, ORD_OTHER_SHAPE
 */
export async function prepare(url: string): Promise<Copy> {
  return ofOurShape(await ensureCopies(url));
}

/** As {@link prepare}, but the live copy may have any shape. */
export async function ensureCopies(url: string): Promise<Copy> {
  return withSession(url, { applicationName: 'orders-setup', durable: true }, ({ client }) =>
    inTransaction(client, async () => {
      await lockSetup(client);
      await createCatalogue(client);
      return (await findCopies(client)).find(({ state }) => state === 'live') ?? (await addCopy(client, 'live'));
    }),
  );
}

async function createCatalogue(client: ClientBase): Promise<void> {
  await client.query('CREATE SCHEMA IF NOT EXISTS read');
  await client.query(
    `CREATE TABLE IF NOT EXISTS read.copies (
       number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
       shape integer NOT NULL,
       consumer_group text NOT NULL DEFAULT 'orders.' || gen_random_uuid(),
       created_at timestamptz NOT NULL DEFAULT now())`,
  );
  await client.query(`CREATE UNIQUE INDEX IF NOT EXISTS copies_live ON read.copies (state) WHERE state <> 'retired'`);
}

async function addCopy(client: ClientBase, state: 'building' | 'live'): Promise<Copy> {
  const { rows } = await client.query<CopyRow>(
    'INSERT INTO read.copies (state, shape) VALUES ($1, $2) RETURNING number, state, shape, consumer_group',
    [state, SHAPE],
  );
  const [copy] = rows.map(copyOf);
  if (copy === undefined) throw new OrdersError('ORD_FAILED', 'The database made no copy of the read model.');
  for (const statement of createCopy(copy.name, TABLES)) await client.query(statement);
  if (state === 'live') await show(client, copy, false);
  return copy;
}

/** @param anew drop the views first: their columns differ */
async function show(client: ClientBase, copy: Copy, anew: boolean): Promise<void> {
  const schema = quote(copy.name);
  const views = [...TABLES.map(({ name }) => name), ...Object.keys(SHOWN)];
  if (anew) for (const view of views) await client.query(`DROP VIEW IF EXISTS read.${quote(view)}`);
  for (const table of TABLES) await client.query(createView(copy.name, table));
  for (const [name, columns] of Object.entries(SHOWN))
    await client.query(`CREATE OR REPLACE VIEW read.${name} AS SELECT ${columns} FROM ${schema}.${name}`);
}

/** All copies that have not been dropped, the oldest first. */
export async function findCopies(client: ClientBase): Promise<readonly Copy[]> {
  const { rows } = await client.query<CopyRow>(
    'SELECT number, state, shape, consumer_group FROM read.copies ORDER BY number',
  );
  return rows.map(copyOf);
}

interface CopyRow {
  readonly number: string;
  readonly state: CopyState;
  readonly shape: string;
  readonly consumer_group: string;
}

function copyOf({ number, state, shape, consumer_group: group }: CopyRow): Copy {
  return { number: Number(number), name: `read_${number}`, state, shape: Number(shape), group };
}

/** @throws OrdersError ORD_OTHER_SHAPE, ORD_FAILED when there is no live copy */
export async function liveCopy(client: ClientBase): Promise<Copy> {
  const live = (await findCopies(client)).find(({ state }) => state === 'live');
  if (live === undefined)
    throw new OrdersError('ORD_FAILED', 'There is no live copy of the read model: start the service once.');
  return ofOurShape(live);
}

function ofOurShape(copy: Copy): Copy {
  if (copy.shape === SHAPE) return copy;
  const message = `The read model ${copy.name} has shape ${copy.shape}, this program writes shape ${SHAPE}: run \`npx orders rebuild\` with this program first.`;
  throw new OrdersError('ORD_OTHER_SHAPE', message);
}

/**
 * The copy that is being built: the one that an earlier rebuild left, when its shape is ours, else a new one.
 * @param afresh drop what an earlier rebuild left
 */
export async function buildingCopy(client: ClientBase, afresh: boolean): Promise<{ copy: Copy; resumed: boolean }> {
  return inTransaction(client, async () => {
    await lockSetup(client);
    const left = (await findCopies(client)).find(({ state }) => state === 'building');
    if (left !== undefined && left.shape === SHAPE && !afresh) return { copy: left, resumed: true };
    if (left !== undefined) await remove(client, left);
    const copy = await addCopy(client, 'building');
    await inheritFloors(client, copy);
    return { copy, resumed: false };
  });
}

/** What the live copy knows to be gone is gone for every copy; the records that said so may have been dropped since. */
async function inheritFloors(client: ClientBase, copy: Copy): Promise<void> {
  const live = (await findCopies(client)).find(({ state }) => state === 'live');
  if (live === undefined) return;
  await client.query(
    `UPDATE ${quote(copy.name)}.floors f SET at_incarnation = l.at_incarnation, at_lsn = l.at_lsn, at_index = l.at_index
     FROM ${quote(live.name)}.floors l WHERE l.name = f.name`,
  );
}

/** Says where a copy begins to read, in partitions that it has not read yet. */
export async function seedCheckpoints(
  client: ClientBase,
  copy: Copy,
  starts: ReadonlyMap<string, bigint>,
): Promise<void> {
  await client.query(
    `INSERT INTO ${quote(copy.name)}.checkpoints (partition, next) SELECT * FROM unnest($1::text[], $2::bigint[])
     ON CONFLICT (partition) DO NOTHING`,
    [[...starts.keys()], [...starts.values()]],
  );
}

/** Tells the services that a copy can be taken over. */
export async function announce(client: ClientBase): Promise<void> {
  await client.query(`NOTIFY ${COPIES_CHANNEL}`);
}

/** Drops every retired copy. Readers have left it: the views have shown another one since its retirement. */
export async function dropRetired(client: ClientBase): Promise<readonly string[]> {
  return inTransaction(client, async () => {
    await lockSetup(client);
    const retired = (await findCopies(client)).filter(({ state }) => state === 'retired');
    for (const copy of retired) await remove(client, copy);
    return retired.map(({ name }) => name);
  });
}

async function remove(client: ClientBase, copy: Copy): Promise<void> {
  await client.query(`DROP SCHEMA IF EXISTS ${quote(copy.name)} CASCADE`);
  await client.query('DELETE FROM read.copies WHERE number = $1', [copy.number]);
}

// Readers queue behind a view that is being repointed. Far below Postgres' deadlock_timeout (1 s), so that it is always the
// swap which gives way to a reader, and never the other way round.
const VIEW_LOCK_MS = 50;
// The live copy's writer holds its checkpoints for the milliseconds of a batch.
const CHECKPOINT_LOCK_MS = 2_000;

/** Where the live copy stands, while it stands still. */
export interface Standstill {
  readonly next: ReadonlyMap<string, bigint>;
  readonly applied: readonly Applied[];
}

/**
 * Makes `building` the live copy, in one transaction.
 *
 * @param level resolves with true once `building` has come as far as the live copy, which stands still meanwhile; with false,
 *   or when it throws, nothing happens
 * @returns false when it was not, or when readers held a view for too long: try again
 */
export async function swap(
  client: ClientBase,
  building: Copy,
  level: (live: Standstill) => Promise<boolean>,
): Promise<boolean> {
  try {
    await inTransaction(client, async () => {
      await lockSetup(client);
      const live = (await findCopies(client)).find(({ state }) => state === 'live');
      if (live !== undefined && !(await level(await freeze(client, live)))) throw new NotYet();
      await client.query(`SET LOCAL lock_timeout = ${VIEW_LOCK_MS}`);
      if (live !== undefined) await retire(client, live);
      await client.query(`UPDATE read.copies SET state = 'live' WHERE number = $1`, [building.number]);
      await show(client, building, live?.shape !== building.shape);
      await client.query(`NOTIFY ${COPIES_CHANNEL}`);
    });
    return true;
  } catch (error) {
    if (error instanceof NotYet || codeOf(error) === LOCK_NOT_AVAILABLE) return false;
    throw error;
  }
}

/** Takes a transaction back without being a failure. */
class NotYet extends Error {}

const LOCK_NOT_AVAILABLE = '55P03';

/** Stops the copy's writer at its next batch, and says where the copy stands. */
async function freeze(client: ClientBase, copy: Copy): Promise<Standstill> {
  await client.query(`SET LOCAL lock_timeout = ${CHECKPOINT_LOCK_MS}`);
  await client.query(`LOCK TABLE ${quote(copy.name)}.checkpoints IN EXCLUSIVE MODE`);
  return { next: await offsetsOf(client, copy), applied: await appliedIn(client, copy) };
}

async function retire(client: ClientBase, copy: Copy): Promise<void> {
  await client.query(`UPDATE read.copies SET state = 'retired' WHERE number = $1`, [copy.number]);
  await client.query(`DELETE FROM ${quote(copy.name)}.checkpoints`); // `advance` finds nothing to move from now on.
}

/** Next offset to read of each partition, as the copy's checkpoints have it. */
export async function offsetsOf(client: ClientBase, copy: Copy): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await client.query<{ partition: string; next: string }>(
    `SELECT partition, next FROM ${quote(copy.name)}.checkpoints`,
  );
  return new Map(rows.map(({ partition, next }) => [partition, BigInt(next)]));
}

/** The watermarks that a copy has applied. */
export async function appliedIn(client: ClientBase, copy: Copy): Promise<readonly Applied[]> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT source, epoch, lsn, record_offset, record_ms FROM ${quote(copy.name)}.applied`,
  );
  return rows.map(appliedOf);
}

/** Takes the lock of the copy's one writer, until the session ends. False: another process has it. */
export async function lockCopy({ client }: Session, copy: Copy): Promise<boolean> {
  return tryLock(client, copy.number);
}

/** Takes the lock of the one rebuild, until the session ends. False: another one is running. */
export async function lockRebuild({ client }: Session): Promise<boolean> {
  return tryLock(client, REBUILD_LOCK);
}

async function tryLock(client: ClientBase, key: number): Promise<boolean> {
  const { rows } = await client.query<{ got: string }>('SELECT pg_try_advisory_lock($1, $2) AS got', [LOCK_CLASS, key]);
  return rows[0]?.got === 't';
}

async function lockSetup(client: ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCK_CLASS, SETUP_LOCK]);
}
