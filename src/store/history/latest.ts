import { Reason } from '../../base/flags.ts'
import type { Quality, StoredReading } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { type BlockHead, seriesOf } from '../sealed/blocks.ts'
import { ALWAYS } from './interval.ts'
import { type HistoryPlaces, storedReading } from './range.ts'
import type { StoredSeries } from './series.ts'
import type { TailRow } from './tail.ts'

/**
 * Blocks of one series that are opened to find a reading before those from the future. If none of them has another reading,
 * the last one that arrived is the latest.
 */
const OPENED_MAX = 16

/** What was found in blocks of one series. */
interface Found {
  /** Time of its latest reading so far; −Infinity: all of them are from the future. */
  ts: number
  /** Blocks that end with a reading at this time, not opened yet. */
  heads: BlockHead[]
  /** The reading, if it is in a block that was opened already. */
  row: TailRow | undefined
  /** The last reading that arrived in the opened blocks. */
  arrived: TailRow | undefined
  opened: number
}

/**
 * The latest reading of each series by (ts, seq), in the order of the series; series without readings are omitted. A
 * reading after `upTo` (UTC ms), or that was judged TIME_FUTURE, counts only if the series has no other: then the one
 * that arrived last is its latest. Searches the log, then seals until none can contain a later one; opens blocks only of
 * series whose latest reading is in a block.
 */
export function latestReadings(places: HistoryPlaces, series: readonly StoredSeries[], upTo: number): StoredReading[] {
  const ids = new Set(series.map(({ id }) => id))
  const inLog = places.tail.latest(ids, places.sealed.upTo, upTo)
  const inBlocks = new Search(places, inLog, upTo).find(ids)
  const rows = new Map<number, TailRow | undefined>()
  for (const { id } of series) {
    const found = inBlocks.get(id)
    rows.set(id, found === undefined || found.ts === -Infinity ? inLog.get(id) : latestRow(places, found))
  }
  const open = new Set([...ids].filter((id) => rows.get(id) === undefined))
  const arrived = open.size === 0 ? new Map<number, TailRow>() : places.tail.lastArrived(open, places.sealed.upTo)
  return series.flatMap((one) => {
    const row = rows.get(one.id) ?? arrived.get(one.id) ?? inBlocks.get(one.id)?.arrived
    return row === undefined ? [] : [storedReading(one, row)]
  })
}

/**
 * Finds the series that have a later reading in blocks than in the log; of two readings at the same time, the one in
 * the log arrived later.
 */
class Search {
  readonly #places: HistoryPlaces
  readonly #inLog: ReadonlyMap<number, TailRow>
  readonly #upTo: number
  readonly #found = new Map<number, Found>()

  constructor(places: HistoryPlaces, inLog: ReadonlyMap<number, TailRow>, upTo: number) {
    this.#places = places
    this.#inLog = inLog
    this.#upTo = upTo
  }

  find(ids: ReadonlySet<number>): ReadonlyMap<number, Found> {
    const { sealed } = this.#places
    let open = ids
    for (const seal of sealed.seals(ALWAYS).sort((a, b) => b.tsMax - a.tsMax)) {
      open = new Set([...open].filter((id) => this.#mayHaveLater(id, seal.tsMax)))
      if (open.size === 0) break
      for (const head of sealed.headsOfMany(seal, open)) this.#add(head)
    }
    return this.#found
  }

  #mayHaveLater(id: number, ts: number): boolean {
    return this.#latestTs(id) <= ts && (this.#found.get(id)?.opened ?? 0) < OPENED_MAX
  }

  #latestTs(id: number): number {
    return Math.max(this.#found.get(id)?.ts ?? -Infinity, this.#inLog.get(id)?.ts ?? -Infinity)
  }

  #add(head: BlockHead): void {
    const id = seriesOf(head.id)
    if (head.tsMax < this.#latestTs(id)) return
    const found = this.#found.get(id) ?? { ts: -Infinity, heads: [], row: undefined, arrived: undefined, opened: 0 }
    if (head.good < head.readings || head.tsMax > this.#upTo) this.#open(found, head)
    else if (found.ts === head.tsMax) found.heads.push(head)
    else if (head.tsMax > this.#latestTs(id)) Object.assign(found, { ts: head.tsMax, heads: [head], row: undefined })
    this.#found.set(id, found)
  }

  /** A block that may end with readings from the future has to be opened. */
  #open(found: Found, head: BlockHead): void {
    if (found.opened++ >= OPENED_MAX) return
    const { columns } = this.#places.open.open(head)
    const last = rowAt(columns, columns.seq.length - 1)
    if (found.arrived === undefined || last.seq > found.arrived.seq) found.arrived = last
    const row = latestPresent(columns, this.#upTo)
    if (row === undefined || row.ts <= (this.#inLog.get(seriesOf(head.id))?.ts ?? -Infinity)) return
    if (row.ts > found.ts) Object.assign(found, { ts: row.ts, heads: [], row })
    else if (row.ts === found.ts && (found.row === undefined || row.seq > found.row.seq)) found.row = row
  }
}

/** The latest reading of a block that is not from the future. */
function latestPresent(columns: BlockColumns, upTo: number): TailRow | undefined {
  const { ts, reasons } = columns
  let latest = -1
  for (let row = 0; row < ts.length; row++) {
    if (ts[row]! > upTo || (reasons[row]! & Reason.TIME_FUTURE) !== 0) continue
    if (latest < 0 || ts[row]! >= ts[latest]!) latest = row
  }
  return latest < 0 ? undefined : rowAt(columns, latest)
}

function latestRow({ open }: HistoryPlaces, { ts, heads, row }: Found): TailRow | undefined {
  let latest = row
  for (const head of heads) {
    const { columns } = open.open(head)
    const at = columns.ts.lastIndexOf(ts)
    if (at >= 0 && (latest === undefined || columns.seq[at]! > latest.seq)) latest = rowAt(columns, at)
  }
  return latest
}

function rowAt({ seq, ts, values, quality, reasons }: BlockColumns, row: number): TailRow {
  const verdict = { quality: quality[row] as Quality, reasons: reasons[row]! }
  return { seq: seq[row]!, ts: ts[row]!, value: values[row]!, ...verdict }
}
