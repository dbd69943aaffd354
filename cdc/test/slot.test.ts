import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLsn } from '@banyan/backbone/core/lsn';
import type { Checkpoint } from '@banyan/cdc/core/checkpoint';
import { continuity, type Continuity, type Facts, type Slot } from '@banyan/cdc/core/slot';

const checkpoint: Checkpoint = {
  system: '7000',
  timeline: 1,
  incarnation: 3,
  lsn: toLsn(1000n),
  snapshot: 'done',
  tables: {},
};
const slot: Slot = {
  kind: 'logical',
  plugin: 'pgoutput',
  database: 'legacy',
  activePid: null,
  confirmed: toLsn(900n),
  invalidated: null,
};
const facts: Facts = {
  name: 'banyan',
  mode: 'initial',
  database: 'legacy',
  system: '7000',
  timeline: 1,
  walEnd: toLsn(5000n),
  slot,
  checkpoint,
  parted: null,
  published: true,
  unpublished: [],
};

type Case = readonly [name: string, change: Partial<Facts>, kind: Continuity['kind'], because: string];

const cases: readonly Case[] = [
  ['a slot behind the checkpoint is streamed', {}, 'stream', 'slot-ok'],
  ['a slot at the checkpoint is streamed', { slot: { ...slot, confirmed: toLsn(1000n) } }, 'stream', 'slot-ok'],
  ['a slot in use is waited for', { slot: { ...slot, activePid: 4711 } }, 'wait', 'slot-in-use'],
  ['a slot that is gone is a gap', { slot: null }, 'refuse', 'slot-missing'],
  ['a slot whose WAL is gone is a gap', { slot: { ...slot, invalidated: 'wal_removed' } }, 'refuse', 'slot-lost'],
  [
    'a slot ahead of the checkpoint was made anew',
    { slot: { ...slot, confirmed: toLsn(1001n) } },
    'refuse',
    'slot-ahead-of-checkpoint',
  ],
  ['another cluster is a gap', { system: '7001' }, 'refuse', 'another-cluster'],
  [
    'a server that ends before the checkpoint was restored',
    { walEnd: toLsn(999n) },
    'refuse',
    'server-behind-checkpoint',
  ],
  ['a publication that is gone is a gap', { published: false }, 'refuse', 'publication-missing'],
  ['a table taken out of the publication is a gap', { unpublished: ['public.things'] }, 'refuse', 'tables-unpublished'],
  ['a failover behind the checkpoint goes on', { timeline: 2, parted: toLsn(1000n) }, 'stream', 'slot-ok'],
  ['a failover before the checkpoint is a gap', { timeline: 2, parted: toLsn(999n) }, 'refuse', 'another-history'],
  ['a timeline of unknown origin is a gap', { timeline: 2, parted: null }, 'refuse', 'another-history'],
  ['a physical slot is somebody else’s', { slot: { ...slot, kind: 'physical' } }, 'refuse', 'slot-foreign'],
  ['a slot of another database is somebody else’s', { slot: { ...slot, database: 'x' } }, 'refuse', 'slot-foreign'],
  ['no checkpoint: the first start', { slot: null, checkpoint: null }, 'begin', 'first-start'],
  [
    'an interrupted snapshot is begun anew',
    { checkpoint: { ...checkpoint, snapshot: 'running' } },
    'begin',
    'snapshot-interrupted',
  ],
];

describe('whether the stream goes on', () => {
  test.each(cases)('%s', (_name, change, kind, because) => {
    expect(continuity({ ...facts, ...change })).toMatchObject({ kind, because });
  });

  test.each(cases.filter(([, , kind, because]) => kind === 'refuse' && because !== 'slot-foreign'))(
    'with when_needed, %s, and everything is read anew',
    (_name, change, _kind, because) => {
      expect(continuity({ ...facts, ...change, mode: 'when_needed' })).toMatchObject({
        kind: 'begin',
        incarnation: 4,
        snapshot: true,
        because,
      });
    },
  );

  test('a slot without a checkpoint is dropped for a first snapshot, and taken as it is where there is to be none', () => {
    expect(continuity({ ...facts, checkpoint: null })).toMatchObject({ kind: 'begin', incarnation: 1, drop: true });
    expect(continuity({ ...facts, checkpoint: null, mode: 'never' })).toMatchObject({ kind: 'stream', from: 900n });
    expect(continuity({ ...facts, checkpoint: null, slot: null, mode: 'never' })).toMatchObject({
      kind: 'begin',
      snapshot: false,
    });
  });
});

const lsn = fc.bigInt({ min: 1n, max: 2000n }).map(toLsn);

test('whatever is found, the stream goes on only from where it cannot have a gap', () => {
  const anyFacts = fc.record({
    name: fc.constant('banyan'),
    database: fc.constant('legacy'),
    mode: fc.constantFrom('initial' as const, 'never' as const, 'when_needed' as const),
    system: fc.constantFrom('7000', '7001'),
    timeline: fc.integer({ min: 1, max: 2 }),
    walEnd: lsn,
    parted: fc.option(lsn, { nil: null }),
    published: fc.boolean(),
    unpublished: fc.constantFrom([], ['public.things']),
    slot: fc.option(
      fc.record({
        kind: fc.constantFrom('logical' as const, 'physical' as const),
        plugin: fc.constantFrom('pgoutput', 'wal2json', null),
        database: fc.constantFrom('legacy', 'other', null),
        activePid: fc.option(fc.constant(1), { nil: null }),
        confirmed: fc.option(lsn, { nil: null }),
        invalidated: fc.option(fc.constant('wal_removed'), { nil: null }),
      }),
      { nil: null },
    ),
    checkpoint: fc.option(
      fc.record({
        system: fc.constantFrom('7000', '7001'),
        timeline: fc.integer({ min: 1, max: 2 }),
        incarnation: fc.integer({ min: 1, max: 9 }),
        lsn,
        snapshot: fc.constantFrom('running' as const, 'done' as const, 'none' as const),
        tables: fc.constant({}),
      }),
      { nil: null },
    ),
  });
  fc.assert(
    fc.property(anyFacts, (found) => {
      const answer = continuity(found);
      const next = (found.checkpoint?.incarnation ?? 0) + 1;
      const sound = answer.kind === 'stream' ? unbroken(found) : answer.kind !== 'begin' || answer.incarnation === next;
      expect(sound).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

/** Whether nothing can have been lost between the checkpoint and what the slot will send. */
function unbroken({ slot: held, checkpoint: kept, system, published, unpublished }: Facts): boolean {
  if (held === null || held.activePid !== null || held.invalidated !== null) return false;
  if (held.plugin !== 'pgoutput' || held.database !== 'legacy' || held.confirmed === null) return false;
  if (kept === null) return true;
  return (
    kept.system === system &&
    kept.snapshot !== 'running' &&
    held.confirmed <= kept.lsn &&
    published &&
    unpublished.length === 0
  );
}
