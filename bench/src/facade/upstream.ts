/**
 * The servers behind the proxies: fixed answers of 1 KB, and of 100 KB under `/100k`, on three ports. `node upstream.js` prints
 * `ready PORT PORT PORT`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const SERVERS = 3;

const small = Buffer.from(JSON.stringify({ data: 'x'.repeat(1_013) }));
const large = Buffer.alloc(100 * 1_024, 'x');

function serve(request: IncomingMessage, response: ServerResponse): void {
  const body = request.url === '/100k' ? large : small;
  const answer = (): void => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  };
  if (request.method === 'GET') return answer();
  request.resume();
  request.once('end', answer);
}

function listen(): Promise<number> {
  const server = createServer(serve);
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const ports = await Promise.all(Array.from({ length: SERVERS }, listen));
process.stdout.write(`ready ${ports.join(' ')}\n`);
process.once('SIGTERM', () => process.exit(0));
