import type { IngestSettings } from '../settings/edge.ts'
import type { IncomingId } from '../store/incoming.ts'
import { FairQueue, type Taken } from './fair-queue.ts'
import { bytesOf, type PendingCommit, publishesOf, type WaitingPublish } from './pending-commit.ts'

/**
 * Bytes of the first batch from the queue, and of the smallest. It follows what the store thread can handle at
 * once: twice as much after each batch that was handled, as much as was handled after one that was not.
 */
const BYTES_FIRST = 65_536
const BYTES_MIN = 4_096

type Mutable = { -readonly [Key in keyof WaitingPublish]: WaitingPublish[Key] }

/** Publishes that wait because the store thread could not handle all at once; each client gets an equal share of it. */
export class PublishQueue {
  readonly #queue = new FairQueue<WaitingPublish>()
  readonly #settings: Pick<IngestSettings, 'batchMessagesMax' | 'batchBytesMax'>
  #bytes: number
  /** The publishes with a QoS 2 packet identifier that are not on disk, by client. */
  readonly #incoming = new Map<string, Set<Mutable>>()

  /** @param settings the bounds of one batch */
  constructor(settings: Pick<IngestSettings, 'batchMessagesMax' | 'batchBytesMax'>) {
    this.#settings = settings
    this.#bytes = Math.min(BYTES_FIRST, settings.batchBytesMax)
  }

  get size(): number {
    return this.#queue.size
  }

  push(publish: WaitingPublish): void {
    const { client, incoming } = publish
    this.#queue.push(client, bytesOf(publish), publish)
    if (incoming === undefined) return
    const own = this.#incoming.get(client)
    if (own === undefined) this.#incoming.set(client, new Set([publish]))
    else own.add(publish)
  }

  /** The publishes of the next batch. */
  take(): Taken<WaitingPublish>[] {
    return this.#queue.take(this.#settings.batchMessagesMax, this.#bytes)
  }

  /** Adds publishes of a commit that was not sent, or came back. @returns their bytes @param places ascending */
  requeue(commit: PendingCommit, buffer: SharedArrayBuffer, places: readonly number[]): number {
    for (const change of commit.identifiers) if (change.kind !== 'received') this.release(change)
    const { batchMessagesMax: messagesMax } = this.#settings
    let bytes = 0
    for (const publish of publishesOf(commit, { buffer, messagesMax }, places)) {
      bytes += bytesOf(publish)
      this.push(publish)
    }
    return bytes
  }

  /** A batch came back. @param undone places of the publishes that were not handled */
  returned(taken: readonly Taken<WaitingPublish>[], undone: ReadonlySet<number>): void {
    let doneBytes = 0
    for (const [place, one] of taken.entries()) {
      if (undone.has(place)) this.#queue.putBack(one)
      else {
        doneBytes += one.bytes
        this.#done(one.item)
      }
    }
    const wanted = undone.size > 0 ? doneBytes : 2 * this.#bytes
    this.#bytes = Math.min(this.#settings.batchBytesMax, Math.max(BYTES_MIN, wanted))
  }

  /** A packet identifier of this client is free again, or all are: those that wait with a publish are void. */
  release({ client, messageId }: { readonly client: string; readonly messageId?: IncomingId['messageId'] }): void {
    for (const publish of this.#incoming.get(client) ?? []) {
      if (messageId !== undefined && publish.incoming?.messageId !== messageId) continue
      publish.incoming = undefined
    }
  }

  #done(publish: WaitingPublish): void {
    const own = this.#incoming.get(publish.client)
    if (own?.delete(publish as Mutable) === true && own.size === 0) this.#incoming.delete(publish.client)
  }
}
