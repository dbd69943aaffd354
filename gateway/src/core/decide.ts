/**
 * The one place that says where a request goes. Every path through the gateway (REST, SOAP, the `explain` command) asks
 * `decide` and obeys.
 *
 * Pure: no clock, no chance, no I/O. What varies arrives in `Facts`.
 *
 *     stage      answers   when new's breaker is open, or new cannot be reached
 *     legacy     legacy
 *     new        new       a read: legacy (unless fallback: never); a write: 503
 *     retired    new       503, legacy is never contacted
 *     held       nobody    503 with Retry-After
 *     gone       nobody    410
 */
import type { Route, Table } from './table.ts';

export type Side = 'legacy' | 'new';

/**
 * Why a request went where it went; also the value of `banyan-because`. `default`: no route names it. `stage`: the route's
 * stage says so. `breaker-open`, `unreachable`: new could not serve, so legacy did. `held`, `gone`: nobody answers.
 */
export type Reason = 'default' | 'stage' | 'breaker-open' | 'unreachable' | 'held' | 'gone';

export type Decision =
  | {
      readonly kind: 'forward';
      readonly side: Side;
      readonly upstream: string;
      /** Who answers when `upstream` fails before a byte of its answer has come; null: nobody else may. */
      readonly fallback: { readonly side: Side; readonly upstream: string; readonly because: Reason } | null;
      readonly because: Reason;
    }
  | {
      readonly kind: 'refuse';
      readonly code: 'GW_HELD' | 'GW_GONE' | 'GW_BREAKER_OPEN';
      readonly reason: string;
      readonly retryAfterSeconds: number | null;
      readonly because: Reason;
    };

/** What is true at the moment of the decision. */
export interface Facts {
  /** Whether the breaker of the upstream named is open: it would refuse a request now. */
  open(upstream: string): boolean;
}

// Long enough for a person to finish a barrier, short enough that a client's retry feels like a delay.
const HELD_RETRY_SECONDS = 5;
// The shortest default reset of a breaker (routing.yaml `breaker.reset`).
const BREAKER_RETRY_SECONDS = 5;

/** @param route null when no route matched: the default answers */
export function decide(table: Table, route: Route | null, facts: Facts): Decision {
  if (route === null) return toLegacy(table, facts, 'default');
  switch (route.stage.kind) {
    case 'legacy':
      return toLegacy(table, facts, 'stage');
    case 'new':
    case 'retired':
      return toNew(table, route, facts);
    case 'held':
      return refuse(
        'GW_HELD',
        `Route ${route.id} is held while its traffic moves. Try again.`,
        HELD_RETRY_SECONDS,
        'held',
      );
    case 'gone':
      return refuse('GW_GONE', route.gone, null, 'gone');
    // The file is refused with these stages until they are built (`support.ts`), so that no table holds them.
    case 'shadow':
    case 'canary':
      return toLegacy(table, facts, 'stage');
    default:
      return route.stage satisfies never;
  }
}

function toLegacy(table: Table, facts: Facts, because: Reason): Decision {
  if (facts.open(table.legacy)) return broken(table.legacy);
  return { kind: 'forward', side: 'legacy', upstream: table.legacy, fallback: null, because };
}

function toNew(table: Table, route: Route, facts: Facts): Decision {
  // The file promises a successor at these stages; without one nobody can answer.
  const upstream = route.successor?.upstream;
  if (upstream === undefined) return broken(route.id);
  const mayFallBack =
    route.stage.kind === 'new' && route.effect === 'read' && route.fallback === 'reads' && !facts.open(table.legacy);
  if (facts.open(upstream)) {
    return mayFallBack
      ? { kind: 'forward', side: 'legacy', upstream: table.legacy, fallback: null, because: 'breaker-open' }
      : broken(upstream);
  }
  const fallback = mayFallBack ? ({ side: 'legacy', upstream: table.legacy, because: 'unreachable' } as const) : null;
  return { kind: 'forward', side: 'new', upstream, fallback, because: 'stage' };
}

const broken = (upstream: string): Decision =>
  refuse(
    'GW_BREAKER_OPEN',
    `Upstream ${upstream} has been failing and is given a pause.`,
    BREAKER_RETRY_SECONDS,
    'breaker-open',
  );

function refuse(
  code: Extract<Decision, { kind: 'refuse' }>['code'],
  reason: string,
  retryAfterSeconds: number | null,
  because: Reason,
): Decision {
  return { kind: 'refuse', code, reason, retryAfterSeconds, because };
}
