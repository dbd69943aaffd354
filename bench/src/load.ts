/**
 * A closed-loop HTTP load: keep-alive connections that each send the next request when the answer to the last has come. Run as a
 * process of its own, pinned to a core of its own: `node load.js JSON`, prints one JSON line.
 */
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  /** Bytes of the request's body. */
  readonly body: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface Loaded {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

interface Tally {
  failures: number;
  readonly latencies: number[];
  ending: boolean;
}

const HEAD_END = Buffer.from('\r\n\r\n');

async function run(load: Load): Promise<Loaded> {
  const body = 'x'.repeat(load.body);
  const length = load.body === 0 ? '' : `content-type: application/json\r\ncontent-length: ${load.body}\r\n`;
  const request = Buffer.from(`${load.method} ${load.path} HTTP/1.1\r\nhost: bench.test\r\n${length}\r\n${body}`);
  const tally: Tally = { failures: 0, latencies: [], ending: false };
  const began = performance.now();
  const clients = Array.from({ length: load.connections }, () => client(load.port, request, tally));
  setTimeout(() => {
    tally.ending = true;
  }, load.seconds * 1_000);
  await Promise.all(clients);
  const seconds = (performance.now() - began) / 1_000;
  const sorted = Float64Array.from(tally.latencies).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { requests: sorted.length, failures: tally.failures, seconds, p50: at(0.5), p99: at(0.99) };
}

/** One connection; resolves when the load has ended and its last answer has come, or the connection broke. */
function client(port: number, request: Buffer, tally: Tally): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let sent = 0;
    let pending: Buffer = Buffer.alloc(0);
    let missing = 0; // bytes of the current answer's body
    const next = (): void => {
      if (tally.ending) return void socket.end();
      sent = performance.now();
      socket.write(request);
    };
    const finish = (): void => {
      tally.latencies.push(performance.now() - sent);
      next();
    };
    socket.on('connect', next);
    socket.on('data', (chunk: Buffer) => {
      if (missing > 0) {
        missing -= chunk.length;
        if (missing === 0) finish();
        return;
      }
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = pending.indexOf(HEAD_END);
      if (end === -1) return;
      const head = pending.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 200')) tally.failures += 1;
      const size = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? '0');
      missing = size - (pending.length - end - HEAD_END.length);
      pending = Buffer.alloc(0);
      if (missing === 0) finish();
    });
    socket.on('error', () => {
      tally.failures += 1;
    });
    socket.on('close', () => resolve());
  });
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}') as Load))}\n`);
