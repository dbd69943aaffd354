import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WireError } from '@banyan/gateway/wire/call';
import { ask, onHeads, poolOf, Probe } from './calls.ts';
import { nobody, rawUpstream, until } from './front.ts';

// Which call gets which connection, when, and what becomes of those that get none.

const answer = (text: string, ...fields: string[]): string =>
  ['HTTP/1.1 200 OK', `Content-Length: ${text.length}`, ...fields, '', text].join('\r\n');

interface Arrived {
  readonly path: string;
  readonly socket: Socket;
  /** Of the connection: the first is 0. */
  readonly connection: number;
  answer(text?: string, ...fields: string[]): void;
}

/** A server whose answers the test gives; requests without bodies. */
async function scripted(onRequest: (arrived: Arrived) => void = () => undefined): Promise<{
  readonly url: string;
  readonly port: number;
  readonly arrived: Arrived[];
  readonly sockets: ReadonlySet<Socket>;
  readonly count: () => number;
  /** Most connections at once, counted at our ends: that one has closed is heard here behind the next one. */
  readonly most: () => number;
}> {
  const arrived: Arrived[] = [];
  let most = 0;
  let connections = 0;
  const server = await rawUpstream((socket) => {
    const connection = connections;
    connections += 1;
    most = Math.max(most, clientsOf(socket.localPort).length);
    onHeads(socket, (path) => {
      const one: Arrived = {
        path,
        socket,
        connection,
        answer: (body = path, ...fields) => void socket.write(answer(body, ...fields)),
      };
      arrived.push(one);
      onRequest(one);
    });
  });
  return { ...server, arrived, most: () => most };
}

const paths = ({ arrived }: { readonly arrived: readonly Arrived[] }): string[] => arrived.map(({ path }) => path);

/** Our ends of the connections to `port` of this machine that are open, or being opened (to there, since nobody else is asked). */
function clientsOf(port: number | undefined): Socket[] {
  const handles = Reflect.get(process, '_getActiveHandles') as () => unknown[];
  const ours = (one: unknown): one is Socket =>
    one instanceof Socket && (one.connecting || one.remotePort === port) && !one.destroyed;
  return handles.call(process).filter(ours);
}

describe('a pool', () => {
  test('has as many connections as it may, and serves in their order those that wait', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 2 });
    const calls = Array.from({ length: 7 }, (_, at) => ask(pool, { path: `/${at}` }));
    for (let at = 0; at < calls.length; at += 1) {
      await until(() => server.arrived.length > at);
      server.arrived[at]?.answer();
    }
    expect(await Promise.all(calls.map((call) => call.told()))).toEqual(calls.map(({ path }) => `200 ${path}`));
    expect(paths(server)).toEqual(calls.map(({ path }) => path));
    expect(server.most()).toBe(2);
  });

  test('uses the connection used last, so that those that are not needed expire', async () => {
    const server = await scripted();
    const pool = poolOf(server.url);
    const first = [ask(pool), ask(pool)];
    await until(() => server.arrived.length === 2);
    for (const one of server.arrived.splice(0)) {
      one.answer();
      await until(() => first.filter(({ ends }) => ends.length > 0).length > one.connection);
    }
    for (let at = 0; at < 3; at += 1) {
      const call = ask(pool);
      await until(() => server.arrived.length > at);
      server.arrived[at]?.answer();
      await call.end;
      expect(call.reused).toBe(true);
    }
    expect(server.arrived.map(({ connection }) => connection)).toEqual([1, 1, 1]);
  });

  test('opens a connection for who wants one that has carried nothing, in the place of an idle one where there is no other', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url, { connections: 2 });
    await Promise.all([ask(pool).end, ask(pool).end]);
    const fresh = ask(pool, { fresh: true });
    expect(await fresh.told()).toBe('200 /');
    expect([fresh.reused, server.count(), server.most()]).toEqual([false, 3, 2]);
  });

  test('opens none for it while all are busy, and does not have it overtaken', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 1 });
    ask(pool, { path: '/a' });
    const fresh = ask(pool, { path: '/fresh', fresh: true });
    const behind = ask(pool, { path: '/behind' });
    await until(() => server.arrived.length === 1);
    server.arrived[0]?.answer();
    await until(() => server.arrived.length === 2);
    expect(server.arrived[1]).toMatchObject({ path: '/fresh', connection: 1 });
    server.arrived[1]?.answer();
    await until(() => server.arrived.length === 3);
    server.arrived[2]?.answer();
    expect([await fresh.told(), await behind.told(), server.most(), server.count()]).toEqual([
      '200 /fresh',
      '200 /behind',
      1,
      2,
    ]);
  });

  test('sends nothing that was cancelled while it waited, and serves the next', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 1 });
    ask(pool, { path: '/a' });
    const gone = ask(pool, { path: '/gone' });
    const next = ask(pool, { path: '/next' });
    await until(() => server.arrived.length === 1);
    pool.cancel(gone);
    server.arrived[0]?.answer();
    await until(() => server.arrived.length === 2);
    server.arrived[1]?.answer();
    expect([await next.told(), paths(server), gone.log]).toEqual(['200 /next', ['/a', '/next'], []]);
  });

  test('sends no write that was cancelled in the turn of its dispatch, nor while those before it are placed', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url);
    const once = ask(pool, { method: 'POST', path: '/once' });
    pool.cancel(once);
    // The first cannot be sent, which is told while the writes of this turn are placed.
    await Promise.all([ask(pool).end, ask(pool).end]);
    const second = new Probe({ method: 'POST', path: '/second' });
    const bad = new Probe({ method: 'P ST', path: '/bad', safe: false, onEnd: () => void pool.cancel(second) });
    pool.dispatch(bad);
    pool.dispatch(second);
    expect(await bad.told()).toBe('unsendable');
    expect(await ask(pool, { method: 'POST', path: '/third' }).told()).toBe('200 /third');
    expect([paths(server), once.log, second.log]).toEqual([['/', '/', '/third'], [], []]);
  });

  test('tells who waits for too long that no connection became free, and keeps his place for nobody', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 1, connectMs: 50, headMs: 250, bodyMs: 10_000 });
    const busy = ask(pool, { path: '/busy' });
    await until(() => server.arrived.length === 1);
    server.arrived[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no');
    const late = ask(pool, { path: '/late' });
    expect(await late.told()).toBe('busy');
    server.arrived[0]?.socket.write('k');
    expect([await busy.told(), late.ends.length, paths(server)]).toEqual(['200 ok', 1, ['/busy']]);
  });

  test('closes a connection that nobody has used for as long as it is kept, and stops looking', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url, { idleMs: 100 });
    await ask(pool).end;
    await until(() => server.sockets.size === 0);
    expect(await ask(pool).told()).toBe('200 /');
    expect(server.count()).toBe(2);
  });

  test('closes one that was opened for a call which did not need it any more, too', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url, { idleMs: 100 });
    const gone = ask(pool);
    // Its connection is on its way by now.
    pool.cancel(gone);
    await until(() => server.count() === 1);
    await until(() => server.sockets.size === 0);
    expect(gone.log).toEqual([]);
  });

  test('takes one that has waited for a call for one that its server may have closed', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url);
    pool.cancel(ask(pool));
    await until(() => clientsOf(server.port).length === 1 && server.count() === 1);
    await new Promise(setImmediate);
    const call = ask(pool);
    expect([await call.told(), call.reused, server.count()]).toEqual(['200 /', true, 1]);
  });

  test('keeps a connection for as long as its server says, less a margin, and otherwise for as long as it likes', async () => {
    const hints = new Map([
      ['/short', ['Keep-Alive: timeout=2']],
      ['/long', ['Keep-Alive: timeout=600']],
    ]);
    const server = await scripted((one) => one.answer('', ...(hints.get(one.path) ?? [])));
    const pool = poolOf(server.url, { idleMs: 50 });
    await ask(pool, { path: '/short' }).end;
    await until(() => server.sockets.size === 0);
    const long = ask(pool, { path: '/long' });
    await long.end;
    // Another, without a word from its server, goes in the meantime.
    await ask(poolOf(server.url, { idleMs: 50 }), { path: '/other' }).end;
    await until(() => server.sockets.size === 1);
    const again = ask(pool, { path: '/again' });
    await again.end;
    expect([long.reused, again.reused, server.count()]).toEqual([false, true, 3]);
  });
});

describe('a pool whose upstream is not there', () => {
  test('tells each call once, tries once for each, and no more', async () => {
    const pool = poolOf(await nobody(), { connections: 3 });
    const calls = Array.from({ length: 200 }, (_, at) =>
      ask(pool, at % 3 === 0 ? { method: 'POST' } : { fresh: at % 5 === 0 }),
    );
    expect(new Set(await Promise.all(calls.map((call) => call.told())))).toEqual(new Set(['unopened']));
    expect(calls.every(({ log }) => log.length === 1)).toBe(true);
  });

  test('recovers with it', async () => {
    const server = await scripted((one) => one.socket.resetAndDestroy());
    const pool = poolOf(server.url, { connections: 2 });
    const broken = Array.from({ length: 20 }, () => ask(pool));
    expect(new Set(await Promise.all(broken.map((call) => call.told())))).toEqual(new Set(['closed']));
    server.arrived.length = 0;
    const again = ask(pool, { path: '/again' });
    await again.end;
    expect([server.count(), server.most()]).toEqual([21, 2]);
  });
});

describe('a pool sends no call twice', () => {
  test('when an idle connection turns out dead while it looks for one', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 4 });
    const first = [ask(pool), ask(pool), ask(pool)];
    await until(() => server.arrived.length === 3);
    const last = server.arrived.at(-1)?.socket.remotePort;
    for (const one of server.arrived.splice(0)) {
      one.answer();
      await until(() => first.filter(({ ends }) => ends.length > 0).length > one.connection);
    }
    // The one to be used next is dead, and nobody has been told of it yet.
    clientsOf(server.port)
      .find(({ localPort }) => localPort === last)
      ?.destroy();
    const fresh = ask(pool, { path: '/fresh', fresh: true });
    const once = ask(pool, { path: '/once' });
    await until(() => server.arrived.length >= 2);
    for (const arrived of server.arrived) arrived.answer();
    await Promise.all([fresh.end, once.end]);
    expect(once.log).toEqual(['begun', 'whole', 'started', 200, 'data', 'done']);
  });
});

describe('a pool that closes', () => {
  test('lets those end that are under way and those that wait, and closes each connection behind them', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 1 });
    const calls = [ask(pool, { path: '/a' }), ask(pool, { path: '/b' }), ask(pool, { path: '/c', method: 'POST' })];
    await until(() => server.arrived.length === 1);
    pool.close();
    const late = ask(pool);
    expect(await late.told()).toBe('closed');
    for (let at = 0; at < 3; at += 1) {
      await until(() => server.arrived.length > at);
      server.arrived[at]?.answer();
    }
    expect(await Promise.all(calls.map((call) => call.told()))).toEqual(['200 /a', '200 /b', '200 /c']);
    await until(() => server.sockets.size === 0);
  });

  test('closes idle ones at once', async () => {
    const server = await scripted((one) => one.answer());
    const pool = poolOf(server.url);
    await ask(pool).end;
    pool.close();
    await until(() => server.sockets.size === 0);
    expect(server.count()).toBe(1);
  });

  test('at once ends all, each once, in whatever state it is', async () => {
    const server = await scripted();
    const pool = poolOf(server.url, { connections: 2 });
    const calls = [ask(pool), ask(pool), ask(pool), ask(pool, { fresh: true }), ask(pool, { method: 'POST' })];
    await until(() => server.arrived.length === 2);
    server.arrived[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh');
    await until(() => calls.some(({ parts }) => parts.length > 0));
    calls.push(ask(pool, { method: 'POST' }));
    pool.destroy();
    expect(await Promise.all(calls.map((call) => call.told()))).toEqual(calls.map(() => 'closed'));
    expect(calls.map(({ ends }) => ends.length)).toEqual(calls.map(() => 1));
    await until(() => server.sockets.size === 0);
    const [end] = calls[0]?.ends ?? [];
    expect(end?.kind === 'failed' && end.error instanceof WireError).toBe(true);
  });
});
