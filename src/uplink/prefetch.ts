import type { Ask, Batch, Outbox, Outgoing } from './outbox.ts'

/** Batches of the backlog that are packed ahead. */
const READY_MAX = 4

/**
 * What leaves next. While the messages on their way fill the pace, batches of the backlog are packed ahead: a receiver answers
 * for several of them at once, after its commit, and then the next ones leave at once. What is packed ahead is not on its way:
 * new readings go before it, and it makes nothing late.
 */
export class Prefetch {
  readonly #outbox: Outbox
  readonly #messageBytes: number
  readonly #ready: (Batch & { readonly backlog: boolean })[] = []
  #moreInStore = true

  /** @param messageBytes the largest that a message may be */
  constructor(outbox: Outbox, messageBytes: number) {
    this.#outbox = outbox
    this.#messageBytes = messageBytes
  }

  /** Whether there is more to send of what had gathered before, as far as is known. */
  get backlog(): boolean {
    return this.#moreInStore || this.#ready.length > 0
  }

  /** The store has got more of it. */
  hasMore(): void {
    this.#moreInStore = true
  }

  /**
   * What was packed ahead, unless something goes before it; else what the store has.
   * @param isFirst nothing is on its way: then what is ready leaves, also a single reading that is larger than a message
   */
  async next(ask: Required<Ask>, isFirst: boolean): Promise<Outgoing> {
    const [ready] = this.#ready
    if (ready === undefined) return await this.#ask(ask)
    const fits = ready.bytes.length <= ask.backfill || (isFirst && ask.backfill >= this.#messageBytes)
    if (fits && ask.prefer === 'backfill') return this.#ready.shift()!
    const others = await this.#ask({ ...ask, backfill: 0 })
    return fits && others.kind === 'wait' ? this.#ready.shift()! : others
  }

  /** @param bytes that the backlog may have for now: where they are counted, how much is known only when it may leave. */
  mayPackAhead(bytes: number): boolean {
    return this.#moreInStore && this.#ready.length < READY_MAX && bytes >= this.#messageBytes
  }

  /**
   * Packs a batch and puts it by. Gives what cannot be put by.
   * @param ms how long to wait for new readings (undefined: until there are some), if there is nothing to pack
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

/** The lesser of two times (ms), of which undefined is the longest. */
function sooner(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
