import type { Database } from 'better-sqlite3'
import type { Clock } from '../base/clock.ts'
import type { ElapsedClock } from '../base/elapsed-time.ts'
import type { Seq } from '../base/reading.ts'
import type { StoreSettings } from '../settings/edge.ts'
import { Arrivals, type TimeOf } from './arrivals.ts'
import { Catalog } from './catalog.ts'
import { EpochRenewals } from './delivery/epoch-renewals.ts'
import { LinkUsage } from './delivery/link-usage.ts'
import { NamePauses } from './delivery/name-pauses.ts'
import type { Outbox } from './delivery/outbox.ts'
import { openOutboxes, type Retired, type UplinkStart } from './delivery/outboxes.ts'
import { RunRecord } from './delivery/run-record.ts'
import { DownQueue } from './down/down-queue.ts'
import type { EdgeName } from './edge-name.ts'
import { ForwardQueue } from './forward/forward-queue.ts'
import { assembleRetention } from './housekeeping/assemble.ts'
import { Forecaster } from './housekeeping/forecaster.ts'
import { Housekeeping } from './housekeeping/housekeeping.ts'
import type { Removal } from './housekeeping/removal.ts'
import type { Archive } from './housekeeping/retention.ts'
import { Space } from './housekeeping/space.ts'
import { Incoming } from './incoming.ts'
import { Unrouted } from './kept/unrouted.ts'
import { LogWriter } from './log.ts'
import { Positions } from './positions.ts'
import type { Soundness } from './recovery/soundness.ts'
import { Rejects } from './rejects.ts'
import { Repeats } from './repeats/repeats.ts'
import { BlockTable } from './sealed/blocks.ts'
import { SealDirectory } from './sealed/seals.ts'
import type { HousekeepingContext } from './sealed/task.ts'
import { VerdictTable } from './sealed/verdicts.ts'
import { SeriesUpkeep } from './series/series-upkeep.ts'
import { readLastSeq } from './timeline.ts'

/**
 * What a store is given in addition to its settings; by default the clocks of this machine, no archive, and no check of the
 * name of the edge.
 */
export interface StoreTools {
  readonly edge?: EdgeName | undefined
  readonly archive?: Archive | undefined
  readonly clock?: Clock
  readonly elapsedClock?: ElapsedClock
}

/** The options of a store. */
export interface StoreOptions {
  readonly folder: string
  readonly settings: StoreSettings
  readonly uplinks: readonly UplinkStart[]
  readonly edge: EdgeName | undefined
  readonly archive: Archive | undefined
  /** The system clock, and the time since the machine started. */
  readonly clock: Clock
  readonly elapsedClock: ElapsedClock
}

/** The parts that a commit of publishes writes to. */
export interface StoreIntake {
  /** Devices and series. Replaced after a failed transaction. */
  catalog: Catalog
  /** The newest readings. Replaced after a failed transaction. */
  log: LogWriter
  readonly repeats: Repeats
  /** QoS 2 packet identifiers. */
  readonly incoming: Incoming
  readonly rejects: Rejects
  /** Publishes without a route. */
  readonly unrouted: Unrouted
}

/** Everything about delivery to the uplinks. */
export interface StoreDelivery {
  readonly outboxes: readonly Outbox[]
  /** Uplinks that the settings no longer name; their state was removed at this start. */
  readonly retired: readonly Retired[]
  readonly linkUsage: LinkUsage
  readonly renewals: EpochRenewals
  readonly pauses: NamePauses
  readonly run: RunRecord
  readonly forwards: ForwardQueue
  /** Messages from the cloud for local clients. */
  readonly down: DownQueue
}

/** Readings in compressed blocks. */
export interface StoreBlocks {
  readonly seals: SealDirectory
  readonly blocks: BlockTable
  readonly positions: Positions
  readonly verdicts: VerdictTable
  readonly arrivals: Arrivals
}

/** Room, retention and the soundness of the database. */
export interface StoreUpkeep {
  readonly space: Space
  readonly soundness: Soundness
  readonly housekeeping: Housekeeping
  readonly removal: Removal
  readonly forecaster: Forecaster
  /** Forgets devices, and gives back unused series. */
  readonly series: SeriesUpkeep
}

export function openSealed(database: Database, timeOf: TimeOf): StoreBlocks {
  const seals = new SealDirectory(database)
  const blocks = new BlockTable(database)
  const positions = new Positions(database, seals, blocks)
  return {
    seals,
    blocks,
    positions,
    verdicts: new VerdictTable(database),
    arrivals: new Arrivals(database, seals, timeOf),
  }
}

export function openIntake(database: Database, settings: StoreSettings, positions: Positions): StoreIntake {
  return {
    catalog: new Catalog(database, settings),
    log: new LogWriter(database, readLastSeq(database)),
    repeats: new Repeats(database, settings.repeatWindow, (first) => positions.sealedFrom(first)),
    incoming: new Incoming(database),
    rejects: new Rejects(database, settings),
    unrouted: new Unrouted(database, settings),
  }
}

export function openDelivery(
  database: Database,
  { settings, uplinks }: StoreOptions,
  { positions, arrivals, lastSeq }: StoreBlocks & { readonly lastSeq: Seq },
): StoreDelivery {
  const firstSince = (utc: number): Seq => arrivals.firstSince(utc, lastSeq)
  return {
    ...openOutboxes(uplinks, { database, positions, lastSeq, firstSince }),
    linkUsage: new LinkUsage(database),
    renewals: new EpochRenewals(database),
    pauses: new NamePauses(database),
    run: new RunRecord(database),
    forwards: new ForwardQueue(database, settings, uplinks),
    down: new DownQueue(database, settings),
  }
}

export function openUpkeep(
  context: HousekeepingContext,
  options: StoreOptions,
  parts: { readonly soundness: Soundness; readonly intake: StoreIntake; readonly outboxes: readonly Outbox[] },
): StoreUpkeep {
  const { soundness, intake, outboxes } = parts
  const catalog = (): Catalog => intake.catalog
  const { folder, settings } = options
  const space = new Space(context.database, folder, settings)
  const retention = assembleRetention(context, options, catalog)
  const housekeeping = new Housekeeping(retention, settings, [intake.unrouted, intake.rejects])
  const forecaster = new Forecaster(space, context.seals, housekeeping)
  const series = new SeriesUpkeep({
    ...{ settings, retention, outboxes, catalog, repeats: intake.repeats, rejects: intake.rejects },
    lastSeq: () => intake.log.lastSeq,
    splitAfter: (ends) => housekeeping.splitAfter(ends),
  })
  return { space, soundness, housekeeping, removal: retention.removal, forecaster, series }
}
