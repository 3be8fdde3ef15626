import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import { combine, Reason } from '../../../src/base/flags.ts'
import type { Quality, StoredReading, Value } from '../../../src/base/reading.ts'
import { openReadOnly } from '../../../src/store/database.ts'
import { History } from '../../../src/store/history/history.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { openStore, tamper } from '../stores.ts'

export const NAMES = [
  { device: 'press', metric: 'heat', unit: 'Cel' },
  { device: 'press', metric: 'heat', unit: undefined },
  { device: 'press', metric: 'force', unit: 'kN' },
] as const

/** The content of one reading; its position follows from its index in the list. */
export interface Sown {
  /** Index in `NAMES`. */
  readonly name: number
  readonly ts: number
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
}

const double = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 5e-324, -5e-324, 2.2250738585072014e-308, 2 ** 53 + 2, 1e22, Infinity, -Infinity),
  fc.integer({ min: -4_000, max: 4_000 }).map((hundredths) => hundredths / 100),
)
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: double },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constant(null) },
)
/** About two days in no order, with repeats; some before 1970, and a few far away. */
const ts = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: 1, max: 100 }).map((half) => half * 1_800_000) },
  { weight: 10, arbitrary: fc.integer({ min: 95, max: 100 }).map((half) => half * 1_800_000) },
  { weight: 10, arbitrary: fc.integer({ min: 0, max: 180_000_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: -90_000_000, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -4e12, max: 4e12 }) },
)
export const sown: fc.Arbitrary<Sown> = fc.record({
  name: fc.constantFrom(0, 0, 0, 1, 2, 2),
  ts,
  value,
  quality: fc.constantFrom<Quality>(1, 1, 1, 2, 3, 4, 9),
  reasons: fc.nat({ max: 0xffff_ffff }).map((bits) => (bits & ~Reason.TIME_FUTURE) >>> 0),
})

const MEMORY = '/dev/shm'

/** A new folder in memory, where available: these tests depend on the order of steps, not on disks. */
function quickFolder(): string {
  if (!existsSync(MEMORY)) return tempFolder()
  const folder = mkdtempSync(join(MEMORY, 'tidegate-test-'))
  onStop(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A store, and the plain list of all readings that it must have. */
export class Grown {
  readonly folder = quickFolder()
  readonly store: Store
  readonly database: Database
  readonly history: History
  readonly readings: StoredReading[] = []
  /** All readings are older, so that none is from the future. */
  #now = 4.1e12

  /** @param sealRows at most this many readings go into one seal. */
  constructor({ sealRows = 64 } = {}) {
    this.store = openStore(this.folder, { uplinks: [], sealRows, sealAgeMs: 1_000 })
    this.database = openReadOnly(this.folder)
    this.history = new History(this.database, { now: () => this.#now })
  }

  close(): void {
    this.database.close()
    this.store.close()
  }

  append(some: readonly Sown[]): void {
    const { store } = this
    store.write(() => {
      for (const { name, ts, value, quality, reasons } of some) {
        const { device: deviceName, metric, unit } = NAMES[name]!
        const device = store.intake.catalog.device(deviceName)
        const series = store.intake.catalog.find(device, metric, unit ?? '')
        device.received++
        device.stored++
        store.intake.catalog.touch(device)
        const seq = store.intake.log.append(series.id, ts, value, { quality, reasons }, this.#now)
        this.readings.push({ seq, ...NAMES[name]!, ts, value, quality, reasons })
      }
    })
  }

  /** Seals the whole log, and merges small seals. */
  seal(): void {
    this.#now += 10_000
    while (this.store.runHousekeeping({ now: this.#now, busy: false }));
  }

  /** Downgrades the verdict of a reading. */
  amend(index: number): void {
    const at = index % this.readings.length
    const before = this.readings[at]!
    const verdict = combine(before, { quality: 4, reasons: 1 << 6 })
    const device = this.store.intake.catalog.device(before.device)
    const series = this.store.intake.catalog.find(device, before.metric, before.unit ?? '').id
    this.store.write(() => this.store.amend([{ seq: before.seq, series, ...verdict }]))
    this.readings[at] = { ...before, ...verdict }
  }

  /** Removes a seal as retention does. @returns the removed readings. */
  removeNewestSeal(): StoredReading[] {
    const { id, first, last } = this.store.sealed.seals.all.at(-1)!
    tamper(this.folder, `DELETE FROM seals WHERE id = ${id}`)
    return this.readings.filter(({ seq }) => seq >= first && seq <= last)
  }

  /**
   * Leaves what a crash can leave: rows that are sealed already, blocks without a seal. Queries must not return
   * them.
   */
  leaveOver(): void {
    tamper(
      this.folder,
      `INSERT OR IGNORE INTO log SELECT seq_last, id % 16777216, ts_max, 4711.0, 1, 0, 0 FROM blocks;
       INSERT INTO blocks SELECT id + 1000000 * 16777216, readings, seq_first, seq_last, ts_min, ts_max, good, worst, numbers,
         value_min, value_max, value_sum, value_first, value_last, bytes FROM blocks`,
    )
  }
}

/** This many seals are merged into one. */
const MERGED = 32

/** A store in every state: merged seals, small seals, a log, changed verdicts, leftovers of a crash. */
export function grow(readings: readonly Sown[], amended: readonly number[]): Grown {
  const grown = new Grown()
  const third = Math.floor(readings.length / 3)
  for (const some of chunks(readings.slice(0, third), MERGED)) {
    grown.append(some)
    grown.seal()
  }
  if (third >= MERGED && !grown.store.sealed.seals.all.some(({ level }) => level > 0))
    throw new Error('nothing was merged')
  for (const some of chunks(readings.slice(third, 2 * third), 8)) {
    grown.append(some)
    grown.seal()
  }
  grown.leaveOver()
  grown.append(readings.slice(2 * third))
  for (const index of amended) grown.amend(index)
  return grown
}

/** `count` parts of about equal size; fewer when there are fewer readings. */
function chunks(readings: readonly Sown[], count: number): Sown[][] {
  const parts = Array.from({ length: count }, (_, i) =>
    readings.slice(Math.floor((i * readings.length) / count), Math.floor(((i + 1) * readings.length) / count)),
  )
  return parts.filter((part) => part.length > 0)
}

/** The readings of a device and metric in a time range, in the order of history, from a scan of all readings. */
export function expected(
  readings: readonly StoredReading[],
  { device, metric, from = -Infinity, to = Infinity }: { device: string; metric: string; from?: number; to?: number },
): StoredReading[] {
  return readings
    .filter((one) => one.device === device && one.metric === metric && one.ts >= from && one.ts < to)
    .sort((a, b) => a.ts - b.ts || a.seq - b.seq)
}
