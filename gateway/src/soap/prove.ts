/**
 * The bridges of one service, proven against its WSDL: what `banyan check` says of them, and what serves. What is wrong is told with
 * its place in `routing.yaml`, all at once.
 */
import { planBridge, type Bridge } from '../core/soap/bridge.ts';
import { codecOf, type Codec } from '../core/soap/codec.ts';
import type { Operation } from '../core/soap/service.ts';
import type { Route } from '../core/table.ts';
import { GatewayError } from '../error.ts';
import type { Problem } from '../routing/document.ts';
import type { SoapService } from './wsdl.ts';

/** A file whose bridges do not fit their WSDLs. */
export class BadBridges extends GatewayError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
    super('GW_BAD_CONFIG', `Bridges of the routing file cannot be served.\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

export interface Proven {
  readonly bridges: ReadonlyMap<Operation, Bridge<Codec>>;
  readonly problems: readonly Problem[];
}

/** Proves the bridge of each route that has one. */
export function bridgesOf(service: SoapService, routes: ReadonlyMap<Operation, Route>): Proven {
  const bridges = new Map<Operation, Bridge<Codec>>();
  const problems: Problem[] = [];
  for (const [operation, route] of routes) {
    const config = route.successor?.bridge ?? null;
    if (config === null) continue;
    const report = (at: readonly string[], what: string): void => {
      const place = placeOf(config.places, at) ?? { line: route.line, column: 1 };
      problems.push({ ...place, message: `${['routes', route.id, 'new', ...at].join('.')}: ${what}` });
    };
    const shared = [...routes].filter(([, other]) => other === route).map(([{ name }]) => name);
    if (shared.length > 1) {
      report(
        ['rest'],
        `the operations ${shared.join(' and ')} share one input element, so a message does not say which it calls`,
      );
      continue;
    }
    const planned = planBridge(config, operation, (element) => codecOf(service.schemas, element));
    if (planned.kind === 'bridge') bridges.set(operation, planned.bridge);
    else for (const { at, what } of planned.problems) report(at, what);
  }
  return { bridges, problems };
}

/** The place of a key, or of the nearest above it. */
function placeOf(
  places: ReadonlyMap<string, Omit<Problem, 'message'>>,
  at: readonly string[],
): Omit<Problem, 'message'> | undefined {
  for (let length = at.length; length > 0; length -= 1) {
    const place = places.get(at.slice(0, length).join('/'));
    if (place !== undefined) return place;
  }
  return undefined;
}
