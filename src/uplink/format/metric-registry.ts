import { type StoredReading, type ValueType, valueType } from '../../base/reading.ts'

/** A metric as it has been sent. */
export interface KnownMetric {
  /** Unique among all metrics of this edge, from 1, the same as long as the process lives. */
  readonly alias: number
  /** Undefined as long as it never had a value. */
  kind: ValueType | undefined
  /** Of all that was sent the reading with the latest time; of several with one time the last. */
  latest: StoredReading
}

/**
 * What an uplink has said of each series, so that it can say it again after a new connection, and tells old from new.
 * It lives in memory, one entry a metric; after a restart it fills anew.
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

  /** Whether no later reading of this metric was noted before. */
  note(reading: StoredReading): boolean {
    const known = this.find(reading.device, reading.metric)
    if (known !== undefined && known.latest.ts > reading.ts) return false
    this.state(reading)
    return true
  }

  /** From now on this is where the metric stands, whatever was noted before. */
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
