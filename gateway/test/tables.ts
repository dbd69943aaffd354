/**
 * What tests of the facade's decisions make: routes and tables with everything said that the file would leave to its defaults.
 */
import type { Facts } from '@banyan/gateway/core/decide';
import type { Route, Table, Upstream } from '@banyan/gateway/core/table';

export function routeOf(more: Partial<Route> = {}): Route {
  return {
    id: 'order-get',
    match: { kind: 'rest', methods: ['GET'], path: [{ kind: 'literal', text: 'a' }] },
    stage: { kind: 'legacy' },
    successor: { upstream: 'orders', path: null, headers: [] },
    effect: 'read',
    fallback: 'reads',
    gone: 'It has moved.',
    line: 1,
    ...more,
  };
}

export function upstreamOf(name: string, more: Partial<Upstream> = {}): Upstream {
  return {
    name,
    urls: ['http://127.0.0.1:1'],
    timeout: { connectMs: 1_000, headersMs: 5_000, bodyMs: 30_000 },
    connections: 8,
    health: null,
    breaker: { errors: 0.5, volume: 20, windowMs: 10_000, resetMs: 5_000 },
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
    expose: true,
    ...more,
  };
}

/** The moment at which the breakers of the upstreams named are open. */
export const facts = (...open: readonly string[]): Facts => ({ open: (upstream) => open.includes(upstream) });
