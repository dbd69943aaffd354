/** The connector as a process: killed at random moments under writers, stopped, and started wrongly. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { WatermarkRecord } from '@banyan/backbone/core/fence';
import { openLog } from '@banyan/backbone/log';
import { alive, run } from '../../test/support/processes.ts';
import { query } from './support/connector.ts';
import { Fold } from './support/fold.ts';
import { ownServer, type Server } from './support/server.ts';
import { until } from './support/until.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const KILLS = 10;

let server: Server;
let folder = '';
let database = '';
let counter = 0;

beforeAll(async () => {
  server = await ownServer();
  folder = await mkdtemp(join(tmpdir(), 'banyan-cdc-e2e-'));
});

afterAll(async () => {
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  counter += 1;
  await query(server.url, `CREATE DATABASE source_${counter}`);
  await query(server.url, `CREATE DATABASE log_${counter}`);
  database = at(`source_${counter}`);
  await query(database, 'CREATE TABLE things (id int PRIMARY KEY, value int, note text)');
  await query(database, `INSERT INTO things SELECT i, 0, 'before' FROM generate_series(1, 500) i`);
});

function at(name: string): string {
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

async function configFile(settings: Readonly<Record<string, unknown>>): Promise<string> {
  const file = join(folder, `cdc-${counter}.yaml`);
  const all = {
    database,
    slot: `slot_${counter}`,
    publication: 'banyan',
    tables: ['public.*'],
    topicPrefix: 'shop',
    listen: '127.0.0.1:0',
    ...settings,
  };
  await writeFile(file, JSON.stringify(all));
  return file;
}

/** Four writers that insert, update, delete and move keys, now and then roll back, until told to end. */
function writers(): { readonly end: () => Promise<number> } {
  let writing = true;
  let commits = 0;
  const write = async (lane: number): Promise<void> => {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    for (let turn = 0; writing; turn += 1) {
      const id = 1_000 * (lane + 1) + (turn % 300);
      await client.query('BEGIN');
      await client.query(
        'INSERT INTO things VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET value = excluded.value',
        [id, turn, 'upsert'],
      );
      await client.query('UPDATE things SET value = value + 1 WHERE id = $1', [(turn % 500) + 1]);
      if (turn % 5 === 0) await client.query('DELETE FROM things WHERE id = $1', [id - 7]);
      if (turn % 7 === 0)
        await client.query('UPDATE things SET id = $1 WHERE id = $2', [100_000 * (lane + 1) + turn, id]);
      if (turn % 11 === 0) await client.query('ROLLBACK');
      else await client.query('COMMIT');
      commits += 1;
    }
    await client.end();
  };
  const done = Promise.all([0, 1, 2, 3].map(write));
  return {
    end: async () => {
      writing = false;
      await done;
      return commits;
    },
  };
}

async function truth(): Promise<readonly unknown[]> {
  const rows = await query(database, 'SELECT id, value, note FROM things');
  const byKey = rows.map((row) => [`{"id":${String(row['id'])}}`, row] as const);
  return byKey.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** Between 50 and 450 ms: any moment of a start, a snapshot or a stream. */
function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400));
}

describe('killed again and again under writers', () => {
  test('the log ends up with what the database holds, nothing lost', async () => {
    const config = await configFile({ sink: 'log', log: at(`log_${counter}`), snapshot: 'when_needed' });
    const writing = writers();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const connector = run(process.execPath, [program, '--config', config]);
      if (kill > 2) await connector.line(/^ready /);
      await moment();
      await connector.stop('SIGKILL');
    }
    const commits = await writing.end();
    const connector = run(process.execPath, [program, '--config', config]);
    const [, address] = /^ready (.*)/.exec(await connector.line(/^ready /)) ?? [];
    await until('ready', async () => (await fetch(`${address}/readyz`)).status === 200);
    const fence = (await (await fetch(`${address}/watermark`)).json()) as { lsn: string };
    const log = await openLog({ url: at(`log_${counter}`), retentionEveryMs: null });
    const expected = await truth();
    const fold = new Fold();
    let from = 0n;
    await until('the log to have caught up', async () => {
      for await (const entry of log.replay({ topic: 'shop.public.things', from })) {
        fold.apply(entry);
        from = entry.offset + 1n;
      }
      for await (const { value } of log.replay({ topic: 'shop.watermarks' })) {
        const { swept } = JSON.parse(value ?? '') as WatermarkRecord;
        if (swept !== undefined) fold.sweep(swept.incarnation);
      }
      return JSON.stringify(fold.rows()) === JSON.stringify(expected);
    });
    expect(fold.rows()).toEqual(expected);
    expect(commits).toBeGreaterThan(100);
    expect(fence.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await log.close();
    expect(await connector.stop()).toBe(0);
  });

  test('standard output carries everything at least once, lines whole, the position behind them', async () => {
    const config = await configFile({ sink: 'stdout', checkpoint: join(folder, 'position'), snapshot: 'when_needed' });
    const fold = new Fold();
    const writing = writers();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, ended, lines } = piped(config, fold);
      if (kill > 2) await until('lines', () => lines() > 0);
      await moment();
      child.kill('SIGKILL');
      await ended;
    }
    await writing.end();
    const expected = await truth();
    const { child, ended } = piped(config, fold);
    await until('everything', () => JSON.stringify(fold.rows()) === JSON.stringify(expected));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(fold.rows()).toEqual(expected);
  });
});

interface Piped {
  readonly child: ChildProcess;
  /** How many it has written. */
  readonly lines: () => number;
  /** The exit code, once everything that it wrote was read. */
  readonly ended: Promise<number | null>;
}

interface Line {
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** Runs the connector and applies each whole line that it writes. */
function piped(config: string, fold: Fold): Piped {
  const child = spawn(process.execPath, [program, '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] });
  let rest = '';
  let count = 0;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    count += lines.length;
    for (const text of lines) applyLine(fold, JSON.parse(text) as Line);
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return { child, ended, lines: () => count };
}

function applyLine(fold: Fold, { topic, key, value, headers }: Line): void {
  if (topic.endsWith('.watermarks')) fold.sweep((value as WatermarkRecord).swept?.incarnation ?? 0);
  else
    fold.apply({
      key: key === null ? null : JSON.stringify(key),
      value: value === null ? null : JSON.stringify(value),
      headers,
    });
}

describe('as a process', () => {
  test('says ready, and stops with 0 when told to', async () => {
    const config = await configFile({ sink: 'log', log: at(`log_${counter}`) });
    const connector = run(process.execPath, [program, 'start', '--config', config]);
    expect(await connector.line(/^ready /)).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+$/);
    expect(await connector.stop('SIGTERM', 5_000)).toBe(0);
  });

  test('stops in time when nobody reads its output, with lines on their way', async () => {
    const config = await configFile({ sink: 'stdout', checkpoint: join(folder, `p${counter}`) });
    const child = spawn(process.execPath, [program, '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('streaming', async () => {
      const [, address] = /ready (http\S+)/.exec(said) ?? [];
      if (address === undefined) child.stdout.resume();
      return address !== undefined && (await fetch(`${address}/readyz`)).status === 200;
    });
    child.stdout.pause();
    const [, address] = /ready (http\S+)/.exec(said) ?? [];
    await query(database, `INSERT INTO things SELECT i, 0, repeat('x', 1000) FROM generate_series(1000, 20000) i`);
    await until('the pipe to be full', async () => {
      return Number(/queued_events (\d+)/.exec(await (await fetch(`${address}/metrics`)).text())?.[1]) > 1_000;
    });
    const toldAt = performance.now();
    child.kill('SIGTERM');
    // What nobody takes cannot be flushed: it is sent again at the next start.
    expect(await ended).toBe(1);
    expect(performance.now() - toldAt).toBeLessThan(8_000);
  });

  test('ends when the reader of its output has gone', async () => {
    const config = await configFile({ sink: 'stdout', checkpoint: join(folder, `p${counter}`) });
    const child = spawn(process.execPath, [program, '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    const writing = writers();
    expect(await ended).toBe(1);
    expect(said).toContain('CDC_SINK_GONE: standard output: nobody reads it any more');
    await writing.end();
  });

  test.each([
    ['a mistake in the file', { snapshot: 'sometimes' }, 'CDC_BAD_CONFIG'],
    ['a wrong password', { database: 'WRONG' }, 'CDC_UNAUTHORISED'],
    ['a sink that is not there yet', { sink: 'kafka' }, 'not supported yet'],
  ])('%s: says so, exits with 2, leaves nothing behind', async (_name, change, says) => {
    const wrong = database.replace('test@', 'not-the-password@');
    const settings = 'database' in change ? { database: wrong } : change;
    const config = await configFile({ sink: 'stdout', checkpoint: join(folder, 'none'), ...settings });
    const connector = run(process.execPath, [program, '--config', config]);
    expect(await connector.exited).toBe(2);
    expect(connector.output()).toContain(says);
    expect(connector.output()).not.toContain('not-the-password');
    expect(alive(connector.pid)).toBe(false);
    expect(await query(database, 'SELECT 1 FROM pg_publication')).toEqual([]);
  });

  test('a port that is taken: says which, exits with 2, has touched nothing', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const config = await configFile({ sink: 'log', log: at(`log_${counter}`), listen: `127.0.0.1:${port}` });
    const connector = run(process.execPath, [program, '--config', config]);
    expect(await connector.exited).toBe(2);
    expect(connector.output()).toContain(`127.0.0.1:${port} is taken`);
    expect(await query(database, 'SELECT 1 FROM pg_publication')).toEqual([]);
    await new Promise((resolve) => taken.close(resolve));
  });

  test('another subcommand is refused by name', async () => {
    const connector = run(process.execPath, [
      '-e',
      `import('${program.replace('main.js', 'command.js')}').then(async ({ cdc }) => process.exit(await cdc(['status'])))`,
    ]);
    expect(await connector.exited).toBe(2);
    expect(connector.output()).toContain('banyan cdc status: not supported yet');
  });
});
