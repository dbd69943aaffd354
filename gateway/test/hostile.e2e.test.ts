import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ask, observed, rawUpstream, until } from './front.ts';
import { dice, pick, type Roll } from './soak/dice.ts';
import { startProcess } from './standalone.ts';
import { answersIn, requestIn, type Asked } from './strict.ts';

// Raw bytes: requests that were cut, spliced, repeated and flipped, several on a connection, sent to a facade by each forwarder. What
// arrives behind it is no more than node's own server reads in the same bytes; what comes back are answers to the letter.

const SECONDS = process.env['BANYAN_PROVE'] === 'true' ? 300 : 10;
const SEED = Number(process.env['BANYAN_SEED'] ?? Date.now() % 1_000_000);
const CALLERS = 24;
// No answer for as long, and the caller has heard all that it will; it only bounds how long a connection stays.
const QUIET_MS = 120;
// Longer than all limits of the facade on one request here.
const END_MS = 20_000;

const below = (roll: Roll, limit: number): number => Math.floor(roll() * limit);

/** A request that is one, with a name of its own in its path and its body. */
function request(roll: Roll, id: string): string {
  const last = roll() < 0.2 ? 'Connection: close\r\n' : '';
  const extra = roll() < 0.3 ? `X-A: ${'a'.repeat(below(roll, 40))}\r\nCookie: c=${id}\r\n` : '';
  const host = `Host: ${pick(roll, ['a', 'a.example:80', '[::1]:8080', '127.0.0.1'])}\r\n${extra}${last}`;
  const chunks = `4\r\n${id.slice(0, 4)}\r\n${id.slice(4).length.toString(16)}\r\n${id.slice(4)}\r\n0\r\n\r\n`;
  return pick(roll, [
    () => `GET /q/${id} HTTP/1.1\r\n${host}\r\n`,
    () => `GET /q/${id}?a=b&c=%2F..%00 HTTP/1.1\r\n${host}Accept: */*\r\n\r\n`,
    () => `HEAD /q/${id} HTTP/1.1\r\n${host}\r\n`,
    () => `POST /q/${id} HTTP/1.1\r\n${host}Content-Length: ${id.length}\r\n\r\n${id}`,
    () => `PUT /q/${id} HTTP/1.1\r\nContent-Length: ${id.length}\r\n${host}\r\n${id}`,
    () => `POST /q/${id} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${chunks}`,
    () =>
      `POST /q/${id} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n${host}\r\n${chunks.slice(0, -2)}X-T: 1\r\n\r\n`,
    () => `POST /q/${id} HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: ${id.length}\r\n\r\n${id}`,
    () => `GET http://a/q/${id} HTTP/1.1\r\n${host}\r\n`,
    () => `GET /q/${id} HTTP/1.0\r\n${host}\r\n`,
    () => `GET /q/${id} HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`,
    () =>
      `POST /q/${id} HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: ${id.length}\r\n\r\n${id}`,
    () => `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
    () => `DELETE /soap/${id} HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`,
  ])();
}

const SCRAPS: readonly [string, ...string[]] = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';a=b',
  '\x0b',
  '\xff',
  '\r\n\r\n',
  '\r\n ',
  '0',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'ffffffffffffffff',
  '-1',
  'Host: b\r\n',
  'Host : b\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content_Length: 3\r\n',
  'Content-Length: 5, 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: xchunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Transfer-Encoding:\r\n chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: close\r\n',
  'Connection: content-length, host, x-a\r\n',
  'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  'Expect: else\r\n',
  'X-Forwarded-For: 1.1.1.1\r\n',
  ' HTTP/1.1',
  ' HTTP/1.0',
  ' HTTP/2.0',
  'http://b',
  'GET /q/smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /q/smuggled HTTP/1.1\r\nX: ',
  'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

/** Somewhere; half of the time where a line ends or begins. */
function placeIn(roll: Roll, text: string): number {
  const anywhere = below(roll, text.length + 1);
  if (roll() < 0.5) return anywhere;
  const line = text.indexOf('\r\n', anywhere);
  return line === -1 ? anywhere : line + pick(roll, [0, 2, 2, 1]);
}

function mutate(roll: Roll, text: string): string {
  const at = placeIn(roll, text);
  const to = Math.min(text.length, at + below(roll, roll() < 0.8 ? 12 : 200));
  return pick(roll, [
    () => text.slice(0, at) + pick(roll, SCRAPS) + text.slice(at),
    () => text.slice(0, at) + pick(roll, SCRAPS) + text.slice(at),
    () => text.slice(0, at) + pick(roll, SCRAPS) + text.slice(to),
    () => text.slice(0, at) + text.slice(to),
    () => text.slice(0, to) + text.slice(at),
    () => {
      const flipped = String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << below(roll, 8)));
      return text.slice(0, at) + flipped + text.slice(at + 1);
    },
    () => text.slice(0, at) + text.slice(at, to).replaceAll('\r\n', '\n') + text.slice(to),
    () => {
      const from = placeIn(roll, text);
      return text.slice(0, at) + text.slice(from, from + below(roll, 80)) + text.slice(at);
    },
    () => (roll() < 0.3 ? text.slice(0, at) : text),
  ])();
}

/** What one caller says on one connection, in the pieces that it is sent in. */
function stream(seed: number): readonly string[] {
  const roll = dice(seed);
  for (let warm = 0; warm < 3; warm += 1) roll();
  let text = '';
  const count = 1 + below(roll, 4);
  for (let index = 0; index < count; index += 1)
    text += request(roll, `${seed.toString(36).padStart(6, '0')}-${index}`);
  for (let left = below(roll, 5); left > 0; left -= 1) text = mutate(roll, text);
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const size = roll() < 0.6 ? text.length : 1 + below(roll, 60);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const nameOf = ({ method, target }: { method: string; target: string }): string => folded(`${method} ${target}`);
const wholeOf = ({ method, target, body }: Pick<Asked, 'method' | 'target' | 'body'>): string =>
  folded(`${method} ${target} ${JSON.stringify(body)}`);

interface Reference {
  readonly heads: string[];
  readonly wholes: string[];
  readonly methods: string[];
}

/**
 * Without a wish to upgrade, which node takes for the end of all requests on the connection, and the facade may ignore. As long as
 * before, and the same to `folded`, of which a body may have the first letter alone.
 */
const neutral = (text: string): string => text.replaceAll(/upgrade(?=[ \t]*:)/gi, 'xpgrade');

const folded = (text: string): string => text.replaceAll(/[ux]/gi, 'x');

/** What node's own server reads in bytes, and nobody in between. */
async function reference(): Promise<(bytes: Buffer) => Promise<Reference>> {
  const of = new WeakMap<Socket, Reference>();
  const server = createServer({ maxHeaderSize: 80 * 1024, requireHostHeader: false }, onRequest);
  server.maxHeadersCount = 0;
  server.on('checkExpectation', onRequest).on('clientError', (_error, socket) => socket.destroy());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const found = new Map<number, Reference>();
  server.on('connection', (socket: Socket) => {
    const one: Reference = { heads: [], wholes: [], methods: [] };
    of.set(socket, one);
    found.set(socket.remotePort ?? 0, one);
  });

  function onRequest(req: IncomingMessage): void {
    const one = of.get(req.socket);
    const method = req.method ?? '';
    const target = (req.url ?? '').replace(/^https?:\/\/[^/?#]*(?=\/)/i, '').replace(/^https?:\/\/[^/?#]*/i, '/');
    one?.heads.push(nameOf({ method, target }));
    one?.methods.push(method);
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    req.on('error', () => undefined);
    req.once('end', () => one?.wholes.push(wholeOf({ method, target, body })));
  }

  return async (bytes) => {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const local = socket.localPort ?? 0;
    socket.on('error', () => undefined).resume();
    socket.end(bytes);
    if (!socket.closed) await once(socket, 'close');
    await until(() => found.has(local));
    const one = found.get(local);
    found.delete(local);
    if (one === undefined) throw new Error('no connection');
    return one;
  };
}

/** Reads requests to the letter, answers them, and keeps what it has read: all of it whole, heads alone where they break off. */
async function witness(): Promise<{
  url: string;
  heads: string[];
  wholes: string[];
  wrongs: string[];
  open: () => number;
}> {
  const heads: string[] = [];
  const wholes: string[] = [];
  const wrongs: string[] = [];
  const { url, sockets } = await rawUpstream((socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      try {
        for (let asked = requestIn(text); asked?.whole === true; asked = requestIn(text)) {
          text = text.slice(asked.length);
          heads.push(nameOf(asked));
          wholes.push(wholeOf(asked));
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${asked.method === 'HEAD' ? '' : 'seen'}`);
        }
      } catch (error) {
        wrongs.push(String(error));
        socket.destroy();
      }
    });
    socket.once('close', () => {
      try {
        const asked = requestIn(text);
        if (asked !== null) heads.push(nameOf(asked));
      } catch {
        // It has been told.
      }
    });
  });
  return { url, heads, wholes, wrongs, open: () => sockets.size };
}

/** Says it all, hears what there is to hear, leaves, and resolves with what it heard once the facade has let go. */
async function converse(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let text = '';
  let last = performance.now();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    last = performance.now();
  });
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(Buffer.from(piece, 'latin1'));
    await new Promise(setImmediate);
  }
  const leave = setInterval(() => {
    if (performance.now() - last > QUIET_MS) socket.end();
  }, QUIET_MS / 4);
  const late = setTimeout(() => socket.destroy(new Error('late')), END_MS);
  const started = performance.now();
  await closed;
  clearInterval(leave);
  clearTimeout(late);
  if (performance.now() - started >= END_MS) throw new Error(`the connection did not end in ${END_MS} ms`);
  return text;
}

/** What is in `some` and not in `all`, each as often as it is too often. */
function beyond(some: readonly string[], all: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const each of all) left.set(each, (left.get(each) ?? 0) + 1);
  return some.filter((each) => {
    const count = left.get(each) ?? 0;
    left.set(each, count - 1);
    return count <= 0;
  });
}

test(
  `raw bytes for ${SECONDS} s: no crash, no request split, answers to the letter (BANYAN_SEED=${SEED})`,
  async () => {
    const read = await reference();
    const sides = await Promise.all(
      ['direct', 'http-proxy'].map(async (forwarder) => {
        const upstream = await witness();
        const limits = 'timeout: { connect: 1s, headers: 2s, body: 2s }';
        const facade = await startProcess(
          `version: 1\nforwarder: ${forwarder}\nupstreams: { legacy: { url: "${upstream.url}", ${limits} } }\ndefault: legacy\n`,
        );
        return { forwarder, upstream, facade, seen: observed(facade.adminUrl) };
      }),
    );
    const all: Reference = { heads: [], wholes: [], methods: [] };
    const failures: string[] = [];
    let next = SEED * 1_000;
    let said = 0;
    let answered = 0;
    const until_ = performance.now() + SECONDS * 1_000;
    const caller = async (): Promise<void> => {
      while (performance.now() < until_ && failures.length === 0) {
        const seed = (next += 1);
        const pieces = stream(seed);
        const bytes = Buffer.from(neutral(pieces.join('')), 'latin1');
        const { heads, wholes, methods } = await read(bytes);
        all.heads.push(...heads);
        all.wholes.push(...wholes);
        said += 1;
        for (const { forwarder, facade } of sides) {
          try {
            const told = answersIn(await converse(facade.port, pieces), methods).filter(({ status }) => status >= 200);
            answered += told.length;
            if (told.length > heads.length + 1) throw new Error(`${told.length} answers to ${heads.length} requests`);
            if (told.some(({ status }) => status === 500)) throw new Error('the facade could not handle it');
          } catch (error) {
            failures.push(`${forwarder}, stream ${seed}: ${String(error)}\n${JSON.stringify(pieces)}`);
          }
        }
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    expect(failures).toEqual([]);
    for (const { facade, upstream, seen } of sides) {
      await until(async () => (await seen.outstanding()) === 0);
      expect((await ask(`${facade.url}/last`)).body.toString()).toBe('seen');
      expect(facade.running.output()).not.toMatch(/could not be handled|unhandled|uncaught/i);
      expect(upstream.wrongs).toEqual([]);
      expect(beyond(upstream.wholes, [...all.wholes, wholeOf({ method: 'GET', target: '/last', body: '' })])).toEqual(
        [],
      );
      expect(beyond(upstream.heads, [...all.heads, nameOf({ method: 'GET', target: '/last' })])).toEqual([]);
      // It has not been looking at a wall.
      expect(upstream.wholes.length).toBeGreaterThan(said / 4);
      expect(await facade.running.stop('SIGTERM')).toBe(0);
      await until(() => upstream.open() === 0);
    }
    process.stdout.write(
      `${said} streams, ${answered} answers, ${sides.map(({ upstream }) => upstream.wholes.length).join(' and ')} requests went on (BANYAN_SEED=${SEED})\n`,
    );
  },
  (SECONDS + 120) * 1_000,
);
