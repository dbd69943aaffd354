/** The callers of the soak: each session is one caller on one connection (or one WebSocket), who behaves in one way. */
import { WebSocket } from 'ws';
import { SAMPLES, type Sample } from '../soap/samples.ts';
import { askedOf, bodyOf, textOfScript, wireOf, REST, type Asked, type Wish } from './asked.ts';
import { Connection, type Got } from './connection.ts';
import { between, pause, pick, type Roll } from './dice.ts';
import { judge, type Verdict } from './judge.ts';
import type { Ledger } from './ledger.ts';
import { RUBBISH } from './rubbish.ts';
import type { Side } from './side.ts';

export interface World {
  readonly port: number;
  readonly sides: readonly Side[];
  readonly ledger: Ledger;
  readonly roll: Roll;
  /** A name that no request has had. */
  name(): string;
}

// Every timeout of the facade and its upstreams twice over, on a machine that is busy with something else.
const LIMIT_MS = 30_000;
const LARGE_BYTES = 2_000_000;

const make = (world: World, wish: Wish): Asked => askedOf(world.roll, world.name(), wish);

/** Sends one request, waits for its answer, and has it judged. */
async function exchange(world: World, connection: Connection, asked: Asked): Promise<Verdict> {
  const from = performance.now();
  const { head, body } = wireOf(asked);
  void connection.send(Buffer.concat([Buffer.from(head, 'latin1'), body]));
  return settle(world, { connection, asked, from });
}

async function settle(
  { sides, ledger }: World,
  {
    connection,
    asked,
    from,
    before = [],
  }: { connection: Connection; asked: Asked; from: number; before?: readonly string[] },
): Promise<Verdict> {
  const got = await connection.next(asked.method, LIMIT_MS);
  const behindCut = before.some((earlier) => earlier.startsWith('cut'));
  const verdict = judge(asked, got, sides, { from, to: performance.now(), behindCut });
  ledger.record(asked, verdict, { got, before });
  return verdict;
}

/** Nothing more may have come than was asked for. */
async function finish({ ledger }: World, connection: Connection): Promise<void> {
  if (connection.left > 0) ledger.complain(`${connection.left} bytes that nobody asked for`);
  await connection.end();
}

/** Whether another request can follow on the connection. */
const goesOn = (connection: Connection, verdict: Verdict): boolean =>
  !connection.ended && (verdict.kind === 'right' || verdict.kind === 'failed');

/** Requests one after the other on a connection that is kept. */
async function keep(world: World): Promise<void> {
  const connection = await Connection.open(world.port);
  for (let left = between(world.roll, 1, 6); left > 0; left -= 1) {
    const verdict = await exchange(world, connection, make(world, { kind: 'keep-alive' }));
    if (!goesOn(connection, verdict)) break;
  }
  await finish(world, connection);
}

/** Several requests at once. A connection that is cut takes those behind with it. */
async function pipeline(world: World): Promise<void> {
  const { roll } = world;
  const connection = await Connection.open(world.port);
  const all = Array.from({ length: between(roll, 3, 7) }, () => make(world, { kind: 'pipelined', faults: 0.15 }));
  const from = performance.now();
  // In one piece: a caller who still writes when its connection is cut may lose answers that came before, whoever is at fault.
  const parts = all.flatMap((asked) => [Buffer.from(wireOf(asked).head, 'latin1'), wireOf(asked).body]);
  void connection.send(Buffer.concat(parts));
  world.ledger.fault('pipelined');
  const before: string[] = [];
  for (const asked of all) {
    const verdict = await settle(world, { connection, asked, from, before });
    before.push(`${verdict.kind} ${JSON.stringify({ ...asked, body: asked.body?.length })}`);
  }
  await finish(world, connection);
}

/** Closes its window for seconds while a large answer comes. */
async function slowReader(world: World): Promise<void> {
  const { roll } = world;
  const connection = await Connection.open(world.port);
  const shape = pick(roll, ['sized', 'chunked', 'closing'] as const);
  const route = pick(roll, ['legacy', 'new', 'canary', 'shadow'] as const);
  const asked = make(world, { kind: 'slow-reading', method: 'GET', route, shape, size: LARGE_BYTES, faults: 0.1 });
  const from = performance.now();
  await connection.send(wireOf(asked).head);
  for (let times = between(roll, 1, 3); times > 0; times -= 1) {
    await pause(between(roll, 5, 50));
    connection.shut();
    await pause(between(roll, 500, 1_500));
    connection.reopen();
  }
  world.ledger.fault('slow-reading');
  const verdict = await settle(world, { connection, asked, from });
  if (goesOn(connection, verdict)) await exchange(world, connection, make(world, { kind: 'after-slow' }));
  await finish(world, connection);
}

/** Sends its body in pieces, with pauses. */
async function slowSender(world: World): Promise<void> {
  const { roll } = world;
  const connection = await Connection.open(world.port);
  const name = world.name();
  const size = pick(roll, [300, 9_000, 200_000]);
  const asked = askedOf(roll, name, { kind: 'slow-sending', method: 'POST', body: bodyOf(`w${name}`, size) });
  const from = performance.now();
  const { head, body } = wireOf(asked);
  await connection.send(head);
  const step = Math.ceil(body.length / between(roll, 3, 8));
  for (let at = 0; at < body.length && !connection.ended; at += step) {
    await pause(between(roll, 20, 200));
    await Promise.race([connection.send(body.subarray(at, at + step)), pause(LIMIT_MS)]);
  }
  world.ledger.fault('slow-sending');
  await settle(world, { connection, asked, from });
  await finish(world, connection);
}

/** Leaves at any moment: in its head, in its body, while it waits, while it reads. */
async function leave(world: World): Promise<void> {
  const { roll, ledger } = world;
  const connection = await Connection.open(world.port);
  const size = pick(roll, [100, 70_000, LARGE_BYTES]);
  const asked = make(world, { kind: 'leaving', size, faults: 0.2 });
  const { head, body } = wireOf(asked);
  const bytes = Buffer.concat([Buffer.from(head, 'latin1'), body]);
  const cut = roll() < 0.4 ? Math.floor(roll() * bytes.length) : bytes.length;
  void connection.send(bytes.subarray(0, cut));
  if (roll() < 0.3) connection.shut();
  await pause(roll() < 0.5 ? between(roll, 0, 5) : between(roll, 0, 150));
  ledger.record(asked, { kind: 'left' });
  ledger.fault('leaving');
  await connection.end(roll() < 0.5 ? 'close' : 'reset');
}

/** A large body, of which the upstream may not want to hear the rest. */
async function upload(world: World): Promise<void> {
  const { roll } = world;
  const connection = await Connection.open(world.port);
  const early = roll() < 0.5;
  const name = world.name();
  const asked = askedOf(roll, name, {
    kind: early ? 'upload-early' : 'upload',
    method: 'POST',
    body: bodyOf(`w${name}`, between(roll, 100_000, LARGE_BYTES)),
    faults: early ? 0 : 0.2,
    size: 500,
    ...(early ? { shape: 'early' as const } : {}),
  });
  const verdict = await exchange(world, connection, asked);
  world.ledger.fault(asked.kind);
  if (goesOn(connection, verdict)) await exchange(world, connection, make(world, { kind: 'after-upload' }));
  await finish(world, connection);
}

const V1 = 'http://reeferdesk.example/orders';
const ORDERS: readonly Sample[] = Object.values(SAMPLES).filter(
  ({ name, namespace }) => name === 'GetOrder' && namespace === V1,
);
const FOREIGN: readonly Sample[] = Object.values(SAMPLES).filter((sample) => !ORDERS.includes(sample));

/** As each stack writes it, in the namespace of the WSDL that the soak uses. */
const known = (xml: string): string => xml.replaceAll(`"${V1}`, `"${V1}/v1`);
const typeOf = (version: string): Record<string, string> => ({
  'content-type': version === '1.2' ? 'application/soap+xml; charset=utf-8' : 'text/xml; charset=utf-8',
});

/** Operations of the WSDL that the soak's table has, as every stack writes them; some large, with a note in the header. */
async function soap(world: World): Promise<void> {
  const { roll } = world;
  const connection = await Connection.open(world.port);
  for (let left = between(roll, 1, 4); left > 0; left -= 1) {
    const write = roll() < 0.4;
    const [first, ...others] = ORDERS;
    if (first === undefined) throw new Error('no samples of SOAP');
    const { version, xml } = pick(roll, [first, ...others]);
    const text = known(xml) + (roll() < 0.2 ? `<!-- ${'x'.repeat(100_000)} -->` : '');
    const asked = make(world, {
      kind: write ? 'soap-write' : 'soap-read',
      route: write ? 'soap-write' : 'soap',
      method: 'POST',
      write,
      body: Buffer.from(write ? text.replaceAll('GetOrder', 'CreateOrder') : text),
      fields: typeOf(version),
    });
    const verdict = await exchange(world, connection, asked);
    if (!goesOn(connection, verdict)) break;
  }
  await finish(world, connection);
}

/** Messages that are refused: broken ones, hostile ones, and operations that nobody knows. */
async function brokenSoap(world: World): Promise<void> {
  const { roll, ledger } = world;
  const connection = await Connection.open(world.port);
  const good = known(ORDERS[0]?.xml ?? '');
  const bad = pick(roll, [
    good.replace('GetOrder>', 'GetOrders>'),
    `<!DOCTYPE x [<!ENTITY y "z">]>${good.replace(/^<\?xml.*?\?>/, '')}`,
    good.slice(0, Math.floor(roll() * (good.length - 20))),
    good.replaceAll('GetOrder', 'NoOrder'),
    'no XML at all',
    ...FOREIGN.map(({ xml }) => xml),
  ]);
  const asked = make(world, {
    kind: 'soap-broken',
    route: 'soap-bad',
    method: 'POST',
    body: Buffer.from(bad),
    fields: typeOf('1.1'),
  });
  ledger.fault('soap-broken');
  await exchange(world, connection, asked);
  await finish(world, connection);
}

/** Bytes that are no request, or hardly one, cut off anywhere. What comes back is nobody's business here. */
async function rubbish({ port, roll, ledger }: World): Promise<void> {
  const connection = await Connection.open(port);
  for (let left = between(roll, 1, 4); left > 0 && !connection.ended; left -= 1) {
    const bytes = Buffer.from(pick(roll, RUBBISH), 'latin1');
    const cut = roll() < 0.3 ? Math.floor(roll() * bytes.length) : bytes.length;
    const half = Math.floor(roll() * cut);
    void connection.send(bytes.subarray(0, half));
    if (roll() < 0.3) await pause(between(roll, 0, 30));
    void connection.send(bytes.subarray(half, cut));
    if (roll() < 0.5) await pause(between(roll, 0, 60));
  }
  ledger.fault('rubbish');
  await connection.end(roll() < 0.8 ? 'close' : 'reset');
}

/** A WebSocket that echoes, until one of the two, or nobody, breaks it off. */
async function socket(world: World): Promise<void> {
  const { roll, ledger, port, sides } = world;
  const made = make(world, { kind: 'websocket', route: 'ws', method: 'GET', faults: 0 });
  const fault =
    roll() < 0.5
      ? pick(roll, ['ws-cut', 'ws-cut', 'ws-cut', 'hang', 'reset', 'no-http', 'scrap', 'scrap'] as const)
      : 'none';
  const asked: Asked = { ...made, scripts: { ...made.scripts, orders: { ...made.scripts.orders, fault } } };
  const leaves = roll() < 0.3;
  const from = performance.now();
  const client = new WebSocket(`ws://127.0.0.1:${port}${asked.target}`, {
    headers: {
      'x-request-id': asked.id,
      'x-soak-id': asked.id,
      'x-soak-legacy': textOfScript(asked.scripts.legacy),
      'x-soak-orders': textOfScript(asked.scripts.orders),
    },
  });
  client.on('error', () => undefined);
  const closed = new Promise((resolve) => client.once('close', resolve));
  const got = await new Promise<Got>((resolve) => {
    client.once('open', () => resolve({ kind: 'answer', status: 101, fields: new Map(), body: Buffer.alloc(0) }));
    client.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      const fields = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('close', () => {
        resolve({ kind: 'answer', status: response.statusCode ?? 0, fields, body: Buffer.concat(chunks) });
        client.terminate();
      });
    });
    client.once('close', () => resolve({ kind: 'cut', at: 'nothing' }));
    setTimeout(() => resolve({ kind: 'silence' }), LIMIT_MS).unref();
  });
  const seen = { from, to: performance.now() };
  if (got.kind !== 'answer' || got.status !== 101) {
    ledger.record(asked, judge(asked, got, sides, seen), { got });
  } else {
    const verdict = await echo(client, asked, { roll, leaves });
    const troubled = fault === 'ws-cut' || leaves || sides.some((side) => side.troubled(from, performance.now()));
    if (verdict.kind === 'cut' && !troubled)
      ledger.record(asked, { kind: 'wrong', why: 'a WebSocket cut for nothing' });
    else ledger.record(asked, verdict);
    if (leaves) ledger.fault('ws-left');
  }
  client.terminate();
  await closed;
}

async function echo(
  client: WebSocket,
  { id }: Asked,
  { roll, leaves }: { roll: Roll; leaves: boolean },
): Promise<Verdict> {
  const count = between(roll, 1, 6);
  for (let index = 0; index < count; index += 1) {
    if (client.readyState !== WebSocket.OPEN) return { kind: 'cut' };
    const text = `${index} ${'x'.repeat(pick(roll, [0, 100, 50_000]))}`;
    const heard = new Promise<string | null>((resolve) => {
      client.once('message', (data: Buffer) => resolve(data.toString()));
      client.once('close', () => resolve(null));
    });
    client.send(text);
    if (leaves && index === count - 1) client.terminate();
    const answer = await heard;
    client.removeAllListeners('message');
    if (answer === null) return { kind: 'cut' };
    if (answer !== `orders ${id} ${text}` && answer !== `legacy ${id} ${text}`)
      return { kind: 'wrong', why: `an echo of something else: ${answer.slice(0, 100)}` };
    await pause(between(roll, 0, 20));
  }
  return { kind: 'right' };
}

/** Each with its share of the sessions. */
const SESSIONS: readonly (readonly [number, (world: World) => Promise<void>])[] = [
  [34, keep],
  [12, pipeline],
  [8, slowReader],
  [8, slowSender],
  [12, leave],
  [6, upload],
  [8, soap],
  [4, brokenSoap],
  [6, rubbish],
  [6, socket],
];
const ALL = SESSIONS.reduce((sum, [share]) => sum + share, 0);

/** One session of any kind. */
export async function session(world: World): Promise<void> {
  let left = world.roll() * ALL;
  for (const [share, one] of SESSIONS) {
    left -= share;
    if (left < 0) return one(world);
  }
}

/** One request to every route, with nothing to fail. @returns those that were not answered as they should be */
export async function round(world: World): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const route of REST) {
    const connection = await Connection.open(world.port);
    for (const method of ['GET', 'HEAD', 'POST']) {
      const asked = make(world, { kind: 'round', route, method, faults: 0 });
      const verdict = await exchange(world, connection, asked);
      const meant = route === 'held' || route === 'gone' ? 'failed' : 'right';
      if (verdict.kind !== meant) failed.push(`${method} ${asked.target}: ${JSON.stringify(verdict)}`);
    }
    await connection.end();
  }
  return failed;
}
