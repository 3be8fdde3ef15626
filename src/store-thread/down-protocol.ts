import type { DownHead } from '../store/down/down-account.ts'
import type { DownMessage } from '../store/down/down-queue.ts'

export type { DownHead } from '../store/down/down-account.ts'
export type { DownMessage, DownStatus } from '../store/down/down-queue.ts'

/** What became of messages from the cloud, once that is on the disk. */
export interface DownAdded {
  /** Of the messages, the first ones that need not come again: stored, or too large ever to be stored. */
  readonly taken: number
  readonly tooLarge: number
  /** Whether the queue has room for more. */
  readonly hasRoom: boolean
}

export interface DownTurn {
  /** Waiting messages with an id above `after`, in order of arrival; more are left if there are any. */
  readonly heads: readonly DownHead[]
  /** Messages that were removed because of their age, or by an operator since the last turn. */
  readonly gone: readonly number[]
}

/** Calls of the store thread about messages from the cloud for local clients. */
export interface DownCalls {
  /** Stores messages in their order, up to the first for which there is no room. Answered when they are on the disk. */
  downAdd: { request: { messages: readonly DownMessage[] }; reply: DownAdded }
  /** Removes delivered messages and those that are too old, and replies with those that are new. */
  downTurn: { request: { after: number; delivered: readonly number[] }; reply: DownTurn }
  /** The payload of a waiting message; undefined: it is not there any more. */
  downPayload: { request: { id: number }; reply: Uint8Array | undefined }
}
