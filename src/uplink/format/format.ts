import type { Clock } from '../../base/clock.ts'
import type { Batch } from '../../codec/batch.ts'
import type { MetricRegistry } from './metric-registry.ts'

/** A message for the cloud broker. */
export interface FormattedMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: boolean
  /** An MQTT 5 property; not sent to an MQTT 3.1.1 broker. */
  readonly contentType?: string
}

export interface EncodeOptions {
  /** The batch is part of the backlog: newer values of these series may have been sent before. */
  readonly historical: boolean
  /**
   * Payload bytes of one message, at most. Only a single reading or a device announcement (Sparkplug) may exceed it.
   */
  readonly bytesMax: number
}

/**
 * How a batch of readings appears on the cloud broker. Created anew for every connection. Everything that the calls
 * return must be published, in the order of the calls; if a message cannot be published, the connection must end.
 */
export interface Format {
  /** The will that the broker publishes when the connection breaks, in place of Tidegate's own offline status. */
  readonly will?: FormattedMessage
  /** Topic filters, for QoS 1, on which hosts send commands to this format. They are subscribed before `begin`. */
  readonly filters: readonly string[]
  /** The messages that open the connection, before any reading. */
  begin(): readonly FormattedMessage[]
  /** The readings as messages; the batch is delivered when the broker has accepted all of them. */
  encode(batch: Batch, options: EncodeOptions): readonly FormattedMessage[]
  /**
   * Handles a message on one of `filters` and returns what to publish in answer. Never throws, whatever the payload
   * is.
   */
  hear(topic: string, payload: Uint8Array): readonly FormattedMessage[]
  /** The messages that close the connection in order. */
  end(): readonly FormattedMessage[]
}

export interface FormatDependencies {
  readonly edge: string
  readonly clock: Clock
  /** One per uplink, kept across connections: what was sent of each series. */
  readonly metricRegistry: MetricRegistry
  /** Number of this connection, 0 to 255: one more than the connection before, 0 after 255 (Sparkplug's bdSeq). */
  readonly bdSeq: number
}
