/**
 * Which workers there are, and what is to be done when one comes up, ends, or all are to be renewed. One place in the roster is
 * one worker's; a renewal puts a second one beside it for a moment.
 *
 * Pure: the shell starts, drains and waits as the steps say, and tells what came of it.
 *
 *     phase      up                              gone
 *     starting   serving; who had the place      the first start: give up; a renewal: ended, who had the place stays;
 *                before is drained               else another is started, after a pause
 *     serving    -                               another is started, after a pause
 *     leaving    -                               a renewal goes on with the next place
 */

export type Phase = 'starting' | 'serving' | 'leaving';

export interface Member {
  /** Counts workers from 1; never used again. */
  readonly id: number;
  /** From 1 to the roster's size: what it is called in metrics, so that their rows are bounded. */
  readonly place: number;
  readonly phase: Phase;
}

export interface Roster {
  readonly size: number;
  /** In the order of their start. */
  readonly members: readonly Member[];
  readonly nextId: number;
  /** Whether all have been up once: before, one that cannot come up ends the start. */
  readonly begun: boolean;
  /** Ends that nobody asked for, without a worker that lasted in between. */
  readonly failures: number;
  /** Places that a renewal has still to do, the present one first; null when there is none. */
  readonly renewing: readonly number[] | null;
  readonly stopping: boolean;
}

export type Happening =
  | { readonly kind: 'up'; readonly id: number }
  /** @see STEADY_MS; `lastedMs` from its start */
  | { readonly kind: 'gone'; readonly id: number; readonly lastedMs: number }
  | { readonly kind: 'renew' }
  | { readonly kind: 'stop' };

export type Step =
  | { readonly kind: 'start'; readonly id: number; readonly place: number; readonly afterMs: number }
  | { readonly kind: 'drain'; readonly id: number }
  /** All are up for the first time. */
  | { readonly kind: 'begun' }
  | { readonly kind: 'give-up'; readonly place: number }
  | { readonly kind: 'renewed'; readonly because: 'done' | 'a new worker did not come up' | 'stopping' }
  /** Nobody is left, and nobody is to come. */
  | { readonly kind: 'empty' };

export interface Turn {
  readonly roster: Roster;
  readonly steps: readonly Step[];
}

// A worker that lasted as long did not fail for what it found at its start.
const STEADY_MS = 10_000;
// The first is replaced at once: one request that is a worker's end must not cost capacity for long. The next ones wait, so that
// workers that cannot live do not take all of a machine's time with starting.
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** How long the start of another waits after so many failures on end, in milliseconds. */
export function pauseAfter(failures: number): number {
  return failures <= 1 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 2));
}

/** @param size how many serve, 1 or more */
export function open(size: number): Turn {
  const empty: Roster = {
    size,
    members: [],
    nextId: 1,
    begun: false,
    failures: 0,
    renewing: null,
    stopping: false,
  };
  return Array.from({ length: size }, (_, index) => index + 1).reduce<Turn>(
    (turn, place) => then(turn, add(turn.roster, place, 0)),
    { roster: empty, steps: [] },
  );
}

export function turn(roster: Roster, happening: Happening): Turn {
  switch (happening.kind) {
    case 'up':
      return up(roster, happening.id);
    case 'gone':
      return gone(roster, happening.id, happening.lastedMs);
    case 'renew':
      if (!roster.begun || roster.stopping || roster.renewing !== null) return { roster, steps: [] };
      return renewNext({ ...roster, renewing: Array.from({ length: roster.size }, (_, index) => index + 1) });
    case 'stop':
      return stop(roster);
    default:
      return happening satisfies never;
  }
}

const then = (before: Turn, after: Turn): Turn => ({
  roster: after.roster,
  steps: [...before.steps, ...after.steps],
});

function add(roster: Roster, place: number, afterMs: number): Turn {
  const id = roster.nextId;
  const members: readonly Member[] = [...roster.members, { id, place, phase: 'starting' }];
  return { roster: { ...roster, members, nextId: id + 1 }, steps: [{ kind: 'start', id, place, afterMs }] };
}

function put(roster: Roster, id: number, phase: Phase): Roster {
  return { ...roster, members: roster.members.map((member) => (member.id === id ? { ...member, phase } : member)) };
}

function up(roster: Roster, id: number): Turn {
  const member = roster.members.find((one) => one.id === id);
  if (member?.phase !== 'starting') return { roster, steps: [] };
  let next = put(roster, id, 'serving');
  const steps: Step[] = [];
  for (const other of roster.members) {
    if (other.place !== member.place || other.id === id || other.phase === 'leaving') continue;
    next = put(next, other.id, 'leaving');
    steps.push({ kind: 'drain', id: other.id });
  }
  if (!next.begun && next.members.every(({ phase }) => phase === 'serving')) {
    next = { ...next, begun: true };
    steps.push({ kind: 'begun' });
  }
  // A place whose worker ended by itself while its renewal was under way has nobody to wait for.
  const waits = next.members.some(({ phase }) => phase === 'leaving');
  const renewed = next.renewing?.[0] === member.place && !waits;
  return renewed ? then({ roster: next, steps }, renewNext(shift(next))) : { roster: next, steps };
}

function gone(roster: Roster, id: number, lastedMs: number): Turn {
  const member = roster.members.find((one) => one.id === id);
  if (member === undefined) return { roster, steps: [] };
  const left: Roster = { ...roster, members: roster.members.filter((one) => one.id !== id) };
  if (left.stopping) return { roster: left, steps: left.members.length === 0 ? [{ kind: 'empty' }] : [] };
  const { place, phase } = member;
  if (phase === 'leaving') return left.renewing?.[0] === place ? renewNext(shift(left)) : { roster: left, steps: [] };
  if (!left.begun) return { roster: left, steps: [{ kind: 'give-up', place }] };
  const failed: Roster = { ...left, failures: lastedMs >= STEADY_MS ? 1 : left.failures + 1 };
  const held = failed.members.some((one) => one.place === place && one.phase !== 'leaving');
  if (!held) return add(failed, place, pauseAfter(failed.failures));
  // The one beside it has the place, or will have it when it comes up.
  if (phase === 'serving' || failed.renewing === null) return { roster: failed, steps: [] };
  return {
    roster: { ...failed, renewing: null },
    steps: [{ kind: 'renewed', because: 'a new worker did not come up' }],
  };
}

const shift = (roster: Roster): Roster => ({ ...roster, renewing: roster.renewing?.slice(1) ?? null });

/** Goes on with the next place whose worker serves; one that is being started is new already. */
function renewNext(roster: Roster): Turn {
  const serves = (place: number): boolean =>
    roster.members.some((member) => member.place === place && member.phase === 'serving');
  const rest = roster.renewing?.slice((roster.renewing ?? []).findIndex(serves)) ?? [];
  const [place] = rest;
  if (place === undefined || !serves(place))
    return { roster: { ...roster, renewing: null }, steps: [{ kind: 'renewed', because: 'done' }] };
  return add({ ...roster, renewing: rest }, place, 0);
}

function stop(roster: Roster): Turn {
  if (roster.stopping) return { roster, steps: [] };
  const ended: readonly Step[] = roster.renewing === null ? [] : [{ kind: 'renewed', because: 'stopping' }];
  const steps: Step[] = [...ended];
  for (const { id } of roster.members) steps.push({ kind: 'drain', id });
  if (roster.members.length === 0) steps.push({ kind: 'empty' });
  const members = roster.members.map((member): Member => ({ ...member, phase: 'leaving' }));
  return { roster: { ...roster, members, renewing: null, stopping: true }, steps };
}

/** How many connections a worker has had, and has closed: what is between them is open. */
export interface Load {
  readonly id: number;
  readonly handed: number;
  readonly closed: number;
}

/**
 * Who takes the next connection: whoever has the fewest, and of several the one that has had the fewest. So a worker that has
 * just come up fills up first. Null when nobody serves.
 */
export function next(loads: readonly Load[]): Load | null {
  let best: Load | null = null;
  for (const load of loads) {
    const fewer = best === null ? -1 : load.handed - load.closed - (best.handed - best.closed);
    if (best === null || fewer < 0 || (fewer === 0 && load.handed < best.handed)) best = load;
  }
  return best;
}
