/** The server behind: reads what it is sent, and answers with a SOAP message of 1 KB. `node upstream.js` prints `ready PORT`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from './message.ts';

const answer = Buffer.from(messageOf(1_024));
const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'text/xml; charset=utf-8', 'content-length': answer.length });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`));
process.once('SIGTERM', () => process.exit(0));
