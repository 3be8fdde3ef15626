import type { Database, Statement } from 'better-sqlite3'
import { readNumbers, writeNumbers } from '../codec/numbers-list.ts'

/** What the ledger counts of a device when something comes in. */
export interface Counts {
  received: number
  stored: number
  rejected: number
  duplicate: number
}

/** So many commits lie beside the counters before they are taken in: each row is read at every start. */
const ROWS_MAX = 256

/**
 * Counters of devices, as they change commit by commit. A commit touches hundreds of devices, and to write each row
 * of `devices` would cost more than the readings themselves; so it appends one row here that tells what it counted.
 * Now and then, and at the end, these rows are added to `devices`.
 */
export class Tallies {
  readonly #database: Database
  readonly #insert: Statement<[Uint8Array]>
  #rows: number

  constructor(database: Database) {
    this.#database = database
    this.#insert = database.prepare('INSERT INTO tallies (counts) VALUES (?)')
    this.#rows = database.prepare('SELECT count(*) FROM tallies').pluck().get() as number
  }

  /** In the transaction of what is counted. @param counts by device, only what is new. */
  add(counts: ReadonlyMap<number, Counts>): void {
    if (this.#rows >= ROWS_MAX) {
      foldTallies(this.#database)
      this.#rows = 0
    }
    this.#insert.run(encode(counts))
    this.#rows++
  }
}

/** What was counted since `devices` was last brought up to date, by device. */
export function readTallies(database: Database): Map<number, Counts> {
  const sums = new Map<number, Counts>()
  for (const bytes of database.prepare('SELECT counts FROM tallies').pluck().all() as Uint8Array[]) {
    for (const [device, { received, stored, rejected, duplicate }] of decode(bytes)) {
      const sum = sums.get(device) ?? { received: 0, stored: 0, rejected: 0, duplicate: 0 }
      sum.received += received
      sum.stored += stored
      sum.rejected += rejected
      sum.duplicate += duplicate
      sums.set(device, sum)
    }
  }
  return sums
}

/** Inside a transaction: brings `devices` up to date. */
export function foldTallies(database: Database): void {
  const add = database.prepare(`UPDATE devices SET received = received + ?, stored = stored + ?,
    rejected = rejected + ?, duplicate = duplicate + ? WHERE id = ?`)
  for (const [device, { received, stored, rejected, duplicate }] of readTallies(database)) {
    add.run(received, stored, rejected, duplicate, device)
  }
  database.exec('DELETE FROM tallies')
}

/** Most devices have stored what they sent: these are pairs of numbers, the others have five. */
function encode(counts: ReadonlyMap<number, Counts>): Uint8Array {
  const plain: number[] = []
  const others: number[] = []
  let last = 0
  for (const [device, { received, stored, rejected, duplicate }] of [...counts].sort(([a], [b]) => a - b)) {
    if (received === stored && rejected === 0 && duplicate === 0) {
      plain.push(device - last, stored)
      last = device
    } else {
      others.push(device, received, stored, rejected, duplicate)
    }
  }
  return writeNumbers([plain, others])
}

/** Empty for bytes that are none of ours: then the ledger misses what they counted, and says so. */
function decode(bytes: Uint8Array): [number, Counts][] {
  const [plain, others] = readNumbers(bytes, 2) ?? [[], []]
  const counts: [number, Counts][] = []
  let device = 0
  for (let i = 0; i + 1 < plain!.length; i += 2) {
    device += plain![i]!
    counts.push([device, { received: plain![i + 1]!, stored: plain![i + 1]!, rejected: 0, duplicate: 0 }])
  }
  for (let i = 0; i + 4 < others!.length; i += 5) {
    const [id, received, stored, rejected, duplicate] = others!.slice(i, i + 5) as [
      number,
      number,
      number,
      number,
      number,
    ]
    counts.push([id, { received, stored, rejected, duplicate }])
  }
  return counts
}
