import { Occasion, type OccasionStats } from './occasions.ts'
import { bytesToKeep } from './session-queue.ts'

/** Longest accepted payload of a will (bytes). A will says `offline`; no device needs that many. */
export const WILL_BYTES_MAX = 16_384
/** Payload and topic bytes of the wills of all clients. */
export const WILLS_BYTES_MAX = 16_777_216
/** Memory of a will without its topic and payload (bytes). */
const MESSAGE_BYTES = 400

interface Will {
  readonly topic: string
  payload: Buffer | string
}

/** Bounds the memory of wills: they are kept as long as their clients are connected. */
export class Wills {
  readonly #sizes = new Map<object, number>()
  readonly #refused = new Occasion()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get refused(): OccasionStats {
    return this.#refused.stats
  }

  /** Keeps the will of a connection; false: there is no room. */
  take(connection: object, client: string, will: Will | null | undefined): boolean {
    if (will === null || will === undefined) return true
    const bytes = MESSAGE_BYTES + will.topic.length + will.payload.length
    if (this.#bytes + bytes > WILLS_BYTES_MAX) {
      this.#refused.note(client)
      return false
    }
    will.payload = bytesToKeep(will.payload)
    this.#sizes.set(connection, bytes)
    this.#bytes += bytes
    return true
  }

  /** The connection is closed. */
  left(connection: object): void {
    this.#bytes -= this.#sizes.get(connection) ?? 0
    this.#sizes.delete(connection)
  }
}
