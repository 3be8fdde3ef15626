import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openReader } from '../store/reader.ts'
import type { FleetCounts } from './fleet.ts'
import { EDGE_NAME } from './settings.ts'

/** What became of the readings, as three parties tell it who do not ask each other. Counted in readings. */
export interface Account {
  /** The devices: readings that were acknowledged to them, those of earlier runs on the same data included. */
  readonly taken: number
  /** The edge's database: readings in its ledger, and of those the confirmed and the waiting ones. */
  readonly stored: number
  readonly confirmed: number
  readonly waiting: number
  /** The edge's database: messages that nobody could decode, and readings that were sent again and known by that. */
  readonly rejected: number
  readonly duplicate: number
  /** The receiver's database: rows of its view `readings`, and rows that differ in device, metric or time. */
  readonly received: number
  readonly different: number
  readonly quality: Readonly<Record<'good' | 'uncertain' | 'bad', number>>
  /** Taken or stored, and neither received nor waiting at the edge. */
  readonly lost: number
  /** Received more than once: a device gives no two readings of one metric the same time. */
  readonly twice: number
  /** Where they contradict each other, in words; empty when they agree. */
  readonly problems: readonly string[]
}

/** The edge's side: sums over the ledger of every device. */
interface EdgeSums {
  readonly stored: number
  readonly confirmed: number
  readonly waiting: number
  readonly rejected: number
  readonly duplicate: number
  readonly problems: readonly string[]
}

type ReceiverSums = Pick<Account, 'received' | 'different' | 'quality'>

/**
 * Counts from the files, when everybody who wrote them has stopped.
 * @param earlier readings that the edge had stored before the devices of this run were switched on
 */
export function closeAccount(data: string, counts: FleetCounts, earlier: number): Account {
  return settle(earlier + counts.readings, countEdge(join(data, 'edge')), countReceived(join(data, 'received')))
}

/** Readings stored in the edge's database. */
export function countStored(data: string): number {
  return countEdge(join(data, 'edge')).stored
}

/** Compares what the three parties say. Pure. */
export function settle(taken: number, edge: EdgeSums, receiver: ReceiverSums): Account {
  const { stored, waiting, confirmed, rejected, duplicate } = edge
  const { received, different } = receiver
  const lost = Math.max(0, Math.max(taken, stored) - different - waiting)
  const twice = received - different
  const problems = [...edge.problems]
  if (taken > stored) problems.push(`${taken - stored} acknowledged readings are not in the edge's database`)
  if (waiting > 0) problems.push(`${waiting} readings still wait at the edge: they are safe there, and not delivered`)
  if (confirmed > different) problems.push(`${confirmed} are marked as confirmed, but the receiver has ${different}`)
  if (different > stored) problems.push(`the receiver has ${different - stored} readings that the edge does not know`)
  if (twice > 0) problems.push(`${twice} readings are in the receiver's database more than once`)
  if (lost > 0) problems.push(`${lost} readings are lost`)
  const { quality } = receiver
  return { taken, stored, confirmed, waiting, rejected, duplicate, received, different, quality, lost, twice, problems }
}

function countEdge(folder: string): EdgeSums {
  const reader = openReader(folder)
  try {
    const sums = { stored: 0, confirmed: 0, waiting: 0, rejected: 0, duplicate: 0, problems: [] as string[] }
    for (const { device, stored, rejected, duplicate, perUplink, problems } of reader.ledger()) {
      sums.stored += stored
      sums.rejected += rejected
      sums.duplicate += duplicate
      for (const { confirmed, waiting } of Object.values(perUplink)) {
        sums.confirmed += confirmed
        sums.waiting += waiting
      }
      sums.problems.push(...problems.map((problem) => `${device}: ${problem}`))
    }
    return sums
  } finally {
    reader.close()
  }
}

const RECEIVED = `
  SELECT count(*) AS received,
    (SELECT count(*) FROM (SELECT DISTINCT device, metric, ts FROM readings WHERE edge = :edge)) AS different,
    count(*) FILTER (WHERE quality IN (1, 2)) AS good,
    count(*) FILTER (WHERE quality = 3) AS uncertain,
    count(*) FILTER (WHERE quality IN (4, 9)) AS bad
  FROM readings WHERE edge = :edge`

/** Reads the receiver's file with another SQLite library than the one that wrote it. */
function countReceived(folder: string): ReceiverSums {
  const file = join(folder, 'received.db')
  if (!existsSync(file)) return { received: 0, different: 0, quality: { good: 0, uncertain: 0, bad: 0 } }
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const row = database.prepare(RECEIVED).get({ edge: EDGE_NAME }) as Record<string, number>
    const { received = 0, different = 0, good = 0, uncertain = 0, bad = 0 } = row
    return { received, different, quality: { good, uncertain, bad } }
  } finally {
    database.close()
  }
}
