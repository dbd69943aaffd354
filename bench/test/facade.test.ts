import { Samples, type Sample } from '@banyan/bench/facade/measure';
import { report } from '@banyan/bench/facade/report';
import { distinct, FEW, MANY, routingText } from '@banyan/bench/facade/workload';
import { compile, match } from '@banyan/gateway/core/match';
import { readRouting } from '@banyan/gateway/routing';
import { describe, expect, test } from 'vitest';

const UPSTREAMS = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'] as const;

describe('the routing file that Banyan is measured with', () => {
  test.each([FEW, MANY])('is accepted, and the URLs go round all of its %d routes with parameters', (routes) => {
    const loaded = readRouting(routingText(UPSTREAMS, routes), {}, '2026-01-01');
    expect(loaded.kind === 'rejected' ? loaded.problems : []).toEqual([]);
    const matcher = compile(loaded.kind === 'accepted' ? loaded.table.routes : []);
    const { paths } = distinct(routes);
    expect(new Set(paths).size).toBe(5_000);
    const found = paths.map((path) => match(matcher, 'GET', path.split('?')[0]!)?.route.id);
    expect(new Set(found).size).toBe(routes);
    expect(found).not.toContain(undefined);
  });

  test('has canaries by header and by address, between three upstreams with breakers of their own', () => {
    const loaded = readRouting(routingText(UPSTREAMS, FEW), {}, '2026-01-01');
    if (loaded.kind === 'rejected') throw new Error('rejected');
    expect(loaded.table.upstreams.size).toBe(3);
    expect(loaded.table.upstreams.get('orders')?.urls).toHaveLength(2);
    expect(loaded.table.routes.every(({ stage }) => stage.kind === 'canary')).toBe(true);
    expect(loaded.table.routes.filter(({ effect, sample }) => effect === 'read' && sample !== 0)).toEqual([]);
    const first = new Set(loaded.table.routes.map(({ sticky }) => sticky[0]?.kind));
    expect(first).toEqual(new Set(['header', 'ip']));
  });
});

const sample = (values: Partial<Sample>): Sample => ({
  requests: 1_000,
  failures: 0,
  perSecond: 1_000,
  p50: 1,
  p99: 2,
  cpuUs: 50,
  busy: 1,
  waited: 0,
  rssMiB: 100,
  load: 0,
  ...values,
});

function gatesOf(given: Readonly<Record<string, Readonly<Record<string, readonly Partial<Sample>[]>>>>, few = 400) {
  const samples = new Samples();
  for (const [workload, proxies] of Object.entries(given))
    for (const [proxy, rounds] of Object.entries(proxies))
      for (const values of rounds) samples.add(workload, proxy, sample(values));
  const matching = { few: [few, 900], many: [1_350, 2_000] };
  return report({ samples, matching, leftOut: [], versions: {} }, () => undefined).gates;
}

const met = (gates: ReturnType<typeof gatesOf>, words: string): boolean | undefined =>
  gates.find(({ name }) => name.includes(words))?.met;

describe('the gates', () => {
  test('take the best round of both sides, whatever the others say', () => {
    const bare = [{ cpuUs: 300 }, { cpuUs: 90 }];
    expect(met(gatesOf({ get1k: { bare, banyan: [{ cpuUs: 60 }, { cpuUs: 200 }] } }), 'GET 1 KB')).toBe(true);
    expect(met(gatesOf({ get1k: { bare, banyan: [{ cpuUs: 61 }, { cpuUs: 61 }] } }), 'GET 1 KB')).toBe(false);
  });

  test('are not met by a proxy that was not measured', () => {
    expect(met(gatesOf({ post2k: { banyan: [{}] } }), 'POST 2 KB')).toBe(false);
  });

  test('compare with Caddy only where it was measured', () => {
    const two = { bare: [{ cpuUs: 90 }], banyan: [{ cpuUs: 50 }] };
    expect(met(gatesOf({ get1k: two }), 'Caddy')).toBeUndefined();
    expect(met(gatesOf({ get1k: { ...two, caddy: [{ cpuUs: 51 }] } }), 'Caddy')).toBe(true);
    expect(met(gatesOf({ get1k: { ...two, caddy: [{ cpuUs: 49 }] } }), 'Caddy')).toBe(false);
  });

  test('allow many routes a microsecond more than few', () => {
    expect(met(gatesOf({}, 351), 'matching')).toBe(true);
    expect(met(gatesOf({}, 349), 'matching')).toBe(false);
  });

  test('allow the median p99 a tenth more than that of bare', () => {
    const bare = [{ p99: 1 }, { p99: 2 }, { p99: 50 }];
    expect(met(gatesOf({ p99: { bare, banyan: [{ p99: 2.2 }] } }), 'p99')).toBe(true);
    expect(met(gatesOf({ p99: { bare, banyan: [{ p99: 2.3 }] } }), 'p99')).toBe(false);
  });

  test('allow two workers 15 % more than one', () => {
    const one = { '1 worker': [{ cpuUs: 100 }] };
    expect(met(gatesOf({ workers: { ...one, '2 workers': [{ cpuUs: 115 }] } }), 'workers')).toBe(true);
    expect(met(gatesOf({ workers: { ...one, '2 workers': [{ cpuUs: 116 }] } }), 'workers')).toBe(false);
  });

  test('are missed by one failed request of anybody', () => {
    expect(met(gatesOf({ urls: { nginx: [{ failures: 1 }] } }), 'failed')).toBe(false);
    expect(met(gatesOf({ urls: { nginx: [{}] } }), 'failed')).toBe(true);
  });
});
