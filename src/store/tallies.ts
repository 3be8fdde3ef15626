import type { Database, Statement } from 'better-sqlite3'
import { readNumbers, writeNumbers } from '../codec/columns/numbers-list.ts'

/** Counters of a device in the ledger that change when a message arrives. */
export interface TallyCounts {
  received: number
  stored: number
  rejected: number
  /** Fields of messages that were not understood. */
  partial: number
  duplicate: number
}

export const NO_COUNTS: Readonly<TallyCounts> = Object.freeze({
  received: 0,
  stored: 0,
  rejected: 0,
  partial: 0,
  duplicate: 0,
})

/** A row of `devices`. */
export interface DeviceCounts extends TallyCounts {
  readonly id: number
  readonly name: string
}

export function countsOf({ received, stored, rejected, partial, duplicate }: TallyCounts): TallyCounts {
  return { received, stored, rejected, partial, duplicate }
}

export function setCounts(counts: TallyCounts, { received, stored, rejected, partial, duplicate }: TallyCounts): void {
  counts.received = received
  counts.stored = stored
  counts.rejected = rejected
  counts.partial = partial
  counts.duplicate = duplicate
}

export function addCounts(sum: TallyCounts, more: TallyCounts): void {
  sum.received += more.received
  sum.stored += more.stored
  sum.rejected += more.rejected
  sum.partial += more.partial
  sum.duplicate += more.duplicate
}

/** All devices with their current counters, including those that are still in `tallies`. */
export function readDevices(database: Database): DeviceCounts[] {
  const tallies = readTallies(database)
  const sql = 'SELECT id, name, received, stored, rejected, partial, duplicate FROM devices'
  const devices = database.prepare(sql).all() as DeviceCounts[]
  for (const device of devices) {
    const more = tallies.get(device.id)
    if (more !== undefined) addCounts(device, more)
  }
  return devices
}

/** Maximum number of rows before they are added to `devices`: every start reads each of them. */
const ROWS_MAX = 256

/**
 * Counters of devices, appended commit by commit. A commit touches hundreds of devices, and writing each row of
 * `devices` would cost more than writing the readings themselves. So a commit appends one row here with its counts.
 * When there are ROWS_MAX rows, and at the end, the rows are added to `devices`.
 */
export class Tallies {
  readonly #database: Database
  readonly #insert: Statement<[Uint8Array]>
  #rows: number
  /** The counters that are written on the disk, by device. */
  readonly #written: TallyCounts[] = []
  /** Devices whose counters changed since the last flush. */
  readonly #touched: DeviceCounts[] = []
  /** By device: the number of the last flush before its last change. */
  readonly #touchedFor: number[] = []
  #flushes = 0

  constructor(database: Database) {
    this.#database = database
    this.#insert = database.prepare('INSERT INTO tallies (counts) VALUES (?)')
    this.#rows = database.prepare('SELECT count(*) FROM tallies').pluck().get() as number
  }

  /** Call it once for each device, while its counters are those on the disk. */
  follow(device: DeviceCounts): void {
    this.#written[device.id] = countsOf(device)
    this.#touchedFor[device.id] = -1
  }

  /** The counters of a device were added to those of another one, on the disk and now here. */
  move(device: DeviceCounts, to: DeviceCounts): void {
    for (const counts of [to, this.#written[to.id]!]) addCounts(counts, device)
  }

  /** Notes that a counter of the device changed. */
  touch(device: DeviceCounts): void {
    const { id } = device
    if (this.#touchedFor[id] === this.#flushes) return
    this.#touchedFor[id] = this.#flushes
    this.#touched.push(device)
  }

  /** Writes what changed, in the transaction of the readings that are counted. */
  flush(): void {
    if (this.#touched.length === 0) return
    if (this.#rows >= ROWS_MAX) {
      foldTallies(this.#database)
      this.#rows = 0
    }
    this.#touched.sort((a, b) => a.id - b.id)
    this.#insert.run(encode(this.#touched, this.#written))
    this.#rows++
    for (const device of this.#touched) setCounts(this.#written[device.id]!, device)
    this.#touched.length = 0
    this.#flushes++
  }
}

/** Counts since `devices` was last brought up to date, by device. */
export function readTallies(database: Database): Map<number, TallyCounts> {
  const sums = new Map<number, TallyCounts>()
  for (const bytes of database.prepare('SELECT counts FROM tallies').pluck().all() as Uint8Array[]) {
    for (const [device, counts] of decode(bytes)) {
      const sum = sums.get(device) ?? { ...NO_COUNTS }
      addCounts(sum, counts)
      sums.set(device, sum)
    }
  }
  return sums
}

/** Inside a transaction: brings `devices` up to date. */
export function foldTallies(database: Database): void {
  const add = database.prepare(`UPDATE devices SET received = received + ?, stored = stored + ?,
    rejected = rejected + ?, partial = partial + ?, duplicate = duplicate + ? WHERE id = ?`)
  for (const [device, { received, stored, rejected, partial, duplicate }] of readTallies(database)) {
    add.run(received, stored, rejected, partial, duplicate, device)
  }
  database.exec('DELETE FROM tallies')
}

/**
 * What the devices, sorted by id, count more than is written. Two lists: most devices have only stored readings, and
 * take two numbers each; other devices take five. A third list with two numbers for each device with partial rejects
 * follows if there are any. Earlier versions wrote two lists.
 */
function encode(devices: readonly DeviceCounts[], written: readonly TallyCounts[]): Uint8Array {
  const plain: number[] = []
  const others: number[] = []
  const partials: number[] = []
  let last = 0
  for (const device of devices) {
    const { id } = device
    const before = written[id]!
    const received = device.received - before.received
    const stored = device.stored - before.stored
    const rejected = device.rejected - before.rejected
    const partial = device.partial - before.partial
    const duplicate = device.duplicate - before.duplicate
    if (received === stored && rejected === 0 && partial === 0 && duplicate === 0) {
      plain.push(id - last, stored)
      last = id
    } else {
      others.push(id, received, stored, rejected, duplicate)
      if (partial !== 0) partials.push(id, partial)
    }
  }
  return writeNumbers(partials.length === 0 ? [plain, others] : [plain, others, partials])
}

/** Empty for bytes that `encode` did not write: then the ledger lacks their counts, and its check reports that. */
function decode(bytes: Uint8Array): [number, TallyCounts][] {
  const [plain = [], others = [], partials = []] = readNumbers(bytes, 2) ?? readNumbers(bytes, 3) ?? []
  const counts: [number, TallyCounts][] = []
  let device = 0
  for (let i = 0; i + 1 < plain.length; i += 2) {
    device += plain[i]!
    counts.push([device, { ...NO_COUNTS, received: plain[i + 1]!, stored: plain[i + 1]! }])
  }
  for (let i = 0; i + 4 < others.length; i += 5) {
    const [received, stored, rejected, duplicate] = others.slice(i + 1, i + 5) as [number, number, number, number]
    counts.push([others[i]!, { received, stored, rejected, partial: 0, duplicate }])
  }
  for (let i = 0; i + 1 < partials.length; i += 2) {
    counts.push([partials[i]!, { ...NO_COUNTS, partial: partials[i + 1]! }])
  }
  return counts
}
