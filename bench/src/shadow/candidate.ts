/**
 * Sides that are asked a second time. `node candidate.js` prints `ready HANGS ANSWERS`: on the first port a request is read and never
 * answered, on the second it is answered as legacy does.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = Buffer.from(JSON.stringify({ data: 'x'.repeat(1_013) }));

function listen(answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const hangs = await listen((request) => void request.resume());
const answers = await listen((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
process.stdout.write(`ready ${hangs} ${answers}\n`);
process.once('SIGTERM', () => process.exit(0));
