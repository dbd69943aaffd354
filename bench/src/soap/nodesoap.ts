/** The peer of the bridge: node-soap's own server, which has its order in hand. `node nodesoap.js WSDL` prints `ready PORT`. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from 'soap';
import { PATH } from './message.ts';
import { SOAP_ORDER } from './order.ts';

const file = process.argv[2] ?? '';
const server = createServer((_request, response) => response.writeHead(404).end());
server.keepAliveTimeout = 60_000;
const port = { GetOrder: () => SOAP_ORDER };
server.listen(0, '127.0.0.1', () => {
  const services = { OrderService: { OrderServiceSoap11: port, OrderServiceSoap12: port } };
  const callback = (error: unknown): void => {
    const said =
      error === null || error === undefined ? `ready ${(server.address() as AddressInfo).port}` : 'no service';
    process.stdout.write(`${said}\n`);
  };
  listen(server, { path: PATH, services, xml: readFileSync(file, 'utf8'), uri: file, callback });
});
process.once('SIGTERM', () => process.exit(0));
