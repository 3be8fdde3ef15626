import type { Clock } from '../base/clock.ts'
import { PublishRefused } from '../base/errors.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { IncomingId } from '../store/incoming.ts'
import { BatchWriter, type PublishFlags } from '../store-thread/batch-buffer.ts'
import type { StoreClient } from '../store-thread/client.ts'
import { LatencyMeter, type LatencySummary } from '../store-thread/latency.ts'
import type { BatchReply, ClientEntry, IdentifierChange, TopicEntry } from '../store-thread/protocol.ts'
import { compileRoutes, type RouteMatch } from '../store-thread/routes.ts'

/** Batches at the store thread at once: one being committed, one waiting, so that the thread never idles. */
const IN_FLIGHT_MAX = 2
/** Publishes that justify a second batch while one is being committed; fewer wait until that commit is done. */
const SECOND_BATCH_MIN = 256
/** Numbers of topics, and of clients, at most; beyond it the numbering starts again. */
const NUMBERS_MAX = 65_536
/** Payload bytes of a new buffer; it grows when it needs to. */
const FIRST_PAYLOAD_BYTES = 262_144
/** A buffer that grew larger than this many full batches, for one huge publish, is not reused. */
const KEPT_BUFFER_BATCHES_MAX = 3

/** Called once: when the publish is on disk, or with the reason why it is not. */
export type Settle = (failure: Error | undefined) => void

/** What one commit will contain. */
interface PendingCommit {
  readonly writer: BatchWriter
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
}

export interface IngestOptions {
  readonly clock: Clock
  /** An acknowledgement that takes longer (ms) counts as slow. */
  readonly ackMsSlow?: number
  /** Called after each commit with the number of new readings and of new messages. */
  readonly onStored: (readings: number, messages: number) => void
  /** Called when commits begin to fail, fail for another reason, or succeed again (`reason` undefined). */
  readonly onRefusal: (reason: string | undefined, err: Error | undefined) => void
}

/** Settles a message for which the queue of messages has no room; readings of the same batch are stored. */
const NO_ROOM = new PublishRefused('not stored: the queue of messages to forward has reached store.forwardBytesMax')
/** Settles a message that needs a new series while there is no room for one. */
const NO_SERIES = new PublishRefused('not stored: too many series, see store.seriesMax and store.seriesPerClientMax')

function isEmpty({ settles, identifiers }: PendingCommit): boolean {
  return settles.length === 0 && identifiers.length === 0 // each release is an identifier, too
}

/** Settles the publishes of a commit of which some were refused, those last: acknowledgements of others come first. */
function settleAll(settles: readonly Settle[], { noRoom, noSeries }: Pick<BatchReply, 'noRoom' | 'noSeries'>): void {
  const refused = new Map([
    ...noRoom.map((place) => [place, NO_ROOM] as const),
    ...noSeries.map((place) => [place, NO_SERIES] as const),
  ])
  for (const [place, settle] of settles.entries()) if (!refused.has(place)) settle(undefined)
  for (const [place, failure] of refused) settles[place]!(failure)
}

/**
 * The spine: publishes of all clients become batches, batches become commits, commits become acknowledgements.
 *
 * A batch leaves as soon as the store thread has none, or has one and this batch is large enough to justify a commit of
 * its own. So the batch size follows the disk: slow disk, bigger commits. All publishes of a commit are settled in one
 * tick, so that each socket is written once.
 */
export class Ingest {
  readonly #thread: StoreClient
  readonly #settings: EdgeSettings['ingest']
  readonly #routes: (topic: string) => RouteMatch | undefined
  readonly #matches = new Map<string, RouteMatch | undefined>()
  #topicNumbers = new Map<string, number>()
  #clientNumbers = new Map<string, number>()
  readonly #free: SharedArrayBuffer[] = []
  readonly #sealed: PendingCommit[] = []
  #open: PendingCommit
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
    this.#open = this.#openCommit(false)
    this.#onStored = onStored
    this.#onRefusal = onRefusal
  }

  /** Payload bytes that were taken and are not on disk yet. */
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
   * Takes a publish whose topic has a route (`keeps`). The payload is copied before this returns.
   * @param incoming its QoS 2 packet identifier, stored in the same commit
   */
  offer(
    publish: PublishFlags & { topic: string; payload: Uint8Array; client: string },
    settle: Settle,
    incoming?: IncomingId,
  ): void {
    if (this.#topicNumbers.size >= NUMBERS_MAX || this.#clientNumbers.size >= NUMBERS_MAX) this.#renumber()
    const { writer } = this.#open
    if (writer.full || (writer.count > 0 && writer.bytes + publish.payload.length > this.#settings.batchBytesMax))
      this.#seal()
    const topic = this.#topicNumber(publish.topic)
    const client = this.#clientNumber(publish.client)
    const place = this.#open.writer.count
    if (place === 0) this.#open.openedAt = performance.now()
    this.#open.writer.add(this.#clock.now(), topic, client, publish, publish.payload)
    this.#open.settles.push(settle)
    if (incoming !== undefined) this.#open.identifiers.push({ kind: 'received', publish: place, ...incoming })
    this.#pendingBytes += publish.payload.length
    this.#schedule()
  }

  /** Releases a QoS 2 packet identifier; settles when that is on disk. */
  release(id: IncomingId, settle: Settle): void {
    this.#open.identifiers.push({ kind: 'released', ...id })
    this.#open.releases.push(settle)
    this.#schedule()
  }

  /** A client began a clean session: all its QoS 2 packet identifiers are void. */
  forget(client: string): void {
    this.#open.identifiers.push({ kind: 'forgotten', client })
    this.#schedule()
  }

  #match(topic: string): RouteMatch | undefined {
    if (this.#matches.has(topic)) return this.#matches.get(topic)
    if (this.#matches.size >= NUMBERS_MAX) this.#matches.clear()
    const match = this.#routes(topic)
    this.#matches.set(topic, match)
    return match
  }

  #topicNumber(topic: string): number {
    const known = this.#topicNumbers.get(topic)
    if (known !== undefined) return known
    const id = this.#topicNumbers.size
    this.#topicNumbers.set(topic, id)
    this.#open.topics.push({ id, ...this.#match(topic)! })
    return id
  }

  #clientNumber(client: string): number {
    const known = this.#clientNumbers.get(client)
    if (known !== undefined) return known
    const id = this.#clientNumbers.size
    this.#clientNumbers.set(client, id)
    this.#open.clients.push({ id, client })
    return id
  }

  #renumber(): void {
    this.#topicNumbers = new Map()
    this.#clientNumbers = new Map()
    if (!isEmpty(this.#open)) this.#seal()
    this.#open.renumbered = true
    this.#open.topics.length = 0
    this.#open.clients.length = 0
  }

  #openCommit(renumbered: boolean): PendingCommit {
    return {
      writer: new BatchWriter(this.#settings.batchMessagesMax, FIRST_PAYLOAD_BYTES, this.#free.pop()),
      openedAt: undefined,
      settles: [],
      releases: [],
      topics: [],
      clients: [],
      identifiers: [],
      renumbered,
    }
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
    return this.#inFlight < IN_FLIGHT_MAX && (this.#sealed.length > 0 || this.#open.writer.count >= SECOND_BATCH_MIN)
  }

  #flush(): void {
    while (this.#mayLeave) {
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

  #send({ writer, openedAt, settles, releases, topics, clients, identifiers, renumbered }: PendingCommit): void {
    const { buffer, count } = writer.take()
    const { bytes } = writer
    this.#inFlight++
    this.#thread.submit(
      {
        kind: 'batch',
        buffer,
        messagesMax: this.#settings.batchMessagesMax,
        count,
        renumbered,
        topics,
        clients,
        identifiers,
      },
      (reply) => this.#settled(reply, { settles, releases, openedAt }, bytes),
    )
  }

  #settled(
    reply: BatchReply,
    { settles, releases, openedAt }: Pick<PendingCommit, 'settles' | 'releases' | 'openedAt'>,
    bytes: number,
  ): void {
    this.#inFlight--
    this.#pendingBytes -= bytes
    if (reply.buffer !== undefined) this.#reuse(reply.buffer)
    if (reply.refused !== this.refusedBecause) this.#onRefusal(reply.refused, reply.err)
    this.refusedBecause = reply.refused
    if (reply.refused !== undefined) this.refusedAt = performance.now()
    const failure = reply.refused === undefined ? undefined : new Error(`not stored: ${reply.refused}`)
    if (reply.noRoom.length + reply.noSeries.length === 0) for (const settle of settles) settle(failure)
    else settleAll(settles, reply)
    for (const settle of releases) settle(failure)
    this.#measure(openedAt)
    if (reply.readings > 0 || reply.messages > 0) this.#onStored(reply.readings, reply.messages)
    if (this.#sealed.length > 0) this.#flush()
    else if (!isEmpty(this.#open)) this.#schedule()
  }

  /** Each commit counts once, by the publish that waited longest. */
  #measure(openedAt: number | undefined): void {
    const now = performance.now()
    if (openedAt !== undefined) this.#acks.note(now - openedAt, now)
  }

  #reuse(buffer: SharedArrayBuffer): void {
    const keptBytesMax = KEPT_BUFFER_BATCHES_MAX * this.#settings.batchBytesMax
    if (this.#free.length <= IN_FLIGHT_MAX && buffer.byteLength <= keptBytesMax) this.#free.push(buffer)
  }
}
