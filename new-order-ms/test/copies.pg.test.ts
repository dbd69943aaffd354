import { Applier } from '@banyan/new-order-ms/apply';
import {
  buildingCopy,
  dropRetired,
  findCopies,
  liveCopy,
  lockCopy,
  prepare,
  swap,
  type Copy,
} from '@banyan/new-order-ms/copies';
import { openSession, type Session } from '@banyan/new-order-ms/database';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nextOf, openDesk, type Desk } from './desk.ts';
import { at, record, rowOf } from './history.ts';

let desk: Desk;
let operator: Session;
beforeEach(async () => {
  desk = await openDesk();
  operator = await openSession(desk.url, { applicationName: 'operator', durable: true });
});
afterEach(async () => {
  await operator.close();
  await desk.drop();
});

const port = (id: number, city: string, lsn: number, offset: bigint) => ({
  ...record({
    table: 'ports',
    op: 'u',
    key: { port_id: id },
    after: rowOf('ports', { port_id: id, city }),
    at: at(lsn),
  }),
  offset,
});

async function applierOf(copy: Copy): Promise<{ applier: Applier; session: Session }> {
  const session = await openSession(desk.url, { applicationName: 'test', durable: false, pipeline: true });
  const applier = new Applier(session, copy, new Map());
  await applier.load();
  await applier.resume(['legacy.public.ports-0']);
  return { applier, session };
}

const caughtUp = (): Promise<boolean> => Promise.resolve(true);
const cities = (): Promise<readonly (readonly (string | null)[])[]> => desk.rows('SELECT city FROM read.ports');

test('however many processes start at once, there is one live copy', async () => {
  const fresh = await openDesk();
  try {
    const copies = await Promise.all(Array.from({ length: 6 }, () => prepare(fresh.url)));
    expect(new Set(copies.map(({ name }) => name))).toEqual(new Set(['read_1']));
    expect(await fresh.rows('SELECT number, state FROM read.copies')).toEqual([['1', 'live']]);
  } finally {
    await fresh.drop();
  }
});

test('a copy of another shape is not touched: it has to be rebuilt by the program that knows the new one', async () => {
  await operator.client.query('UPDATE read.copies SET shape = 99');
  await expect(prepare(desk.url)).rejects.toMatchObject({ code: 'ORD_OTHER_SHAPE' });
  await expect(liveCopy(operator.client)).rejects.toThrow('npx orders rebuild');
});

test('a copy has one writer', async () => {
  const other = await openSession(desk.url, { applicationName: 'other', durable: true });
  expect(await lockCopy(desk.session, desk.copy)).toBe(true);
  expect(await lockCopy(other, desk.copy)).toBe(false);
  await other.close();
});

describe('a rebuild that was cut off', () => {
  test('goes on with the copy that it left', async () => {
    const first = await buildingCopy(operator.client, false);
    expect(first).toMatchObject({ copy: { name: 'read_2', state: 'building' }, resumed: false });
    expect(await buildingCopy(operator.client, false)).toEqual({ copy: first.copy, resumed: true });
  });

  test('or begins afresh, when it is told to or the shape has changed', async () => {
    await buildingCopy(operator.client, false);
    expect(await buildingCopy(operator.client, true)).toMatchObject({ copy: { name: 'read_3' }, resumed: false });
    await operator.client.query(`UPDATE read.copies SET shape = 0 WHERE state = 'building'`);
    expect(await buildingCopy(operator.client, false)).toMatchObject({ copy: { name: 'read_4' }, resumed: false });
    expect((await findCopies(operator.client)).map(({ name }) => name)).toEqual(['read_1', 'read_4']);
    expect(await desk.rows(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read\\_%' ORDER BY 1`)).toEqual([
      ['read_1'],
      ['read_4'],
    ]);
  });
});

describe('a swap', () => {
  test('shows the other copy from one moment to the next, and stops the old one for good', async () => {
    await desk.apply([port(1, 'old', 10, 0n)]);
    const { copy } = await buildingCopy(operator.client, false);
    const { applier, session } = await applierOf(copy);
    const rebuilt = [port(1, 'new', 10, 0n)];
    await applier.apply({ entries: rebuilt, next: nextOf(rebuilt) });
    expect(await cities()).toEqual([['old']]);
    expect(await swap(operator.client, copy, caughtUp)).toBe(true);
    expect(await cities()).toEqual([['new']]);
    expect(await liveCopy(operator.client)).toMatchObject({ name: 'read_2' });
    await expect(desk.apply([port(1, 'late', 20, 1n)])).rejects.toMatchObject({ code: 'ORD_MOVED' });
    await expect(desk.applier.resume(['legacy.public.ports-1'])).rejects.toMatchObject({ code: 'ORD_MOVED' });
    const more = [port(1, 'newer', 30, 1n)];
    await applier.apply({ entries: more, next: nextOf(more) });
    expect(await cities()).toEqual([['newer']]);
    expect(await dropRetired(operator.client)).toEqual(['read_1']);
    expect(await cities()).toEqual([['newer']]);
    await session.close();
  });

  test('waits with the old copy standing still until the new one has come as far', async () => {
    await desk.apply([port(1, 'old', 10, 0n)]);
    const { copy } = await buildingCopy(operator.client, false);
    const { applier, session } = await applierOf(copy);
    let applied: Promise<unknown> = Promise.resolve();
    const done = await swap(operator.client, copy, async (live) => {
      expect(live).toEqual({ next: new Map([['legacy.public.ports-0', 1n]]), applied: [] });
      applied = desk.apply([port(1, 'meanwhile', 20, 1n)]).catch((error: unknown) => error);
      const rebuilt = [port(1, 'old', 10, 0n)];
      await applier.apply({ entries: rebuilt, next: nextOf(rebuilt) });
      return true;
    });
    expect(done).toBe(true);
    expect(await applied).toMatchObject({ code: 'ORD_MOVED' });
    expect(await cities()).toEqual([['old']]);
    await session.close();
  });

  test('that cannot wait any longer leaves everything as it was', async () => {
    await desk.apply([port(1, 'old', 10, 0n)]);
    const { copy } = await buildingCopy(operator.client, false);
    await expect(swap(operator.client, copy, () => Promise.reject(new Error('too far behind')))).rejects.toThrow(
      'too far behind',
    );
    await desk.apply([port(1, 'still', 20, 1n)]);
    expect(await cities()).toEqual([['still']]);
    expect(await liveCopy(operator.client)).toMatchObject({ name: 'read_1' });
  });

  test('gives way to a reader who holds a view', async () => {
    const { copy } = await buildingCopy(operator.client, false);
    const reader = new pg.Client({ connectionString: desk.url });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT * FROM read.orders');
    expect(await swap(operator.client, copy, caughtUp)).toBe(false);
    await reader.query('SELECT * FROM read.ports');
    await reader.query('COMMIT');
    expect(await swap(operator.client, copy, caughtUp)).toBe(true);
    await reader.end();
  });

  test('under readers that never pause: no read fails, and none sees two copies at once', async () => {
    await desk.apply([port(1, 'round 0', 10, 0n), port(2, 'round 0', 10, 1n)]);
    const pool = new pg.Pool({ connectionString: desk.url, max: 6 });
    const seen = new Set<string>();
    let reading = true;
    const read = async (): Promise<void> => {
      while (reading) {
        const { rows } = await pool.query<{ cities: string }>({
          name: 'cities',
          text: `SELECT (SELECT city FROM read.ports WHERE port_id = 1) || '|' || (SELECT city FROM read.ports WHERE port_id = 2) AS cities`,
        });
        seen.add(rows[0]?.cities ?? 'nothing');
      }
    };
    const readers = Promise.all(Array.from({ length: 6 }, read));
    const rounds = 8;
    for (let round = 1; round <= rounds; round += 1) {
      const { copy } = await buildingCopy(operator.client, false);
      const { applier, session } = await applierOf(copy);
      const entries = [port(1, `round ${round}`, 10, 0n), port(2, `round ${round}`, 10, 1n)];
      await applier.apply({ entries, next: nextOf(entries) });
      await expect.poll(() => swap(operator.client, copy, caughtUp), { timeout: 20_000, interval: 20 }).toBe(true);
      await dropRetired(operator.client);
      await session.close();
    }
    await expect.poll(() => seen.has(`round ${rounds}|round ${rounds}`)).toBe(true);
    reading = false;
    await readers;
    await pool.end();
    for (const pair of seen) expect(pair).toMatch(/^(round \d+)\|\1$/);
  });
});
