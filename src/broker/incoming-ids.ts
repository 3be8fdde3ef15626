import type { IncomingId, Intake, Settle } from './intake.ts'

/**
 * The QoS 2 packet identifiers that clients have sent and not released (MQTT 3.1.1 §4.3.3).
 *
 * An identifier is reserved in the tick in which its publish is looked at: all packets of one read are handled at once,
 * and the same identifier twice among them would otherwise pass twice. Whoever meets a reserved identifier waits for the
 * commit of the first.
 */
export class IncomingIds {
  readonly #clients = new Map<string, Map<number, Promise<void>>>()
  readonly #intake: Intake

  /** @param known what the disk remembers of clients with lasting sessions. */
  constructor(intake: Intake, known: readonly IncomingId[]) {
    this.#intake = intake
    for (const { client, messageId } of known) this.#of(client).set(messageId, Promise.resolve())
  }

  /** The commit to wait for where the identifier is known; undefined where it is new, and now reserved by the caller. */
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
    const ids = this.#of(client)
    ids.set(messageId, done)
    done.catch(() => {
      if (ids.get(messageId) === done) ids.delete(messageId)
    })
    return done
  }

  /** Frees an identifier; resolves when the disk knows, where the session outlives the connection. */
  async release(client: string, messageId: number, lasting: boolean): Promise<void> {
    if (lasting) {
      await new Promise<void>((resolve, reject) => {
        this.#intake.release({ client, messageId }, (failure) => (failure ? reject(failure) : resolve()))
      })
    }
    this.#clients.get(client)?.delete(messageId)
  }

  /** The client began a clean session or ended one. */
  forget(client: string): void {
    if (this.#clients.delete(client)) this.#intake.forget(client)
  }

  #of(client: string): Map<number, Promise<void>> {
    let ids = this.#clients.get(client)
    if (ids === undefined) {
      ids = new Map()
      this.#clients.set(client, ids)
    }
    return ids
  }
}
