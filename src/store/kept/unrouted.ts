import type { Database, Statement } from 'better-sqlite3'
import type { StoreSettings } from '../../settings/edge.ts'
import { NewestRows, type NewestRowsStatus } from './newest-rows.ts'
import { readCounts, type UnroutedCounts, writeCounts } from './unrouted-account.ts'

/** A publish whose topic had no route and no local subscriber. */
export interface UnroutedMessage {
  readonly topic: string
  readonly client: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** The DUP flag: the client may have sent it before. */
  readonly dup: boolean
  /** UTC ms. */
  readonly receivedAt: number
  readonly payload: Uint8Array
}

export interface KeptUnrouted extends UnroutedMessage {
  /** Increases by one with every message, in order of arrival, and is never assigned twice. */
  readonly id: number
  readonly payload: Buffer
}

export interface UnroutedStatus extends NewestRowsStatus, UnroutedCounts {
  readonly countMax: number
  /** How long ago a message was dropped to keep a bound or to make room (ms); undefined: none was since the start. */
  readonly lastDroppedMs: number | undefined
}

/** About what a message takes on the disk in addition to its texts and its payload (bytes). */
const ROW_BYTES = 128
/** Messages that are read at once. */
const PAGE_ROWS = 64

type Settings = Pick<StoreSettings, 'unroutedMax' | 'unroutedBytesMax' | 'maxBytes'>
type Row = Omit<KeptUnrouted, 'retain' | 'dup'> & { readonly retain: 0 | 1; readonly dup: 0 | 1 }

/**
 * Keeps the newest publishes that had no route and no local subscriber, so that a route that is added later can still
 * store them: at most `unroutedMax` messages and `unroutedBytesMax` bytes. The oldest are dropped, and counted. All
 * methods that write run in their owner's transaction.
 */
export class Unrouted {
  readonly #database: Database
  readonly #insert: Statement<[number, number, string, string, number, 0 | 1, 0 | 1, Uint8Array]>
  readonly #page: Statement<[number, number, number]>
  readonly #settings: Settings
  readonly #kept: NewestRows
  /** Undefined: must be read again. */
  #counts: { -readonly [Key in keyof UnroutedCounts]: UnroutedCounts[Key] } | undefined
  /** The counts are not on the disk. */
  #isChanged = false
  #lastDroppedAt: number | undefined

  constructor(database: Database, settings: Settings) {
    this.#database = database
    this.#settings = settings
    this.#insert = database.prepare(
      `INSERT INTO unrouted (id, received_at, topic, client, qos, retain, dup, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#page = database.prepare(
      `SELECT id, received_at AS receivedAt, topic, client, qos, retain, dup, payload FROM unrouted
       WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
    )
    const remove = database.prepare<[number]>('DELETE FROM unrouted WHERE id = ?')
    const all = database
      .prepare<[], [number, string, number]>(
        `SELECT id, client, octet_length(topic) + octet_length(client) + octet_length(payload) + ${ROW_BYTES}
         FROM unrouted ORDER BY id`,
      )
      .raw()
    this.#kept = new NewestRows({
      countMax: settings.unroutedMax,
      bytesMax: settings.unroutedBytesMax,
      storeBytesMax: settings.maxBytes,
      read: () => all.iterate(),
      delete: (id) => void remove.run(id),
    })
  }

  status(): UnroutedStatus {
    const lastDroppedMs = this.#lastDroppedAt === undefined ? undefined : performance.now() - this.#lastDroppedAt
    return { ...this.#kept.status(), ...this.#known, countMax: this.#settings.unroutedMax, lastDroppedMs }
  }

  /** After a failed transaction: everything is read again. */
  reload(): void {
    this.#kept.reload()
    this.#counts = undefined
    this.#isChanged = false
  }

  /** Keeps a message. @returns false: it is larger than all that may be kept, and nothing changed */
  add({ topic, client, qos, retain, dup, receivedAt, payload }: UnroutedMessage): boolean {
    const bytes = Buffer.byteLength(topic) + Buffer.byteLength(client) + payload.length + ROW_BYTES
    if (bytes > this.#kept.bytesMax) return false
    const counts = this.#known
    const id = counts.stored + 1
    this.#insert.run(id, receivedAt, topic, client, qos, retain ? 1 : 0, dup ? 1 : 0, payload)
    counts.stored = id
    this.#isChanged = true
    this.#dropped(this.#kept.add(id, client, bytes))
    return true
  }

  /** Messages with an id above `after`, up to `upTo`, in order of arrival: at most 64. */
  page(after: number, upTo: number): KeptUnrouted[] {
    const rows = this.#page.all(after, upTo, PAGE_ROWS) as Row[]
    return rows.map((row) => ({ ...row, retain: row.retain === 1, dup: row.dup === 1 }))
  }

  /** The topics of all messages. Reads the whole table. */
  byTopic(): { readonly topic: string; readonly count: number }[] {
    const sql = 'SELECT topic, count(*) AS count FROM unrouted GROUP BY topic'
    return this.#database.prepare<[], { readonly topic: string; readonly count: number }>(sql).all()
  }

  /** A message is stored as what its route says, or an operator discards it. */
  remove(id: number, why: 'replayed' | 'discarded'): void {
    if (!this.#kept.remove(id)) return
    this.#known[why]++
    this.#isChanged = true
  }

  /** Whether messages should be removed before any reading is. */
  get isLarge(): boolean {
    return this.#kept.isLarge
  }

  /** Removes the oldest to make room for readings. */
  makeRoom(): void {
    this.#dropped(this.#kept.makeRoom())
  }

  /** Writes the counts, in the transaction of the messages that are counted. */
  flush(): void {
    if (!this.#isChanged) return
    writeCounts(this.#database, this.#known)
    this.#isChanged = false
  }

  #dropped(count: number): void {
    if (count === 0) return
    this.#known.dropped += count
    this.#lastDroppedAt = performance.now()
    this.#isChanged = true
  }

  get #known(): { -readonly [Key in keyof UnroutedCounts]: UnroutedCounts[Key] } {
    this.#counts ??= { ...readCounts(this.#database) }
    return this.#counts
  }
}
