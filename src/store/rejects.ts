import type { Database, Statement } from 'better-sqlite3'
import type { StoreSettings } from '../settings/edge.ts'
import { NewestRows, type NewestRowsStatus } from './kept/newest-rows.ts'
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

/** About what a reject takes on the disk in addition to its texts and its payload (bytes). */
const ROW_BYTES = 128

type RejectSettings = Pick<StoreSettings, 'rejectsMax' | 'rejectsBytesMax' | 'rejectPayloadBytesMax' | 'maxBytes'>

export type RejectStatus = NewestRowsStatus

/**
 * Keeps the newest rejects: at most `rejectsMax`, and at most `rejectsBytesMax` bytes of them, each with at most
 * `rejectPayloadBytesMax` bytes of its payload. All methods that write run in their owner's transaction.
 */
export class Rejects {
  readonly #insert: Statement<[number, number, string, string, string, number, Uint8Array, number]>
  readonly #drop: Statement<[number]>
  readonly #get: Statement<[number]>
  readonly #ofDevice: Statement<[number, number]>
  readonly #settings: RejectSettings
  readonly #kept: NewestRows

  constructor(database: Database, settings: RejectSettings) {
    this.#settings = settings
    this.#insert = database.prepare(
      `INSERT INTO rejects (received_at, device, topic, client, reason, fields, payload, payload_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#get =
      database.prepare(`SELECT received_at AS receivedAt, name AS device, topic, client, reason, fields, payload,
      payload_bytes > length(payload) AS isCut FROM rejects JOIN devices ON devices.id = device WHERE rejects.id = ?`)
    this.#drop = database.prepare('DELETE FROM rejects WHERE id = ?')
    this.#ofDevice = database.prepare('SELECT id FROM rejects WHERE device = ? AND id <= ?').pluck() as Statement<
      [number, number]
    >
    const all = database
      .prepare<[], [number, string, number]>(
        `SELECT id, client, octet_length(topic) + octet_length(client) + octet_length(reason) + octet_length(payload)
         + ${ROW_BYTES} FROM rejects ORDER BY id`,
      )
      .raw()
    this.#kept = new NewestRows({
      countMax: settings.rejectsMax,
      bytesMax: settings.rejectsBytesMax,
      storeBytesMax: settings.maxBytes,
      read: () => all.iterate(),
      delete: (id) => void this.#drop.run(id),
    })
  }

  status(): RejectStatus {
    return this.#kept.status()
  }

  /** After a failed transaction: the rejects are read again. */
  reload(): void {
    this.#kept.reload()
  }

  get(id: number): KeptReject | undefined {
    const row = this.#get.get(id) as (Omit<KeptReject, 'isCut'> & { readonly isCut: 0 | 1 }) | undefined
    return row && { ...row, isCut: row.isCut === 1 }
  }

  /** Removes rejects. They stay counted. */
  drop(ids: readonly number[]): void {
    for (const id of ids) this.#kept.remove(id)
  }

  /** Removes the rejects of a device up to an id. They stay counted. */
  dropOf(device: number, upTo: number): void {
    this.drop(this.#ofDevice.all(device, upTo) as number[])
  }

  /** Whether rejects should be removed before any reading is. */
  get isLarge(): boolean {
    return this.#kept.isLarge
  }

  /** Removes the oldest to make room for readings. */
  makeRoom(): void {
    this.#kept.makeRoom()
  }

  add({ receivedAt, device, topic, client, reason, fields = 0, payload }: RejectedPublish): void {
    const part = payload.subarray(0, this.#settings.rejectPayloadBytesMax)
    const row = [receivedAt, device.id, topic, client, reason, fields, part, payload.length] as const
    const { lastInsertRowid } = this.#insert.run(...row)
    const texts = Buffer.byteLength(topic) + Buffer.byteLength(client) + Buffer.byteLength(reason)
    this.#kept.add(Number(lastInsertRowid), client, texts + part.length + ROW_BYTES)
  }
}
