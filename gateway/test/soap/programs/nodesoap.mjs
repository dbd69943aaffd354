/**
 * A server as node-soap makes it, with nothing before it: what the facade shields. Serves the WSDL in its first argument at
 * /soap/OrderService, prints `ready PORT`, and answers each operation with its own name.
 */
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { listen } from 'soap';

const file = process.argv[2];
const server = createServer((_request, response) => response.writeHead(404).end());
const answer = (name) => () => ({ _xml: `<answered xmlns="urn:answered">${name}</answered>` });
const port = { GetOrder: answer('GetOrder'), CancelOrder: answer('CancelOrder') };

server.listen(0, '127.0.0.1', () => {
  const services = { OrderService: { OrderServiceSoap11: port, OrderServiceSoap12: port } };
  const callback = (error) => process.stdout.write(error ? `${error}\n` : `ready ${server.address().port}\n`);
  listen(server, { path: '/soap/OrderService', services, xml: readFileSync(file, 'utf8'), uri: file, callback });
});
