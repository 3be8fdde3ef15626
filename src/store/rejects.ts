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

/** About what a reject takes on the disk in addition to its texts and its payload (bytes). */
const ROW_BYTES = 128
/** Rejects never take a larger share of `store.maxBytes` than this: they must not take the room of readings. */
const STORE_PART = 1 / 8
/** One client may have this share of what is kept; beyond it, its own oldest rejects are removed. */
const CLIENT_PART = 1 / 2
/** While room is short, the rejects are reduced to this share of their bound. */
const SHORT_PART = 1 / 16
/** Rejects that one transaction removes at most when room is short. */
const REMOVED_AT_ONCE = 1_000

type RejectSettings = Pick<StoreSettings, 'rejectsMax' | 'rejectsBytesMax' | 'rejectPayloadBytesMax' | 'maxBytes'>

interface Kept {
  readonly client: string
  readonly bytes: number
}

/** The rejects of one client: their ids, ascending, and their bytes. */
interface Share {
  readonly ids: Set<number>
  bytes: number
}

export interface RejectStatus {
  readonly count: number
  readonly bytes: number
  readonly bytesMax: number
  /** Number of rejects that were removed since the start because room for readings was short. */
  readonly removedForRoom: number
  /** How long ago the last of them was removed (ms); undefined: none was. */
  readonly lastRemovedMs: number | undefined
}

/**
 * Keeps the newest rejects: at most `rejectsMax`, and at most `rejectsBytesMax` bytes of them, each with at most
 * `rejectPayloadBytesMax` bytes of its payload. All methods that write run in their owner's transaction.
 */
export class Rejects {
  readonly #insert: Statement<[number, number, string, string, string, number, Uint8Array, number]>
  readonly #drop: Statement<[number]>
  readonly #get: Statement<[number]>
  readonly #all: Statement<[]>
  readonly #ofDevice: Statement<[number, number]>
  readonly #settings: RejectSettings
  readonly #bytesMax: number
  /** By id, ascending; undefined: must be read again. */
  #kept: Map<number, Kept> | undefined
  #shares = new Map<string, Share>()
  #bytes = 0
  #removedForRoom = 0
  #removedForRoomAt: number | undefined

  constructor(database: Database, settings: RejectSettings) {
    this.#settings = settings
    this.#bytesMax = Math.min(settings.rejectsBytesMax, Math.floor((settings.maxBytes ?? Infinity) * STORE_PART))
    this.#insert = database.prepare(
      `INSERT INTO rejects (received_at, device, topic, client, reason, fields, payload, payload_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#get =
      database.prepare(`SELECT received_at AS receivedAt, name AS device, topic, client, reason, fields, payload,
      payload_bytes > length(payload) AS isCut FROM rejects JOIN devices ON devices.id = device WHERE rejects.id = ?`)
    this.#drop = database.prepare('DELETE FROM rejects WHERE id = ?')
    this.#all = database
      .prepare(
        `SELECT id, client, octet_length(topic) + octet_length(client) + octet_length(reason) + octet_length(payload)
         + ${ROW_BYTES} FROM rejects ORDER BY id`,
      )
      .raw() as Statement<[]>
    this.#ofDevice = database.prepare('SELECT id FROM rejects WHERE device = ? AND id <= ?').pluck() as Statement<
      [number, number]
    >
  }

  status(): RejectStatus {
    const lastRemovedMs = this.#removedForRoomAt === undefined ? undefined : performance.now() - this.#removedForRoomAt
    const { size: count } = this.#known
    return { count, bytes: this.#bytes, bytesMax: this.#bytesMax, removedForRoom: this.#removedForRoom, lastRemovedMs }
  }

  /** After a failed transaction: the rejects are read again. */
  reload(): void {
    this.#kept = undefined
  }

  get(id: number): KeptReject | undefined {
    const row = this.#get.get(id) as (Omit<KeptReject, 'isCut'> & { readonly isCut: 0 | 1 }) | undefined
    return row && { ...row, isCut: row.isCut === 1 }
  }

  /** Removes rejects. They stay counted. */
  drop(ids: readonly number[]): void {
    for (const id of ids) this.#remove(id)
  }

  /** Removes the rejects of a device up to an id. They stay counted. */
  dropOf(device: number, upTo: number): void {
    this.drop(this.#ofDevice.all(device, upTo) as number[])
  }

  /** Whether rejects should be removed before any reading is. */
  get isLarge(): boolean {
    return this.#known.size > 0 && this.#bytes > 2 * SHORT_PART * this.#bytesMax
  }

  /** Removes the oldest to make room for readings. */
  makeRoom(): void {
    let count = 0
    for (const id of this.#known.keys()) {
      if (count >= REMOVED_AT_ONCE || this.#bytes <= SHORT_PART * this.#bytesMax) break
      this.#remove(id)
      count++
    }
    this.#removedForRoom += count
    this.#removedForRoomAt = performance.now()
  }

  add({ receivedAt, device, topic, client, reason, fields = 0, payload }: RejectedPublish): void {
    const known = this.#known
    const part = payload.subarray(0, this.#settings.rejectPayloadBytesMax)
    const row = [receivedAt, device.id, topic, client, reason, fields, part, payload.length] as const
    const { lastInsertRowid } = this.#insert.run(...row)
    const texts = Buffer.byteLength(topic) + Buffer.byteLength(client) + Buffer.byteLength(reason)
    this.#note(known, Number(lastInsertRowid), { client, bytes: texts + part.length + ROW_BYTES })
    this.#trim(known, client)
  }

  #trim(known: ReadonlyMap<number, Kept>, client: string): void {
    const { rejectsMax } = this.#settings
    const own = this.#shares.get(client)!
    while (known.size > rejectsMax || this.#bytes > this.#bytesMax) {
      const isTooMuch = own.ids.size > rejectsMax * CLIENT_PART || own.bytes > this.#bytesMax * CLIENT_PART
      const [oldest] = isTooMuch ? own.ids : known.keys()
      if (oldest === undefined) return
      this.#remove(oldest)
    }
  }

  get #known(): Map<number, Kept> {
    if (this.#kept !== undefined) return this.#kept
    const kept = new Map<number, Kept>()
    this.#shares = new Map()
    this.#bytes = 0
    for (const [id, client, bytes] of this.#all.all() as [number, string, number][])
      this.#note(kept, id, { client, bytes })
    this.#kept = kept
    return kept
  }

  #note(kept: Map<number, Kept>, id: number, one: Kept): void {
    kept.set(id, one)
    this.#bytes += one.bytes
    let share = this.#shares.get(one.client)
    if (share === undefined) {
      share = { ids: new Set(), bytes: 0 }
      this.#shares.set(one.client, share)
    }
    share.ids.add(id)
    share.bytes += one.bytes
  }

  #remove(id: number): void {
    this.#drop.run(id)
    const one = this.#known.get(id)
    if (one === undefined) return
    this.#known.delete(id)
    this.#bytes -= one.bytes
    const share = this.#shares.get(one.client)!
    share.ids.delete(id)
    share.bytes -= one.bytes
    if (share.ids.size === 0) this.#shares.delete(one.client)
  }
}
