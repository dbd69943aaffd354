import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { look, looksCut, QUIET_MS, SUSPECT_QUIET_MS, type Settling } from '@banyan/gateway/core/settle';

/** What happens to the file, and when: written (a new stamp), gone, or back as it was when it went. */
interface Event {
  readonly after: number;
  readonly what: 'written' | 'gone' | 'back';
}

const events = fc.array(
  fc.record<Event>({
    after: fc.integer({ min: 1, max: 900 }),
    what: fc.constantFrom<Event['what']>('written', 'written', 'written', 'gone', 'back'),
  }),
  { maxLength: 25 },
);
const POLL_MS = 100;

interface Seen {
  readonly at: number;
  readonly stamp: string;
  readonly stillFor: number;
}

/** Polls a file of that history as the watcher does, and for a while after its last event. */
function watched(history: readonly Event[], polls: readonly number[], cut: boolean): { reads: Seen[]; last: Last } {
  let now = 0;
  let stamp: string | null = 'first';
  let kept = 'first';
  let changedAt = 0;
  let state: Settling = { read: 'first', pending: null };
  const reads: Seen[] = [];
  const timeline = history.map((event, index) => ({ event, index, at: (now += event.after) }));
  const end = now + SUSPECT_QUIET_MS + 2 * QUIET_MS + 5 * POLL_MS;
  let next = 0;
  for (let at = 0, poll = 0; at <= end; at += polls[poll++ % polls.length] ?? POLL_MS) {
    for (; (timeline[next]?.at ?? Infinity) <= at; next += 1) {
      const { event, index, at: when } = timeline[next] ?? { event: { what: 'gone' }, index: 0, at: 0 };
      if (event.what === 'written') [stamp, kept, changedAt] = [`written ${index}`, `written ${index}`, when];
      else if (event.what === 'gone') stamp = null;
      else if (stamp === null) [stamp, changedAt] = [kept, when];
    }
    const seen = look(state, stamp, at);
    state = seen.next;
    if (seen.kind !== 'read' || state.pending === null) continue;
    if (cut && seen.stillFor < SUSPECT_QUIET_MS) continue;
    reads.push({ at, stamp: state.pending.stamp, stillFor: seen.stillFor });
    state = { read: state.pending.stamp, pending: null };
  }
  return { reads, last: { stamp, changedAt, read: state.read } };
}

interface Last {
  readonly stamp: string | null;
  readonly changedAt: number;
  readonly read: string;
}

describe('when a changed file is read', () => {
  const polls = fc.array(fc.integer({ min: 60, max: POLL_MS }), { minLength: 1, maxLength: 10 });

  test('never before it has kept still, whatever is done to it', () => {
    fc.assert(
      fc.property(events, polls, fc.boolean(), (history, gaps, cut) => {
        const { reads } = watched(history, gaps, cut);
        for (const { stillFor } of reads) expect(stillFor).toBeGreaterThanOrEqual(cut ? SUSPECT_QUIET_MS : QUIET_MS);
        // One reading for each state of the file at most.
        expect(new Set(reads.map(({ stamp }) => stamp)).size).toBe(reads.length);
      }),
      { numRuns: 500 },
    );
  });

  test('always within the quiet time and two polls of its last change', () => {
    fc.assert(
      fc.property(events, polls, fc.boolean(), (history, gaps, cut) => {
        const { reads, last } = watched(history, gaps, cut);
        if (last.stamp === null) return;
        expect(last.read).toBe(last.stamp);
        const reading = reads.find(({ stamp }) => stamp === last.stamp);
        if (reading === undefined || reading.at < last.changedAt) return;
        expect(reading.at - last.changedAt).toBeLessThanOrEqual((cut ? SUSPECT_QUIET_MS : QUIET_MS) + 2 * POLL_MS);
      }),
      { numRuns: 500 },
    );
  });

  test('a reading leaves time for a change to be in force within a second', () => {
    expect(SUSPECT_QUIET_MS + 2 * POLL_MS).toBeLessThan(900);
  });

  test('a file that is not there changes nothing, and is read when it is back as another', () => {
    const still: Settling = { read: 'a', pending: null };
    expect(look(still, null, 0)).toEqual({ kind: 'wait', next: still });
    const back = look(still, 'b', 10);
    expect(back).toEqual({ kind: 'wait', next: { read: 'a', pending: { stamp: 'b', since: 10 } } });
    expect(look(back.next, 'b', 10 + QUIET_MS - 1).kind).toBe('wait');
    expect(look(back.next, 'b', 10 + QUIET_MS)).toMatchObject({ kind: 'read', stillFor: QUIET_MS });
  });

  test('every change starts the quiet time again', () => {
    let state: Settling = { read: 'a', pending: null };
    for (let at = 0; at < 2_000; at += 100) {
      const seen = look(state, `b${at}`, at);
      expect(seen.kind).toBe('wait');
      state = seen.next;
    }
  });

  test('a change that was taken back before it was read is no change', () => {
    const { next } = look({ read: 'a', pending: null }, 'b', 0);
    expect(look(next, 'a', 50)).toEqual({ kind: 'wait', next: { read: 'a', pending: null } });
  });
});

describe('what looks cut off', () => {
  test.each([
    ['ends in mid-line', 'version: 1\nupstr', 'version: 1\nupstreams: {}\n', true],
    ['is empty', '', 'version: 1\n', true],
    ['is the beginning of what stood there', 'version: 1\n', 'version: 1\nroutes: {}\n', true],
    ['is the same', 'version: 1\n', 'version: 1\n', false],
    ['is longer', 'version: 1\nroutes: {}\n', 'version: 1\n', false],
    ['is shorter, and not its beginning', 'version: 2\n', 'version: 1\nroutes: {}\n', false],
  ])('a text that %s', (_name, text, before, expected) => {
    expect(looksCut(text, before)).toBe(expected);
  });

  test('every proper beginning of a file looks cut off', () => {
    const text = 'version: 1\nroutes:\n  a: { stage: legacy }\n';
    for (let end = 0; end < text.length; end += 1) expect(looksCut(text.slice(0, end), text)).toBe(true);
  });
});
