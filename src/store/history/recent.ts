import type { Quality, StoredReading } from '../../base/reading.ts'
import { seriesOf } from '../sealed/blocks.ts'
import { ALWAYS } from './interval.ts'
import { type HistoryPlaces, storedReading } from './range.ts'
import type { StoredSeries } from './series.ts'

/** The most recent readings, by position, newest first. */
export function recentReadings(places: HistoryPlaces, series: readonly StoredSeries[], count: number): StoredReading[] {
  const { sealed, tail } = places
  const byId = new Map(series.map((one) => [one.id, one]))
  const ids = new Set(byId.keys())
  let readings = tail.recent(ids, sealed.upTo, count).map((row) => storedReading(byId.get(row.series)!, row))
  for (const seal of sealed.seals(ALWAYS).sort((a, b) => b.last - a.last)) {
    if (readings.length >= count) break
    const heads = sealed.headsOfMany(seal, ids).sort((a, b) => b.seqLast - a.seqLast)
    for (const head of heads) {
      const oldest = readings.length < count ? 0 : readings.at(-1)!.seq
      if (head.seqLast < oldest) break
      const { seq, ts, values, quality, reasons } = places.open.open(head).columns
      const picked: StoredReading[] = []
      for (let row = seq.length - 1; row >= 0 && picked.length < count && seq[row]! > oldest; row--) {
        const verdict = { quality: quality[row] as Quality, reasons: reasons[row]! }
        const named = byId.get(seriesOf(head.id))!
        picked.push(storedReading(named, { seq: seq[row]!, ts: ts[row]!, value: values[row]!, ...verdict }))
      }
      readings = [...readings, ...picked].sort((a, b) => b.seq - a.seq).slice(0, count)
    }
  }
  return readings
}
