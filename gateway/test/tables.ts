/**
 * What tests of the facade's decisions make: routes and tables with everything said that the file would leave to its defaults.
 */
import type { Asked } from '@banyan/gateway/core/caller';
import type { Facts } from '@banyan/gateway/core/decide';
import type { Route, Table, Upstream } from '@banyan/gateway/core/table';

export function routeOf(more: Partial<Route> = {}): Route {
  return {
    id: 'order-get',
    match: { kind: 'rest', methods: ['GET'], path: [{ kind: 'literal', text: 'a' }] },
    stage: { kind: 'legacy' },
    successor: { upstream: 'orders', path: null, headers: [], bridge: null },
    effect: 'read',
    fallback: 'reads',
    sticky: [{ kind: 'ip' }],
    cohort: 'default',
    when: null,
    owner: null,
    exclusive: false,
    sample: 0,
    budget: { ms: 5_000, bytes: 1_048_576 },
    gone: 'It has moved.',
    line: 1,
    ...more,
  };
}

export function upstreamOf(name: string, more: Partial<Upstream> = {}): Upstream {
  return {
    name,
    urls: ['http://127.0.0.1:1'],
    timeout: { connectMs: 1_000, headersMs: 5_000, bodyMs: 30_000, totalMs: null },
    connections: 8,
    health: null,
    breaker: { errors: 0.5, volume: 20, windowMs: 10_000, resetMs: 5_000 },
    spare: { perSecond: 100, share: 0.5 },
    host: { kind: 'caller' },
    rewrite: { location: false, cookies: false },
    ...more,
  };
}

export function tableOf(routes: readonly Route[], more: Partial<Table> = {}): Table {
  return {
    upstreams: new Map(['legacy', 'orders'].map((name) => [name, upstreamOf(name)])),
    legacy: 'legacy',
    routes,
    wsdls: new Map(),
    differences: [],
    publicUrl: null,
    trust: { kind: 'none' },
    overrideSecret: null,
    forwarder: 'direct',
    expose: true,
    ...more,
  };
}

/** The moment at which the breakers of the upstreams named are open. */
export const facts = (...open: readonly string[]): Facts => ({
  open: (upstream) => open.includes(upstream),
  spare: () => true,
});

/** A request of whom nothing is known. */
export const asked = (more: Partial<Asked> = {}): Asked => ({
  fields: [],
  params: new Map(),
  address: '192.0.2.1',
  override: null,
  draw: 0,
  element: () => null,
  ...more,
});
