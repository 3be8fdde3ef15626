import type { Quality, StoredReading } from '../../base/reading.ts'
import { type BlockHead, seriesOf } from '../sealed/blocks.ts'
import { ALWAYS, type ReadingKey } from './interval.ts'
import { type HistoryPlaces, storedReading } from './range.ts'
import type { StoredSeries } from './series.ts'
import type { TailRow } from './tail.ts'

/** Blocks of a series that end at the same time, later than all others: one of them contains its latest reading. */
interface Candidates {
  readonly ts: number
  readonly heads: BlockHead[]
}

/**
 * The latest reading of each series by (ts, seq), in the order of the series; series without readings are omitted.
 * Searches the log, then seals until none can contain a later one; opens blocks only of series whose latest reading is
 * in a block.
 */
export function latestReadings(places: HistoryPlaces, series: readonly StoredSeries[]): StoredReading[] {
  const ids = new Set(series.map(({ id }) => id))
  const inLog = places.tail.latest(ids, places.sealed.upTo)
  const inBlocks = findCandidates(places, ids, inLog)
  return series.flatMap((one) => {
    const candidates = inBlocks.get(one.id)
    const row = candidates === undefined ? inLog.get(one.id) : latestRow(places, candidates)
    return row === undefined ? [] : [storedReading(one, row)]
  })
}

/**
 * Finds the series that have a later reading in blocks than in the log; of two readings at the same time, the one in
 * the log arrived later.
 */
function findCandidates(
  { sealed }: HistoryPlaces,
  ids: ReadonlySet<number>,
  inLog: ReadonlyMap<number, ReadingKey>,
): Map<number, Candidates> {
  const found = new Map<number, Candidates>()
  const latestTs = (id: number): number => found.get(id)?.ts ?? inLog.get(id)?.ts ?? -Infinity
  let open = ids
  for (const seal of sealed.seals(ALWAYS).sort((a, b) => b.tsMax - a.tsMax)) {
    open = new Set([...open].filter((id) => latestTs(id) <= seal.tsMax))
    if (open.size === 0) break
    for (const head of sealed.headsOfMany(seal, open)) {
      const id = seriesOf(head.id)
      const known = found.get(id)
      if (known?.ts === head.tsMax) known.heads.push(head)
      else if (head.tsMax > latestTs(id)) found.set(id, { ts: head.tsMax, heads: [head] })
    }
  }
  return found
}

function latestRow({ open }: HistoryPlaces, { ts, heads }: Candidates): TailRow | undefined {
  let latest: TailRow | undefined
  for (const head of heads) {
    const { columns } = open.open(head)
    const row = columns.ts.lastIndexOf(ts)
    const seq = columns.seq[row]!
    if (row < 0 || (latest !== undefined && seq < latest.seq)) continue
    const verdict = { quality: columns.quality[row] as Quality, reasons: columns.reasons[row]! }
    latest = { seq, ts, value: columns.values[row]!, ...verdict }
  }
  return latest
}
