import type { Database, Statement } from 'better-sqlite3'
import type { StoreSettings } from '../settings/edge.ts'
import type { Device } from './series/series.ts'

/** The reason of a reject begins with this if the message lacked only room for a series: it can be replayed. */
export const TOO_MANY_SERIES = 'too many series'

/**
 * A message that could not be decoded. It is kept, because a bad payload shows that something is wrong with a device.
 */
export interface RejectedPublish {
  readonly receivedAt: number
  readonly device: Device
  readonly topic: string
  readonly client: string
  readonly reason: string
  readonly payload: Uint8Array
}

/** A kept reject, for a replay. */
export interface KeptReject extends Omit<RejectedPublish, 'device'> {
  /** Name of the device that it counts for. */
  readonly device: string
  /** Only the beginning of the payload was kept. */
  readonly isCut: boolean
}

/** Keeps the newest `rejectsMax` rejects, each with at most `rejectPayloadBytesMax` bytes of its payload. */
export class Rejects {
  readonly #insert: Statement<[number, number, string, string, string, Uint8Array, number]>
  readonly #trim: Statement<[number]>
  readonly #drop: Statement<[number]>
  readonly #get: Statement<[number]>
  readonly #settings: Pick<StoreSettings, 'rejectsMax' | 'rejectPayloadBytesMax'>

  constructor(database: Database, settings: Pick<StoreSettings, 'rejectsMax' | 'rejectPayloadBytesMax'>) {
    this.#settings = settings
    this.#insert = database.prepare(
      `INSERT INTO rejects (received_at, device, topic, client, reason, payload, payload_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#get = database.prepare(`SELECT received_at AS receivedAt, name AS device, topic, client, reason, payload,
      payload_bytes > length(payload) AS isCut FROM rejects JOIN devices ON devices.id = device WHERE rejects.id = ?`)
    this.#drop = database.prepare('DELETE FROM rejects WHERE id = ?')
    this.#trim = database.prepare('DELETE FROM rejects WHERE id <= ?')
  }

  get(id: number): KeptReject | undefined {
    const row = this.#get.get(id) as (Omit<KeptReject, 'isCut'> & { readonly isCut: 0 | 1 }) | undefined
    return row && { ...row, isCut: row.isCut === 1 }
  }

  /** Inside the transaction of its owner: removes rejects. They stay counted. */
  drop(ids: readonly number[]): void {
    for (const id of ids) this.#drop.run(id)
  }

  /** Inside the transaction of its owner. */
  add({ receivedAt, device, topic, client, reason, payload }: RejectedPublish): void {
    const kept = payload.subarray(0, this.#settings.rejectPayloadBytesMax)
    const { lastInsertRowid } = this.#insert.run(receivedAt, device.id, topic, client, reason, kept, payload.length)
    this.#trim.run(Number(lastInsertRowid) - this.#settings.rejectsMax)
  }
}
