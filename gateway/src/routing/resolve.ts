/**
 * From a file of the right shape to a `Table`: units become numbers, names become what they name, and whatever contradicts
 * itself is a problem with its place. All problems are collected; a table comes out only when there are none.
 */
import { collisions } from '../core/match.ts';
import { formatMatch, readMatch, readPath, type Read } from '../core/pattern.ts';
import { parseStage, type Stage } from '../core/stage.ts';
import { settable } from '../core/field.ts';
import type { Match, Route, Segment, Successor, Table, Wsdl } from '../core/table.ts';
import { audienceOf } from './audience.ts';
import { bridgeOf } from './bridge.ts';
import type { Problem, Source } from './document.ts';
import { entries } from './difference.ts';
import { nearest, type Report } from './problem.ts';
import type { File, FileRoute, FileSuccessorLong } from './shape.ts';
import { trustOf } from './trust.ts';
import { checkUpstream, upstreamOf } from './upstream.ts';

export interface Resolved {
  readonly table: Table;
  readonly problems: readonly Problem[];
}

export function resolve(file: File, source: Source): Resolved {
  const problems: Problem[] = [];
  const report: Report = (path, message) => {
    problems.push({ ...source.placeOf(path), message: `${path.map(String).join('.')}: ${message}` });
  };
  const upstreams = new Map(Object.entries(file.upstreams).map(([name, entry]) => [name, upstreamOf(name, entry)]));
  for (const upstream of upstreams.values()) checkUpstream(upstream, report);
  const legacy = typeof file.default === 'string' ? file.default : file.default.upstream;
  const known = [...upstreams.keys()];
  if (!upstreams.has(legacy))
    report(typeof file.default === 'string' ? ['default'] : ['default', 'upstream'], unknownUpstream(legacy, known));
  const wsdls = wsdlsOf(file);
  const routes = Object.entries(file.routes ?? {}).flatMap(([id, entry]) => {
    const { line } = source.placeOfKey(['routes', id]);
    const route = routeOf(id, entry, { report, known, legacy, line, wsdls, source });
    return route === null ? [] : [route];
  });
  for (const { route, with: other } of [...collisions(routes), ...soapCollisions(routes)]) {
    report(
      ['routes', route.id, 'match'],
      `matches the same requests as route "${other.id}" (line ${other.line}): ${formatMatch(route.match)}`,
    );
  }
  for (const { id, match } of routes) {
    if (match.kind !== 'soap' || match.namespace !== null || (wsdls.get(match.path)?.file ?? null) !== null) continue;
    report(
      ['routes', id, 'match'],
      `without a WSDL for ${match.path} an operation needs its namespace: "SOAP ${match.path} {namespace}${match.name}", or wsdls.${match.path}.file`,
    );
  }
  for (const { id, match, sticky } of routes) {
    const index = sticky.findIndex(({ kind }) => kind === 'soap');
    if (index === -1 || match.kind !== 'soap' || wsdls.get(match.path)?.check !== 'operation') continue;
    report(
      ['routes', id, 'sticky', index],
      `with wsdls.${match.path}.check: operation a message is not read beyond its operation: use another key, or check: whole`,
    );
  }
  const differences = entries(file, report);
  const table: Table = {
    upstreams,
    legacy,
    routes,
    wsdls: withSoapPaths(wsdls, routes),
    differences,
    publicUrl: file.publicUrl === undefined ? null : file.publicUrl.replace(/\/+$/, ''),
    trust: trustOf(file, report),
    overrideSecret: file.overrides?.secret ?? null,
    forwarder: file.forwarder ?? 'direct',
    expose: file.expose ?? true,
  };
  return { table, problems };
}

const unknownUpstream = (name: string, known: readonly string[]): string =>
  `no upstream is named "${name}"${nearest(name, known)}`;

interface Context {
  readonly report: Report;
  readonly known: readonly string[];
  readonly legacy: string;
  readonly line: number;
  readonly wsdls: ReadonlyMap<string, Wsdl>;
  readonly source: Source;
}

function routeOf(id: string, entry: FileRoute, context: Context): Route | null {
  const { report } = context;
  // It is what answers and metrics call the requests that no route names.
  if (id === 'default') report(['routes', id], '"default" is not a name for a route: it is what no route names');
  const match = take(readMatch(entry.match), (because) => report(['routes', id, 'match'], because));
  const stage = parseStage(entry.stage);
  if (stage === null) {
    const needsShare = entry.stage.startsWith('canary')
      ? 'canary needs a percentage from 0% to 100%, such as "canary 10%"'
      : 'only canary and shadow take a percentage, from 0% to 100%';
    report(['routes', id, 'stage'], `"${entry.stage}" is no stage: ${needsShare}`);
  }
  const successor = successorOf(id, entry, context, match);
  if (stage !== null) checkStage(id, entry, stage, context);
  if (match === null || stage === null) return null;
  const effect = entry.effect ?? effectOf(match);
  return {
    id,
    match,
    stage,
    successor,
    effect,
    fallback: entry.fallback ?? 'reads',
    ...audienceOf(id, entry, { match, stage, effect }, report),
    gone: entry.gone ?? 'This service has been retired.',
    line: context.line,
  };
}

function checkStage(id: string, entry: FileRoute, stage: Stage, { report }: Context): void {
  const needsNew =
    stage.kind === 'new' || stage.kind === 'retired' || stage.kind === 'shadow' || stage.kind === 'canary';
  if (needsNew && entry.new === undefined) {
    report(['routes', id, 'stage'], `stage "${stage.kind}" needs "new:", the upstream that takes over`);
  }
}

/** RFC 9110, section 9.2.1: GET, HEAD, OPTIONS and TRACE are safe. A SOAP call is a POST, and a write unless it is declared. */
function effectOf(match: Match): 'read' | 'write' {
  if (match.kind === 'soap' || match.methods === 'any') return 'write';
  return match.methods.every((method) => ['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)) ? 'read' : 'write';
}

function successorOf(
  id: string,
  entry: FileRoute,
  { report, known, legacy, wsdls, source }: Context,
  match: Match | null,
): Successor | null {
  if (entry.new === undefined) return null;
  const long: FileSuccessorLong = typeof entry.new === 'string' ? { upstream: entry.new } : entry.new;
  const at = typeof entry.new === 'string' ? ['routes', id, 'new'] : ['routes', id, 'new', 'upstream'];
  if (!known.includes(long.upstream)) report(at, unknownUpstream(long.upstream, known));
  if (long.upstream === legacy) report(at, `"${legacy}" is the default: new must be another upstream`);
  const path =
    long.path === undefined
      ? null
      : take(readPath(long.path), (because) => report(['routes', id, 'new', 'path'], because));
  if (path !== null && match !== null)
    checkParams(path, match, (because) => report(['routes', id, 'new', 'path'], because));
  const headers = Object.entries(long.headers ?? {});
  for (const [name] of headers) {
    if (!settable(name))
      report(['routes', id, 'new', 'headers', name], "is not for a route to set: it is the facade's own");
  }
  const described = match?.kind === 'soap' && (wsdls.get(match.path)?.file ?? null) !== null;
  const bridge = bridgeOf(long, { at: ['routes', id, 'new'], match, described, report, source });
  return { upstream: long.upstream, path, headers, bridge };
}

function checkParams(path: readonly Segment[], match: Match, report: (because: string) => void): void {
  const given = match.kind === 'rest' ? match.path : [];
  for (const segment of path) {
    if (segment.kind === 'param' && !given.some((own) => own.kind === 'param' && own.name === segment.name)) {
      report(`":${segment.name}" is not a parameter of "match"`);
    }
    if (segment.kind === 'rest' && !given.some((own) => own.kind === 'rest'))
      report('"*" needs a "*" at the end of "match"');
  }
}

function take<T>(read: Read<T>, report: (because: string) => void): T | null {
  if (read.kind === 'ok') return read.value;
  report(read.because);
  return null;
}

function wsdlsOf(file: File): Map<string, Wsdl> {
  return new Map(
    Object.entries(file.wsdls ?? {}).map(([path, entry]) => [
      path,
      {
        path,
        file: entry.file ?? null,
        check: entry.check ?? 'whole',
        actionMismatch: entry.actionMismatch ?? 'refuse',
        unclassified: entry.unclassified ?? 'refuse',
      },
    ]),
  );
}

/** A path that only `SOAP` routes name is a service as well, without a WSDL. */
function withSoapPaths(wsdls: Map<string, Wsdl>, routes: readonly Route[]): Map<string, Wsdl> {
  for (const { match } of routes) {
    if (match.kind !== 'soap' || wsdls.has(match.path)) continue;
    wsdls.set(match.path, {
      path: match.path,
      file: null,
      check: 'whole',
      actionMismatch: 'refuse',
      unclassified: 'refuse',
    });
  }
  return wsdls;
}

function soapCollisions(routes: readonly Route[]): { route: Route; with: Route }[] {
  const seen = new Map<string, Route>();
  return routes.flatMap((route) => {
    if (route.match.kind !== 'soap') return [];
    const key = formatMatch(route.match);
    const other = seen.get(key);
    if (other === undefined) seen.set(key, route);
    return other === undefined ? [] : [{ route, with: other }];
  });
}
