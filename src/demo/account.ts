import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openReader } from '../store/reader.ts'
import type { DeviceFleetCounts } from './fleet.ts'
import { EDGE_NAME } from './settings.ts'

/** Where all readings are, counted independently by devices, edge and receiver. All counts are readings unless noted. */
export interface DemoAccount {
  /** Devices: readings that were acknowledged to them, including earlier runs on the same data. */
  readonly taken: number
  /** Edge database: readings in the ledger, and how many of them are confirmed or waiting. */
  readonly stored: number
  readonly confirmed: number
  readonly waiting: number
  /** Edge database: messages that could not be decoded, and readings that were recognised as repeats. */
  readonly rejected: number
  readonly duplicate: number
  /** Receiver database: rows of the view `readings`, and how many of them have a distinct (device, metric, time). */
  readonly received: number
  readonly different: number
  readonly quality: Readonly<Record<'good' | 'uncertain' | 'bad', number>>
  /** Acknowledged or stored, but neither received nor waiting at the edge. */
  readonly lost: number
  /** Received more than once: a device never gives two readings of a metric the same time. */
  readonly twice: number
  /** Contradictions between the counts, as sentences; empty if the counts agree. */
  readonly problems: readonly string[]
}

/** Counts of the edge: sums over the ledgers of all devices. */
interface EdgeSums {
  readonly stored: number
  readonly confirmed: number
  readonly waiting: number
  readonly rejected: number
  readonly duplicate: number
  readonly problems: readonly string[]
}

type ReceiverSums = Pick<DemoAccount, 'received' | 'different' | 'quality'>

/**
 * Counts the readings in the database files; every process that writes to them must have stopped.
 * @param earlier readings that the edge had stored before the devices of this run started
 */
export function closeAccount(data: string, counts: DeviceFleetCounts, earlier: number): DemoAccount {
  return compareCounts(earlier + counts.readings, countEdge(join(data, 'edge')), countReceived(join(data, 'received')))
}

/** Number of readings stored in the edge's database. */
export function countStored(data: string): number {
  return countEdge(join(data, 'edge')).stored
}

/** Compares the counts of devices, edge and receiver. Pure. */
export function compareCounts(taken: number, edge: EdgeSums, receiver: ReceiverSums): DemoAccount {
  const { stored, waiting, confirmed, rejected, duplicate } = edge
  const { received, different } = receiver
  const lost = Math.max(0, Math.max(taken, stored) - different - waiting)
  const twice = received - different
  const problems = [...edge.problems]
  if (taken > stored) problems.push(`${taken - stored} acknowledged readings are not in the edge's database`)
  if (waiting > 0)
    problems.push(`${waiting} readings are still waiting at the edge: they are stored there, but not delivered`)
  if (confirmed > different)
    problems.push(`the edge has ${confirmed} readings marked as confirmed, but the receiver has ${different}`)
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

/** Reads the receiver's file with a different SQLite library than the one that wrote it. */
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
