import type { Seq } from '../../base/reading.ts'
import { LOG_ROW_BYTES } from '../log.ts'
import type { SealDirectory } from '../sealed/seals.ts'
import type { Housekeeping } from './housekeeping.ts'
import { bytesPerReading, hoursLeft, Rate } from './rate.ts'
import type { Space, SpaceStatus } from './space.ts'

/** How much is kept, and how long the room lasts. */
export interface SpaceForecast extends SpaceStatus {
  /** Number of readings in the log, and in sealed blocks. */
  readonly logReadings: number
  readonly sealedReadings: number
  /** Sealed readings that every uplink has: they may be removed for new ones. */
  readonly removableReadings: number
  /** Average bytes of a sealed reading on the disk. */
  readonly bytesPerReading: number
  readonly readingsPerHour: number | undefined
  /** Hours until the room is filled at the present rate if nothing more is confirmed; undefined: no readings arrive. */
  readonly hoursLeft: number | undefined
}

/** Forecasts how long the room lasts, from the room, the removable readings, and the rate at which readings arrive. */
export class Forecaster {
  readonly #space: Space
  readonly #seals: SealDirectory
  readonly #housekeeping: Housekeeping
  readonly #rate = new Rate()

  constructor(space: Space, seals: SealDirectory, housekeeping: Housekeeping) {
    this.#space = space
    this.#seals = seals
    this.#housekeeping = housekeeping
  }

  /** Updates the rate; call it every few seconds. `at`: monotonic ms. */
  observe(lastSeq: Seq, at: number): void {
    this.#rate.observe(lastSeq, at)
  }

  forecast(lastSeq: Seq): SpaceForecast {
    const space = this.#space.measure()
    const logReadings = lastSeq - this.#seals.sealedUpTo
    let [sealedReadings, removableReadings] = [0, 0]
    for (const seal of this.#seals.all) {
      sealedReadings += seal.readings
      if (this.#housekeeping.isConfirmed(seal)) removableReadings += seal.readings
    }
    const bytes = Math.max(0, space.usedBytes - logReadings * LOG_ROW_BYTES)
    const perReading = bytesPerReading({ bytes, readings: sealedReadings })
    const { perHour: readingsPerHour } = this.#rate
    const hours = hoursLeft({
      roomBytes: space.roomBytes,
      removableReadings,
      bytesPerReading: perReading,
      readingsPerHour,
    })
    const kept = { logReadings, sealedReadings, removableReadings }
    return { ...space, ...kept, bytesPerReading: perReading, readingsPerHour, hoursLeft: hours }
  }
}
