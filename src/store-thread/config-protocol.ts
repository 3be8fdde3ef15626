import type { Answer, Operation } from '../config/operations.ts'

/** What came in about the config of a device, in the bytes in which it came. */
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

/** A retained message for the cloud; an empty one clears its topic. */
export interface ConfigMessage {
  readonly operation: Operation
  readonly payload: string
}

export interface ConfigAnswer {
  readonly operation: Operation
  readonly answer: Answer
}

/** Questions about configs to the store thread. */
export interface ConfigCalls {
  /** Answered when what these events have made is on the disk. */
  configEvents: { request: { events: readonly ConfigEvent[] }; reply: undefined }
  /** Asserts everything again, some devices at a time; answered with where to go on, or undefined at the end. */
  configRestart: { request: { after: string }; reply: string | undefined }
  /** What may leave for the cloud now, at most so many; else for how long (ms) there is nothing, if that is known. */
  configNext: {
    request: { countMax: number }
    reply: { readonly messages: readonly ConfigMessage[]; readonly waitMs: number | undefined }
  }
  configAnswered: { request: { answers: readonly ConfigAnswer[] }; reply: undefined }
  /** Nothing is on its way any more. */
  configRelease: { request: undefined; reply: undefined }
}

/** Told after a commit: what goes to local clients, and whether something waits for the cloud. */
export interface ConfigNotice {
  readonly messages: readonly LocalMessage[]
  readonly waiting: boolean
}

/** How config sync is. */
export interface ConfigStatus {
  readonly devices: number
  readonly conflicts: number
  /** Messages that wait to leave for the cloud. */
  readonly waiting: number
  /** Devices whose messages the cloud's broker refuses: a person decides. The first hundred. */
  readonly attention: readonly string[]
  /** Since the start, by what happened. */
  readonly counts: Readonly<Record<string, number>>
}
