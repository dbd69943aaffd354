/**
 * Warnings about the plan itself: a file that is valid and will serve, but that a careful operator would not want.
 */
import type { Table } from '../core/table.ts';
import type { Path, Problem, Source } from './document.ts';
import type { File } from './shape.ts';

/** @param today `YYYY-MM-DD` in UTC */
export function warningsOf(file: File, table: Table, source: Source, today: string): Problem[] {
  const found: Problem[] = [];
  const warn = (path: Path, message: string): void => {
    found.push({ ...source.placeOf(path), message: `${path.map(String).join('.')}: ${message}` });
  };
  for (const [id, route] of Object.entries(file.routes ?? {})) {
    if (route.stage === 'retired' && route.fallback === 'reads') {
      warn(['routes', id, 'fallback'], 'a retired route never falls back: legacy is not contacted, so remove it');
    }
    if (route.stage === 'gone' && route.gone === undefined) {
      warn(['routes', id, 'stage'], 'callers get a general sentence: say in "gone:" where they should go');
    }
  }
  for (const { id, stage, effect, owner, when } of table.routes) {
    if (stage.kind === 'canary' && effect === 'write' && owner === null)
      warn(
        ['routes', id, 'stage'],
        'a write in a canary makes entities on both sides: say in "owner:" where each belongs, or move it by "new"',
      );
    if (when !== null && stage.kind !== 'canary')
      warn(['routes', id, 'when'], 'counts in a canary only; at this stage everybody is treated alike');
  }
  for (const difference of table.differences) {
    if (difference.until < today)
      warn(['differences', difference.id, 'until'], `expired on ${difference.until}: it no longer excuses anything`);
  }
  const used = new Set([table.legacy, ...table.routes.flatMap((route) => route.successor?.upstream ?? [])]);
  for (const name of table.upstreams.keys()) {
    if (!used.has(name)) warn(['upstreams', name], 'no route names this upstream');
  }
  return found;
}
