import type { Ask, Batch, Outbox, Outgoing } from './outbox.ts'

/** Batches of the backlog that are packed ahead, at most. */
const READY_MAX = 4

/**
 * Chooses the next message to send. While the congestion window is full, the session packs batches of the backlog
 * ahead: a receiver confirms several batches at once, after its commit, and then the next batches can leave
 * immediately. A batch that is packed ahead is not in flight: new readings are sent before it, and it delays nothing.
 */
export class Prefetch {
  readonly #outbox: Outbox
  readonly #messageBytes: number
  readonly #ready: (Batch & { readonly backlog: boolean })[] = []
  #moreInStore = true

  /** @param messageBytes size limit of one message, in bytes */
  constructor(outbox: Outbox, messageBytes: number) {
    this.#outbox = outbox
    this.#messageBytes = messageBytes
  }

  /** Whether more of the backlog is left to send, as far as is known. */
  get backlog(): boolean {
    return this.#moreInStore || this.#ready.length > 0
  }

  /** The store has more of the backlog. */
  hasMore(): void {
    this.#moreInStore = true
  }

  /**
   * Returns the batch that was packed ahead, unless something goes before it; otherwise the next message from the
   * store.
   * @param isFirst nothing is in flight: then the packed batch may leave even if it is a single reading larger than a
   * message
   */
  async next(ask: Required<Ask>, isFirst: boolean): Promise<Outgoing> {
    const [ready] = this.#ready
    if (ready === undefined) return await this.#ask(ask)
    const fits = ready.bytes.length <= ask.backfill || (isFirst && ask.backfill >= this.#messageBytes)
    if (fits && ask.prefer === 'backfill') return this.#ready.shift()!
    const others = await this.#ask({ ...ask, backfill: 0 })
    return fits && others.kind === 'wait' ? this.#ready.shift()! : others
  }

  /** @param bytes bytes that the backlog may use now; with a byte budget this is known only at the time of sending */
  mayPackAhead(bytes: number): boolean {
    return this.#moreInStore && this.#ready.length < READY_MAX && bytes >= this.#messageBytes
  }

  /**
   * Packs a batch and keeps it. Returns whatever it cannot keep: a wait, a message or amendments.
   * @param ms how long to wait for new readings (undefined: until there are some) if there is nothing to pack
   */
  async packAhead(ms?: number): Promise<Outgoing | undefined> {
    const outgoing = await this.#ask({ live: 0, backfill: this.#messageBytes, forward: 0, prefer: 'backfill' })
    if (outgoing.kind === 'wait') return { ...outgoing, ms: sooner(ms, outgoing.ms) }
    if (outgoing.kind !== 'batch') return outgoing
    this.#ready.push(outgoing)
    return undefined
  }

  async #ask(ask: Ask): Promise<Outgoing> {
    const outgoing = await this.#outbox.next(ask)
    this.#moreInStore = outgoing.backlog
    return outgoing
  }
}

/** The smaller of two times (milliseconds); undefined counts as infinite. */
function sooner(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
