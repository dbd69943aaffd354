/**
 * The one place that says where a request goes. Every path through the gateway (REST, SOAP, upgrades, the `explain` command) asks
 * `decide` and obeys.
 *
 * Pure: no clock, no chance, no I/O. What varies arrives in `Asked` (of the request) and `Facts` (of the moment).
 *
 *     stage      answers                      also asked                     when new's breaker is open, or new cannot be reached
 *     legacy     legacy                       nobody                         legacy
 *     shadow     legacy                       new: a sample; dry for writes  legacy
 *     canary     new for some, else legacy    the other: a sample of reads   a read: legacy (unless fallback: never); a write: 503
 *     new        new                          legacy: a sample of reads      as in a canary
 *     retired    new                          nobody                         503, legacy is never contacted
 *     held       nobody: 503 with Retry-After nobody
 *     gone       nobody: 410                  nobody
 *
 * What beats the stage, the strongest first:
 *
 *     held, gone, retired   nothing beats them
 *     owner                 an entity is answered where it belongs, whoever asks
 *     exclusive             never both sides at once, so no tester either
 *     override              a tester with the secret, at every other stage; no fallback hides what they want to see
 */
import { finds } from './automaton.ts';
import { keyOf, meets, type Asked } from './caller.ts';
import { point } from './canary.ts';
import { decoded } from './pattern.ts';
import type { Side } from './side.ts';
import type { Route, Table } from './table.ts';

/**
 * Why a request went where it went; also the value of `banyan-because`. `default`: no route names it. `stage`: the route's
 * stage says so. `canary`: the caller's place in the canary; `when`: the caller is one whom it always moves. `owner`: the entity
 * belongs there. `override`: a tester asked for it. `breaker-open`, `unreachable`: new could not serve, so legacy did. `held`,
 * `gone`: nobody answers.
 */
export type Reason =
  'default' | 'stage' | 'canary' | 'when' | 'owner' | 'override' | 'breaker-open' | 'unreachable' | 'held' | 'gone';

/** Who is asked the same, without the caller's waiting for it. */
export interface Also {
  readonly side: Side;
  readonly upstream: string;
  /** `dry-run`: a write, which may go there only if the other promises, and proves, that it does nothing. */
  readonly as: 'read' | 'dry-run';
  /** Of all requests in this place, 0 to 1. */
  readonly share: number;
  readonly because: 'shadow' | 'sample';
}

export interface Forwarding {
  readonly kind: 'forward';
  readonly side: Side;
  readonly upstream: string;
  /** Who answers when `upstream` fails before a byte of its answer has come; null: nobody else may. */
  readonly fallback: { readonly side: Side; readonly upstream: string; readonly because: Reason } | null;
  readonly also: Also | null;
  readonly because: Reason;
}

export type Decision =
  | Forwarding
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
  /** Whether the upstream named may be given one more read that another cannot answer. */
  spare(upstream: string): boolean;
}

// Long enough for a person to finish a barrier, short enough that a client's retry feels like a delay.
const HELD_RETRY_SECONDS = 5;
// The shortest default reset of a breaker (routing.yaml `breaker.reset`).
const BREAKER_RETRY_SECONDS = 5;

/** @param route null when no route matched: the default answers */
export function decide(table: Table, route: Route | null, asked: Asked, facts: Facts): Decision {
  if (route === null) return toLegacy(table, facts, 'default');
  switch (route.stage.kind) {
    case 'held': {
      const reason = `Route ${route.id} is held while its traffic moves. Try again.`;
      return refuse('GW_HELD', reason, HELD_RETRY_SECONDS, 'held');
    }
    case 'gone':
      return refuse('GW_GONE', route.gone, null, 'gone');
    case 'retired':
      return toNew(table, route, facts, { because: 'stage', mayFallBack: false });
    case 'legacy':
    case 'shadow':
    case 'canary':
    case 'new': {
      const { side, because } = choose(route, asked);
      const decision =
        side === 'legacy'
          ? toLegacy(table, facts, because)
          : toNew(table, route, facts, { because, mayFallBack: because !== 'override' && because !== 'owner' });
      return decision.kind === 'refuse'
        ? decision
        : { ...decision, also: alsoOf(table, route, decision, { asked, facts }) };
    }
    default:
      return route.stage satisfies never;
  }
}

/** Which side is meant to answer, at a stage at which both can. */
function choose(route: Route, asked: Asked): { readonly side: Side; readonly because: Reason } {
  const { owner, stage, when } = route;
  // Without a successor there is one side.
  if (route.successor === null) return { side: stage.kind === 'new' ? 'new' : 'legacy', because: 'stage' };
  if (owner !== null) {
    const entity = asked.params.get(owner.param);
    // By what it names: `%34%32` is 42 to both sides.
    if (entity !== undefined)
      return { side: finds(owner.legacy, decoded(entity) ?? entity) ? 'legacy' : 'new', because: 'owner' };
  }
  if (asked.override !== null && !route.exclusive) return { side: asked.override, because: 'override' };
  if (stage.kind !== 'canary') return { side: stage.kind === 'new' ? 'new' : 'legacy', because: 'stage' };
  if (when !== null && meets(when, asked)) return { side: 'new', because: 'when' };
  return { side: isMoved(route, stage.share, asked) ? 'new' : 'legacy', because: 'canary' };
}

function isMoved(route: Route, share: number, asked: Asked): boolean {
  const key = keyOf(route.sticky, asked);
  // Nobody can be told from anybody else without a key: they move last, and together.
  return key === null ? share === 1 : point(route.cohort, key) < share;
}

/** Who else is asked, when `decided` answers; null when nobody is, or when this request is not in the sample. */
function alsoOf(
  table: Table,
  route: Route,
  { side, because }: Forwarding,
  { asked, facts }: { readonly asked: Asked; readonly facts: Facts },
): Also | null {
  const { stage, successor, effect, exclusive, sample } = route;
  // An entity that lives on one side means nothing to the other; a tester looks at one side.
  if (successor === null || because === 'owner' || because === 'override') return null;
  const shadow = stage.kind === 'shadow';
  const share = shadow ? stage.sample : stage.kind === 'legacy' ? 0 : sample;
  if (asked.draw >= share || (effect === 'write' && (!shadow || exclusive))) return null;
  const other: Side = side === 'legacy' ? 'new' : 'legacy';
  const upstream = other === 'new' ? successor.upstream : table.legacy;
  if (facts.open(upstream)) return null;
  return {
    side: other,
    upstream,
    as: effect === 'read' ? 'read' : 'dry-run',
    share,
    because: shadow ? 'shadow' : 'sample',
  };
}

function toLegacy(table: Table, facts: Facts, because: Reason): Decision {
  if (facts.open(table.legacy)) return broken(table.legacy);
  return { kind: 'forward', side: 'legacy', upstream: table.legacy, fallback: null, also: null, because };
}

function toNew(
  table: Table,
  route: Route,
  facts: Facts,
  { because, mayFallBack }: { readonly because: Reason; readonly mayFallBack: boolean },
): Decision {
  // The file promises a successor at these stages; without one nobody can answer.
  const upstream = route.successor?.upstream;
  if (upstream === undefined) return broken(route.id);
  const { legacy } = table;
  const inReserve = mayFallBack && route.effect === 'read' && route.fallback === 'reads' && !facts.open(legacy);
  if (facts.open(upstream)) {
    return inReserve && facts.spare(legacy)
      ? { kind: 'forward', side: 'legacy', upstream: legacy, fallback: null, also: null, because: 'breaker-open' }
      : broken(upstream);
  }
  const fallback = inReserve ? ({ side: 'legacy', upstream: legacy, because: 'unreachable' } as const) : null;
  return { kind: 'forward', side: 'new', upstream, fallback, also: null, because };
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
