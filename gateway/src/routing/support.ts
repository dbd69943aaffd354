/**
 * What the file may say but this version cannot act on yet. Each is refused by name: a key that is ignored would be a promise
 * to the operator that nobody keeps. `guard:` and `promote:` are checked and reported, since no traffic depends on them.
 */
import type { Path, Problem, Source } from './document.ts';
import type { File } from './shape.ts';

const TOP: readonly (keyof File)[] = ['readModels', 'replicas'];
const ROUTE = ['fresh', 'writes'] as const;
const PARITY = ['noise', 'confidence', 'redact', 'headers'] as const;

/** Everything in the file that is not supported yet, each as a problem. */
export function unsupported(file: File, source: Source): Problem[] {
  const found: Path[] = TOP.filter((key) => file[key] !== undefined).map((key) => [key]);
  if (typeof file.default === 'object' && file.default.writes !== undefined) found.push(['default', 'writes']);
  for (const [id, route] of Object.entries(file.routes ?? {})) {
    for (const key of ROUTE) if (route[key] !== undefined) found.push(['routes', id, key]);
    for (const key of PARITY) if (route.parity?.[key] !== undefined) found.push(['routes', id, 'parity', key]);
  }
  return found.map((path) => refusal(path, source));
}

function refusal(path: Path, source: Source): Problem {
  const last = path.at(-1);
  const where = path.map(String).join('.');
  const what = typeof last === 'number' ? 'this key' : `"${String(last)}"`;
  const place = typeof last === 'number' ? source.placeOf(path) : source.placeOfKey(path);
  return { ...place, message: `${where}: ${what} is not supported yet: remove it` };
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
