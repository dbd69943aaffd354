/**
 * The way of the data on a Postgres of its own: the monolith's database, the connector, the log and the order service. Each process
 * can be killed at any moment and comes back by itself; at the end the read model is compared with the monolith, row by row.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSchema } from '@banyan/legacy-monolith/database';
import { seed } from '@banyan/legacy-monolith/seed';
import { TABLES, type Table } from '@banyan/new-order-ms/core/tables';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import pg from 'pg';
import { vi } from 'vitest';
import { root } from './example.ts';
import { freeOnes } from './free.ts';
import { run, type Running } from './processes.ts';

export type Victim = 'cdc' | 'orders' | 'postgres';

export interface Scene {
  /** URLs of the databases, as superuser. */
  readonly legacy: string;
  readonly backbone: string;
  readonly orders: string;
  /** Kill -9, at once or as soon as it runs again; what supervises it starts it again. Resolves when it is dead, and the server when it is back. */
  kill(victim: Victim): Promise<void>;
  /** Resolves when the order service has applied a watermark taken now: whatever was committed before is in the read model. */
  fresh(): Promise<void>;
  /** Rows that are in one of the two databases and not, or not the same, in the other; in words, at most a few of each table. */
  differences(): Promise<readonly string[]>;
  /** Ends that nobody here had asked for, with the last words. */
  readonly ends: readonly string[];
  close(): Promise<void>;
}

export interface SceneOptions {
  readonly orders: number;
  readonly customers: number;
}

const RESTART_MS = 100; // A process that cannot start yet must not take the core from the one that it waits for.
const FRESH_LIMIT_MS = 90_000; // A busy machine with two cores, recovery of the server included.
const DIFFERENCES_SHOWN = 3;
const PASSWORD = 'test';

/** Starts everything and waits until the first copy is in the read model. */
export async function openScene(options: SceneOptions): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-fire-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const server = await Server.open(join(folder, 'postgres'));
  for (const name of ['legacy', 'backbone', 'orders']) await ask(server.url('postgres'), `CREATE DATABASE ${name}`);
  const [legacy, backbone, orders] = [server.url('legacy'), server.url('backbone'), server.url('orders')];
  await withClient(legacy, async (client) => {
    await createSchema(client);
    await seed(client, { ...options, containers: 200, readings: 500, voyages: 40 });
  });
  const [cdcPort = 0, ordersPort = 0] = await freeOnes(2);
  const config = join(folder, 'cdc.yaml');
  const settings = { database: legacy, tables: ['public.*'], topicPrefix: 'legacy', sink: 'log', log: backbone };
  await writeFile(config, JSON.stringify({ ...settings, listen: `127.0.0.1:${cdcPort}` }));
  const ends: string[] = [];
  const env = { ORDERS_PORT: String(ordersPort), DATABASE_URL_ORDERS: orders, DATABASE_URL_BACKBONE: backbone };
  const kept = {
    cdc: new Kept('cdc', ends, () => program('cdc/dist/main.js', ['--config', config])),
    orders: new Kept('orders', ends, () => program('new-order-ms/dist/main.js', [], { ...env, KAFKA_BROKERS: '' })),
  };
  const scene: Scene = {
    legacy,
    backbone,
    orders,
    ends,
    kill: (victim) => (victim === 'postgres' ? server.kill() : kept[victim].kill()),
    fresh: () => fresh(`http://127.0.0.1:${cdcPort}`, `http://127.0.0.1:${ordersPort}`, ends),
    differences: () => differences(legacy, orders),
    close: async () => {
      await Promise.all([kept.cdc.close(), kept.orders.close()]);
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await scene.fresh();
  return scene;
}

function program(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return run(process.execPath, ['--enable-source-maps', join(root, file), ...args], { env });
}

/** A server with fsync on, that is killed with every process it has. */
class Server {
  readonly #dataDir: string;
  #postgres: EmbeddedPostgres;

  private constructor(dataDir: string, postgres: EmbeddedPostgres) {
    this.#dataDir = dataDir;
    this.#postgres = postgres;
  }

  static async open(dataDir: string): Promise<Server> {
    return new Server(dataDir, await startPostgres({ dataDir, port: 0, password: PASSWORD }));
  }

  url(database: string): string {
    return this.#postgres.url.replace(/\/[^/]*$/, `/${database}`);
  }

  /** Its backends have process groups of their own, and would end what they are at if only the first of them died. */
  async kill(): Promise<void> {
    const { pid, port, exited } = this.#postgres;
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
    const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const backends = pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
    for (const one of [pid, ...backends])
      try {
        process.kill(one, 'SIGKILL');
      } catch {
        // It has ended by itself since the list was made.
      }
    await exited;
    this.#postgres = await startPostgres({ dataDir: this.#dataDir, port, password: PASSWORD });
  }

  close(): Promise<void> {
    return this.#postgres.stop('immediate');
  }
}

/** A process that is started again whenever it has ended. */
class Kept {
  readonly #name: string;
  readonly #ends: string[];
  readonly #start: () => Running;
  readonly #done: Promise<void>;
  #running: Running | null = null;
  #closing = false;
  #asked = false;

  constructor(name: string, ends: string[], start: () => Running) {
    this.#name = name;
    this.#ends = ends;
    this.#start = start;
    this.#done = this.#keep();
  }

  async #keep(): Promise<void> {
    while (!this.#closing) {
      this.#asked = false;
      const running = this.#start();
      this.#running = running;
      const code = await running.exited;
      this.#running = null;
      if (!this.#asked) this.#ends.push(`${this.#name} ended with ${code}: ${running.output().slice(-400)}`);
      if (!this.#closing) await pause(RESTART_MS);
    }
  }

  async kill(): Promise<void> {
    await vi.waitUntil(() => this.#running !== null, { timeout: 10_000, interval: 5 });
    this.#asked = true;
    await this.#running?.stop('SIGKILL');
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#asked = true;
    await this.#running?.stop('SIGTERM');
    await this.#done;
  }
}

interface WatermarkAnswer {
  readonly source: string;
  readonly epoch: string;
  readonly lsn: string;
}

async function fresh(cdc: string, orders: string, ends: readonly string[]): Promise<void> {
  const deadline = performance.now() + FRESH_LIMIT_MS;
  let [fence, last]: [string | null, string] = [null, 'nothing was asked yet'];
  while (performance.now() < deadline) {
    try {
      if (fence === null) {
        const answer = await fetch(`${cdc}/watermark`, { signal: AbortSignal.timeout(5_000) });
        last = await answer.text();
        const { source, epoch, lsn } = JSON.parse(last) as WatermarkAnswer;
        if (answer.ok) fence = encodeURIComponent(`orders=${source}.${epoch}.${lsn}`);
      } else {
        const url = `${orders}/freshness?atLeast=${fence}&wait=1s`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
        last = `${fence}: ${await answer.text()}`;
        if (answer.status === 200) return;
      }
    } catch (error) {
      last = String(error);
    }
    await pause(50);
  }
  throw new Error(`the read model did not become fresh: ${last}\n${ends.slice(-4).join('\n')}`);
}

/** The rows of a table as text, every column that the read model has, the key first. */
function rowsOf(schema: string, { name, columns }: Table): string {
  const cells = columns.map(({ name: column, kind }) => `"${column}"${kind === 'json' ? '::jsonb' : ''}::text`);
  return `SELECT json_build_array(${cells.join(', ')})::text AS row FROM ${schema}."${name}"`;
}

async function differences(legacy: string, orders: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const table of TABLES) {
    const [truth, copy] = await Promise.all([ask(legacy, rowsOf('public', table)), ask(orders, rowsOf('read', table))]);
    const [there, here] = [truth, copy].map((rows) => rows.map((row) => String(row['row'])));
    found.push(...lackingIn(here, there, `${table.name}: not in the read model`));
    found.push(...lackingIn(there, here, `${table.name}: not in the monolith`));
    if (here?.length !== there?.length)
      found.push(`${table.name}: ${here?.length} rows in the read model, ${there?.length} in the monolith`);
  }
  return found;
}

function lackingIn(rows: readonly string[] = [], wanted: readonly string[] = [], words: string): readonly string[] {
  const known = new Set(rows);
  const lacking = wanted.filter((row) => !known.has(row));
  const shown = lacking.slice(0, DIFFERENCES_SHOWN).map((row) => `${words}: ${row.slice(0, 300)}`);
  return lacking.length > DIFFERENCES_SHOWN ? [...shown, `${words}: ${lacking.length} in all`] : shown;
}

/** Uses a connection of its own, in UTC and ISO. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' });
  client.on('error', () => undefined); // The statement in hand fails with it.
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined); // A broken connection is closed already.
  }
}

/** Runs one statement, or several without parameters. @returns the rows of a single one */
export async function ask(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  return withClient(url, async (client) => {
    const result = await client.query<Record<string, unknown>>(text, values.length === 0 ? undefined : [...values]);
    return Array.isArray(result) ? [] : result.rows;
  });
}
