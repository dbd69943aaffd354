/** The members of each upstream, as metrics tell of them. */
import { labelsOf, type Family, type Sample } from './core/family.ts';
import type { Fleet, Server } from './upstream.ts';

/** Which URLs are in, and what had to be sent again. Of several workers the worst word on a URL is told: each has its own. */
export function memberFamilies(fleet: Fleet): readonly Family[] {
  const servers = [...fleet.servers.values()];
  const up = servers.flatMap(({ upstream, members }) =>
    members.map(({ url, out }): Sample => {
      const labels = labelsOf([
        ['upstream', upstream.name],
        ['url', url],
      ]);
      return ['banyan_upstream_up', labels, out ? 0 : 1];
    }),
  );
  return [
    {
      name: 'banyan_upstream_up',
      help: '1 when the URL is given requests, 0 when its checks fail or its connections broke.',
      type: 'gauge',
      across: 'min',
      samples: up,
    },
    {
      name: 'banyan_upstream_again_total',
      help: 'Requests that went on to another URL (elsewhere), or were sent again on a fresh connection (fresh).',
      type: 'counter',
      across: 'sum',
      samples: servers.flatMap((server) => [
        again(server, 'elsewhere', server.moved),
        again(server, 'fresh', server.repeated),
      ]),
    },
  ];
}

function again({ upstream }: Server, how: 'elsewhere' | 'fresh', count: number): Sample {
  const labels = labelsOf([
    ['upstream', upstream.name],
    ['how', how],
  ]);
  return ['banyan_upstream_again_total', labels, count];
}
