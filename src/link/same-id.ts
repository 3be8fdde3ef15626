import { LinkError } from './link.ts'

/** MQTT 5, §3.14.2.1: another client has connected with the same client id. */
const SESSION_TAKEN_OVER = 0x8e
/** A sign of it counts for this time (ms). */
const SHOWN_MS = 600_000
/**
 * Before MQTT 5 a broker gives no reason: this number of connections in a row, each of which ends within this time (ms),
 * is a sign of it, too. A network that comes and goes makes fewer.
 */
const SHORT_LIVES_MIN = 6
const SHORT_LIFE_MS = 10_000

/** Notices that another client connects to the broker with the same client id: each ends the connection of the other. */
export class SameIdWatch {
  #takenOverAt = Number.NEGATIVE_INFINITY
  #shortLives = 0
  #shortLifeAt = Number.NEGATIVE_INFINITY

  /** A connection ended. @param reason why; `openedAt`, `now`: monotonic ms */
  ended(reason: unknown, { openedAt, now }: { readonly openedAt: number; readonly now: number }): void {
    if (reason instanceof LinkError && reason.reasonCode === SESSION_TAKEN_OVER) this.#takenOverAt = now
    const isShort = now - openedAt < SHORT_LIFE_MS
    this.#shortLives = isShort ? this.#shortLives + 1 : 0
    if (isShort) this.#shortLifeAt = now
  }

  /** What another client does with the id; undefined: nothing that is known. */
  verdict(now: number): 'uses' | 'seems to use' | undefined {
    if (now - this.#takenOverAt < SHOWN_MS) return 'uses'
    return this.#shortLives >= SHORT_LIVES_MIN && now - this.#shortLifeAt < SHOWN_MS ? 'seems to use' : undefined
  }
}
