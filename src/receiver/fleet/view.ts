import type { EdgeView, FleetEdgeState } from './fleet.ts'

type Column = number | string | boolean | Uint8Array | null | undefined

/**
 * An edge from a row as the sinks select it: its name, its status, the number of stored readings, and the time of the
 * latest one.
 */
export function viewOf(row: readonly Column[]): EdgeView {
  const [edge, state, seenAt, version, at, upMs, healthy, problems, epoch, lastSeq, waiting, oldestAt] = row
  const [clockOffsetMs, readings, storedAt] = row.slice(12)
  const lastSeen = Math.max(number(seenAt) ?? 0, number(storedAt) ?? 0)
  return {
    edge: String(edge),
    state: text(state) as FleetEdgeState | undefined,
    seenAt: lastSeen === 0 ? undefined : lastSeen,
    version: text(version),
    at: number(at),
    upMs: number(upMs),
    healthy: healthy === null ? undefined : Boolean(healthy),
    problems: JSON.parse(text(problems) ?? '[]') as string[],
    epoch: text(epoch),
    lastSeq: number(lastSeq),
    waiting: number(waiting),
    oldestAt: number(oldestAt),
    clockOffsetMs: number(clockOffsetMs),
    readings: Number(readings),
    storedAt: number(storedAt),
  }
}

function number(column: Column): number | undefined {
  return column === null || column === undefined ? undefined : Number(column)
}

function text(column: Column): string | undefined {
  return column === null || column === undefined ? undefined : String(column)
}
