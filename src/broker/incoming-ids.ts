import type { IncomingId, Intake, Settle } from './intake.ts'

/**
 * The QoS 2 packet identifiers that clients have sent and not released (MQTT 3.1.1 §4.3.3).
 *
 * An identifier is reserved in the tick in which its publish is handled: all packets of one read are handled in one
 * tick, and without the reservation the same identifier could pass twice. A repeat of a reserved identifier waits for
 * the commit of the first publish.
 */
export class IncomingIds {
  readonly #clients = new Map<string, Map<number, Promise<void>>>()
  readonly #intake: Intake
  #total = 0

  /** @param known identifiers on disk, of clients with persistent sessions */
  constructor(intake: Intake, known: readonly IncomingId[]) {
    this.#intake = intake
    for (const { client, messageId } of known) this.#add(client, messageId, Promise.resolve())
  }

  /** Identifiers of all clients. */
  get total(): number {
    return this.#total
  }

  /** The commit to wait for when the identifier is known; undefined: it is new, and the caller must reserve it. */
  meet(client: string, messageId: number): Promise<void> | undefined {
    return this.#clients.get(client)?.get(messageId)
  }

  count(client: string): number {
    return this.#clients.get(client)?.size ?? 0
  }

  /** Reserves an identifier until `work` has settled; a failure frees it again. */
  keep(client: string, messageId: number, work: (settle: Settle) => void): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      work((failure) => (failure === undefined ? resolve() : reject(failure)))
    })
    this.#add(client, messageId, done)
    done.catch(() => {
      if (this.meet(client, messageId) === done) this.#delete(client, messageId)
    })
    return done
  }

  /** Frees an identifier. For a persistent session, resolves when that is on disk. */
  async release(client: string, messageId: number, persistent: boolean): Promise<void> {
    if (persistent) {
      await new Promise<void>((resolve, reject) => {
        this.#intake.release({ client, messageId }, (failure) => (failure ? reject(failure) : resolve()))
      })
    }
    this.#delete(client, messageId)
  }

  /** The client began a clean session, or its session ended. */
  forget(client: string): void {
    this.#total -= this.count(client)
    if (this.#clients.delete(client)) this.#intake.forget(client)
  }

  #add(client: string, messageId: number, done: Promise<void>): void {
    let ids = this.#clients.get(client)
    if (ids === undefined) {
      ids = new Map()
      this.#clients.set(client, ids)
    }
    if (!ids.has(messageId)) this.#total++
    ids.set(messageId, done)
  }

  #delete(client: string, messageId: number): void {
    const ids = this.#clients.get(client)
    if (ids?.delete(messageId) === true) this.#total--
    if (ids?.size === 0) this.#clients.delete(client)
  }
}
