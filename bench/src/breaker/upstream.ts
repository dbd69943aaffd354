/**
 * The server behind: 1 KB under every path, and under `/some` each tenth answer is a 503 of the same size. `node upstream.js` prints
 * `ready PORT`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = Buffer.from(JSON.stringify({ data: 'x'.repeat(1_013) }));
const EACH = 10;
let asked = 0;

const server = createServer((request, response) => {
  asked += 1;
  const fails = request.url === '/some' && asked % EACH === 0;
  response.writeHead(fails ? 503 : 200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
