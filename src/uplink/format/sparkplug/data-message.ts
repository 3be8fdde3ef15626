import type { StoredReading } from '../../../base/reading.ts'
import { timestampOf } from './metric.ts'

/** The metrics of one data message while it grows. */
export class DataMessage {
  readonly #bytesMax: number
  #parts: Uint8Array[] = []
  #bytes = 0
  /**
   * Metric and time of each value: a message may not have two values of one metric with the same time (Sparkplug
   * 3.0.0, 5.16).
   */
  readonly #taken = new Set<string>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#parts.length
  }

  takes(reading: StoredReading, part: Uint8Array): boolean {
    return this.#bytes + part.length <= this.#bytesMax && !this.#taken.has(nameOf(reading))
  }

  add(reading: StoredReading, part: Uint8Array): void {
    this.#parts.push(part)
    this.#bytes += part.length
    this.#taken.add(nameOf(reading))
  }

  /** Returns the metrics and starts an empty message. */
  take(): readonly Uint8Array[] {
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    this.#taken.clear()
    return parts
  }
}

function nameOf({ metric, ts }: StoredReading): string {
  return `${timestampOf(ts)} ${metric}`
}
