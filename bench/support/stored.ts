import { systemClock } from '../../src/base/clock.ts'
import { openReadOnly } from '../../src/store/database.ts'
import { History } from '../../src/store/history/history.ts'
import { deviceName, NUMBER_FIRST, type PayloadKind, TS_FIRST } from './packets.ts'

/** What the load generator sent, all of it acknowledged. */
export interface Sent {
  readonly connections: number
  /** Messages of each connection. */
  readonly messages: number
  readonly payload: PayloadKind
}

/**
 * Compares what a stopped edge has stored with what the load generator sent: every message of every connection, once.
 * Reads through the store's history, which has a reading wherever it is kept: in the log or in a sealed block.
 * @throws Error with the first device whose readings differ, and how.
 */
export function verifyStored(folder: string, sent: Sent): void {
  const database = openReadOnly(folder)
  try {
    const history = new History(database, systemClock)
    const devices = new Set(history.series().map(({ device }) => device))
    for (let connection = 0; connection < sent.connections; connection++) {
      const device = deviceName(connection)
      const difference = differenceOf(history, device, sent)
      if (difference !== undefined) throw new Error(`${device}: ${sent.messages} acknowledged, but ${difference}`)
      devices.delete(device)
    }
    if (devices.size > 0) throw new Error(`stored, but never sent: devices ${[...devices].join(', ')}`)
  } finally {
    database.close()
  }
}

function differenceOf(history: History, device: string, { messages, payload }: Sent): string | undefined {
  const times = new Uint8Array(messages)
  let stored = 0
  for (const page of history.pages(history.series({ device }))) {
    for (const { ts, value } of page) {
      stored++
      const n = typeof value === 'number' ? Math.round(value * 100) - NUMBER_FIRST : -1
      const isSent = n >= 0 && n < messages && (payload === 'number' || ts === TS_FIRST + n)
      if (!isSent) return `a reading is stored that was never sent: ${JSON.stringify({ ts, value })}`
      if (times[n]!++ > 0) return `message ${n} is stored twice`
    }
  }
  const missing = times.indexOf(0)
  return missing < 0 ? undefined : `only ${stored} stored; message ${missing} is missing`
}
