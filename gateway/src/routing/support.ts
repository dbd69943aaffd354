/**
 * What the file may say but this version cannot act on yet. Each is refused by name: a key that is ignored would be a promise
 * to the operator that nobody keeps. `guard:` and `promote:` are checked and reported, since no traffic depends on them.
 */
import { parseStage } from '../core/stage.ts';
import type { Path, Problem, Source } from './document.ts';
import type { File } from './shape.ts';

const TOP: readonly (keyof File)[] = ['readModels', 'trustProxy', 'overrides', 'replicas'];
const ROUTE = ['sticky', 'when', 'cohort', 'fresh', 'writes', 'owner', 'exclusive', 'parity'] as const;
const SUCCESSOR = ['rest', 'response', 'rename', 'faults'] as const;
const UPSTREAM = ['health'] as const;

/** Everything in the file that is not supported yet, each as a problem. */
export function unsupported(file: File, source: Source): Problem[] {
  const found: Path[] = TOP.filter((key) => file[key] !== undefined).map((key) => [key]);
  if (file.forwarder === 'http-proxy') found.push(['forwarder']);
  if (typeof file.default === 'object' && file.default.writes !== undefined) found.push(['default', 'writes']);
  for (const [name, upstream] of Object.entries(file.upstreams)) {
    if (typeof upstream === 'string') continue;
    for (const key of UPSTREAM) if (upstream[key] !== undefined) found.push(['upstreams', name, key]);
    if (upstream.timeout?.total !== undefined) found.push(['upstreams', name, 'timeout', 'total']);
    if (Array.isArray(upstream.url) && upstream.url.length > 1) found.push(['upstreams', name, 'url', 1]);
  }
  for (const [id, route] of Object.entries(file.routes ?? {})) {
    for (const key of ROUTE) if (route[key] !== undefined) found.push(['routes', id, key]);
    if (typeof route.new !== 'object') continue;
    for (const key of SUCCESSOR) if (route.new[key] !== undefined) found.push(['routes', id, 'new', key]);
  }
  return [...found.map((path) => refusal(path, source)), ...stages(file, source)];
}

function refusal(path: Path, source: Source): Problem {
  const last = path.at(-1);
  const what = last === 1 ? 'several URLs for one upstream are' : `"${String(last)}" is`;
  const place = typeof last === 'number' ? source.placeOf(path) : source.placeOfKey(path);
  return { ...place, message: `${path.map(String).join('.')}: ${what} not supported yet: remove it` };
}

function stages(file: File, source: Source): Problem[] {
  return Object.entries(file.routes ?? {}).flatMap(([id, route]) => {
    const kind = parseStage(route.stage)?.kind;
    if (kind !== 'shadow' && kind !== 'canary') return [];
    const path = ['routes', id, 'stage'];
    return [
      {
        ...source.placeOf(path),
        message: `${path.join('.')}: stage "${kind}" is not supported yet: use legacy, new, retired, held or gone`,
      },
    ];
  });
}

/** Keys that are checked but not acted on yet: warnings, not problems. */
export function inactive(file: File, source: Source): Problem[] {
  return Object.entries(file.routes ?? {}).flatMap(([id, route]) =>
    (['guard', 'promote'] as const)
      .filter((key) => route[key] !== undefined)
      .map((key) => ({
        ...source.placeOfKey(['routes', id, key]),
        message: `routes.${id}.${key}: validated, not active yet`,
      })),
  );
}
