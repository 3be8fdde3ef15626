import type { Database, Statement } from 'better-sqlite3'
import type { Quality, Seq } from '../../base/reading.ts'
import { type BlockHead, type BlockTable, seriesOf } from '../sealed/blocks.ts'
import { ALWAYS } from './interval.ts'
import type { HistoryPlaces } from './range.ts'
import type { SealHead } from './sealed.ts'
import type { SeriesTable, StoredDevice, StoredSeries } from './series.ts'
import { type Figures, type Summed, Sums, summaryFits, worstOf } from './sums.ts'
import { PRESENT, type Present } from './tail.ts'

/** Statistics of one series; removed readings count while their hourly sums are kept. */
export interface SeriesStatistics extends Figures, StoredSeries {
  /** Time of the earliest and the latest reading (UTC ms); for removed readings, the start of their hour. */
  readonly firstAt: number | undefined
  readonly lastAt: number | undefined
}

/** Statistics of all series of a device. */
export interface DeviceStatistics extends Pick<Figures, 'readings' | 'goodShare' | 'worst'> {
  readonly device: string
  readonly firstAt: number | undefined
  readonly lastAt: number | undefined
  /** At most `SERIES_LISTED_MAX`. */
  readonly series: readonly SeriesStatistics[]
  /** Number of further series, which the figures of the device include. */
  readonly unlisted: number
}

/** Series of one device that are listed, and series whose sums are in memory at once. */
export const SERIES_LISTED_MAX = 10_000

/** The first devices; `next`: name of the last of them, if there are more. */
export interface DevicePage {
  readonly devices: readonly DeviceStatistics[]
  readonly next: string | undefined
}

/**
 * `after`: name of the device before the first one; `upTo`: later times are in the future (UTC ms); `includeBad`: BAD numbers
 * count like others.
 */
export interface DeviceQuestion {
  readonly after: string | undefined
  readonly limit: number
  readonly upTo: number
  readonly includeBad: boolean
}

type How = Pick<DeviceQuestion, 'upTo' | 'includeBad'>

/** `worst` is expressed as its rank, so that SQL can find the maximum. */
const RANK = 'CASE worst WHEN 9 THEN 1 WHEN 2 THEN 2 WHEN 1 THEN 3 WHEN 3 THEN 4 ELSE 5 END'
const QUALITY_OF_RANK: readonly Quality[] = [9, 9, 2, 1, 3, 4]

type GroupRow = Omit<Summed, 'worst'> & {
  readonly series: number
  readonly rank: number
  readonly tsMin: number
  /** Null: all readings are from the future. */
  readonly tsMax: number | null
  /** Arrival of the last reading; null: it is not known. */
  readonly arrivedAt: number | null
  readonly noSum: 0 | 1
}

/**
 * Sums over all readings, inside a transaction: from summaries, hourly sums and the log. Opens only amended blocks, and those
 * with BAD readings if the figures leave them out.
 */
export class Statistics {
  readonly #places: HistoryPlaces
  readonly #blocks: BlockTable
  readonly #table: SeriesTable
  readonly #rollups: Statement<[string]>
  readonly #log: Statement<[Present & { readonly series: string; readonly includeBad: 0 | 1 }]>
  readonly #amended: Statement<[Seq, Seq]>

  constructor(
    database: Database,
    blocks: BlockTable,
    { places, series }: { readonly places: HistoryPlaces; readonly series: SeriesTable },
  ) {
    this.#places = places
    this.#blocks = blocks
    this.#table = series
    this.#rollups = database.prepare(`SELECT series, sum(readings) AS readings, sum(good) AS good, max(${RANK}) AS rank,
      sum(numbers) AS numbers, min(value_min) AS valueMin, max(value_max) AS valueMax, sum(value_sum) AS valueSum,
      max(numbers > 0 AND value_sum IS NULL) AS noSum, 0 AS badLeftOut, min(hour) AS tsMin, max(hour) AS tsMax,
      NULL AS arrivedAt FROM rollups WHERE series IN (SELECT value FROM json_each(?)) GROUP BY series`)
    const number = `CASE WHEN typeof(value) = 'real' AND (quality <> 4 OR @includeBad) THEN value END`
    this.#log = database.prepare(`SELECT series, count(*) AS readings, sum(quality = 1) AS good, max(rank) AS rank,
      count(number) AS numbers, min(number) AS valueMin, max(number) AS valueMax, sum(number) AS valueSum, 0 AS noSum,
      sum(isLeftOut) AS badLeftOut, min(ts) AS tsMin, max(CASE WHEN ${PRESENT} THEN ts END) AS tsMax,
      max(received_at) AS arrivedAt FROM (SELECT series, ts, received_at, reasons, quality, ${number} AS number,
      typeof(value) = 'real' AND quality = 4 AND NOT @includeBad AS isLeftOut, ${RANK.replace('worst', 'quality')} AS rank FROM log
      WHERE seq > @sealed AND series IN (SELECT value FROM json_each(@series))) GROUP BY series`)
    this.#amended = database.prepare('SELECT DISTINCT series FROM verdicts WHERE seq BETWEEN ? AND ?').pluck()
  }

  /**
   * Devices in order of name, including devices without readings: the first ones, from the one after `after` on. At most
   * `limit`, and fewer if they have more than `SERIES_LISTED_MAX` series together. A last time in the future (after
   * `upTo`, UTC ms, or judged TIME_FUTURE) is replaced by the arrival of the last reading, or of the last one in the
   * same seal.
   */
  devices({ after, limit, ...how }: DeviceQuestion): DevicePage {
    const found = this.#table.devicesAfter(after, limit + 1)
    const some: StoredDevice[] = []
    let count = 0
    for (const device of found.slice(0, limit)) {
      count += device.series
      if (some.length > 0 && count > SERIES_LISTED_MAX) break
      some.push(device)
    }
    const next = some.length < found.length ? some.at(-1)?.name : undefined
    const [first] = some
    if (some.length === 1 && first!.series > SERIES_LISTED_MAX) return { devices: [this.#large(first!, how)], next }
    const all = { offset: 0, limit: SERIES_LISTED_MAX }
    const series = new Map(some.map((device) => [device.name, this.#table.ofDevice(device, all)]))
    const figures = this.#series([...series.values()].flat(), how)
    const devices = some.map(({ name }) => {
      const total = new DeviceTotal(name)
      total.add(series.get(name)!.map(({ id }) => figures.get(id)!))
      return total.statistics
    })
    return { devices, next }
  }

  /** A device with many series: their sums are read in parts. */
  #large(device: StoredDevice, how: How): DeviceStatistics {
    const total = new DeviceTotal(device.name)
    for (let offset = 0; offset < device.series; offset += SERIES_LISTED_MAX) {
      const series = this.#table.ofDevice(device, { offset, limit: SERIES_LISTED_MAX })
      total.add([...this.#series(series, how).values()])
    }
    return total.statistics
  }

  #series(series: readonly StoredSeries[], { upTo, includeBad }: How): Map<number, SeriesStatistics> {
    const accounts = new Map(series.map(({ id }) => [id, new Account(includeBad)]))
    const ids = new Set(accounts.keys())
    const { sealed } = this.#places
    const wanted = JSON.stringify([...ids])
    const inLog = this.#log.all({ sealed: sealed.upTo, upTo, series: wanted, includeBad: includeBad ? 1 : 0 })
    const groups = [...this.#rollups.all(wanted), ...inLog] as GroupRow[]
    for (const { series, rank, noSum, valueSum, tsMin, tsMax, arrivedAt, ...row } of groups) {
      const summed = { ...row, worst: QUALITY_OF_RANK[rank]!, valueSum: noSum === 1 ? null : valueSum }
      const account = accounts.get(series)!
      account.sums.addSummed(summed)
      account.reach({ tsMin, tsMax: Math.min(tsMax ?? arrivedAt ?? upTo, upTo) })
    }
    for (const seal of sealed.seals(ALWAYS)) {
      const amended = new Set(this.#amended.all(seal.first, seal.last) as number[])
      for (const head of sealed.headsOfMany(seal, ids)) {
        const account = accounts.get(seriesOf(head.id))!
        account.reach({ tsMin: head.tsMin, tsMax: lastTime(head, seal, upTo) })
        const isAmended = amended.has(seriesOf(head.id)) && this.#blocks.isAmended(head)
        if (isAmended || !summaryFits(head, includeBad)) this.#addRows(head, account.sums)
        else account.sums.addSummed(head)
      }
    }
    return new Map(series.map((one) => [one.id, accounts.get(one.id)!.statistics(one)]))
  }

  #addRows(head: BlockHead, sums: Sums): void {
    const { values, quality } = this.#places.open.open(head).columns
    for (const [row, value] of values.entries()) sums.add(value, quality[row] as Quality)
  }
}

/** The last time of a block; the arrival of the last reading of its seal where that time may be from the future. */
function lastTime({ good, readings, tsMax }: BlockHead, { receivedLast }: SealHead, upTo: number): number {
  return Math.min(tsMax, upTo, good < readings ? receivedLast : Infinity)
}

/** Totals of one series. */
class Account {
  readonly sums: Sums
  tsMin = Infinity
  tsMax = -Infinity

  constructor(includeBad: boolean) {
    this.sums = new Sums(includeBad)
  }

  reach({ tsMin, tsMax }: { readonly tsMin: number; readonly tsMax: number }): void {
    this.tsMin = Math.min(this.tsMin, tsMin, tsMax)
    this.tsMax = Math.max(this.tsMax, tsMax)
  }

  statistics(series: StoredSeries): SeriesStatistics {
    return { ...series, ...this.sums.figures(), firstAt: finite(this.tsMin), lastAt: finite(this.tsMax) }
  }
}

/** Totals of a device, series by series; only the first ones are kept as a list. */
class DeviceTotal {
  readonly #device: string
  readonly #listed: SeriesStatistics[] = []
  #count = 0
  #readings = 0
  #good = 0
  #firstAt = Infinity
  #lastAt = -Infinity
  readonly #worst = new Set<Quality>()

  constructor(device: string) {
    this.#device = device
  }

  add(series: readonly SeriesStatistics[]): void {
    for (const one of series) {
      if (this.#count++ < SERIES_LISTED_MAX) this.#listed.push(one)
      this.#readings += one.readings
      this.#good += one.goodShare * one.readings
      this.#firstAt = Math.min(this.#firstAt, one.firstAt ?? Infinity)
      this.#lastAt = Math.max(this.#lastAt, one.lastAt ?? -Infinity)
      this.#worst.add(one.worst)
    }
  }

  get statistics(): DeviceStatistics {
    return {
      device: this.#device,
      readings: this.#readings,
      firstAt: finite(this.#firstAt),
      lastAt: finite(this.#lastAt),
      goodShare: this.#readings === 0 ? 0 : this.#good / this.#readings,
      worst: worstOf(this.#worst),
      series: this.#listed,
      unlisted: this.#count - this.#listed.length,
    }
  }
}

function finite(ts: number): number | undefined {
  return Number.isFinite(ts) ? ts : undefined
}
