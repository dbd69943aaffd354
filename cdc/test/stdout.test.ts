import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { line, openStdout } from '@banyan/cdc/stdout';

const place = { checkpoint: 'here', watermark: null, swept: null };

describe('a line of standard output', () => {
  test('holds key and value as they are, and headers by name', () => {
    const headers = [
      { key: '__debezium.newkey', value: '{"id":2}' },
      { key: 'banyan.position', value: '1:0/1:0' },
    ];
    expect(line({ topic: 'shop.public.t', key: '{"id":9007199254740993}', value: '{"op":"d"}', headers })).toBe(
      '{"topic":"shop.public.t","key":{"id":9007199254740993},"value":{"op":"d"},"headers":[' +
        '{"key":"__debezium.newkey","value":{"id":2}},{"key":"banyan.position","value":"1:0/1:0"}]}\n',
    );
  });

  test('of a tombstone, or of a table without a key, says null', () => {
    expect(line({ topic: 't', key: null, value: null, headers: [] })).toBe(
      '{"topic":"t","key":null,"value":null,"headers":[]}\n',
    );
  });
});

describe('the position', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-cdc-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function sent(
    name: string,
    incarnation: number,
  ): Promise<{ readonly lines: string; readonly position: string }> {
    const [out, position] = [join(folder, `${name}.out`), join(folder, `${name}.position`)];
    const handle = await open(out, 'w');
    const sink = await openStdout(position, handle.fd);
    expect(sink.checkpoint).toBeNull();
    const watermark = { source: 'shop', epoch: '1.1.2', lsn: '0/5' };
    await sink.send([{ topic: 't', key: null, value: '1', headers: [] }], {
      ...place,
      watermark,
      swept: { incarnation, tables: ['public.t'] },
    });
    await handle.close();
    return { lines: await readFile(out, 'utf8'), position: await readFile(position, 'utf8') };
  }

  test('is there once the lines are, and comes back', async () => {
    expect((await sent('first', 1)).position).toBe('here');
    expect((await openStdout(join(folder, 'first.position'))).checkpoint).toBe('here');
  });

  test('a first copy sweeps nothing, a second one says what it sweeps', async () => {
    expect((await sent('one', 1)).lines.split('\n')).toHaveLength(2);
    const [, sweep] = (await sent('two', 2)).lines.split('\n');
    expect(JSON.parse(sweep ?? '')).toMatchObject({
      topic: 'shop.watermarks',
      value: { source: 'shop', lsn: '0/5', swept: { incarnation: 2, tables: ['public.t'] } },
    });
  });

  test('that cannot be kept stops the sink, by name', async () => {
    const sink = await openStdout(join(folder, 'no', 'such', 'folder'));
    await expect(sink.send([], place)).rejects.toMatchObject({ code: 'CDC_CHECKPOINT' });
  });

  test('is not passed by lines that did not get out', async () => {
    const file = join(folder, 'unwritable');
    await writeFile(file, '');
    const handle = await open(file, 'r');
    const sink = await openStdout(join(folder, 'unwritable.position'), handle.fd);
    const event = { topic: 't', key: null, value: '1', headers: [] };
    await expect(sink.send([event], place)).rejects.toMatchObject({ code: 'CDC_SINK_GONE' });
    await expect(readFile(join(folder, 'unwritable.position'))).rejects.toThrow('ENOENT');
    await handle.close();
  });
});
