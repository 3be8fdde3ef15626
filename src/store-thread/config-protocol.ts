import type { Operation, OperationAnswer } from '../config/operations.ts'

/** An incoming message about the config of a device; the payload is not decoded yet. */
export type ConfigEvent = { readonly device: string; readonly payload: Uint8Array } & (
  | { readonly kind: 'desired' }
  | { readonly kind: 'set'; readonly client: string; readonly retained: boolean }
  | { readonly kind: 'ack' }
)

/** A message for the local broker. */
export interface LocalMessage {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
}

/** A retained message for the cloud; an empty payload clears its topic. */
export interface ConfigMessage {
  readonly operation: Operation
  readonly payload: string
}

export interface ConfigAnswer {
  readonly operation: Operation
  readonly answer: OperationAnswer
}

/** Calls of the store thread about configs. */
export interface ConfigCalls {
  /**
   * Answered when the results are on disk. Replies with the number of events that were handled, the first ones: the
   * transaction ended before the others, because it would have taken too long.
   */
  configEvents: { request: { events: readonly ConfigEvent[] }; reply: number }
  /**
   * Publishes the state of some devices again, those with names after `after`. Replies with the value of `after` for
   * the next call, or undefined at the end.
   */
  configRestart: { request: { after: string }; reply: string | undefined }
  /**
   * Messages that may leave for the cloud now, at most `countMax`. `waitMs`: milliseconds until the next one is due;
   * undefined: not known.
   */
  configNext: {
    request: { countMax: number }
    reply: { readonly messages: readonly ConfigMessage[]; readonly waitMs: number | undefined }
  }
  configAnswered: { request: { answers: readonly ConfigAnswer[] }; reply: undefined }
  /** The connection has ended: no message is in flight any more. */
  configRelease: { request: undefined; reply: undefined }
}

/** Sent after a commit: messages for local clients, and whether messages wait to leave for the cloud. */
export interface ConfigNotice {
  readonly messages: readonly LocalMessage[]
  readonly waiting: boolean
}

/** State of config sync. */
export interface ConfigStatus {
  readonly devices: number
  /** Bytes that configs take in the store, and their bound. */
  readonly bytes: number
  readonly bytesMax: number
  readonly conflicts: number
  /** Messages that wait to leave for the cloud. */
  readonly waiting: number
  /** Devices whose messages the cloud broker refuses and a person must act on. The first hundred. */
  readonly attention: readonly string[]
  /** Counters since the start, by kind of event. */
  readonly counts: Readonly<Record<string, number>>
}
