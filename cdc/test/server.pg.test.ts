/** Servers that are killed, stopped, slow to start, or run out of patience. */
import { afterEach, describe, expect, test } from 'vitest';
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Event } from '@banyan/cdc/core/source';
import { MemorySink } from './support/memory.ts';
import { query, seen, startConnector, type Started } from './support/connector.ts';
import { ownServer, type Server } from './support/server.ts';
import { until } from './support/until.ts';

let server: Server | null = null;
let running: Started[] = [];

afterEach(async () => {
  for (const each of running) await each.stop().catch(() => undefined);
  running = [];
  await server?.remove();
  server = null;
});

const TABLE = 'CREATE TABLE things (id int PRIMARY KEY, name text)';

async function boot(flags: readonly string[] = []): Promise<Server> {
  server = await ownServer(flags);
  await query(server.url, TABLE);
  return server;
}

async function start(url: string, options: Parameters<typeof startConnector>[1] = {}): Promise<Started> {
  const started = startConnector(url, options);
  running.push(started);
  await until('streaming', () => started.connector.phase === 'streaming');
  return started;
}

function ids(events: readonly Event[]): number[] {
  return events.map((event) => (seen(event).key as { id: number }).id);
}

/** Inserts rows one by one, through whatever happens to the server, until told to end. */
function writer(url: string): { readonly end: () => Promise<readonly number[]> } {
  let writing = true;
  const done = (async () => {
    const sure: number[] = [];
    let id = 0;
    while (writing) {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (writing) {
          await client.query('INSERT INTO things VALUES ($1, $2)', [(id += 1), 'written']);
          sure.push(id);
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20)); // The server is away; it is not this loop's business for how long.
      } finally {
        await client.end().catch(() => undefined);
      }
    }
    return sure;
  })();
  return {
    end: () => {
      writing = false;
      return done;
    },
  };
}

describe('a server that is killed', () => {
  test('again and again, under a writer: every row that was committed arrives, in order', async () => {
    const { url, kill, start: again } = await boot();
    const { sink, connector } = await start(url);
    const writing = writer(url);
    for (let round = 1; round <= 4; round += 1) {
      const before = sink.events.length;
      await until('rows', () => sink.events.length > before + 50);
      await kill();
      await until('the connector to notice', () => connector.phase !== 'streaming');
      await again();
      await until('streaming again', () => connector.phase === 'streaming');
    }
    const sure = await writing.end();
    const [row] = await query(url, 'SELECT array_agg(id ORDER BY id) AS ids FROM things');
    const there = row?.['ids'] as number[];
    await until('the last row', () => ids(sink.events).includes(there.at(-1) ?? 0));
    const arrived = [...new Set(ids(sink.events))];
    expect(arrived).toEqual(there);
    expect(there).toEqual(expect.arrayContaining([...sure]));
    expect(await connector.tally.text()).toMatch(/banyan_cdc_reconnects_total\{code="\w+"\} \d/);
  });

  test('comes back to a connector that goes on, whatever tables were made meanwhile', async () => {
    const { url, kill, start: again } = await boot();
    const { sink, connector } = await start(url);
    await query(url, 'CREATE TABLE keyless (a int)');
    await kill();
    await until('the connector to notice', () => connector.phase !== 'streaming');
    await again();
    await until('streaming again', () => connector.phase === 'streaming');
    await query(url, `INSERT INTO things VALUES (1, 'a'); INSERT INTO keyless VALUES (1); UPDATE keyless SET a = 2`);
    await until('the row', () => sink.events.length === 1);
    expect(sink.events.map(({ topic }) => topic)).toEqual(['shop.public.things']);
  });

  test('that is not there yet is waited for', async () => {
    const { url, stop, start: again } = await boot();
    await stop();
    const started = startConnector(url);
    running.push(started);
    await until('it to wait', () => started.connector.phase === 'waiting');
    expect(started.connector.because).toContain('ECONNREFUSED');
    expect(started.connector.because).not.toContain('test@');
    await again();
    await until('streaming', () => started.connector.phase === 'streaming');
  });
});

describe('a server that stops', () => {
  // Who holds it up is cut off after a while, by an immediate stop.
  const CUT_OFF = 'received immediate shutdown request';

  test('fast is not held up by an idle connector, whose slot still does not pass its checkpoint', async () => {
    const own = await boot();
    const { sink } = await start(own.url);
    await query(own.url, `INSERT INTO things VALUES (1, 'a')`);
    await until('the row', () => sink.events.length === 1);
    await own.stop('fast');
    expect(own.log()).not.toContain(CUT_OFF);
    await own.start();
    await until('streaming again', () => running[0]?.connector.phase === 'streaming');
    await query(own.url, `INSERT INTO things VALUES (2, 'b')`);
    await until('the row', () => ids(sink.events).includes(2));
  });

  test('fast is not held up when the log is on the same server, and can take no checkpoint any more', async () => {
    const own = await boot();
    const sink = new MemorySink();
    // Everything that the sink is asked from now on fails, as the log of a server that stops does.
    let stopping = false;
    sink.before = async () => {
      if (stopping) await new Promise(() => undefined);
    };
    await start(own.url, { sink });
    stopping = true;
    await own.stop('fast');
    expect(own.log()).not.toContain(CUT_OFF);
    sink.before = async () => undefined;
  });
});

describe('patience', () => {
  test('a sink that stands still for longer than wal_sender_timeout does not cost the connection', async () => {
    const { url } = await boot(['wal_sender_timeout=1s']);
    const { sink, connector } = await start(url);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    sink.before = () => held;
    await query(url, `INSERT INTO things SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i`);
    await until('the socket to be full', async () => {
      return Number(/queued_events (\d+)/.exec(await connector.tally.text())?.[1]) >= 5_000;
    });
    const [before] = await query(url, 'SELECT active_pid FROM pg_replication_slots');
    const stoodFrom = performance.now();
    await until('three times the timeout', () => performance.now() - stoodFrom > 3_000);
    expect(await query(url, 'SELECT active_pid FROM pg_replication_slots')).toEqual([before]);
    release();
    await until('all rows', () => sink.events.length === 60_000);
  });

  test('a slot whose WAL was removed meanwhile is a gap, told as such', async () => {
    const { url } = await boot(['max_slot_wal_keep_size=1MB', 'min_wal_size=32MB', 'max_wal_size=32MB']);
    const { sink, stop } = await start(url);
    await stop();
    await until('the slot to be given up', async () => {
      await query(url, `SELECT pg_logical_emit_message(false, 'filler', repeat('x', 4000000)); SELECT pg_switch_wal()`);
      await query(url, 'CHECKPOINT');
      const [slot] = await query(url, 'SELECT wal_status FROM pg_replication_slots');
      return slot?.['wal_status'] === 'lost';
    });
    const refused = startConnector(url, { sink });
    await expect(refused.done).rejects.toThrow(/slot-lost: the server no longer has the WAL .*wal_removed/);
    await query(url, `INSERT INTO things VALUES (1, 'read anew')`);
    const again = await start(url, { sink, settings: { snapshot: 'when_needed' } });
    expect(ids(again.sink.events)).toEqual([1]);
  });
});

/** With owners and modes, which Postgres is particular about. */
async function copyFolder(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', from, to]);
}

describe('a server that is not quite the one it was', () => {
  async function history(own: Server): Promise<MemorySink> {
    const { sink, stop } = await start(own.url);
    await query(own.url, `INSERT INTO things VALUES (1, 'a')`);
    await until('the row', () => sink.events.length === 1);
    await stop();
    return sink;
  }

  test('after a promotion behind the checkpoint it goes on, and fences of before are void', async () => {
    const own = await boot(['restore_command=false', 'recovery_target_action=promote']);
    const sink = await history(own);
    await own.stop();
    // Recovery from an archive that has nothing more ends in a timeline of its own, as after a failover.
    await writeFile(`${own.dataDir}/recovery.signal`, '');
    await own.start();
    const again = await start(own.url, { sink });
    await query(own.url, `INSERT INTO things VALUES (2, 'b')`);
    await until('the row', () => sink.events.length === 2);
    expect(ids(sink.events)).toEqual([1, 2]);
    expect((await again.connector.watermark()).epoch).toMatch(/^\d+\.2\.1$/);
  });

  test('restored from an older copy it is refused: what was published since never happened there', async () => {
    const own = await boot();
    const sink = await history(own);
    await own.stop();
    await copyFolder(own.dataDir, `${own.dataDir}-copy`);
    await own.start();
    const between = await start(own.url, { sink });
    await query(own.url, `INSERT INTO things SELECT i, repeat('x', 1000) FROM generate_series(2, 3000) i`);
    await until('the rows', () => sink.events.length === 3000);
    await between.stop();
    await own.stop();
    await rm(own.dataDir, { recursive: true });
    await copyFolder(`${own.dataDir}-copy`, own.dataDir);
    await own.start();
    await expect(startConnector(own.url, { sink }).done).rejects.toThrow(
      /server-behind-checkpoint: .* restored from a backup/,
    );
  });
});
