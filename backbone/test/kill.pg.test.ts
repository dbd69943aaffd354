import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { run, type Running } from '../../test/support/processes.ts';
import { all, LIMIT_MS, makeWorld, newTopic, records } from './support/world.ts';

const world = makeWorld();
const worker = fileURLToPath(new URL('support/worker.mjs', import.meta.url));
const KILLS = 5;

// Each start of a process may take its own limit, and there is one more of them than kills.
vi.setConfig({ testTimeout: (KILLS + 1) * LIMIT_MS });

function start(role: string, topic: string, name: string): Running {
  return run(process.execPath, [worker, JSON.stringify({ url: world.url, role, topic, name })]);
}

async function count(text: string): Promise<number> {
  return Number((await world.sql<{ count: string }>(text))[0]?.count);
}

test('a producer that is killed again and again goes on from its checkpoint: every number once, in order', async () => {
  const topic = await newTopic(world);
  const name = world.name('p');
  let seen = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const producer = start('produce', topic, name);
    const end = async (): Promise<number> => Number((await world.log.ends([topic])).get(`${topic}-0`));
    const wanted = seen + 200;
    await expect.poll(end, { timeout: LIMIT_MS }).toBeGreaterThan(wanted);
    expect(await producer.stop('SIGKILL')).toBeNull();
    seen = await end();
  }
  // Whatever the server still had in hand when the last one died.
  const last = await world.log.producer(name, [topic]);
  const values = (await all(world.log, topic)).map(({ value }) => value);
  expect(values).toEqual(values.map((_value, index) => String(index)));
  expect(last.checkpoint).toBe(String(values.length));
});

test('a consumer that is killed again and again skips nothing, and repeats only what it had not finished', async () => {
  const topic = await newTopic(world, 2);
  const name = world.name('g');
  await world.sql('create table written (partition int, off int8)');
  const producer = await world.log.producer(world.name('p'), [topic]);
  const total = 20_000;
  await producer.send(records(topic, total));
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = await count('select count(*) from written');
    const consumer = start('write', topic, name);
    await expect.poll(() => count('select count(*) from written'), { timeout: LIMIT_MS }).toBeGreaterThan(before);
    await consumer.stop('SIGKILL');
  }
  const consumer = start('write', topic, name);
  const distinct = 'select count(*) from (select distinct partition, off from written) w';
  await expect.poll(() => count(distinct), { timeout: LIMIT_MS }).toBe(total);
  await consumer.stop();
  // Much less than everything again at each start: the offsets did move.
  expect(await count('select count(*) from written')).toBeLessThan(total * 2);
});

test('a consumer with offsets of its own, killed again and again, has every number exactly once in its sum', async () => {
  const topic = await newTopic(world, 3);
  const name = world.name('g');
  await world.sql('create table total (sum int8, count int8)');
  await world.sql('insert into total values (0, 0)');
  await world.sql('create table place (partition text primary key, next int8)');
  const producer = await world.log.producer(world.name('p'), [topic]);
  const total = 30_000;
  await producer.send(records(topic, total));
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = await count('select count from total');
    const consumer = start('sum', topic, name);
    await expect.poll(() => count('select count from total'), { timeout: LIMIT_MS }).toBeGreaterThan(before);
    await consumer.stop('SIGKILL');
  }
  const consumer = start('sum', topic, name);
  await expect.poll(() => count('select count from total'), { timeout: LIMIT_MS }).toBe(total);
  await consumer.stop();
  expect(await world.sql('select sum, count from total')).toEqual([
    { sum: String((total * (total - 1)) / 2), count: String(total) },
  ]);
});

test('a killed consumer’s partitions are taken over by the other member of its group', async () => {
  const topic = await newTopic(world, 2);
  const name = world.name('g');
  await world.sql('truncate written');
  const producer = await world.log.producer(world.name('p'), [topic]);
  const first = start('write', topic, name);
  const second = start('write', topic, name);
  await Promise.all([first.line(/ready/), second.line(/ready/)]);
  await producer.send(records(topic, 100, 'a'));
  await expect.poll(() => count('select count(*) from written'), { timeout: LIMIT_MS }).toBe(100);
  await first.stop('SIGKILL');
  await producer.send(records(topic, 100, 'b'));
  const distinct = 'select count(*) from (select distinct partition, off from written) w';
  await expect.poll(() => count(distinct), { timeout: LIMIT_MS }).toBe(200);
  await second.stop();
});
