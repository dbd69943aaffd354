import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Framer } from '@banyan/cdc/core/frame';
import { decoders } from '@banyan/cdc/wire';
import { frame } from './support/wal.ts';

interface Message {
  readonly type: string;
  readonly body: Uint8Array;
}

function read(chunks: readonly Uint8Array[]): Message[] {
  const framer = new Framer(decoders);
  const messages: Message[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    while (framer.next())
      messages.push({
        type: String.fromCharCode(framer.type),
        body: Uint8Array.from(framer.bytes.array.subarray(framer.start, framer.end)),
      });
  }
  return messages;
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const message = fc.record({
  type: fc.constantFrom('d', 'E', 'N', 'W'),
  body: fc.uint8Array({ maxLength: 40 }),
});

test('the same messages come out however the bytes were cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (messages, places) => {
      const bytes = Buffer.concat(messages.map(({ type, body }) => frame(type, body)));
      expect(read(cut(bytes, places))).toEqual(messages);
    }),
    { numRuns: 500 },
  );
});

test('a message of ten megabytes in chunks of 64 kB is put together whole', () => {
  const body = new Uint8Array(10 * 1024 * 1024).fill(7);
  body[body.length - 1] = 9;
  const bytes = Buffer.concat([frame('d', body), frame('d', Uint8Array.of(1))]);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
    bytes.subarray(index * 65_536, (index + 1) * 65_536),
  );
  const messages = read(chunks);
  expect(messages.map((each) => each.body.length)).toEqual([body.length, 1]);
  expect(messages[0]?.body.at(-1)).toBe(9);
});

test('a length that no Postgres would send is refused', () => {
  const framer = new Framer(decoders);
  framer.push(Buffer.from([0x64, 0, 0, 0, 3, 0]));
  expect(() => framer.next()).toThrow('not the Postgres protocol');
});
