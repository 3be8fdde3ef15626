import type { Database, Statement } from 'better-sqlite3'
import { assert } from '../../base/errors.ts'
import type { Seq } from '../../base/reading.ts'

/**
 * A stretch of the log that was packed into blocks: all readings from `first` to `last` that are still kept. A row of
 * `seals` makes its blocks visible: blocks of a part that no seal owns are leftovers of a crash, and are ignored.
 */
export interface Seal {
  /** The first of its `parts` part numbers, from which block ids are made (`blockId`). */
  readonly id: number
  readonly parts: number
  readonly first: Seq
  readonly last: Seq
  /** Number of readings in its blocks; lower than the number of positions once some were removed. */
  readonly readings: number
  readonly blocks: number
  /** How often it was merged; 0: it comes directly from the log. */
  readonly level: number
  /** 1: its unconfirmed readings were thinned, to make room. */
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

/** All seals in ascending position. */
export function readSeals(database: Database): Seal[] {
  return database.prepare(`SELECT ${COLUMNS} FROM seals ORDER BY first`).all() as Seal[]
}

/** The highest position that was ever sealed: the log begins after it, and log rows up to it are leftovers. */
export function readSealedUpTo(database: Database): Seq {
  return database.prepare(`SELECT value FROM meta WHERE key = 'sealed'`).pluck().get() as Seq
}

/**
 * The writer's list of seals, in memory and on disk. It changes only inside the store's transactions, and is read again
 * after one that failed.
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

  /** In ascending position. */
  get all(): readonly Seal[] {
    return this.#seals
  }

  get sealedUpTo(): Seq {
    return this.#sealedUpTo
  }

  /** The first seal that ends at or after this position. */
  from(seq: Seq): Seal | undefined {
    return this.#seals[this.#indexOf(seq)]
  }

  /** The seal that contains this position. */
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

  /** Inside a transaction: adds the seal of the newest sealed stretch. */
  append(seal: Seal): void {
    this.#write(seal)
    this.#setSealed.run(seal.last)
    this.#seals.push(seal)
    this.#sealedUpTo = seal.last
  }

  /** Inside a transaction: replaces neighbouring seals by one seal, or by none (undefined). */
  replace(old: readonly Seal[], by: Seal | undefined): void {
    const start = this.#seals.indexOf(old[0]!)
    const areThere = start >= 0 && old.every((seal, i) => this.#seals[start + i] === seal)
    assert(areThere, 'seals that are replaced are neighbours, and still as they were when they were read')
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
