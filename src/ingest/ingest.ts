import type { Clock } from '../base/clock.ts'
import { compileRoute, filterMatches } from '../base/topics.ts'
import type { EdgeSettings, RouteSettings } from '../settings/edge.ts'
import { namesText } from '../store/forward/messages.ts'
import type { IncomingId } from '../store/incoming.ts'
import { BatchWriter, type PublishFlags } from '../store-thread/batch-buffer.ts'
import type { StoreClient } from '../store-thread/client.ts'
import type { BatchReply, ClientEntry, IdentifierChange, TopicEntry } from '../store-thread/protocol.ts'

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

type RouteMatch = Omit<TopicEntry, 'id'>

/** What one commit will contain. */
interface PendingCommit {
  readonly writer: BatchWriter
  readonly settles: Settle[]
  /** For messages of forward routes: index of the publish in the batch → index in `settles`. */
  readonly forwards: Map<number, number>
  readonly topics: TopicEntry[]
  readonly clients: ClientEntry[]
  readonly identifiers: IdentifierChange[]
  renumbered: boolean
}

export interface IngestOptions {
  readonly clock: Clock
  /** Called after each commit with the number of new readings and of new messages. */
  readonly onStored: (readings: number, messages: number) => void
  /** Called when commits begin to fail, fail for another reason, or succeed again (`reason` undefined). */
  readonly onRefusal: (reason: string | undefined, err: Error | undefined) => void
}

/** Settles a message for which the queue of messages has no room; readings of the same batch are stored. */
const NO_ROOM = new Error('not stored: the queue of messages to forward has reached store.forwardBytesMax')

/** Compiles a route: for a topic that it covers, the device of its readings, or where its messages go. */
function matcherOf({
  topic: template,
  format,
  forward,
  to,
  uplinks,
  zone,
  numbers,
  noValueTexts,
}: RouteSettings): (topic: string) => RouteMatch | undefined {
  if (forward) {
    const forwarding = { target: to, uplinks: namesText(uplinks) }
    return (topic) =>
      filterMatches(template, topic) ? { topic, device: '', metric: undefined, format, forward: forwarding } : undefined
  }
  const route = compileRoute(template)
  const rules = { zone, numbers, noValueTexts }
  return (topic) => {
    const found = route.match(topic)
    return found === undefined ? undefined : { topic, ...found, format, rules, forward: undefined }
  }
}

function isEmpty({ settles, identifiers }: PendingCommit): boolean {
  return settles.length === 0 && identifiers.length === 0
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
  readonly #routes: readonly ((topic: string) => RouteMatch | undefined)[]
  /** Whether any route forwards messages. */
  readonly #forwards: boolean
  readonly #matches = new Map<string, RouteMatch | undefined>()
  #topicNumbers = new Map<string, number>()
  #clientNumbers = new Map<string, number>()
  readonly #free: SharedArrayBuffer[] = []
  readonly #sealed: PendingCommit[] = []
  #open: PendingCommit
  #inFlight = 0
  #scheduled = false
  #pendingBytes = 0
  #refusedBecause: string | undefined
  readonly #clock: Clock
  readonly #onStored: (readings: number, messages: number) => void
  readonly #onRefusal: IngestOptions['onRefusal']

  constructor(
    thread: StoreClient,
    settings: Pick<EdgeSettings, 'ingest' | 'routes'>,
    { clock, onStored, onRefusal }: IngestOptions,
  ) {
    this.#thread = thread
    this.#clock = clock
    this.#settings = settings.ingest
    this.#routes = settings.routes.map(matcherOf)
    this.#forwards = settings.routes.some(({ forward }) => forward)
    this.#open = this.#openCommit(false)
    this.#onStored = onStored
    this.#onRefusal = onRefusal
  }

  /** Payload bytes that were taken and are not on disk yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Why the last commit failed; undefined while commits succeed. */
  get refusedBecause(): string | undefined {
    return this.#refusedBecause
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
    this.#open.writer.add(this.#clock.now(), topic, client, publish, publish.payload)
    if (this.#forwards && this.#match(publish.topic)?.forward !== undefined)
      this.#open.forwards.set(place, this.#open.settles.length)
    this.#open.settles.push(settle)
    if (incoming !== undefined) this.#open.identifiers.push({ kind: 'received', publish: place, ...incoming })
    this.#pendingBytes += publish.payload.length
    this.#schedule()
  }

  /** Releases a QoS 2 packet identifier; settles when that is on disk. */
  release(id: IncomingId, settle: Settle): void {
    this.#open.identifiers.push({ kind: 'released', ...id })
    this.#open.settles.push(settle)
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
    let match: RouteMatch | undefined
    for (const matches of this.#routes) {
      match = matches(topic)
      if (match !== undefined) break
    }
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
      settles: [],
      forwards: new Map(),
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

  #send({ writer, settles, forwards, topics, clients, identifiers, renumbered }: PendingCommit): void {
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
      (reply) => this.#settled(reply, { settles, forwards }, bytes),
    )
  }

  #settled(reply: BatchReply, { settles, forwards }: Pick<PendingCommit, 'settles' | 'forwards'>, bytes: number): void {
    this.#inFlight--
    this.#pendingBytes -= bytes
    if (reply.buffer !== undefined) this.#reuse(reply.buffer)
    if (reply.refused !== this.#refusedBecause) this.#onRefusal(reply.refused, reply.err)
    this.#refusedBecause = reply.refused
    const failure = reply.refused === undefined ? undefined : new Error(`not stored: ${reply.refused}`)
    const noRoom = new Set(reply.noRoom.map((place) => forwards.get(place)))
    if (noRoom.size === 0) for (const settle of settles) settle(failure)
    else for (const [at, settle] of settles.entries()) settle(noRoom.has(at) ? NO_ROOM : failure)
    if (reply.readings > 0 || reply.messages > 0) this.#onStored(reply.readings, reply.messages)
    if (this.#sealed.length > 0) this.#flush()
    else if (!isEmpty(this.#open)) this.#schedule()
  }

  #reuse(buffer: SharedArrayBuffer): void {
    const keptBytesMax = KEPT_BUFFER_BATCHES_MAX * this.#settings.batchBytesMax
    if (this.#free.length <= IN_FLIGHT_MAX && buffer.byteLength <= keptBytesMax) this.#free.push(buffer)
  }
}
