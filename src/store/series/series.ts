import { Reason } from '../../base/flags.ts'
import type { ValueType, Verdict } from '../../base/reading.ts'
import { countsOf, type TallyCounts } from '../tallies.ts'

/** A device and its ledger counters. `received` = `stored` + `rejected` + `partial` + `duplicate`, always. */
export interface Device extends TallyCounts {
  readonly id: number
  readonly name: string
  /** The series that was found last: the next reading is often one of the same series. */
  lastSeries: Series | undefined
}

/** All devices have the same hidden class in V8: only this makes one. */
export function newDevice(id: number, name: string, counts: TallyCounts): Device {
  return { id, name, ...countsOf(counts), lastSeries: undefined }
}

/** One series: the readings of a device with one metric name and one unit. */
export interface Series {
  readonly id: number
  readonly device: Device
  readonly metric: string
  /** '' if the device never named a unit. */
  readonly unit: string
  type: ValueType | undefined
  /** Whether it has had too few values to be sure of its type (quality/kinds.ts). */
  isNew: boolean
  /** Whether a reading of its metric that names no unit belongs to it. */
  current: boolean
  /** Newest time (UTC ms) of its readings, without those from the future; Infinity until this process knows it. */
  newestTs: number
  /** Earliest time (UTC ms) of its readings that were from the future when they arrived; undefined: there is none. */
  futureTs: number | undefined
  /** Id of the client whose publish created it; '': not known. */
  readonly client: string
}

/** Whether a reading with this time may be stored already: it is not newer than all others of its series. */
export function mayBeStored({ newestTs, futureTs }: Pick<Series, 'newestTs' | 'futureTs'>, ts: number): boolean {
  return ts <= newestTs || (futureTs !== undefined && ts >= futureTs)
}

/** A newest time that is further ahead (ms) of a reading's arrival comes from a wrong clock. */
const AHEAD_MS_MAX = 3_600_000

/**
 * Notes the time and the arrival of a stored reading. A reading from the future must not make every later one appear old.
 */
export function noteTime(
  series: Series,
  ts: number,
  { reasons }: Pick<Verdict, 'reasons'>,
  { arrival }: { readonly arrival: number },
): void {
  if ((reasons & Reason.TIME_FUTURE) !== 0) {
    if (series.futureTs === undefined || ts < series.futureTs) series.futureTs = ts
  } else if (ts > series.newestTs || series.newestTs > arrival + AHEAD_MS_MAX) {
    series.newestTs = ts
    if (series.futureTs !== undefined && ts >= series.futureTs) series.futureTs = undefined // its time has come
  }
}
