import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ask, front, rawUpstream, say, until, upstream, wire } from './front.ts';
import { answersIn } from './strict.ts';

// Upstreams that answer what is no answer, two answers, or no end of one: their caller gets one answer, a clean one, or one that
// looks as cut as it is.

const FORWARDERS = ['direct', 'http-proxy'] as const;
const table = (url: string, forwarder: string): string =>
  `version: 1\nforwarder: ${forwarder}\nupstreams: { legacy: { url: "${url}", timeout: { connect: 1s, headers: 600ms, body: 600ms } } }\ndefault: legacy\n`;
const ok = (...lines: string[]): string => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');
const SECOND = 'HTTP/1.1 200 OK\r\nX-Second: 1\r\nContent-Length: 6\r\n\r\nsecond';

const ANSWERS: readonly (readonly [what: string, answer: string])[] = [
  ['a length and chunks', `${ok('Content-Length: 2', 'Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`],
  ['chunks and a length', `${ok('Transfer-Encoding: chunked', 'Content-Length: 2')}2\r\nok\r\n0\r\n\r\n`],
  ['two lengths that differ', `${ok('Content-Length: 2', 'Content-Length: 3')}oky`],
  ['two lengths that agree', `${ok('Content-Length: 2', 'Content-Length: 2')}ok`],
  ['a list of lengths', `${ok('Content-Length: 2, 2')}ok`],
  ['a length that is none', `${ok('Content-Length: two')}ok`],
  ['a length beyond 2^64', `${ok('Content-Length: 99999999999999999999')}ok`],
  ['a coding that is none', `${ok('Transfer-Encoding: xchunked')}2\r\nok\r\n0\r\n\r\n`],
  ['another coding', `${ok('Transfer-Encoding: gzip')}ok`],
  ['two codings', `${ok('Transfer-Encoding: gzip, chunked')}2\r\nok\r\n0\r\n\r\n`],
  ['chunked twice', `${ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['a bare line feed behind a field', 'HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok'],
  ['a bare CR in a value', `${ok('X: y\rSet-Cookie: a=b', 'Content-Length: 2')}ok`],
  ['a bare CR in the reason', 'HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok'],
  ['a NUL in a value', `${ok('X: y\0z', 'Content-Length: 2')}ok`],
  ['a NUL in a name', `${ok('X\0: y', 'Content-Length: 2')}ok`],
  ['a control character in a value', `${ok('X: y\x01', 'Content-Length: 2')}ok`],
  ['a control character in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok'],
  ['a folded line', `${ok('X: y', ' z', 'Content-Length: 2')}ok`],
  ['a space before the colon', `${ok('X : y', 'Content-Length: 2')}ok`],
  ['no colon', `${ok('X', 'Content-Length: 2')}ok`],
  ['no name', `${ok(': y', 'Content-Length: 2')}ok`],
  ['a name with a space', `${ok('X Y: z', 'Content-Length: 2')}ok`],
  ['no status', 'HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['a status of 000', 'HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['a status of 999', 'HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'],
  ['another version', 'HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['another protocol', 'ICY 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no head', 'ok'],
  ['empty lines first', `\r\n\r\n${ok('Content-Length: 2')}ok`],
  ['a second answer behind the first', `${ok('Content-Length: 2')}ok${SECOND}`],
  ['a second answer behind chunks', `${ok('Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n${SECOND}`],
  ['a body behind a 204', `HTTP/1.1 204 No Content\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`],
  ['chunks behind a 204', `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ['a body behind a 304', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`],
  [
    'an upgrade that nobody asked for',
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n${SECOND}`,
  ],
  ['a 101 without a protocol', `HTTP/1.1 101 Switching Protocols\r\n\r\n${SECOND}`],
  ['an interim answer with a length', `HTTP/1.1 103 Early Hints\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`],
  [
    'an interim answer with chunks',
    `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${SECOND}`,
  ],
  ['a chunk size that is none', `${ok('Transfer-Encoding: chunked')}zz\r\nok\r\n0\r\n\r\n`],
  ['a chunk size with a bare line feed', `${ok('Transfer-Encoding: chunked')}2\nok\r\n0\r\n\r\n`],
  ['a chunk longer than it says', `${ok('Transfer-Encoding: chunked')}2\r\nokay\r\n0\r\n\r\n`],
  [
    'a trailer that is a length',
    `${ok('Transfer-Encoding: chunked', 'Trailer: Content-Length')}2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n`,
  ],
  [
    'a trailer that is a coding',
    `${ok('Transfer-Encoding: chunked')}2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ],
  [
    'a trailer that is a cookie',
    `${ok('Transfer-Encoding: chunked', 'Trailer: Set-Cookie')}2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n`,
  ],
  ['a trailer with a NUL', `${ok('Transfer-Encoding: chunked', 'Trailer: X')}2\r\nok\r\n0\r\nX: \0\r\n\r\n`],
  [
    'bytes beyond ASCII everywhere',
    `HTTP/1.1 200 \xe5\x98\x8d\xe5\x98\x8a\r\nX: \xe5\x98\x8d\xe5\x98\x8aSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok`,
  ],
  [
    'fields of the facade',
    `${ok('X-Request-Id: mine', 'Banyan-Served-By: me', 'Banyan_Because: x', 'Content-Length: 2')}ok`,
  ],
  [
    'a connection to be kept and closed',
    `${ok('Connection: keep-alive, close, Content-Length', 'Content-Length: 2')}ok`,
  ],
];

describe.each(FORWARDERS)('through %s, one answer and no other comes of', (forwarder) => {
  test.each(ANSWERS)('%s', async (_what, answer) => {
    const bytes = Buffer.from(answer, 'latin1');
    let single = false;
    const legacy = await rawUpstream((socket) =>
      socket.once('data', () => {
        if (!single) return void socket.end(bytes);
        void (async () => {
          for (const byte of bytes) {
            if (socket.destroyed) return;
            socket.write(Buffer.of(byte));
            await new Promise(setImmediate);
          }
          socket.end();
        })();
      }),
    );
    const gate = await front(table(legacy.url, forwarder));
    for (single of [false, true]) {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nok' : '\r\n';
        const text = await say(gate.port, `${method} /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${body}`);
        const finals = answersIn(text, [method]).filter(({ status }) => status >= 200);
        expect(finals).toHaveLength(text === '' ? 0 : 1);
        for (const { status, fields, body: told, whole } of finals) {
          const of = (name: string): string[] => fields.filter(([own]) => own === name).map(([, value]) => value);
          expect(fields.filter(([name]) => name === 'set-cookie')).toEqual([]);
          // What the upstream said, its framing undone and done anew, or cut; or what the facade says.
          expect(of('x-request-id')).toHaveLength(1);
          expect(of('banyan-served-by')).toEqual([status === 502 ? 'none' : 'legacy']);
          expect(status === 502 || !whole || answer.includes(told)).toBe(true);
        }
        await until(async () => (await gate.outstanding()) === 0);
      }
    }
    // The facade lives, and its pool does.
    expect(await gate.ended()).toBe(6);
    await until(() => legacy.sockets.size === 0);
  });

  test('200 MB of fields: it breaks off at their limit', async () => {
    const line = Buffer.from(`X: ${'y'.repeat(1_000)}\r\n`);
    let written = 0;
    const legacy = await rawUpstream((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const more = (): void => {
          while (!socket.destroyed && written < 200e6) {
            written += line.length;
            if (!socket.write(line)) return void socket.once('drain', more);
          }
        };
        more();
      }),
    );
    const gate = await front(table(legacy.url, forwarder));
    expect((await ask(`${gate.url}/a`)).status).toBe(502);
    await until(() => legacy.sockets.size === 0);
    // What the kernel's buffers take beside the 64 KiB.
    expect(written).toBeLessThan(20e6);
  });

  test('a flood of interim answers: it ends in time, however long the flood goes on', async () => {
    const flood = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100));
    const legacy = await rawUpstream((socket) =>
      socket.once('data', () => {
        const more = (): void => {
          while (!socket.destroyed)
            if (!socket.write(flood)) return void socket.once('drain', () => setImmediate(more));
        };
        more();
      }),
    );
    const gate = await front(table(legacy.url, forwarder));
    const text = await say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const told = answersIn(text);
    expect(told.at(-1)?.status).toBeGreaterThanOrEqual(502);
    expect(told.length).toBeLessThan(100);
    await until(() => legacy.sockets.size === 0);
  });

  test.each([1, 70, 1_000])('%d interim answers and then a real one: that one', async (count) => {
    const legacy = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.end(`${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(count)}${ok('Content-Length: 2')}ok`),
      ),
    );
    const gate = await front(table(legacy.url, forwarder));
    const told = answersIn(await say(gate.port, 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
    expect(told.filter(({ status }) => status >= 200)).toMatchObject([{ status: 200, body: 'ok', whole: true }]);
  });

  test('an interim answer to a pipelined request never gets into the answers before it, or into its own', async () => {
    const legacy = await upstream((req, res) => {
      res.writeEarlyHints({ link: '</a>' });
      if (req.url === '/slow') void until(() => legacy.seen.length === 3).then(() => res.end('slow'));
      else req.resume().once('end', () => res.end('fast'));
    });
    const gate = await front(table(legacy.url, forwarder));
    const text = await say(
      gate.port,
      'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' +
        'POST /b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok' +
        'GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(answersIn(text).filter(({ status }) => status >= 200)).toMatchObject([
      { status: 200, body: 'slow', whole: true },
      { status: 200, body: 'fast', whole: true },
      { status: 200, body: 'fast', whole: true },
    ]);
  });

  test('what follows an answer on its connection is never the answer to another caller', async () => {
    let connections = 0;
    const legacy = await rawUpstream((socket) => {
      connections += 1;
      socket.on('data', (chunk: Buffer) => {
        const id = /\/(\d+) /.exec(chunk.toString())?.[1] ?? '';
        socket.write(`${ok(`Content-Length: ${id.length}`)}${id}${SECOND}`);
      });
    });
    const gate = await front(table(legacy.url, forwarder));
    for (let id = 100; id < 120; id += 1) {
      const { status, body, headers } = await ask(`${gate.url}/${id}`);
      expect([status, body.toString(), headers['x-second']]).toEqual([200, String(id), undefined]);
    }
    expect(connections).toBeGreaterThan(1);
  });
});

describe('an upgrade is answered once, and cleanly, by', () => {
  const UPGRADE = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

  test.each(ANSWERS.filter(([, answer]) => !answer.includes(' 101 ')))('%s', async (_what, answer) => {
    const legacy = await rawUpstream((socket: Socket) =>
      socket.once('data', () => socket.end(Buffer.from(answer, 'latin1'))),
    );
    const gate = await front(table(legacy.url, 'direct'));
    const told = answersIn(await say(gate.port, UPGRADE)).filter(({ status }) => status >= 200);
    expect(told.length).toBeLessThanOrEqual(1);
    expect(told.flatMap(({ fields }) => fields).filter(([name]) => name === 'set-cookie')).toEqual([]);
    await until(async () => (await gate.ended()) === 1 && (await gate.outstanding()) === 0);
  });

  test.each([
    ['a field with a bare CR', 'HTTP/1.1 101 Up\r\nConnection: Upgrade\r\nUpgrade: x\r\nX: y\rSet-Cookie: a=b\r\n\r\n'],
    ['a field with a NUL', 'HTTP/1.1 101 Up\r\nConnection: Upgrade\r\nUpgrade: x\r\nX: \0\r\n\r\n'],
    ['bare line feeds', 'HTTP/1.1 101 Up\nConnection: Upgrade\nUpgrade: x\n\n'],
  ])('an agreement with %s: 502', async (_what, answer) => {
    const legacy = await rawUpstream((socket: Socket) => socket.once('data', () => socket.write(answer)));
    const gate = await front(table(legacy.url, 'direct'));
    expect(answersIn(await say(gate.port, UPGRADE))).toMatchObject([{ status: 502, whole: true }]);
  });

  test('an agreement with a length beside it: what follows are the bytes of the other protocol', async () => {
    const legacy = await rawUpstream((socket: Socket) =>
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 101 Up\r\nConnection: Upgrade, X-Hop\r\nUpgrade: x\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nbytes',
        ),
      ),
    );
    const gate = await front(table(legacy.url, 'direct'));
    const client = await wire(gate.port);
    client.send(UPGRADE);
    const text = await client.sees(/bytes$/);
    expect(text).not.toMatch(/x-hop|content-length/i);
    client.socket.destroy();
  });
});
