/**
 * What happens before anything is streamed: look at the source, decide whether the stream goes on, make publication and slot.
 * The order matters: nothing is changed before everything has been looked at, and nobody is shut out of the sink before the
 * slot is free.
 */
import { formatLsn, parseLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Logger } from 'pino';
import {
  asSystem,
  readPublication,
  readServer,
  readSlot,
  readTables,
  type Publication,
  type Server,
  type System,
  type Table,
} from './catalogue.ts';
import type { Config } from './config.ts';
import { readCheckpoint, type Checkpoint } from './core/checkpoint.ts';
import { select } from './core/glob.ts';
import { keyOf } from './shapes.ts';
import { partingPoint } from './core/history.ts';
import { plainName, quoteName, topicName, topicOf } from './core/name.ts';
import { continuity, type Continuity } from './core/slot.ts';
import { CdcError } from './errors.ts';
import { assertIdentities, assertReadable, publicationChanges, publishable, publish, serves } from './publication.ts';
import type { Sink } from './sink.ts';
import type { Replication, Sql } from './wire.ts';

const OLDEST_VERSION = 150_000; // Publications of schemas, options of CREATE_REPLICATION_SLOT in parentheses

/** What the source is, and what of it is captured. */
export interface Found {
  readonly server: Server;
  readonly system: System;
  readonly tables: readonly Table[];
  /** As it was found; null when there was none. */
  readonly publication: Publication | null;
  /** Whether stored generated columns are in the stream. */
  readonly generated: boolean;
}

export interface Looking {
  readonly config: Config;
  readonly sql: Sql;
  readonly replication: Replication;
  readonly log: Logger;
  /** Whether a table that cannot be captured is a reason to stop: at the first start, and not for a table that came later. */
  readonly strict: boolean;
}

/**
 * Looks at the server, the tables and the publication; changes nothing.
 * @throws CdcError CDC_WAL_LEVEL, CDC_NOT_SUPPORTED, CDC_NO_IDENTITY, CDC_PRIVILEGES, CDC_SOURCE_LOST while it recovers
 */
export async function look({ config, sql, replication, log, strict }: Looking): Promise<Found> {
  const server = await readServer(sql);
  if (server.version < OLDEST_VERSION)
    throw new CdcError(
      'CDC_NOT_SUPPORTED',
      `Postgres ${Math.floor(server.version / 10_000)} is too old: 15 is the oldest that is supported`,
    );
  if (server.inRecovery)
    throw new CdcError('CDC_SOURCE_LOST', 'the server is in recovery (a standby): waiting until it is not');
  if (server.walLevel !== 'logical')
    throw new CdcError(
      'CDC_WAL_LEVEL',
      `the server's wal_level is "${server.walLevel}". Set "wal_level = logical" in postgresql.conf and restart the server`,
    );
  const [row] = await replication.command('IDENTIFY_SYSTEM');
  const publication = await readPublication(sql, config.publication);
  const generated = publication === null ? server.version >= 180_000 : publication.generated;
  const all = await readTables(sql, { viaRoot: config.viaRoot, generated });
  const { chosen, idle } = select(config.tables, all);
  for (const glob of idle) log.warn(`"${glob}" under "tables" matches no table`);
  const sound = strict ? chosen : chosen.filter((table) => publication?.tables.has(table.oid) || publishable(table));
  for (const table of chosen)
    if (!sound.includes(table)) log.warn(`${plainName(table)} is left out: it cannot be captured`);
  assertIdentities(sound);
  assertReadable(sound, config.database.user);
  return { server, system: asSystem(row), tables: sound, publication, generated };
}

/** Topics of the tables, and of what comes beside them. */
export function topicsOf(config: Config, tables: readonly Table[]): readonly string[] {
  const prefix = config.topicPrefix;
  const beside = config.transactions ? ['message', 'transaction'] : ['message'];
  return [...tables.map((table) => topicOf(prefix, table)), ...beside.map((name) => topicName(`${prefix}.${name}`))];
}

export interface Opened {
  readonly sink: Sink;
  readonly checkpoint: Checkpoint | null;
  readonly decision: Exclude<Continuity, { kind: 'wait' | 'refuse' }>;
}

/**
 * Opens the sink and decides whether the stream goes on. Nobody is shut out of the sink while the slot is in use.
 * @throws CdcError CDC_SLOT_IN_USE, CDC_SLOT_FOREIGN, CDC_GAP, CDC_NO_TABLES, CDC_CHECKPOINT, or the sink's
 */
export async function decide(looking: Looking, found: Found, openSink: () => Promise<Sink>): Promise<Opened> {
  const { config, sql, replication } = looking;
  const slot = await readSlot(sql, config.slot);
  if (slot !== null && slot.activePid !== null)
    throw new CdcError(
      'CDC_SLOT_IN_USE',
      `the replication slot "${config.slot}" is read by another connection (server process ${slot.activePid}). ` +
        'Waiting until it is free; if that is another connector, give each a slot of its own',
    );
  const sink = await openSink();
  try {
    const checkpoint = sink.checkpoint === null ? null : readCheckpoint(sink.checkpoint);
    if (sink.checkpoint !== null && checkpoint === null)
      throw new CdcError(
        'CDC_CHECKPOINT',
        `the checkpoint in the sink is not one of this connector: ${sink.checkpoint.slice(0, 200)}`,
      );
    const decision = continuity({
      name: config.slot,
      mode: config.snapshot,
      database: config.database.database,
      system: found.system.system,
      timeline: found.system.timeline,
      walEnd: found.system.walEnd,
      slot,
      checkpoint,
      parted: await parted(replication, found.system, checkpoint),
      published: found.publication !== null,
      unpublished: unpublished(found, checkpoint),
    });
    if (decision.kind === 'refuse')
      throw new CdcError(
        decision.because === 'slot-foreign' ? 'CDC_SLOT_FOREIGN' : 'CDC_GAP',
        `${decision.because}: ${decision.says}; ${decision.remedy}`,
      );
    // A stream that goes on may have to bring the last changes of tables that are gone.
    if (decision.kind === 'begin' && found.tables.length === 0)
      throw new CdcError('CDC_NO_TABLES', `no table of database "${config.database.database}" matches "tables"`);
    if (decision.kind === 'wait') throw new CdcError('CDC_SLOT_IN_USE', decision.says);
    return { sink, checkpoint, decision };
  } catch (error) {
    await sink.close();
    throw error;
  }
}

/** Tables that the checkpoint follows and the publication does not hold any more. */
function unpublished({ publication, tables }: Found, checkpoint: Checkpoint | null): readonly string[] {
  if (publication === null || checkpoint === null) return [];
  const left = tables.filter((table) => keyOf(table) in checkpoint.tables && !publication.tables.has(table.oid));
  return left.map(plainName);
}

async function parted(replication: Replication, system: System, checkpoint: Checkpoint | null): Promise<Lsn | null> {
  if (checkpoint === null || checkpoint.system !== system.system || checkpoint.timeline === system.timeline)
    return null;
  const [row] = await replication.command(`TIMELINE_HISTORY ${system.timeline}`);
  return partingPoint(row?.['content'] ?? '', checkpoint.timeline);
}

/**
 * Makes the publication fit. It must be there before a slot is made: the server decodes by the catalogue as of then.
 * @throws CdcError CDC_PRIVILEGES
 */
export async function prepare({ config, sql, log }: Looking, found: Found): Promise<void> {
  const { publication, tables, server } = found;
  const changes = publicationChanges(config, publication, tables, server.version);
  if (changes.length === 0) return;
  const enough = serves(config, publication, tables);
  if (!config.managePublication && enough) return;
  if (!config.managePublication)
    throw new CdcError(
      'CDC_PRIVILEGES',
      `the publication "${config.publication}" does not fit, and "publication.autocreate.mode" is disabled. Have run:\n${changes.map((change) => `  ${change};`).join('\n')}`,
    );
  try {
    await publish(sql, changes, tables);
    log.info({ tables: tables.map(plainName) }, `publication "${config.publication}" set to ${tables.length} tables`);
  } catch (error) {
    if (!enough || !(error instanceof CdcError) || error.code !== 'CDC_PRIVILEGES') throw error;
    log.warn(
      `the publication "${config.publication}" holds more than was asked for; it is left as it is: ${error.message}`,
    );
  }
}

export interface NewSlot {
  readonly consistentPoint: Lsn;
  /** null where none was exported. */
  readonly snapshotName: string | null;
}

/**
 * Makes the slot; waits until every transaction that is open now has ended.
 * @param drop a slot of that name first
 */
export async function makeSlot(
  { config, replication, log }: Looking,
  { drop, snapshot }: { readonly drop: boolean; readonly snapshot: boolean },
): Promise<NewSlot> {
  const name = quoteName(config.slot);
  if (drop) await replication.command(`DROP_REPLICATION_SLOT ${name}`);
  log.info(`creating the replication slot "${config.slot}" (transactions that are open now have to end first)`);
  const [row] = await replication.command(
    `CREATE_REPLICATION_SLOT ${name} LOGICAL pgoutput (SNAPSHOT '${snapshot ? 'export' : 'nothing'}')`,
  );
  const consistentPoint = parseLsn(row?.['consistent_point'] ?? '');
  if (consistentPoint === null) throw new CdcError('CDC_STREAM', 'the server made a slot without a position');
  log.info(`replication slot "${config.slot}" begins at ${formatLsn(consistentPoint)}`);
  return { consistentPoint, snapshotName: row?.['snapshot_name'] ?? null };
}
