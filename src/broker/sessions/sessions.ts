import { FilterIndex } from './filter-index.ts'
import type { FilterLimits } from './filter-limits.ts'
import { Occasion } from './occasions.ts'
import { OwnFilters, type Subscription } from './own-filters.ts'
import type { Session, SessionSettings, SessionStats } from './session.ts'
import { QueuedMessage, type QueuedPacket, QueueMemory, SessionQueue } from './session-queue.ts'

/** Unacknowledged messages of a connected client. Packet identifiers allow 65,535. */
const PRESENT_QUEUE_MAX = 32_768
/** One session may hold this part of the bytes of all queues. */
const QUEUE_SHARE = 1 / 4
const EXPIRY_CHECK_MS = 60_000

/** The sessions that subscribe to one filter with QoS 1 or 2. */
interface Subscribers {
  /** Those that get messages. */
  readonly open: Map<Session, Subscription>
  /** How many do not, because they are full. */
  full: number
}

/**
 * Persistent sessions (clean session 0): their filters and the messages that their clients have not acknowledged.
 *
 * A message costs nothing for a session that would drop it: an absent session with a full queue is taken out of the
 * match, and is only counted. When all queues together are too large, the session that is absent longest loses its queue;
 * when there are too many sessions, it ends. Sessions that were never resumed come first: a client that connects with ever
 * new ids does not displace the sessions of others.
 */
export class Sessions {
  readonly limits: FilterLimits
  readonly #settings: SessionSettings
  readonly #onEnd: (id: string) => void
  readonly #sessions = new Map<string, Session>()
  /** In the order in which they became absent: those that were never resumed, and the others. */
  readonly #absent = [new Set<Session>(), new Set<Session>()] as const
  /** Those of them that hold messages. */
  readonly #holding = [new Set<Session>(), new Set<Session>()] as const
  readonly #filters = new FilterIndex<Subscribers>()
  readonly #memory = new QueueMemory()
  readonly #slow = new Occasion()
  readonly #givenUp = new Occasion()
  readonly #evicted = new Occasion()
  readonly #timer: NodeJS.Timeout
  #expired = 0
  /** Messages dropped because a queue was full, or given up. A full session counts once for each filter that matches. */
  dropped = 0
  /** Changes with every answer of `wants`. */
  version = 0

  /** @param onEnd called with the client id of a session that ended */
  constructor(settings: SessionSettings, limits: FilterLimits, onEnd: (id: string) => void) {
    this.limits = limits
    this.#settings = settings
    this.#onEnd = onEnd
    const everyMs = Math.min(EXPIRY_CHECK_MS, settings.sessionExpiryS * 250)
    this.#timer = setInterval(() => this.#expire(), everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  stats(): SessionStats {
    return {
      count: this.#sessions.size,
      absent: this.#absent[0].size + this.#absent[1].size,
      filters: this.limits.count,
      filtersRefused: this.limits.refused,
      queued: this.#memory.messages,
      queuedBytes: this.#memory.bytes,
      slow: this.#slow.stats,
      givenUp: this.#givenUp.stats,
      evicted: this.#evicted.stats,
      expired: this.#expired,
    }
  }

  /** The session of a client id; a new one has no client yet. */
  of(id: string): Session {
    let session = this.#sessions.get(id)
    if (session === undefined) {
      const queue = new SessionQueue(this.#memory)
      const connection = undefined
      const absentAt = performance.now()
      session = { id, own: new OwnFilters(), queue, connection, resumed: false, absentAt, isFull: false }
      this.#sessions.set(id, session)
      this.#noteAbsence(session)
      if (this.#sessions.size > this.#settings.sessionsMax) this.evict((other) => other !== session)
    }
    return session
  }

  find(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values()
  }

  /** The client of a session connects. */
  enter(id: string, connection: object): void {
    const known = this.#sessions.has(id)
    const session = this.of(id)
    this.#forgetAbsence(session)
    session.connection = connection
    if (known) session.resumed = true
    if (session.isFull) this.#setFull(session, false)
  }

  /** A connection ended; it may be an earlier one than that of `enter`. @param isNeeded whether the session has more state */
  leave(id: string, connection: object, isNeeded: boolean): void {
    const session = this.#sessions.get(id)
    if (session === undefined || session.connection !== connection) return
    session.connection = undefined
    session.absentAt = performance.now()
    if (session.own.size === 0 && session.queue.count === 0 && !isNeeded) this.end(id)
    else {
      this.#noteAbsence(session)
      this.#noteFull(session)
    }
  }

  /** Adds or replaces a subscription; false: there is no room for it. */
  subscribe(id: string, subscription: Subscription): boolean {
    const session = this.of(id)
    const former = session.own.byFilter.get(subscription.topic)
    if (!this.limits.add(id, session.own, subscription)) return false
    if (former !== undefined) this.#unlink(session, former)
    this.#link(session, subscription)
    return true
  }

  unsubscribe(id: string, filter: string): void {
    const session = this.#sessions.get(id)
    const former = session && this.limits.remove(session.own, filter)
    if (former !== undefined) this.#unlink(session!, former)
  }

  /** The session ended: removes all that is kept for it. */
  end(id: string): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#sessions.delete(id)
    this.#forgetAbsence(session)
    for (const subscription of session.own.byFilter.values()) this.#unlink(session, subscription)
    this.limits.removeAll(session.own)
    session.queue.drop()
    this.#onEnd(id)
  }

  /** Ends the session that is absent longest among those that pass the test. @returns whether there was one */
  evict(test: (session: Session) => boolean): boolean {
    const oldest = oldestOf(this.#absent, test)
    if (oldest === undefined) return false
    this.#evicted.note(oldest.id)
    this.dropped += oldest.queue.count
    this.end(oldest.id)
    return true
  }

  /** Whether a session gets a message on this topic, and how many sessions are full and would drop it. */
  wants(topic: string): { readonly open: boolean; readonly full: number } {
    let full = 0
    const open = this.#filters.some(topic, (subscribers) => {
      full += subscribers.full
      return subscribers.open.size > 0
    })
    return { open, full }
  }

  /** How many sessions get a message on this topic; those that several filters match count for each. */
  openCount(topic: string): number {
    return this.#filters.match(topic).reduce((sum, { open }) => sum + open.size, 0)
  }

  /** The sessions that get a message on this topic, each with its highest QoS. Counts those that are full as drops. */
  match(topic: string): { readonly clientId: string; readonly topic: string; readonly qos: number }[] {
    const found = this.#filters.match(topic)
    const recipients = new Map<Session, Subscription>()
    for (const { open, full } of found) {
      this.dropped += full
      for (const [session, subscription] of open) {
        if ((recipients.get(session)?.qos ?? 0) < subscription.qos) recipients.set(session, subscription)
      }
    }
    return Array.from(recipients, ([{ id }, { topic: filter, qos }]) => ({ clientId: id, topic: filter, qos }))
  }

  /** Queues a message; false: it is dropped, and counted. */
  enqueue(session: Session, message: QueuedMessage): boolean {
    if (this.#makeRoom(session, message)) {
      session.queue.add(message)
      if (session.connection === undefined) {
        this.#holding[session.resumed ? 1 : 0].add(session)
        this.#noteFull(session)
      }
      return true
    }
    this.dropped++
    if (session.connection !== undefined) this.#slow.note(session.id)
    else if (!session.isFull) this.#setFull(session, true)
    return false
  }

  /** Queues a message for one client. */
  enqueueFor(id: string, packet: QueuedPacket): boolean {
    return this.enqueue(this.of(id), new QueuedMessage(packet))
  }

  #makeRoom(session: Session, message: QueuedMessage): boolean {
    const { sessionQueueMax, sessionQueueBytesMax } = this.#settings
    const { queue, connection, isFull } = session
    if (isFull || queue.count >= (connection === undefined ? sessionQueueMax : PRESENT_QUEUE_MAX)) return false
    if (queue.bytes + message.bytes > sessionQueueBytesMax * QUEUE_SHARE) return false
    while (this.#memory.bytes + this.#memory.costOf(message) > sessionQueueBytesMax) {
      const victim = oldestOf(this.#holding)
      if (victim === undefined) return false
      for (const holding of this.#holding) holding.delete(victim)
      this.#givenUp.note(victim.id)
      this.dropped += victim.queue.drop()
      if (!victim.isFull) this.#setFull(victim, true)
      if (victim === session) return false
    }
    return true
  }

  #noteAbsence(session: Session): void {
    const place = session.resumed ? 1 : 0
    this.#absent[place].add(session)
    if (session.queue.count > 0) this.#holding[place].add(session)
  }

  #forgetAbsence(session: Session): void {
    for (const sessions of [...this.#absent, ...this.#holding]) sessions.delete(session)
  }

  #expire(): void {
    const dueAt = performance.now() - this.#settings.sessionExpiryS * 1_000
    for (const absent of this.#absent) {
      for (const session of absent) {
        if (session.absentAt > dueAt) break
        this.#expired++
        this.dropped += session.queue.count
        this.end(session.id)
      }
    }
  }

  /** An absent session without room gets no more messages: what only it would get is handled as without a subscriber. */
  #noteFull(session: Session): void {
    if (!session.isFull && session.queue.count >= this.#settings.sessionQueueMax) this.#setFull(session, true)
  }

  #setFull(session: Session, isFull: boolean): void {
    for (const subscription of session.own.byFilter.values()) this.#unlink(session, subscription)
    session.isFull = isFull
    for (const subscription of session.own.byFilter.values()) this.#link(session, subscription)
  }

  #link(session: Session, subscription: Subscription): void {
    const { topic, qos } = subscription
    if (qos === 0) return
    let subscribers = this.#filters.get(topic)
    if (subscribers === undefined) {
      subscribers = { open: new Map(), full: 0 }
      this.#filters.set(topic, subscribers)
    }
    if (session.isFull) subscribers.full++
    else subscribers.open.set(session, subscription)
    this.version++
  }

  #unlink(session: Session, { topic, qos }: Subscription): void {
    const subscribers = qos === 0 ? undefined : this.#filters.get(topic)
    if (subscribers === undefined) return
    if (session.isFull) subscribers.full--
    else subscribers.open.delete(session)
    if (subscribers.full === 0 && subscribers.open.size === 0) this.#filters.delete(topic)
    this.version++
  }
}

function oldestOf(
  groups: readonly ReadonlySet<Session>[],
  test: (session: Session) => boolean = () => true,
): Session | undefined {
  for (const sessions of groups) for (const session of sessions) if (test(session)) return session
  return undefined
}
