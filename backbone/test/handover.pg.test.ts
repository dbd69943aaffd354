/** What becomes of a consumer's partitions when the server refuses a statement about them: others can have them, nothing is skipped. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BackboneError } from '@banyan/backbone/errors';
import { startConsumer } from '@banyan/backbone/log/consumer';
import { openListener } from '@banyan/backbone/log/listener';
import { layoutOf } from '@banyan/backbone/log/schema';
import { connect, type Session, type Statement } from '@banyan/backbone/log/session';
import { gather, groupOffsets, LIMIT_MS, makeWorld, newTopic, records, type Gathering } from './support/world.ts';

const world = makeWorld();
const PARTITIONS = 4;

/** Which statement is refused, and when: before the server has seen it, or after it has done what can not be taken back. */
interface Refusal {
  readonly of: RegExp;
  readonly when: 'before' | 'after';
  /** Whether the consumer's session is cut first, so that the refusal comes while it begins anew. */
  readonly cut: boolean;
}

/** A member of a group whose sessions refuse one statement in all, once `arm` was called. */
interface Refused {
  readonly values: readonly string[];
  arm(): void;
  /** Whether it has been refused. */
  refused(): boolean;
  close(): Promise<void>;
}

/** `idle` before it is armed, `done` once a statement was refused; shared by all sessions of a consumer. */
interface Trap {
  state: 'idle' | 'armed' | 'done';
}

/** @returns the session, except that it refuses the first statement that matches while the trap is armed */
function refusing(session: Session, { of, when }: Refusal, trap: Trap): Session {
  const query = async (statement: Statement): ReturnType<Session['query']> => {
    if (trap.state !== 'armed' || !of.test(statement.text)) return session.query(statement);
    trap.state = 'done';
    if (when === 'after') await session.query(statement);
    throw new BackboneError('BACKBONE_BUSY', 'canceling statement due to statement timeout');
  };
  return {
    query,
    transact: (work) => session.transact(work),
    close: () => session.close(),
    get lost() {
      return session.lost;
    },
  };
}

async function join(name: string, group: string, refusal: Refusal): Promise<Refused> {
  const layout = layoutOf('banyan_log');
  const at = { url: world.url, applicationName: 'refused' };
  const listener = await openListener({ ...at, layout, onTrouble: () => undefined });
  onTestFinished(() => listener.close());
  const trap: Trap = { state: 'idle' };
  const values: string[] = [];
  const consumer = await startConsumer({
    group,
    topics: [name],
    start: 'earliest',
    layout,
    listener,
    connect: async (onLost) => refusing(await connect({ ...at, durable: false, onLost }), refusal, trap),
    onBatch: ({ entries }) => {
      values.push(...entries.map(({ value }) => value ?? ''));
      return Promise.resolve();
    },
    onError: () => 'retry',
    onEnded: () => undefined,
  });
  onTestFinished(() => consumer.close());
  return {
    values,
    arm: () => {
      trap.state = 'armed';
    },
    refused: () => trap.state === 'done',
    close: () => consumer.close(),
  };
}

describe('a consumer of which the server refuses once', () => {
  test.each<[string, Refusal]>([
    ['to let its partitions go', { of: /pg_advisory_unlock/, when: 'before', cut: false }],
    ['to let its partitions go, having done so', { of: /pg_advisory_unlock/, when: 'after', cut: false }],
    ['to move the offsets of its group', { of: /^update .*group_offset/s, when: 'before', cut: false }],
    ['to say who holds what', { of: /pg_locks/, when: 'before', cut: false }],
    ['to make it a member', { of: /pg_advisory_lock_shared/, when: 'before', cut: true }],
    ['to say who holds what, when it begins anew', { of: /pg_locks/, when: 'before', cut: true }],
    ['to say what it has taken', { of: /pg_try_advisory_lock/, when: 'after', cut: true }],
  ])('%s: all partitions are worked on, by both members, and every record comes', async (_what, refusal) => {
    const name = await newTopic(world, PARTITIONS);
    const group = world.name('g');
    const producer = await world.log.producer(world.name('p'), [name]);
    await producer.send(records(name, 200, 'a'));
    const first = await join(name, group, refusal);
    const have = (): Set<string | null> => new Set([...first.values, ...(second?.values() ?? [])]);
    let second: Gathering | null = null;
    await expect.poll(() => have().size, { timeout: LIMIT_MS }).toBe(200);
    first.arm();
    if (refusal.cut) {
      await world.cut('refused');
      await vi.waitUntil(() => first.refused(), { timeout: LIMIT_MS });
    }
    second = await gather(await world.open(), { topics: [name], group });
    const { consumer } = second;
    onTestFinished(() => consumer.close());
    await producer.send(records(name, 200, 'b'));
    await expect.poll(() => have().size, { timeout: LIMIT_MS }).toBe(400);
    await expect.poll(() => first.refused(), { timeout: LIMIT_MS }).toBe(true);
    // Each holds its share, and nothing that it has forgotten.
    const shares = async (): Promise<readonly string[]> => {
      const rows = await world.sql<{ count: string }>(
        `select count(*) from pg_locks l where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
           and database = (select oid from pg_database where datname = current_database()) group by pid`,
      );
      return rows.map(({ count }) => count);
    };
    await expect.poll(shares, { timeout: LIMIT_MS }).toEqual(['2', '2']);
    await producer.send(records(name, 200, 'c'));
    await expect.poll(() => have().size, { timeout: LIMIT_MS }).toBe(600);
    await first.close();
    await producer.send(records(name, 200, 'd'));
    await expect.poll(() => have().size, { timeout: LIMIT_MS }).toBe(800);
    await expect.poll(() => groupOffsets(world, group), { timeout: LIMIT_MS }).toEqual(await world.log.ends([name]));
  });
});
