import type { Batch } from '../../codec/batch.ts'

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
  /** Payload of one message, at most; larger only where a single reading is. */
  readonly bytesMax: number
}

/** What a batch of readings looks like on the cloud broker. Made anew for every connection. */
export interface Format {
  /** What the broker says of this edge when the connection breaks, besides Tidegate's own status. */
  readonly will?: Message
  /** Filters of topics on which the far side speaks to this format. */
  readonly filters: readonly string[]
  /** What the connection begins with, before any reading. */
  begin(): readonly Message[]
  /** The readings as messages, to be published in this order; the batch is delivered when all of them are taken. */
  encode(batch: Batch, options: EncodeOptions): readonly Message[]
  /** Something came on one of `filters`; what to publish because of it. */
  hear(topic: string, payload: Uint8Array): readonly Message[]
  /** What the connection ends with in order. */
  end(): readonly Message[]
}
