/** While room is short, the rows are reduced to this share of their bound. */
const SHORT_PART = 1 / 16
/** The smaller bound applies for this time (ms) after room was made the last time. */
const SHORT_MS = 60_000
/** Rows that one transaction removes at most when room is short. */
const REMOVED_AT_ONCE = 1_000
/** One client may have this share of what is kept; beyond it, its own oldest rows are removed. */
const CLIENT_PART = 1 / 2
/** Such rows never take a larger share of `store.maxBytes` than this: they must not take the room of readings. */
const STORE_PART = 1 / 8

/** The rows of one client: their ids, ascending, and their bytes. */
interface Share {
  readonly ids: Set<number>
  bytes: number
}

interface Row {
  readonly share: Share
  readonly client: string
  readonly bytes: number
}

export interface NewestRowsOptions {
  readonly countMax: number
  readonly bytesMax: number
  /** Bound of the whole store, if it has one (bytes). */
  readonly storeBytesMax: number | undefined
  /** Reads all rows: id, client and bytes, by ascending id. */
  read(): Iterable<readonly [id: number, client: string, bytes: number]>
  /** Deletes a row in the transaction of its owner. */
  delete(id: number): void
}

export interface NewestRowsStatus {
  readonly count: number
  readonly bytes: number
  readonly bytesMax: number
  /** Rows that were removed since the start because room for readings was short. */
  readonly removedForRoom: number
  /** How long ago the last of them was removed (ms); undefined: none was. */
  readonly lastRemovedMs: number | undefined
}

/**
 * Decides which rows of a table stay: the newest, up to a number and to an amount of bytes. A client that has more than
 * half of them loses its own oldest first. When room for readings is short, a sixteenth stays, and for a minute no more
 * than that is kept. The table itself belongs to the owner, and so do the transactions.
 */
export class NewestRows {
  readonly #options: NewestRowsOptions
  readonly #bytesMax: number
  /** By id, ascending; undefined: must be read again. */
  #rows: Map<number, Row> | undefined
  #shares = new Map<string, Share>()
  #bytes = 0
  #removedForRoom = 0
  #madeRoomAt = Number.NEGATIVE_INFINITY

  constructor(options: NewestRowsOptions) {
    this.#options = options
    this.#bytesMax = Math.min(options.bytesMax, Math.floor((options.storeBytesMax ?? Infinity) * STORE_PART))
  }

  status(): NewestRowsStatus {
    const { size: count } = this.#known
    const lastRemovedMs = this.#removedForRoom === 0 ? undefined : performance.now() - this.#madeRoomAt
    return { count, bytes: this.#bytes, bytesMax: this.#bytesMax, removedForRoom: this.#removedForRoom, lastRemovedMs }
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  /** After a failed transaction: the rows are read again. */
  reload(): void {
    this.#rows = undefined
  }

  /** A row was inserted, with the highest id. Removes old ones for it. @returns how many */
  add(id: number, client: string, bytes: number): number {
    const known = this.#known
    if (!known.has(id)) this.#note(known, id, client, bytes)
    const { countMax } = this.#options
    let count = 0
    while (known.size > 0 && (known.size > countMax || this.#bytes > this.#bytesMax)) {
      this.remove(this.#oldestFor(client, known))
      count++
    }
    // Two for one: the rows become fewer step by step, and no transaction pays for all of them.
    for (let more = 2; more > 0 && known.size > 1 && this.#isBeyondShort; more--) {
      this.remove(this.#oldestFor(client, known))
      count++
      this.#removedForRoom++
    }
    return count
  }

  /** Deletes a row. @returns whether there was one */
  remove(id: number): boolean {
    const known = this.#known
    this.#options.delete(id)
    const row = known.get(id)
    if (row === undefined) return false
    known.delete(id)
    this.#bytes -= row.bytes
    row.share.ids.delete(id)
    row.share.bytes -= row.bytes
    if (row.share.ids.size === 0) this.#shares.delete(row.client)
    return true
  }

  /** Whether rows should be removed before any reading is. */
  get isLarge(): boolean {
    return this.#known.size > 0 && this.#bytes > 2 * SHORT_PART * this.#bytesMax
  }

  /** Removes the oldest to make room for readings. @returns how many */
  makeRoom(): number {
    this.#madeRoomAt = performance.now()
    let count = 0
    for (const id of this.#known.keys()) {
      if (count >= REMOVED_AT_ONCE || !this.#isBeyondShort) break
      this.remove(id)
      count++
    }
    this.#removedForRoom += count
    return count
  }

  get #isBeyondShort(): boolean {
    return this.#bytes > SHORT_PART * this.#bytesMax && performance.now() - this.#madeRoomAt < SHORT_MS
  }

  #oldestFor(client: string, known: ReadonlyMap<number, Row>): number {
    const own = this.#shares.get(client)!
    const isTooMuch = own.ids.size > this.#options.countMax * CLIENT_PART || own.bytes > this.#bytesMax * CLIENT_PART
    const ids = isTooMuch && own.ids.size > 1 ? own.ids : known.keys()
    return ids[Symbol.iterator]().next().value!
  }

  get #known(): Map<number, Row> {
    if (this.#rows !== undefined) return this.#rows
    const rows = new Map<number, Row>()
    this.#shares = new Map()
    this.#bytes = 0
    for (const [id, client, bytes] of this.#options.read()) this.#note(rows, id, client, bytes)
    this.#rows = rows
    return rows
  }

  #note(rows: Map<number, Row>, id: number, client: string, bytes: number): void {
    let share = this.#shares.get(client)
    if (share === undefined) {
      share = { ids: new Set(), bytes: 0 }
      this.#shares.set(client, share)
    }
    rows.set(id, { share, client, bytes })
    share.ids.add(id)
    share.bytes += bytes
    this.#bytes += bytes
  }
}
