import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  next,
  open,
  pauseAfter,
  turn,
  type Happening,
  type Roster,
  type Step,
  type Turn,
} from '@banyan/gateway/core/roster';

/** Two workers that are up. */
function begun(size = 2): Roster {
  let { roster } = open(size);
  for (let id = 1; id <= size; id += 1) roster = turn(roster, { kind: 'up', id }).roster;
  return roster;
}

/** All that happens, in turn; the last turn's steps. */
const after = (roster: Roster, ...happenings: readonly Happening[]): Turn =>
  happenings.reduce<Turn>((before, happening) => turn(before.roster, happening), { roster, steps: [] });

const dies = (id: number, lastedMs = 60_000): Happening => ({ kind: 'gone', id, lastedMs });
const up = (id: number): Happening => ({ kind: 'up', id });

describe('workers', () => {
  test('have begun when all are up', () => {
    const first = open(2);
    expect(first.steps).toEqual([
      { kind: 'start', id: 1, place: 1, afterMs: 0 },
      { kind: 'start', id: 2, place: 2, afterMs: 0 },
    ]);
    expect(after(first.roster, up(2)).steps).toEqual([]);
    expect(after(first.roster, up(2), up(1)).steps).toEqual([{ kind: 'begun' }]);
  });

  test('one that cannot come up ends the start', () => {
    expect(after(open(2).roster, up(1), dies(2, 300)).steps).toEqual([{ kind: 'give-up', place: 2 }]);
  });

  test('one that dies is replaced at once, and the next ones after longer and longer pauses', () => {
    const pauses: number[] = [];
    let roster = begun(1);
    for (let id = 1; id <= 10; id += 1) {
      const died = turn(roster, dies(id, 50));
      roster = died.roster;
      pauses.push(...died.steps.flatMap((step) => (step.kind === 'start' ? [step.afterMs] : [])));
    }
    expect(pauses).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    expect(pauseAfter(1)).toBe(0);
    // One that lasted did not die of what the others died of.
    expect(turn(roster, dies(11, 20_000)).steps).toEqual([{ kind: 'start', id: 12, place: 1, afterMs: 0 }]);
  });

  test('are renewed one after another: the old one goes when the new one is up, and the next place waits for its end', () => {
    const first = turn(begun(), { kind: 'renew' });
    expect(first.steps).toEqual([{ kind: 'start', id: 3, place: 1, afterMs: 0 }]);
    const second = turn(first.roster, up(3));
    expect(second.steps).toEqual([{ kind: 'drain', id: 1 }]);
    const third = turn(second.roster, dies(1));
    expect(third.steps).toEqual([{ kind: 'start', id: 4, place: 2, afterMs: 0 }]);
    expect(after(third.roster, up(4), dies(2)).steps).toEqual([{ kind: 'renewed', because: 'done' }]);
    expect(turn(third.roster, { kind: 'renew' }).steps).toEqual([]);
  });

  test('are left as they are when a new one does not come up', () => {
    const { roster } = turn(begun(), { kind: 'renew' });
    const failed = turn(roster, dies(3, 100));
    expect(failed.steps).toEqual([{ kind: 'renewed', because: 'a new worker did not come up' }]);
    expect(failed.roster.members.map(({ id, phase }) => [id, phase])).toEqual([
      [1, 'serving'],
      [2, 'serving'],
    ]);
  });

  test('an old one that dies while its successor is starting needs no other, and the renewal goes on', () => {
    const { roster } = turn(begun(), { kind: 'renew' });
    expect(turn(roster, dies(1)).steps).toEqual([]);
    expect(after(roster, dies(1), up(3)).steps).toEqual([{ kind: 'start', id: 4, place: 2, afterMs: 0 }]);
  });

  test('all leave at a stop, those too that were to be started, and none is replaced', () => {
    const { roster, steps } = after(begun(), dies(2, 50), { kind: 'stop' });
    expect(steps).toEqual([
      { kind: 'drain', id: 1 },
      { kind: 'drain', id: 3 },
    ]);
    expect(turn(roster, dies(1)).steps).toEqual([]);
    expect(after(roster, dies(1), dies(3)).steps).toEqual([{ kind: 'empty' }]);
  });
});

test('whatever happens, each place keeps a worker that serves or is to come, and no place ever has more than two', () => {
  const happening = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('up' as const), pick: fc.nat() }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('gone' as const), pick: fc.nat(), lastedMs: fc.nat(30_000) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), pick: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(happening, { maxLength: 80 }), (size, list) => {
      let roster = begun(size);
      const renewals: Step[] = [];
      for (const one of list) {
        const among = roster.members.filter(({ phase }) => one.kind !== 'up' || phase === 'starting');
        const id = among[one.pick % Math.max(1, among.length)]?.id ?? 0;
        const told: Happening =
          one.kind === 'gone'
            ? { kind: 'gone', id, lastedMs: one.lastedMs }
            : one.kind === 'up'
              ? { kind: 'up', id }
              : { kind: 'renew' };
        const { roster: following, steps } = turn(roster, told);
        roster = following;
        renewals.push(...steps.filter(({ kind }) => kind === 'renewed'));
        for (let place = 1; place <= size; place += 1) {
          const there = roster.members.filter((member) => member.place === place);
          expect(there.some(({ phase }) => phase !== 'leaving')).toBe(true);
          expect(there.length).toBeLessThanOrEqual(2);
        }
      }
      // Left alone, with every worker that starts coming up and every one that leaves ending, a renewal comes to its end.
      for (let round = 0; round < 40 && roster.renewing !== null; round += 1) {
        const due = roster.members.find(({ phase }) => phase !== 'serving');
        if (due === undefined) break;
        roster = turn(roster, due.phase === 'starting' ? up(due.id) : dies(due.id)).roster;
      }
      expect(roster.renewing).toBeNull();
    }),
    { numRuns: 2_000 },
  );
});

test('a connection goes to whoever has the fewest, and of several to the one that has had the fewest', () => {
  expect(next([])).toBeNull();
  const of = (id: number, handed: number, closed: number): Parameters<typeof next>[0][number] => ({
    id,
    handed,
    closed,
  });
  expect(next([of(1, 10, 4), of(2, 5, 0), of(3, 100, 90)])?.id).toBe(2);
  expect(next([of(1, 10, 10), of(2, 0, 0)])?.id).toBe(2);
});
