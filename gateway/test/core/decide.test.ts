import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRegex } from '@banyan/gateway/core/automaton';
import type { Asked } from '@banyan/gateway/core/caller';
import { decide, type Decision, type Facts } from '@banyan/gateway/core/decide';
import { parseRegex } from '@banyan/gateway/core/regex';
import type { Route } from '@banyan/gateway/core/table';
import { asked, facts, routeOf, tableOf } from '../tables.ts';

/** A canary at 100% and at 0%: with everybody moved, and with nobody. */
const STAGES = {
  legacy: { kind: 'legacy' },
  shadow: { kind: 'shadow', sample: 1 },
  'canary 0%': { kind: 'canary', share: 0 },
  'canary 100%': { kind: 'canary', share: 1 },
  new: { kind: 'new' },
  retired: { kind: 'retired' },
  held: { kind: 'held' },
  gone: { kind: 'gone' },
} as const;
type Kind = keyof typeof STAGES;

const stages = Object.keys(STAGES) as readonly Kind[];
const effects = ['read', 'write'] as const;
const fallbacks = ['reads', 'never'] as const;
const breakers = ['none', 'legacy', 'orders', 'both'] as const;

/**
 * Every cell, written out: `L` legacy, `N` new, `N>L` new with legacy in reserve, `L!` legacy because new's breaker is open,
 * `+n`, `+l` the other asked as well, `+n?` new asked for a dry run, `503` nobody, `held`, `gone`. Columns: no breaker open,
 * legacy's, new's, both.
 */
const CELLS: Readonly<Record<Kind, Readonly<Record<`${'read' | 'write'}/${'reads' | 'never'}`, readonly string[]>>>> = {
  legacy: {
    'read/reads': ['L', '503', 'L', '503'],
    'read/never': ['L', '503', 'L', '503'],
    'write/reads': ['L', '503', 'L', '503'],
    'write/never': ['L', '503', 'L', '503'],
  },
  shadow: {
    'read/reads': ['L+n', '503', 'L', '503'],
    'read/never': ['L+n', '503', 'L', '503'],
    'write/reads': ['L+n?', '503', 'L', '503'],
    'write/never': ['L+n?', '503', 'L', '503'],
  },
  'canary 0%': {
    'read/reads': ['L+n', '503', 'L', '503'],
    'read/never': ['L+n', '503', 'L', '503'],
    'write/reads': ['L', '503', 'L', '503'],
    'write/never': ['L', '503', 'L', '503'],
  },
  'canary 100%': {
    'read/reads': ['N>L+l', 'N', 'L!', '503'],
    'read/never': ['N+l', 'N', '503', '503'],
    'write/reads': ['N', 'N', '503', '503'],
    'write/never': ['N', 'N', '503', '503'],
  },
  new: {
    'read/reads': ['N>L+l', 'N', 'L!', '503'],
    'read/never': ['N+l', 'N', '503', '503'],
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
  return [decision, decision.fallback, decision.also].filter((one) => one !== null);
}

function short(decision: Decision): string {
  if (decision.kind === 'refuse') return { GW_BREAKER_OPEN: '503', GW_HELD: 'held', GW_GONE: 'gone' }[decision.code];
  const letter = decision.side === 'legacy' ? 'L' : 'N';
  const also = decision.also === null ? '' : decision.also.side === 'legacy' ? '+l' : '+n';
  const dry = decision.also?.as === 'dry-run' ? '?' : '';
  return `${letter}${decision.because === 'breaker-open' ? '!' : ''}${decision.fallback === null ? '' : '>L'}${also}${dry}`;
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
    const route = routeOf({ stage: STAGES[kind], effect, fallback, sample: 1 });
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
    const route = routeOf({
      stage: { kind: 'new' },
      successor: { upstream: 'v2', path: null, headers: [], bridge: null },
    });
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
      const route = routeOf({ stage: STAGES[kind], successor: null, sample: 1 });
      return short(decide(tableOf([route]), route, asked(), facts()));
    });
    expect(sides).toEqual(['L', 'L', 'L', 'L', '503', '503', 'held', 'gone']);
  });

  test('without room for more at legacy, an open breaker of new is told to the caller', () => {
    const route = routeOf({ stage: { kind: 'new' } });
    const spent: Facts = { open: (upstream) => upstream === 'orders', spare: () => false };
    expect(short(decide(tableOf([route]), route, asked(), spent))).toBe('503');
  });
});

const owner = (pattern: string): Route['owner'] => {
  const regex = parseRegex(pattern);
  const program = 'error' in regex ? null : compileRegex(regex);
  return program === null ? expect.unreachable(pattern) : { param: 'orderId', legacy: program };
};
const order = (id: string): ReadonlyMap<string, string> => new Map([['orderId', id]]);
const who = (route: Route, more: Partial<Asked> = {}): string => {
  const decision = decide(tableOf([route]), route, asked(more), facts());
  return decision.kind === 'refuse' ? decision.because : `${decision.side} ${decision.because}`;
};

describe('a canary', () => {
  const canary = (share: number, more: Partial<Route> = {}): Route =>
    routeOf({ stage: { kind: 'canary', share }, sticky: [{ kind: 'header', name: 'x-customer-id' }], ...more });
  const by = (id: string): Partial<Asked> => ({ fields: ['x-customer-id', id] });

  test('moves more callers as its share grows, and takes nobody back', () => {
    const steps = [0, 0.01, 0.05, 0.25, 1].map(
      (share) =>
        new Set(
          Array.from({ length: 2_000 }, (_, n) => `C-${n}`).filter((id) => who(canary(share), by(id)) === 'new canary'),
        ),
    );
    for (const [index, moved] of steps.entries())
      for (const id of steps[index - 1] ?? []) expect(moved.has(id)).toBe(true);
    expect(steps.map((moved) => moved.size)).toEqual([0, 24, 91, 501, 2_000]);
  });

  test('moves the same callers of all routes of a cohort, and others of another', () => {
    const ids = Array.from({ length: 500 }, (_, n) => `C-${n}`);
    const sides = (more: Partial<Route>): readonly string[] => ids.map((id) => who(canary(0.5, more), by(id)));
    expect(sides({ id: 'order-list' })).toEqual(sides({ id: 'order-create', effect: 'write' }));
    expect(sides({ cohort: 'reports' })).not.toEqual(sides({}));
  });

  test('moves those whom nothing tells apart last', () => {
    expect(who(canary(0.9999))).toBe('legacy canary');
    expect(who(canary(1))).toBe('new canary');
  });

  test('always moves whoever meets its condition, at 0% too', () => {
    const route = canary(0, { when: { headers: [['x-beta', 'yes']], cookies: [] } });
    expect(who(route, { fields: ['X-Beta', 'yes'] })).toBe('new when');
    expect(who(route, { fields: ['X-Beta', 'no'] })).toBe('legacy canary');
  });

  test('is the only stage that asks for the condition', () => {
    const when: Route['when'] = { headers: [['x-beta', 'yes']], cookies: [] };
    expect(who(routeOf({ when }), { fields: ['x-beta', 'yes'] })).toBe('legacy stage');
  });
});

describe('an owned entity', () => {
  test.each([
    ['legacy', 'legacy owner', 'new owner'],
    ['shadow', 'legacy owner', 'new owner'],
    ['canary 0%', 'legacy owner', 'new owner'],
    ['canary 100%', 'legacy owner', 'new owner'],
    ['new', 'legacy owner', 'new owner'],
    ['retired', 'new stage', 'new stage'],
    ['held', 'held', 'held'],
    ['gone', 'gone', 'gone'],
  ] as const)('at %s: of legacy %s, of new %s', (kind, ofLegacy, ofNew) => {
    const route = routeOf({ stage: STAGES[kind], owner: owner('^[0-9]+$'), effect: 'write' });
    expect(who(route, { params: order('42') })).toBe(ofLegacy);
    expect(who(route, { params: order('O-42') })).toBe(ofNew);
  });

  test('is the same one however it is spelt', () => {
    const route = routeOf({ owner: owner('^[0-9]+$'), effect: 'write' });
    expect(who(route, { params: order('%34%32') })).toBe('legacy owner');
    expect(who(route, { params: order('%4F-42') })).toBe('new owner');
    // It decodes to nothing: it is taken as it came.
    expect(who(route, { params: order('%zz') })).toBe('new owner');
  });

  test('is not taken elsewhere by a tester, by a sample or by a fallback', () => {
    const route = routeOf({ stage: { kind: 'new' }, owner: owner('^[0-9]+$'), sample: 1 });
    expect(decide(tableOf([route]), route, asked({ params: order('O-1'), override: 'legacy' }), facts())).toEqual({
      kind: 'forward',
      side: 'new',
      upstream: 'orders',
      fallback: null,
      also: null,
      because: 'owner',
    });
  });

  test('is answered with a refusal while its side is given a pause', () => {
    const route = routeOf({ owner: owner('^[0-9]+$') });
    expect(short(decide(tableOf([route]), route, asked({ params: order('O-1') }), facts('orders')))).toBe('503');
    expect(short(decide(tableOf([route]), route, asked({ params: order('1') }), facts('orders')))).toBe('L');
  });
});

describe('a tester', () => {
  test.each([
    ['legacy', 'new override', 'legacy override'],
    ['shadow', 'new override', 'legacy override'],
    ['canary 0%', 'new override', 'legacy override'],
    ['canary 100%', 'new override', 'legacy override'],
    ['new', 'new override', 'legacy override'],
    ['retired', 'new stage', 'new stage'],
    ['held', 'held', 'held'],
    ['gone', 'gone', 'gone'],
  ] as const)('at %s who asks for new gets %s, who asks for legacy %s', (kind, forNew, forLegacy) => {
    const route = routeOf({ stage: STAGES[kind] });
    expect(who(route, { override: 'new' })).toBe(forNew);
    expect(who(route, { override: 'legacy' })).toBe(forLegacy);
  });

  test('sees the side that they asked for fail, and nobody else is asked', () => {
    const route = routeOf({ stage: { kind: 'new' }, sample: 1 });
    expect(decide(tableOf([route]), route, asked({ override: 'new' }), facts())).toMatchObject({
      fallback: null,
      also: null,
    });
    expect(short(decide(tableOf([route]), route, asked({ override: 'new' }), facts('orders')))).toBe('503');
  });

  test('cannot have both sides do what is exclusive, nor choose where there is no choice', () => {
    expect(who(routeOf({ exclusive: true, effect: 'write' }), { override: 'new' })).toBe('legacy stage');
    expect(who(routeOf({ successor: null }), { override: 'new' })).toBe('legacy stage');
  });
});

describe('who else is asked', () => {
  test('is a matter of the sample: those drawn below it', () => {
    const route = routeOf({ stage: { kind: 'shadow', sample: 0.1 } });
    const at = (draw: number): string => short(decide(tableOf([route]), route, asked({ draw }), facts()));
    expect([0, 0.0999, 0.1, 0.9].map(at)).toEqual(['L+n', 'L+n', 'L', 'L']);
  });

  test('is told with the share and the reason', () => {
    const route = routeOf({ stage: { kind: 'shadow', sample: 0.1 } });
    expect(decide(tableOf([route]), route, asked(), facts())).toMatchObject({
      also: { side: 'new', upstream: 'orders', as: 'read', share: 0.1, because: 'shadow' },
    });
    const canary = routeOf({ stage: { kind: 'canary', share: 1 }, sample: 0.5 });
    expect(decide(tableOf([canary]), canary, asked(), facts())).toMatchObject({
      also: { side: 'legacy', upstream: 'legacy', as: 'read', share: 0.5, because: 'sample' },
    });
  });

  test('is nobody for a write that is exclusive', () => {
    const route = routeOf({ stage: { kind: 'shadow', sample: 1 }, effect: 'write', exclusive: true });
    expect(short(decide(tableOf([route]), route, asked(), facts()))).toBe('L');
  });
});

describe('whatever is asked', () => {
  const anyRoute = fc.record({
    kind: fc.constantFrom(...stages),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    effect: fc.constantFrom(...effects),
    fallback: fc.constantFrom(...fallbacks),
    owned: fc.boolean(),
    exclusive: fc.boolean(),
    sample: fc.constantFrom(0, 0.5, 1),
  });
  const anyAsked = fc.record({
    id: fc.constantFrom('1', 'O-1'),
    override: fc.constantFrom(null, 'legacy' as const, 'new' as const),
    draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    address: fc.ipV4(),
  });

  test('legacy is not contacted for what is retired, held or gone; a write has one place; nobody is sent to an open breaker', () => {
    fc.assert(
      fc.property(anyRoute, anyAsked, fc.constantFrom(...breakers), (made, from, open) => {
        const { kind, share, owned, ...more } = made;
        const stage = kind.startsWith('canary') ? ({ kind: 'canary', share } as const) : STAGES[kind];
        const route = routeOf({ ...more, stage, owner: owned ? owner('^[0-9]+$') : null });
        const request = asked({ ...from, params: order(from.id) });
        const decision = decide(tableOf([route]), route, request, openAt(open));
        expect(decide(tableOf([route]), route, request, openAt(open))).toEqual(decision);
        const sides = contacted(decision);
        const final = ['retired', 'held', 'gone'].includes(kind);
        expect(final && sides.some(({ side }) => side === 'legacy')).toBe(false);
        expect(sides.filter(({ upstream }) => openAt(open).open(upstream))).toEqual([]);
        if (decision.kind === 'refuse') return;
        const { also, side } = decision;
        const elsewhere = decision.fallback !== null || also?.as === 'read';
        expect(more.effect === 'write' && elsewhere).toBe(false);
        const home = from.id === '1' ? 'legacy' : 'new';
        expect(owned && !final && (side !== home || also !== null)).toBe(false);
        expect(also?.side).not.toBe(side);
        expect(also !== null && from.draw >= also.share).toBe(false);
      }),
    );
  });
});
