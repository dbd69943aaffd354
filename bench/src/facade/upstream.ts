/** The server behind the proxies: fixed answers of 1 KB and 100 KB. `node upstream.js` prints `ready PORT`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const small = Buffer.from(JSON.stringify({ data: 'x'.repeat(1_013) }));
const large = Buffer.alloc(100 * 1_024, 'x');

const server = createServer((request, response) => {
  const body = request.url === '/100k' ? large : small;
  const answer = (): void => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  };
  if (request.method === 'GET') return answer();
  request.resume();
  request.once('end', answer);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`));
process.once('SIGTERM', () => process.exit(0));
