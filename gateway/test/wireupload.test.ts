import type { Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { ask, poolOf, stream, whole } from './calls.ts';
import { noise, rawUpstream, sha256, until } from './front.ts';

// Requests whose bodies stream: what is read of them, when, and what becomes of them that do not end well.

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Taking {
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
  readonly count: () => number;
  /** What came on all connections. */
  text(): string;
  bytes(): number;
}

/** A server that hears all, and answers with `answer` when what came matches. */
async function taking(
  matches: RegExp,
  answer: string,
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<Taking> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const server = await rawUpstream((socket) => {
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      bytes += chunk.length;
      tail = (tail + chunk.toString('latin1')).slice(-500);
      if (matches.test(tail)) {
        tail = '';
        socket.write(answer);
      }
    });
    onSocket(socket);
  });
  return { ...server, text: () => Buffer.concat(parts).toString('latin1'), bytes: () => bytes };
}

const END = /0\r\n\r\n$/;

describe('a body that streams', () => {
  test('arrives as it is, in chunks, or as long as it says', async () => {
    const body = noise(3_000_000);
    const pieces = function* (): Generator<Buffer> {
      for (let at = 0; at < body.length; at += 70_001) yield body.subarray(at, at + 70_001);
    };
    const server = await taking(END, OK);
    const call = ask(poolOf(server.url), { method: 'POST', body: stream(Readable.from(pieces())) });
    expect(await call.told()).toBe('200 ok');
    const text = server.text();
    let at = text.indexOf('\r\n\r\n') + 4;
    const parts: string[] = [];
    for (let size = -1; size !== 0;) {
      const end = text.indexOf('\r\n', at);
      size = Number.parseInt(text.slice(at, end), 16);
      parts.push(text.slice(end + 2, end + 2 + size));
      at = end + 4 + size;
    }
    expect([sha256(Buffer.from(parts.join(''), 'latin1')), at]).toEqual([sha256(body), text.length]);

    const sized = await taking(/$/, '');
    const second = ask(poolOf(sized.url), {
      method: 'POST',
      fields: ['Content-Length', String(body.length)],
      body: stream(Readable.from(pieces())),
    });
    await until(() => second.log.includes('whole') && sized.text().endsWith(body.subarray(-100).toString('latin1')));
    const came = sized.text();
    expect(sha256(Buffer.from(came.slice(came.indexOf('\r\n\r\n') + 4), 'latin1'))).toBe(sha256(body));
  });

  test('keeps its head back until its first byte, so that nothing is sent of one that never begins', async () => {
    const server = await taking(END, OK);
    const source = new PassThrough();
    const call = ask(poolOf(server.url), { method: 'POST', body: stream(source) });
    await until(() => call.log.includes('begun') && server.count() === 1);
    source.destroy(new Error('the caller left'));
    expect([await call.told(), call.log, server.bytes()]).toEqual(['the caller left', ['begun', 'failed'], 0]);
    await until(() => server.sockets.size === 0);
  });

  test('is read no further than its server takes it', async () => {
    let holding: Socket | null = null;
    const server = await taking(END, OK, (socket) => {
      holding = socket;
      socket.pause();
    });
    let read = 0;
    const piece = noise(64 * 1024);
    const source = new Readable({
      read() {
        read += piece.length;
        this.push(read > 64 * 1024 * 1024 ? null : piece);
      },
    });
    const pool = poolOf(server.url, { headMs: 60_000 });
    const call = ask(pool, { method: 'POST', body: stream(source) });
    let last = -1;
    await until(() => {
      const still = read === last && read > 0;
      last = read;
      return still && source.isPaused();
    });
    // What the kernel takes, and no more.
    expect(read).toBeLessThan(16 * 1024 * 1024);
    (holding as Socket | null)?.resume();
    expect(await call.told()).toBe('200 ok');
    expect(server.bytes()).toBeGreaterThan(64 * 1024 * 1024);
  });

  test('has its server take it in time', async () => {
    const server = await taking(END, OK, (socket) => socket.pause());
    const source = Readable.from(
      (function* (): Generator<Buffer> {
        for (;;) yield noise(64 * 1024);
      })(),
    );
    const call = ask(poolOf(server.url, { headMs: 200 }), { method: 'POST', body: stream(source) });
    expect(await call.told()).toBe('late-head');
    await until(() => source.destroyed);
  });

  test.each([
    ['fails', (source: PassThrough) => source.destroy(new Error('broken')), [], 'broken'],
    ['is there no more', (source: PassThrough) => source.destroy(), [], 'unsendable'],
    ['ends early', (source: PassThrough) => source.end(), ['Content-Length', '9'], 'unsendable'],
    ['has too much', (source: PassThrough) => source.end('beyond it'), ['Content-Length', '9'], 'unsendable'],
  ])(
    'that %s is no whole request to its server, and its connection carries no other',
    async (_what, spoil, fields, told) => {
      const server = await taking(END, OK);
      const source = new PassThrough();
      source.write('some');
      const pool = poolOf(server.url, { connections: 1 });
      const call = ask(pool, { method: 'POST', fields, body: stream(source) });
      await until(() => server.text().endsWith('some') || server.text().endsWith('some\r\n'));
      spoil(source);
      expect([await call.told(), call.ends.length]).toEqual([told, 1]);
      await until(() => server.sockets.size === 0);
      expect(server.text()).not.toMatch(END);
      expect(server.text()).not.toContain('beyond');
      expect(call.log.slice(0, 2)).toEqual(['begun', 'sent']);
    },
  );

  test.each([
    ['and goes on reading', OK],
    ['and closes', OK.replace('\r\n', '\r\nConnection: close\r\n')],
  ])(
    'whose server answers before its end %s, is let go, and its connection carries no other',
    async (_what, answer) => {
      const server = await taking(/some/, answer);
      const source = new PassThrough();
      source.write('some');
      const pool = poolOf(server.url, { connections: 1 });
      const call = ask(pool, { method: 'POST', body: stream(source) });
      expect([await call.told(), call.log.includes('whole')]).toEqual(['200 ok', false]);
      await until(() => source.destroyed && server.sockets.size === 0);
      const next = ask(pool, { method: 'POST', body: whole('some') });
      expect([await next.told(), next.reused]).toEqual(['200 ok', false]);
    },
  );

  test('that is answered before a byte of it has gone, has sent nothing', async () => {
    const server = await taking(/never/, '', (socket) => socket.write(OK));
    const source = new PassThrough();
    const call = ask(poolOf(server.url), { method: 'POST', body: stream(source) });
    expect([await call.told(), call.log.includes('sent')]).toEqual(['200 ok', false]);
    await until(() => source.destroyed);
    expect(server.bytes()).toBe(0);
  });

  test('gives its connection back only when its server has taken it', async () => {
    const server = await taking(/$/, OK, (socket) => socket.once('data', () => socket.pause()));
    const pool = poolOf(server.url, { connections: 1 });
    const call = ask(pool, { method: 'POST', body: { kind: 'whole', bytes: noise(30_000_000) } });
    const next = ask(pool, { method: 'POST', body: whole('x') });
    expect([await call.told(), call.log.includes('whole')]).toEqual(['200 ok', true]);
    expect([await next.told(), next.reused]).toEqual(['200 ok', false]);
  });
});
