/** Servers of their own, each on a folder of its own: what `startPostgres` does with the state it finds. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBinaries } from '@banyan/stack/binaries';
import { startPostgres, type EmbeddedPostgres, type PostgresOptions } from '@banyan/stack/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { alive, run } from '../../test/support/processes.ts';

const password = 'a b:c/@%';
const started: EmbeddedPostgres[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-server-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop('immediate')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(dataDir: string, more: Partial<PostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, port: 0, password, flags: ['fsync=off'], ...more });
  started.push(server);
  return server;
}

async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows[0];
  } finally {
    await client.end();
  }
}

describe('on a directory that one server made', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = join(folder, 'deep', 'down', 'postgres');
    const server = await start(dataDir);
    await ask(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await server.stop();
    started.length = 0;
  });

  test('the next one has the data, and a password with every kind of character', async () => {
    const server = await start(dataDir);
    expect(await ask(server.url, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
  });

  test('it stops at once and says how it ended, whoever is connected', async () => {
    const server = await start(dataDir);
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => undefined);
    await client.connect();
    await server.stop();
    expect(await server.exited).toBe(0);
    expect(alive(server.pid)).toBe(false);
  });

  test('kill -9 is seen, and the next start recovers although old backends linger', async () => {
    const server = await start(dataDir);
    await ask(server.url, 'CREATE TABLE IF NOT EXISTS survived AS SELECT 1 AS one');
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toBe(null);
    const again = await start(dataDir);
    expect(await ask(again.url, 'SELECT one FROM survived')).toEqual({ one: 1 });
  });

  test('another password is refused in words, and the server does not stay', async () => {
    const lines: string[] = [];
    await expect(start(dataDir, { password: 'wrong', onLog: (line) => lines.push(line) })).rejects.toMatchObject({
      code: 'STACK_PASSWORD',
      message: expect.stringContaining(dataDir),
    });
    expect(lines.at(-1)).toContain('database system is shut down');
  });

  test('a second server on a directory in use is refused, naming the first', async () => {
    const child = run(process.execPath, ['--input-type=module', '-e', HOLDER, dataDir]);
    try {
      const line = await child.line(/^postmaster /);
      await expect(start(dataDir)).rejects.toMatchObject({
        code: 'STACK_DATA_DIR_IN_USE',
        message: expect.stringContaining(`process ${child.pid}, Postgres ${line.split(' ')[1]}`),
      });
      expect(alive(Number(line.split(' ')[1]))).toBe(true);
    } finally {
      await child.stop();
    }
  });

  test('a server that somebody else started there is left alone', async () => {
    const server = await start(dataDir);
    await rm(`${dataDir}.owner`);
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'STACK_DATA_DIR_IN_USE',
      message: expect.stringContaining('pg_ctl stop'),
    });
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual({ one: 1 });
  });

  test('what a starter that is dead left running is stopped and replaced', async () => {
    const left = await start(dataDir);
    // As after a kill -9 of stack and reaper: the note names a process that no longer runs.
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => gone.once('exit', resolve));
    await writeFile(`${dataDir}.owner`, JSON.stringify({ postmaster: left.pid, starter: gone.pid, startedAt: '1' }));
    const server = await start(dataDir);
    expect(await left.exited).toBe(0);
    expect(await ask(server.url, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
  });

  test('a note of a server whose pid belongs to another process by now does no harm', async () => {
    await writeFile(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n1767225600\n5432\n`);
    const server = await start(dataDir);
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual({ one: 1 });
  });

  test('a directory of another major version is refused before anything is started', async () => {
    const file = join(dataDir, 'PG_VERSION');
    const version = await readFile(file, 'utf8');
    await writeFile(file, '15\n');
    try {
      await expect(start(dataDir)).rejects.toMatchObject({
        code: 'STACK_DATA_DIR_VERSION',
        message: expect.stringMatching(/made by Postgres 15; this is Postgres 18.*pg_upgrade/),
      });
    } finally {
      await writeFile(file, version);
    }
  });

  test('a setting that Postgres refuses comes back in its own words', async () => {
    await expect(start(dataDir, { flags: ['work_mem=much'] })).rejects.toMatchObject({
      code: 'STACK_POSTGRES_FAILED',
      message: expect.stringContaining('work_mem'),
    });
  });

  test('a start that is cancelled leaves nothing running', async () => {
    const cancel = new AbortController();
    let pid = 0;
    const attempt = start(dataDir, {
      cancel: cancel.signal,
      onLog: (line) => {
        pid = Number(/\[(\d+)\] LOG: {2}starting/.exec(line)?.[1] ?? pid);
        cancel.abort(new Error('enough'));
      },
    });
    await expect(attempt).rejects.toThrow('enough');
    expect(pid).toBeGreaterThan(0);
    expect(alive(pid)).toBe(false);
  });
});

// Starts a server and stays, as a stack does.
const HOLDER = `
  const { startPostgres } = await import(${JSON.stringify(import.meta.resolve('@banyan/stack/postgres'))});
  const server = await startPostgres({ dataDir: process.argv[1], port: 0, password: ${JSON.stringify(password)} });
  process.once('SIGTERM', async () => { await server.stop(); process.exit(); });
  console.log('postmaster ' + server.pid);
`;

describe('before there is a server', () => {
  let blocker: Server;
  beforeEach(() => {
    blocker = createServer();
  });
  afterEach(() => new Promise((resolve) => blocker.close(resolve)));

  test('a port that is taken is said, and nothing is made', async () => {
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const address = blocker.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const dataDir = join(folder, 'unused');
    await expect(start(dataDir, { port })).rejects.toMatchObject({
      code: 'STACK_PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    });
    await expect(readFile(join(dataDir, 'PG_VERSION'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a folder with something else in it is left as it is', async () => {
    const dataDir = join(folder, 'letters');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'letter.txt'), 'Dear');
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'STACK_DATA_DIR_FOREIGN' });
    expect(await readFile(join(dataDir, 'letter.txt'), 'utf8')).toBe('Dear');
  });

  test('a file in the place of the folder is said', async () => {
    const dataDir = join(folder, 'file');
    await writeFile(dataDir, '');
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'STACK_DATA_DIR_FOREIGN' });
  });

  test('an empty folder is taken', async () => {
    const dataDir = join(folder, 'empty');
    await mkdir(dataDir);
    const server = await start(dataDir);
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual({ one: 1 });
  });

  test('a machine that is not packaged is named', async () => {
    await expect(loadBinaries('linux', 'riscv64')).rejects.toMatchObject({
      code: 'STACK_NO_BINARIES',
      message: expect.stringContaining('linux-riscv64'),
    });
    await expect(loadBinaries('win32', 'x64')).rejects.toMatchObject({ code: 'STACK_NO_BINARIES' });
  });
});

describe.runIf(process.getuid?.() === 0)('as root', () => {
  test('a folder that the account of Postgres cannot pass through is named, with the command that opens it', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    await expect(start(join(closed, 'postgres'))).rejects.toMatchObject({
      code: 'STACK_PERMISSION',
      message: expect.stringContaining(`chmod o+x ${closed}`),
    });
  });

  test('a data directory of somebody else is refused before Postgres refuses it', async () => {
    const dataDir = join(folder, 'foreign');
    const server = await start(dataDir);
    await server.stop();
    await run('chown', ['65534', dataDir]).exited;
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'STACK_PERMISSION',
      message: expect.stringContaining('belongs to user 65534'),
    });
  });
});
