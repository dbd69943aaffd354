/**
 * A file that uses every key of a route, supported or not, and the small file that tests change. (In a flow map YAML takes a
 * value with braces in quotes only.)
 */

export const EXAMPLE = `# yaml-language-server: $schema=gateway/routing.schema.json
version: 1

upstreams:
  legacy: http://127.0.0.1:8081                 # short form
  orders:                                       # long form, every key with a default
    url: [http://127.0.0.1:8082]                # several: least outstanding requests, unhealthy ones left out
    timeout: { connect: 1s, headers: 5s, body: 30s }
    connections: 128
    health:  { path: /readyz, every: 2s, fall: 3, rise: 2 }
    breaker: { errors: 50%, volume: 20, window: 10s, reset: 5s }

default: legacy                                 # owns whatever no route names; or { upstream: legacy, writes: [orders] }

readModels:
  orders: { upstream: orders, watermark: http://127.0.0.1:8083 }   # the cdc connector of legacy's database

wsdls:
  /soap/OrderService: { file: legacy-monolith/wsdl/OrderService.wsdl }

routes:
  order-get:
    match: GET /api/orders/:orderId
    stage: canary 10%
    new: orders                                 # short for { upstream: orders }; path: and headers: may follow
    sticky: [header:x-customer-id, cookie:session, ip]   # first present wins; default [ip]
    when: { header: { x-beta: "yes" } }         # in canary, these callers always get new
    fresh: { readModel: orders, wait: 50ms, maxLag: 5s }   # else: the write's owner answers
    fallback: reads                             # never | reads (default)
    parity: { sample: 100%, noise: 5% }
    guard:  { errors: +1%, p99: 1.5x, parity: 99.9%, window: 5m }
    promote: { steps: [shadow, canary 1%, canary 10%, canary 50%, new], hold: 15m, confidence: 95% }

  order-create:
    match: POST /api/orders
    stage: legacy
    new: orders
    writes: orders                              # a write sent through the facade moves this read model's fence, however it ended

  order-book:
    match: POST /api/orders/:orderId/book
    stage: legacy
    new: orders
    writes: orders
    owner: { param: orderId, legacy: '^[0-9]+$' }   # an order is written where it was born; beats the stage
    exclusive: true                             # both sides must not do this at once: legacy or new, never canary

  soap-get-order:
    match: SOAP /soap/OrderService GetOrder
    effect: read                                # every SOAP call is a POST: safety is declared, never inferred
    stage: shadow
    new: { upstream: orders, rest: 'GET /api/orders/{orderId}', response: order }   # bridge, see soap.md

differences:                                    # what may differ: declared, owned, and it expires (parity.md)
  date-precision:
    routes: [order-get, soap-get-order]
    at: $..pickupDate
    allow: same instant
    why: the monolith prints minutes, the new service prints milliseconds
    owner: orders-team
    until: 2027-06-30
`;

/** Two upstreams, one route at legacy; `more` follows as further routes and keys. */
export const small = (more = ''): string => `version: 1
upstreams:
  legacy: http://127.0.0.1:8081
  orders: http://127.0.0.1:8082
default: legacy
routes:
  order-get: { match: 'GET /api/orders/:orderId', stage: legacy, new: orders }
${more}`;
