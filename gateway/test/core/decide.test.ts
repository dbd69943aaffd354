import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type Decision } from '@banyan/gateway/core/decide';
import type { Route } from '@banyan/gateway/core/table';
import { asked, facts, routeOf, tableOf } from '../tables.ts';

type Kind = Exclude<Route['stage']['kind'], 'shadow' | 'canary'>;

const stages: readonly Kind[] = ['legacy', 'new', 'retired', 'held', 'gone'];
const effects = ['read', 'write'] as const;
const fallbacks = ['reads', 'never'] as const;
const breakers = ['none', 'legacy', 'orders', 'both'] as const;

/**
 * Every cell, written out: `L` legacy, `N` new, `N>L` new with legacy in reserve, `L!` legacy because new's breaker is open,
 * `503` nobody, `held`, `gone`. Columns: no breaker open, legacy's, new's, both.
 */
const CELLS: Readonly<Record<Kind, Readonly<Record<`${'read' | 'write'}/${'reads' | 'never'}`, readonly string[]>>>> = {
  legacy: {
    'read/reads': ['L', '503', 'L', '503'],
    'read/never': ['L', '503', 'L', '503'],
    'write/reads': ['L', '503', 'L', '503'],
    'write/never': ['L', '503', 'L', '503'],
  },
  new: {
    'read/reads': ['N>L', 'N', 'L!', '503'],
    'read/never': ['N', 'N', '503', '503'],
    'write/reads': ['N', 'N', '503', '503'],
    'write/never': ['N', 'N', '503', '503'],
  },
  retired: {
    'read/reads': ['N', 'N', '503', '503'],
    'read/never': ['N', 'N', '503', '503'],
    'write/reads': ['N', 'N', '503', '503'],
    'write/never': ['N', 'N', '503', '503'],
  },
  held: {
    'read/reads': ['held', 'held', 'held', 'held'],
    'read/never': ['held', 'held', 'held', 'held'],
    'write/reads': ['held', 'held', 'held', 'held'],
    'write/never': ['held', 'held', 'held', 'held'],
  },
  gone: {
    'read/reads': ['gone', 'gone', 'gone', 'gone'],
    'read/never': ['gone', 'gone', 'gone', 'gone'],
    'write/reads': ['gone', 'gone', 'gone', 'gone'],
    'write/never': ['gone', 'gone', 'gone', 'gone'],
  },
};

function openAt(which: (typeof breakers)[number]): ReturnType<typeof facts> {
  if (which === 'both') return facts('legacy', 'orders');
  return which === 'none' ? facts() : facts(which);
}

/** Everyone to whom the request may be sent. */
function contacted(decision: Decision): readonly { side: string; upstream: string }[] {
  if (decision.kind === 'refuse') return [];
  return decision.fallback === null ? [decision] : [decision, decision.fallback];
}

function short(decision: Decision): string {
  if (decision.kind === 'refuse') return { GW_BREAKER_OPEN: '503', GW_HELD: 'held', GW_GONE: 'gone' }[decision.code];
  const letter = decision.side === 'legacy' ? 'L' : 'N';
  return `${letter}${decision.because === 'breaker-open' ? '!' : ''}${decision.fallback === null ? '' : '>L'}`;
}

describe('who answers', () => {
  const cells = stages.flatMap((kind) =>
    effects.flatMap((effect) =>
      fallbacks.flatMap((fallback) =>
        breakers.map(
          (open, column) => [kind, effect, fallback, open, CELLS[kind][`${effect}/${fallback}`][column]] as const,
        ),
      ),
    ),
  );

  test.each(cells)('%s, a %s, fallback %s, breakers open: %s -> %s', (...[kind, effect, fallback, open, expected]) => {
    const route = routeOf({ stage: { kind }, effect, fallback });
    expect(short(decide(tableOf([route]), route, asked(), openAt(open)))).toBe(expected);
  });

  test('what no route names goes to the default, or nowhere while its breaker is open', () => {
    expect(decide(tableOf([]), null, asked(), facts('orders'))).toEqual({
      kind: 'forward',
      side: 'legacy',
      upstream: 'legacy',
      fallback: null,
      also: null,
      because: 'default',
    });
    expect(short(decide(tableOf([]), null, asked(), facts('legacy')))).toBe('503');
  });

  test('the decision names upstreams as the file does, and says why', () => {
    const route = routeOf({ stage: { kind: 'new' }, successor: { upstream: 'v2', path: null, headers: [] } });
    const table = tableOf([route], { legacy: 'monolith' });
    expect(decide(table, route, asked(), facts())).toEqual({
      kind: 'forward',
      side: 'new',
      upstream: 'v2',
      fallback: { side: 'legacy', upstream: 'monolith', because: 'unreachable' },
      also: null,
      because: 'stage',
    });
    expect(decide(table, route, asked(), facts('v2'))).toEqual({
      kind: 'forward',
      side: 'legacy',
      upstream: 'monolith',
      fallback: null,
      also: null,
      because: 'breaker-open',
    });
  });

  test('a refusal says what to tell the caller, and when to come again', () => {
    const held = routeOf({ id: 'order-book', stage: { kind: 'held' } });
    expect(decide(tableOf([held]), held, asked(), facts())).toMatchObject({
      code: 'GW_HELD',
      retryAfterSeconds: 5,
      because: 'held',
    });
    const gone = routeOf({ stage: { kind: 'gone' }, gone: 'Use /v2.' });
    expect(decide(tableOf([gone]), gone, asked(), facts())).toEqual({
      kind: 'refuse',
      code: 'GW_GONE',
      reason: 'Use /v2.',
      retryAfterSeconds: null,
      because: 'gone',
    });
    const open = routeOf({ stage: { kind: 'retired' } });
    expect(decide(tableOf([open]), open, asked(), facts('orders'))).toMatchObject({
      code: 'GW_BREAKER_OPEN',
      retryAfterSeconds: 5,
      because: 'breaker-open',
    });
  });

  test('a route without a successor never moves a request to new', () => {
    const sides = stages.map((kind) => {
      const route = routeOf({ stage: { kind }, successor: null });
      return short(decide(tableOf([route]), route, asked(), facts()));
    });
    expect(sides).toEqual(['L', '503', '503', 'held', 'gone']);
  });

  test('legacy is never contacted for what is retired, held or gone, and a write never changes sides', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...stages),
        fc.constantFrom(...effects),
        fc.constantFrom(...fallbacks),
        fc.constantFrom(...breakers),
        fc.boolean(),
        (...[kind, effect, fallback, open, successor]) => {
          const route = routeOf({ stage: { kind }, effect, fallback, ...(successor ? {} : { successor: null }) });
          const decision = decide(tableOf([route]), route, asked(), openAt(open));
          const sides = contacted(decision);
          const moved = kind !== 'legacy' && kind !== 'new';
          expect(moved && sides.some(({ side }) => side === 'legacy')).toBe(false);
          const own = kind === 'legacy' ? 'legacy' : 'new';
          expect(effect === 'write' && sides.some(({ side }) => side !== own)).toBe(false);
          // Nobody is sent to a server whose breaker is open.
          expect(sides.filter(({ upstream }) => openAt(open).open(upstream))).toEqual([]);
        },
      ),
    );
  });
});
