/**
 * An HTTP load over keep-alive connections. Run as a process of its own, pinned to a core of its own: `node load.js FILE`, where the
 * file holds a `Load` as JSON; prints one JSON line.
 *
 * Closed loop: each connection sends the next request when the answer to the last has come, which finds out how much a proxy can do.
 * Open loop: requests are due at times that do not depend on answers, which finds out how long callers wait who do not wait for
 * each other. A request that is due while every connection is busy waits, and its waiting counts.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly port: number;
  readonly method: string;
  /** Taken in turns. */
  readonly paths: readonly string[];
  /** Values of `x-customer-id`, taken in turns. */
  readonly customers: readonly string[];
  /** Bytes of each request's body. */
  readonly body: number;
  /** The body itself, where its bytes matter: `body` is not looked at then. */
  readonly message?: Message;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second in an open loop; null: a closed loop. */
  readonly perSecond: number | null;
}

export interface Message {
  /** The Content-Type. */
  readonly type: string;
  readonly text: string;
}

export interface Loaded {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** One connection, with at most one request in hand; opened again when it is closed. */
class Client {
  readonly #port: number;
  /** Told of each answer, and of each connection that is there: it can send. */
  readonly #free: (client: Client, answered: boolean) => void;
  readonly #failed: () => void;
  #socket: Socket | null = null;
  #busy = false;
  #ending = false;
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes that are still to come of the answer's body; null while its head is. */
  #missing: number | null = null;
  /** When what is in hand was due, in milliseconds. */
  since = 0;

  constructor(port: number, free: (client: Client, answered: boolean) => void, failed: () => void) {
    this.#port = port;
    this.#free = free;
    this.#failed = failed;
    this.#open();
  }

  send(request: Buffer, since: number): void {
    this.since = since;
    this.#busy = true;
    this.#socket?.write(request);
  }

  end(): void {
    this.#ending = true;
    this.#socket?.end();
  }

  #open(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    socket.on('connect', () => {
      this.#socket = socket;
      this.#free(this, false);
    });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      // One that never opened is a failure too, as is one that was lost with a request in hand.
      if (this.#busy || this.#socket === null) this.#failed();
      this.#socket = null;
      this.#busy = false;
      this.#pending = Buffer.alloc(0);
      this.#missing = null;
      if (!this.#ending) setTimeout(() => this.#open(), REOPEN_MS);
    });
  }

  #take(chunk: Buffer): void {
    if (this.#missing === null) {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      const end = this.#pending.indexOf(HEAD_END);
      if (end === -1) return;
      const head = this.#pending.toString('latin1', 0, end);
      const size = /content-length: *(\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || size === undefined) this.#failed();
      this.#missing = Number(size ?? '0') - (this.#pending.length - end - HEAD_END.length);
      this.#pending = Buffer.alloc(0);
    } else {
      this.#missing -= chunk.length;
    }
    if (this.#missing > 0) return;
    this.#missing = null;
    this.#busy = false;
    this.#free(this, true);
  }
}

// A server that is not there is not asked in a tight loop.
const REOPEN_MS = 10;
// After the end, answers that are on their way are waited for.
const LAST_ANSWERS_MS = 5_000;

async function run(load: Load): Promise<Loaded> {
  const requests = requestsOf(load);
  const latencies: number[] = [];
  let failures = 0;
  let next = 0;
  let ending = false;
  const idle: Client[] = [];
  const due: number[] = [];
  const open = load.perSecond !== null;
  const send = (client: Client, since: number): void => {
    client.send(requests[next] ?? Buffer.alloc(0), since);
    next = (next + 1) % requests.length;
  };
  const free = (client: Client, answered: boolean): void => {
    const now = performance.now();
    if (answered) latencies.push(now - client.since);
    const since = open ? due.shift() : now;
    if (since === undefined || (ending && !open)) idle.push(client);
    else send(client, since);
  };
  const began = performance.now();
  const clients = Array.from({ length: load.connections }, () => new Client(load.port, free, () => (failures += 1)));
  if (load.perSecond === null) await pause(load.seconds * 1_000);
  else {
    await arrivals(load.perSecond, load.seconds, (now) => {
      const client = idle.pop();
      if (client === undefined) due.push(now);
      else send(client, now);
    });
  }
  ending = true;
  const limit = performance.now() + LAST_ANSWERS_MS;
  while (idle.length < clients.length && performance.now() < limit) await pause(1);
  const seconds = (performance.now() - began) / 1_000;
  failures += clients.length - idle.length + due.length; // Never answered.
  for (const client of clients) client.end();
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { requests: sorted.length, failures, seconds, p50: at(0.5), p99: at(0.99) };
}

function requestsOf({ method, paths, customers, body, message }: Load): readonly Buffer[] {
  const { type, text } = message ?? { type: 'application/json', text: 'x'.repeat(body) };
  const length = text === '' ? '' : `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  return Array.from({ length: Math.max(paths.length, customers.length) }, (_, index) => {
    const path = paths[index % paths.length] ?? '/';
    const customer = customers[index % customers.length] ?? '';
    const head = `${method} ${path} HTTP/1.1\r\nhost: bench.test\r\nx-customer-id: ${customer}\r\n${length}\r\n`;
    return Buffer.from(head + text);
  });
}

/**
 * Calls `each` for requests that arrive at random (exponential gaps, always the same ones). A request is due when the timer that
 * brings it fires, since a timer's millisecond is not the proxy's doing.
 */
async function arrivals(perSecond: number, seconds: number, each: (now: number) => void): Promise<void> {
  let state = 1;
  const began = performance.now();
  let at = 0;
  for (;;) {
    const now = performance.now();
    while (began + at <= now) {
      each(now);
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator.
      at -= (Math.log((state + 1) / (2 ** 32 + 1)) * 1_000) / perSecond;
    }
    if (now - began >= seconds * 1_000) return;
    await pause(1);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const loaded = await run(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Load);
process.stdout.write(`${JSON.stringify(loaded)}\n`);
