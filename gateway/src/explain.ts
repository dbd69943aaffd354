/**
 * What the facade would do with a request, in words and as data: the same match and the same `decide` that the request itself
 * would meet. Shared by `banyan explain` and the admin API.
 */
import { GatewayError } from './error.ts';
import type { Asked } from './core/caller.ts';
import { decide, type Also, type Decision, type Facts } from './core/decide.ts';
import type { Fields } from './core/field.ts';
import { compile, match } from './core/match.ts';
import { formatMatch } from './core/pattern.ts';
import { formatPercent, formatStage } from './core/stage.ts';
import type { Route, Table } from './core/table.ts';

export interface Explanation {
  readonly method: string;
  readonly path: string;
  readonly operation: string | null;
  readonly route: string;
  readonly match: string | null;
  readonly stage: string | null;
  readonly params: Readonly<Record<string, string>>;
  readonly decision: Decision;
  /** What new would be asked, where the route is bridged; null: what came. */
  readonly rest: RestRequest | null;
}

/** The request of a bridge. `path` is path and query, `body` JSON. */
export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
}

/** Who asks, as far as the one who wants to know says it. */
export interface Asking {
  readonly fields: Fields;
  readonly address: string;
  readonly override: Asked['override'];
  /** Of the message, where there is one. */
  readonly element?: Asked['element'];
}

/** Reads lines such as `X-Customer-Id: 42`; null when one of them is none. */
export function fieldsOf(lines: readonly string[]): Fields | null {
  const fields: string[] = [];
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    fields.push(name, value);
  }
  return fields;
}

/** Somebody of whom nothing is known. */
export const NOBODY: Asking = { fields: [], address: '127.0.0.1', override: null };

/**
 * @param target path and query of a REST request
 * @throws GatewayError GW_BAD_REQUEST when it is a SOAP message's, whose route stands in its body
 */
export function explainRest(
  table: Table,
  { method, target, asking }: { readonly method: string; readonly target: string; readonly asking: Asking },
  facts: Facts,
): Explanation {
  const [path = '/'] = target.split('?', 1);
  if (method === 'POST' && table.wsdls.has(path))
    throw new GatewayError(
      'GW_BAD_REQUEST',
      `${path} is a SOAP service: the message says which operation is called. Ask with "banyan explain POST ${path} --soap FILE"`,
    );
  const matched = match(compile(table.routes), method, path);
  return explained(
    table,
    { method, path, operation: null, rest: null },
    { route: matched?.route ?? null, params: matched?.params ?? new Map(), asking },
    facts,
  );
}

/** @param operation `{namespace}name` of the SOAP body's child */
export function explainSoap(
  table: Table,
  path: string,
  operation: { key: string; route: Route | null; rest: RestRequest | null; asking: Asking },
  facts: Facts,
): Explanation {
  return explained(
    table,
    { method: 'POST', path, operation: operation.key, rest: operation.rest },
    { route: operation.route, params: new Map(), asking: operation.asking },
    facts,
  );
}

function explained(
  table: Table,
  asked: Pick<Explanation, 'method' | 'path' | 'operation' | 'rest'>,
  found: { route: Route | null; params: ReadonlyMap<string, string>; asking: Asking },
  facts: Facts,
): Explanation {
  const { route, params, asking } = found;
  return {
    ...asked,
    route: route?.id ?? 'default',
    match: route === null ? null : formatMatch(route.match),
    stage: route === null ? null : formatStage(route.stage),
    params: Object.fromEntries(params),
    // Drawn for every sample, so that whoever may be asked as well is shown.
    decision: decide(table, route, { element: () => null, ...asking, params, draw: 0 }, facts),
  };
}

/** The decision in a sentence. */
export function sentence({ decision }: Explanation): string {
  if (decision.kind === 'refuse') return `nobody answers: ${decision.reason} (${decision.because})`;
  const spare = decision.fallback === null ? '' : `; if that cannot be reached, ${decision.fallback.upstream}`;
  return `${decision.side} answers (upstream ${decision.upstream}), because: ${decision.because}${spare}${alsoWords(decision.also)}`;
}

function alsoWords(also: Also | null): string {
  if (also === null) return '';
  const what = also.as === 'read' ? 'is asked the same' : 'is sent a dry run, if it has agreed to';
  return `; ${also.upstream} ${what}, for ${formatPercent(also.share)} of requests, and its answer compared`;
}

/** One row of `banyan routes` and `GET /api/routes`. */
export interface RouteRow {
  readonly id: string;
  readonly match: string;
  readonly stage: string;
  readonly effect: 'read' | 'write';
  readonly new: string | null;
  readonly line: number;
}

export function rowsOf(table: Table): readonly RouteRow[] {
  return table.routes.map(({ id, match: pattern, stage, effect, successor, line }) => ({
    id,
    match: formatMatch(pattern),
    stage: formatStage(stage),
    effect,
    new: successor?.upstream ?? null,
    line,
  }));
}
