import { Reason } from '../../base/flags.ts'
import { type StoredReading, type ValueType, valueType } from '../../base/reading.ts'

/** A metric as it was sent. */
export interface KnownMetric {
  /** Unique among all metrics of this edge, counted from 1, constant for the life of the process. */
  readonly alias: number
  /** Undefined until the metric has had a value. */
  kind: ValueType | undefined
  /**
   * The reading with the latest time of all that were sent; the last one if several have the same time. A reading from
   * the future only until there is another.
   */
  latest: StoredReading
}

/** A reading with a time further ahead (ms) of the clock is from the future: the default of `quality[].futureS`. */
const AHEAD_MS_MAX = 300_000

/**
 * Whether a reading is from the future: judged so, or stored while the edge's own clock was ahead. It would hide all
 * later readings until its time comes.
 */
export function isFromFuture({ ts, reasons }: StoredReading, now: number): boolean {
  return (reasons & Reason.TIME_FUTURE) !== 0 || ts > now + AHEAD_MS_MAX
}

/**
 * The last sent state of each series of an uplink, so that a new connection can announce it again, and old readings
 * are distinguished from new ones. It lives in memory, one entry per metric, and fills again after a restart.
 */
export class MetricRegistry {
  readonly #devices = new Map<string, Map<string, KnownMetric>>()
  #aliases = 0

  get devices(): Iterable<string> {
    return this.#devices.keys()
  }

  metrics(device: string): Iterable<KnownMetric> {
    return this.#devices.get(device)?.values() ?? []
  }

  find(device: string, metric: string): KnownMetric | undefined {
    return this.#devices.get(device)?.get(metric)
  }

  /**
   * Records the reading unless a later reading of this metric was recorded. @param now UTC ms
   * @returns whether it is the latest reading, and not from the future
   */
  note(reading: StoredReading, now: number): boolean {
    const known = this.find(reading.device, reading.metric)
    const [isWrong, wasWrong] = [isFromFuture(reading, now), known !== undefined && isFromFuture(known.latest, now)]
    if (known !== undefined && !wasWrong && (isWrong || known.latest.ts > reading.ts)) return false
    this.state(reading)
    return !isWrong
  }

  /** Makes this reading the state of its metric, whatever was recorded before. */
  state(reading: StoredReading): void {
    const { device, metric } = reading
    const metrics = this.#devices.get(device) ?? new Map<string, KnownMetric>()
    const known = metrics.get(metric)
    const kind = valueType(reading.value) ?? known?.kind
    if (known !== undefined) Object.assign(known, { kind, latest: reading })
    else metrics.set(metric, { alias: ++this.#aliases, kind, latest: reading })
    this.#devices.set(device, metrics)
  }
}
