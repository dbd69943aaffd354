/** Into the log, on the source's own server: what the embedded default does. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLog } from '@banyan/backbone/log';
import type { Backbone, Entry } from '@banyan/backbone/transport';
import { parseLsn } from '@banyan/backbone/core/lsn';
import type { WatermarkRecord } from '@banyan/backbone/core/fence';
import { buildAdmin } from '@banyan/cdc/admin';
import { logSink } from '@banyan/cdc/log';
import { scratch, type Scratch } from '../../test/support/scratch.ts';
import { query, startConnector, type Started } from './support/connector.ts';
import { until } from './support/until.ts';

let source: Scratch;
let backbone: Scratch;
let log: Backbone;
let running: Started[] = [];

beforeEach(async () => {
  source = await scratch();
  backbone = await scratch();
  log = await openLog({ url: backbone.url, retentionEveryMs: null });
  await query(
    source.url,
    `CREATE TABLE things (id int PRIMARY KEY, name text); INSERT INTO things VALUES (1, 'a'), (2, 'b')`,
  );
});

afterEach(async () => {
  for (const each of running) await each.stop().catch(() => undefined);
  running = [];
  await log.close();
  await source.drop();
  await backbone.drop();
});

function launch(url: string = backbone.url): Started {
  const sink = { kind: 'log', url, partitions: 2, retentionMs: null } as const;
  const started = startConnector(source.url, { openSink: logSink(sink, 'shop', () => undefined) });
  running.push(started);
  return started;
}

async function start(url?: string): Promise<Started> {
  const started = launch(url);
  await until('streaming', () => started.connector.phase === 'streaming');
  return started;
}

async function entries(topic: string): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for await (const entry of log.replay({ topic })) all.push(entry);
  return all;
}

async function watermarks(): Promise<readonly WatermarkRecord[]> {
  return (await entries('shop.watermarks')).map(({ value }) => JSON.parse(value ?? '') as WatermarkRecord);
}

const at = (text: string | undefined): bigint => parseLsn(text ?? '') ?? 0n;

describe('in the log', () => {
  test('rows and changes stand by key, and watermarks say how far to read', async () => {
    await start();
    await query(source.url, `UPDATE things SET name = 'z' WHERE id = 1; DELETE FROM things WHERE id = 2`);
    await until('the changes', async () => (await entries('shop.public.things')).length === 5);
    const things = await entries('shop.public.things');
    const byKey = (key: string): string[] =>
      things
        .filter((entry) => entry.key === key)
        .map(({ value }) => /"op":"(.)"/.exec(value ?? '')?.[1] ?? 'tombstone');
    expect([byKey('{"id":1}'), byKey('{"id":2}')]).toEqual([
      ['r', 'u'],
      ['r', 'd', 'tombstone'],
    ]);
    const marks = await watermarks();
    expect(marks[0]).toMatchObject({ source: 'shop', swept: { incarnation: 1, tables: ['public.things'] } });
    expect(marks.slice(1).every(({ swept }) => swept === undefined)).toBe(true);
    // The last one covers everything that is there.
    const ends = await log.ends(['shop.public.things']);
    expect(marks.at(-1)?.ends).toMatchObject(Object.fromEntries([...ends].map(([name, end]) => [name, String(end)])));
  });

  test('positions rise, the first copy below every change', async () => {
    await start();
    await query(source.url, `INSERT INTO things VALUES (3, 'c')`);
    await until('the change', async () => (await entries('shop.public.things')).length === 3);
    const positions = (await entries('shop.public.things')).map(({ headers }) =>
      at(headers.at(-1)?.value.split(':')[1]),
    );
    const streamed = positions.toSorted((a, b) => (a < b ? -1 : 1)).at(-1) ?? 0n;
    expect(positions.filter((position) => position < streamed)).toHaveLength(2);
  });

  test('a second connector of the same name shuts the first out, and the first says so', async () => {
    const first = await start();
    const other = await logSink(
      { kind: 'log', url: backbone.url, partitions: 2, retentionMs: null },
      'shop',
      () => undefined,
    )(['shop.public.things']);
    await query(source.url, `INSERT INTO things VALUES (3, 'c')`);
    await expect(first.done).rejects.toMatchObject({ code: 'CDC_FENCED' });
    await other.close();
  });

  test('the log may be in the very database that is captured', async () => {
    await start(source.url);
    await query(source.url, `INSERT INTO things VALUES (3, 'c')`);
    const own = await openLog({ url: source.url, retentionEveryMs: null });
    const written = async (): Promise<bigint> =>
      [...(await own.ends(['shop.public.things'])).values()].reduce((sum, end) => sum + end, 0n);
    await until('the change', async () => (await written()) === 3n);
    expect(running[0]?.connector.phase).toBe('streaming');
    await own.close();
  });
});

describe('watermarks', () => {
  test('a position that was handed out is published, and then there is peace', async () => {
    const { connector } = await start();
    await until('the first watermarks', async () => (await watermarks()).length >= 2);
    for (let round = 0; round < 20; round += 1) {
      const fence = await connector.watermark();
      await until('the fence', async () => at((await watermarks()).at(-1)?.lsn) >= at(fence.lsn));
      expect((await watermarks()).at(-1)?.epoch).toBe(fence.epoch);
    }
    const count = (await watermarks()).length;
    // Each of them was WAL on this very server. If they followed themselves there would be hundreds a second.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect((await watermarks()).length - count).toBeLessThanOrEqual(1);
  });

  test('a fence taken after a commit is not below it, whoever commits and however', async () => {
    const { connector } = await start();
    for (const setting of ['on', 'off']) {
      await query(source.url, `ALTER ROLE CURRENT_USER IN DATABASE ${source.name} SET synchronous_commit = ${setting}`);
      for (let id = 0; id < 20; id += 1) {
        const key = setting === 'on' ? 100 + id : 200 + id;
        await query(source.url, 'INSERT INTO things VALUES ($1, $2)', [key, setting]);
        const fence = await connector.watermark();
        await until('the fence', async () => at((await watermarks()).at(-1)?.lsn) >= at(fence.lsn));
        const keys = (await entries('shop.public.things')).map((entry) => entry.key);
        expect(keys).toContain(`{"id":${key}}`);
      }
    }
    await query(source.url, `ALTER ROLE CURRENT_USER IN DATABASE ${source.name} RESET synchronous_commit`);
  });

  test('callers at the same time share one question, but never one that was asked before they came', async () => {
    const { connector } = await start();
    const fences = await Promise.all(Array.from({ length: 50 }, () => connector.watermark()));
    expect(new Set(fences.map(({ lsn }) => lsn)).size).toBeLessThanOrEqual(2);
    const early = connector.watermark();
    await query(source.url, `INSERT INTO things VALUES (3, 'c')`);
    const late = await connector.watermark();
    expect(at(late.lsn)).toBeGreaterThan(at((await early).lsn));
  });
});

describe('the admin port', () => {
  test('says alive, ready, figures and positions', async () => {
    const { connector } = await start();
    const app = buildAdmin(connector, { token: null });
    const get = async (url: string) => app.inject({ method: 'GET', url });
    expect((await get('/healthz')).json()).toEqual({ status: 'alive' });
    expect([(await get('/readyz')).statusCode, (await get('/readyz')).json()]).toEqual([200, { status: 'ready' }]);
    const metrics = (await get('/metrics')).body;
    expect(metrics).toContain('banyan_cdc_events_total{table="public.things",op="r"} 2');
    expect(metrics).toContain('banyan_cdc_snapshot_rows{table="public.things"} 2');
    expect(metrics).toMatch(/banyan_cdc_lag_seconds \d/);
    expect(metrics).toMatch(/banyan_cdc_lag_bytes \d/);
    expect((await get('/watermark')).json()).toEqual({
      source: 'shop',
      epoch: expect.stringMatching(/^\d+\.1\.1$/),
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
    });
    expect((await get('/snapshots')).statusCode).toBe(404);
    await app.close();
  });

  test('takes the wish to read tables again, from whoever may have it', async () => {
    const { connector } = await start();
    const app = buildAdmin(connector, { token: 'secret' });
    const post = async (payload: unknown, headers: Record<string, string> = {}): Promise<number> => {
      const all = { authorization: 'Bearer secret', 'content-type': 'application/json', ...headers };
      const answer = await app.inject({
        method: 'POST',
        url: '/snapshots',
        payload: JSON.stringify(payload),
        headers: all,
      });
      return answer.statusCode;
    };
    const wish = { tables: ['public.th*'] };
    expect(await post(wish, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await post(wish, { host: 'evil.example' })).toBe(403);
    expect(await post(wish, { origin: 'http://localhost' })).toBe(403);
    expect(await post(wish, { 'content-type': 'text/plain' })).toBe(415);
    expect(await post({ tables: [] })).toBe(400);
    expect(await post({ tables: ['things'] })).toBe(400);
    expect(await post({ tables: ['public.nothing'] })).toBe(422);
    expect(await post(wish)).toBe(202);
    await until('the rows once more', async () => (await entries('shop.public.things')).length === 4);
    expect(
      (await entries('shop.public.things')).filter(({ value }) => value?.includes('"snapshot":"incremental"')),
    ).toHaveLength(2);
    await app.close();
  });

  test('is not ready, and has no position, while there is no source', async () => {
    const nowhere = startConnector('postgres://nobody:secret@127.0.0.1:1/none');
    running.push(nowhere);
    const app = buildAdmin(nowhere.connector, { token: null });
    await until('it to wait', () => nowhere.connector.phase === 'waiting');
    const ready = await app.inject({ method: 'GET', url: '/readyz' });
    expect([ready.statusCode, ready.body.includes('secret')]).toEqual([503, false]);
    const mark = await app.inject({ method: 'GET', url: '/watermark' });
    expect([mark.statusCode, mark.json<{ code: string }>().code]).toEqual([503, 'CDC_SOURCE_LOST']);
    await app.close();
  });
});
