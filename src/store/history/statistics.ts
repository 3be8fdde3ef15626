import type { Database, Statement } from 'better-sqlite3'
import type { Quality, Seq } from '../../base/reading.ts'
import { type BlockHead, type BlockTable, seriesOf } from '../sealed/blocks.ts'
import { ALWAYS } from './interval.ts'
import type { HistoryPlaces } from './range.ts'
import type { SealHead } from './sealed.ts'
import type { StoredSeries } from './series.ts'
import { type Figures, type Summed, Sums, worstOf } from './sums.ts'
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
  readonly series: readonly SeriesStatistics[]
}

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

/** Sums over all readings, inside a transaction: from summaries, hourly sums and the log. Opens only amended blocks. */
export class Statistics {
  readonly #places: HistoryPlaces
  readonly #blocks: BlockTable
  readonly #rollups: Statement<[]>
  readonly #log: Statement<[Present]>
  readonly #amended: Statement<[Seq, Seq]>
  readonly #devices: Statement<[]>

  constructor(database: Database, blocks: BlockTable, places: HistoryPlaces) {
    this.#places = places
    this.#blocks = blocks
    this.#rollups = database.prepare(`SELECT series, sum(readings) AS readings, sum(good) AS good, max(${RANK}) AS rank,
      sum(numbers) AS numbers, min(value_min) AS valueMin, max(value_max) AS valueMax, sum(value_sum) AS valueSum,
      max(numbers > 0 AND value_sum IS NULL) AS noSum, min(hour) AS tsMin, max(hour) AS tsMax,
      NULL AS arrivedAt FROM rollups GROUP BY series`)
    const number = `CASE WHEN typeof(value) = 'real' THEN value END`
    this.#log = database.prepare(`SELECT series, count(*) AS readings, sum(quality = 1) AS good, max(rank) AS rank,
      count(number) AS numbers, min(number) AS valueMin, max(number) AS valueMax, sum(number) AS valueSum, 0 AS noSum,
      min(ts) AS tsMin, max(CASE WHEN ${PRESENT} THEN ts END) AS tsMax,
      max(received_at) AS arrivedAt FROM (SELECT series, ts, received_at, reasons, quality, ${number} AS number,
      ${RANK.replace('worst', 'quality')} AS rank FROM log WHERE seq > @sealed) GROUP BY series`)
    this.#amended = database.prepare('SELECT DISTINCT series FROM verdicts WHERE seq BETWEEN ? AND ?').pluck()
    this.#devices = database.prepare('SELECT name FROM devices ORDER BY name').pluck()
  }

  /**
   * Every device in order of name, including devices without readings. A last time in the future (after `upTo`, UTC ms, or
   * judged TIME_FUTURE) is replaced by the arrival of the last reading, or of the last one in the same seal.
   */
  devices(series: readonly StoredSeries[], upTo: number): DeviceStatistics[] {
    const accounts = new Map<number, Account>()
    const account = (id: number): Account => {
      let one = accounts.get(id)
      if (one === undefined) {
        one = new Account()
        accounts.set(id, one)
      }
      return one
    }
    const { sealed } = this.#places
    const groups = [...this.#rollups.all(), ...this.#log.all({ sealed: sealed.upTo, upTo })] as GroupRow[]
    for (const { series, rank, noSum, valueSum, tsMin, tsMax, arrivedAt, ...row } of groups) {
      const summed = { ...row, worst: QUALITY_OF_RANK[rank]!, valueSum: noSum === 1 ? null : valueSum }
      account(series).add(summed, { tsMin, tsMax: Math.min(tsMax ?? arrivedAt ?? upTo, upTo) })
    }
    for (const seal of sealed.seals(ALWAYS)) {
      const amended = new Set(this.#amended.all(seal.first, seal.last) as number[])
      for (const page of this.#blocks.headPages(seal)) {
        for (const head of page) {
          const summed = amended.has(seriesOf(head.id)) ? this.#now(head) : head
          account(seriesOf(head.id)).add(summed, { tsMin: head.tsMin, tsMax: lastTime(head, seal, upTo) })
        }
      }
    }
    const byDevice = Map.groupBy(series, ({ device }) => device)
    return (this.#devices.all() as string[]).map((device) =>
      deviceStatistics(device, byDevice.get(device) ?? [], accounts),
    )
  }

  /** The current sums of a block whose verdicts may have changed. */
  #now(head: BlockHead): Summed {
    if (!this.#blocks.isAmended(head)) return head
    const { quality } = this.#places.open.open(head).columns
    return { ...head, good: quality.filter((flag) => flag === 1).length, worst: worstOf(quality as Iterable<Quality>) }
  }
}

/** The last time of a block; the arrival of the last reading of its seal where that time may be from the future. */
function lastTime({ good, readings, tsMax }: BlockHead, { receivedLast }: SealHead, upTo: number): number {
  return Math.min(tsMax, upTo, good < readings ? receivedLast : Infinity)
}

/** Totals of one series. */
class Account {
  readonly sums = new Sums()
  tsMin = Infinity
  tsMax = -Infinity

  add(summed: Summed, { tsMin, tsMax }: { readonly tsMin: number; readonly tsMax: number }): void {
    this.sums.addSummed(summed)
    this.tsMin = Math.min(this.tsMin, tsMin, tsMax)
    this.tsMax = Math.max(this.tsMax, tsMax)
  }
}

function deviceStatistics(
  device: string,
  series: readonly StoredSeries[],
  accounts: ReadonlyMap<number, Account>,
): DeviceStatistics {
  const all = series.map((one): SeriesStatistics => {
    const { sums, tsMin, tsMax } = accounts.get(one.id) ?? new Account()
    return { ...one, ...sums.figures(), firstAt: finite(tsMin), lastAt: finite(tsMax) }
  })
  const total = (of: (one: SeriesStatistics) => number): number => all.reduce((sum, one) => sum + of(one), 0)
  const readings = total((one) => one.readings)
  return {
    device,
    readings,
    firstAt: finite(all.reduce((first, { firstAt = Infinity }) => Math.min(first, firstAt), Infinity)),
    lastAt: finite(all.reduce((last, { lastAt = -Infinity }) => Math.max(last, lastAt), -Infinity)),
    goodShare: readings === 0 ? 0 : total((one) => one.goodShare * one.readings) / readings,
    worst: worstOf(all.map(({ worst }) => worst)),
    series: all,
  }
}

function finite(ts: number): number | undefined {
  return Number.isFinite(ts) ? ts : undefined
}
