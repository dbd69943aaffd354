/**
 * A facade in front of servers that a test scripts, and clients that see the bytes: the tests of the data plane ask over real
 * connections and read what arrived from both ends.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import {
  createServer,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server as HttpServer,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { start, type StartOptions } from '@banyan/gateway/start';

/** One running facade. */
export interface Front {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly file: string;
  /** Replaces the routing file and resolves once the new one is in force. */
  turn(yaml: string): Promise<void>;
  /** Requests that ended, as the metrics count them; `labels` must all be there, as `status="200"`. */
  ended(...labels: string[]): Promise<number>;
  /** Requests in the hands of an upstream. */
  outstanding(name?: string): Promise<number>;
  /** The value of one sample, named with its labels; null when there is none. */
  metric(sample: string): Promise<number | null>;
  close(): Promise<void>;
}

/** Starts a facade on free ports and a file of its own; it is closed when the test is over. */
export async function front(yaml: string, options: Partial<StartOptions> = {}): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-front-'));
  const file = join(folder, 'routing.yaml');
  await writeFile(file, yaml);
  const started = await start({
    file,
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    env: {},
    token: null,
    sample: 0,
    ...options,
  });
  if (started.kind === 'rejected') throw new Error(JSON.stringify(started.problems));
  const { running } = started;
  const close = async (): Promise<void> => {
    await running.close();
    await rm(folder, { recursive: true, force: true });
  };
  onTestFinished(close);
  return { ...observed(running.adminUrl), ...running, file, port: Number(new URL(running.url).port), close, turn };

  async function turn(next: string): Promise<void> {
    const before = await generation(running.adminUrl);
    await writeFile(`${file}.next`, next);
    await rename(`${file}.next`, file);
    await until(async () => (await generation(running.adminUrl)) > before);
  }
}

async function generation(adminUrl: string): Promise<number> {
  const { body } = await ask(`${adminUrl}/api/status`);
  return (JSON.parse(body.toString()) as { generation: number }).generation;
}

/** What an admin port tells of a running facade. */
export function observed(adminUrl: string): Pick<Front, 'ended' | 'outstanding' | 'metric'> {
  const lines = async (): Promise<readonly string[]> => (await ask(`${adminUrl}/metrics`)).body.toString().split('\n');
  const metric = async (sample: string): Promise<number | null> => {
    const line = (await lines()).find((text) => text.startsWith(`${sample} `));
    return line === undefined ? null : Number(line.slice(sample.length + 1));
  };
  return {
    metric,
    outstanding: async (name = 'legacy') => (await metric(`banyan_upstream_outstanding{upstream="${name}"}`)) ?? NaN,
    ended: async (...labels) =>
      (await lines())
        .filter((line) => line.startsWith('banyan_requests_total{') && labels.every((label) => line.includes(label)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0),
  };
}

/** Resolves when `condition` holds; looks again and again until a deadline that no healthy run comes near. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error(`not in ${limitMs} ms: ${condition.toString()}`);
    },
    { timeout: limitMs, interval: 20 },
  );
}

/** One request as an upstream saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  bytes: number;
  /** Hexadecimal SHA-256 of the body; empty until it is over. */
  sha256: string;
  /** `reading`, then `whole` or `cut`. */
  state: 'reading' | 'whole' | 'cut';
  /** Whether its connection closed before it was answered to the end. */
  left: boolean;
}

export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** In the order of arrival. */
  readonly seen: Seen[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  readonly server: HttpServer;
  close(): Promise<void>;
}

export type Handler = (req: IncomingMessage, res: ServerResponse, seen: Seen) => void;

/** Answers 200 `name` once it has read the request. */
export const saying =
  (name: string): Handler =>
  (req, res) => {
    req.resume().once('end', () => res.end(name));
  };

/** A real HTTP server that records what reaches it. It reads bodies only where the handler does. */
export async function upstream(handler: Handler = saying('ok'), options: ServerOptions = {}): Promise<Upstream> {
  const seen: Seen[] = [];
  const server = createServer({ maxHeaderSize: 128 * 1024, ...options }, (req, res) => {
    const { method = '', url = '', rawHeaders, headers } = req;
    const one: Seen = { method, url, rawHeaders, headers, bytes: 0, sha256: '', state: 'reading', left: false };
    seen.push(one);
    const hash = createHash('sha256');
    const push = req.push.bind(req);
    // Looks at the body without reading it: whether it is read is the handler's business.
    req.push = (chunk: unknown, ...rest: []): boolean => {
      if (Buffer.isBuffer(chunk)) {
        one.bytes += chunk.length;
        hash.update(chunk);
      } else if (chunk === null) {
        one.sha256 = hash.digest('hex');
        one.state = 'whole';
      }
      return push(chunk, ...rest);
    };
    req.once('close', () => {
      if (one.state === 'reading') one.state = 'cut';
    });
    req.on('error', () => undefined);
    res.once('close', () => {
      one.left = !res.writableFinished;
    });
    handler(req, res, one);
  });
  const sockets = socketsOf(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${port}`, port, seen, sockets, server, close };
}

function socketsOf(server: HttpServer | ReturnType<typeof createNetServer>): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** A TCP server that says what it likes. */
export async function rawUpstream(onConnection: (socket: Socket) => void): Promise<{
  readonly url: string;
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  readonly count: () => number;
}> {
  let count = 0;
  const server = createNetServer((socket) => {
    count += 1;
    onConnection(socket);
  });
  const sockets = socketsOf(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}`, port, sockets, count: () => count };
}

/** A URL on which nobody listens. */
export async function nobody(): Promise<string> {
  const server = createNetServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** What a client got. */
export interface Answer {
  readonly status: number;
  readonly message: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly sha256: string;
  /** Whether the body came to its end as its framing promised. */
  readonly whole: boolean;
}

export interface Ask extends RequestOptions {
  readonly body?: Buffer | string | undefined;
  /** Sends the body without a length. */
  readonly chunked?: boolean;
}

/** One request on a connection of its own (or of `agent`), read to its end or to its cut. */
export async function ask(url: string, { body, chunked = false, ...options }: Ask = {}): Promise<Answer> {
  const outgoing = open(url, options);
  if (body === undefined) outgoing.end();
  else if (chunked) {
    outgoing.write(body);
    outgoing.end();
  } else {
    outgoing.setHeader('content-length', Buffer.byteLength(body));
    outgoing.end(body);
  }
  return answerTo(outgoing);
}

/** A request whose body the test writes itself. */
export function open(url: string, options: RequestOptions = {}): ClientRequest {
  const outgoing = httpRequest(url, { agent: false, ...options });
  outgoing.on('error', () => undefined);
  return outgoing;
}

/** @throws Error when the connection ends before an answer's head */
export async function answerTo(outgoing: ClientRequest): Promise<Answer> {
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  return readAnswer(incoming);
}

export async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('error', () => undefined);
  await new Promise((resolve) => incoming.once('close', resolve));
  const body = Buffer.concat(chunks);
  return {
    status: incoming.statusCode ?? 0,
    message: incoming.statusMessage ?? '',
    headers: incoming.headers,
    rawHeaders: incoming.rawHeaders,
    body,
    sha256: sha256(body),
    whole: incoming.complete,
  };
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Values of the field, in order, whatever its spelling. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '');
  return values;
}

/** A connection on which a test writes bytes and reads text (latin1: a character is a byte). */
export interface Wire {
  readonly socket: Socket;
  text(): string;
  send(data: string | Buffer): void;
  /** Resolves when the text matches; rejects when the connection closes before. */
  sees(pattern: RegExp): Promise<string>;
  /** Resolves with all the text when the other side has closed. */
  readonly closed: Promise<string>;
}

export async function wire(port: number): Promise<Wire> {
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return {
    socket,
    text: () => text,
    send: (data) => void socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    sees: async (pattern) => {
      await until(() => pattern.test(text) || socket.destroyed);
      if (!pattern.test(text)) throw new Error(`closed before ${pattern}: ${text}`);
      return text;
    },
    closed,
  };
}

/** Writes `request` (latin1) on a connection of its own, and resolves with all that came back once the facade closed it. */
export async function say(port: number, request: string | Buffer): Promise<string> {
  const client = await wire(port);
  client.send(request);
  return client.closed;
}

/** `bytes` that do not repeat within a megabyte, so that a lost or doubled chunk changes their hash. */
export function noise(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = 0x9e3779b9;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out.writeUInt32LE(state, at);
  }
  for (let at = bytes - (bytes % 4); at < bytes; at += 1) out[at] = at & 0xff;
  return out;
}
