import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { int4Array, int8Array, textArray } from '@banyan/backbone/log/array';
import { connect, type Session } from '@banyan/backbone/log/session';
import { makeWorld } from './support/world.ts';

const world = makeWorld();
let session: Session;

beforeAll(async () => {
  session = await connect({ url: world.url, applicationName: 'arrays', durable: false });
});

afterAll(() => session.close());

async function read(type: string, array: Buffer): Promise<unknown> {
  const [row] = await session.query({ name: type, text: `select array_to_json($1::${type}[])`, values: [array] });
  return JSON.parse(row?.[0] ?? 'null');
}

describe('an array in binary form is to Postgres what it is here', () => {
  test('of text, with nulls and characters of every length', async () => {
    const values = fc.array(fc.option(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))));
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const bytes = list.map((text) => (text === null ? 0 : Buffer.byteLength(text)));
        expect(await read('text', textArray(list, bytes))).toEqual(list);
      }),
    );
  });

  test('of 32-bit integers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), async (list) => {
        expect(await read('int4', int4Array(list))).toEqual(list);
      }),
    );
  });

  test('of 64-bit integers', async () => {
    const list = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
    const [row] = await session.query({
      text: 'select array_to_string($1::int8[], $2)',
      values: [int8Array(list), ','],
    });
    expect(row?.[0]).toBe(list.join(','));
  });
});
