import type { Database, Statement } from 'better-sqlite3'

/** Approximate maximum of the bytes that a message takes on the disk in addition to its topic and payload. */
const ROW_BYTES = 128
/** Messages never take a larger share of `store.maxBytes` than this: readings and their history need the rest. */
const STORE_PART = 1 / 4

/** A message of a forward route, as a device published it. */
export interface NewMessage {
  readonly topic: string
  /** Template of the topic on the uplink. */
  readonly target: string
  /** Names of the uplinks that get it, in the form of `namesText`; null: all. */
  readonly uplinks: string | null
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** UTC ms. */
  readonly receivedAt: number
  readonly payload: Uint8Array
}

/** A stored message without its payload. */
export interface MessageHead {
  /** Increases by one with every message, in order of arrival, and is never assigned twice. */
  readonly id: number
  readonly topic: string
  readonly target: string
  readonly uplinks: string | null
  readonly retain: 0 | 1
  readonly receivedAt: number
  readonly payloadBytes: number
  /** Bytes that it counts for in `store.forwardBytesMax`. */
  readonly bytes: number
}

/** Names separated and surrounded by commas, so that a search for one of them is unambiguous. */
export function namesText(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : `,${names.join(',')},`
}

export function isWantedBy(uplink: string, uplinks: string | null): boolean {
  return uplinks === null || uplinks.includes(`,${uplink},`)
}

/** SQL condition: a row of `messages` is for the uplink given as a parameter. */
export const WANTED = `(messages.uplinks IS NULL OR instr(messages.uplinks, ',' || ? || ',') > 0)`

const BYTES = `length(payload) + length(CAST(topic AS BLOB)) + ${ROW_BYTES}`
const HEAD = `id, topic, target, uplinks, retain, received_at AS receivedAt, length(payload) AS payloadBytes, ${BYTES} AS bytes`

/** The messages of all uplinks, each kept once. All methods that write run in their owner's transaction. */
export class Messages {
  readonly #database: Database
  readonly #bytesMax: number
  readonly #insert: Statement<unknown[]>
  readonly #remove: Statement<[number]>
  readonly #payload: Statement<[number]>
  readonly #head: Statement<[number]>
  readonly #next: Statement<[number, string]>
  #bytes = 0
  #lastId = 0

  constructor(
    database: Database,
    {
      forwardBytesMax,
      maxBytes = Infinity,
    }: { readonly forwardBytesMax: number; readonly maxBytes?: number | undefined },
  ) {
    this.#database = database
    this.#bytesMax = Math.min(forwardBytesMax, Math.floor(maxBytes * STORE_PART))
    this.#insert = database.prepare(
      `INSERT INTO messages (id, topic, target, uplinks, qos, retain, received_at, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#remove = database.prepare('DELETE FROM messages WHERE id = ?')
    this.#payload = database.prepare<[number]>('SELECT payload FROM messages WHERE id = ?').pluck()
    this.#head = database.prepare(`SELECT ${HEAD} FROM messages WHERE id = ?`)
    this.#next = database.prepare(`SELECT ${HEAD} FROM messages WHERE id > ? AND ${WANTED} ORDER BY id LIMIT 1`)
    this.reload()
  }

  /** Bytes of all kept messages; at most `bytesMax`. */
  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  /** The highest id that was ever assigned. */
  get lastId(): number {
    return this.#lastId
  }

  /**
   * Reads the sum of bytes and the last id again: at the start, and after a failed transaction. Messages are removed
   * when they are settled, so the settled numbers count as assigned ids too.
   */
  reload(): void {
    const one = (sql: string): number => this.#database.prepare(sql).pluck().get() as number
    this.#bytes = one(`SELECT coalesce(sum(${BYTES}), 0) FROM messages`)
    this.#lastId = one(
      `SELECT max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(settled) FROM forwards), 0))`,
    )
  }

  bytesOf({ topic, payload }: Pick<NewMessage, 'topic' | 'payload'>): number {
    return payload.length + Buffer.byteLength(topic) + ROW_BYTES
  }

  add(message: NewMessage): void {
    const { topic, target, uplinks, qos, retain, receivedAt, payload } = message
    const id = this.#lastId + 1
    this.#insert.run(id, topic, target, uplinks, qos, retain ? 1 : 0, receivedAt, payload)
    this.#lastId = id
    this.#bytes += this.bytesOf(message)
  }

  remove({ id, bytes }: Pick<MessageHead, 'id' | 'bytes'>): void {
    if (this.#remove.run(id).changes > 0) this.#bytes -= bytes
  }

  head(id: number): MessageHead | undefined {
    return this.#head.get(id) as MessageHead | undefined
  }

  /** The first message for an uplink after an id. */
  after(id: number, uplink: string): MessageHead | undefined {
    return this.#next.get(id, uplink) as MessageHead | undefined
  }

  payload(id: number): Uint8Array {
    return this.#payload.get(id) as Uint8Array
  }
}
