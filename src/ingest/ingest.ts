import type { Clock } from '../base/clock.ts'
import { TextCache } from '../base/text/text-cache.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { IncomingId } from '../store/incoming.ts'
import type { StoreClient } from '../store-thread/client.ts'
import { LatencyMeter, type LatencySummary } from '../store-thread/latency.ts'
import type { BatchReply } from '../store-thread/protocol.ts'
import { compileRoutes, type RouteMatch, unroutedMatch } from '../store-thread/routes.ts'
import {
  bytesOf,
  isEmpty,
  isFullFor,
  isNumberingFull,
  newCommit,
  newNumbers,
  type PendingCommit,
  type Publish,
  type Settle,
  settleAll,
} from './pending-commit.ts'
import { PublishQueue } from './publish-queue.ts'
import { SpareBuffers } from './spare-buffers.ts'

export type { Settle } from './pending-commit.ts'

/** Batches at the store thread at once: one being committed, one waiting, so that the thread never idles. */
const IN_FLIGHT_MAX = 2
/** Publishes that justify a second batch while one is being committed; fewer wait until that commit is done. */
const SECOND_BATCH_MIN = 256

export interface IngestOptions {
  readonly clock: Clock
  /** An acknowledgement that takes longer (ms) counts as slow. */
  readonly ackMsSlow?: number
  /** Called after each commit with the number of new readings and of new messages. */
  readonly onStored: (readings: number, messages: number) => void
  /** Called when commits begin to fail, fail for another reason, or succeed again (`reason` undefined). */
  readonly onRefusal: (reason: string | undefined, err: Error | undefined) => void
}

/**
 * The spine: publishes of all clients become batches, batches become commits, commits become acknowledgements.
 *
 * A batch leaves as soon as the store thread has none, or has one and this batch is large enough to justify a commit of
 * its own. So the batch size follows the disk: slow disk, bigger commits. All publishes of a commit are settled in one
 * tick, so that each socket is written once.
 *
 * The store thread ends a commit that takes long, and returns the publishes that it has not handled. Then all publishes
 * wait in a queue from which each client gets an equal share, until the queue is empty: one client's flood does not delay
 * the readings of others.
 */
export class Ingest {
  readonly #thread: StoreClient
  readonly #settings: EdgeSettings['ingest']
  readonly #routes: (topic: string) => RouteMatch | undefined
  readonly #matches = new TextCache<RouteMatch | undefined>()
  #numbers = newNumbers()
  readonly #buffers: SpareBuffers
  readonly #sealed: PendingCommit[] = []
  #open: PendingCommit
  readonly #queue: PublishQueue
  /** Publishes were returned, and the batch that was sent after theirs is not returned yet. */
  #isReturning = false
  /** Number of batches of which publishes were returned. */
  #returns = 0
  #inFlight = 0
  #scheduled = false
  #pendingBytes = 0
  /** Why the last commit failed; undefined while commits succeed. */
  refusedBecause: string | undefined
  /** When the last commit was refused (monotonic ms). */
  refusedAt = Number.NEGATIVE_INFINITY
  readonly #acks: LatencyMeter
  readonly #clock: Clock
  readonly #onStored: (readings: number, messages: number) => void
  readonly #onRefusal: IngestOptions['onRefusal']

  constructor(
    thread: StoreClient,
    settings: Pick<EdgeSettings, 'ingest' | 'routes'>,
    { clock, ackMsSlow = Infinity, onStored, onRefusal }: IngestOptions,
  ) {
    this.#thread = thread
    this.#clock = clock
    this.#acks = new LatencyMeter(ackMsSlow)
    this.#settings = settings.ingest
    this.#routes = compileRoutes(settings.routes)
    this.#buffers = new SpareBuffers(this.#settings, IN_FLIGHT_MAX + 1)
    this.#open = this.#openCommit(false)
    this.#queue = new PublishQueue(this.#settings)
    this.#onStored = onStored
    this.#onRefusal = onRefusal
  }

  /** Bytes (payload and topic) that were taken and are not on disk yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Times from the arrival of a publish to its acknowledgement. */
  get acks(): LatencySummary {
    return this.#acks.summary(performance.now())
  }

  /** Whether a topic has a route: its publishes are stored, as readings or as messages to forward. */
  keeps(topic: string): boolean {
    return this.#match(topic) !== undefined
  }

  /**
   * Takes a publish: without a route (`keeps`) it is kept as it is. The payload is copied before this returns.
   * @param incoming its QoS 2 packet identifier, stored in the same commit
   */
  offer(publish: Publish, settle: Settle, incoming?: IncomingId): void {
    if (this.#queue.size > 0 && !this.#isReturning) {
      const payload = Uint8Array.from(publish.payload)
      const times = { arrival: this.#clock.now(), takenAt: performance.now() }
      this.#queue.push({ ...publish, payload, ...times, settle, incoming })
    } else {
      if (isNumberingFull(this.#numbers)) this.#renumber()
      if (isFullFor(this.#open, publish, this.#settings.batchBytesMax)) this.#seal()
      if (this.#open.writer.count === 0) this.#open.openedAt = performance.now()
      this.#put(publish, this.#clock.now(), settle, incoming)
    }
    this.#pendingBytes += bytesOf(publish)
    this.#schedule()
  }

  #put(publish: Publish, arrival: number, settle: Settle, incoming: IncomingId | undefined): void {
    const topic = this.#topicNumber(publish.topic)
    const client = this.#clientNumber(publish.client)
    const place = this.#open.writer.count
    this.#open.writer.add(arrival, topic, client, publish, publish.payload)
    this.#open.settles.push(settle)
    this.#open.bytes += bytesOf(publish)
    if (incoming !== undefined) this.#open.identifiers.push({ kind: 'received', publish: place, ...incoming })
  }

  /** Releases a QoS 2 packet identifier; settles when that is on disk. */
  release(id: IncomingId, settle: Settle): void {
    this.#open.identifiers.push({ kind: 'released', ...id })
    this.#queue.release(id)
    this.#open.releases.push(settle)
    this.#schedule()
  }

  /** A client began a clean session: all its QoS 2 packet identifiers are void. */
  forget(client: string): void {
    this.#open.identifiers.push({ kind: 'forgotten', client })
    this.#queue.release({ client })
    this.#schedule()
  }

  #match(topic: string): RouteMatch | undefined {
    let match = this.#matches.get(topic)
    if (match !== undefined || this.#matches.has(topic)) return match
    match = this.#routes(topic)
    this.#matches.add(topic, match)
    return match
  }

  #topicNumber(topic: string): number {
    const known = this.#numbers.topics.find(topic)
    if (known !== undefined) return known
    const id = this.#numbers.topics.add(topic)
    this.#open.topics.push({ id, ...(this.#match(topic) ?? unroutedMatch(topic)) })
    return id
  }

  #clientNumber(client: string): number {
    const known = this.#numbers.clients.find(client)
    if (known !== undefined) return known
    const id = this.#numbers.clients.add(client)
    this.#open.clients.push({ id, client })
    return id
  }

  #renumber(): void {
    this.#numbers = newNumbers()
    if (this.#open.settles.length > 0) this.#seal()
    this.#open.renumbered = true
    this.#open.numbers = this.#numbers
    this.#open.topics.length = 0
    this.#open.clients.length = 0
  }

  #openCommit(renumbered: boolean): PendingCommit {
    return newCommit(this.#buffers.writer(), this.#numbers, renumbered)
  }

  #seal(): void {
    this.#sealed.push(this.#open)
    this.#open = this.#openCommit(false)
  }

  #schedule(): void {
    if (this.#scheduled || !this.#mayLeave) return
    this.#scheduled = true
    const flush = (): void => {
      this.#scheduled = false
      this.#flush()
    }
    if (this.#settings.commitDelayMs > 0) setTimeout(flush, this.#settings.commitDelayMs)
    else setImmediate(flush)
  }

  get #mayLeave(): boolean {
    if (this.#inFlight === 0) return true
    if (this.#queue.size > 0) return false
    return this.#inFlight < IN_FLIGHT_MAX && (this.#sealed.length > 0 || this.#open.writer.count >= SECOND_BATCH_MIN)
  }

  #flush(): void {
    while (this.#mayLeave) {
      if (this.#queue.size > 0) this.#fill()
      const sealed = this.#sealed.shift()
      if (sealed !== undefined) {
        this.#send(sealed)
        continue
      }
      const open = this.#open
      if (isEmpty(open)) return
      this.#open = this.#openCommit(false)
      this.#send(open)
    }
  }

  /** Takes publishes from the queue into the open commit, which has none. */
  #fill(): void {
    const countMax = this.#settings.batchMessagesMax
    if (isNumberingFull(this.#numbers, countMax)) this.#renumber()
    const taken = this.#queue.take()
    const { item: first } = taken[0]!
    this.#open.openedAt = taken.reduce((oldest, { item }) => Math.min(oldest, item.takenAt), first.takenAt)
    for (const { item } of taken) this.#put(item, item.arrival, item.settle, item.incoming)
    this.#open.taken = taken
  }

  #send(commit: PendingCommit): void {
    const { writer, topics, clients, identifiers, renumbered } = commit
    const { bytes } = writer
    const { buffer, count } = writer.take()
    const { batchMessagesMax: messagesMax } = this.#settings
    this.#inFlight++
    const returns = this.#returns
    this.#thread.submit(
      { kind: 'batch', buffer, messagesMax, count, bytes, renumbered, topics, clients, identifiers, returns },
      (reply) => this.#settled(reply, commit),
    )
  }

  #settled(reply: BatchReply, commit: PendingCommit): void {
    const { settles, releases, openedAt, bytes } = commit
    this.#inFlight--
    this.#pendingBytes -= bytes
    if (commit.taken !== undefined) this.#queue.returned(commit.taken, new Set(reply.undone))
    if (reply.undone.length > 0) this.#return(commit, reply)
    if (reply.buffer !== undefined) this.#buffers.give(reply.buffer)
    if (reply.refused !== this.refusedBecause) this.#onRefusal(reply.refused, reply.err)
    this.refusedBecause = reply.refused
    if (reply.refused !== undefined) this.refusedAt = performance.now()
    const failure = reply.refused === undefined ? undefined : new Error(`not stored: ${reply.refused}`)
    if (reply.noRoom.length + reply.noSeries.length + reply.undone.length === 0) {
      for (const settle of settles) settle(failure)
    } else settleAll(settles, reply)
    for (const settle of releases) settle(failure)
    // Each commit counts once, by the publish that waited longest.
    const now = performance.now()
    if (openedAt !== undefined && reply.undone.length < settles.length) this.#acks.note(now - openedAt, now)
    if (reply.readings > 0 || reply.messages > 0) this.#onStored(reply.readings, reply.messages)
    if (this.#isReturning && this.#inFlight === 0) this.#requeueUnsent()
    if (this.#sealed.length > 0 || this.#queue.size > 0) this.#flush()
    else if (!isEmpty(this.#open)) this.#schedule()
  }

  /** Publishes were not handled: they wait in the queue, and so must all that arrived after them. */
  #return(commit: PendingCommit, { undone, buffer, returns }: BatchReply): void {
    this.#isReturning = true
    this.#returns = returns
    if (commit.taken === undefined) this.#pendingBytes += this.#queue.requeue(commit, buffer!, undone)
    else for (const place of undone) this.#pendingBytes += commit.taken[place]!.bytes
  }

  /** Every batch is back: what has not left yet waits in the queue, too. */
  #requeueUnsent(): void {
    this.#isReturning = false
    const unsent = [...this.#sealed.splice(0), this.#open]
    if (unsent.every(({ settles }) => settles.length === 0)) return
    this.#numbers = newNumbers()
    this.#open = this.#openCommit(true)
    for (const commit of unsent) {
      const { buffer } = commit.writer.take()
      this.#queue.requeue(commit, buffer, [...commit.settles.keys()])
      this.#open.identifiers.push(...commit.identifiers.filter(({ kind }) => kind !== 'received'))
      this.#open.releases.push(...commit.releases)
      this.#buffers.give(buffer)
    }
  }
}
