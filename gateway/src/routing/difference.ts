/**
 * The `differences:` of the file as entries of the ledger.
 */
import { parseAllow, problemOfEntry, type Entry } from '../core/ledger.ts';
import { parseAt } from '../core/path.ts';
import { nearest, type Report } from './problem.ts';
import type { File, FileDifference } from './shape.ts';

/** Every entry that could be read; what could not is reported. */
export function entries(file: File, report: Report): readonly Entry[] {
  const routes = Object.keys(file.routes ?? {});
  return Object.entries(file.differences ?? {}).flatMap(([id, written]) => {
    for (const [index, name] of written.routes.entries()) {
      if (!routes.includes(name))
        report(['differences', id, 'routes', index], `no route is named "${name}"${nearest(name, routes)}`);
    }
    const entry = entryOf(id, written, report);
    return entry === null ? [] : [entry];
  });
}

function entryOf(id: string, written: FileDifference, report: Report): Entry | null {
  const at = parseAt(written.at);
  const allow = parseAllow(written.allow);
  if ('error' in at) report(['differences', id, 'at'], at.error);
  if ('error' in allow) report(['differences', id, 'allow'], allow.error);
  if (!isDay(written.until)) report(['differences', id, 'until'], `"${written.until}" is not a day of the calendar`);
  if ('error' in at || 'error' in allow) return null;
  const entry = {
    id,
    routes: written.routes,
    at,
    allow,
    zone: written.zone ?? null,
    why: written.why,
    owner: written.owner,
    until: written.until,
  };
  const problem = problemOfEntry(entry);
  if (problem !== null) report(['differences', id, 'allow'], problem);
  return entry;
}

/** 2027-02-30 has the right form and is no day. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
