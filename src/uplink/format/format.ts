import type { Clock } from '../../base/clock.ts'
import type { Batch } from '../../codec/batch.ts'
import type { MetricRegistry } from './metric-registry.ts'

/** A message for the cloud broker. */
export interface Message {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: boolean
  /** A property of MQTT 5; not sent to a broker of MQTT 3.1.1. */
  readonly contentType?: string
}

export interface EncodeOptions {
  /** Part of the backlog: newer values of these series may have been sent before. */
  readonly historical: boolean
  /** Payload of one message, at most; larger only where a single reading is, or what announces a device (Sparkplug). */
  readonly bytesMax: number
}

/**
 * What a batch of readings looks like on the cloud broker. Made anew for every connection. What the calls return is to
 * be published in the order of the calls, all of it: where a message cannot be, the connection must end.
 */
export interface Format {
  /** What the broker says of this edge when the connection breaks, besides Tidegate's own status. */
  readonly will?: Message
  /** Filters of topics on which the far side speaks to this format, for QoS 1. They come before `begin`. */
  readonly filters: readonly string[]
  /** What the connection begins with, before any reading. */
  begin(): readonly Message[]
  /** The readings as messages; the batch is delivered when all of them are taken. */
  encode(batch: Batch, options: EncodeOptions): readonly Message[]
  /** Something came on one of `filters`; what to publish because of it. Never throws, whatever the payload is. */
  hear(topic: string, payload: Uint8Array): readonly Message[]
  /** What the connection ends with in order. */
  end(): readonly Message[]
}

export interface FormatDependencies {
  readonly edge: string
  readonly clock: Clock
  /** One for an uplink, for as long as it lives: what it has said of each series in earlier connections. */
  readonly metricRegistry: MetricRegistry
  /** Number of this connection, 0 to 255: one more than that of the connection before, 0 after 255 (Sparkplug's bdSeq). */
  readonly bdSeq: number
}
