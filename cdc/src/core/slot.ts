/**
 * Whether the stream goes on where the checkpoint left it. Asked at each (re)connect, before anything is read:
 *
 *   no checkpoint ───────────────────────────▶ begin
 *   initial snapshot was interrupted ────────▶ begin anew, next incarnation
 *   slot in use ─────────────────────────────▶ wait
 *   slot there, at or behind the checkpoint ─▶ stream
 *   anything else is a gap ──────────────────▶ begin anew (`snapshot: when_needed`), or refuse
 *
 * Never "go on as if nothing had happened": a gap that nobody is told of cannot be repaired by anybody.
 */
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Checkpoint } from './checkpoint.ts';

export type SnapshotMode = 'initial' | 'never' | 'when_needed';

/** A row of `pg_replication_slots`. */
export interface Slot {
  readonly kind: 'logical' | 'physical';
  readonly plugin: string | null;
  readonly database: string | null;
  /** Process id of the walsender that reads it; null when nobody does. */
  readonly activePid: number | null;
  readonly confirmed: Lsn | null;
  /** Whether the server can still serve it: null, or its reason why not. */
  readonly invalidated: string | null;
}

export interface Facts {
  readonly name: string;
  readonly mode: SnapshotMode;
  readonly database: string;
  readonly system: string;
  readonly timeline: number;
  /** End of the server's flushed WAL. */
  readonly walEnd: Lsn;
  readonly slot: Slot | null;
  readonly checkpoint: Checkpoint | null;
  /** Where the checkpoint's timeline was left; null when it is the current one, or not among its ancestors. */
  readonly parted: Lsn | null;
  /** Whether the publication is there. What is decoded without it is refused by the server, now and later. */
  readonly published: boolean;
  /** Tables that were followed, and are not in the publication any more: their changes since are not in the stream. */
  readonly unpublished: readonly string[];
}

/** What breaks continuity. */
export type Gap =
  | 'slot-missing'
  | 'slot-lost'
  | 'publication-missing'
  | 'tables-unpublished'
  | 'slot-ahead-of-checkpoint'
  | 'another-cluster'
  | 'another-history'
  | 'server-behind-checkpoint';

export type Continuity =
  | { readonly kind: 'stream'; readonly from: Lsn; readonly incarnation: number; readonly because: 'slot-ok' }
  | {
      readonly kind: 'begin';
      readonly incarnation: number;
      readonly snapshot: boolean;
      /** A slot that no longer says anything stands in the way. */
      readonly drop: boolean;
      readonly because: 'first-start' | 'snapshot-interrupted' | Gap;
      readonly says: string;
    }
  | { readonly kind: 'wait'; readonly because: 'slot-in-use'; readonly says: string }
  | { readonly kind: 'refuse'; readonly because: 'slot-foreign' | Gap; readonly says: string; readonly remedy: string };

/** Total: every combination has an answer, and the answer says why. */
export function continuity(facts: Facts): Continuity {
  const { slot, checkpoint, mode, name } = facts;
  if (slot !== null && (slot.kind !== 'logical' || slot.plugin !== 'pgoutput' || slot.database !== facts.database))
    return {
      kind: 'refuse',
      because: 'slot-foreign',
      says: `the replication slot "${name}" exists, but is a ${describe(slot)}, not one of plugin pgoutput for database "${facts.database}"`,
      remedy: 'choose another name under "slot"',
    };
  if (slot !== null && slot.activePid !== null)
    return {
      kind: 'wait',
      because: 'slot-in-use',
      says: `the replication slot "${name}" is read by another connection (server process ${slot.activePid})`,
    };
  if (checkpoint === null) return first(facts);
  if (checkpoint.snapshot === 'running')
    return {
      kind: 'begin',
      incarnation: checkpoint.incarnation + 1,
      snapshot: true,
      drop: slot !== null,
      because: 'snapshot-interrupted',
      says: 'the initial snapshot was interrupted, and is begun anew',
    };
  const gap = gapOf(facts, checkpoint);
  if (gap === null)
    return { kind: 'stream', from: checkpoint.lsn, incarnation: checkpoint.incarnation, because: 'slot-ok' };
  if (mode === 'when_needed')
    return {
      kind: 'begin',
      incarnation: checkpoint.incarnation + 1,
      snapshot: true,
      drop: slot !== null,
      because: gap,
      says: `${sayings[gap](facts, checkpoint)}; every table is read anew`,
    };
  return { kind: 'refuse', because: gap, says: sayings[gap](facts, checkpoint), remedy: REMEDY };
}

const REMEDY =
  'changes made since are lost to the stream. Set "snapshot: when_needed" to have every table read anew, or restore the slot';

function first({ mode, slot }: Facts): Continuity {
  // `never` asks for the stream from wherever the slot stands; its owner may have placed it with care.
  if (mode === 'never' && slot !== null && slot.confirmed !== null && slot.invalidated === null)
    return { kind: 'stream', from: slot.confirmed, incarnation: 1, because: 'slot-ok' };
  return {
    kind: 'begin',
    incarnation: 1,
    snapshot: mode !== 'never',
    drop: slot !== null,
    because: 'first-start',
    says:
      slot === null
        ? 'there is no checkpoint: this is the first start'
        : 'there is a slot, but no checkpoint beside it',
  };
}

function gapOf(facts: Facts, checkpoint: Checkpoint): Gap | null {
  const { slot } = facts;
  if (checkpoint.system !== facts.system) return 'another-cluster';
  if (checkpoint.timeline !== facts.timeline && (facts.parted === null || checkpoint.lsn > facts.parted))
    return 'another-history';
  if (checkpoint.lsn > facts.walEnd) return 'server-behind-checkpoint';
  if (slot === null) return 'slot-missing';
  if (!facts.published) return 'publication-missing';
  if (facts.unpublished.length > 0) return 'tables-unpublished';
  if (slot.invalidated !== null || slot.confirmed === null) return 'slot-lost';
  if (slot.confirmed > checkpoint.lsn) return 'slot-ahead-of-checkpoint';
  return null;
}

const sayings: Readonly<Record<Gap, (facts: Facts, checkpoint: Checkpoint) => string>> = {
  'slot-missing': ({ name }) => `the replication slot "${name}" is gone`,
  'publication-missing': () => 'the publication is gone, and changes made without it cannot be decoded',
  'tables-unpublished': ({ unpublished }) =>
    `${unpublished.join(', ')} had been taken out of the publication; changes made since are not in the stream`,
  'slot-lost': ({ name, slot }) =>
    `the server no longer has the WAL that the replication slot "${name}" needs (${slot?.invalidated ?? 'it has no position'})`,
  'slot-ahead-of-checkpoint': ({ name, slot }, { lsn }) =>
    `the replication slot "${name}" stands at ${formatLsn(slot?.confirmed ?? lsn)}, ahead of the checkpoint at ${formatLsn(lsn)}: ` +
    'it was dropped and created again, or read by somebody else',
  'another-cluster': ({ system }, checkpoint) =>
    `this is another cluster (system identifier ${system}; the checkpoint is of ${checkpoint.system})`,
  'another-history': ({ timeline, parted }, { timeline: old, lsn }) =>
    parted === null
      ? `timeline ${timeline} of the server does not come from timeline ${old} of the checkpoint`
      : `the server left timeline ${old} at ${formatLsn(parted)}, before the checkpoint at ${formatLsn(lsn)}`,
  'server-behind-checkpoint': ({ walEnd }, { lsn }) =>
    `the server's WAL ends at ${formatLsn(walEnd)}, before the checkpoint at ${formatLsn(lsn)}: it was restored from a backup`,
};

function describe({ kind, plugin, database }: Slot): string {
  return kind === 'physical'
    ? 'physical one'
    : `logical one of plugin ${plugin ?? 'unknown'} for database "${database ?? '?'}"`;
}
