/**
 * Clerks who write to ReeferDesk's database in plain SQL, so many transactions a second, through crashes of the server: orders are
 * placed, changed, renumbered and deleted, containers assigned, readings taken, and some of it is rolled back.
 */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Writing {
  /** Transactions whose commit was acknowledged so far. */
  readonly commits: number;
  /** Transactions that failed, as they may: the server was gone, or another clerk was in the way. */
  readonly failures: number;
  /** Failures that should not have been: what the clerks do is wrong then, and shows nothing. */
  readonly faults: readonly string[];
  /** Resolves when the last transaction has ended. */
  stop(): Promise<void>;
}

const LANES = 4;
// Behind by more than this (the server was away) a lane goes on from now, and does not make up for it.
const PATIENCE_MS = 200;
const SERVER_GONE = /^(08|57P)/; // Its connections, its shutdown, its start.
// A lock that was not given in time, a deadlock, a key that is taken, a parent that is gone.
const IN_THE_WAY = /^(55P03|40P01|23505|23503)$/;

/** Starts writing. @param perSecond transactions, of all lanes together */
export function write(url: string, perSecond: number, seed: number): Writing {
  const tally: Tally = { commits: 0, failures: 0, faults: [] };
  const over = { yet: false };
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    writeLane({ url, everyMs: (1_000 * LANES) / perSecond, chance: chanceOf(seed + lane), lane, tally, over }),
  );
  return {
    get commits() {
      return tally.commits;
    },
    get failures() {
      return tally.failures;
    },
    faults: tally.faults,
    stop: async () => {
      over.yet = true;
      await Promise.all(lanes);
    },
  };
}

interface Tally {
  commits: number;
  failures: number;
  readonly faults: string[];
}

interface Lane {
  readonly url: string;
  readonly everyMs: number;
  readonly chance: () => number;
  readonly lane: number;
  readonly tally: Tally;
  readonly over: { yet: boolean };
}

async function writeLane({ url, everyMs, chance, lane, tally, over }: Lane): Promise<void> {
  let client: pg.Client | null = null;
  let due = performance.now();
  for (let turn = 0; !over.yet; turn += 1) {
    due = Math.max(due + everyMs, performance.now() - PATIENCE_MS);
    const early = due - performance.now();
    if (early > 0) await pause(early);
    try {
      client ??= await connect(url);
      if (await transaction(client, { chance, name: `F-${lane}-${turn}` })) tally.commits += 1;
    } catch (error) {
      const code = error instanceof pg.DatabaseError ? (error.code ?? '') : null;
      const goes = code === null || SERVER_GONE.test(code);
      if (goes || IN_THE_WAY.test(code)) tally.failures += 1;
      else tally.faults.push(String(error));
      if (!goes) {
        await client?.query('ROLLBACK').catch(() => undefined); // A connection that broke shows itself to the next turn.
        continue;
      }
      await client?.end().catch(() => undefined);
      client = null;
    }
  }
  await client?.end().catch(() => undefined);
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, lock_timeout: 1_000 });
  client.on('error', () => undefined); // The statement in hand fails with it.
  await client.connect();
  return client;
}

interface Turn {
  readonly chance: () => number;
  /** Of an order that this turn may place. */
  readonly name: string;
}

type Work = (client: pg.Client, turn: Turn) => Promise<void>;

/** @returns whether it was committed, and not rolled back */
async function transaction(client: pg.Client, turn: Turn): Promise<boolean> {
  const { chance } = turn;
  await client.query('BEGIN');
  await pickOf(WORK, chance)(client, turn);
  if (chance() < 0.15) {
    await client.query('SAVEPOINT half');
    await pickOf(WORK, chance)(client, { ...turn, name: `${turn.name}-half` });
    await client.query('ROLLBACK TO half');
  }
  if (chance() < 0.3) await pickOf(WORK, chance)(client, { ...turn, name: `${turn.name}-more` });
  const commits = chance() >= 0.1;
  await client.query(commits ? 'COMMIT' : 'ROLLBACK');
  return commits;
}

function pickOf<T>(list: readonly T[], chance: () => number): T {
  const picked = list[Math.floor(chance() * list.length)];
  if (picked === undefined) throw new RangeError('nothing to pick from');
  return picked;
}

/** Some order's key, or null when there is none. */
async function some(client: pg.Client, chance: () => number): Promise<number | null> {
  const { rows } = await client.query<{ order_key: number }>(
    `SELECT order_key FROM orders WHERE order_key >= (SELECT min(order_key) + $1::float8 * (max(order_key) - min(order_key)) FROM orders)
     ORDER BY order_key LIMIT 1`,
    [chance()],
  );
  return rows[0]?.order_key ?? null;
}

/** A statement about some order, whose key is `$1`. */
function about(text: string): Work {
  return async (client, { chance }) => {
    const key = await some(client, chance);
    if (key !== null) await client.query(text, [key]);
  };
}

const place: Work = async (client, { chance, name }) => {
  // Above 8 kB it does not stand in the row, and an update that leaves it alone does not carry it.
  const terms =
    chance() < 0.3 ? Array.from({ length: 1_500 }, () => Math.floor(chance() * 1e9).toString(36)).join('') : null;
  const { rows } = await client.query<{ order_key: number }>(
    `WITH place AS (
       INSERT INTO addresses (street, city, country, state, zipcode) VALUES ('Quay ' || $1::text, 'Rotterdam', 'NL', NULL, '3011') RETURNING address_id)
     INSERT INTO orders (order_id, product_id, customer_id, quantity, pickup_address, pickup_date, destination_address, expected_delivery,
       total, special_instructions, terms, tags)
     SELECT $1::text, 'P-1', (SELECT min(customer_id) FROM customers), $2::integer, address_id, '2026-03-01 08:00', address_id, '2026-03-20 18:30:00.25',
       ($2::integer * 12.5)::numeric(12,2), json_build_object('note', 'été "' || $1::text || '"', 'n', 12345678901234567890)::jsonb, $3::text, ARRAY['a,b', NULL, $1::text]
     FROM place RETURNING order_key`,
    [`${name}-${Math.floor(chance() * 1e9)}`, 1 + Math.floor(chance() * 20), terms],
  );
  const key = rows[0]?.order_key;
  await client.query(
    `INSERT INTO order_items SELECT $1::integer, line, 'SKU-' || line, CASE WHEN line % 2 = 0 THEN 'line ' || line END, line, 9.90 FROM generate_series(1, $2::integer) line`,
    [key, 1 + Math.floor(chance() * 4)],
  );
  await client.query(
    'INSERT INTO order_containers SELECT $1::integer, container_id FROM containers ORDER BY container_no OFFSET $2 LIMIT 2',
    [key, Math.floor(chance() * 150)],
  );
};

const take: Work = async (client, { chance }) => {
  await client.query(
    `INSERT INTO container_readings (container_id, read_at, temperature, humidity, power)
     SELECT min(container_id) + $1::integer, now(), -18.50, 61.5, true FROM containers`,
    [Math.floor(chance() * 20)],
  );
};

const empty: Work = async (client, { chance }) => {
  // Seldom: it would leave nothing else to compare.
  if (chance() < 0.05) await client.query('TRUNCATE container_readings');
  else await take(client, { chance, name: '' });
};

const service: Work = async (client, { chance }) => {
  await client.query(
    `UPDATE containers SET status = (ARRAY['empty', 'maintenance', 'loaded']::container_status[])[1 + $1::integer], features = ARRAY['f' || $1::integer],
       last_maintenance = DATE '2026-01-01' + $1::integer WHERE container_id = (SELECT min(container_id) + $2::integer FROM containers)`,
    [Math.floor(chance() * 3), Math.floor(chance() * 100)],
  );
};

const WORK: readonly Work[] = [
  place,
  place,
  place,
  about(`UPDATE orders SET quantity = quantity + 1, total = total / 2, updated_at = now() WHERE order_key = $1`),
  about(`UPDATE orders SET quantity = quantity + 1, total = total / 2, updated_at = now() WHERE order_key = $1`),
  about(`UPDATE orders SET status = 'cancelled', terms = NULL, tags = '{}' WHERE order_key = $1`),
  about('DELETE FROM orders WHERE order_key = $1'),
  about(`UPDATE orders SET order_key = nextval('orders_order_key_seq') WHERE order_key = $1`),
  about('UPDATE order_items SET line_no = line_no + 10 WHERE order_key = $1'),
  about(
    `WITH gone AS (DELETE FROM order_items WHERE order_key = $1 RETURNING *) UPDATE orders SET quantity = (SELECT count(*) FROM gone) WHERE order_key = $1`,
  ),
  about(
    `UPDATE order_containers SET container_id = (SELECT max(container_id) FROM containers)
     WHERE order_key = $1 AND container_id = (SELECT min(container_id) FROM order_containers WHERE order_key = $1)`,
  ),
  take,
  empty,
  service,
];
