import type { Database, Statement } from 'better-sqlite3'
import { isWantedBy, type MessageHead, type Messages, WANTED } from './messages.ts'
import { PARKED_MESSAGES_MAX, ParkedMessages } from './parked-messages.ts'

/**
 * Maximum number of messages that are refused one by one while no other is confirmed. With more, the messages are not
 * the cause.
 */
export const POISON_CANDIDATE_MESSAGES_MAX = 16
/** When everything is refused, messages are tried again after this time (ms), and at the next connection. */
export const HELD_MS = 30_000

/**
 * Result of a refusal. `parked`: the message is parked, or will be as soon as another one is confirmed. `held`:
 * everything is refused, or too many messages are parked already; all messages wait for HELD_MS, and none is parked.
 */
export type MessageRefusal = 'parked' | 'held'

interface Refused {
  readonly reason: string
  /** UTC ms. */
  readonly at: number
}

interface Counters {
  settled: number
  stored: number
  confirmed: number
  dropped: number
}

/**
 * Delivery state of the messages of one uplink: which are delivered, which are in flight, and which come next. On the
 * disk it is one number: up to `settled`, every message is confirmed, parked, dropped, or for other uplinks only. So
 * after any interruption, messages are sent again from the first one that is not settled, in order of arrival. All
 * methods that write run in their owner's transaction.
 */
export class ForwardOutbox {
  readonly name: string
  readonly #uplink: number
  readonly #messages: Messages
  readonly #parked: ParkedMessages
  readonly #isNeededElsewhere: (message: MessageHead) => boolean
  readonly #read: Statement<[number]>
  readonly #save: Statement<[number, number, number, number, number]>
  readonly #oldest: Statement<[number, string, number]>
  #counters!: Counters
  #dirty = false
  /** All messages up to here are settled, taken, or not for this uplink. */
  #cursor = 0
  /** In flight, in ascending order. */
  readonly #inFlight = new Map<number, MessageHead>()
  /** Parked messages that are in flight again. */
  readonly #replaying = new Map<number, MessageHead>()
  /** Finished, but not settled yet, because a message before them is not settled. */
  readonly #done = new Map<number, { readonly head: MessageHead; readonly as: 'confirmed' | 'dropped' }>()
  readonly #poisonCandidates = new Map<number, Refused>()
  #held: { readonly since: number; readonly reason: string } | undefined

  constructor(
    database: Database,
    messages: Messages,
    options: {
      readonly id: number
      readonly name: string
      /** Whether another uplink still wants a message. */
      readonly isNeededElsewhere: (message: MessageHead) => boolean
    },
  ) {
    this.name = options.name
    this.#uplink = options.id
    this.#messages = messages
    this.#isNeededElsewhere = options.isNeededElsewhere
    this.#parked = new ParkedMessages(database, options.id)
    this.#read = database.prepare('SELECT settled, stored, confirmed, dropped FROM forwards WHERE uplink = ?')
    this.#save = database.prepare(
      'UPDATE forwards SET settled = ?, stored = ?, confirmed = ?, dropped = ? WHERE uplink = ?',
    )
    this.#oldest = database
      .prepare<[number, string, number]>(
        `SELECT received_at FROM messages WHERE id > ? AND ${WANTED} AND NOT EXISTS
         (SELECT 1 FROM parked_messages WHERE message = messages.id AND uplink = ?) ORDER BY id LIMIT 1`,
      )
      .pluck()
    this.reload()
  }

  get confirmed(): number {
    return this.#counters.confirmed
  }

  get parked(): number {
    return this.#parked.count
  }

  /** Messages that are not confirmed, parked or dropped. */
  get waiting(): number {
    const { stored, confirmed, dropped } = this.#counters
    return stored - confirmed - dropped - this.#parked.count
  }

  /** Arrival (UTC ms) of the oldest waiting message. */
  get oldestAt(): number | undefined {
    if (this.waiting === 0) return undefined
    return this.#oldest.get(this.#counters.settled, this.name, this.#uplink) as number | undefined
  }

  /** Why the cloud broker accepts no message at the moment; undefined: it is not known to refuse any. */
  get refusedBecause(): string | undefined {
    const [candidate] = this.#poisonCandidates.values()
    return this.#held?.reason ?? candidate?.reason
  }

  /** Reads the counters again: at the start, and after a failed transaction. Messages in flight are sent again. */
  reload(): void {
    this.#counters = this.#read.get(this.#uplink) as Counters
    this.#dirty = false
    this.#parked.reload()
    this.#done.clear()
    this.#rewind()
  }

  /** Whether this uplink still has to deliver a message, or has parked it. */
  needs({ id, uplinks }: Pick<MessageHead, 'id' | 'uplinks'>): boolean {
    return isWantedBy(this.name, uplinks) && (id > this.#counters.settled || this.#parked.has(id))
  }

  /** Counts a stored message. @returns whether this uplink is to deliver it. */
  stored(uplinks: string | null): boolean {
    if (!isWantedBy(this.name, uplinks)) return false
    this.#counters.stored++
    this.#dirty = true
    return true
  }

  /** Milliseconds for which all messages are held back; 0: they are not. `now`: UTC ms. */
  heldMs(now: number): number {
    if (this.#held === undefined) return 0
    const left = this.#held.since + HELD_MS - now
    // After the clock was set back, messages must not be held longer.
    if (left > 0 && left <= HELD_MS) return left
    this.#held = undefined
    return 0
  }

  /**
   * Takes the next message, in order of arrival, and marks it as in flight. Undefined: there is none, it is larger than
   * `bytesMax`, or all are held back. `now`: UTC ms.
   */
  take(bytesMax: number, now: number): { readonly head: MessageHead; readonly payload: Uint8Array } | undefined {
    if (this.heldMs(now) > 0) return undefined
    const head = this.#next()
    if (head === undefined || head.payloadBytes > bytesMax) return undefined
    if (this.#parked.has(head.id)) this.#replaying.set(head.id, head)
    else {
      this.#inFlight.set(head.id, head)
      this.#cursor = head.id
    }
    return { head, payload: this.#messages.payload(head.id) }
  }

  #next(): MessageHead | undefined {
    const again = this.#parked.next((id) => this.#replaying.has(id))
    if (again !== undefined) return this.#messages.head(again)
    while (this.#cursor < this.#messages.lastId) {
      const head = this.#messages.after(this.#cursor, this.name)
      if (head === undefined) this.#cursor = this.#messages.lastId
      else if (this.#parked.has(head.id) || this.#done.has(head.id)) this.#cursor = head.id
      else return head
    }
    return undefined
  }

  /** Nothing is in flight any more: messages that are not settled are sent again, from the first. */
  releaseAll(): void {
    for (const [id, { as }] of this.#done) if (as === 'confirmed') this.#done.delete(id)
    this.#rewind()
    this.#held = undefined
  }

  #rewind(): void {
    this.#inFlight.clear()
    this.#replaying.clear()
    this.#poisonCandidates.clear()
    this.#cursor = this.#counters.settled
  }

  /**
   * The cloud broker has these messages. Ids that are not in flight are skipped. @returns the number of messages
   * confirmed.
   */
  confirm(ids: readonly number[]): number {
    let count = 0
    for (const id of ids) {
      const head = this.#inFlight.get(id) ?? this.#replaying.get(id)
      if (head === undefined) continue
      this.#finish(head, 'confirmed')
      count++
    }
    if (count > 0) this.#parkCandidate()
    this.#advance()
    return count
  }

  #finish(head: MessageHead, as: 'confirmed' | 'dropped'): void {
    this.#inFlight.delete(head.id)
    this.#replaying.delete(head.id)
    if (this.#parked.has(head.id)) this.#parked.remove(head.id)
    this.#done.set(head.id, { head, as })
  }

  /** Another message was confirmed, so these messages are the cause of their refusals. */
  #parkCandidate(): void {
    for (const [id, { reason, at }] of this.#poisonCandidates) this.#parked.park(id, reason, at)
    this.#poisonCandidates.clear()
  }

  /**
   * Settles up to the first message that is in flight or a poison candidate, and removes messages that no uplink needs
   * any more.
   */
  #advance(): void {
    const [first = Infinity] = this.#inFlight.keys()
    const open = Math.min(first, ...this.#poisonCandidates.keys())
    const settled = Math.max(this.#counters.settled, Math.min(open - 1, this.#cursor))
    if (settled > this.#counters.settled) this.#dirty = true
    this.#counters.settled = settled
    for (const [id, { head, as }] of this.#done) {
      if (id > settled) continue
      this.#done.delete(id)
      this.#counters[as]++
      this.#dirty = true
      if (!this.#isNeededElsewhere(head)) this.#messages.remove(head)
    }
  }

  /**
   * The cloud broker refuses a message, and will refuse it again. `certain`: the message is the cause, whatever happens
   * to others. `at`: UTC ms.
   */
  refuse(id: number, { reason, at, certain }: Refused & { readonly certain: boolean }): MessageRefusal {
    if (this.#replaying.delete(id)) {
      this.#parked.park(id, reason, at)
      return 'parked'
    }
    if (!this.#inFlight.delete(id)) return 'parked'
    const isFull = this.#parked.count + this.#poisonCandidates.size >= PARKED_MESSAGES_MAX
    if (certain && !isFull) {
      this.#parked.park(id, reason, at)
      this.#advance()
      return 'parked'
    }
    this.#poisonCandidates.set(id, { reason, at })
    if (!isFull && this.#poisonCandidates.size <= POISON_CANDIDATE_MESSAGES_MAX) return 'parked'
    this.releaseAll()
    this.#held = { since: at, reason }
    return 'held'
  }

  /** Marks a parked message to be sent again, by the id that is shown to operators. @returns false if there is none. */
  replay(parkedId: number): boolean {
    const message = this.#parked.messageOf(parkedId)
    if (message !== undefined) this.#parked.replay(message)
    return message !== undefined
  }

  /** Gives up a parked message. @returns false if there is none with this id. */
  drop(parkedId: number): boolean {
    const message = this.#parked.messageOf(parkedId)
    const head = message === undefined ? undefined : this.#messages.head(message)
    if (head === undefined) return false
    this.#finish(head, 'dropped')
    this.#advance()
    return true
  }

  /** Writes the counters if they have changed. */
  flush(): void {
    if (!this.#dirty) return
    const { settled, stored, confirmed, dropped } = this.#counters
    this.#save.run(settled, stored, confirmed, dropped, this.#uplink)
    this.#dirty = false
  }
}
