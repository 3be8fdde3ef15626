import type { Database } from 'better-sqlite3'
import type { Clock } from '../base/clock.ts'
import type { ElapsedClock } from '../base/elapsed-time.ts'
import { SeqSet } from '../base/ranges.ts'
import type { Quality, Seq, SeqRange, Value } from '../base/reading.ts'
import type { RetentionRule } from '../settings/schema/retention.ts'
import { readNewestArrival } from './arrivals.ts'
import type { ClockStatus } from './clock/clock-state.ts'
import { ClockSteps } from './clock/clock-steps.ts'
import { StoreClock } from './clock/store-clock.ts'
import { readClock, readSteps } from './clock/store-time.ts'
import { openReadOnly } from './database.ts'
import { NamePauses } from './delivery/name-pauses.ts'
import { auditDown, type DownAccount, type DownHead, downHeads } from './down/down-account.ts'
import { type NameChange, nameChanges } from './edge-name.ts'
import { auditForwards, type ForwardAccount, type ParkedMessage, parkedMessages } from './forward/forward-account.ts'
import { planRetention, type RetentionPlan } from './housekeeping/retention-plan.ts'
import {
  auditUnrouted,
  type UnroutedAccount,
  type UnroutedHead,
  unroutedHeads,
  unroutedPayload,
} from './kept/unrouted-account.ts'
import { auditLedger, type LedgerRow } from './ledger.ts'
import { Positions } from './positions.ts'
import { BlockTable } from './sealed/blocks.ts'
import { SealDirectory } from './sealed/seals.ts'

export type { DownAccount, DownHead } from './down/down-account.ts'
export type { ForwardAccount, ParkedMessage } from './forward/forward-account.ts'
export type { UnroutedAccount, UnroutedHead } from './kept/unrouted-account.ts'

/** A kept message that could not be decoded, or not completely. */
export interface RejectRow {
  readonly id: number
  /** UTC ms. */
  readonly receivedAt: number
  readonly device: string
  readonly topic: string
  readonly client: string
  readonly reason: string
  /** Number of fields that were not understood, one line of `reason` each; 0: nothing was understood. */
  readonly fields: number
  /** The kept part of the payload; `payloadBytes` is its full length. */
  readonly payload: Uint8Array
  readonly payloadBytes: number
}

/** A reading that the receiver of an uplink refuses permanently. */
export interface ParkedRow {
  readonly id: number
  readonly uplink: string
  /** UTC ms. */
  readonly parkedAt: number
  readonly reason: string
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
  readonly seq: Seq
  readonly ts: number
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
  /** An operator has requested that it is sent again. */
  readonly replay: boolean
}

export interface StoreSummary {
  readonly epoch: string
  readonly lastSeq: number
  readonly devices: number
  readonly series: number
  readonly rejects: number
  readonly unrouted: number
  readonly backlogs: readonly { readonly uplink: string; readonly confirmed: number; readonly waiting: number }[]
}

const REJECT_COLUMNS = `rejects.id, received_at AS receivedAt, devices.name AS device, topic, client, reason, fields, payload,
  payload_bytes AS payloadBytes FROM rejects JOIN devices ON devices.id = rejects.device`

const PARKED = `SELECT parked.id, uplinks.name AS uplink, parked_at AS parkedAt, reason, devices.name AS device, metric, unit, seq,
  ts, value, quality, reasons, replay, typeof(value) = 'integer' AS isBoolean FROM parked
  JOIN uplinks ON uplinks.id = parked.uplink JOIN series ON series.id = parked.series
  JOIN devices ON devices.id = series.device WHERE parked.id < ? ORDER BY parked.id DESC LIMIT ?`

/**
 * The reading side of tidegate.db for commands: a connection of its own that cannot write; the edge may be running.
 * @throws OperatorError when there is no database, or a newer one.
 */
export function openReader(folder: string): StoreReader {
  return new StoreReader(openReadOnly(folder))
}

export class StoreReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The account of every device, checked against the readings themselves; see `auditLedger`. */
  ledger(uplink?: string): LedgerRow[] {
    return this.#snapshot(() => auditLedger(this.#database, this.#settled(uplink)))
  }

  /** Changes of the name of the edge, accepted with `--adopt`: the newest, at most 20. */
  nameChanges(): readonly NameChange[] {
    return nameChanges(this.#database)
  }

  /** Since when an uplink is paused because another edge has the same name (UTC ms); undefined: it is not. */
  pausedSince(uplink: string): number | undefined {
    return new NamePauses(this.#database).since(uplink)
  }

  /** The effect that retention with these rules would have now, by the store clock. */
  retention(rules: readonly RetentionRule[], clocks: { system: Clock; elapsedClock: ElapsedClock }): RetentionPlan[] {
    return this.#snapshot(() => {
      const settled = [...this.#settled()].map(([, { set }]) => set)
      const steps = new ClockSteps(readSteps(this.#database))
      const now = clockOf(this.#database, clocks).now()
      return planRetention(this.#database, { rules, settled, now, timeOf: (seq, at) => steps.timeOf(seq, at) })
    })
  }

  /** The store clock as the edge last saved it, and what the system clock shows now. */
  clock(clocks: { system: Clock; elapsedClock: ElapsedClock }): ClockStatus {
    const clock = clockOf(this.#database, clocks)
    clock.observe({ system: clocks.system.now(), synchronised: undefined })
    return clock.status
  }

  /** Rejects, the newest first; only those with an id below `beforeId`. */
  rejects(limit: number, beforeId = Number.MAX_SAFE_INTEGER): RejectRow[] {
    const sql = `SELECT ${REJECT_COLUMNS} WHERE rejects.id < ? ORDER BY rejects.id DESC LIMIT ?`
    return this.#database.prepare(sql).all(beforeId, limit) as RejectRow[]
  }

  reject(id: number): RejectRow | undefined {
    return this.#database.prepare(`SELECT ${REJECT_COLUMNS} WHERE rejects.id = ?`).get(id) as RejectRow | undefined
  }

  /** Readings that uplinks have parked, the newest first; only those with an id below `beforeId`. */
  parked(limit: number, beforeId = Number.MAX_SAFE_INTEGER): ParkedRow[] {
    const rows = this.#database.prepare(PARKED).all(beforeId, limit) as (ParkedRow & {
      unit: string
      isBoolean: 0 | 1
    })[]
    return rows.map(({ isBoolean, ...row }) => ({
      ...row,
      unit: row.unit === '' ? undefined : row.unit,
      value: isBoolean === 1 ? row.value === 1 : row.value,
      replay: Boolean(row.replay),
    }))
  }

  parkedOne(id: number): ParkedRow | undefined {
    return this.parked(1, id + 1).find((row) => row.id === id)
  }

  /** Each uplink's account of forwarded messages, checked against the messages themselves; see `auditForwards`. */
  forwards(): ForwardAccount[] {
    return this.#snapshot(() => auditForwards(this.#database))
  }

  /** The account of messages from the cloud, checked against the messages themselves; see `auditDown`. */
  down(): DownAccount {
    return this.#snapshot(() => auditDown(this.#database))
  }

  /** Messages from the cloud that wait for local clients, in order of arrival. */
  downHeads(): DownHead[] {
    return downHeads(this.#database, 0, -1)
  }

  /** The account of messages without a route, checked against the messages themselves; see `auditUnrouted`. */
  unrouted(): UnroutedAccount {
    return this.#snapshot(() => auditUnrouted(this.#database))
  }

  /** Messages that are kept without a route, in order of arrival. */
  unroutedHeads(): IterableIterator<UnroutedHead> {
    return unroutedHeads(this.#database)
  }

  /** The payload of such a message; undefined: it is not kept any more. */
  unroutedPayload(id: number): Uint8Array | undefined {
    return unroutedPayload(this.#database, id)
  }

  /** Messages that uplinks have parked, the newest first; only those with an id below `beforeId`. */
  parkedMessages(limit: number, beforeId?: number): ParkedMessage[] {
    return parkedMessages(this.#database, limit, beforeId)
  }

  parkedMessage(id: number): ParkedMessage | undefined {
    return this.parkedMessages(1, id + 1).find((row) => row.id === id)
  }

  summary(): StoreSummary {
    return this.#snapshot(() => {
      const number = (sql: string): number => this.#database.prepare(sql).pluck().get() as number
      const seals = new SealDirectory(this.#database)
      const positions = new Positions(this.#database, seals, new BlockTable(this.#database))
      const lastSeq = Math.max(number('SELECT coalesce(max(seq), 0) FROM log'), seals.sealedUpTo)
      const confirmed = (id: number): number =>
        number(`SELECT coalesce(sum(confirmed), 0) FROM confirmed_counts WHERE uplink = ${id}`)
      return {
        epoch: this.#database.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get() as string,
        lastSeq,
        devices: number('SELECT count(*) FROM devices'),
        series: number('SELECT count(*) FROM series'),
        rejects: number('SELECT count(*) FROM rejects'),
        unrouted: number('SELECT count(*) FROM unrouted'),
        backlogs: [...this.#settled()].map(([uplink, { id, set }]) => ({
          uplink,
          confirmed: confirmed(id),
          waiting: set
            .missing({ first: 1, last: lastSeq })
            .reduce((sum, range) => sum + positions.count(range, lastSeq), 0),
        })),
      }
    })
  }

  close(): void {
    this.#database.close()
  }

  #settled(only?: string): Map<string, { id: number; set: SeqSet }> {
    const uplinks = this.#database.prepare('SELECT id, name FROM uplinks').all() as { id: number; name: string }[]
    const ranges = this.#database.prepare('SELECT first, last FROM confirmed WHERE uplink = ?')
    return new Map(
      uplinks
        .filter(({ name }) => only === undefined || name === only)
        .map(({ id, name }) => [name, { id, set: new SeqSet(ranges.all(id) as SeqRange[]) }]),
    )
  }

  /** Runs several queries in one snapshot. */
  #snapshot<T>(ask: () => T): T {
    return this.#database.transaction(ask).deferred()
  }
}

function clockOf(
  database: Database,
  { system, elapsedClock }: { readonly system: Clock; readonly elapsedClock: ElapsedClock },
): StoreClock {
  const newestArrival = readNewestArrival(database)
  return new StoreClock(elapsedClock, readClock(database), { system: system.now(), newestArrival })
}
