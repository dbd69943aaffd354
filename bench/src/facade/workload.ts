/**
 * What is asked of the proxies, and the routing file that Banyan answers by: routes in a canary by header and by address, three
 * upstreams with breakers and health checks, one of them with two URLs, and as many routes with parameters as are wanted.
 */
import type { Load } from '../load.ts';

/** A load for whichever proxy. */
export type Workload = Pick<Load, 'method' | 'paths' | 'customers' | 'body' | 'message'>;

export const NAMES: readonly string[] = ['get1k', 'post2k', 'get100k', 'urls', 'match', 'workers', 'p99'];

// Callers with fixed places in the canaries.
const CUSTOMERS: readonly string[] = Array.from({ length: 100 }, (_, index) => `customer-${index}`);
const DISTINCT_URLS = 5_000;
/** Routes with parameters in a large file, and in a small one. */
export const MANY = 500;
export const FEW = 5;

export const GET_1K: Workload = { method: 'GET', paths: ['/1k'], customers: CUSTOMERS, body: 0 };
export const POST_2K: Workload = { method: 'POST', paths: ['/1k'], customers: CUSTOMERS, body: 2_048 };
export const GET_100K: Workload = { method: 'GET', paths: ['/100k'], customers: CUSTOMERS, body: 0 };

/** 5,000 distinct URLs that go round `routes` routes. */
export function distinct(routes: number): Workload {
  const paths = Array.from({ length: DISTINCT_URLS }, (_, index) => {
    const values = [`${10_000 + index}`, `line-${index % 7}`];
    const path = pathOf(index % routes).replaceAll(/:\w+/g, () => values.shift() ?? '');
    return `${path}?page=${index % 13}`;
  });
  return { method: 'GET', paths, customers: CUSTOMERS, body: 0 };
}

/** As services name things: twenty-five areas with twenty kinds each, things and parts of things. */
function pathOf(route: number): string {
  const thing = `/api/area-${route % 25}/kind-${Math.floor(route / 25)}/:thing`;
  return route % 2 === 0 ? thing : `${thing}/parts/:part`;
}

/** `routing.yaml` with everything on. @param parameterised how many routes with parameters it has */
export function routingText(
  upstreams: readonly [legacy: string, orders: string, voyages: string],
  parameterised: number,
): string {
  const [legacy, orders, voyages] = upstreams;
  const long = (...urls: readonly string[]): string =>
    `{ url: [${urls.map((url) => `"${url}"`).join(', ')}], timeout: { connect: 1s, headers: 5s, body: 30s }, connections: 128, health: { path: /healthz, every: 2s }, breaker: { errors: 50%, volume: 20, window: 10s, reset: 5s } }`;
  const byCustomer = 'sticky: [header:x-customer-id, ip]';
  // By default a canary asks the other side as well, for every read: two requests for one (`bench shadow` measures that).
  const alone = 'parity: { sample: 0% }';
  const routes = Array.from({ length: parameterised }, (_, route) => {
    const sticky = route % 4 < 2 ? byCustomer : 'sticky: [ip]';
    const to = route % 3 === 0 ? 'voyages' : 'orders';
    return `  route-${route}: { match: "GET ${pathOf(route)}", stage: canary 25%, new: ${to}, ${sticky}, ${alone} }`;
  });
  return `version: 1
upstreams:
  legacy: ${long(legacy)}
  orders: ${long(orders, voyages)}
  voyages: ${long(voyages)}
default: legacy
routes:
  small-read: { match: GET /1k, stage: canary 50%, new: orders, ${byCustomer}, ${alone} }
  small-write: { match: POST /1k, stage: canary 50%, new: orders, ${byCustomer} }
  large-read: { match: GET /100k, stage: canary 50%, new: voyages, sticky: [ip], ${alone} }
${routes.join('\n')}
`;
}
