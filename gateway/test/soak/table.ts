/** The routing file of the soak, in its versions: it is changed every few seconds while everything else goes on. */
import { fileURLToPath } from 'node:url';
import { CANARY, COHORT } from './judge.ts';

const wsdl = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));

export interface Ends {
  readonly legacy: string;
  readonly orders: readonly string[];
}

/**
 * @param version of the same routes: `flip` moves, every third has pools of another size (which are new pools), and each says
 * something else
 */
export function tableOf({ legacy, orders }: Ends, version: number): string {
  const connections = version % 3 === 0 ? 41 : 40;
  const keys = `timeout: { connect: 500ms, headers: 1s, body: 1s }, connections: ${connections}, breaker: { errors: 60%, volume: 20, window: 2s, reset: 300ms }`;
  return `# version ${version}
version: 1
upstreams:
  legacy: { url: "${legacy}", ${keys} }
  orders: { url: [${orders.map((url) => `"${url}"`).join(', ')}], ${keys}, health: { path: /healthz, every: 1s } }
default: legacy
wsdls: { /soap/OrderService: { file: "${wsdl}", unclassified: refuse } }
routes:
  legacy: { match: ANY /legacy/:id, stage: legacy, new: orders }
  new: { match: ANY /new/:id, stage: new, new: orders, parity: { sample: 30% } }
  canary: { match: ANY /canary/:id, stage: canary ${CANARY * 100}%, new: orders, parity: { sample: 30% }, cohort: ${COHORT}, sticky: ["header:x-customer"] }
  retired: { match: ANY /retired/:id, stage: retired, new: orders }
  held: { match: ANY /held/:id, stage: held }
  gone: { match: ANY /gone/:id, stage: gone, gone: moved away with version ${version} }
  owner: { match: ANY /owner/:id, stage: new, new: orders, owner: { param: id, legacy: "^l" }, exclusive: true }
  flip: { match: ANY /flip/:id, stage: ${version % 2 === 0 ? 'legacy' : 'new'}, new: orders }
  ws: { match: GET /ws/:id, stage: new, new: orders }
  soap: { match: SOAP /soap/OrderService GetOrder, effect: read, stage: new, new: orders }
  soap-write: { match: SOAP /soap/OrderService CreateOrder, stage: new, new: orders }
  shadow: { match: ANY /shadow/:id, stage: shadow 100%, new: orders }
`;
}
