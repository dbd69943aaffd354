import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ask, poolOf, Probe } from './calls.ts';
import { certify } from './certificate.ts';
import { rawUpstream, until } from './front.ts';

// Connections that come about late, or not at all: TLS lets a test decide which of them, and when. Whom it trusts is not asked here
// (`wiretls.e2e.test.ts` does).

const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
beforeAll(() => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
});
afterAll(() => {
  if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
});

/** A TLS server that answers each head with its path, `/hold` excepted. */
async function secure(): Promise<{ readonly port: number; readonly url: string }> {
  const server = createTlsServer(certify('127.0.0.1'), (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const path = chunk.toString('latin1').split(' ')[1] ?? '';
      if (path !== '/hold') socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    });
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `https://127.0.0.1:${port}` };
}

/** Stands before a TLS server, and lets a connection through when it is told to. */
async function door(
  to: number,
): Promise<{ readonly url: string; readonly came: Socket[]; readonly open: (at: number) => void }> {
  const came: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined).pause();
    came.push(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    for (const socket of came) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const open = (at: number): void => {
    const socket = came[at];
    if (socket === undefined) throw new Error(`there is no connection ${at}`);
    const further = connect(to, '127.0.0.1').on('error', () => undefined);
    socket.pipe(further).pipe(socket);
    socket.once('close', () => further.destroy());
    further.once('close', () => socket.destroy());
  };
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, came, open };
}

test('calls go over TLS, several on a connection', async () => {
  const pool = poolOf((await secure()).url);
  expect([await ask(pool, { path: '/a' }).told(), await ask(pool, { method: 'POST', path: '/b' }).told()]).toEqual([
    '200 /a',
    '200 /b',
  ]);
  const third = ask(pool, { path: '/c' });
  expect([await third.told(), third.reused]).toEqual(['200 /c', true]);
});

describe('a connection that does not come about', () => {
  test('in time, or as TLS, is told so', async () => {
    const silent = await rawUpstream(() => undefined);
    const pool = poolOf(silent.url.replace('http:', 'https:'), { connectMs: 300, connections: 2 });
    const calls = [1, 2, 3, 4].map(() => ask(pool));
    expect(new Set(await Promise.all(calls.map((call) => call.told())))).toEqual(new Set(['unopened-late']));
    // Its two places, one after the other.
    expect(silent.count()).toBe(4);
    const plain = await rawUpstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await ask(poolOf(plain.url.replace('http:', 'https:'))).told()).toBe('unopened');
  });

  test('leaves nobody waiting: who was served by another has left his own to who is still there', async () => {
    const { url, came, open } = await door((await secure()).port);
    const pool = poolOf(url, { connections: 3 });
    const first = ask(pool, { path: '/hold' });
    const second = ask(pool, { path: '/second' });
    await until(() => came.length === 2);
    // The one that was opened for the second comes first, and goes to the first, which keeps it.
    open(1);
    await until(() => first.log.includes('whole'));
    came[0]?.destroy();
    expect([await second.told(), first.ends.length]).toEqual(['unopened', 0]);
  });

  test('is nothing to a call that has been served, nor to one that waits anew', async () => {
    const { url, came, open } = await door((await secure()).port);
    const pool = poolOf(url, { connections: 2 });
    const one = ask(pool, { path: '/one' });
    const again = new Probe({ path: '/again' });
    pool.dispatch(again);
    await until(() => came.length === 2);
    // It leaves, and comes back: what is opened for it now is another.
    pool.cancel(again);
    pool.dispatch(again);
    came[1]?.destroy();
    await until(() => came.length === 3);
    expect([one.log, again.log]).toEqual([[], []]);
    open(0);
    open(2);
    expect([await one.told(), await again.told()]).toEqual(['200 /one', '200 /again']);
  });

  test('takes no place for ever', async () => {
    const { url, came, open } = await door((await secure()).port);
    const pool = poolOf(url, { connections: 1 });
    const calls = [1, 2, 3].map((at) => ask(pool, { path: `/${at}`, fresh: at === 2 }));
    for (let at = 0; at < 2; at += 1) {
      await until(() => came.length === at + 1);
      came[at]?.destroy();
    }
    await until(() => came.length === 3);
    open(2);
    expect(await Promise.all(calls.map((call) => call.told()))).toEqual(['unopened', 'unopened', '200 /3']);
  });
});
