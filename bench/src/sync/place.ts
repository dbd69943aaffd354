/**
 * The place where `bench sync` runs: one embedded Postgres with ReeferDesk's database as the source, and two followers of its
 * `container_readings`: Postgres' own logical replication into a database of the same server, and cdc through the log into the
 * order service's read model. Each can be made to follow or to stand still.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSchema } from '@banyan/legacy-monolith/database';
import { seed } from '@banyan/legacy-monolith/seed';
import { startPostgres } from '@banyan/stack/postgres';
import pg from 'pg';
import { startNode, type Process } from '../process.ts';

/** Something that follows the source. */
export interface Follower {
  readonly name: 'native' | 'ours';
  /** On a connection of its own; the relation that shows the readings. */
  readonly target: pg.Client;
  readonly relation: string;
  /** Of the target's database. */
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface Place {
  readonly source: pg.Client;
  readonly sourceUrl: string;
  readonly followers: readonly [native: Follower, ours: Follower];
  close(): Promise<void>;
}

const PASSWORD = 'bench';
const READY_LIMIT_MS = 60_000;
const ORDERS = 200;
/** Starts everything; what has been started is stopped again when something does not start. */
export async function openPlace(): Promise<Place> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    return { ...(await open((closer) => closers.push(closer))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(onClose: (closer: () => Promise<unknown>) => void): Promise<Omit<Place, 'close'>> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  onClose(async () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const dataDir = join(folder, 'postgres');
  const server = await startPostgres({ dataDir, port: 0, password: PASSWORD });
  onClose(() => server.stop('immediate'));
  const urlOf = (database: string): string => server.url.replace(/\/[^/]*$/, `/${database}`);
  const admin = await connect(server.url);
  for (const database of ['legacy', 'native', 'backbone', 'orders']) await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const source = await connect(urlOf('legacy'));
  onClose(() => source.end());
  await createSchema(source);
  await seed(source, { orders: ORDERS, customers: 20 });
  const native = await nativeFollower(source, urlOf('native'), urlOf('legacy'));
  onClose(() => native.target.end());
  const urls = { legacy: urlOf('legacy'), backbone: urlOf('backbone'), orders: urlOf('orders') };
  const ours = await ourFollower(urls, folder, onClose);
  return { source, sourceUrl: urlOf('legacy'), followers: [native, ours] };
}

/** A connected client; a server that goes away at the end is nobody's error. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function nativeFollower(source: pg.Client, url: string, sourceUrl: string): Promise<Follower> {
  const target = await connect(url);
  await target.query(`CREATE TABLE container_readings (reading_id bigint PRIMARY KEY, container_id integer NOT NULL, read_at timestamptz NOT NULL,
    temperature numeric(5,2) NOT NULL, humidity real, power boolean NOT NULL)`);
  await source.query('CREATE PUBLICATION bench_native FOR TABLE container_readings');
  // By hand, since CREATE SUBSCRIPTION waits for all transactions of its own server, its own too.
  await source.query(`SELECT pg_create_logical_replication_slot('bench_native', 'pgoutput')`);
  const { username, password, hostname, port } = new URL(sourceUrl);
  const connection = `host=${hostname} port=${port} user=${username} password=${password} dbname=legacy`;
  await target.query(
    `CREATE SUBSCRIPTION bench CONNECTION '${connection}' PUBLICATION bench_native WITH (create_slot = false, slot_name = 'bench_native', copy_data = false, enabled = false)`,
  );
  return {
    name: 'native',
    target,
    relation: 'container_readings',
    url,
    start: async () => void (await target.query('ALTER SUBSCRIPTION bench ENABLE')),
    stop: async () => {
      await target.query('ALTER SUBSCRIPTION bench DISABLE');
      await until(
        async () =>
          (await source.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = 'bench_native' AND active`))
            .rowCount === 0,
      );
    },
  };
}

async function ourFollower(
  urls: { legacy: string; backbone: string; orders: string },
  folder: string,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Follower> {
  const cdcPort = await freePort();
  const ordersPort = await freePort();
  const config = join(folder, 'cdc.yaml');
  const settings = {
    database: urls.legacy,
    slot: 'bench_ours',
    publication: 'bench_ours',
    tables: ['public.*'],
    topicPrefix: 'legacy',
    snapshot: 'initial',
    sink: 'log',
    log: urls.backbone,
    listen: `127.0.0.1:${cdcPort}`,
  };
  writeFileSync(config, JSON.stringify(settings));
  const program = (name: string): string => fileURLToPath(import.meta.resolve(`@banyan/${name}/main`));
  const startCdc = (): Process => startNode([program('cdc'), '--config', config]);
  let cdc: Process | null = startCdc();
  const stop = async (): Promise<void> => {
    await cdc?.stop();
    cdc = null;
  };
  onClose(stop);
  await ready(cdcPort);
  const orders = startNode([program('new-order-ms')], {
    env: { ORDERS_PORT: String(ordersPort), DATABASE_URL_ORDERS: urls.orders, DATABASE_URL_BACKBONE: urls.backbone },
  });
  onClose(() => orders.stop());
  await ready(ordersPort);
  await stop();
  const target = await connect(urls.orders);
  onClose(() => target.end());
  return {
    name: 'ours',
    target,
    relation: 'read.container_readings',
    url: urls.orders,
    start: async () => {
      cdc ??= startCdc();
      await ready(cdcPort);
    },
    stop,
  };
}

async function ready(port: number): Promise<void> {
  await until(() =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      async (answer) => (await answer.text()) !== '' && answer.ok,
      () => false,
    ),
  );
}

/** Looks every few milliseconds until it is so. */
export async function until(so: () => Promise<boolean>, limitMs: number = READY_LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await so())) {
    if (performance.now() > deadline) throw new Error('it did not come about in time');
    await new Promise((done) => setTimeout(done, 10));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
