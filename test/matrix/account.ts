import type { SiteEdge, SiteReceiver } from '../../support/site.ts'
import type { Load } from './load.ts'

export interface Account {
  /** Readings that the edge has acknowledged to devices. */
  readonly readings: number
  /** Acknowledged readings that are neither in the database of the receiver nor waiting at the edge. */
  readonly lost: number
  /** Readings that the edge has not delivered yet. */
  readonly waiting: number
  /** Rows of the receiver beyond one per reading. */
  readonly twice: number
  /** Equations of the ledger that do not balance, and rows that no device published. */
  readonly problems: readonly string[]
}

interface Row {
  readonly device: string
  readonly ts: number
  readonly value: number
  readonly rows: number
}

/** Compares the acknowledged readings with the database of the receiver. */
export function accountFor(load: Load, edge: SiteEdge, receiver: SiteReceiver): Account {
  const rows = receiver.query<Row>(
    'SELECT device, ts, value, count(*) AS rows FROM readings GROUP BY device, ts, value',
  )
  const left = new Map(rows.map(({ device, ts, value, rows: count }) => [`${device} ${ts} ${value}`, count]))
  let missing = 0
  let twice = 0
  for (const { device, value } of load.readings()) {
    const key = `${device} ${load.since + value} ${value}`
    const count = left.get(key) ?? 0
    left.delete(key)
    if (count === 0) missing++
    else twice += count - 1
  }
  const strange = [...left.keys()].map((key) => `no device published ${key}`)
  const waiting = edge.waiting()
  const problems = [...edge.ledgerProblems(), ...strange.slice(0, 3)]
  return { readings: load.acknowledged, lost: Math.max(0, missing - waiting), waiting, twice, problems }
}
