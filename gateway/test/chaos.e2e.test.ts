import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ask, observed, until } from './front.ts';
import { startProcess } from './standalone.ts';
import { envelope } from './soap/samples.ts';

// Callers and upstreams that break off anywhere, and say anything: the facade lives on, answers once, and forgets nobody.

const SECONDS = process.env['BANYAN_PROVE'] === 'true' ? 120 : 6;
const CALLERS = 16;
const SEED = Number(process.env['BANYAN_SEED'] ?? Date.now() % 1_000_000);
const wsdl = fileURLToPath(new URL('../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));

/** Numbers from 0 to 1 that a seed repeats. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pick = <T>(roll: () => number, from: readonly [T, ...T[]]): T =>
  from[Math.floor(roll() * from.length)] ?? from[0];

/** An upstream that answers anything, until `mood` is calm. */
async function breaking(roll: () => number, mood: { calm: boolean }): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).once('close', () => open.delete(socket));
    socket.on('data', () => void (mood.calm ? socket.write(ANSWERS[0]) : answer(socket, roll)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`,
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n',
  'HTTP/1.1 200 D\xe9j\xe0 \xff\r\nX: \xff\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not\r\nContent-Length: 10\r\n\r\n',
  'HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nbytes',
  'HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nko',
  'HTTP/1.1 999 \r\n\r\n',
  '\r\n\r\n\0\0\0',
] as const;

async function answer(socket: Socket, roll: () => number): Promise<void> {
  const bytes = Buffer.from(pick(roll, ANSWERS), 'latin1');
  const cut = roll() < 0.3 ? Math.floor(roll() * bytes.length) : bytes.length;
  if (roll() < 0.1) return; // Never.
  for (let at = 0; at < cut && !socket.destroyed;) {
    const step = roll() < 0.7 ? cut : 1 + Math.floor(roll() * 50_000);
    socket.write(bytes.subarray(at, Math.min(cut, at + step)));
    at += step;
    if (roll() < 0.3) await pause(roll() * 20);
  }
  const end = roll();
  if (end < 0.2) socket.destroy();
  else if (end < 0.25) socket.resetAndDestroy();
  else if (end < 0.4) socket.end();
}

const order = (more = ''): string =>
  envelope(`<o:GetOrder xmlns:o="http://reeferdesk.example/orders/v1"><o:orderId>1</o:orderId>${more}</o:GetOrder>`);
const post = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const chunks = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const XML = 'Content-Type: text/xml\r\n';
const SOAP = '/soap/OrderService';
const REQUESTS = [
  'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /new/1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD /new/1 HTTP/1.1\r\nHost: a\r\n\r\n',
  post('/new/1', 'small'),
  post('/a', 'x'.repeat(300_000)),
  chunks('/new/1', 'x'.repeat(100_000)),
  post(SOAP, order(), XML),
  post(SOAP, order(`<o:note>${'x'.repeat(100_000)}</o:note>`), XML),
  post(SOAP, order(`<o:note>${'x'.repeat(100_000)}</o:wrong>`), XML),
  post(SOAP, order(), `${XML}Content-Encoding: gzip\r\n`),
  post(SOAP, '<!DOCTYPE x>', XML),
  `GET ${SOAP}?wsdl HTTP/1.1\r\nHost: a\r\n\r\n`,
  'GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nearly',
  'GET /new/1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\nContent-Length: 2\r\n\r\nok',
  'POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok',
  'GET / HTTP/1.0\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a HTTP/1.1\r\n\r\n',
  'garbage\r\n\r\n',
] as const;

/** One caller: some requests on one connection, whole or not, read or not. */
async function call(port: number, roll: () => number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: roll() < 0.5 });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (roll() < 0.9) socket.resume();
  const count = 1 + Math.floor(roll() * 4);
  for (let index = 0; index < count && !socket.destroyed; index += 1) {
    const bytes = Buffer.from(pick(roll, REQUESTS), 'latin1');
    const cut = roll() < 0.2 ? Math.floor(roll() * bytes.length) : bytes.length;
    const half = Math.floor(roll() * cut);
    socket.write(bytes.subarray(0, half));
    if (roll() < 0.3) await pause(roll() * 30);
    socket.write(bytes.subarray(half, cut));
    if (roll() < 0.5) await pause(roll() * 60);
  }
  if (roll() < 0.2) socket.end();
  await Promise.race([closed, pause(roll() * 200)]);
  if (roll() < 0.1) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

test(
  `callers and upstreams that break off anywhere leave nothing behind (BANYAN_SEED=${SEED})`,
  { timeout: (SECONDS + 60) * 1_000 },
  async () => {
    const roll = dice(SEED);
    const mood = { calm: false };
    const [legacy, orders] = [await breaking(roll, mood), await breaking(roll, mood)];
    const keys = 'timeout: { headers: 300ms, body: 300ms }, connections: 8, breaker: { errors: 95%, reset: 100ms }';
    const {
      running: facade,
      port,
      adminUrl,
    } = await startProcess(
      `version: 1
upstreams:
  legacy: { url: "${legacy}", ${keys} }
  orders: { url: "${orders}", ${keys} }
default: legacy
wsdls: { ${SOAP}: { file: "${wsdl}" } }
routes:
  new: { match: "GET|HEAD /new/:id", stage: new, new: orders }
  write: { match: "POST /new/:id", stage: new, new: orders }
  soap: { match: SOAP ${SOAP} GetOrder, effect: read, stage: new, new: orders }
`,
    );
    const { ended, outstanding, metric } = observed(adminUrl);
    const deadline = performance.now() + SECONDS * 1_000;
    let calls = 0;
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (performance.now() < deadline) {
          await call(port, roll);
          calls += 1;
        }
      }),
    );
    // A process that has ended tells why.
    expect(
      await Promise.race([facade.exited.then(() => facade.output().slice(-3_000)), pause(0).then(() => 'lives')]),
    ).toBe('lives');
    await until(async () => (await outstanding('legacy')) === 0 && (await outstanding('orders')) === 0);
    const answered = await ended();
    const descriptors = await metric('process_open_fds');
    process.stdout.write(`${calls} connections, ${answered} requests, ${descriptors} descriptors open after it\n`);
    expect(answered).toBeGreaterThan(calls / 2);
    expect(facade.output()).not.toMatch(/"level":50|uncaught|unhandled|Error:/i);
    // Nor has it lost connections to them: twice as many requests as there may be are answered, once the breakers are closed.
    mood.calm = true;
    const url = `http://127.0.0.1:${port}`;
    const calm = async (path: string): Promise<boolean> => {
      const answers = await Promise.all(Array.from({ length: 16 }, () => ask(url + path)));
      return answers.every(
        ({ status, headers }) => status === 200 && ['stage', 'default'].includes(String(headers['banyan-because'])),
      );
    };
    await until(() => calm('/a'));
    await until(() => calm('/new/1'));
    expect(await metric('banyan_breaker_state{upstream="orders"}')).toBe(0);
    // What it takes when it is at rest: none of the callers' connections.
    await until(async () => ((await metric('process_open_fds')) ?? Infinity) < 60);
    expect(await facade.stop()).toBe(0);
  },
);
