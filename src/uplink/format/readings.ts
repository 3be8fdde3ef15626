import type { Quality, StoredReading } from '../../base/reading.ts'
import type { Batch } from '../../codec/batch.ts'

/** The readings of a batch, each once, in the order in which the edge stored them. */
export function readingsOf(batch: Batch): StoredReading[] {
  const readings: StoredReading[] = []
  for (const { device, metric, unit, seq, ts, values, quality, reasons } of batch.series) {
    for (const [i, value] of values.entries()) {
      const verdict = { quality: quality[i] as Quality, reasons: reasons[i]! }
      readings.push({ seq: seq[i]!, device, metric, unit, value, ts: ts[i]!, ...verdict })
    }
  }
  return readings.sort((a, b) => a.seq - b.seq)
}
