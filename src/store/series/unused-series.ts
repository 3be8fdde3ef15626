import type { Database, Statement } from 'better-sqlite3'
import { type Catalog, OTHERS } from '../catalog.ts'
import type { Policies } from '../housekeeping/policy.ts'
import { COUNTERS } from '../ledger.ts'
import type { Rejects } from '../rejects.ts'
import type { Repeats } from '../repeats/repeats.ts'
import { blockId, seriesOf } from '../sealed/blocks.ts'
import type { HousekeepingContext, Task } from '../sealed/task.ts'
import { foldTallies } from '../tallies.ts'
import type { Device, Series } from './series.ts'
import { LAST_ID } from './series-rows.ts'

/** Rows of the log that one slice reads. */
const LOG_ROWS = 4_096
/** Blocks that one transaction searches for, to be sure that a series has none. */
const LOOKUPS_MAX = 4_096
/** Series, or devices, that one transaction removes at most. */
const REMOVED_MAX = 256

export interface SeriesContext extends HousekeepingContext {
  readonly catalog: () => Catalog
  readonly policies: Policies
  readonly repeats: Repeats
  readonly rejects: Pick<Rejects, 'dropOf'>
  readonly lastSeq: () => number
}

/**
 * Removes series of which nothing is left: no reading in the log or in a block, no hourly sum, no parked reading.
 * Removes devices without series and rejects; their account is added to that of the device `*`, so that the ledger
 * still balances.
 *
 * Readings may arrive meanwhile. So the search only finds candidates; then `newestTs` of each is set to Infinity, which
 * a new reading changes, the log is read again, and the transaction that removes a series checks all places where a
 * reading can be that was in the log.
 */
export class UnusedSeries {
  readonly #context: SeriesContext
  readonly #logPage: Statement<[number, number]>
  readonly #rollup: Statement<[number]>
  readonly #parked: Statement<[]>
  readonly #block: Statement<[number]>
  readonly #reject: Statement<[number]>
  readonly #delete: Statement<[number]>
  readonly #account: Account

  constructor(context: SeriesContext) {
    const { database } = context
    this.#context = context
    this.#logPage = database
      .prepare('SELECT seq, series FROM log WHERE seq > ? ORDER BY seq LIMIT ?')
      .raw() as Statement<[number, number]>
    this.#rollup = database.prepare('SELECT 1 FROM rollups WHERE series = ? LIMIT 1')
    this.#parked = database.prepare('SELECT DISTINCT series FROM parked').pluck()
    this.#block = database.prepare('SELECT 1 FROM blocks WHERE id = ?')
    this.#reject = database.prepare('SELECT 1 FROM rejects WHERE device = ? LIMIT 1')
    this.#delete = database.prepare('DELETE FROM series WHERE id = ?')
    this.#account = new Account(database)
  }

  /** Searches the whole store. @param onRemoved is called with the number of series that a transaction removed. */
  *removeAll(onRemoved: (count: number) => void): Task {
    const catalog = this.#context.catalog()
    const used = new Set<number>()
    yield* this.#addLog(used)
    for (const seal of [...this.#context.seals.all]) {
      for (const page of this.#context.blocks.headPages(seal)) {
        for (const { id } of page) used.add(seriesOf(id))
        yield
      }
    }
    const candidates = [...catalog.all()].filter(({ id }) => !used.has(id))
    yield* this.remove(candidates, onRemoved)
    yield* this.removeDevices(catalog.devices.filter((device) => catalog.isEmpty(device)))
  }

  /** Removes those of these series of which nothing is left. */
  *remove(candidates: readonly Series[], onRemoved: (count: number) => void = () => undefined): Task {
    if (candidates.length === 0) return
    const catalog = this.#context.catalog()
    for (const series of candidates) series.newestTs = Infinity
    const inLog = new Set<number>()
    yield* this.#addLog(inLog)
    const parts = this.#context.seals.all.reduce((sum, seal) => sum + seal.parts, 0)
    const atOnce = Math.max(1, Math.min(REMOVED_MAX, Math.floor(LOOKUPS_MAX / Math.max(1, parts))))
    for (let next = 0; next < candidates.length; next += atOnce) {
      if (this.#context.catalog() !== catalog) return
      const some = candidates.slice(next, next + atOnce).filter(({ id }) => !inLog.has(id))
      if (some.length > 0) onRemoved(this.#removeSome(catalog, some))
      yield
    }
  }

  /** Removes those of these devices that have no series and no rejects. */
  *removeDevices(devices: readonly Device[]): Task {
    const catalog = this.#context.catalog()
    for (let next = 0; next < devices.length; next += REMOVED_MAX) {
      if (this.#context.catalog() !== catalog) return
      const some = devices
        .slice(next, next + REMOVED_MAX)
        .filter((device) => catalog.isEmpty(device) && this.#reject.get(device.id) === undefined)
      if (some.length > 0) this.#context.write(() => this.#account.fold(catalog, some))
      yield
    }
  }

  *#addLog(series: Set<number>): Task {
    for (let after = 0; ; ) {
      const rows = this.#logPage.all(after, LOG_ROWS) as unknown as [number, number][]
      for (const [, id] of rows) series.add(id)
      if (rows.length < LOG_ROWS) return
      after = rows.at(-1)![0]
      yield
    }
  }

  #removeSome(catalog: Catalog, some: readonly Series[]): number {
    const { database, policies, repeats, write } = this.#context
    let gone: Series[] = []
    write(() => {
      const parked = new Set(this.#parked.all() as number[])
      gone = some.filter((one) => one.newestTs === Infinity && !parked.has(one.id) && this.#hasNothing(one.id))
      if (gone.length === 0) return
      const last = `INSERT INTO meta (key, value) SELECT '${LAST_ID}', max(id) FROM series WHERE true
        ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`
      database.prepare(last).run()
      for (const { id } of gone) this.#delete.run(id)
      catalog.remove(gone)
    })
    for (const { id } of gone) policies.forget(id)
    if (gone.length > 0) repeats.forget()
    return gone.length
  }

  #hasNothing(series: number): boolean {
    if (this.#rollup.get(series) !== undefined) return false
    for (const { id, parts } of this.#context.seals.all) {
      for (let part = id; part < id + parts; part++)
        if (this.#block.get(blockId(part, series)) !== undefined) return false
    }
    return true
  }
}

/** Adds the counters of removed devices to those of the device `*`. */
class Account {
  readonly #database: Database
  readonly #addCounts: Statement<[number, number]>
  readonly #addUplinks: Statement<[number, number]>
  readonly #deletions: readonly Statement<[number]>[]

  constructor(database: Database) {
    this.#database = database
    const sums = COUNTERS.map((one) => `${one} = devices.${one} + gone.${one}`).join(', ')
    this.#addCounts = database.prepare(
      `UPDATE devices SET ${sums} FROM (SELECT * FROM devices WHERE id = ?) AS gone WHERE devices.id = ?`,
    )
    const own = 'uplink IN (SELECT id FROM uplinks) AND device = ?'
    this.#addUplinks = database.prepare(
      `INSERT INTO confirmed_counts (uplink, device, confirmed, dropped)
       SELECT uplink, ?, confirmed, dropped FROM confirmed_counts WHERE ${own}
       ON CONFLICT DO UPDATE SET confirmed = confirmed + excluded.confirmed, dropped = dropped + excluded.dropped`,
    )
    this.#deletions = [
      database.prepare(`DELETE FROM confirmed_counts WHERE ${own}`),
      database.prepare('DELETE FROM devices WHERE id = ?'),
    ]
  }

  /** In its owner's transaction. */
  fold(catalog: Catalog, devices: readonly Device[]): void {
    foldTallies(this.#database)
    const others = catalog.device(OTHERS)
    for (const device of devices) {
      this.#addCounts.run(device.id, others.id)
      this.#addUplinks.run(others.id, device.id)
      for (const one of this.#deletions) one.run(device.id)
      catalog.removeDevice(device, others)
    }
  }
}
