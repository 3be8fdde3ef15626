import { PublishRefused } from '../base/errors.ts'
import type { IncomingId } from '../store/incoming.ts'
import { type BatchWriter, type PublishFlags, readBatch } from '../store-thread/batch-buffer.ts'
import type { BatchReply, ClientEntry, IdentifierChange, TopicEntry } from '../store-thread/protocol.ts'
import type { Taken } from './fair-queue.ts'
import { TextNumbers } from './text-numbers.ts'

/** Called once: when the publish is on disk, or with the reason why it is not. */
export type Settle = (failure: Error | undefined) => void

/** A publish of a client, as the broker hands it over. */
export interface Publish extends PublishFlags {
  readonly topic: string
  readonly payload: Uint8Array
  readonly client: string
}

/** A publish that waits for a commit, with a payload of its own. */
export interface WaitingPublish extends Publish {
  /** When it arrived: by the system clock, and monotonic (ms). */
  readonly arrival: number
  readonly takenAt: number
  readonly settle: Settle
  readonly incoming: IncomingId | undefined
}

/** Numbers that stand for topics and clients in batches. */
export interface Numbers {
  readonly topics: TextNumbers
  readonly clients: TextNumbers
}

/** Texts and entries at most; beyond it the numbering starts again. */
const NUMBERS_MAX = 65_536
const NUMBERS_BYTES_MAX = 16_777_216

/** Whether a numbering must start again before this number of publishes. */
export function isNumberingFull({ topics, clients }: Numbers, more = 1): boolean {
  const isAtCount = topics.size + more > NUMBERS_MAX || clients.size + more > NUMBERS_MAX
  return isAtCount || topics.bytes + clients.bytes >= NUMBERS_BYTES_MAX
}

/** What a publish counts in `pendingBytes`. Topics count: they can be as long as 64 KB. */
export function bytesOf({ topic, payload }: Pick<Publish, 'topic' | 'payload'>): number {
  return topic.length + payload.length
}

/** What one commit will contain. */
export interface PendingCommit {
  readonly writer: BatchWriter
  /** The bytes of its publishes (`bytesOf`). */
  bytes: number
  /** When its first publish arrived (monotonic ms); undefined: it has none yet. */
  openedAt: number | undefined
  /** One for each publish, in the order of the batch. */
  readonly settles: Settle[]
  /** One for each released packet identifier. */
  readonly releases: Settle[]
  readonly topics: TopicEntry[]
  readonly clients: ClientEntry[]
  readonly identifiers: IdentifierChange[]
  renumbered: boolean
  numbers: Numbers
  /** Its publishes, if they were taken from the queue. */
  taken: readonly Taken<WaitingPublish>[] | undefined
}

/** Settles a message for which there is no room; readings of the same batch are stored. */
const NO_ROOM = new PublishRefused(
  'not stored: messages to forward have reached store.forwardBytesMax, or the message is larger than store.unroutedBytesMax',
)
/** Settles a message that needs a new series while there is no room for one. */
const NO_SERIES = new PublishRefused(
  'not stored: too many series, see store.seriesMax, store.seriesPerClientMax and store.seriesPerDeviceMax',
)

export function newNumbers(): Numbers {
  return { topics: new TextNumbers(), clients: new TextNumbers() }
}

/** @param renumbered its numbers begin anew: all that were assigned before are void */
export function newCommit(writer: BatchWriter, numbers: Numbers, renumbered: boolean): PendingCommit {
  const lists = { settles: [], releases: [], topics: [], clients: [], identifiers: [] }
  return { writer, bytes: 0, openedAt: undefined, ...lists, renumbered, numbers, taken: undefined }
}

/** Whether this publish must wait for the next commit. The first one never does, however long it is. */
export function isFullFor({ writer, bytes }: PendingCommit, publish: Publish, bytesMax: number): boolean {
  return writer.full || (writer.count > 0 && bytes + bytesOf(publish) > bytesMax)
}

export function isEmpty({ settles, identifiers }: PendingCommit): boolean {
  return settles.length === 0 && identifiers.length === 0 // each release is an identifier, too
}

/**
 * Settles the publishes of a commit, those that were refused last: acknowledgements of others come first. Publishes that
 * were not handled wait for another commit.
 */
export function settleAll(
  settles: readonly Settle[],
  { noRoom, noSeries, undone }: Pick<BatchReply, 'noRoom' | 'noSeries' | 'undone'>,
): void {
  const refused = new Map<number, Error | undefined>([
    ...undone.map((place) => [place, undefined] as const),
    ...noRoom.map((place) => [place, NO_ROOM] as const),
    ...noSeries.map((place) => [place, NO_SERIES] as const),
  ])
  for (const [place, settle] of settles.entries()) if (!refused.has(place)) settle(undefined)
  for (const [place, failure] of refused) if (failure !== undefined) settles[place]!(failure)
}

/** Copies publishes out of the buffer of a commit that was not sent, or came back. @param places ascending */
export function publishesOf(
  { writer, openedAt, settles, identifiers, numbers }: PendingCommit,
  { buffer, messagesMax }: { readonly buffer: SharedArrayBuffer; readonly messagesMax: number },
  places: readonly number[],
): WaitingPublish[] {
  const incoming = receivedIn(identifiers)
  const found: WaitingPublish[] = []
  let place = 0
  for (const { topic, client, payload, arrival, dup, qos, retain } of readBatch(buffer, messagesMax, writer.count)) {
    if (place === places[found.length]) {
      found.push({
        topic: numbers.topics.text(topic),
        client: numbers.clients.text(client),
        payload: Uint8Array.from(payload),
        arrival,
        takenAt: openedAt!,
        dup,
        qos,
        retain,
        settle: settles[place]!,
        incoming: incoming.get(place),
      })
    }
    place++
  }
  return found
}

/** The packet identifiers of publishes by place, without those that were released or void later in the same batch. */
function receivedIn(identifiers: readonly IdentifierChange[]): Map<number, IncomingId> {
  const received = new Map<number, IncomingId>()
  for (const change of identifiers) {
    if (change.kind === 'received') {
      received.set(change.publish, { client: change.client, messageId: change.messageId })
      continue
    }
    for (const [place, { client, messageId }] of received) {
      if (client !== change.client) continue
      if (change.kind === 'forgotten' || messageId === change.messageId) received.delete(place)
    }
  }
  return received
}
