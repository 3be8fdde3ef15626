import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { openReadOnly } from '../../src/store/database.ts'
import { History } from '../../src/store/history/history.ts'
import type { RunningProcess } from '../../support/process.ts'
import type { SiteEdge, SiteReceiver } from '../../support/site.ts'
import { HONEST } from './honest.ts'

/** The heap of a small gateway. */
export const HEAP_MB = 256
export const SMALL_HEAP = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` }

/** Peak resident memory of a process (MB); undefined: it has ended, or the system does not report it. */
export function peakRssMb({ pid, ended }: RunningProcess): number | undefined {
  if (ended) return undefined
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024
  } catch {
    return undefined
  }
}

/** The values of the honest device that a stopped edge has stored. */
export function storedAtEdge({ folder }: SiteEdge): Set<number> {
  const database = openReadOnly(folder)
  try {
    const history = new History(database, systemClock)
    const values = new Set<number>()
    for (const page of history.pages(history.series({ device: HONEST }))) {
      for (const { value } of page) values.add(Number(value))
    }
    return values
  } finally {
    database.close()
  }
}

/** The values of a device called `honest`, of any edge. */
export function storedAtReceiver(receiver: SiteReceiver): Set<number> {
  const rows = receiver.query<{ value: number }>(`SELECT value FROM readings WHERE device = '${HONEST}'`)
  return new Set(rows.map(({ value }) => value))
}
