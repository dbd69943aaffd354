/**
 * A small proxy with opossum around each request, as its documentation has it. `node naive.js UPSTREAM_URL on|off` prints
 * `ready http://…`; `on` leaves opossum's percentiles on, which is its default.
 */
import { Agent, createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import CircuitBreaker from 'opossum';

const [, , upstream = '', percentiles = 'on'] = process.argv;
const agent = new Agent({ keepAlive: true, maxSockets: 128 });

/** Resolves when the answer has been passed on; rejects when it was a failure. */
function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = ask(`${upstream}${request.url}`, { agent, method: request.method }, (answer) => {
      const status = answer.statusCode ?? 502;
      response.writeHead(status, answer.headers);
      answer.pipe(response);
      answer.once('end', () => (status >= 500 ? reject(new Error('failure')) : resolve()));
    });
    asking.once('error', reject);
    request.pipe(asking);
  });
}

const breaker = new CircuitBreaker(pass, {
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 20,
  rollingPercentilesEnabled: percentiles === 'on',
});

const server = createServer((request, response) => {
  breaker.fire(request, response).catch(() => {
    if (!response.headersSent) response.writeHead(502).end();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
