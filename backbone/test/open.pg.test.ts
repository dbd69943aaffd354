import { createServer, type Server } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BackboneError } from '@banyan/backbone/errors';
import { openLog } from '@banyan/backbone/log';
import { openBackbone } from '@banyan/backbone/open';
import { all, makeWorld, record, topic } from './support/world.ts';

const world = makeWorld();
const SECRET = 'hunter2secret';

/** The error of opening, after a look that nothing in it tells the password. */
async function refusal(url: string): Promise<BackboneError> {
  const error: unknown = await openLog({ url }).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BackboneError);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
  return error as BackboneError;
}

function withUrl(change: (url: URL) => void): string {
  const url = new URL(world.url);
  change(url);
  return url.href;
}

describe('the log', () => {
  test('is made once, however many open it at once in a database that is new', async () => {
    const schema = 'made once';
    const logs = await Promise.all(Array.from({ length: 8 }, () => world.open({ schema })));
    await logs[0]!.createTopics([topic('shared')]);
    const producer = await logs[1]!.producer('p', ['shared']);
    await producer.send([record('shared', 'k', 'v')]);
    expect(await all(logs[7]!, 'shared')).toHaveLength(1);
  });

  test('shares a database with another of a different name, and hears nothing of it', async () => {
    const [one, two] = [await world.open({ schema: 'one "quoted"' }), await world.open({ schema: "two'" })];
    await one.createTopics([topic('t')]);
    await two.createTopics([topic('t')]);
    const heard: unknown[] = [];
    const consumer = await two.consume({
      group: 'g',
      topics: ['t'],
      start: 'earliest',
      onBatch: ({ entries }) => Promise.resolve(void heard.push(...entries.map(({ value }) => value))),
    });
    await (await one.producer('p', ['t'])).send([record('t', 'k', 'one')]);
    await (await two.producer('p', ['t'])).send([record('t', 'k', 'two')]);
    await expect.poll(() => heard).toEqual(['two']);
    await consumer.close();
  });

  test('of a newer layout is refused in words, and is left alone', async () => {
    await world.open({ schema: 'newer' });
    await world.sql('update newer.meta set schema_version = 99');
    const opening = openLog({ url: world.url, schema: 'newer' });
    await expect(opening).rejects.toMatchObject({ code: 'BACKBONE_NEWER_SCHEMA' });
    await expect(opening).rejects.toThrow(
      /has layout 99, and this program knows 1: run a newer version of this service/,
    );
    expect(await world.sql('select schema_version from newer.meta')).toEqual([{ schema_version: 99 }]);
  });

  test('needs no right to create anything where everything is there', async () => {
    await world.log.createTopics([topic('granted')]);
    await world.sql(`create role reader login password '${SECRET}'`);
    await world.sql('grant usage on schema banyan_log to reader');
    await world.sql('grant select, insert, update on all tables in schema banyan_log to reader');
    const url = withUrl((it) => ([it.username, it.password] = ['reader', SECRET]));
    const log = await world.open({ url });
    await log.createTopics([topic('granted')]);
    const producer = await log.producer('reader', ['granted']);
    await producer.send([record('granted', 'k', 'v')]);
    await expect(log.createTopics([topic('more')])).rejects.toMatchObject({ code: 'BACKBONE_BAD_CONFIG' });
    await log.close();
    await world.sql('drop owned by reader');
    await world.sql('drop role reader');
  });

  test('commits synchronously where the database’s default is not to', async () => {
    const [row] = await world.sql<{ name: string }>('select current_database() as name');
    await world.sql(`alter database ${row!.name} set synchronous_commit = off`);
    const log = await world.open();
    await log.createTopics([topic('durable')]);
    const producer = await log.producer('durable', ['durable']);
    // The session says so itself: a trigger writes down what holds while a batch is inserted.
    await world.sql('create table public.seen (setting text)');
    await world.sql(
      `create function public.look() returns trigger language plpgsql as
       $$ begin insert into public.seen values (current_setting('synchronous_commit')); return null; end $$`,
    );
    await world.sql(
      'create trigger look after insert on banyan_log.record for each statement execute function public.look()',
    );
    await producer.send([record('durable', 'k', 'v')]);
    expect(await world.sql('select * from public.seen')).toEqual([{ setting: 'on' }]);
    await world.sql('drop trigger look on banyan_log.record');
    await world.sql(`alter database ${row!.name} reset synchronous_commit`);
  });
});

describe('what cannot be opened says why, and never the password', () => {
  test('a wrong password', async () => {
    await world.sql(`create role locked login password 'another'`);
    const url = withUrl((it) => ([it.username, it.password] = ['locked', SECRET]));
    const error = await refusal(url);
    expect(error).toMatchObject({ code: 'BACKBONE_BAD_CONFIG', retry: false });
    expect(error.message).toMatch(/cannot open a connection to the log at postgres.*locked@127\.0\.0\.1.*password/);
    await world.sql('drop role locked');
  });

  test('a database that is not there', async () => {
    const url = withUrl((it) => ([it.pathname] = ['/nowhere']));
    expect(await refusal(url)).toMatchObject({ code: 'BACKBONE_BAD_CONFIG' });
  });

  test('nobody listening', async () => {
    const port = await freed();
    const error = await refusal(`postgres://banyan:${SECRET}@127.0.0.1:${port}/log`);
    expect(error).toMatchObject({ code: 'BACKBONE_UNREACHABLE', retry: true });
    expect(error.message).toContain(`postgres://banyan@127.0.0.1:${port}/log`);
  });

  test('somebody who hangs up at once', async () => {
    const server = createServer((socket) => socket.destroy());
    const port = await listening(server);
    expect(await refusal(`postgres://banyan:${SECRET}@127.0.0.1:${port}/log`)).toMatchObject({
      code: 'BACKBONE_UNREACHABLE',
    });
    server.close();
  });

  test.each([`${SECRET}`, `postgres://u:${SECRET}@:bad:port/x`, `mysql://u:${SECRET}@127.0.0.1/x`, ''])(
    'an address that is none (%#)',
    async (url) => {
      const error = await refusal(url);
      expect(error.code).toBe('BACKBONE_BAD_CONFIG');
      expect(error.message).toContain('postgres://user:password@host:port/database');
    },
  );
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function freed(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the environment decides', () => {
  test('for the log, by its address', async () => {
    const backbone = await openBackbone({ DATABASE_URL_BACKBONE: world.url }, { retentionEveryMs: null });
    await backbone.createTopics([topic('by-environment')]);
    expect(await world.log.ends(['by-environment'])).toEqual(new Map([['by-environment-0', 0n]]));
    await backbone.close();
  });

  test('for Kafka, which is refused by name until it is there', async () => {
    const opening = openBackbone({ KAFKA_BROKERS: '127.0.0.1:9092', DATABASE_URL_BACKBONE: world.url });
    await expect(opening).rejects.toMatchObject({ code: 'BACKBONE_UNSUPPORTED' });
    await expect(opening).rejects.toThrow(/KAFKA_BROKERS.*not supported yet/);
  });

  test('for nothing when nothing is set, and says what to set', async () => {
    await expect(openBackbone({})).rejects.toThrow(/set DATABASE_URL_BACKBONE/);
    await expect(openBackbone({ KAFKA_BROKERS: '', DATABASE_URL_BACKBONE: '' })).rejects.toMatchObject({
      code: 'BACKBONE_BAD_CONFIG',
    });
  });
});
