import type { Database, Statement } from 'better-sqlite3'
import type { StoreSettings } from '../../settings/edge.ts'
import {
  type DownCounts,
  type DownHead,
  downHeads,
  downPayload,
  readDownCounts,
  writeDownCounts,
} from './down-account.ts'

/** A message from the cloud for local clients. */
export interface DownMessage {
  /** On the local broker. */
  readonly topic: string
  readonly retain: boolean
  readonly payload: Uint8Array
  /** It is removed after this time (seconds), delivered or not. */
  readonly expiryS: number
}

export interface DownStatus extends DownCounts {
  readonly waiting: number
  readonly bytes: number
  readonly countMax: number
  readonly bytesMax: number
  /** Arrival of the oldest waiting message (UTC ms of the store clock); undefined: none waits. */
  readonly oldestAt: number | undefined
}

/** About what a message takes on the disk in addition to its topic and its payload (bytes). */
const ROW_BYTES = 128
/** These messages never take a larger share of `store.maxBytes`: they must not take the room of readings. */
const STORE_PART = 1 / 8
/** One message never takes a larger share of the queue. */
const MESSAGE_PART = 1 / 8
/** The queue has room again when this share of both bounds is free. */
const ROOM_PART = 1 / 8
/** Heads that are read at once, and messages that one transaction removes because of their age. */
const PAGE_ROWS = 1_000

interface State {
  readonly counts: { -readonly [Key in keyof DownCounts]: number }
  waiting: number
  bytes: number
}

type Settings = Pick<StoreSettings, 'downMax' | 'downBytesMax' | 'maxBytes'>

/**
 * Messages from the cloud between the commit that precedes their acknowledgement and the acknowledgement of a local
 * client, in order of arrival: at most `downMax` messages and `downBytesMax` bytes. Beyond that nothing is added, and the
 * cloud broker keeps them. All methods that write run in their owner's transaction.
 */
export class DownQueue {
  readonly #database: Database
  readonly #settings: Settings
  readonly #bytesMax: number
  readonly #insert: Statement<[number, string, 0 | 1, number, number, Uint8Array]>
  readonly #sizeOf: Statement<[number], number>
  readonly #remove: Statement<[number]>
  readonly #due: Statement<[number, number], number>
  /** Undefined: must be read again. */
  #state: State | undefined
  /** The counts are not on the disk. */
  #isChanged = false

  constructor(database: Database, settings: Settings) {
    this.#database = database
    this.#settings = settings
    this.#bytesMax = Math.min(settings.downBytesMax, Math.floor((settings.maxBytes ?? Infinity) * STORE_PART))
    this.#insert = database.prepare(
      'INSERT INTO down (id, topic, retain, received_at, expires_at, payload) VALUES (?, ?, ?, ?, ?, ?)',
    )
    const size = `octet_length(topic) + octet_length(payload) + ${ROW_BYTES}`
    this.#sizeOf = database.prepare<[number], number>(`SELECT ${size} FROM down WHERE id = ?`).pluck()
    this.#remove = database.prepare('DELETE FROM down WHERE id = ?')
    this.#due = database
      .prepare<[number, number], number>('SELECT id FROM down WHERE expires_at <= ? ORDER BY id LIMIT ?')
      .pluck()
  }

  status(): DownStatus {
    const { counts, waiting, bytes } = this.#known
    const [oldest] = downHeads(this.#database, 0, 1)
    const bounds = { countMax: this.#settings.downMax, bytesMax: this.#bytesMax }
    return { ...counts, waiting, bytes, ...bounds, oldestAt: oldest?.receivedAt }
  }

  /** After a failed transaction: everything is read again. */
  reload(): void {
    this.#state = undefined
    this.#isChanged = false
  }

  /** At the end of each transaction: writes the counts if they have changed. */
  flush(): void {
    if (!this.#isChanged) return
    writeDownCounts(this.#database, this.#known.counts)
    this.#isChanged = false
  }

  /** @param now UTC ms of the store clock */
  add({ topic, retain, payload, expiryS }: DownMessage, now: number): 'stored' | 'full' | 'too large' {
    const size = Buffer.byteLength(topic) + payload.length + ROW_BYTES
    if (size > this.#bytesMax * MESSAGE_PART) return 'too large'
    const known = this.#known
    if (known.waiting >= this.#settings.downMax || known.bytes + size > this.#bytesMax) return 'full'
    const id = known.counts.stored + 1
    this.#insert.run(id, topic, retain ? 1 : 0, now, now + expiryS * 1_000, payload)
    known.counts.stored = id
    known.waiting++
    known.bytes += size
    this.#isChanged = true
    return 'stored'
  }

  get hasRoom(): boolean {
    const { waiting, bytes } = this.#known
    const share = 1 - ROOM_PART
    return waiting <= this.#settings.downMax * share && bytes <= this.#bytesMax * share
  }

  /** Waiting messages with an id above `after`, in order of arrival: at most 1,000. */
  heads(after: number): DownHead[] {
    return downHeads(this.#database, after, PAGE_ROWS)
  }

  all(): DownHead[] {
    return downHeads(this.#database, 0, -1)
  }

  payload(id: number): Uint8Array | undefined {
    return downPayload(this.#database, id)
  }

  /** @returns whether the message was still waiting */
  remove(id: number, why: 'delivered' | 'expired' | 'discarded'): boolean {
    const size = this.#sizeOf.get(id)
    if (size === undefined) return false
    const known = this.#known
    this.#remove.run(id)
    known.waiting--
    known.bytes -= size
    known.counts[why]++
    this.#isChanged = true
    return true
  }

  /** Messages whose time is over (UTC ms of the store clock): at most 1,000. */
  due(now: number): number[] {
    return this.#due.all(now, PAGE_ROWS)
  }

  get #known(): State {
    if (this.#state !== undefined) return this.#state
    const [waiting, bytes] = this.#database
      .prepare<[], [number, number]>(
        `SELECT count(*), coalesce(sum(octet_length(topic) + octet_length(payload) + ${ROW_BYTES}), 0) FROM down`,
      )
      .raw()
      .get()!
    this.#state = { counts: { ...readDownCounts(this.#database) }, waiting, bytes }
    return this.#state
  }
}
