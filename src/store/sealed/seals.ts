import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'

/**
 * A stretch of the log that has become blocks: all readings of `first` to `last` that are still kept. A row of `seals`
 * is what makes them exist: blocks of a part that no seal owns are left-overs of a crash, and nobody sees them.
 */
export interface Seal {
  /** The first of its `parts` numbers; block ids are made of them (`blockId`). */
  readonly id: number
  readonly parts: number
  readonly first: Seq
  readonly last: Seq
  /** Readings that are in its blocks; fewer than positions once some were removed. */
  readonly readings: number
  readonly blocks: number
  /** How often it was merged: 0 comes from the log. */
  readonly level: number
  /** 1: what the cloud had not confirmed was thinned, to make room. */
  readonly thinned: 0 | 1
  /** Bounds of the readings' own times, UTC ms. */
  readonly tsMin: number
  readonly tsMax: number
  /** Arrival of its first and last reading, UTC ms. */
  readonly receivedFirst: number
  readonly receivedLast: number
}

const COLUMNS = `id, parts, first, last, readings, blocks, level, thinned, ts_min AS tsMin, ts_max AS tsMax,
  received_first AS receivedFirst, received_last AS receivedLast`

/** All seals in rising position. */
export function readSeals(database: Database): Seal[] {
  return database.prepare(`SELECT ${COLUMNS} FROM seals ORDER BY first`).all() as Seal[]
}

/** The highest position that was ever sealed: the log begins behind it, and rows up to it are left-overs. */
export function readSealedUpTo(database: Database): Seq {
  return database.prepare(`SELECT value FROM meta WHERE key = 'sealed'`).pluck().get() as Seq
}

/**
 * The writer's list of seals, in memory as on disk. Changed only inside the store's transactions; after one that failed
 * it is read again.
 */
export class SealDirectory {
  readonly #database: Database
  readonly #insert: Statement<unknown[]>
  readonly #delete: Statement<[number]>
  readonly #setSealed: Statement<[Seq]>
  #seals: Seal[] = []
  #sealedUpTo: Seq = 0

  constructor(database: Database) {
    this.#database = database
    this.#insert =
      database.prepare(`INSERT OR REPLACE INTO seals (id, parts, first, last, readings, blocks, level, thinned,
      ts_min, ts_max, received_first, received_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#delete = database.prepare('DELETE FROM seals WHERE id = ?')
    this.#setSealed = database.prepare(`UPDATE meta SET value = ? WHERE key = 'sealed'`)
    this.reload()
  }

  reload(): void {
    this.#seals = readSeals(this.#database)
    this.#sealedUpTo = readSealedUpTo(this.#database)
  }

  /** In rising position. */
  get all(): readonly Seal[] {
    return this.#seals
  }

  get sealedUpTo(): Seq {
    return this.#sealedUpTo
  }

  /** The first seal that ends at or behind this position. */
  from(seq: Seq): Seal | undefined {
    return this.#seals[this.#indexOf(seq)]
  }

  /** The seal that holds this position. */
  at(seq: Seq): Seal | undefined {
    const seal = this.from(seq)
    return seal !== undefined && seal.first <= seq ? seal : undefined
  }

  #indexOf(seq: Seq): number {
    let low = 0
    let high = this.#seals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#seals[middle]!.last < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Inside a transaction: the newest stretch of the log is sealed. */
  append(seal: Seal): void {
    this.#write(seal)
    this.#setSealed.run(seal.last)
    this.#seals.push(seal)
    this.#sealedUpTo = seal.last
  }

  /** Inside a transaction: one seal takes the place of neighbours, or (undefined) nothing does. */
  replace(old: readonly Seal[], by: Seal | undefined): void {
    const start = this.#seals.indexOf(old[0]!)
    for (const { id } of old) this.#delete.run(id)
    if (by !== undefined) this.#write(by)
    this.#seals.splice(start, old.length, ...(by === undefined ? [] : [by]))
  }

  #write(seal: Seal): void {
    const { id, parts, first, last, readings, blocks, level, thinned } = seal
    const { tsMin, tsMax, receivedFirst, receivedLast } = seal
    this.#insert.run(
      ...[id, parts, first, last, readings, blocks, level, thinned, tsMin, tsMax, receivedFirst, receivedLast],
    )
  }
}
