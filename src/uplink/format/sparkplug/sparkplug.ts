import type { StoredReading } from '../../../base/reading.ts'
import type { Batch } from '../../../codec/batch.ts'
import type { SparkplugSettings } from '../../../settings/schema/formats.ts'
import type { EncodeOptions, Format, FormatDependencies, FormattedMessage } from '../format.ts'
import { isFromFuture } from '../metric-registry.ts'
import { readingsOf } from '../readings.ts'
import { topicLevel } from '../topic.ts'
import { DataMessage } from './data-message.ts'
import { birthMetric, Datatype, dataMetric, isAsAnnounced } from './metric.ts'
import { asksForRebirth, encodeHead, encodeMetric, type Metric, REBIRTH } from './payload.ts'

const NAMESPACE = 'spBv1.0'
const SEQ_MODULUS = 256
/** A rebirth sends everything that is known; a host gets at most one in this time (ms), however often it asks. */
const REBIRTH_MS = 10_000

/**
 * This edge as a Sparkplug B 3.0.0 edge node, with its devices as the node's devices. Every reading is in one DDATA,
 * after a DBIRTH that announces its metric, kind and unit; the birth also carries the last value of each metric.
 */
export class SparkplugFormat implements Format {
  readonly will: FormattedMessage
  readonly filters: readonly string[]
  readonly #settings: SparkplugSettings
  readonly #deps: FormatDependencies
  readonly #announced = new Set<string>()
  #born = false
  #seq = 0
  #rebornAt = Number.NEGATIVE_INFINITY
  /** A rebirth was asked for too soon after another one: it is sent with the first readings after REBIRTH_MS. */
  #owesRebirth = false

  constructor(settings: SparkplugSettings, dependencies: FormatDependencies) {
    this.#settings = settings
    this.#deps = dependencies
    this.will = this.#death()
    this.filters = [this.#topic('NCMD')]
  }

  begin(): readonly FormattedMessage[] {
    this.#born = true
    this.#seq = 0
    const birth = this.#message('NBIRTH', undefined, this.#nodeMetrics().map(encodeMetric))
    return [birth, ...[...this.#deps.metricRegistry.devices].map((device) => this.#birth(device))]
  }

  encode(batch: Batch, options: EncodeOptions): readonly FormattedMessage[] {
    const messages = this.#born ? (this.#owesRebirth ? [...this.#rebirth()] : []) : [...this.begin()]
    const byDevice = Map.groupBy(readingsOf(batch), ({ device }) => device)
    for (const [device, readings] of byDevice) {
      const rising = readings.sort((a, b) => a.ts - b.ts || a.seq - b.seq) // §5.16: by time within a message
      messages.push(...this.#introduce(device, rising, options.historical), ...this.#data(device, rising, options))
    }
    return messages
  }

  /** Returns a birth of the device if the device or one of the metrics is not announced yet. */
  #introduce(device: string, readings: readonly StoredReading[], historical: boolean): readonly FormattedMessage[] {
    const { metricRegistry } = this.#deps
    let complete = this.#announced.has(device)
    // In a backlog the last reading is the metric's state; in live data the first reading is. Future ones only if alone.
    const inOrder = historical ? readings.toReversed() : readings
    for (const reading of inOrder.toSorted((a, b) => Number(isFromFuture(a)) - Number(isFromFuture(b)))) {
      const known = metricRegistry.find(device, reading.metric)
      if (known !== undefined && (known.kind !== undefined || isAsAnnounced(known, reading))) continue
      metricRegistry.state(reading)
      complete = false
    }
    return complete ? [] : [this.#birth(device)]
  }

  #data(
    device: string,
    readings: readonly StoredReading[],
    { historical, bytesMax }: EncodeOptions,
  ): FormattedMessage[] {
    const { metricRegistry } = this.#deps
    const messages: FormattedMessage[] = []
    const open = new DataMessage(bytesMax - encodeHead(this.#now(), SEQ_MODULUS - 1).length)
    const close = (): void => {
      if (open.size > 0) messages.push(this.#message('DDATA', device, open.take()))
    }
    for (const reading of readings) {
      const known = metricRegistry.find(device, reading.metric)!
      if (!isAsAnnounced(known, reading)) {
        close()
        metricRegistry.state(reading)
        messages.push(this.#birth(device))
      }
      const past = historical || isFromFuture(reading)
      const metric = encodeMetric(dataMetric(reading, known, { aliases: this.#settings.aliases, historical: past }))
      if (!open.takes(reading, metric)) close()
      open.add(reading, metric)
      metricRegistry.note(reading, this.#now())
    }
    close()
    return messages
  }

  hear(topic: string, payload: Uint8Array): readonly FormattedMessage[] {
    return topic === this.#topic('NCMD') && asksForRebirth(payload) ? this.#rebirth() : []
  }

  #rebirth(): readonly FormattedMessage[] {
    const now = performance.now()
    this.#owesRebirth = now - this.#rebornAt < REBIRTH_MS
    if (this.#owesRebirth) return []
    this.#rebornAt = now
    return this.begin()
  }

  end(): readonly FormattedMessage[] {
    return [this.#death()]
  }

  #birth(device: string): FormattedMessage {
    this.#announced.add(device)
    const metrics = [...this.#deps.metricRegistry.metrics(device)].sort((a, b) => a.latest.ts - b.latest.ts)
    const parts = metrics.map((known) => encodeMetric(birthMetric(known, this.#settings.aliases)))
    return this.#message('DBIRTH', device, parts)
  }

  #nodeMetrics(): Metric[] {
    const timestamp = this.#now()
    return [this.#connection(), { name: REBIRTH, timestamp, datatype: Datatype.BOOLEAN, booleanValue: false }]
  }

  /** Links births to the death of the same connection. */
  #connection(): Metric {
    return { name: 'bdSeq', timestamp: this.#now(), datatype: Datatype.INT64, longValue: this.#deps.bdSeq }
  }

  /** The only message without a sequence number. */
  #death(): FormattedMessage {
    const payload = Buffer.concat([encodeHead(this.#now()), encodeMetric(this.#connection())])
    return { topic: this.#topic('NDEATH'), payload, qos: 1, retain: false }
  }

  /** Takes the next sequence number, so it must be called in the order of publishing. */
  #message(type: string, device: string | undefined, metrics: readonly Uint8Array[]): FormattedMessage {
    const payload = Buffer.concat([encodeHead(this.#now(), this.#seq), ...metrics])
    this.#seq = (this.#seq + 1) % SEQ_MODULUS
    return { topic: this.#topic(type, device), payload, qos: this.#settings.qos, retain: false }
  }

  #topic(type: string, device?: string): string {
    const node = `${NAMESPACE}/${this.#settings.group}/${type}/${topicLevel(this.#deps.edge)}`
    return device === undefined ? node : `${node}/${topicLevel(device)}`
  }

  #now(): number {
    return this.#deps.clock.now()
  }
}
