import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { ask, onHeads, poolOf, Probe, stream, whole } from './calls.ts';
import { noise, rawUpstream, until } from './front.ts';

// One request and its answer on one connection: what is told in which order, and whether the connection is used again.

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A server that gets whole heads, and says what it likes. `turn` counts them on their connection, which are counted too. */
async function answering(
  onHead: (
    socket: Socket,
    asked: { readonly path: string; readonly turn: number; readonly connection: number },
  ) => void,
): ReturnType<typeof rawUpstream> {
  let connections = 0;
  return rawUpstream((socket) => {
    const connection = connections++;
    let turn = 0;
    onHeads(socket, (path) => onHead(socket, { path, turn: turn++, connection }));
  });
}

describe('a connection is used again', () => {
  test('for thousands of calls, with no more listeners than at first', async () => {
    const server = await answering((socket) => socket.write(OK));
    const pool = poolOf(server.url, { connections: 1 });
    await ask(pool).end;
    const sockets = (): Socket[] => (Reflect.get(process, '_getActiveHandles') as () => Socket[]).call(process);
    const ours = sockets().find(({ remotePort }) => remotePort === server.port);
    const listeners = (): unknown => ours?.eventNames().map((name) => [name, ours.listenerCount(name)]);
    const before = listeners();
    for (let round = 0; round < 2_000; round += 1)
      await ask(pool, round % 3 === 0 ? { method: 'POST', body: whole('some') } : {}).end;
    for (let round = 0; round < 100; round += 1) {
      const source = new PassThrough();
      source.end('some');
      const fields = ['Content-Length', '4'];
      expect(await ask(pool, { method: 'POST', fields, body: stream(source) }).told()).toBe('200 ok');
    }
    expect([listeners(), server.count()]).toEqual([before, 1]);
  });

  test.each([
    ['HTTP/1.0 that keeps it', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok', true],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', false],
    ['one that says close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', false],
    ['one that says both', 'HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok', false],
    ['one with chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', true],
    ['one with bytes behind it', `${OK}\r\n`, false],
    ['one that keeps it for no time', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok', false],
  ])('or not, after an answer of %s', async (_what, answer, again) => {
    const server = await answering((socket) => socket.write(answer));
    const pool = poolOf(server.url);
    expect(await ask(pool).told()).toBe('200 ok');
    const second = ask(pool);
    expect([await second.told(), second.reused, server.count()]).toEqual(['200 ok', again, again ? 1 : 2]);
    await until(() => server.sockets.size === (again ? 1 : 0));
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 38'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 38'],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 38'],
  ])('not after an answer to %s that announces a body it must not have: %s', async (method, head) => {
    const sockets: Socket[] = [];
    const server = await answering((socket, { path }) => {
      if (path !== '/odd') return void socket.write(OK);
      sockets.push(socket);
      socket.write(`${head}\r\n\r\n`);
    });
    const pool = poolOf(server.url, { connections: 1 });
    // Its server sends it all the same, a moment later: to the next caller it would be an answer.
    const sendIt = (): void =>
      sockets.forEach((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const odd = ask(pool, { method, path: '/odd', safe: true, onEnd: sendIt });
    const next = ask(pool, { path: '/next' });
    expect([(await odd.told()).slice(3), await next.told(), next.reused]).toEqual([' ', '200 ok', false]);
  });

  test('not when bytes have come that nobody asked for', async () => {
    const server = await answering((socket, { connection }) =>
      socket.write(OK, () => connection === 0 && setImmediate(() => socket.write(OK))),
    );
    const pool = poolOf(server.url);
    await ask(pool).end;
    await until(() => server.sockets.size === 0);
    const next = ask(pool);
    expect([await next.told(), next.reused]).toEqual(['200 ok', false]);
  });

  test('by a write that waited for it only when its server has not closed it behind the answer', async () => {
    const server = await answering((socket, { turn }) => (turn === 0 ? socket.end(OK) : socket.destroy()));
    const pool = poolOf(server.url, { connections: 1 });
    const first = ask(pool);
    const writes = [1, 2, 3].map(() => ask(pool, { method: 'POST', body: whole('x') }));
    expect(await first.told()).toBe('200 ok');
    expect(await Promise.all(writes.map((call) => call.told()))).toEqual(['200 ok', '200 ok', '200 ok']);
    expect(writes.map(({ reused }) => reused)).toEqual([false, false, false]);
  });
});

describe('a call is told', () => {
  test('of everything in its order, hints too, and once of its end', async () => {
    const server = await answering((socket) =>
      socket.write(
        `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n`,
      ),
    );
    const call = ask(poolOf(server.url));
    expect(await call.end).toEqual({ kind: 'done', trailers: ['A', 'b'] });
    expect(call.log).toEqual(['begun', 'whole', 'started', 103, 200, 'data', 'done']);
  });

  test.each([
    ['no answer of HTTP', 'SSH-2.0-OpenSSH\r\n', 'garbled'],
    [
      'another protocol, which it did not ask for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello',
      'garbled',
    ],
    ['a head that is too long', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(90_000)}`, 'garbled'],
    ['a broken chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n', 'garbled'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-', 'closed'],
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok', 'closed'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok', 'closed'],
    ['nothing', '', 'closed'],
  ])('when what came and ended was %s', async (_what, answer, trouble) => {
    for (const reset of [false, true]) {
      const server = await answering((socket) =>
        socket.write(answer, () => (reset ? socket.resetAndDestroy() : socket.end())),
      );
      const call = ask(poolOf(server.url));
      const told = await call.told();
      // A reset may overtake what was sent before it.
      expect(reset ? [trouble, 'closed'] : [trouble]).toContain(told);
      expect(call.ends).toHaveLength(1);
      await until(() => server.sockets.size === 0);
    }
  });

  test('when no head comes in time, and has as much time again behind each hint', async () => {
    const server = await answering((socket, { path }) => {
      if (path !== '/hint') return;
      const hints = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 50);
      void silent.end.then(() => {
        clearInterval(hints);
        socket.write(OK);
      });
    });
    const pool = poolOf(server.url, { headMs: 1_000 });
    const hinted = ask(pool, { path: '/hint' });
    const silent: Probe = ask(pool, { path: '/silent' });
    expect([await silent.told(), await hinted.told()]).toEqual(['late-head', '200 ok']);
  });

  test('when a body stops coming, and not while it is itself that does not read on', async () => {
    const body = noise(4_000_000);
    const server = await answering((socket, { path }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(path === '/all' ? body : 'x');
    });
    const pool = poolOf(server.url, { bodyMs: 100 });
    const slow = new Probe({ path: '/all' });
    slow.enough = 1;
    pool.dispatch(slow);
    await until(() => slow.bytes > 0);
    expect(await ask(pool).told()).toBe('late-body');
    expect([slow.ends.length, slow.bytes < 200_000]).toEqual([0, true]);
    slow.enough = Infinity;
    slow.link?.resume();
    await slow.end;
    expect(Buffer.concat(slow.parts).equals(body)).toBe(true);
  });

  test.each(['an end', 'a reset'])('of %s behind what it has not read yet', async (how) => {
    const body = noise(30_000);
    const server = await answering((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${how === 'an end' ? '' : 'Content-Length: 30001\r\n'}\r\n`);
      socket.write(body, () => (how === 'an end' ? socket.end() : socket.resetAndDestroy()));
    });
    const pool = poolOf(server.url);
    const slow = new Probe();
    slow.enough = 1;
    pool.dispatch(slow);
    await until(() => slow.bytes > 0 && (how === 'an end' || server.sockets.size === 0));
    slow.enough = Infinity;
    slow.link?.resume();
    expect((await slow.end).kind).toBe(how === 'an end' ? 'done' : 'failed');
    // A reset may throw away what had come.
    expect(how === 'a reset' || Buffer.concat(slow.parts).equals(body)).toBe(true);
  });

  test('of its own mistake, which the next call on the connection has no part in', async () => {
    const server = await answering((socket) => socket.write(OK));
    const pool = poolOf(server.url, { connections: 1 });
    const calls = ['head', 'data', 'done'].map((when) => {
      const call = new Probe({ path: `/${when}` });
      const throws = (): never => {
        throw new Error(`mistake at ${when}`);
      };
      Object.defineProperty(call, when, { value: throws });
      pool.dispatch(call);
      return call;
    });
    const next = ask(pool);
    expect(await Promise.all(calls.map((call) => call.told()))).toEqual([
      'mistake at head',
      'mistake at data',
      'mistake at done',
    ]);
    expect([await next.told(), next.reused]).toEqual(['200 ok', true]);
  });

  test('that it has been given up, once, at every step', async () => {
    const server = await answering((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok'));
    for (const step of ['begun', 'whole', 'data']) {
      const pool = poolOf(server.url);
      const call = ask(pool);
      await until(() => call.log.includes(step));
      call.link?.abort(new Error('given up'));
      call.link?.abort(new Error('and again'));
      expect([await call.told(), call.ends.length]).toEqual(['given up', 1]);
      await until(() => server.sockets.size === 0);
    }
  });
});
