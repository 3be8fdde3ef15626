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

/** A reading with a time further ahead (ms) of the clock is unlikely: the default of `quality[].futureS`. */
const AHEAD_MS_MAX = 300_000

/** Whether a reading was judged to be from the future: it would hide all later readings until its time comes. */
export function isFromFuture({ reasons }: StoredReading): boolean {
  return (reasons & Reason.TIME_FUTURE) !== 0
}

/** 0: an ordinary time; 1: ahead of the clock, perhaps stored while the edge's own clock was ahead; 2: judged wrong. */
function doubtOf(reading: StoredReading, now: number): 0 | 1 | 2 {
  if (isFromFuture(reading)) return 2
  return reading.ts > now + AHEAD_MS_MAX ? 1 : 0
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
   * Records the reading unless a later reading of this metric was recorded; one with a less doubtful time counts as later.
   * @param now UTC ms
   * @returns whether it was recorded, and is not from the future
   */
  note(reading: StoredReading, now: number): boolean {
    const known = this.find(reading.device, reading.metric)
    if (known !== undefined && !isLater(reading, known.latest, now)) return false
    this.state(reading)
    return !isFromFuture(reading)
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

function isLater(reading: StoredReading, known: StoredReading, now: number): boolean {
  const [doubt, knownDoubt] = [doubtOf(reading, now), doubtOf(known, now)]
  if (doubt !== knownDoubt) return doubt < knownDoubt
  return doubt === 2 || reading.ts >= known.ts
}
