/**
 * The server behind: reads what it is sent, and answers with a SOAP message of 1 KB, or to a GET with an order in JSON. `node upstream.js`
 * prints `ready PORT`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from './message.ts';
import { SERVICE_ORDER } from './order.ts';

const answer = Buffer.from(messageOf(1_024));
const order = Buffer.from(JSON.stringify(SERVICE_ORDER));
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': order.length });
    response.end(order);
    return;
  }
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'text/xml; charset=utf-8', 'content-length': answer.length });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`));
process.once('SIGTERM', () => process.exit(0));
