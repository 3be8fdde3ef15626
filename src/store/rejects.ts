import type { Database, Statement } from 'better-sqlite3'
import type { StoreSettings } from '../settings/edge.ts'
import type { Device } from './series/series.ts'

/** The reason of a reject begins with this if the message lacked only room for a series: it can be replayed. */
export const TOO_MANY_SERIES = 'too many series'

/**
 * A message that could not be decoded, or not completely. It is kept, because a bad payload shows that something is wrong
 * with a device.
 */
export interface RejectedPublish {
  readonly receivedAt: number
  readonly device: Device
  readonly topic: string
  readonly client: string
  /** For a partial reject, one line for each field, with its place; with a last line if there are more. */
  readonly reason: string
  /** Number of fields that were not understood; 0, the default: nothing was understood, and no reading of it was stored. */
  readonly fields?: number
  readonly payload: Uint8Array
}

/** A kept reject, for a replay. */
export interface KeptReject extends Omit<RejectedPublish, 'device' | 'fields'> {
  /** Name of the device that it counts for. */
  readonly device: string
  /** Only the beginning of the payload was kept. */
  readonly isCut: boolean
  readonly fields: number
}

/** Keeps the newest `rejectsMax` rejects, each with at most `rejectPayloadBytesMax` bytes of its payload. */
export class Rejects {
  readonly #insert: Statement<[number, number, string, string, string, number, Uint8Array, number]>
  readonly #trim: Statement<[number]>
  readonly #drop: Statement<[number]>
  readonly #get: Statement<[number]>
  readonly #settings: Pick<StoreSettings, 'rejectsMax' | 'rejectPayloadBytesMax'>

  constructor(database: Database, settings: Pick<StoreSettings, 'rejectsMax' | 'rejectPayloadBytesMax'>) {
    this.#settings = settings
    this.#insert = database.prepare(
      `INSERT INTO rejects (received_at, device, topic, client, reason, fields, payload, payload_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#get =
      database.prepare(`SELECT received_at AS receivedAt, name AS device, topic, client, reason, fields, payload,
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
  add({ receivedAt, device, topic, client, reason, fields = 0, payload }: RejectedPublish): void {
    const kept = payload.subarray(0, this.#settings.rejectPayloadBytesMax)
    const row = [receivedAt, device.id, topic, client, reason, fields, kept, payload.length] as const
    const { lastInsertRowid } = this.#insert.run(...row)
    this.#trim.run(Number(lastInsertRowid) - this.#settings.rejectsMax)
  }
}
